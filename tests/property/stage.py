"""A stage for attacks that are written out: holders, markets at true prices, reports, and what
somebody has in all."""

from typing import Any

from tests.property.world import (
    CENT,
    DEPOSIT,
    HOUR,
    REDEEM,
    SIDES,
    UNIT,
    USERS,
    VIRTUAL,
    YES,
    Market,
    Reverted,
    World,
)

K = 1_000 * UNIT
# Nothing binds: an attack meets the rule that it is about.
WIDE = {
    "total_cap_bps": 10_000,
    "velocity_bps": 10_000,
    "question_cap_bps": 10_000,
    "total_cap": 2**96 - 1,
    "velocity": 2**96 - 1,
}
Cents = int | tuple[int, int]


class Stage:
    """A world with holders, and the truth about its markets.

    Args:
        holders: who -> assets that he comes with
        terms: of the world; no fees unless said otherwise
    """

    def __init__(self, holders: dict[str, int] | None = None, **terms: Any) -> None:
        self.world = World(**{"fees": (0, 0, 0), **terms})
        self.truth: dict[str, list[int]] = {}  # market -> cents of YES, condition by condition
        holders = {"alice": 500 * K, "bob": 500 * K} if holders is None else holders
        for who, assets in holders.items():
            self.world.request(DEPOSIT, who, assets)
        for _ in range(2):
            self.world.settle()
            self.world.wait(HOUR)
        self.world.claim_all(*holders)

    def market(
        self, name: str, cents: list[int], cost: int = 0, spend: bool = True, class_id: int = -1
    ) -> Market:
        """Open a market (an event where it has several prices), send `cost` and buy YES of its
        first condition at that price."""
        if class_id < 0:
            class_id = 0 if len(cents) == 1 else 1
        market = self.world.open(name, class_id, len(cents))
        self.truth[name] = list(cents)
        if cost:
            self.world.allocate(name, cost)
            if spend:
                self.buy(name, 0, cost)
        return market

    def buy(self, name: str, condition: int, cash: int) -> None:
        tokens = cash * 100 // self.truth[name][condition]
        self.world.trade(name, -cash, {(condition, YES): tokens})

    def pay(self, name: str, condition: int, yes: bool) -> None:
        self.world.resolve(name, condition, int(yes))
        self.truth[name][condition] = 100 * yes

    def marks(self, **lies: list[Cents]) -> dict[str, dict[int, tuple[int, int]]]:
        """Return the truth, but for lies: market=[cents of each condition]."""
        found: dict[str, dict[int, tuple[int, int]]] = {}
        for name in self.world.open_names():
            market = self.world.markets[name]
            found[name] = {}
            for condition, cents in enumerate(lies.get(name, self.truth[name])):
                if condition not in market.resolved or name in lies:
                    low, high = cents if isinstance(cents, tuple) else (cents, cents)
                    found[name][condition] = low * CENT, high * CENT
        return found

    def report(self, times: int = 1, hours: int = 1, **lies: list[Cents]) -> None:
        for _ in range(times):
            self.world.wait(hours * HOUR)
            self.world.report(self.marks(**lies))

    def ask(self, side: int, who: str, amount: int = 0) -> int:
        """Request a deposit, or the redemption of all."""
        return self.world.request(side, who, amount or self.world.shares(who))

    def claim(self, *people: str) -> None:
        self.world.claim_all(*(people or USERS))

    def worth(self, name: str) -> int:
        """Return what an account truly holds, its wallet's part included."""
        held = self.world.held(name)
        values = (
            amount * (cents if side == YES else 100 - cents) // 100
            for index, amount in enumerate(held.tokens)
            for condition, side in [divmod(index, 2)]
            for cents in [self.truth[name][condition]]
        )
        return held.cash + held.away + sum(values)

    @property
    def nav(self) -> int:
        """What the vault truly has."""
        return int(self.world.vault.total_idle()) + sum(map(self.worth, self.world.markets))

    def wealth(self, who: str) -> int:
        """Return all that somebody has: money, what waits and can be claimed, shares and outcome
        tokens at their true worth."""
        world = self.world
        shares = world.shares(who) + sum(world.pending(REDEEM, who).values())
        shares += world.claimable(DEPOSIT, who)[1]
        total = world.cash(who) + sum(world.pending(DEPOSIT, who).values())
        total += world.claimable(REDEEM, who)[1]
        for name, market in world.markets.items():
            for index, token in enumerate(market.tokens):
                cents = self.truth[name][index // 2]
                amount = world.ctf.balanceOf(world.who[who], token)
                total += amount * (cents if index % 2 == YES else 100 - cents) // 100
        return int(total + shares * (self.nav + 1) // (world.vault.totalSupply() + VIRTUAL))

    def grab(self, name: str) -> int:
        """The keeper allocates whatever the caps admit; return how much."""
        total, step = 0, 2**44
        while step > UNIT:
            try:
                self.world.allocate(name, step)
                total += step
            except Reverted:
                step //= 2
        return total

    def drain(self, name: str) -> int:
        """The keeper and the venue take all that an account holds; return what it was worth."""
        taken, held = self.worth(name), self.world.held(name)
        for index, amount in enumerate(held.tokens):
            if amount:
                self.world.trade(name, 0, {divmod(index, 2): -amount}, to="thief")
        if held.cash:
            self.world.trade(name, -held.cash, to="thief")
        return taken

    @property
    def functions(self) -> set[str]:
        """The names of the vault's functions."""
        return {
            entry["name"]
            for abi in self.world.vault.abis
            for entry in abi
            if entry["type"] == "function"
        }


__all__ = ["SIDES", "WIDE", "K", "Stage"]
