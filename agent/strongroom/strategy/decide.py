"""From a view to decisions: packs propose, sizing and limits dispose, a record says why.

Pure: the same view, packs, settings and salt give the same records, byte for byte. A record's
keccak is the decision's id and travels in each of its orders' signed `metadata`; the salt keeps it
unguessable until the record is revealed with a report.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property, partial

from strongroom.chain.ids import DecisionId, Json, MarketId, canonical, keccak, to_hex
from strongroom.chain.order_amounts import fitting, step
from strongroom.chain.orders import YES, MoveKind, OrderKind
from strongroom.chain.protocols import Protocol
from strongroom.chain.units import BPS, LEAST_ORDER, MICRO, on_tick
from strongroom.errors import Refused
from strongroom.information.gamma import Market
from strongroom.strategy.api import Confidence, Leg, Pack, Proposal
from strongroom.strategy.exits import WITHOUT_RULES, Trading, exits, first_price, left_lately
from strongroom.strategy.portfolio import Day, Stake, Staked, room
from strongroom.strategy.published import ShownView, show_view
from strongroom.strategy.record import (
    DecidedLeg,
    DecidedMove,
    DecisionRecord,
    Grounds,
    Opening,
    SizingNote,
    salted,
)
from strongroom.strategy.rules import Rules
from strongroom.strategy.sizing import Size, bounded
from strongroom.strategy.view import View


@dataclass(frozen=True)
class Decision:
    """Something to carry out."""

    id: DecisionId
    record: DecisionRecord


@dataclass(frozen=True)
class Passed:
    """A proposal that comes to nothing, and what stands against it.

    Attributes:
        proposal: of a client, by its id; empty: of a pack alone
    """

    pack: str
    question: str
    why: str
    proposal: str = ""


@dataclass(frozen=True)
class Round:
    """What a look at a view comes to.

    Attributes:
        openings: of markets that a proposal waits for: a report must mark them first
        shown: the view's document, where its decisions name one
    """

    decisions: tuple[Decision, ...]
    passed: tuple[Passed, ...]
    openings: tuple[Opening, ...] = ()
    shown: ShownView | None = None


class _NotNow(Refused):
    """A proposal is not taken; the message says why."""


class _Round:
    """One round's bookkeeping: what earlier decisions of it take already."""

    def __init__(self, view: View, packs: Sequence[Pack], rules: Rules, salt: str) -> None:
        self.view, self.packs, self.rules, self.salt = view, packs, rules, salt
        self.known: ShownView | None = None  # the view's document, where it is made already
        self.spent: dict[MarketId, int] = {}  # micro-units
        self.unmarked: dict[MarketId, Opening] = {}  # to be opened, and marked by a report first
        self.taken: set[MarketId] = set()  # decided on in this round
        self.by_pack: Counter[str] = Counter()  # of `spent`
        self.day = (view.day or Day(0, 0)).with_loss(view.past.lost_at)
        self.staked = Staked(view.holdings(rules.groups))
        self.lifting = [pack for pack in packs if isinstance(pack, Confidence)]

    def proposals(self) -> Iterator[Proposal]:
        """Yield what is proposed; a pack is asked once those before it are decided on."""
        yield from exits(self.view, self.packs, self.rules.trading)
        for pack in self.packs:
            yield from pack.propose(self.view, partial(self.rooms_before_fees, pack.name))

    def trading(self, pack: str) -> Trading:
        return self.rules.trading.get(pack, WITHOUT_RULES)

    def rooms(self, pack: str, market: Market) -> tuple[int, str]:
        found = self.named_rooms(pack, market)
        binding = min(found, key=found.__getitem__)
        return max(0, found[binding]), binding

    def rooms_before_fees(self, pack: str, market: Market) -> tuple[int, str]:
        """Return what may be paid for tokens, so that the highest fee on them still fits."""
        left, binding = self.rooms(pack, market)
        return int(left / (1 + market.fees.rate)), binding

    def named_rooms(self, pack: str, market: Market) -> dict[str, int]:
        view, rules, question = self.view, self.rules, market.question_key
        name = view.market_of(market)
        found = view.contract_rooms(market, self.spent)
        member = self.groups_of(question, market.event)
        new = Stake(market.event or question, market.category, 0, member)
        portfolio = room(rules.limits, view.vault.nav, self.staked, new, self.day, view.now)
        opened = view.vault.markets, self.spent, self.unmarked
        is_open = name in opened[0] or name in opened[1] or name in opened[2]
        if not is_open and len(set().union(*opened)) >= rules.max_open:
            found["open markets"] = 0
        if name is not None and view.names_wallet(market) and self.wallets_left(name) <= 0:
            found["wallets"] = 0
        budget = self.trading(pack).budget_bps
        if budget is not None:
            staked = view.staked_by(pack) + self.by_pack[pack]
            found[f"budget of {pack}"] = budget * view.vault.nav // BPS - staked
        found[portfolio.binding] = portfolio.assets
        return found

    def wallets_left(self, name: MarketId) -> int:
        """Return the wallets that a market may have; one that it has already counts."""
        view = self.view
        state = view.vault.markets.get(name)
        if state is not None and state.wallet:
            return 1
        taken = [
            other
            # a task may still wait for its wallet
            for other in view.busy | view.asked.keys() | self.spent.keys()
            if other in view.by_vault_market
            and view.names_wallet(view.by_vault_market[other])
            and not (other in view.vault.markets and view.vault.markets[other].wallet)
        ]
        return view.vault.free_wallets - len(taken)

    def groups_of(self, question: str, event: str) -> frozenset[str]:
        groups = self.rules.groups
        return groups.get(question, frozenset()) | groups.get(event, frozenset())

    def judged(self, proposal: Proposal, number: int, most: int) -> Decision | Passed:
        """Return what a proposal comes to as decision `number` of at most so many; exits are never
        too many."""
        question = proposal.legs[0].market.question
        of_client = str(proposal.numbers.get("proposal", ""))
        if number >= most and not proposal.exit_rule:
            return Passed(proposal.pack, question, "enough for one round", of_client)
        try:
            return self.decide(proposal, number)
        except _NotNow as reason:
            return Passed(proposal.pack, question, str(reason), of_client)

    def decide(self, proposal: Proposal, number: int) -> Decision:
        """Return the decision that a proposal comes to.

        Raises:
            _NotNow: it comes to nothing.
        """
        view = self.view
        for leg in proposal.legs:
            name = self.name_of(leg.market)
            if name in view.busy or name in self.taken:
                raise _NotNow("a task is open in this market")
            asked = view.asked.get(name)
            if asked is not None and proposal.exit_rule in ("", *asked):
                raise _NotNow("a person was asked about this market lately")
            last = view.decided.get(name)
            rest = self.rules.quote_rest_s if proposal.resting else self.rules.rest_s
            if last is not None and view.now - last < rest:
                raise _NotNow("a decision on this market was made a moment ago")
            if leg.market.barred:
                raise _NotNow("; ".join(leg.market.barred))
            if not self.rules.exchanges.of(leg.market):
                raise _NotNow(f"no exchange of its kind is named ({leg.market.protocol})")
            if not on_tick(Decimal(leg.price) / MICRO, leg.market.tick):
                raise _NotNow(f"{leg.price} is not on the tick {leg.market.tick}")
            if proposal.sized:
                self.check_lot(leg, proposal.kind)
            if proposal.resting and leg.market.condition_id in self.rules.exchanges.pools:
                raise _NotNow("a pool has no resting orders")
            if leg.buys and leg.price > view.vault.max_buy_price:
                raise _NotNow(f"{leg.price} is above the vault's highest price")
            self.check_band(leg)
        for move in proposal.moves:
            if move.kind == MoveKind.CONVERT and move.market.protocol is Protocol.V2:
                raise _NotNow("a conversion on Protocol V2 gives no collateral")
            if move.kind != MoveKind.MERGE and view.is_by_wallet(move.market):
                raise _NotNow(f"a {move.kind} stays in the account, out of its wallet's reach")
        sized, sizing = self.sized(proposal)
        budgets = self.budgets(sized, proposal)
        for name, assets in budgets.items():
            left, binding = self.rooms(proposal.pack, view.by_vault_market[name])
            if assets > left:
                raise _NotNow(f"needs {assets}, {binding} leaves {left}")
        free = view.vault.idle - view.vault.owed - view.vault.asked - sum(self.spent.values())
        if sum(budgets.values()) > max(0, free):
            raise _NotNow("needs more than the idle assets")
        self.check_marks(sized)
        record = self.record(proposal, sized, budgets, sizing, number)
        self.spend(proposal.pack, budgets)
        return Decision(record.id, record)

    def spend(self, pack: str, budgets: Mapping[MarketId, int]) -> None:
        """Note what a decision takes; no other of this round is about its markets."""
        self.by_pack[pack] += sum(budgets.values())
        self.taken |= budgets.keys()
        for name, assets in budgets.items():
            market = self.view.by_vault_market[name]
            groups = self.groups_of(market.question_key, market.event)
            self.staked.add(Stake(market.event, market.category, assets, groups))
            if assets:
                self.spent[name] = assets

    def name_of(self, market: Market) -> MarketId:
        name = self.view.market_of(market)
        if name is None:
            raise _NotNow(self.view.why_no_class(market))
        return name

    def check_lot(self, leg: Leg, kind: OrderKind) -> None:
        """Hold a size that is not ours to cut against the steps that the venue takes."""
        lot = step(self.kind_of(leg.market, kind), leg.side, leg.price)
        if leg.size % lot:
            raise _NotNow(f"the venue takes no order of {leg.size} at {leg.price}: steps {lot}")

    def check_band(self, leg: Leg) -> None:
        """Hold a price against the vault's band around the marks, which its account enforces."""
        vault, state = self.view.vault, self.view.state_of(leg.market)
        mark = None if state is None else state.marks.get(leg.market.condition_id)
        if mark is None or not vault.price_band or self.view.is_delegated(leg.market):
            return
        bid, ask = mark if leg.outcome == YES else (MICRO - mark[1], MICRO - mark[0])
        if leg.buys and leg.price > ask + vault.price_band:
            raise _NotNow(f"{leg.price} is above the band around the mark, {ask}")
        if not leg.buys and leg.price < bid - vault.price_band:
            raise _NotNow(f"{leg.price} is below the band around the mark, {bid}")

    def check_marks(self, legs: Sequence[Leg]) -> None:
        """Where the vault demands a fresh mark of what is traded, and there is none, the market is
        opened first: the next report marks it."""
        view, missing = self.view, False
        if not view.vault.marks_required:
            return
        for leg in legs:
            name, state = self.name_of(leg.market), view.state_of(leg.market)
            if view.is_delegated(leg.market):
                continue  # its wallet's orders are the venue's affair
            if state is None:
                self.unmarked.setdefault(name, self.opening(leg.market))
            missing |= state is None or leg.market.condition_id not in state.marks
        if missing:
            raise _NotNow("an order needs a fresh mark: the next report brings it")

    def sized(self, proposal: Proposal) -> tuple[list[Leg], SizingNote]:
        """Return the legs as they are to be traded, and how that came about."""
        legs = list(proposal.legs)
        if proposal.sized:
            return legs, SizingNote("plan", "plan")
        if proposal.resting:
            return self.resting(proposal.pack, legs)
        (leg,) = legs
        token = leg.market.token_ids[leg.outcome]
        if left_lately(self.view, token, proposal.pack, self.trading(proposal.pack).exits):
            raise _NotNow("an exit rule has sold it lately")
        chosen, limits = self.choose(proposal, leg)
        fee = leg.market.fees.most_up_to(MICRO, leg.price)  # of one token
        kind = self.kind_of(leg.market, proposal.kind)
        tokens = fitting(kind, leg.side, leg.price, chosen.assets * MICRO // (leg.price + fee))
        least = max(int(leg.market.min_size * MICRO), -(-LEAST_ORDER * MICRO // leg.price))
        if tokens < least:
            lot = step(kind, leg.side, leg.price)
            raise _NotNow(
                f"{chosen.binding} leaves {chosen.assets}, {tokens} tokens in steps of {lot}; "
                f"least order {least}"
            )
        how = SizingNote(self.rules.sizing.rule, chosen.binding, limits)
        return [replace(leg, size=tokens)], how

    def choose(self, proposal: Proposal, leg: Leg) -> tuple[Size, dict[str, int]]:
        view, sizing = self.view, self.rules.sizing
        how = self.trading(proposal.pack)
        lifts = [pack.lift(view, proposal) for pack in self.lifting]
        limits = sizing.limits(
            proposal.edge,
            proposal.chance,
            proposal.cost,
            view.vault.nav,
            len(proposal.evidence),
            max(lifts, default=0),
        )
        state = view.state_of(leg.market)
        staked = state.exposure if state is not None else 0
        rule = min(limits, key=limits.__getitem__)
        wanted = limits[rule] - staked
        if how.slices > 1:
            before = view.decided.get(self.name_of(leg.market), -how.gap_s)
            if view.now - before < how.gap_s:
                raise _NotNow("the next slice is not due")
            wanted = min(wanted, limits[rule] // how.slices)
        depth = int(leg.size * self.rules.depth_share) * leg.price // MICRO
        rooms = self.named_rooms(proposal.pack, leg.market)
        rooms["depth"] = depth
        chosen = bounded(rule, wanted, rooms)
        if chosen.assets <= 0:
            raise _NotNow(f"{chosen.binding} leaves nothing (exposure: {staked})")
        return chosen, limits | rooms

    def resting(self, pack: str, legs: list[Leg]) -> tuple[list[Leg], SizingNote]:
        left, binding = self.rooms_before_fees(pack, legs[0].market)
        state = self.view.state_of(legs[0].market)
        left += state.free if state is not None else 0
        needed = sum(leg.size * leg.price // MICRO for leg in legs)
        if needed > left:
            raise _NotNow(f"quotes need {needed}, {binding} leaves {left}")
        return legs, SizingNote("quotes", "size")

    def budgets(self, legs: Sequence[Leg], proposal: Proposal) -> dict[MarketId, int]:
        """Return the collateral that each account needs beyond what is free in it."""
        needs: dict[MarketId, int] = {}
        for leg in legs:
            name = self.name_of(leg.market)
            needs.setdefault(name, 0)
            if leg.buys:
                cash = -(-leg.size * leg.price // MICRO)
                # the exchange takes cash at the limit and the fee, then returns what was saved
                needs[name] += cash + leg.market.fees.most_up_to(leg.size, leg.price)
        for move in proposal.moves:
            if move.kind == MoveKind.SPLIT:
                name = self.name_of(move.market)
                needs[name] = needs.get(name, 0) + move.amount
        for name, assets in needs.items():
            state = self.view.vault.markets.get(name)
            if state is not None:
                needs[name] = max(0, assets - state.free)
        return needs

    def record(
        self,
        proposal: Proposal,
        legs: Sequence[Leg],
        budgets: Mapping[MarketId, int],
        sizing: SizingNote,
        number: int,
    ) -> DecisionRecord:
        """Return what is kept of a decision, salted."""
        view = self.view
        plain = DecisionRecord(
            pack=proposal.pack,
            code_version=self.rules.code_version,
            vault=view.vault.address,
            time=view.now,
            question=" & ".join(dict.fromkeys(leg.market.question for leg in legs)),
            legs=tuple(self.decided(leg, proposal) for leg in legs),
            moves=tuple(
                DecidedMove(
                    move.kind, self.name_of(move.market), move.market.condition_id, move.amount
                )
                for move in proposal.moves
            ),
            budgets=dict(budgets),
            openings=tuple(
                self.opening(view.by_vault_market[name])
                for name in budgets
                if name not in view.vault.markets
            ),
            resting=proposal.resting,
            on_failure=proposal.on_failure,
            sure=proposal.sure,
            edge=f"{proposal.edge:.6f}",
            chance=f"{proposal.chance:.6f}",
            cost=f"{proposal.cost:.6f}",
            evidence=tuple(sorted(proposal.evidence)),
            sizing=sizing,
            numbers=dict(proposal.numbers),
            nav=view.vault.nav,
            snapshot=self.snapshot(legs),
            grounds=self.grounds(),
        )
        salt = self.shown.seed if plain.grounds is not None else self.salt
        return salted(plain, f"{salt}{number}")

    @cached_property
    def shown(self) -> ShownView:
        """The view's document; made where something is decided, since it is large."""
        return self.known or show_view(self.view, self.salt)

    def grounds(self) -> Grounds | None:
        """Return what a stranger needs to decide again, where the operator publishes that."""
        rules = self.rules
        if not rules.settings:
            return None
        private = rules.reveal_within_s
        reveal_by = self.view.now + private if private else 0
        return Grounds(self.shown.hash, rules.settings, reveal_by)

    def decided(self, leg: Leg, proposal: Proposal) -> DecidedLeg:
        """Return a leg as it is kept and carried out."""
        market, kind = leg.market, self.kind_of(leg.market, proposal.kind)
        passive_s, first = self.trading(proposal.pack).passive_s, None
        if passive_s and leg.buys and not proposal.sized and kind == OrderKind.FAK:
            first = first_price(self.view, leg)
        return DecidedLeg(
            vault_market=self.name_of(market),
            condition=market.condition_id,
            question=market.question,
            token=market.token_ids[leg.outcome],
            outcome=market.outcomes[leg.outcome],
            side=leg.side,
            price=Decimal(leg.price) / MICRO,
            size=leg.size,
            tick=market.tick,
            exchange=self.rules.exchanges.of(market),
            kind=kind,
            rest_at=None if first is None else Decimal(first) / MICRO,
            rest_s=0 if first is None else passive_s,
        )

    def kind_of(self, market: Market, kind: OrderKind) -> OrderKind:
        """Return how an order on a market is carried out: at its pool, where it is traded there."""
        return OrderKind.POOL if market.condition_id in self.rules.exchanges.pools else kind

    def opening(self, market: Market) -> Opening:
        """Return what openMarket takes."""
        view, number = self.view, self.view.class_of(market)
        assert number is not None and market.end is not None
        longest = view.now + view.vault.classes[number].max_duration
        count, question = 1, str(market.question_id)
        if market.event_id is not None:
            siblings = [m for m in view.markets.values() if m.event_id == market.event_id]
            count = max(each.number for each in siblings) + 1
            question = market.event_id
        return Opening(
            vault_market=self.name_of(market),
            class_id=number,
            question_id=question,
            count=count,
            deadline=min(int(market.end.timestamp()), longest - 60),
        )

    def snapshot(self, legs: Sequence[Leg]) -> str:
        """Return the hash of what the decision saw of its markets."""
        view = self.view
        seen: dict[str, Json] = {}
        for leg in legs:
            for token in leg.market.token_ids:
                book = view.books.get(token)
                if book is not None:
                    seen[str(token)] = [
                        [[each.price, each.size] for each in side]
                        for side in (book.bids, book.asks)
                    ]
        return to_hex(keccak(canonical({"time": view.now, "books": seen})))


def decide(
    view: View, packs: Sequence[Pack], rules: Rules, salt: str, shown: ShownView | None = None
) -> Round:
    """Return what is to be done now: what exit rules sell, then in the order of the packs.

    Args:
        salt: a secret of the vault's operator
        shown: the view's document, where it is made already; its seed replaces the salt
    """
    this = _Round(view, packs, rules, salt)
    this.known = shown
    decisions: list[Decision] = []
    passed: list[Passed] = []
    for proposal in this.proposals():
        match this.judged(proposal, len(decisions), rules.max_decisions):
            case Passed() as each:
                passed.append(each)
            case decision:
                decisions.append(decision)
    document = this.shown if decisions and rules.settings else None
    return Round(tuple(decisions), tuple(passed), tuple(this.unmarked.values()), document)


def proposals(view: View, packs: Sequence[Pack], rules: Rules) -> list[Proposal]:
    """Return what exit rules and packs propose, in their order, before it is sized."""
    return list(_Round(view, packs, rules, "").proposals())


def check(view: View, rules: Rules, wanted: Sequence[Proposal]) -> list[Decision | Passed]:
    """Hold proposals that have their sizes against every limit, each beside those before it."""
    this = _Round(view, (), rules, "")
    return [this.judged(proposal, number, len(wanted)) for number, proposal in enumerate(wanted)]
