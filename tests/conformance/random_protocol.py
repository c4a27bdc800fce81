"""Protocol V2 in plain Python, from its rules (VENUE d3): what router, ledger and modules do with
complete sets, results, conversions and a combination; and random steps for it.

Names are those of protocol_v2_cases.json: c1 and c2 are binary, nc0 to nc2 an event's questions,
nc3 its Other, cc the combination of YES of c1 and NO of nc0.
"""

import random
from copy import deepcopy
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tests.conformance.reading import Json

MILLION = 10**6
EVENT = ("nc0", "nc1", "nc2", "nc3")
OTHER = "nc3"
PAIRS = {"c1": ("yes", "no"), "c2": ("oyes", "ono"), "cc": ("comboY", "comboN")}
PAIRS |= {name: (f"nr{index}Y", f"nr{index}N") for index, name in enumerate(EVENT)}
LEGS = (("c1", 0), ("nc0", 1))  # of the combination: condition, outcome
USERS = ("A", "B")
Step = tuple[str, str, str, list[Any]]  # caller, contract, function, arguments


class Stopped(Exception):
    """A step is refused; the message is the error's name."""


def need(true: bool, error: str) -> None:
    if not true:
        raise Stopped(error)


@dataclass
class Model:
    """What everybody has, and the results that were reported.

    Attributes:
        held: by holder and asset
        reported: condition -> what YES and NO get of a million
    """

    held: dict[str, dict[str, int]]
    reported: dict[str, tuple[int, int]] = field(default_factory=dict)

    def take(self, step: Step) -> None:
        """Take a step, whole or not at all.

        Raises:
            Stopped: see the class.
        """
        caller, contract, function, given = step
        before = deepcopy(self.held)
        try:
            if function == "reportResult":
                self._report(contract, given[0], given[1])
            elif function == "unsafeTransferFrom":
                sender, to, asset, amount = given
                need(caller == sender, "NotOwnerNorApproved")
                self._add(sender, asset, -amount)
                self._add(to, asset, amount)
            else:
                getattr(self, f"_{function.lower()}")(caller, *given)
        except Stopped:
            self.held = before
            raise

    def _add(self, who: str, asset: str, amount: int) -> None:
        error = "TransferFromFailed" if asset == "pUSD" else "InsufficientBalance"
        need(self.held[who][asset] + amount >= 0, error)
        self.held[who][asset] += amount

    # complete sets, of a condition and of an event's YES

    def _split(self, who: str, condition: str, amount: int) -> None:
        self._add(who, "pUSD", -amount)
        for asset in PAIRS[condition]:
            self._add(who, asset, amount)

    def _merge(self, who: str, condition: str, amount: int) -> None:
        for asset in PAIRS[condition]:
            self._add(who, asset, -amount)
        self._add(who, "pUSD", amount)

    def _horizontalsplit(self, who: str, _: str, amount: int) -> None:
        self._add(who, "pUSD", -amount)
        for condition in EVENT:
            self._add(who, PAIRS[condition][0], amount)

    def _horizontalmerge(self, who: str, _: str, amount: int) -> None:
        for condition in EVENT:
            self._add(who, PAIRS[condition][0], -amount)
        self._add(who, "pUSD", amount)

    def _convert(self, who: str, _: str, index: int, amount: int) -> None:
        """One NO becomes YES of all others, Other too."""
        self._add(who, PAIRS[EVENT[index]][1], -amount)
        for number, condition in enumerate(EVENT):
            if number != index:
                self._add(who, PAIRS[condition][0], amount)

    # results

    def result(self, condition: str) -> tuple[int, int] | None:
        """Return what YES and NO get of a million, reported or derived; None: not known yet."""
        if condition in self.reported or condition not in EVENT:
            return self.reported.get(condition)
        if any(self.reported.get(each, (0, 0))[0] for each in EVENT):
            return 0, MILLION
        real = [each for each in EVENT if each != OTHER]
        if condition == OTHER and all(each in self.reported for each in real):
            return MILLION, 0
        return None

    def _report(self, module: str, condition: str, result: list[int]) -> None:
        if condition in self.reported:
            same = self.reported[condition] == tuple(result)
            raise Stopped("ConditionAlreadyResolved" if same else "ExistingPayoutMismatch")
        need(sum(result) == MILLION, "InvalidResults")
        if module == "nm":
            need(0 in result, "InvalidResults")
            won = any(self.reported.get(each, (0, 0))[0] for each in EVENT)
            need(not (won and result[0]), "InvalidResults")
        self.reported[condition] = (result[0], result[1])

    def _redeem(self, who: str, condition: str, outcome: int, amount: int) -> None:
        need(outcome < 2, "InvalidOutcomeIndex")
        self._add(who, PAIRS[condition][outcome], -amount)
        if condition == "cc":
            self._add(who, "pUSD", self._combined(outcome, amount))
            return
        result = self.result(condition)
        if result is None:
            raise Stopped("ConditionNotResolved")
        self._add(who, "pUSD", amount * result[outcome] // MILLION)

    def _combined(self, outcome: int, amount: int) -> int:
        """YES gets the product of the legs, down; NO the rest of what that is rounded up."""
        part = Fraction(1)
        legs = [(self.result(leg), side) for leg, side in LEGS]
        known = [Fraction(result[side], MILLION) for result, side in legs if result is not None]
        need(0 in known or len(known) == len(LEGS), "PositionNotRedeemable")
        for each in known:
            part *= each
        yes = part * amount
        return yes.__floor__() if outcome == 0 else amount - yes.__ceil__()


def model_of(found: Json) -> Model:
    """Return the model as at the start of each recorded case."""
    return Model(
        {
            name: {asset: int(amount) for asset, amount in holds.items()}
            for name, holds in found["start"].items()
        }
    )


def can_say(step: list[Any]) -> bool:
    """Return whether a recorded step is one of those that the model knows."""
    caller, contract, function, given = step
    if function == "unsafeTransferFrom":
        return given[2] in ("yes", "no")
    if function == "reportResult":
        return (
            caller == "resolver"
            and given[0] in PAIRS
            and given[0] != OTHER
            and (len(given[1]) == 2 and (contract == "nm") == (given[0] in EVENT))
        )
    known = ("split", "merge", "redeem", "horizontalSplit", "horizontalMerge", "convert")
    if contract != "rt" or function not in known:
        return False
    return given[0] in (*PAIRS, "ev") and (function != "convert" or given[1] < len(EVENT))


def some_step(chance: random.Random, model: Model) -> Step:
    """Return anything that somebody may do."""
    user = chance.choice(USERS)
    condition = chance.choice(list(PAIRS))
    kinds = ("split", "merge", "redeem", "redeem", "convert", "event", "move", "report")
    match chance.choice(kinds):
        case "split":
            return user, "rt", "split", [condition, _some(chance, 10**9)]
        case "merge":
            least = min(model.held[user][each] for each in PAIRS[condition])
            return user, "rt", "merge", [condition, _some(chance, least)]
        case "redeem":
            outcome = chance.choice((0, 0, 1, 1, 1, 2))
            held = model.held[user][PAIRS[condition][outcome % 2]]
            return user, "rt", "redeem", [condition, outcome, _some(chance, held)]
        case "convert":
            index = chance.randrange(len(EVENT))
            held = model.held[user][PAIRS[EVENT[index]][1]]
            return user, "rt", "convert", ["ev", index, _some(chance, held)]
        case "event":
            if chance.random() < 0.5:
                return user, "rt", "horizontalSplit", ["ev", _some(chance, 10**8)]
            least = min(model.held[user][PAIRS[each][0]] for each in EVENT)
            return user, "rt", "horizontalMerge", ["ev", _some(chance, least)]
        case "move":
            asset = chance.choice(PAIRS[condition])
            sender = user if chance.random() < 0.9 else chance.choice(USERS)
            amount = _some(chance, model.held[sender][asset])
            return user, "pm", "unsafeTransferFrom", [sender, chance.choice(USERS), asset, amount]
    condition = chance.choice(("c1", "c2", "nc0", "nc1", "nc2"))
    module = "nm" if condition in EVENT else "bm"
    whole, parts = ([MILLION, 0], [0, MILLION], [0, MILLION]), ([333_333, 666_667], [1, 1])
    result = chance.choice((*whole, *parts))
    return "resolver", module, "reportResult", [condition, result]


def _some(chance: random.Random, most: int) -> int:
    return chance.choice((1, 7, most // 3, most // 2, most, most + 1))
