"""What the server knows: the keeper's journal and port by the cockpit's readers, the venue's
listing and books by the keeper's, the auditor's and the backtests' files. No key, no signature."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from strongroom.app.cockpit.holdings import NONE, HeldRow
from strongroom.app.cockpit.looking import MOST, Looker
from strongroom.app.cockpit.shown import BudgetRow, DecisionRow
from strongroom.chain.calls import Ask
from strongroom.chain.ids import ConditionId
from strongroom.chain.orders import NO, YES
from strongroom.chain.times import is_over
from strongroom.chain.units import format_units
from strongroom.errors import BadInput, StrongroomError
from strongroom.information.books import Book, BookReader
from strongroom.information.gamma import GammaAway, GammaClient, Market
from strongroom.keeper.configuration import Config
from strongroom.keeper.standing import Standing
from strongroom.keeper.wiring import connect
from strongroom.mcp_server.answers import (
    AuditAnswer,
    BacktestAnswer,
    BacktestsAnswer,
    BookLine,
    BooksAnswer,
    BudgetAnswer,
    DecisionLine,
    DecisionsAnswer,
    ExplanationAnswer,
    FoundMarkets,
    HaltAnswer,
    HeldAnswer,
    ListedMarket,
    MarketAnswer,
    NotKnown,
    OutcomeBook,
    PositionsAnswer,
    PricesAnswer,
    RulesAnswer,
    UnitsOf,
    VaultAnswer,
    units_of,
)
from strongroom.mcp_server.documents import audit_of, backtest_of, backtests_in
from strongroom.mcp_server.price_history import price_history
from strongroom.mcp_server.stranger import NAME, QUESTION, STORY, said, said_in_lines
from strongroom.strategy.view import View

NEVER_READ = NotKnown("the keeper has not read the vault yet")
LEVELS = 20  # of a side of a book
AGAIN_S = 10  # after a venue did not answer
UNNAMED = "units of the vault's asset"


class NoSuchMarket(BadInput):
    """The venue lists no open market of this id."""


@dataclass
class VaultReadings:
    """One keeper's vault, and the venue as it is listed. Safe between threads."""

    config: Config
    looker: Looker
    gamma: GammaClient
    books: BookReader
    clock: Callable[[], float] = time.time
    _markets: dict[ConditionId, Market] = field(default_factory=dict)
    _listed_at: int | None = None
    _failed_at: float = float("-inf")
    _gap: bool = False
    _asset: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _data: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(
        cls, config: Config, mode: str | None, clock: Callable[[], float] = time.time
    ) -> "VaultReadings":
        """Return what reads for the keeper of a file.

        Args:
            mode: instead of the file's

        Raises:
            ConfigError: there is no journal.
        """
        looker = Looker.of(config, mode)
        venue = config.venue
        gamma, books = GammaClient(venue.gamma_url), BookReader(venue.clob_url)
        return cls(config, looker, gamma, books, clock)

    def asset(self) -> str:
        """Return the symbol of the vault's asset; while the node is away, words in its place."""
        if not self._asset:
            try:
                chain = connect(self.config)
                (asset,) = chain.ask([Ask(self.config.vault, "Vault", "asset")])
                (symbol,) = chain.ask([Ask(str(asset), "Erc20", "symbol")])
            except StrongroomError:
                return UNNAMED
            self._asset = said(str(symbol), NAME).strangers_text
        return self._asset

    # the vault

    def vault(self) -> VaultAnswer:
        """Return the vault as its keeper read it last."""
        seen, standing, asset = self.looker.look(), self.looker.standing(), self.asset()
        state = None if standing is None else standing.state

        def money(amount: int | None) -> UnitsOf | NotKnown:
            return NEVER_READ if amount is None else units_of(amount, asset)

        return VaultAnswer(
            vault=self.config.vault,
            chain_id=self.config.chain.chain_id,
            mode=seen.mode,
            runs=seen.runs,
            seen_at=_seen_at(standing),
            nav_at_bid=money(None if state is None else state.nav),
            idle=money(None if state is None else state.idle),
            owed_to_redemptions=money(None if state is None else state.owed),
            in_markets_at_cost=money(None if state is None else state.total_exposure),
            losses_that_count=money(None if state is None else state.total_losses),
            open_markets=NEVER_READ if state is None else len(state.markets),
            deals=NEVER_READ if state is None else state.dealable,
            halts=tuple(HaltAnswer(each.name, said(each.why), each.cure) for each in seen.halts),
            budgets=tuple(_budget(each, asset) for each in seen.budgets),
        )

    def positions(self) -> PositionsAnswer:
        """Return what the vault holds."""
        seen, standing, asset = self.looker.look(), self.looker.standing(), self.asset()
        if standing is None or standing.state is None:
            return PositionsAnswer(NEVER_READ, NEVER_READ)
        held = tuple(_held(each, asset) for each in seen.held)
        return PositionsAnswer(_seen_at(standing), held)

    def decisions(self, before: int | None) -> DecisionsAnswer:
        """Return decisions, newest first; those before a number."""
        rows = self.looker.look().decisions if before is None else self.looker.older(before)
        return DecisionsAnswer(tuple(map(_decision, rows[:MOST])))

    def explanation(self, name: str) -> ExplanationAnswer:
        """Return why a decision was made; raises NothingKnown."""
        return ExplanationAnswer(said_in_lines(self.looker.explain(name), STORY))

    # the venue

    def search(self, words: str, most: int) -> FoundMarkets:
        """Return the open markets in whose question, event or category all words stand; those that
        a class admits come first."""
        with self._lock:
            self._refresh()
            found, listed_at = list(self._markets.values()), self._listed_at or 0
            gap = self._gap
        wanted = words.casefold().split()
        fitting = [
            each
            for each in found
            if all(
                word in f"{each.question} {each.event} {each.category}".casefold()
                for word in wanted
            )
        ]
        view = self._view()
        listed = [self._listed(view, each) for each in fitting]
        listed.sort(key=lambda each: each.admitted_by is None)
        return FoundMarkets(tuple(listed[:most]), max(0, len(listed) - most), listed_at, gap)

    def market(self, name: ConditionId) -> MarketAnswer:
        """Return one market; raises NoSuchMarket, GammaAway."""
        market, view = self.find(name), self._view()
        return MarketAnswer(
            self._listed(view, market),
            None if view is None else view.market_of(market),
            market.negative_risk,
            market.accepting,
            len(market.barred),
            f"{market.volume:f}",
            f"{market.liquidity:f}",
        )

    def rules(self, name: ConditionId) -> RulesAnswer:
        """Return the text by which a market resolves; raises NoSuchMarket, GammaAway."""
        market = self.find(name)
        rules = said_in_lines(market.rules) if market.rules else NotKnown("the listing has none")
        return RulesAnswer(market.condition_id, said(market.question), rules)

    def order_books(self, name: ConditionId) -> BooksAnswer:
        """Return the books of both outcomes; raises NoSuchMarket, GammaAway, BooksAway."""
        market = self.find(name)
        with self._lock:
            found = self.books.read(market.token_ids, int(self.clock())).books
        yes, no = (_book(found.get(market.token_ids[which]), which.name) for which in (YES, NO))
        return BooksAnswer(market.condition_id, yes, no)

    def find(self, name: ConditionId) -> Market:
        """Return a listed market.

        Raises:
            NoSuchMarket, GammaAway: see the classes.
        """
        with self._lock:
            self._refresh()
            found = self._markets.get(name)
        if found is None:
            raise NoSuchMarket("the venue lists no open market of this id: search for one")
        return found

    def _refresh(self) -> None:
        """List the markets anew, as often as the keeper does. Where the venue does not answer, the
        listing before is gone on with: `listed_at` tells its age."""
        now = int(self.clock())
        every = self.config.information.markets_every_s
        if self._listed_at is not None and not is_over(self._listed_at, every, now):
            return
        has_just_failed = 0 <= now - self._failed_at < AGAIN_S
        try:
            if has_just_failed:  # callers do not wait for it one after the other
                raise GammaAway("the venue did not answer just now: try again later")
            found, _, gap = self.gamma.open_markets()
        except GammaAway:
            self._failed_at = self._failed_at if has_just_failed else now
            if self._listed_at is None:
                raise
            return
        self._markets = {each.condition_id: each for each in found}
        self._listed_at, self._gap = now, bool(gap)

    def _view(self) -> View | None:
        """Return what says which class admits a market; None: the vault was never read."""
        standing = self.looker.standing()
        if standing is None or standing.state is None:
            return None
        oracle = self.config.venue.negative_risk_oracle
        return View(standing.at, standing.state, {}, {}, negative_risk_oracle=oracle)

    def _listed(self, view: View | None, market: Market) -> ListedMarket:
        bid, ask = market.best_bid, market.best_ask
        first, second = market.outcomes
        return ListedMarket(
            market=market.condition_id,
            question=said(market.question),
            outcomes=(said(first, NAME), said(second, NAME)),
            category=said(market.category, NAME),
            best_bid=NotKnown("not listed") if bid is None else str(bid),
            best_ask=NotKnown("not listed") if ask is None else str(ask),
            tick=str(market.tick),
            least_tokens=str(market.min_size),
            ends=NotKnown("not listed") if market.end is None else market.end.isoformat(),
            closed=market.closed,
            admitted_by=None if view is None else view.class_of(market),
        )

    # files

    def audit(self) -> AuditAnswer | NotKnown:
        """Return what the auditor's file says."""
        return audit_of(self.config.mcp.audit, self.config.vault, self.asset())

    def prices(
        self, name: ConditionId, since: int, until: int, points: int
    ) -> PricesAnswer | NotKnown:
        """Return what a market's first outcome cost, by recorded data; one read at a time."""
        with self._data:
            return price_history(self.config.mcp.data, name, since, until, points)

    def backtests(self) -> BacktestsAnswer:
        """Return the names of the backtests."""
        return BacktestsAnswer(tuple(backtests_in(self.config.mcp.backtests)))

    def backtest(self, name: str) -> BacktestAnswer:
        """Return a backtest's result; raises NoSuchDocument."""
        return backtest_of(self.config.mcp.backtests, name)


def _seen_at(standing: Standing | None) -> int | NotKnown:
    if standing is None or standing.seen_at is None:
        return NEVER_READ
    return standing.seen_at


def _budget(row: BudgetRow, asset: str) -> BudgetAnswer:
    percent = row.used.endswith("%")
    return BudgetAnswer(row.what, row.used, row.limit, "" if percent else asset)


def _held(row: HeldRow, asset: str) -> HeldAnswer:
    def worth(words: str, why: str) -> UnitsOf | NotKnown:
        return NotKnown(why) if words == NONE else UnitsOf(words.replace(",", ""), asset)

    return HeldAnswer(
        market=row.condition,
        question=said(row.question),
        place=row.place,
        yes_tokens=row.yes.replace(",", ""),
        no_tokens=row.no.replace(",", ""),
        mark=row.mark,
        book=row.book,
        worth_by_mark=worth(row.by_mark, "no mark"),
        worth_by_book=worth(row.by_book, "no book was seen"),
        book_seen_at=NotKnown("never seen") if row.seen_at is None else row.seen_at,
    )


def _decision(row: DecisionRow) -> DecisionLine:
    legs = tuple(said(each) for each in row.legs)
    question, stands = said(row.question, 2 * QUESTION), said(row.stands)
    return DecisionLine(row.number, row.id, row.time, row.pack, question, legs, stands)


def _book(book: Book | None, outcome: str) -> OutcomeBook | NotKnown:
    if book is None:
        return NotKnown("the venue shows none: that is not an empty book")
    bids, asks = (
        tuple(
            BookLine(format_units(each.price), format_units(each.size).replace(",", ""))
            for each in side[:LEVELS]
        )
        for side in (book.bids, book.asks)
    )
    return OutcomeBook(outcome, bids, asks, book.seen_at)
