"""Paper and dry-run: everything but signing and sending. Decisions are real, fills are simulated.

A decision's orders are filled at once from the book that it saw, level by level, at most to the
limit, fee included; what the book does not offer is not filled. Resting quotes are never filled:
nobody can say where in the queue they would have stood. The positions and the cash of paper are a
fact of the paper journal and stand beside the chain's in the view.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter

from strongroom.chain.ids import ConditionId, Json, MarketId, Question, TokenId, canonical
from strongroom.chain.orders import NO, YES, Side
from strongroom.information.gamma import Market
from strongroom.information.sources import Look
from strongroom.journal import Journal, SupposedFill
from strongroom.journal.decisions import PAPER
from strongroom.keeper.supposed_fills import fills_of
from strongroom.keeper.tick import Keeper
from strongroom.strategy.decide import Decision, decide
from strongroom.strategy.past import Past, traded_of
from strongroom.strategy.record import DecisionRecord
from strongroom.strategy.view import MarketState, VaultState

NO_ACCOUNT = MarketState(
    "0x" + "00" * 20, 0, 0, 0, 0, {}, Question("")
)  # of a market of paper alone


@dataclass(frozen=True)
class PaperBook:
    """What paper has: cash beside the vault's, tokens (YES, NO) and their cost by market, and what
    its decisions have come to."""

    cash: int = 0
    held: Mapping[MarketId, Mapping[ConditionId, tuple[int, int]]] = field(default_factory=dict)
    cost: Mapping[MarketId, int] = field(default_factory=dict)
    past: Past = field(default_factory=Past)

    def filled(self, fill: SupposedFill) -> "PaperBook":
        """Return the book after a fill."""
        sign = 1 if fill.side == Side.BUY else -1
        market, condition = fill.market, fill.condition
        conditions = dict(self.held.get(market, {}))
        pair = list(conditions.get(condition, (0, 0)))
        pair[fill.outcome] += sign * fill.size
        conditions[condition] = (pair[YES], pair[NO])
        cost = self.cost.get(market, 0) + sign * fill.cash
        return PaperBook(
            self.cash - sign * fill.cash,
            {**self.held, market: conditions},
            {**self.cost, market: cost},
            self.past,
        )

    def decided(
        self,
        record: DecisionRecord,
        fills: Sequence[SupposedFill],
        markets: Mapping[ConditionId, Market],
    ) -> "PaperBook":
        """Return the book after a decision whose orders were filled so."""
        book = self
        for fill in fills:
            book = book.filled(fill)
        sums: dict[tuple[TokenId, Side], tuple[int, int]] = {}
        for fill in fills:  # several legs may be of one token
            token = markets[fill.condition].token_ids[fill.outcome]
            tokens, cash = sums.get((token, fill.side), (0, 0))
            sums[token, fill.side] = tokens + fill.size, cash + fill.cash
        past = self.past
        for each in traded_of(record, sums):
            past = past.after(each)
        return replace(book, past=past)


_BOOK = TypeAdapter(PaperBook)


@dataclass
class PaperKeeper(Keeper):
    """A keeper that sends nothing."""

    @classmethod
    def of(cls, keeper: Keeper) -> "PaperKeeper":
        """Return a keeper's paper twin, of the same parts."""
        names = (name for name, each in Keeper.__dataclass_fields__.items() if each.init)
        return cls(**{name: getattr(keeper, name) for name in names})

    def _go_round(self, now: int, halts: dict[str, str]) -> tuple[VaultState | None, int]:
        state = self._read(halts)
        if state is None:
            return None, 0
        look = self._look(state, now)
        if halts or not look.books:
            return state, 0
        return state, self._decide(look, state)

    def _decide(self, look: Look, state: VaultState) -> int:
        book = kept_paper(self.journal)
        view = self.view(look, state)
        questions = {name: each.question_key for name, each in view.by_vault_market.items()}
        vault = with_paper(view.vault, book, questions)
        view = replace(view, vault=vault, past=book.past)
        found = decide(view, self.packs, self.rules, self.journal.salt())
        self.on_view(view, found)
        if self.clients is not None:
            self.clients.tell(view, found)
        for decision in found.decisions:
            book = self._carry_out(decision, look, book, view.now)
        for each in found.passed:
            self.on_event("passed", {"pack": each.pack, "question": each.question, "why": each.why})
        return len(found.decisions)

    def _carry_out(self, decision: Decision, look: Look, book: PaperBook, now: int) -> PaperBook:
        """Fill a decision's orders on paper; return the book after it. A kill leaves both the
        decision and what it filled, or neither."""
        fills = fills_of(decision.record, look.markets, look.books) or ()
        book = book.decided(decision.record, fills, look.markets)
        words = [str(fill) for fill in fills]
        left = canonical(_BOOK.dump_python(book, mode="json")).decode()
        why = "paper: " + ("; ".join(words) or "not filled")
        self.journal.suppose(decision.id, decision.record, now, why, left)
        about: dict[str, Json] = {"decision": decision.id, "question": decision.record.question}
        self.on_event("paper", {**about, "fills": words})
        return book


def kept_paper(journal: Journal) -> PaperBook:
    """Return what paper has by its journal."""
    text = journal.fact(PAPER)
    return _BOOK.validate_json(text) if text else PaperBook()


def with_paper(
    state: VaultState, book: PaperBook, questions: Mapping[MarketId, Question]
) -> VaultState:
    """Return the vault's state with paper positions in place of cash.

    Paper opens no market, so no report marks what it trades: it does without.

    Args:
        questions: of the vault markets that paper may have
    """
    markets = dict(state.markets)
    for market, conditions in book.held.items():
        nothing = replace(NO_ACCOUNT, question=questions.get(market, Question(market)))
        known = markets.get(market, nothing)
        positions = dict(known.positions)
        for condition, (yes, no) in conditions.items():
            before = positions.get(condition, (0, 0))
            positions[condition] = (before[YES] + yes, before[NO] + no)
        exposure = known.exposure + max(0, book.cost.get(market, 0))
        markets[market] = replace(known, exposure=exposure, positions=positions)
    staked = sum(max(0, cost) for cost in book.cost.values())
    return replace(
        state,
        idle=max(0, state.idle + book.cash),
        total_exposure=state.total_exposure + staked,
        markets=markets,
        marks_required=False,
    )
