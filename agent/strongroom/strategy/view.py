"""What a decision may know: one moment of the vault, the markets, their books and the forecasts.

Plain frozen data, read before anything is decided; deciding reads nothing else. So a recorded view
gives the same decisions again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated

from pydantic import PlainSerializer

from strongroom.chain.ids import ConditionId, MarketId, Question, TokenId, market_of
from strongroom.chain.orders import NO, YES, Outcome
from strongroom.chain.position_ids import Module
from strongroom.chain.protocols import Protocol
from strongroom.chain.units import BPS
from strongroom.information.books import Book
from strongroom.information.client_trades import ClientTrade
from strongroom.information.forecast import Given
from strongroom.information.gamma import Market
from strongroom.strategy.past import Past
from strongroom.strategy.portfolio import Day, Stake

InOrder = PlainSerializer(sorted)  # of a set: as JSON it has one order, in every process


@dataclass(frozen=True)
class ClassState:
    """A class of markets: its caps (assets, and bps of NAV), what it has at stake and has lost."""

    oracle: str
    market_cap: int
    market_cap_bps: int
    class_cap: int
    class_cap_bps: int
    max_duration: int  # seconds
    exposure: int
    losses: int = 0  # that count against its cap
    retired: bool = False  # no budget goes out any more
    delegated: bool = False  # a key that the vault does not ask trades its markets
    owns_wallets: bool = False  # its accounts trade by wallets, or Safes, that they own
    module: Module | None = None  # of Protocol V2, whose markets alone it holds; None: V1's alone

    @property
    def protocol(self) -> Protocol:
        """The only protocol whose tokens its accounts can hold."""
        return Protocol.V1 if self.module is None else Protocol.V2

    @property
    def names_wallets(self) -> bool:
        """Whether its accounts trade by wallets of the venue that the keeper lends them."""
        return self.delegated and not self.owns_wallets

    def has_room(self, nav: int) -> bool:
        """Whether a budget may still go out to a market of it.

        Args:
            nav: of the vault at the bid, micro-units
        """
        market_cap = min(self.market_cap, self.market_cap_bps * nav // BPS)
        class_cap = min(self.class_cap, self.class_cap_bps * nav // BPS)
        return not self.retired and min(market_cap, class_cap - self.exposure - self.losses) > 0

    def admits(self, market: Market, oracle: str) -> bool:
        """Whether markets of this kind are its own.

        Args:
            oracle: that the market's condition names
        """
        if self.module is None and market.module is None:
            return self.oracle.lower() == oracle.lower()
        return self.module == market.module


@dataclass(frozen=True)
class MarketState:
    """An open market of the vault, by its account and its wallet; micro-units and micro-tokens.

    Attributes:
        question: the condition or the event that it is about
        marks: bid and ask of YES of the last report, 10**-6, of each condition that has fresh ones
    """

    account: str
    class_id: int
    exposure: int
    collateral: int
    reserved: int  # of the collateral, by orders that may still be filled
    positions: Mapping[ConditionId, tuple[int, int]]  # condition -> YES, NO
    question: Question
    marks: Mapping[ConditionId, tuple[int, int]] = field(default_factory=dict)
    resolved: Annotated[frozenset[ConditionId], InOrder] = frozenset()
    tradable: bool = True
    wallet: str = ""  # that trades for the account; empty: the account trades itself

    @property
    def free(self) -> int:
        """Collateral that no order may take."""
        return max(0, self.collateral - self.reserved)


@dataclass(frozen=True)
class VaultState:
    """What the chain says of the vault; micro-units.

    Attributes:
        total_losses: of all classes, what closed markets have not returned
        recent: net allocation that the velocity limits count
        classes: those that the keeper serves, and `markets` theirs
        elsewhere: exposure of other classes' markets, by question
    """

    address: str
    nav: int
    supply: int
    idle: int
    owed: int  # to redemptions that a report has closed
    asked: int  # by redemptions that the next report closes, at today's price
    total_exposure: int
    total_losses: int
    total_cap: int
    total_cap_bps: int
    velocity: int
    velocity_bps: int
    recent: int
    question_cap_bps: int
    max_buy_price: int  # 10**-6
    max_order_lifetime: int
    price_band: int  # around the marks, 10**-6; 0: none
    marks_required: bool  # an order needs a fresh mark
    dealable: bool  # fresh, not paused, not winding down, breaker not tripped
    classes: Mapping[int, ClassState] = field(default_factory=dict)
    markets: Mapping[MarketId, MarketState] = field(default_factory=dict)
    elsewhere: Mapping[Question, int] = field(default_factory=dict)
    closed: Annotated[frozenset[MarketId], InOrder] = frozenset()  # that the vault had
    free_wallets: int = 0  # that serve no market yet


@dataclass(frozen=True)
class View:
    """One moment.

    Attributes:
        markets: by condition id
        books: by token id
        busy: vault markets in which a decision is being carried out
        asked: what a person was asked about and has not begun, by vault market: names of exit
            rules; "" is all else, e.g. a purchase
        decided: vault market -> time of the last decision on it
        past: what decisions have come to, where a pack's trading has rules
        client_trades: what clients propose
        negative_risk_oracle: what the conditions of negative-risk events name as their oracle
    """

    now: int
    vault: VaultState
    markets: Mapping[ConditionId, Market]
    books: Mapping[TokenId, Book]
    forecasts: Mapping[ConditionId, Sequence[Given]] = field(default_factory=dict)
    busy: Annotated[frozenset[MarketId], InOrder] = frozenset()
    asked: Mapping[MarketId, Sequence[str]] = field(default_factory=dict)
    decided: Mapping[MarketId, int] = field(default_factory=dict)
    day: Day | None = None
    negative_risk_oracle: str = ""
    past: Past = field(default_factory=Past)
    client_trades: tuple[ClientTrade, ...] = ()

    def book(self, market: Market, outcome: int) -> Book | None:
        """Return the book of one of a market's tokens."""
        return self.books.get(market.token_ids[outcome])

    def class_of(self, market: Market) -> int | None:
        """Return the class that admits the market, or None; the keeper's own classes alone.

        A class of Protocol V2 has a module as its oracle, and so all its markets of this kind. Of
        several classes those in which the market is open come first; among them, else among all,
        the first by number that has room, else the first.
        """
        return self._named(market)[1]

    def _named(self, market: Market) -> tuple[Market, int | None, MarketId | None]:
        """Return the class that admits a market, and what the vault calls it there; found once, as
        packs and rooms ask for each market many times."""
        known = self._names.get(id(market))
        if known is None:
            number = self._class_of(market)
            name = None if number is None else market_of(number, market.question_key)
            known = self._names[id(market)] = market, number, name
        return known

    def _class_of(self, market: Market) -> int | None:
        vault = self.vault
        oracle = self.negative_risk_oracle if market.negative_risk else market.oracle
        kind = oracle, market.module
        if kind not in self._admitting:
            found = sorted(n for n, each in vault.classes.items() if each.admits(market, oracle))
            self._admitting[kind] = found
        admitting = self._admitting[kind]
        if len(admitting) < 2:
            return admitting[0] if admitting else None
        question = market.question_key
        opened = [n for n in admitting if market_of(n, question) in vault.markets]
        chosen = opened or admitting
        roomy = (n for n in chosen if vault.classes[n].has_room(vault.nav))
        return next(roomy, chosen[0])

    def why_no_class(self, market: Market) -> str:
        """Return why no class admits the market."""
        if any(each.protocol is market.protocol for each in self.vault.classes.values()):
            return "no class of the vault admits the market"
        return f"no class of the vault has accounts that hold tokens of protocol {market.protocol}"

    def market_of(self, market: Market) -> MarketId | None:
        """Return what the vault calls the market in the class that admits it, or None."""
        return self._named(market)[2]

    def state_of(self, market: Market) -> MarketState | None:
        """Return the vault's market, where it is open."""
        name = self.market_of(market)
        return None if name is None else self.vault.markets.get(name)

    def is_delegated(self, market: Market) -> bool:
        """Whether a key trades the market whose orders the vault does not see."""
        number = self.class_of(market)
        return number is not None and self.vault.classes[number].delegated

    def names_wallet(self, market: Market) -> bool:
        """Whether the market's account trades by one of the keeper's wallets."""
        number = self.class_of(market)
        return number is not None and self.vault.classes[number].names_wallets

    def is_by_wallet(self, market: Market) -> bool:
        """Whether a wallet trades the market: a delegated one, or one that the account owns."""
        number = self.class_of(market)
        return number is not None and (
            self.vault.classes[number].delegated or self.vault.classes[number].owns_wallets
        )

    def held(self, market: Market) -> tuple[int, int]:
        """Return the YES and NO tokens of a market, micro-tokens."""
        state = self.state_of(market)
        return (0, 0) if state is None else state.positions.get(market.condition_id, (0, 0))

    def beyond_sets(self, market: Market, outcome: Outcome) -> int:
        """Return the tokens of an outcome that no token of the other one makes a complete set
        with, micro-tokens; negative: there are more of the other."""
        pair = self.held(market)
        return pair[outcome] - pair[outcome.other]

    def staked_by(self, pack: str) -> int:
        """Return what markets in which a pack has decided have at stake, at cost; micro-units."""
        packs = self.past.packs
        return sum(
            state.exposure
            for name, state in self.vault.markets.items()
            if pack in packs.get(name, ())
        )

    def contract_rooms(self, market: Market, spent: Mapping[MarketId, int]) -> dict[str, int]:
        """Return how much more the vault's own limits let into a market, by limit; micro-units.

        Args:
            spent: vault market -> what decisions of this round take already
        """
        vault, number, name = self.vault, self.class_of(market), self.market_of(market)
        if number is None or name is None or not vault.dealable or name in vault.closed:
            return {"not admitted": 0}
        terms = vault.classes[number]
        if terms.retired:
            return {"class retired": 0}
        state = vault.markets.get(name)
        if state is not None and not state.tradable:
            return {"not tradable": 0}
        in_market = (state.exposure if state else 0) + spent.get(name, 0)
        on_question = in_market + vault.elsewhere.get(market.question_key, 0)
        in_class, anywhere, nav = terms.exposure + terms.losses, 0, vault.nav
        for other, assets in spent.items():
            anywhere += assets
            if self._class_number(other) == number:
                in_class += assets
        in_all = vault.total_exposure + vault.total_losses + anywhere
        in_day = vault.recent + anywhere
        return {
            "market cap": terms.market_cap - in_market,
            "market cap bps": terms.market_cap_bps * nav // BPS - in_market,
            "question cap": vault.question_cap_bps * nav // BPS - on_question,
            "class cap": terms.class_cap - in_class,
            "class cap bps": terms.class_cap_bps * nav // BPS - in_class,
            "total cap": vault.total_cap - in_all,
            "total cap bps": vault.total_cap_bps * nav // BPS - in_all,
            "velocity": vault.velocity - in_day,
            "velocity bps": vault.velocity_bps * nav // BPS - in_day,
            "idle": vault.idle - vault.owed - vault.asked - anywhere,
        }

    def _class_number(self, vault_market: MarketId) -> int | None:
        market = self.by_vault_market.get(vault_market)
        return None if market is None else self.class_of(market)

    @cached_property
    def _names(self) -> dict[int, tuple[Market, int | None, MarketId | None]]:
        """By identity; the market is kept with it, so that no other has the same."""
        return {}

    @cached_property
    def _admitting(self) -> dict[tuple[str, Module | None], list[int]]:
        """The classes that admit markets, by what decides that: their oracle and their module."""
        return {}

    @cached_property
    def places(self) -> dict[TokenId, tuple[Market, Outcome]]:
        """The market and the outcome of each token."""
        return {
            market.token_ids[outcome]: (market, outcome)
            for market in self.markets.values()
            for outcome in (YES, NO)
        }

    @cached_property
    def by_vault_market(self) -> dict[MarketId, Market]:
        """A market of each vault market of the keeper's classes."""
        named = ((self.market_of(market), market) for market in self.markets.values())
        return {name: market for name, market in named if name is not None}

    @cached_property
    def _by_question(self) -> dict[Question, Market]:
        return {market.question_key: market for market in self.markets.values()}

    def holdings(self, groups: Mapping[str, frozenset[str]]) -> list[Stake]:
        """Return what is at stake, at cost, a question each; for the portfolio's limits.

        Args:
            groups: market or event -> names of the groups of markets that move with it
        """
        staked = dict(self.vault.elsewhere)
        for state in self.vault.markets.values():
            staked[state.question] = staked.get(state.question, 0) + state.exposure
        found = []
        for question, assets in staked.items():
            market = self._by_question.get(question)
            event = market.event if market is not None else question
            category = market.category if market is not None else "unknown"
            member = groups.get(question, frozenset()) | groups.get(event, frozenset())
            found.append(Stake(event or question, category, assets, member))
        return found
