"""Random walks over ramps, adapters and the negative-risk ledger, and a model of them in plain
Python, from their rules (VENUE c2): what adapters_walks.json says of each step.

Everything is a number by holder and asset. Collateral of all tokens lies with ConditionalTokens,
which no walk watches; "cVault" backs pUSD, "nrVault" gets the fees of conversions.
"""

import random
from collections import defaultdict
from copy import deepcopy
from dataclasses import dataclass, field

from tests.conformance.reading import Json

TOO_LITTLE = "SafeMath: subtraction overflow"  # ConditionalTokens' own words
NO_RESULT = "result for condition not received yet"
BPS = 10_000
AMOUNTS = (0, 1, 1_000_000, 15_458_756, 100_000_000)
USERS = ("A", "B")


class Stopped(Exception):
    """A step is refused; the message is the error's name."""


@dataclass
class Walker:
    """What everybody has, and which results there are.

    Attributes:
        markets: of the file: questions and fee of each event, by name
        results: token without its side ("b0", "n3") -> payouts of YES and NO
        won: events in which a question was YES
    """

    markets: Json
    held: dict[tuple[str, str], int]
    results: dict[str, tuple[int, int]] = field(default_factory=dict)
    won: set[str] = field(default_factory=set)

    def step(self, step: Json) -> None:
        """Take a step, whole or not at all.

        Raises:
            Stopped: see the class.
        """
        before = deepcopy(self.held)
        try:
            getattr(self, "_" + step["do"].removeprefix("nr ").lower())(step)
        except Stopped:
            self.held = before
            raise

    def add(self, who: str, **changes: int) -> None:
        for asset, amount in changes.items():
            if self.held.get((who, asset), 0) + amount < 0:
                raise Stopped(TOO_LITTLE)
            self.held[who, asset] = self.held.get((who, asset), 0) + amount

    def _event(self, step: Json) -> str:
        return str(step.get("market", "nr"))

    def _pair(self, step: Json) -> str:
        letter = self._event(step)[0] if step["do"].startswith("nr ") else "b"
        return f"{letter}{step['c']}"

    def _cash(self, who: str, amount: int) -> None:
        """pUSD comes (or goes), and its backing goes with it."""
        self.add(who, pUSD=amount)
        self.add("cVault", USDCe=amount)

    def _split(self, step: Json) -> None:
        pair, amount = self._pair(step), step["amount"]
        self._cash(step["user"], -amount)
        self.add(step["user"], **{f"{pair}Y": amount, f"{pair}N": amount})

    def _merge(self, step: Json) -> None:
        pair, amount = self._pair(step), step["amount"]
        self.add(step["user"], **{f"{pair}Y": -amount, f"{pair}N": -amount})
        self._cash(step["user"], amount)

    def _redeem(self, step: Json) -> None:
        """All of both outcomes, each rounded down."""
        pair, user = self._pair(step), step["user"]
        if pair not in self.results:
            raise Stopped(NO_RESULT)
        payouts, paid = self.results[pair], 0
        for side, payout in zip("YN", payouts, strict=True):
            amount = self.held.get((user, pair + side), 0)
            paid += amount * payout // sum(payouts)
            self.add(user, **{pair + side: -amount})
        self._cash(user, paid)

    def _convert(self, step: Json) -> None:
        """NO of the set in, YES of all others and a dollar for each NO but one out, less the fee.
        What is there of the set is taken before the set is judged."""
        name, user, amount = self._event(step), step["user"], step["amount"]
        count, letter = self.markets[name]["questions"], name[0]
        fee = amount * self.markets[name]["feeBips"] // BPS
        taken = [i for i in range(count) if step["indexSet"] >> i & 1]
        for index in taken:
            self.add(user, **{f"{letter}{index}N": -amount})
        if not 0 < step["indexSet"] < 1 << count:
            raise Stopped("InvalidIndexSet")
        for index in range(count):
            if index not in taken:
                self.add(user, **{f"{letter}{index}Y": amount - fee})
                self.add("nrVault", **{f"{letter}{index}Y": fee})
        self._cash(user, (len(taken) - 1) * (amount - fee))
        self.add("nrVault", USDCe=(len(taken) - 1) * fee)

    def _report(self, step: Json) -> None:
        name = self._event(step)
        if step["outcome"]:
            if name in self.won:
                raise Stopped("MarketAlreadyDetermined")
            self.won.add(name)
        self.results[self._pair(step)] = (1, 0) if step["outcome"] else (0, 1)

    def _reportpayouts(self, step: Json) -> None:
        pair = f"b{step['c']}"
        if pair in self.results:
            raise Stopped("payout denominator already set")
        self.results[pair] = tuple(step["payouts"])

    def _transfer(self, step: Json) -> None:
        other = "B" if step["user"] == "A" else "A"
        self.add(step["user"], **{step["token"]: -step["amount"]})
        self.add(other, **{step["token"]: step["amount"]})

    def _wrap(self, step: Json) -> None:
        self.add(step["user"], USDCe=-step["amount"])
        self._cash(step["to"], step["amount"])

    def _unwrap(self, step: Json) -> None:
        self._cash(step["user"], -step["amount"])
        self.add(step["to"], USDCe=step["amount"])


def walker(found: Json) -> Walker:
    """Return one at the start of a file's walks."""
    held = {
        (name, asset): int(amount)
        for name, holds in found["start"].items()
        for asset, amount in holds.items()
    }
    return Walker(found["markets"], held)


def reckoned(found: Json, walk: Json) -> Json:
    """Return a walk with the model's outcomes in place of its own."""
    model, steps = walker(found), []
    for step in walk["steps"]:
        asked = {name: each for name, each in step.items() if name not in ("ok", "error", "delta")}
        before, told = dict(model.held), {"ok": True}
        try:
            model.step(asked)
        except Stopped as stopped:
            told = {"ok": False, "error": str(stopped)}
        delta: dict[str, dict[str, int]] = defaultdict(dict)
        for (who, asset), amount in model.held.items():
            if change := amount - before.get((who, asset), 0):
                delta[who][asset] = change
        steps.append({**asked, **told, "delta": dict(delta)})
    return {"id": walk["id"], "steps": steps}


def walk(found: Json, number: int, seed: int) -> Json:
    """Return a random walk without outcomes. Nobody spends pUSD or USDC.e that he lacks, and no
    question is reported twice: how that is refused was not recorded."""
    chance, model = random.Random(f"{seed} walk {number}"), walker(found)
    steps: list[Json] = []
    for _ in range(chance.randint(8, 25)):
        step = _any_step(found, chance, model)
        if step is None:
            continue
        steps.append(step)
        try:
            model.step(step)
        except Stopped:
            continue
    return {"id": number, "steps": steps}


def _any_step(found: Json, chance: random.Random, model: Walker) -> Json | None:
    kinds = ("split", "merge", "redeem", "nr split", "nr split", "nr split", "nr merge")
    kinds += ("nr redeem", "nr convert", "nr convert", "nr convert", "nr report", "reportPayouts")
    do, user = chance.choice((*kinds, "transfer", "wrap", "unwrap")), chance.choice(USERS)
    step: Json = {"do": do, "user": user, "amount": _amount(chance, model, user)}
    if do.startswith("nr "):
        name = chance.choice([each for each in found["markets"] if each != "binary"])
        count = found["markets"][name]["questions"]
        step |= {"market": name, "c": chance.randrange(count)}
        if do == "nr convert":
            index_set = chance.choice((chance.randrange(1 << count + 1), 0, 1 << count, 1, 3))
            step |= {"indexSet": index_set}
            held = [
                model.held.get((user, f"{name[0]}{i}N"), 0)
                for i in range(count)
                if index_set >> i & 1
            ]
            if held and chance.random() < 0.8:
                step["amount"] = chance.choice((min(held), min(held) // 2, min(held) + 1))
        if do == "nr report":
            step |= {"outcome": chance.random() < 0.3}
            if f"{name[0]}{step['c']}" in model.results:
                return None
    elif do in ("split", "merge", "redeem", "reportPayouts"):
        step |= {"c": chance.randrange(len(found["markets"]["binary"]["questionIds"]))}
        if do == "reportPayouts":
            step |= {"user": "oracle", "payouts": chance.choice(([1, 0], [0, 1], [1, 2], [3, 4]))}
    elif do == "transfer":
        tokens = [asset for who, asset in model.held if who == user and asset[-1] in "YN"]
        step |= {"token": chance.choice(tokens or ["b0Y"])}
        if chance.random() < 0.7:
            step["amount"] = model.held.get((user, step["token"]), 0)
    else:
        step |= {"to": chance.choice(USERS)}
    if do in ("split", "nr split", "unwrap"):
        step["amount"] = min(step["amount"], model.held[user, "pUSD"])
    if do == "wrap":
        step["amount"] = min(step["amount"], model.held[user, "USDCe"])
    return step


def _amount(chance: random.Random, model: Walker, user: str) -> int:
    """Return something usual, or what he has of something, or one more."""
    held = [amount for (who, asset), amount in model.held.items() if who == user and amount]
    if not held or chance.random() < 0.6:
        return chance.choice((*AMOUNTS, chance.randrange(300_000_000)))
    return chance.choice(held) + chance.choice((0, 0, 1))
