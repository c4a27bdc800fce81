"""What a vault and its accounts are asked again and again, made once."""

from functools import lru_cache

from strongroom.chain.calls import Ask
from strongroom.chain.ids import MarketId

ACCOUNT = "PolymarketAccount"  # the functions that all grades share
KEPT = 64  # lists of questions; a few are asked each time


@lru_cache(KEPT)
def of_markets(vault: str, markets: tuple[MarketId, ...], names: tuple[str, ...]) -> list[Ask]:
    """Return questions to the vault about each market."""
    return [Ask(vault, "Vault", name, (market,)) for market in markets for name in names]


@lru_cache(KEPT)
def of_accounts(accounts: tuple[str, ...]) -> list[Ask]:
    """Return what each account is asked: what it holds, and whether its orders may trade."""
    names = ("positions", "tradable")
    return [Ask(each, ACCOUNT, name) for each in accounts for name in names]


@lru_cache(KEPT)
def marks_of(vault: str, markets: tuple[tuple[MarketId, int], ...]) -> list[Ask]:
    """Return questions for the mark of each condition.

    Args:
        markets: each with the number of its conditions
    """
    return [
        Ask(vault, "Vault", "markOf", (market, place))
        for market, count in markets
        for place in range(count)
    ]
