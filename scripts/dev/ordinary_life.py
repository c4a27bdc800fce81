"""What the rules cost honest people: months of ordinary life on the vault's bytecode, in bps.

    python -m scripts.dev.ordinary_life                        three strategies, 120 days, 2 lives
    python -m scripts.dev.ordinary_life --days 30 --lives 1    a look
    python -m scripts.dev.ordinary_life --json

A vault of 1,000,000 pUSD with the safe defaults and 2/20, one report every six hours. A price is
the chance that it says, and moves as a martingale until the market resolves; marks are half a cent
around it. Every day somebody brings 20,000, somebody leaves in cash; every fourth day somebody
leaves in kind. A share's fair value is what idle and all positions are worth at their chances, less
the performance fee that is still due on it. Positive figures are what the rules took from people.
"""

import json
from dataclasses import dataclass, field
from random import Random
from statistics import mean

import click
from rich.console import Console
from rich.table import Table
from strongroom.chain.units import MICRO

from tests.property.evm import Reverted
from tests.property.world import (
    BPS,
    DAY,
    DEPOSIT,
    HOUR,
    PRICE,
    REDEEM,
    SHARE,
    UNIT,
    VIRTUAL,
    WAD,
    YES,
    Kind,
    World,
)

STEP = 6 * HOUR
TICKET = 20_000 * UNIT
TICK = WAD // MICRO


@dataclass(frozen=True)
class Strategy:
    """What a keeper buys: YES between `low` and `high`, for `shortest` to `longest` days.

    Attributes:
        paid: part of its chance that is paid for a token; less than 1 is an edge
        stop: chance under which it is sold again
        part: of NAV that goes into a market, bps
    """

    low: float
    high: float
    shortest: int
    longest: int
    paid: float = 1.0
    stop: float = 0.0
    part: int = 300


STRATEGIES = {
    "favourites": Strategy(0.94, 0.98, 2, 20, paid=0.985, part=500),
    "even": Strategy(0.30, 0.70, 10, 60, stop=0.15),
    "informed": Strategy(0.30, 0.70, 10, 60, paid=0.95, stop=0.15),
}


@dataclass
class Costs:
    """What people paid, bps of the fair value of what they brought or left with."""

    in_cash: list[float] = field(default_factory=list)  # forfeited by who left in cash
    in_kind: list[float] = field(default_factory=list)
    newcomers: list[float] = field(default_factory=list)  # overpaid
    waited_in: list[float] = field(default_factory=list)  # hours
    waited_out: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)  # of NAV, bps
    handed_back: int = 0
    left_waiting: int = 0


class Life:
    """One vault with one strategy for some months."""

    def __init__(self, strategy: Strategy, seed: int) -> None:
        self.s, self.random = strategy, Random(seed)
        kinds = [Kind("binary", "keeper", market_cap_bps=1_000, duration=100 * DAY)]
        caps = {"total_cap": 2**96 - 1, "velocity": 2**96 - 1}
        self.world = World(kinds=kinds, **caps)
        self.world.evm.keeps_logs = False
        self.costs = Costs()
        self.chances: dict[str, tuple[float, int]] = {}  # open market -> chance, when it ends
        self.waiting: dict[str, tuple[int, int]] = {}  # who -> side, since
        self.people = 0
        self._first()

    def _first(self) -> None:
        self.world.request(DEPOSIT, "alice", 1_000_000 * UNIT)
        for _ in range(2):
            self.world.settle()
            self.world.wait(HOUR)
        self.world.claim_all("alice")

    # value

    def fair(self) -> float:
        """Return the fair value of one whole share, assets."""
        vault = self.world.vault
        worth = float(vault.total_idle())
        for name, (chance, _) in self.chances.items():
            held = self.world.held(name)
            worth += held.cash + held.tokens[0] * chance + held.tokens[1] * (1 - chance)
        price = worth * SHARE / (vault.totalSupply() + VIRTUAL)
        mark = vault.highWaterMark()
        return price - max(0.0, price - mark) * self.world.fees[1] / BPS

    # a step

    def step(self) -> None:
        self.world.wait(STEP)
        self._walk()
        self._trade()
        self._come_and_go()
        marks = {name: {0: self._mark(chance)} for name, (chance, _) in self.chances.items()}
        self.world.report(marks)
        self._served()
        nav = max(1, self.world.vault.totalAssets())
        self.costs.losses.append(self.world.vault.totalLosses() * BPS / nav)

    @staticmethod
    def _mark(chance: float) -> tuple[int, int]:
        bid, ask = max(0.0, chance - 0.005), min(1.0, chance + 0.005)
        return int(bid * MICRO) * TICK, int(ask * MICRO) * TICK

    def _walk(self) -> None:
        for name, (chance, end) in list(self.chances.items()):
            if self.world.now >= end:
                self.world.resolve(name, yes=int(self.random.random() < chance))
                self._close(name)
                continue
            move = self.random.choice((-1, 1)) * 0.06 * chance * (1 - chance)
            chance = min(0.995, max(0.005, chance + move))
            self.chances[name] = (chance, end)
            if chance < self.s.stop:
                tokens = self.world.held(name).tokens[0]
                got = int(tokens * chance)
                self.world.trade(name, cash=got, tokens={(0, YES): -tokens})
                self._close(name, by="keeper")

    def _close(self, name: str, by: str = "mallory") -> None:
        self.world.close(name, by=by)
        del self.chances[name]

    def _trade(self) -> None:
        if self.random.random() > 0.4:
            return
        chance = self.random.uniform(self.s.low, self.s.high)
        name = f"market {len(self.world.markets)}"
        amount = self.world.vault.totalAssets() * self.s.part // BPS
        end = self.world.now + self.random.randint(self.s.shortest, self.s.longest) * DAY
        self.world.open(name, duration=90 * DAY)
        try:
            self.world.allocate(name, amount)
        except Reverted:  # a cap
            self.world.close(name, by="keeper")
            return
        bought = int(amount / (chance * self.s.paid))
        self.world.trade(name, cash=-amount, tokens={(0, YES): bought})
        self.chances[name] = (chance, end)

    def _come_and_go(self) -> None:
        if self.random.random() < STEP / DAY:
            who = f"newcomer {self.people}"
            self.people += 1
            self.world.fund(who, TICKET)
            self.world.request(DEPOSIT, who, TICKET)
            self.waiting[who] = (DEPOSIT, self.world.now)
        holders = [f"newcomer {number}" for number in range(self.people)]
        holders = [who for who in holders if who not in self.waiting and self.world.shares(who)]
        if holders and self.random.random() < STEP / DAY:
            who = self.random.choice(holders)
            self.world.request(REDEEM, who, self.world.shares(who))
            self.waiting[who] = (REDEEM, self.world.now)
            holders.remove(who)
        if holders and self.random.random() < STEP / DAY / 4:
            self._leave_in_kind(self.random.choice(holders))

    def _leave_in_kind(self, who: str) -> None:
        shares, fair = self.world.shares(who), self.fair()
        before = self.world.cash(who)
        self.world.leave(who, shares)
        got = float(self.world.cash(who) - before)
        for name, (chance, _) in self.chances.items():
            tokens = self.world.markets[name].tokens
            for token, worth in zip(tokens, (chance, 1 - chance), strict=True):
                got += self.world.ctf.balanceOf(self.world.who[who], token) * worth
        self.costs.in_kind.append((1 - got * SHARE / (shares * fair)) * BPS)

    def _served(self) -> None:
        """Whoever was dealt with claims; whoever was handed back asks again."""
        world, fair = self.world, self.fair()
        for who, (side, since) in list(self.waiting.items()):
            taken, given = world.claimable(side, who)
            if taken:
                world.claim(side, who, taken)
                hours = (world.now - since) / HOUR
                if side == DEPOSIT:
                    self.costs.newcomers.append((1 - given * fair / SHARE / taken) * BPS)
                    self.costs.waited_in.append(hours)
                else:
                    self.costs.in_cash.append((1 - given * SHARE / (taken * fair)) * BPS)
                    self.costs.waited_out.append(hours)
            if not world.pending(side, who):
                del self.waiting[who]
                continue
            for epoch in world.pending(side, who):
                if world.vault.epochOf(side, epoch)[4]:
                    self.costs.handed_back += 1
                    world.request(side, who, world.cancel(side, epoch, who))

    def run(self, days: int) -> Costs:
        for _ in range(days * DAY // STEP):
            self.step()
        self.costs.left_waiting = len(self.waiting)
        return self.costs


def high(values: list[float], part: float) -> float:
    """Return the value that `part` of them do not exceed; 0 of none."""
    found = sorted(values)
    return found[int(part * (len(found) - 1))] if found else 0.0


def measured(name: str, days: int, lives: int, seed: int) -> dict[str, object]:
    """Live `lives` lives of one strategy; return one row."""
    every = [Life(STRATEGIES[name], seed + number).run(days) for number in range(lives)]
    row: dict[str, object] = {"strategy": name}
    for key in ("in_cash", "in_kind", "newcomers", "waited_in", "waited_out", "losses"):
        values = [value for costs in every for value in getattr(costs, key)]
        row[key] = {
            "count": len(values),
            "mean": round(mean(values), 1) if values else None,
            "p95": round(high(values, 0.95), 1),
            "most": round(max(values, default=0.0), 1),
        }
    row["handed_back"] = sum(costs.handed_back for costs in every)
    row["left_waiting"] = sum(costs.left_waiting for costs in every)
    return row


@click.command(help=__doc__)
@click.option("--days", default=120, show_default=True)
@click.option("--lives", default=2, show_default=True, help="Lives of each strategy.")
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print data.")
def main(days: int, lives: int, seed: int, as_json: bool) -> None:
    rows = []
    for name in STRATEGIES:
        click.echo(f"{name}: {lives} lives of {days} days ...", err=True)
        rows.append(measured(name, days, lives, seed))
    if as_json:
        click.echo(json.dumps({"days": days, "lives": lives, "seed": seed, "rows": rows}, indent=1))
        return
    title = f"What the rules cost, bps: mean / p95 / most ({days} days, seed {seed})"
    heads = ("strategy", "left in cash", "left in kind", "newcomers")
    heads += ("hours in", "hours out", "losses of NAV", "handed back")
    table = Table(*heads, title=title)
    for row in rows:
        cells = [str(row["strategy"])]
        for key in ("in_cash", "in_kind", "newcomers", "waited_in", "waited_out", "losses"):
            found = row[key]
            assert isinstance(found, dict)
            cells.append(f"{found['mean']} / {found['p95']} / {found['most']} ({found['count']})")
        table.add_row(*cells, f"{row['handed_back']}, {row['left_waiting']} still wait")
    Console(width=180).print(table)


assert PRICE == VIRTUAL * MICRO * SHARE  # one share is one pUSD at first

if __name__ == "__main__":
    main()
