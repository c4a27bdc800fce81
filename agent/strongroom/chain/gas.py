"""The gas of a transaction: what it is sent with, and that it may not have more than the most."""

from strongroom.chain.failures import TransactionRefused

MOST_GAS = 2**24  # of one transaction (EIP-7825)
MARGIN = 5  # a fifth more than was estimated


def gas_limit(estimate: int) -> int:
    """Return the gas that a transaction is sent with, for what a node says that it needs."""
    return at_most(estimate + estimate // MARGIN)


def at_most(gas: int) -> int:
    """Return a limit of gas that a chain takes: this one, or the most of one transaction."""
    return min(gas, MOST_GAS)


def check_estimate(what: str, estimate: int) -> None:
    """Refuse a transaction that needs more gas than one may have.

    Raises:
        TransactionRefused: it does.
    """
    if estimate > MOST_GAS:
        raise _too_much(what, f"{estimate:,}")


def check_allowance(what: str, words: str) -> None:
    """Refuse a transaction whose estimate a node refuses because the most does not suffice.

    Args:
        words: the node's; they name as the allowance what it tried at most

    Raises:
        TransactionRefused: these are the words for it.
    """
    if f"exceeds allowance ({MOST_GAS})" in words:
        raise _too_much(what, "more")


def _too_much(what: str, needed: str) -> TransactionRefused:
    return TransactionRefused(
        f"{what} takes {needed} gas, a transaction may have at most {MOST_GAS:,}: it was not sent; "
        "do less at once (in an exit in kind: skip some markets)"
    )
