"""What decisions in open markets have come to: which pack trades where, and what is left of its
purchases and of its plans. Exits and the budgets of packs rest on it.

A purchase belongs to the pack that opened it. Legs that hang together (several, with moves, or
quotes on both sides) are no purchases: what one of them is worth, its others say. Where they earn
in every state and only buy and merge, they are a plan, and what it pays in its worst state is
known. Quotes, conversions, splits and hedges are neither.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from strongroom.chain.ids import DecisionId, MarketId, TokenId
from strongroom.chain.orders import MoveKind, Side
from strongroom.chain.units import MICRO
from strongroom.strategy.record import DecisionRecord


@dataclass(frozen=True)
class Traded:
    """What a decision's orders of one token have come to so far, maybe nothing.

    Attributes:
        time: of the decision
        tokens: micro-tokens
        cash: micro-units paid with fees, or received after them
        chance: that the decision claimed
        rule: the exit rule that decided; empty: a pack did
        whole: the legs hang together
        plan: that the tokens were bought for, or are sold of
        terms: of the plan, where the decision is its purchase
    """

    pack: str
    time: int
    market: MarketId
    token: TokenId
    buys: bool
    tokens: int
    cash: int
    chance: float
    rule: str = ""
    whole: bool = False
    plan: DecisionId | None = None
    terms: "PlanTerms | None" = None


@dataclass(frozen=True)
class PlanTerms:
    """What a plan was to come to.

    Attributes:
        worst: what its tokens pay together in its worst state, micro-units
        sizes: token -> micro-tokens that were to be held once it was carried out
    """

    worst: int
    sizes: Mapping[TokenId, int]


@dataclass(frozen=True)
class Purchase:
    """What is left of what was bought of a token.

    Attributes:
        pack: that opened it
        tokens: that are left, micro-tokens; the chain may say that there are fewer
        cost: of those, fees included; micro-units
        most: micro-tokens bought since it was opened
        chance: claimed by the last purchase
        opened_at: timestamp
        left_at: when an exit rule sold of it last
    """

    pack: str
    tokens: int
    cost: int
    most: int
    chance: float
    opened_at: int
    left_at: int | None = None

    @property
    def paid(self) -> int:
        """What a token has cost, 10**-6, up."""
        return -(-self.cost * MICRO // self.tokens) if self.tokens else 0


@dataclass(frozen=True)
class HeldPlan:
    """What is left of a plan.

    Attributes:
        pack: whose it is
        terms: of the whole of it
        opened_at: timestamp
        held: token -> micro-tokens that are left; the chain may say that there are fewer
        costs: token -> of those, fees included, micro-units
    """

    pack: str
    terms: PlanTerms
    opened_at: int
    held: Mapping[TokenId, int] = field(default_factory=dict)
    costs: Mapping[TokenId, int] = field(default_factory=dict)

    @property
    def whole(self) -> Fraction:
        """How much of the whole is left with all its tokens; the rest is loose."""
        sizes = self.terms.sizes
        parts = (Fraction(self.held.get(each, 0), size) for each, size in sizes.items() if size)
        return min(parts, default=Fraction(0))

    def loose(self) -> Iterator[tuple[TokenId, Purchase]]:
        """Yield what others no longer make up for: orders beside it were filled with less, or
        what it belonged to has settled. Each is like a purchase of its own."""
        for token, tokens in self.held.items():
            left = tokens - int(self.whole * self.terms.sizes[token])
            if left > 0:
                cost = self.costs[token] * left // tokens
                yield token, Purchase(self.pack, left, cost, left, 1.0, self.opened_at)

    def after(self, traded: Traded) -> "HeldPlan":
        """Return it with one more decision's orders of one of its tokens."""
        token = traded.token
        held, cost = self.held.get(token, 0), self.costs.get(token, 0)
        if traded.buys:
            tokens, cost = held + traded.tokens, cost + traded.cash
        else:
            tokens = max(0, held - traded.tokens)
            cost = cost * tokens // held if held else 0
        return replace(self, held={**self.held, token: tokens}, costs={**self.costs, token: cost})

    def joined(self, other: "HeldPlan") -> "HeldPlan":
        """Return it with what other markets have of it."""
        held, costs = {**self.held, **other.held}, {**self.costs, **other.costs}
        return replace(self, held=held, costs=costs)


@dataclass(frozen=True)
class Past:
    """All of it.

    Attributes:
        purchases: by token; those sold entirely too
        plans: by the decision that bought them
        packs: which have decided in a market of the vault, by name
        lost_at: when an exit rule last sold below cost
    """

    purchases: Mapping[TokenId, Purchase] = field(default_factory=dict)
    packs: Mapping[MarketId, tuple[str, ...]] = field(default_factory=dict)
    lost_at: int | None = None
    plans: Mapping[DecisionId, HeldPlan] = field(default_factory=dict)

    def after(self, traded: Traded) -> "Past":
        """Return it with one more decision's orders, which come in the order of their times."""
        known = set(self.packs.get(traded.market, ())) | {traded.pack}
        packs = {**self.packs, traded.market: tuple(sorted(known))}
        if traded.plan is not None:
            return self._planned(traded.plan, traded, packs)
        held = self.purchases.get(traded.token)
        if traded.whole or not traded.tokens or (held is None and not traded.buys):
            return replace(self, packs=packs)
        lost_at = self.lost_at
        if traded.buys:
            new = _more(held, traded)
        else:
            assert held is not None
            new = _less(held, traded)
            if _is_loss(traded, held.tokens, held.cost):
                lost_at = traded.time
        purchases = {**self.purchases, traded.token: new}
        return replace(self, purchases=purchases, packs=packs, lost_at=lost_at)

    def _planned(
        self, name: DecisionId, traded: Traded, packs: Mapping[MarketId, tuple[str, ...]]
    ) -> "Past":
        """Return it with orders that bought a plan, or sell of one. What a plan loses by leaving
        whole, its worst state would have lost as well."""
        plan, token = self.plans.get(name), traded.token
        if plan is None and traded.terms is not None:
            plan = HeldPlan(traded.pack, traded.terms, traded.time)
        if plan is None:
            return replace(self, packs=packs)
        held, cost = plan.held.get(token, 0), plan.costs.get(token, 0)
        is_loss = not traded.buys and not traded.whole and _is_loss(traded, held, cost)
        return replace(
            self,
            packs=packs,
            plans={**self.plans, name: plan.after(traded)},
            lost_at=traded.time if is_loss else self.lost_at,
        )

    def joined(self, other: "Past") -> "Past":
        """Return it with that of other markets."""
        losses = [each for each in (self.lost_at, other.lost_at) if each is not None]
        plans = dict(self.plans)
        for name, plan in other.plans.items():
            mine = plans.get(name)
            plans[name] = plan if mine is None else mine.joined(plan)
        return Past(
            {**self.purchases, **other.purchases},
            {**self.packs, **other.packs},
            max(losses, default=None),
            plans,
        )


def traded_of(
    record: DecisionRecord, sums: Mapping[tuple[TokenId, Side], tuple[int, int]]
) -> Iterator[Traded]:
    """Yield what a decision's orders have come to, one of each token and side; of a plan, what is
    left of each token once it has sold what was too much, and merged.

    Args:
        sums: micro-tokens, and micro-units paid with fees or received after them
    """
    markets = {leg.token: leg.vault_market for leg in record.legs}
    terms = plan_terms(record)
    plan = record.sold_of if terms is None else record.id
    nothing = dict.fromkeys(((leg.token, leg.side) for leg in record.legs), (0, 0))
    found = {**nothing, **sums} if terms is None else _kept(record, terms, sums)
    for (token, side), (tokens, cash) in found.items():
        yield Traded(
            record.pack,
            record.time,
            markets[token],
            token,
            side == Side.BUY,
            tokens,
            cash,
            float(record.chance),
            record.exit_rule,
            len(record.legs) > 1 or bool(record.moves) or record.resting,
            plan,
            terms,
        )


def plan_terms(record: DecisionRecord) -> PlanTerms | None:
    """Return what a decision's plan comes to; None: it is none, or its worst state is unknown."""
    several = len(record.legs) + len(record.moves) > 1
    only = all(leg.side == Side.BUY for leg in record.legs) and all(
        move.kind == MoveKind.MERGE for move in record.moves
    )
    if record.worst is None or not (record.sure and several and only) or record.resting:
        return None
    merged = {move.condition: move.amount for move in record.moves}
    places = {leg.token: leg.condition for leg in record.legs}
    sizes = {
        token: max(0, size - merged.get(places[token], 0))
        for token, size in _wanted(record).items()
    }
    return PlanTerms(record.worst, sizes)


def _wanted(record: DecisionRecord) -> dict[TokenId, int]:
    found: dict[TokenId, int] = {}
    for leg in record.legs:
        found[leg.token] = found.get(leg.token, 0) + leg.size
    return found


def _kept(
    record: DecisionRecord,
    terms: PlanTerms,
    sums: Mapping[tuple[TokenId, Side], tuple[int, int]],
) -> dict[tuple[TokenId, Side], tuple[int, int]]:
    """Return what a plan's purchase has left of each token: micro-tokens, and what they cost."""
    wanted = _wanted(record)
    bought = {token: sums.get((token, Side.BUY), (0, 0)) for token in wanted}
    left = {
        token: max(0, tokens - sums.get((token, Side.SELL), (0, 0))[0])
        for token, (tokens, _) in bought.items()
    }
    ratio = min(Fraction(left[token], size) for token, size in wanted.items())
    found = {}
    for token, (tokens, cash) in bought.items():
        merged = int(ratio * (wanted[token] - terms.sizes[token]))
        kept = max(0, left[token] - merged)
        found[token, Side.BUY] = kept, (cash * kept // tokens if tokens else 0)
    return found


def _is_loss(sale: Traded, tokens: int, cost: int) -> bool:
    """Whether an exit rule sold below what its tokens had cost."""
    return bool(sale.rule) and sale.cash * tokens < cost * sale.tokens


def _more(held: Purchase | None, traded: Traded) -> Purchase:
    if held is None or not held.tokens:
        again = held is not None and held.pack == traded.pack
        return Purchase(
            traded.pack,
            traded.tokens,
            traded.cash,
            traded.tokens,
            traded.chance,
            traded.time,
            held.left_at if again and held is not None else None,
        )
    return replace(
        held,
        tokens=held.tokens + traded.tokens,
        cost=held.cost + traded.cash,
        most=held.most + traded.tokens,
        chance=traded.chance,
    )


def _less(held: Purchase, traded: Traded) -> Purchase:
    sold = min(traded.tokens, held.tokens)
    cost = held.cost - held.cost * sold // held.tokens if held.tokens else 0
    left_at = traded.time if traded.rule else held.left_at
    return replace(held, tokens=held.tokens - sold, cost=cost, left_at=left_at)
