"""Searches what a coalition can take: random plays, then the best of them changed step by step.

A play is a sequence of steps from a scene's beginning, once or several times over. What it takes is
what the coalition truly has more at its end; the bound is DESIGN 2.7, (1) to (3), for the scene and
the time that the play lasts. Steps are counted when the contracts accept them.
"""

import math
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.search.arena import (
    BINARY,
    BPS,
    COMER,
    DAY,
    DELEGATED,
    DEPOSIT,
    DUST,
    FOREVER,
    HOLDERS,
    MAX_DOWN,
    MAX_INFLOW,
    MAX_PREMIUM,
    PRICE,
    PURSE,
    REDEEM,
    SCENES,
    SMALL,
    TERMS,
    TIMELOCK,
    VIRTUAL,
    WALLET,
    WALLETS,
    Arena,
    Terms,
)
from tests.search.machine import Refused, reason
from tests.search.moves import (
    ANYBODY,
    GENTLE,
    MEMBERS,
    MOVES,
    OF_OWNED,
    Broken,
    Gene,
    random_gene,
    random_phrase,
)

COALITIONS: tuple[tuple[str, ...], ...] = (
    ("strangers",),
    ("friend",),
    ("friend", "venue"),
    ("friend", "guardian"),
    ("friend", "owner", "manager"),
    ("friend", "manager"),
    ("strangers", "reporter"),
    ("friend", "reporter"),
    ("friend", "reporter", "guardian"),
    ("friend", "reporter", "manager"),
    ("friend", "reporter", "guardian", "owner", "manager"),
    ("friend", "one keeper"),
    ("friend", "one keeper", "reporter"),
    ("friend", "keepers"),
    ("friend", "keepers", "reporter"),
    ("friend", "keepers", "reporter", "day"),
    ("friend", "keepers", "reporter", "manager"),
    ("friend", "keepers", "reporter", "guardian"),
    ("friend", "keepers", "reporter", "guardian", "owner", "manager"),
)


def scenes(members: tuple[str, ...]) -> list[str]:
    """Return the scenes in which a coalition is worth its steps: who only manages needs fees."""
    if members[-1] == "manager" and not {"owner"} & set(members):
        return ["paid", "paid_in_loss"]
    return list(SCENES)


LONGEST, PATIENCE = 24, 150
SLACK = 10**9  # 1 / SLACK of a share's value, and of a taking: rounding
MONEY = 100  # rounding of assets, units


@dataclass(frozen=True)
class Bound:
    """What a coalition may take at most in a scene, in assets.

    Attributes:
        value: the larger of true value and cost in accounts that it reaches; of the others, what
            hidden loss there is, as far as marks can be lies, and, where it has a keeper or the
            venue, what unproven profit
        room: what the caps still let into the accounts that it reaches, once those have left who do
        dealers: what those lose who come and leave meanwhile, by (3), and holders by newcomers
        fees: the performance fee on what profit there truly is, which nobody takes in wind-down
        own: what of the value is the holder's among them already, or can only be lost by others
        diluted: unproven profit of others that a report can hide while newcomers come
        nav: idle and cost at the beginning
        inflow: what the inflow room holds then
    """

    value: int
    room: int
    dealers: int
    fees: int
    own: int = 0
    diluted: int = 0
    nav: int = 1
    inflow: int = 0

    def after(self, seconds: int) -> "Bound":
        """Return the bound of a play that lasts so long: newcomers bring what the inflow room holds
        and a day's room a day, of a NAV that grows by it, and share the hidden profit."""
        if not self.diluted:
            return self
        grown = (1 + self.inflow / self.nav) * math.exp(MAX_INFLOW / BPS * seconds / DAY)
        lost = math.ceil(self.diluted * (1 - 1 / grown))
        return replace(self, dealers=self.dealers + lost, diluted=0)

    @property
    def total(self) -> int:
        return self.value + self.room + self.dealers + self.fees

    @property
    def sharp(self) -> int:
        """What follows from the bound for this coalition: nobody takes what is his own."""
        return self.total - self.own


@dataclass
class Found:
    """The most that a search has found, what is above its bound first.

    Attributes:
        bound: of a play of that length
        above: by how much it exceeds what follows from the bound
        accepted: steps that the contracts accepted, by move
        refused: likewise
    """

    bound: Bound
    taken: int = -(10**30)
    genes: list[Gene] = field(default_factory=list)
    above: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    broken: str = ""

    @property
    def steps(self) -> int:
        return self.accepted.total()


def bound(a: Arena, members: tuple[str, ...]) -> Bound:
    """Return the bound of a coalition in the scene as it is."""
    value = profit = hidden = room = gain = 0
    for market in a.state.markets:
        true, cost = a.inside(market), a.exposure(market)
        if market.class_id == DELEGATED:
            true += sum(a.holdings(a.who[each], market.conditions) for each in WALLETS)
        if (
            "keepers" in members
            or ("venue" in members and market.class_id != DELEGATED)
            or ("one keeper" in members and market.class_id == SMALL)
        ):
            value += max(true, cost)
            gain += max(0, true - cost)
        else:
            profit += max(0, true - cost)
            hidden += max(0, cost - true)
    fees = 0 if "manager" in members else profit * a.terms.performance // BPS
    if "keepers" in members:
        room = a.room(BINARY)
    elif "one keeper" in members:
        room = a.room(SMALL)
    if room:
        # counted losses are a share's: friend and leaver may take their part of them along
        book = a.machine.read_all(a.vault, "classBook(uint256)", SMALL)
        losses = a.view("totalLosses()") if "keepers" in members else book[1]
        room += losses - losses * a.view("balanceOf(address)", a.who["vic"]) // a.view(
            "totalSupply()"
        )
    if "day" in members:
        room = min(room, a.terms.velocity - a.view("recentAllocation()"))
    if not {"keepers", "one keeper", "venue", "reporter"} & set(members):
        # marks are the truth: whoever leaves forfeits his part of a profit not home, whoever comes
        # buys at cost at least
        leaving = a.view("balanceOf(address)", a.who["leaver"])
        forfeit = profit * leaving // a.view("totalSupply()")
        overpaid = hidden * COMER // (a.view("totalAssets()") + COMER)
        return Bound(0, 0, forfeit + overpaid, fees)
    dealers = COMER * MAX_PREMIUM // BPS + HOLDERS["leaver"] * MAX_DOWN // BPS
    part, supply = a.view("balanceOf(address)", a.who["friend"]), a.view("totalSupply()")
    if not {"keepers", "one keeper", "venue"} & set(members):
        nav = a.view("total_idle()") + a.view("totalExposure()")
        if "guardian" in members:  # what he closes counts nowhere any more
            profit += nav * DUST // BPS
        return Bound(
            hidden,
            0,
            dealers + profit * a.view("balanceOf(address)", a.who["leaver"]) // supply,
            fees,
            hidden * (supply - part) // supply,
            profit * (supply - part) // supply,
            nav,
            min(a.view("inflowRoom()"), nav * MAX_INFLOW // BPS),
        )
    own = (gain + profit) * part // supply * (BPS - a.terms.performance) // BPS
    own += hidden * (supply - part) // supply
    return Bound(value + profit + hidden, room, dealers, fees, own)


class Attacker:
    """One coalition in one scene."""

    def __init__(
        self,
        scene: str,
        members: tuple[str, ...],
        seed: int,
        loops: int = 1,
        arena: Any = Arena,
        contracts: Any = None,
    ) -> None:
        self.members = members
        self.loops = loops
        self.rng = random.Random(f"{seed} {scene} {' '.join(members)} {loops}")
        self.arena = a = arena(contracts, TERMS.get(scene, Terms()))
        a.honest_wallets = "keepers" not in members
        SCENES[scene](a)
        if "strangers" in members:
            friend = a.who["friend"]
            a.do(
                *("friend", "transfer(address,uint256)"),
                *(a.who["vic"], a.view("balanceOf(address)", friend)),
            )
        self.scene = scene
        self.start = a.machine.time
        self.state = a.state
        self.bound = bound(a, members)
        moves = (*ANYBODY, *(move for each in members for move in MEMBERS[each]))
        if "reporter" in members:
            moves = (*(move for move in moves if move.__name__ != "report"), moves[0])
        self.names = [move.__name__ for move in moves]
        if a.terms.accounts != WALLET:
            self.names = [name for name in self.names if name not in OF_OWNED]
        self.horizon = FOREVER
        if "day" in members:
            self.horizon = DAY
        elif "owner" in members:
            self.horizon = TIMELOCK - 1
        self.holders = ("friend", "manager") if "manager" in members else ("friend",)
        self.pockets = (PURSE, *(a.who[w] for w in WALLETS)) if not a.honest_wallets else (PURSE,)
        self.pockets += (a.who["owner"],) if "owner" in members else ()
        self.nav = a.true_nav()
        self.before = a.wealth(self.holders, self.pockets)
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.lasted = 0  # seconds of the last play
        self.allowed = 0  # what one of that length may take
        self.played: list[Gene] = []
        self.booked: tuple[int, int] | None = None

    # a play

    def play(self, genes: list[Gene], careful: bool = False) -> int:
        """Return what the coalition takes by a play; `allowed` is then what it may.

        Raises:
            Broken: a promise besides the bound does not hold.
        """
        a = self.arena
        a.end = min(FOREVER, self.start + self.horizon)
        a.state = self.state.copy()
        self.booked, self.played = None, genes
        point = a.machine.snapshot()
        try:
            for _ in range(self.loops):
                for gene in genes:
                    self._step(gene)
            taken = a.wealth(self.holders, self.pockets) - self.before - self._management()
            self.lasted = a.machine.time - self.start
            self.allowed = self.bound.after(self.lasted).sharp + MONEY
            if careful:
                self._check_solvent()
                self._check_door()
            return taken
        finally:
            a.machine.undo(point)
            a.machine.at(self.start)

    def _management(self) -> int:
        """Return the most that the management fee of the play's time takes from the others."""
        rate = self.arena.terms.management
        if not rate or "manager" not in self.members:
            return 0
        elapsed = self.arena.machine.time - self.start
        return self.nav * rate * elapsed // (BPS * 365 * DAY)

    def _step(self, gene: Gene) -> None:
        a = self.arena
        name, which, amount, code = gene
        move = MOVES[name]
        if name == "open_next" or name == "open_again":
            code = code - code % 4 + 3 if "one keeper" in self.members else code
        if "one keeper" in self.members and move in MEMBERS["keepers"]:
            small = [n for n, m in enumerate(a.state.markets) if m.class_id == SMALL]
            if small:
                which = small[which % len(small)]
            elif name != "open_next":
                return
        gentle = name in GENTLE and not a.terms.management
        if gentle and self.booked is None:
            self.booked = self._booked()
        try:
            move(a, which, amount, code)
        except Refused:
            self.refused[name] += 1
            return
        self.accepted[name] += 1
        before, self.booked = self.booked, None
        if gentle and before is not None:
            self._check_not_diluted(name, *before)
        elif name in ("report", "lie", "settle"):
            self._check_bid()

    # promises besides the bound

    def _booked(self) -> tuple[int, int]:
        """Return NAV at the bid and shares, the virtual ones included."""
        a = self.arena
        return a.view("totalAssets()") + 1, a.view("totalSupply()") + VIRTUAL

    def _check_not_diluted(self, name: str, nav: int, shares: int) -> None:
        nav_now, shares_now = self.booked = self._booked()
        if nav_now * shares < nav * shares_now - nav * shares_now // SLACK - MONEY * shares:
            raise Broken(f"{name} dilutes")

    def _check_bid(self) -> None:
        a = self.arena
        bid = a.bid()
        cost = a.view("total_idle()") + a.view("totalExposure()") + 1
        most = cost * PRICE // (a.view("totalSupply()") + VIRTUAL)
        if bid > most + most // SLACK + PRICE // VIRTUAL // SLACK:
            raise Broken("bid above cost")

    def _check_solvent(self) -> None:
        a = self.arena
        owed = a.view("total_idle()") + a.view("claimable_assets()")
        for name in (*HOLDERS, "comer"):
            for epoch in a.epochs(DEPOSIT, name):
                own = a.who[name]
                owed += a.view("pendingDepositRequest(uint256,address)", epoch, own)
        if a.balance(a.vault) < owed:
            raise Broken("assets missing")

    def _check_door(self) -> None:
        """Whatever has happened, the others leave in kind; honest reports are taken, and what still
        waits then can be taken back."""
        a = self.arena
        vic, leaver, comer = a.who["vic"], a.who["leaver"], a.who["comer"]
        a.end = FOREVER
        try:
            for epoch in a.epochs(REDEEM, "leaver"):
                if a.view("pendingRedeemRequest(uint256,address)", epoch, leaver):
                    a.do(
                        *("leaver", "redeemRequestInKind(uint256,address,address,bytes32[])"),
                        *(epoch, leaver, leaver, 128, 0),
                    )
            half = a.view("balanceOf(address)", vic) // 2
            a.do("vic", "redeemInKind(uint256,address,bytes32[])", half, vic, 96, 0)
            for _ in range(2):
                if a.view("reporter()"):
                    a.wait(DAY)
                    a.report(a.honest_marks())
            a.claim("comer")
            a.claim("leaver")
            for epoch in a.epochs(DEPOSIT, "comer"):
                a.do("comer", "cancelDepositRequest(uint256,address,address)", epoch, comer, comer)
        except Refused as refused:
            raise Broken(f"a door is shut: {reason(refused)}") from refused

    # the search

    def _changed(self, genes: list[Gene]) -> list[Gene]:
        rng = self.rng
        new = list(genes)
        kind = rng.random()
        if kind < 0.3 and len(new) < LONGEST:
            place = rng.randrange(len(new) + 1)
            new[place:place] = random_phrase(rng, self.names)[: LONGEST - len(new)]
        elif kind < 0.45 and len(new) > 2:
            del new[rng.randrange(len(new))]
        elif kind < 0.55 and len(new) > 1:
            i, j = rng.randrange(len(new)), rng.randrange(len(new))
            new[i], new[j] = new[j], new[i]
        elif kind < 0.8:
            i = rng.randrange(len(new))
            other, place = random_gene(rng, self.names), rng.randrange(1, 4)
            new[i] = tuple(  # type: ignore[assignment]
                other[n] if n == place else new[i][n] for n in range(4)
            )
        else:
            new[rng.randrange(len(new))] = random_gene(rng, self.names)
        return new

    def _climbs(self, first: list[Gene]) -> Iterator[tuple[int, list[Gene]]]:
        """Yield every play's taking, for ever: `first`, then random ones, each improved until it no
        longer gets better; now and then the best so far crossed with a random one. Where the bound
        grows with time, half of them look for the most of what a play of its length may take."""
        rng = self.rng
        best: tuple[int, list[Gene]] = (-(10**30), [])
        while True:
            genes, first = first, []
            for _ in range(0 if genes else rng.randrange(2, 12)):
                genes = genes + random_phrase(rng, self.names)
            if best[1] and rng.random() < 0.5:
                cut = rng.randrange(len(best[1]) + 1)
                genes = (best[1][:cut] + genes)[:LONGEST]
            timed = bool(self.bound.diluted) and rng.random() < 0.5
            taken = self.play(genes)
            yield taken, genes
            score = taken - timed * self.allowed
            idle = 0
            while idle < PATIENCE:
                trial = self._changed(genes)
                for _ in range(rng.randrange(3)):
                    trial = self._changed(trial)
                got = self.play(trial, careful=rng.random() < 0.02)
                yield got, trial
                better = got - timed * self.allowed
                idle = 0 if better > score else idle + 1
                if better >= score:
                    genes, taken, score = trial, got, better
            best = max(best, (taken, genes), key=lambda each: each[0])

    def search(self, steps: int, enough: int | None = None, first: Sequence[Gene] = ()) -> Found:
        """Search for `steps` accepted steps, from `first` on, or until more than `enough` is
        taken, or more than the bound."""
        found = Found(self.bound)
        begun = time.monotonic()
        self.accepted, self.refused = found.accepted, found.refused
        climbs = self._climbs(list(first))
        try:
            for taken, genes in climbs:
                above = max(0, taken - self.allowed)
                if (above, taken) > (found.above, found.taken):
                    found.above, found.taken, found.genes = above, taken, genes
                    found.bound = self.bound.after(self.lasted)
                if above or found.steps >= steps or (enough is not None and taken > enough):
                    break
        except Broken as broken:
            found.broken = str(broken)
            found.genes = self.played
        found.seconds = time.monotonic() - begun
        return found

    def least(self, genes: list[Gene]) -> list[Gene]:
        """Return a play without the steps that do not help it above its bound."""
        above, i = self.play(genes) - self.allowed, 0
        while i < len(genes):
            fewer = genes[:i] + genes[i + 1 :]
            if fewer and self.play(fewer) - self.allowed >= above:
                genes = fewer
            else:
                i += 1
        return genes
