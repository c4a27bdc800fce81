"""What a splitter credits, and what a claim pays: contracts/PerformanceSplitter.vy.

A turn of a split is of one class: its claim, all that is owed (`owed`, of which this class's is a
part), what was received, and the shares that would pay for all (`due`). By induction over the
classes: each is credited at most its part of what was received, and the parts are together all of
it. What is paid for is taken off the claim, never less than what the fee is worth.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import z3

from ..reading import Module, Way, nodes, text
from .claim import Claim, numbers, possible, unsigned

BPS = 10_000
CLAIM = {"claim.mark": "mark", "claim.counted": "counted", "claim.owed": "claimed"}
Numbers = dict[str, Any]


def kept(mark: Any, counted: Any, claimed: Any) -> list[Any]:
    """Return what holds of a claim at any time: nothing is owed for what is below its mark."""
    return [mark <= counted, z3.Implies(counted == mark, claimed == 0)]


def counting(extra: int) -> Callable[[Path], list[Any]]:
    """Return a builder: counting what came home or was lost keeps that, and so does a split."""

    def build(folder: Path) -> list[Any]:
        n = numbers("mark counted claimed home rate")
        known: dict[str, Any] = {said: n[name] for said, name in CLAIM.items()}
        known["self._home"] = lambda *_: n["home"]
        module = Module(folder, "PerformanceSplitter", known)
        found = []
        for way in possible(module.ways("_counted", class_id=None, rate=n["rate"])):
            counted = way.names["claim.counted"]
            claimed = way.names.get("claim.owed", n["claimed"]) + extra
            before = [*unsigned(n), *kept(n["mark"], n["counted"], n["claimed"])]
            after = z3.And(*kept(n["mark"], counted, claimed), claimed >= 0)
            found.append(([*before, *way.conditions, *way.safe], after))
        turns = a_turn(
            lambda n, way: z3.And(*kept(way.names["mark"], n["counted"], way.names["left"] + extra))
        )
        return [*found, *turns(folder)]

    return build


def a_turn(claim: Callable[[Numbers, Way], Any]) -> Callable[[Path], list[Any]]:
    """Return a builder: a claim on numbers and way, for each path of a class's part of a split."""

    def build(folder: Path) -> list[Any]:
        n = numbers("mark counted claimed owed received due part credit")
        known: dict[str, Any] = {said: n[name] for said, name in CLAIM.items()}
        known |= {
            "strategist.part_bps": n["part"],
            "self.creditOf[strategist.account]": n["credit"],
        }
        module = Module(folder, "PerformanceSplitter", known)
        asked = {each: n[each] for each in ("owed", "received", "due")}
        ways = possible(module.ways("_credit", class_id=None, claim=None, **asked))
        # a larger part is refused by `announce`
        valid = [
            *unsigned(n),
            *kept(n["mark"], n["counted"], n["claimed"]),
            n["claimed"] <= n["owed"],
            n["part"] <= BPS,
        ]
        return [([*valid, *way.conditions, *way.safe], claim(n, way)) for way in ways]

    return build


def within_received(n: Numbers, way: Way) -> Any:
    """Claim that a class is credited at most its part of what was received."""
    return way.result * n["owed"] <= n["received"] * n["claimed"]


def within_half(n: Numbers, way: Way) -> Any:
    """Claim that it were at most half of that."""
    return 2 * way.result * n["owed"] <= n["received"] * n["claimed"]


def paid_once(n: Numbers, way: Way) -> Any:
    """Claim that a claim falls by what its fee is worth at least, and its mark never falls nor goes
    above its profit."""
    left, mark = way.names["left"], way.names["mark"]
    fee = way.names.get("fee", z3.IntVal(0))
    return z3.And(
        fee * n["owed"] <= n["due"] * (n["claimed"] - left),
        left >= 0,
        left <= n["claimed"],
        mark >= n["mark"],
        mark <= n["counted"],
    )


def paid_twice(n: Numbers, way: Way) -> Any:
    """Claim that it falls by more than the fee is worth."""
    fee = way.names.get("fee", z3.IntVal(0))
    return fee * n["owed"] < n["due"] * (n["claimed"] - way.names["left"])


def credited_in_all(extra: int) -> Callable[[Path], list[Any]]:
    """Return a builder: after a split what is credited in all is what the splitter has."""

    def build(folder: Path) -> list[Any]:
        n = numbers("balance total rate now shares claims")
        known: dict[str, Any] = {
            "IERC20(VAULT).balanceOf": lambda *_: n["balance"],
            "IVault(VAULT).convertToShares": lambda *_: n["shares"],
            "self._rate_now": lambda *_: n["now"],
            "self._classes": lambda *_: n["claims"],
            "self.total_credit": n["total"],
            "self.rate": n["rate"],
        }
        ways = Module(folder, "PerformanceSplitter", known).ways("_split")
        return [
            (
                [*unsigned(n), n["total"] <= n["balance"], *way.conditions],
                way.names.get("self.total_credit", n["total"]) == n["balance"] + extra,
            )
            for way in possible(ways)
        ]

    return build


def taken(extra: int) -> Callable[[Path], list[Any]]:
    """Return a builder: who takes shares had them, and has them no more."""

    def build(folder: Path) -> list[Any]:
        n = numbers("credit total shares")
        known: dict[str, Any] = {
            "self.creditOf[msg.sender]": n["credit"],
            "self.total_credit": n["total"],
        }
        ways = Module(folder, "PerformanceSplitter", known).ways(
            "_take", shares=n["shares"], receiver=None
        )
        return [
            (
                [*unsigned(n), *way.conditions, *way.safe],
                z3.And(
                    n["shares"] >= 1,
                    n["shares"] <= n["credit"],
                    way.names["self.creditOf[msg.sender]"] == n["credit"] - n["shares"] + extra,
                    way.names["self.total_credit"] == n["total"] - n["shares"],
                ),
            )
            for way in possible(ways)
        ]

    return build


def written(expected: dict[str, set[str]]) -> Callable[[Path], list[Any]]:
    """Return a builder: whose credit each function writes; no other function writes any."""

    def build(folder: Path) -> list[Any]:
        found: dict[str, set[str]] = {}
        for name, node in Module(folder, "PerformanceSplitter").functions.items():
            for each in nodes(node["body"]):
                if each["ast_type"] in ("Assign", "AugAssign"):
                    target = text(each["target"])
                    if target.startswith("self.creditOf"):
                        found.setdefault(name, set()).add(target)
        return [([], z3.BoolVal(found == expected))]

    return build


WRITERS = {
    "_credit": {"self.creditOf[strategist.account]"},
    "_split": {"self.creditOf[manager]"},
    "_take": {"self.creditOf[msg.sender]"},
}
CLAIMS = (
    Claim("CreditedWithinReceived", a_turn(within_received), a_turn(within_half)),
    Claim("ClaimPaidOnce", a_turn(paid_once), a_turn(paid_twice)),
    Claim("NothingOwedBelowMark", counting(0), counting(1)),
    Claim("CreditedInAllIsWhatCame", credited_in_all(0), credited_in_all(1)),
    Claim("TakenOnceByItsOwner", taken(0), taken(1)),
    Claim("CreditWrittenFor: strategist, manager, caller", written(WRITERS), written({})),
)
