"""Lives: what people, keepers, venue, reporter and strangers do to a vault, by chance.

An act takes plain parameters from the domains in ACTS, so that a life is a list of calls: it can be
printed, replayed, and made shorter while it still fails (`shortest`). What an act needs and does
not find (no market, no shares) makes it do nothing.

A traced life writes itself down (trace.py) and keeps to what the rules' words can say; others do
all that the world has.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tests.property.silence import DEAD, UNANSWERED
from tests.property.trace import QUEUES, RULES, Scribe
from tests.property.watch import Watch
from tests.property.world import (
    CENT,
    DAY,
    DEPOSIT,
    EVENTS,
    FOREVER,
    FORTUNE,
    HOUR,
    NO,
    NOBODY,
    REDEEM,
    SHARE,
    SIDES,
    UNIT,
    USERS,
    WAD,
    YES,
    Held,
    Kind,
    Market,
    Reverted,
    World,
)

Act = tuple[str, dict[str, Any]]
MOST_OPEN = 6
HOLDERS = (*USERS, "erin")
ALL, MORE, HALF, THIRD, DUST, ONE = "all", "more", "half", "third", "dust", "one"
PARTS = (ALL, ALL, HALF, THIRD, DUST, ONE, MORE)
YES_NO = (True, False)
MARGIN = 10**14  # share-wei that the rules may credit fewer than the vault
CLOSE_BY = 50  # units that roundings may add up to
TENTH = UNIT // 10
WHO_CLOSES = ("mallory", "its keeper", "guardian", "owner")
WHO_RECALLS = ("its keeper", "guardian", "owner", "mallory")
PAYOUTS = ((1, 1), (0, 1), (1, 2), (2, 5), (1, 3))
# By how much of NAV (bps) a keeper allocates.
PART_OF_NAV = (47, 197, 211, 490, 790, 1_390, 2_900)  # never a cap to the unit
STEPS = (0, 0, 1, -1, 3, -3, 10, -10, 35, -35)
LIMITS = (
    ("max_up_bps", (1, 200, 1_000, 30_000)),
    ("max_down_bps", (1, 200, 1_000, 10_000)),
    ("max_premium_bps", (1, 300, 1_000, 60_000)),
    ("max_inflow_bps", (0, 500, 1_000, 20_000)),
    ("exit_fee_bps", (0, 50, 100)),
    ("inflow_floor", (0, 10_000 * UNIT, 10**6 * UNIT)),
    ("max_report_age", (HOUR, 2 * DAY, 20 * DAY)),
    ("question_cap_bps", (500, 1_500, 10_000)),
    ("total_cap_bps", (2_000, 6_000, 10_000)),
    ("max_drawdown_bps", (300, 2_000, 10_000)),
)

# act -> how often it is done, and the domain of each parameter
ACTS: dict[str, tuple[int, dict[str, Sequence[Any]]]] = {
    "wait": (10, {"seconds": (1, 601, HOUR, HOUR, 4 * HOUR, DAY, DAY, 3 * DAY)}),
    "deposit": (8, {"who": USERS, "amount": (1, 7, UNIT, 10**4 * UNIT, 10**5 * UNIT, 10**12 + 1)}),
    "redeem_shares": (7, {"who": USERS, "part": PARTS}),
    "cancel": (4, {"who": USERS, "side": SIDES}),
    "claim": (6, {"who": USERS, "side": SIDES, "by_out": YES_NO, "part": PARTS}),
    "transfer": (2, {"who": USERS, "to": USERS, "part": PARTS}),
    "leave": (3, {"who": USERS, "part": PARTS, "skip": (None, None, 0, 1)}),
    "leave_queue": (2, {"who": USERS, "skip": (None, None, 0, 1)}),
    "ask_for_others": (2, {"who": USERS, "side": SIDES}),
    "open": (5, {"kind": (0, 0, 1, 1, 2, 3, 4), "conditions": (2, 3, 4), "same": YES_NO}),
    "allocate": (10, {"market": range(MOST_OPEN), "bps": PART_OF_NAV}),
    "grab": (2, {"market": range(MOST_OPEN)}),
    "recall": (4, {"market": range(MOST_OPEN), "part": PARTS, "by": WHO_RECALLS}),
    "trade": (
        14,
        {
            "market": range(MOST_OPEN),
            "condition": range(4),
            "side": (YES, NO),
            "part": PARTS,
            "how": ("fair", "fair", "fair", "dear", "sell", "sell", "steal"),
        },
    ),
    "split": (2, {"market": range(MOST_OPEN), "condition": range(4), "part": PARTS}),
    "merge": (2, {"market": range(MOST_OPEN), "condition": range(4), "part": PARTS}),
    "convert": (2, {"market": range(MOST_OPEN), "conditions": (3, 5, 6, 7), "part": PARTS}),
    "forward": (3, {"market": range(MOST_OPEN), "part": PARTS}),
    "take_back": (2, {"market": range(MOST_OPEN)}),
    "move": (8, {"market": range(MOST_OPEN), "condition": range(4), "cents": STEPS}),
    "resolve": (4, {"market": range(MOST_OPEN), "condition": range(4), "payout": PAYOUTS}),
    "report": (16, {"half": (0, 1, 1, 3), "lie": (0, 0, 0, 0, 1, 2, 3), "seed": range(1_000)}),
    "settle": (3, {}),
    "redeem": (2, {"market": range(MOST_OPEN)}),
    "harvest": (4, {"market": range(MOST_OPEN)}),
    "close": (6, {"market": range(MOST_OPEN), "by": WHO_CLOSES}),
    "sweep": (3, {"market": range(40)}),
    "give_tokens": (
        4,
        {
            "market": range(40),
            "condition": range(4),
            "side": (YES, NO),
            "amount": (1, UNIT, 10**5 * UNIT, 10**7 * UNIT),
        },
    ),
    "give_cash": (3, {"market": range(40), "amount": (1, UNIT, 3 * 10**4 * UNIT)}),
    "give_vault": (1, {"amount": (1, 10**6 * UNIT)}),
    "halt": (1, {"market": range(MOST_OPEN), "by": ("guardian", "its keeper")}),
    "fail": (3, {"market": range(MOST_OPEN), "how": (UNANSWERED, UNANSWERED, DEAD, 0)}),
    "forgive": (1, {"kind": range(5), "amount": (UNIT, 10**5 * UNIT)}),
    "pause": (1, {}),
    "drop_reporter": (1, {}),
    "limit": (2, {"which": range(len(LIMITS)), "value": range(4)}),
    "class_cap": (1, {"kind": range(5), "bps": (500, 3_000, 10_000)}),
}
LATE: dict[str, tuple[int, dict[str, Sequence[Any]]]] = {
    "wind_down": (1, {"by": ("mallory", "guardian", "owner")}),
}
# Of worlds in which accounts own wallets.
WITH_WALLETS: dict[str, tuple[int, dict[str, Sequence[Any]]]] = {
    "fund_wallet": (16, {"market": range(MOST_OPEN), "part": PARTS}),
    "bring_home": (4, {"market": range(40), "by": WHO_RECALLS}),
    "pause_wallet": (1, {"market": range(MOST_OPEN), "by": WHO_RECALLS}),
}
# What only an untraced life does.
UNTRACED = {"claim", "ask_for_others", "halt", "grab"}

# Worlds for lives to be lived in: each makes something bind that otherwise does not.
LOOSE = {"velocity_bps": 10_000, "velocity": 2**96 - 1, "question_cap_bps": 4_000}
SCENES: tuple[dict[str, Any], ...] = (
    LOOSE,
    LOOSE | {"fees": (0, 0, 0), "max_drawdown_bps": 10_000},
    {"fees": (200, 0, 0), "total_cap": 300_000 * UNIT},
    LOOSE | {"question_cap_bps": 1_500, "total_cap": 2**96 - 1},
    LOOSE | {"fees": (500, 5_000, 0), "max_premium_bps": 60_000, "max_up_bps": 60_000},
    LOOSE
    | {
        **{"fees": (0, 0, 0), "max_inflow_bps": 60_000, "exit_fee_bps": 0},
        "min_report_interval": 60,
    },
    LOOSE
    | {
        "kinds": (
            Kind("binary", "keeper", class_cap_bps=1_500),
            Kind("event", "rival", class_cap=250_000 * UNIT),
            Kind("delegated", "courier", 100_000 * UNIT),
            Kind("shaky", "rival", 60_000 * UNIT, 1_000),
            Kind("event", "keeper"),
        ),
        "fees": (100, 0, 0),
        "total_cap_bps": 3_500,
        "inflow_floor": 0,
        "max_down_bps": 300,
    },
)

# Of accounts of Protocol V2, and of such as own a wallet. What of a wallet stays behind when a
# holder leaves is nothing that the rules' words can say, so these lives are not traced.
NEWER: tuple[dict[str, Any], ...] = (
    LOOSE
    | {
        "kinds": (
            Kind("position", "keeper"),
            Kind("position event", "rival"),
            Kind("wallet", "courier"),
            Kind("wallet", "rival"),
            Kind("event", "keeper"),
        )
    },
    LOOSE
    | {
        "kinds": (
            Kind("wallet", "keeper"),
            Kind("position event", "keeper", class_cap=250_000 * UNIT),
            Kind("delegated", "courier"),
            Kind("position", "rival", 60_000 * UNIT, 1_000),
            Kind("wallet", "rival", class_cap_bps=1_500),
        ),
        "fees": (100, 1_000, 0),
        "exit_fee_bps": 0,
    },
)
WORLDS = (*SCENES, *NEWER)


class Life:
    """One vault's life."""

    def __init__(self, traced: bool = False, watched: bool = True, **scene: Any) -> None:
        self.world = world = World(**scene)
        self.traced = traced
        self.acts: list[Act] = []
        self.truth: dict[tuple[bytes, int], int] = {}  # question, condition -> cents of YES
        self.scribe = Scribe(world, dict.fromkeys(HOLDERS, FORTUNE)) if traced else None
        self.watch = Watch(world) if watched else None
        world.who["the vault"] = world.vault.address
        self.refused = ""
        self.failing: dict[str, int] = {}

    # living

    def step(self, chance: random.Random, late: bool = False) -> Act:
        """Do one act by chance."""
        acts = ACTS | LATE if late else ACTS
        if any(kind.accounts == "wallet" for kind in self.world.kinds):
            acts = acts | WITH_WALLETS
        names = [name for name in acts if not (self.traced and name in UNTRACED)]
        name = chance.choices(names, [acts[name][0] for name in names])[0]
        arguments = {each: chance.choice(domain) for each, domain in acts[name][1].items()}
        self.act(name, arguments)
        return name, arguments

    def act(self, name: str, arguments: dict[str, Any]) -> None:
        self.acts.append((name, arguments))
        getattr(self, f"do_{name}")(**arguments)

    def attempt(
        self, do: str, call: Callable[[], Any], words: dict[str, Any] | None = None
    ) -> bool:
        """Make a call, write it down, and look at what it did."""
        self.refused = ""
        before = self.watch.look(do) if self.watch else None
        try:
            call()
        except Reverted as reverted:
            self.refused = str(reverted)
        if self.watch and before and not self.refused:
            self.watch.compare(before)
        if self.scribe and words is not None:
            self.scribe.write(do, self.refused, **words)
        return not self.refused

    # choosing

    def open_market(self, index: int) -> Market | None:
        names = self.world.open_names()
        return self.world.markets[names[index % len(names)]] if names else None

    def any_market(self, index: int) -> Market | None:
        names = list(self.world.markets)
        return self.world.markets[names[index % len(names)]] if names else None

    @staticmethod
    def part_of(whole: int, part: str) -> int:
        return {
            ALL: whole,
            MORE: whole + 1,
            HALF: whole // 2,
            THIRD: whole // 3,
            DUST: whole // 10_000 + 1,
            ONE: min(whole, 1),
        }[part]

    def part_of_shares(self, who: str, part: str) -> int:
        """Return a part of somebody's shares; where the rules reckon along, not the last dust."""
        whole = self.world.shares(who)
        if not self.traced:
            return self.part_of(whole, part)
        if part == MORE:
            return 2 * whole + SHARE
        margin = MARGIN + (whole // 10**6 if self.world.fees[1] else 0)
        return self.part_of(whole - margin, part) if whole > margin else 0

    def person(self, who: str, market: Market) -> str:
        return market.kind.keeper if who == "its keeper" else who

    @staticmethod
    def named(market: Market, condition: int) -> str:
        return f"{market.question.hex()[:8]}.{condition}"

    # acts of people

    def do_wait(self, seconds: int) -> None:
        """Time passes; within a day the owner has named a reporter again, and goes on."""
        self.world.wait(seconds)
        if seconds >= DAY and self.world.vault.reporter() == NOBODY:
            self.do_drop_reporter()
        if seconds >= DAY and self.world.vault.paused():
            self.do_pause()

    def do_deposit(self, who: str, amount: int) -> None:
        if self.traced:  # an epoch of dust may be filled with what roundings left of the room
            amount = max(amount, TENTH)
        self._request(DEPOSIT, who, amount)

    def do_redeem_shares(self, who: str, part: str) -> None:
        amount = self.part_of_shares(who, part)
        if amount:
            self._request(REDEEM, who, amount)

    def _request(self, side: int, who: str, amount: int) -> None:
        self.attempt(
            "request",
            lambda: self.world.request(side, who, amount),
            {"queue": QUEUES[side], "who": who, "amount": amount},
        )

    def do_cancel(self, who: str, side: int) -> None:
        def cancel() -> None:
            if not self.world.cancel_all(side, who):
                raise Reverted("nothing to take back")

        dust = MARGIN if side == REDEEM else CLOSE_BY
        live = self.world.vault.liveEpochs(side, self.world.who[who])
        pending = self.world.pending(side, who).values()
        # by the rules the last dust of an epoch that was settled may still be there
        waiting = self.world.vault.waitingEpochs(side)
        sure = len(live) == 1 and len(waiting) < 2 and any(amount > dust for amount in pending)
        done = self.attempt("cancel", cancel)
        if self.scribe and (done or sure):
            self.scribe.write("cancel", self.refused, queue=QUEUES[side], who=who)
        self._claim_if_traced()

    def _claim_if_traced(self) -> None:
        """By the rules, what is settled is paid."""
        if self.traced:
            self.world.claim_all(*HOLDERS)

    def do_claim(self, who: str, side: int, by_out: bool, part: str) -> None:
        amount = self.part_of(self.world.claimable(side, who)[by_out], part)
        self.attempt("claim", lambda: self.world.claim(side, who, amount, by_out))

    def do_transfer(self, who: str, to: str, part: str) -> None:
        amount = self.part_of_shares(who, part)
        if not amount:
            return
        self.attempt(
            "transfer",
            lambda: self.world.transfer(who, to, amount),
            {"from": who, "to": to, "amount": amount},
        )

    def _skipped(self, skip: int | None) -> list[str]:
        """Return the names of markets to skip: those that fail, and perhaps one more."""
        market = None if skip is None else self.any_market(skip)
        names = {name for name, how in self.failing.items() if how == DEAD}
        if self.traced:
            names |= {name for name in self.world.open_names() if self._is_above_cost(name)}
        return sorted(names | ({market.name} if market else set()))

    def _is_above_cost(self, name: str) -> bool:
        """Say whether a delegated account holds more inside than its book says."""
        market = self.world.markets[name]
        exposure, bid, _ = self.world.vault.bookOf(market.id)
        return market.is_delegated and self.world.held(name).cash + CLOSE_BY > min(exposure, bid)

    def _skipped_by_all_names(self, skipped: Iterable[str]) -> list[str]:
        """A market that was opened again has one id and several names."""
        ids = {self.world.markets[name].id for name in skipped}
        return [name for name, market in self.world.markets.items() if market.id in ids]

    def do_leave(self, who: str, part: str, skip: int | None) -> None:
        shares, skipped = self.part_of_shares(who, part), self._skipped(skip)
        if not shares:
            return
        self.attempt(
            "redeem_in_kind",
            lambda: self.world.leave(who, shares, skipped),
            {"who": who, "shares": shares, "skip": self._skipped_by_all_names(skipped)},
        )

    def do_leave_queue(self, who: str, skip: int | None) -> None:
        epochs, skipped = self.world.pending(REDEEM, who), self._skipped(skip)
        if len(epochs) != 1 and self.traced:
            return  # by the rules all epochs leave at once
        for epoch in epochs:
            self.attempt(
                "redeem_in_kind",
                lambda epoch=epoch: self.world.leave_queue(epoch, who, skipped),  # type: ignore[misc]
                {"who": who, "queued": True, "skip": self._skipped_by_all_names(skipped)},
            )
        self._claim_if_traced()

    def do_ask_for_others(self, who: str, side: int) -> None:
        """A stranger asks in somebody's name: a deposit is a gift, a redemption is refused."""
        self.attempt("request", lambda: self.world.request(DEPOSIT, "mallory", 1, controller=who))
        if side == REDEEM:
            asks = self.world.request
            done = self.attempt("request", lambda: asks(REDEEM, who, 1, by="mallory"))
            assert not done, "a stranger moved somebody's shares"

    # acts of keepers

    def do_open(self, kind: int, conditions: int, same: bool) -> None:
        world = self.world
        if len(world.open_names()) >= MOST_OPEN:
            return
        number = len(world.markets)
        like = next(
            (
                each.name
                for each in reversed(world.markets.values())
                if same and world.oracle_of(each.kind) == world.oracle_of(world.kinds[kind])
            ),
            "",
        )
        conditions = conditions if world.kinds[kind].accounts in EVENTS else 1
        name = f"m{number}"
        opened = self.attempt("open", lambda: world.open(name, kind, conditions, like))
        if not opened:
            return
        market = world.markets[name]
        names = [self.named(market, i) for i in range(len(market.conditions))]
        for condition in range(len(names)):
            key = market.question, condition
            self.truth.setdefault(key, 50 if len(names) == 1 else 90 // len(names))
        if market.is_delegated:
            world.set_wallet(name)
        if market.owns_wallet:
            self.attempt("wallet", lambda: world.wallets.make(market))
        if self.scribe:
            terms = {"market": name, "conditions": names, "class": str(kind)}
            terms |= {"question": market.question.hex()[:8], "event": market.is_event}
            self.scribe.write("open", delegated=market.is_delegated, **terms)

    def _allocate(self, market: Market, amount: int) -> bool:
        return self.attempt(
            "allocate",
            lambda: self.world.allocate(market.name, amount),
            {"market": market.name, "amount": amount},
        )

    def do_allocate(self, market: int, bps: int) -> None:
        chosen = self.open_market(market)
        if chosen is not None:
            self._allocate(chosen, self.world.vault.totalAssets() * bps // 10_000)

    def do_grab(self, market: int) -> None:
        """A keeper allocates whatever the caps admit, to the unit."""
        chosen, step = self.open_market(market), 2**41
        while chosen is not None and step:
            if not self._allocate(chosen, step):
                step //= 2

    def do_recall(self, market: int, part: str, by: str) -> None:
        chosen = self.open_market(market)
        if chosen is None or self.failing.get(chosen.name):
            return
        held = self.world.held(chosen.name).cash
        if self.traced and held < CLOSE_BY:
            return
        amount = FOREVER if part == MORE else self.part_of(held, part)
        done = self.attempt(
            "recall",
            lambda: self.world.recall(chosen.name, amount, self.person(by, chosen)),
            {"market": chosen.name, "amount": amount},
        )
        assert not done or by != "mallory" or self.world.vault.windingDown(), "a stranger recalled"

    def _venue(self, market: Market, call: Callable[[], Any]) -> bool:
        """Do something at the venue, and write down what it changed in the account."""
        before = self.world.held(market.name)
        done = self.attempt("venue", call)
        if done and self.scribe:
            self._write_venue(market, before)
        return done

    def _write_venue(self, market: Market, before: Any) -> None:
        after = self.world.held(market.name)
        tokens = [
            [self.named(market, i // 2), ("YES", "NO")[i % 2], new - old]
            for i, (old, new) in enumerate(zip(before.tokens, after.tokens, strict=True))
            if new != old
        ]
        words = {"cash": after.cash - before.cash, "away": after.away - before.away}
        assert self.scribe
        self.scribe.write("venue", market=market.name, tokens=tokens, **words)

    def price(self, market: Market, condition: int, side: int) -> int:
        cents = self.truth[market.question, condition]
        return cents if side == YES else 100 - cents

    def do_trade(self, market: int, condition: int, side: int, part: str, how: str) -> None:
        """The venue fills an order: fairly, at 99 cents, or at one (which is a theft)."""
        chosen = self.open_market(market)
        if chosen is None or part == MORE or self.failing.get(chosen.name):
            return
        condition %= len(chosen.conditions)
        if condition in chosen.resolved:
            return
        held, price = self.world.held(chosen.name), self.price(chosen, condition, side)
        purse = held.away if chosen.wallet else held.cash
        key, tokens = (condition, side), held.tokens[2 * condition + side]
        if how in ("fair", "dear"):
            spend = self.part_of(purse, part) if purse else 0
            got = spend * 100 // (max(1, price) if how == "fair" else 99)
            if not spend or not got:
                return
            self._venue(
                chosen, lambda: self.world.trade(chosen.name, -spend, {key: got}, to="mallory")
            )
            return
        if chosen.owns_wallet:
            tokens -= held.inside[2 * condition + side]
        sold = self.part_of(tokens, part) if tokens else 0
        gained = sold * price // 100 if how == "sell" else 0
        if sold:
            self._venue(
                chosen, lambda: self.world.trade(chosen.name, gained, {key: -sold}, to="mallory")
            )

    def do_split(self, market: int, condition: int, part: str) -> None:
        chosen = self.open_market(market)
        if chosen is None or part == MORE or self.failing.get(chosen.name):
            return
        condition %= len(chosen.conditions)
        amount = self.part_of(self.world.held(chosen.name).cash, part)
        if amount and not (self.traced and chosen.is_delegated):
            self._venue(chosen, lambda: self.world.split(chosen.name, condition, amount))

    def do_merge(self, market: int, condition: int, part: str) -> None:
        chosen = self.open_market(market)
        if chosen is None or part == MORE or self.failing.get(chosen.name):
            return
        condition %= len(chosen.conditions)
        held = self.world.held(chosen.name).tokens
        amount = self.part_of(min(held[2 * condition], held[2 * condition + 1]), part)
        if amount and not chosen.is_delegated:
            self._venue(chosen, lambda: self.world.merge(chosen.name, condition, amount))

    def do_convert(self, market: int, conditions: int, part: str) -> None:
        chosen = self.open_market(market)
        if chosen is None or not chosen.is_event or part == MORE or chosen.resolved:
            return
        if chosen.is_position:  # which splits the other way: a market of all and Other
            return
        held = self.world.held(chosen.name).tokens
        taken = [i for i in range(len(chosen.conditions)) if conditions >> i & 1]
        if not taken or len(taken) == len(chosen.conditions):
            return
        amount = self.part_of(min(held[2 * i + 1] for i in taken), part)
        if amount:
            index_set = sum(1 << i for i in taken)
            self._venue(chosen, lambda: self.world.convert(chosen.name, index_set, amount))

    def do_forward(self, market: int, part: str) -> None:
        chosen = self.open_market(market)
        if chosen is None or not chosen.is_delegated or part == MORE:
            return
        amount = self.part_of(self.world.held(chosen.name).cash, part)
        if amount:
            self._venue(chosen, lambda: self.world.forward(chosen.name, amount))

    def do_take_back(self, market: int) -> None:
        chosen = self.open_market(market)
        if chosen is not None and chosen.is_delegated:
            self._venue(chosen, lambda: self.world.take_back(chosen.name))

    def do_fund_wallet(self, market: int, part: str) -> None:
        chosen = self.open_market(market)
        if chosen is None or not chosen.owns_wallet:
            return
        amount = self.part_of(self.world.held(chosen.name).cash, part)
        if amount:
            self._venue(chosen, lambda: self.world.forward(chosen.name, amount))

    def do_bring_home(self, market: int, by: str) -> None:
        """By the relayer, or, of an open wallet, without: of a closed market, too."""
        chosen = self.any_market(market)
        if chosen is not None and chosen.owns_wallet:
            who = self.person(by, chosen)
            self._venue(chosen, lambda: self.world.take_back(chosen.name, by=who))

    def do_pause_wallet(self, market: int, by: str) -> None:
        chosen = self.open_market(market)
        if chosen is not None and chosen.owns_wallet:
            who = self.person(by, chosen)
            self._venue(chosen, lambda: self.world.pause_wallet(chosen.name, who))

    # the world outside

    def do_move(self, market: int, condition: int, cents: int) -> None:
        chosen = self.open_market(market)
        if chosen is not None:
            key = chosen.question, condition % len(chosen.conditions)
            most = 99 if len(chosen.conditions) == 1 else 99 // len(chosen.conditions)
            self.truth[key] = min(most, max(1, self.truth[key] + cents))

    def do_resolve(self, market: int, condition: int, payout: tuple[int, int]) -> None:
        chosen = self.open_market(market)
        if chosen is None:
            return
        condition %= len(chosen.conditions)
        yes, of = (payout[0] if payout[1] == 1 else 0, 1) if chosen.is_event else payout
        if condition in chosen.resolved:
            return
        done = self.attempt("payout", lambda: self.world.resolve(chosen.name, condition, yes, of))
        if done and self.scribe:
            self.scribe.write("payout", condition=self.named(chosen, condition), yes=yes, of=of)

    def do_give_tokens(self, market: int, condition: int, side: int, amount: int) -> None:
        chosen = self.any_market(market)
        if chosen is None or self.failing.get(chosen.name):
            return
        if self.traced and (chosen.is_delegated or self.world.is_closed(chosen.name)):
            return
        condition %= len(chosen.conditions)
        if self.traced:  # neither dust nor a multiple of the vault: roundings would show
            amount = min(max(amount, TENTH), 10**5 * UNIT)
        self._venue(chosen, lambda: self.world.give(chosen.name, condition, side, amount))

    def do_give_cash(self, market: int, amount: int) -> None:
        if self.traced:
            amount = max(amount, TENTH)
        chosen = self.any_market(market)
        if chosen is None:
            return
        closed = self.world.is_closed(chosen.name)
        self._venue(chosen, lambda: self.world.give_cash(chosen.name, amount))
        if self.traced and closed:
            self._sweep(chosen)

    def do_give_vault(self, amount: int) -> None:
        done = self.attempt("gift", lambda: self.world.pay("maker", "the vault", amount))
        assert done

    def do_fail(self, market: int, how: int) -> None:
        chosen = self.open_market(market)
        if chosen is None or chosen.kind.accounts != "shaky" or (self.traced and how == DEAD):
            return
        self.world.make_fail(chosen.name, how)
        self.failing[chosen.name] = how
        if self.scribe:
            self.scribe.write("venue", market=chosen.name, silent=how != 0)

    # reports and what follows

    def marks(self, half: int, lie: int, chance: random.Random) -> dict[str, Any]:
        """Return marks `half` a cent around the truth; a lie of 1 leaves some out, of 2 is any
        number in bounds, of 3 is out of bounds."""
        marks: dict[str, Any] = {}
        for name in self.world.open_names():
            market = self.world.markets[name]
            marks[name] = {}
            room = WAD
            for condition in range(len(market.conditions)):
                cents = self.truth[market.question, condition]
                bid, ask = max(0, cents - half) * CENT, min(100, cents + half) * CENT
                if condition in market.resolved:
                    continue
                if lie == 1 and chance.random() < 0.4:
                    continue
                if lie == 2:
                    bid, ask = sorted(chance.choice((0, CENT, 50 * CENT, WAD)) for _ in range(2))
                if lie == 3 and chance.random() < 0.3 and not self.failing.get(name):
                    bid, ask = chance.choice(((WAD, WAD), (ask + CENT, ask), (0, WAD + 1)))
                elif len(market.conditions) > 1:
                    paid = sum(yes * WAD // of for yes, of in market.resolved.values())
                    bid = min(bid, max(0, room - paid)) if not paid else 0
                    room -= bid
                marks[name][condition] = (bid, ask)
        return marks

    def _wait_for_interval(self) -> None:
        vault = self.world.vault
        interval = self.world.limits["min_report_interval"]
        early = vault.lastReport() + interval - self.world.now
        if early > 0 and vault.reportCount():
            self.world.wait(early)

    def do_report(self, half: int, lie: int, seed: int) -> None:
        if seed % 6:  # else it may come too soon
            self._wait_for_interval()
        marks = self.marks(half, lie, random.Random(seed))
        words = {
            name: {
                self.named(self.world.markets[name], condition): list(pair)
                for condition, pair in of.items()
            }
            for name, of in marks.items()
        }
        self.attempt("report", lambda: self.world.report(marks), {"marks": words})
        self._claim_if_traced()

    def do_settle(self) -> None:
        self._wait_for_interval()
        self.attempt("settle", self.world.settle, {})
        self._claim_if_traced()

    def _redeem_wallet(self, market: Market) -> None:
        """A wallet's owner redeems: by the rules, redeeming an account's tokens does both."""
        if not market.is_delegated:
            return
        before = self.world.held(market.name)
        self.world.redeem(market.name)
        if self.scribe and self.world.held(market.name) != before:
            self.scribe.write("redeem", market=market.name)

    def do_redeem(self, market: int) -> None:
        chosen = self.open_market(market)
        if chosen is None or self.failing.get(chosen.name):
            return
        if chosen.is_delegated:
            self._redeem_wallet(chosen)
            return
        self.attempt("redeem", lambda: self.world.redeem(chosen.name), {"market": chosen.name})

    def do_harvest(self, market: int) -> None:
        chosen = self.open_market(market)
        if chosen is None or self.failing.get(chosen.name):
            return
        self._redeem_wallet(chosen)
        exposure = self.world.vault.bookOf(chosen.id)[0]
        if self.traced and abs(self.proven(chosen) - exposure) < CLOSE_BY:
            return
        self.attempt("harvest", lambda: self.world.harvest(chosen.name), {"market": chosen.name})

    def proven(self, market: Market) -> int:
        """Return what an account would hold of collateral once it has redeemed."""
        held = self.world.held(market.name)
        total = held.cash
        for condition, (yes, of) in market.resolved.items():
            total += held.tokens[2 * condition] * yes // of
            total += held.tokens[2 * condition + 1] * (of - yes) // of
        return total

    def do_close(self, market: int, by: str) -> None:
        chosen = self.open_market(market)
        if chosen is None or (self.traced and self.failing.get(chosen.name)):
            return
        if not self.failing.get(chosen.name):
            self._redeem_wallet(chosen)
        held = self.world.held(chosen.name)
        if self.traced and any(0 < amount < CLOSE_BY for amount in held.tokens):
            return
        who = {"mallory": "anyone", "its keeper": "keeper"}.get(by, by)
        done = self.attempt(
            "close",
            lambda: self.world.close(chosen.name, self.person(by, chosen)),
            {"market": chosen.name, "by": who},
        )
        if done and who in ("anyone", "keeper"):
            open = [i for i in range(len(chosen.conditions)) if i not in chosen.resolved]
            if chosen.owns_wallet:  # closing empties an open one
                held = self.world.held(chosen.name)
            left = [each for i in open for each in held.inside[2 * i : 2 * i + 2]]
            away = self.away(chosen, held)
            assert not any(left) and not away, f"closed by {who} with {left}, {away}"
            assert not open or who == "keeper", "closed by a stranger before the payout"

    @staticmethod
    def away(market: Market, held: Held) -> int:
        """Return what a market's wallet holds, tokens at their payout, else at 1; of an account's
        own wallet less than one unit counts as nothing."""
        total = held.away
        for index, (all_, inside) in enumerate(zip(held.tokens, held.inside, strict=True)):
            yes, of = market.resolved.get(index // 2, (0, 0))
            paid = (yes, of) if index % 2 == YES else (of - yes, of)
            total += (all_ - inside) * paid[0] // of if of else all_ - inside
        return 0 if market.owns_wallet and total < UNIT else total

    def do_sweep(self, market: int) -> None:
        chosen = self.any_market(market)
        if chosen is not None and not self.failing.get(chosen.name):
            self._sweep(chosen)

    def _sweep(self, market: Market) -> None:
        self._redeem_wallet(market)
        self.attempt("sweep", lambda: self.world.sweep(market.name), {"market": market.name})

    # acts of owner and guardian

    def do_halt(self, market: int, by: str) -> None:
        chosen = self.open_market(market)
        if chosen is not None and not self.failing.get(chosen.name):
            self.attempt("halt", lambda: self.world.halt(chosen.name, self.person(by, chosen)))

    def do_forgive(self, kind: int, amount: int) -> None:
        words = {"class": str(kind), "amount": amount}
        self.attempt("forgive", lambda: self.world.forgive(kind, amount), words)

    def do_pause(self) -> None:
        paused = self.world.vault.paused()
        self.attempt("pause", self.world.unpause if paused else self.world.pause)
        if self.scribe:
            self.scribe.write("pause", value=not paused)

    def do_drop_reporter(self) -> None:
        gone = self.world.vault.reporter() == NOBODY
        address = self.world.who["reporter"] if gone else NOBODY
        owner = self.world.who["owner"]
        self.attempt("reporter", lambda: self.world.vault.setReporter(address, sender=owner))
        if self.scribe:
            self.scribe.write("reporter", value=gone)

    def do_limit(self, which: int, value: int) -> None:
        name, values = LIMITS[which]
        new = values[value % len(values)]
        self.attempt("limit", lambda: self.world.set_limit(name, new))
        if self.scribe:
            self.scribe.write("rules", set={RULES[name]: new})

    def do_class_cap(self, kind: int, bps: int) -> None:
        terms = self.world.kinds[kind]
        caps = (terms.market_cap, terms.market_cap_bps, terms.class_cap, bps)
        owner = self.world.who["owner"]
        self.attempt("class", lambda: self.world.vault.setClassCaps(kind, caps, sender=owner))
        if self.scribe:
            self.scribe.write("class", **{"class": str(kind), "set": {"cap_bps": bps}})

    def do_wind_down(self, by: str) -> None:
        who = "anyone" if by == "mallory" else by
        self.attempt("wind_down", lambda: self.world.wind_down(by), {"by": who})


def lived(
    chance: random.Random, steps: int, *, traced: bool = False, ends: bool = False, **scene: Any
) -> Life:
    """Return a life some way in: first a large deposit, then chance."""
    life = Life(traced, **scene)
    begin(life)
    for step in range(steps):
        life.step(chance, late=ends and step > steps * 2 // 3)
    return life


def begin(life: Life) -> None:
    """Alice, Bob and Erin come with 1,000,000, 300,000 and 200,000. Erin stays for ever."""
    life.act("deposit", {"who": "alice", "amount": 10**6 * UNIT})
    life.act("deposit", {"who": "bob", "amount": 3 * 10**5 * UNIT})
    life.act("deposit", {"who": "erin", "amount": 2 * 10**5 * UNIT})
    life.act("settle", {})
    life.act("wait", {"seconds": HOUR})
    life.act("settle", {})
    life.world.claim_all(*HOLDERS)


def shortest(acts: Sequence[Act], fails: Callable[[Sequence[Act]], bool]) -> list[Act]:
    """Return the acts without those that the failure does not need."""
    kept = list(acts)
    size = len(kept) // 2
    while size:
        at = 0
        while at < len(kept):
            shorter = kept[:at] + kept[at + size :]
            if fails(shorter):
                kept = shorter
            else:
                at += size
        size //= 2
    return kept
