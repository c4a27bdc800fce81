"""What a decision may know: one moment of the vault, the markets, their books and the forecasts.

Plain frozen data, read before anything is decided; deciding reads nothing else. So a recorded view
gives the same decisions again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from strongroom.chain.ids import ConditionId, MarketId, TokenId
from strongroom.chain.units import BPS
from strongroom.information.books import Book
from strongroom.information.forecast import Given
from strongroom.information.gamma import Market
from strongroom.strategy.portfolio import Day, Stake


@dataclass(frozen=True)
class ClassState:
    """A class of markets: its caps (assets, and bps of NAV), and what it has at stake."""

    oracle: str
    market_cap: int
    market_cap_bps: int
    class_cap: int
    class_cap_bps: int
    max_duration: int  # seconds
    exposure: int
    delegated: bool = False  # its markets are traded by wallets of the venue


@dataclass(frozen=True)
class MarketState:
    """An open market of the vault, by its account and its wallet; micro-units and micro-tokens."""

    account: str
    class_id: int
    exposure: int
    collateral: int
    reserved: int  # of the collateral, by orders that may still be filled
    positions: Mapping[ConditionId, tuple[int, int]]  # condition -> YES, NO
    resolved: frozenset[ConditionId] = frozenset()
    tradable: bool = True
    wallet: str = ""  # that trades for the account; empty: the account trades itself

    @property
    def free(self) -> int:
        """Collateral that no order may take."""
        return max(0, self.collateral - self.reserved)


@dataclass(frozen=True)
class VaultState:
    """What the chain says of the vault; micro-units."""

    address: str
    nav: int
    supply: int
    idle: int
    owed: int  # to redemptions that a report has closed
    asked: int  # by redemptions that the next report closes, at today's price
    total_exposure: int
    total_cap: int
    total_cap_bps: int
    velocity_left: int
    max_buy_price: int  # 10**-6
    max_order_lifetime: int
    dealable: bool  # fresh, not paused, not winding down, breaker not tripped
    classes: Mapping[int, ClassState] = field(default_factory=dict)
    markets: Mapping[MarketId, MarketState] = field(default_factory=dict)
    closed: frozenset[MarketId] = frozenset()  # markets that the vault had and closed
    free_wallets: int = 0  # that serve no market yet


@dataclass(frozen=True)
class View:
    """One moment.

    Attributes:
        markets: by condition id
        books: by token id
        busy: vault markets in which a decision is being carried out
        decided: vault market -> time of the last decision on it
        negative_risk_oracle: what the conditions of negative-risk events name as their oracle
    """

    now: int
    vault: VaultState
    markets: Mapping[ConditionId, Market]
    books: Mapping[TokenId, Book]
    forecasts: Mapping[ConditionId, Sequence[Given]] = field(default_factory=dict)
    busy: frozenset[MarketId] = frozenset()
    decided: Mapping[MarketId, int] = field(default_factory=dict)
    day: Day | None = None
    negative_risk_oracle: str = ""

    def book(self, market: Market, outcome: int) -> Book | None:
        """Return the book of one of a market's tokens."""
        return self.books.get(market.token_ids[outcome])

    def class_of(self, market: Market) -> int | None:
        """Return the class that admits the market, or None."""
        oracle = self.negative_risk_oracle if market.negative_risk else market.oracle
        for number, each in self.vault.classes.items():
            if each.oracle.lower() == oracle.lower():
                return number
        return None

    def is_delegated(self, market: Market) -> bool:
        """Whether a wallet of the venue trades the market, not its account."""
        number = self.class_of(market)
        return number is not None and self.vault.classes[number].delegated

    def held(self, market: Market) -> tuple[int, int]:
        """Return the YES and NO tokens of a market, micro-tokens."""
        state = self.vault.markets.get(market.vault_market)
        return (0, 0) if state is None else state.positions.get(market.condition_id, (0, 0))

    def contract_rooms(self, market: Market, spent: Mapping[MarketId, int]) -> dict[str, int]:
        """Return how much more the vault's own limits let into a market, by limit; micro-units.

        Args:
            spent: vault market -> what decisions of this round take already
        """
        vault, name = self.vault, market.vault_market
        number = self.class_of(market)
        if number is None or not vault.dealable or name in vault.closed:
            return {"not admitted": 0}
        terms = vault.classes[number]
        state = vault.markets.get(name)
        if state is not None and not state.tradable:
            return {"not tradable": 0}
        in_market = (state.exposure if state else 0) + spent.get(name, 0)
        in_class = terms.exposure + sum(
            assets for other, assets in spent.items() if self._class_number(other) == number
        )
        anywhere = sum(spent.values())
        return {
            "market cap": terms.market_cap - in_market,
            "market cap bps": terms.market_cap_bps * vault.nav // BPS - in_market,
            "class cap": terms.class_cap - in_class,
            "class cap bps": terms.class_cap_bps * vault.nav // BPS - in_class,
            "total cap": vault.total_cap - vault.total_exposure - anywhere,
            "total cap bps": vault.total_cap_bps * vault.nav // BPS
            - vault.total_exposure
            - anywhere,
            "velocity": vault.velocity_left - anywhere,
            "idle": vault.idle - vault.owed - vault.asked - anywhere,
        }

    def _class_number(self, vault_market: MarketId) -> int | None:
        market = self.by_vault_market.get(vault_market)
        return None if market is None else self.class_of(market)

    @cached_property
    def by_vault_market(self) -> dict[MarketId, Market]:
        """A market of each vault market."""
        return {market.vault_market: market for market in self.markets.values()}

    def holdings(self, groups: Mapping[str, frozenset[str]]) -> list[Stake]:
        """Return what is at stake, at cost, a vault market each; for the portfolio's limits.

        Args:
            groups: market or event -> names of the groups of markets that move with it
        """
        found = []
        for name, state in self.vault.markets.items():
            market = self.by_vault_market.get(name)
            event = market.event if market is not None else name
            category = market.category if market is not None else "unknown"
            member = groups.get(name, frozenset()) | groups.get(event, frozenset())
            found.append(Stake(event or name, category, state.exposure, member))
        return found
