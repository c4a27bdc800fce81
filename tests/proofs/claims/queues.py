"""Epochs, and what of them their controllers can claim: contracts/modules/requests.vy.

An epoch that was settled in parts keeps two indices: `kept`, what of one in unit is left, and
`earned`, what it has earned. Two invariants hold of them: by `kept` the requests have no more left
than the epoch has, and by `earned` they have earned no more than was given and is not yet paid to
those who left. Each function keeps both, so claims never exceed what was settled.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import z3

from ..reading import Module, Way
from .claim import Claim, numbers, possible, unsigned

KEPT, EARNED = 2**112, 2**96
# What of an epoch's words, a request's and a claim's the code reads; `paid`: given to nobody yet.
TEXTS = {
    "word": "word",
    "self.closed[side][epoch]": "word",
    "self._left(word)": "left",
    "self._asked(word)": "asked",
    "self._kept(side, epoch, word)": "kept",
    "self.earned[side][epoch]": "earned",
    "self.waiting[side]": "waiting",
    "self.open[side]": "open",
    "word RShift 112 BitAnd units.U112": "gave",
    "claimed": "claimed",
    "claimed BitAnd units.U128": "claimed_in",
    "claimed RShift 128": "claimed_out",
    "self._amount_in(held)": "amount",
}
NAMES = "given taken paid can_in can_out left_over report"
Numbers = dict[str, Any]


def queue(folder: Path) -> tuple[Numbers, Module]:
    """Return the numbers that an epoch and a request are of, and the module that is of them."""
    n = numbers(f"{' '.join(sorted(set(TEXTS.values())))} {NAMES}")
    known: dict[str, Any] = {said: n[name] for said, name in TEXTS.items()}
    known |= {
        "self._held": lambda *_: [None, n["word"]],
        "self._claimed": lambda *_: n["claimed"],
        "self._closed_by(word)": n["report"],
        "self._entitlement": lambda *_: [n["can_in"], n["can_out"], z3.Bool("done")],
        "places[place]": n["word"],
        "self.claims[side][controller][self._epoch_in(held)]": n["claimed"],
    }
    return n, Module(folder, "requests", known)


def given(n: Numbers) -> list[Any]:
    """Return what holds of an epoch and a request: amounts fit their fields; the invariants."""
    return [
        *unsigned(n),
        n["kept"] <= KEPT,
        n["asked"] < 2**112,
        n["left"] <= n["asked"],
        n["amount"] <= n["asked"],
        n["asked"] * n["kept"] <= n["left"] * KEPT,
        n["asked"] * n["earned"] <= n["paid"] * EARNED,
    ]


def settling(claim: Callable[[Numbers, Way], Any]) -> Callable[[Path], list[Any]]:
    """Return a builder: a claim on numbers and way, for each settlement of a part of an epoch."""

    def build(folder: Path) -> list[Any]:
        n, module = queue(folder)
        ways = module.ways(
            "_settle", side=None, epoch=None, word=n["word"], taken=n["taken"], given=n["given"]
        )
        valid = [*given(n), n["left"] >= 1, n["taken"] <= n["left"]]
        return [
            ([*valid, *way.conditions, *way.safe], claim(n, way))
            for way in possible(ways)
            if "self.earned[side][epoch]" in way.names
        ]

    return build


def left_covers(n: Numbers, way: Way) -> Any:
    """Claim that a settlement keeps it: by the index no more is left than of the epoch."""
    left = n["left"] - n["taken"]
    kept = way.names.get("self.kept[side][epoch]")
    if kept is None:
        return left == 0  # nobody reads the index of an epoch of which nothing is left
    return z3.And(n["asked"] * kept <= left * KEPT, way.result == left)


def given_covers(n: Numbers, way: Way) -> Any:
    """Claim that by the index the requests have earned no more than was given with this."""
    return n["asked"] * way.names["self.earned[side][epoch]"] <= (n["paid"] + n["given"]) * EARNED


def taking_back(claim: Callable[[Numbers, Way, Any, Any], Any]) -> Callable[[Path], list[Any]]:
    """Return a builder: a claim on numbers, way, and what the epoch has asked and left after it."""

    def build(folder: Path) -> list[Any]:
        n, module = queue(folder)
        ways = module.ways(
            "_take_back",
            side=None,
            controller=None,
            epoch=z3.Int("epoch"),
            anyway=z3.Bool("anyway"),
            report=n["report"],
        )
        rows = []
        for way in possible(ways):
            if "freed" in way.names:
                asked, freed = way.names["asked"], way.names["freed"]
                fields = (
                    way.names["self.closed[side][epoch]"] == n["word"] - n["amount"] - freed * KEPT
                )
                said = z3.And(fields, claim(n, way, asked, n["left"] - freed))
                rows.append(
                    ([*given(n), n["claimed_in"] <= n["amount"], *way.conditions, *way.safe], said)
                )
        return rows

    return build


def leaving(n: Numbers, way: Way, asked: Any, left: Any) -> Any:
    """Claim that who leaves takes his part at most, and both invariants hold of the others.

    What he takes back, claims now and claimed before is what he asked for, and what he has earned.
    """
    back, taken, earned = way.result
    whole = earned + n["claimed_out"]
    return z3.And(
        back <= n["left"],
        left >= 0,
        back + taken + n["claimed_in"] == n["amount"],
        asked == n["asked"] - n["amount"],
        asked * n["kept"] <= left * KEPT,
        asked * n["earned"] <= (n["paid"] - whole) * EARNED,
        whole * EARNED <= n["amount"] * n["earned"],
    )


def of_requests(
    names: tuple[str, ...], claim: Callable[..., Any], at_once: bool
) -> Callable[[Path], list[Any]]:
    """Return a builder: a claim on what requests of amounts of these names are entitled to.

    That is out units, and in units which can never be taken back, those claimed before included.
    """

    def build(folder: Path) -> list[Any]:
        n, _ = queue(folder)
        parts = numbers(" ".join(names))
        sums = [sum(parts[name] for name in part.split("+")) for part in (*names, "+".join(names))]
        conditions, results = [*given(n), *unsigned(parts), sums[-1] <= n["asked"]], []
        for amount in sums:
            _, module = queue(folder)
            del module.known["self._entitlement"]
            module.known["self._amount_in(held)"] = amount
            ways = module.ways("_entitlement", side=None, controller=None, held=n["word"])
            (way,) = [
                way
                for way in possible(ways)
                if way.done and (way.result[2].sexpr() == "true") == at_once
            ]
            conditions += way.conditions
            results.append((way.result[0] + n["claimed_in"], way.result[1] + n["claimed_out"]))
        return [(conditions, claim(n, sums, results))]

    return build


def together(n: Numbers, sums: list[Any], results: list[Any]) -> Any:
    """Claim that two requests can claim no more than one of both, and that no more than given."""
    (_, one), (_, other), (_, both) = results
    return z3.And(one + other <= both, both <= n["gave"])


def together_by_index(n: Numbers, sums: list[Any], results: list[Any]) -> Any:
    """Claim the same of an epoch settled in parts: the out units that the invariant covers."""
    (_, one), (_, other), (_, both) = results
    return z3.And(one + other <= both, both * EARNED <= n["asked"] * n["earned"], both <= n["paid"])


def claiming(claim: Callable[[Numbers, Way], Any]) -> Callable[[Path], list[Any]]:
    """Return a builder: a claim on numbers and way, for each path of an epoch's turn in a claim."""

    def build(folder: Path) -> list[Any]:
        n, module = queue(folder)
        ways = module.loop(
            "_claim",
            side=None,
            controller=None,
            place=None,
            amount=n["amount"],
            by_out=z3.Bool("by_out"),
        )
        return [
            ([*unsigned(n), *way.conditions, *way.safe], claim(n, way)) for way in possible(ways)
        ]

    return build


def in_part(n: Numbers, way: Way) -> Any:
    """Claim that a claim takes at most what can be claimed, and out units at no better rate."""
    took = [way.names[name] - way.start[name] for name in ("total_in", "total_out", "left")]
    by_out = z3.Bool("by_out")
    return z3.And(
        took[0] <= n["can_in"],
        took[1] <= n["can_out"],
        took[1] * n["can_in"] <= took[0] * n["can_out"],
        z3.If(by_out, -took[2] == took[1], -took[2] == took[0]),
    )


CLAIMS = [
    Claim(
        "ClaimsNeverExceedSettled: no more is left by index than is there",
        settling(left_covers),
        settling(
            lambda n, way: (
                n["asked"] * way.names.get("self.kept[side][epoch]", 0) < n["left"] - n["taken"]
            )
        ),
    ),
    Claim(
        "ClaimsNeverExceedSettled: no more is earned by index than given",
        settling(given_covers),
        settling(
            lambda n, way: n["asked"] * way.names["self.earned[side][epoch]"] <= n["paid"] * EARNED
        ),
    ),
    Claim(
        "ClaimsNeverExceedSettled: who leaves takes his part, others keep",
        taking_back(leaving),
        taking_back(lambda n, way, asked, left: way.result[0] * KEPT == n["amount"] * n["kept"]),
    ),
    Claim(
        "ClaimsNeverExceedSettled: of an epoch settled at once",
        of_requests(("one", "other"), together, at_once=True),
        of_requests(
            ("one", "other"), lambda n, sums, r: r[0][1] + r[1][1] == r[2][1], at_once=True
        ),
    ),
    Claim(
        "ClaimsNeverExceedSettled: of an epoch settled in parts",
        of_requests(("one", "other"), together_by_index, at_once=False),
        of_requests(
            ("one", "other"), lambda n, sums, r: r[0][1] + r[1][1] == r[2][1], at_once=False
        ),
    ),
    Claim(
        "ClaimsNeverExceedSettled: a claim in parts gains nothing",
        claiming(in_part),
        claiming(
            lambda n, way: (
                (way.names["total_out"] - way.start["total_out"]) * n["can_in"]
                == (way.names["total_in"] - way.start["total_in"]) * n["can_out"]
            )
        ),
    ),
]
