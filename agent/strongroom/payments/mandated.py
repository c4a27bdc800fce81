"""A buyer's budget within the mandate of the vault that it buys for: the tighter of both."""

from collections.abc import Mapping
from dataclasses import replace

from strongroom.chain.ids import to_hex
from strongroom.chain.rpc import Chain
from strongroom.mandates.signed import SignedMandate, read_signed
from strongroom.mandates.standing import MandateRefused, check_standing
from strongroom.mandates.vocabulary import DATA
from strongroom.payments.budget import Budget
from strongroom.settings import Address, Place, Section

_LIMITS: Mapping[str, str] = dict(zip(DATA, ("payment", "day"), strict=True))


class BuyerMandate(Section):
    """The mandate that a buyer keeps to, too."""

    vault: Address  # for which it buys
    file: Place  # signed
    board: Address  # a MandateBoard: what is announced there last counts, so no older file does


def budget_within(section: BuyerMandate, chain: Chain, budget: Budget) -> Budget:
    """Return what may be spent now, by file and mandate.

    Raises:
        BadInput: the file is no mandate.
        MandateRefused: it does not count; the message says why.
        ChainAway: the node does not answer.
    """
    signed = read_signed(section.file)
    if signed.mandate.vault.lower() != section.vault.lower():
        raise MandateRefused(
            f"it is for the vault {signed.mandate.vault}, and this buyer's is {section.vault}: "
            "take that vault's"
        )
    check_standing(chain, signed, section.board)
    return narrowed(budget, signed)


def narrowed(budget: Budget, signed: SignedMandate) -> Budget:
    """Return a budget with each limit as narrow as a line says, or as it is."""
    limits: dict[str, int] = {}
    called = dict(budget.called)
    for number, line in enumerate(signed.mandate.lines, 1):
        name = _LIMITS.get(line.name, "")
        if name and line.number < getattr(budget, name):
            limits[name] = line.number
            version = f"version {signed.mandate.version} ({to_hex(signed.digest)})"
            called[name] = f"mandate line {number}: {line.name} of {version}"
    return replace(budget, **limits, called=called)
