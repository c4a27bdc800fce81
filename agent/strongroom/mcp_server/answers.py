"""What tools answer, as types: money in units with the asset's name, strangers' text in a field of
its own, and what is not known as a value of its own."""

from dataclasses import dataclass
from typing import Literal

from strongroom.chain.ids import ConditionId, MarketId
from strongroom.chain.units import format_units
from strongroom.mcp_server.stranger import StrangersText


@dataclass(frozen=True)
class NotKnown:
    """No value: nobody may take it for zero.

    Attributes:
        unknown: why
    """

    unknown: str


@dataclass(frozen=True)
class UnitsOf:
    """An amount of money.

    Attributes:
        units: decimal
        asset: its symbol, as its contract says it
    """

    units: str
    asset: str


def units_of(micro: int, asset: str) -> UnitsOf:
    """Return micro-units as an amount."""
    return UnitsOf(format_units(micro).replace(",", ""), asset)


@dataclass(frozen=True)
class HaltAnswer:
    """What stops decisions."""

    name: str
    why: StrangersText  # a service's or a node's words may be in it
    cure: str


@dataclass(frozen=True)
class BudgetAnswer:
    """A limit, and how much of it is used, in words; asset: of those without a percent sign."""

    what: str
    used: str
    limit: str
    asset: str


@dataclass(frozen=True)
class VaultAnswer:
    """A vault as its keeper read it last.

    Attributes:
        runs: the keeper's port answers
        seen_at: timestamp of the chain at which the vault was read
        deals: it deals with requests and lets budget out
    """

    vault: str
    chain_id: int
    mode: str
    runs: bool
    seen_at: int | NotKnown
    nav_at_bid: UnitsOf | NotKnown
    idle: UnitsOf | NotKnown
    owed_to_redemptions: UnitsOf | NotKnown
    in_markets_at_cost: UnitsOf | NotKnown
    losses_that_count: UnitsOf | NotKnown
    open_markets: int | NotKnown
    deals: bool | NotKnown
    halts: tuple[HaltAnswer, ...]
    budgets: tuple[BudgetAnswer, ...]


@dataclass(frozen=True)
class HeldAnswer:
    """What the vault holds of one condition; prices are of YES.

    Attributes:
        worth_by_mark, worth_by_book: at the bid, of the tokens alone, rounded down to hundredths
        book_seen_at: timestamp
    """

    market: ConditionId
    question: StrangersText
    place: str
    yes_tokens: str
    no_tokens: str
    mark: str
    book: str
    worth_by_mark: UnitsOf | NotKnown
    worth_by_book: UnitsOf | NotKnown
    book_seen_at: int | NotKnown


@dataclass(frozen=True)
class PositionsAnswer:
    """All that the vault holds, as its keeper read it last."""

    seen_at: int | NotKnown
    positions: tuple[HeldAnswer, ...] | NotKnown


@dataclass(frozen=True)
class ListedMarket:
    """A market as the venue lists it; prices of the first outcome, of a token.

    Attributes:
        market: id of its condition: what other tools take
        best_bid, best_ask: as listed: get_orderbook is newer
        ends: ISO 8601
        admitted_by: number of the vault's class; None: no class of this keeper takes it
    """

    market: ConditionId
    question: StrangersText
    outcomes: tuple[StrangersText, StrangersText]
    category: StrangersText
    best_bid: str | NotKnown
    best_ask: str | NotKnown
    tick: str
    least_tokens: str
    ends: str | NotKnown
    closed: bool
    admitted_by: int | None


@dataclass(frozen=True)
class FoundMarkets:
    """What a search finds.

    Attributes:
        more: as many fit besides
        listed_at: timestamp of the listing
        gap: the listing was not read to its end
    """

    markets: tuple[ListedMarket, ...]
    more: int
    listed_at: int
    gap: bool


@dataclass(frozen=True)
class MarketAnswer:
    """One market.

    Attributes:
        vault_market: what the vault calls it; None: no class admits it
        barred: for how many reasons no order is placed in it
        volume, liquidity: as listed, units
    """

    listed: ListedMarket
    vault_market: MarketId | None
    negative_risk: bool
    accepting_orders: bool
    barred: int
    volume: str
    liquidity: str


@dataclass(frozen=True)
class RulesAnswer:
    """The text by which a market resolves."""

    market: ConditionId
    question: StrangersText
    rules: StrangersText | NotKnown


@dataclass(frozen=True)
class BookLine:
    """A price and the tokens there."""

    price: str
    tokens: str


@dataclass(frozen=True)
class OutcomeBook:
    """One outcome's order book, best first."""

    outcome: str
    bids: tuple[BookLine, ...]
    asks: tuple[BookLine, ...]
    seen_at: int


@dataclass(frozen=True)
class BooksAnswer:
    """The books of both outcomes."""

    market: ConditionId
    yes: OutcomeBook | NotKnown
    no: OutcomeBook | NotKnown


@dataclass(frozen=True)
class PastPrice:
    """What the first outcome cost at a time; each unknown where it was not recorded.

    Attributes:
        last: of the last trade: nobody may have bought or sold at it any more
    """

    at: int
    last: str | NotKnown
    bid: str | NotKnown
    ask: str | NotKnown


@dataclass(frozen=True)
class PricesAnswer:
    """Prices of the first outcome, oldest first: of each interval the last that was recorded.

    Attributes:
        seconds_apart: an interval's length; one without a record has no point
    """

    market: ConditionId
    question: StrangersText
    points: tuple[PastPrice, ...]
    seconds_apart: int


@dataclass(frozen=True)
class DecisionLine:
    """A decision in short; explain_decision tells why."""

    number: int
    decision: str
    time: int
    pack: str
    question: StrangersText
    legs: tuple[StrangersText, ...]  # an outcome's name is a stranger's
    stands: StrangersText


@dataclass(frozen=True)
class DecisionsAnswer:
    """Decisions, newest first; older ones by `before` = the smallest number."""

    decisions: tuple[DecisionLine, ...]


@dataclass(frozen=True)
class ExplanationAnswer:
    """Why a decision was made, and what came of it."""

    explanation: StrangersText


@dataclass(frozen=True)
class AuditAnswer:
    """What an auditor's file says of this vault.

    Attributes:
        made_at: timestamp of the last block that was audited
        nav_at_bid, in_markets_at_cost, losses: of that block
    """

    verdict: str
    differences: tuple[StrangersText, ...]
    more_differences: int
    from_block: int
    to_block: int
    made_at: int
    reports_checked: int
    fills_checked: int
    nav_at_bid: UnitsOf
    in_markets_at_cost: UnitsOf
    losses: UnitsOf


@dataclass(frozen=True)
class ProposalAnswer:
    """How a client's proposal stands.

    Attributes:
        proposal: its id
        line: the rule that stands against it now; empty: none
        decision: that it came to; empty: none
    """

    proposal: str
    state: Literal["waiting", "decided", "expired"]
    line: str
    decision: str


@dataclass(frozen=True)
class BacktestsAnswer:
    """The backtests of the folder, by name."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class BacktestAnswer:
    """A backtest's result, by assumption on fills: the summaries of its result.json.

    Attributes:
        tries_on_this_data: backtests on it so far, this one included
        limits: what the result rests on
    """

    name: str
    code_version: str
    tries_on_this_data: int
    summaries: str  # JSON
    limits: str
