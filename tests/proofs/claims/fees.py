"""Fees: contracts/modules/fees.vy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import z3

from ..reading import Module, Way
from .claim import Claim, numbers, possible, unsigned

NAMES = "base assets supply virtual elapsed lifting mark management_bps performance_bps hurdle_bps"


def fee_ways(folder: Path, performing: bool) -> tuple[dict[str, Any], list[Way]]:
    """Return the numbers that `_due` is of, and its paths, in the ranges that are stated."""
    n = numbers(NAMES)
    module = Module(
        folder,
        "fees",
        {
            "word BitAnd units.U176": n["mark"],
            "self._rates(word)": [n["management_bps"], n["performance_bps"], n["hurdle_bps"]],
        },
    )
    ways = module.ways(
        "_due",
        word=None,
        base=n["base"],
        assets=n["assets"],
        supply=n["supply"],
        virtual=n["virtual"],
        elapsed=n["elapsed"],
        lifting=n["lifting"],
        performing=z3.BoolVal(performing),
    )
    limits = [
        *unsigned(n),
        n["base"] < 2**108,
        n["assets"] < 2**108,
        n["supply"] < 2**112,
        n["virtual"] >= 1,
        n["virtual"] <= 10**18,
        n["elapsed"] <= 2**36,
        n["lifting"] <= 2**36,
        n["mark"] < 2**108,
        n["management_bps"] <= 500,
        n["performance_bps"] <= 5_000,
        n["hurdle_bps"] <= 10_000,
    ]
    for way in ways:
        way.conditions += limits
    return n, possible(ways)


def of_fees(performing: bool, claim: Callable[..., Any]) -> Callable[[Path], list[Any]]:
    """Return a builder: a claim on numbers, results and way, for each path of `_due`."""

    def build(folder: Path) -> list[Any]:
        n, ways = fee_ways(folder, performing)
        return [(way.conditions, claim(n, *way.result, way)) for way in ways]

    return build


YEAR_BPS = 10_000 * 365 * 86_400


def management_due(n: dict[str, Any], m: Any, f: Any, shares: Any, mark: Any, way: Way) -> Any:
    """Claim that the management fee is at most its formula, on the smaller of two NAVs."""
    return z3.And(
        m * YEAR_BPS <= n["base"] * n["management_bps"] * n["elapsed"],
        m * YEAR_BPS <= n["assets"] * n["management_bps"] * n["elapsed"],
    )


def performance_due(n: dict[str, Any], m: Any, f: Any, shares: Any, mark: Any, way: Way) -> Any:
    """Claim that the performance fee is at most its part of the profit above the mark."""
    profit = (n["assets"] + 1 - m) * 10**18 - n["mark"] * (n["supply"] + n["virtual"])
    return z3.Implies(
        f > 0, z3.And(profit > 0, f * 10_000 * 10**18 <= n["performance_bps"] * profit)
    )


def nothing_below(n: dict[str, Any], m: Any, f: Any, shares: Any, mark: Any, way: Way) -> Any:
    """Claim that there is no performance fee while a share is worth at most the mark."""
    worth = (n["assets"] + 1 - m) * 10**18
    return z3.Implies(worth <= n["mark"] * (n["supply"] + n["virtual"]), f == 0)


def lower_bound(n: dict[str, Any], m: Any, f: Any, shares: Any, mark: Any, way: Way) -> Any:
    """Claim that one share more would be worth more than the two fees."""
    return z3.Or(
        n["supply"] == 0,
        m + f > n["assets"],
        (shares + 1) * (n["assets"] + 1) > (m + f) * (n["supply"] + n["virtual"] + shares + 1),
    )


def mark_stays(n: dict[str, Any], m: Any, f: Any, shares: Any, mark: Any, way: Way) -> Any:
    """Claim that the mark does not fall, and is the price after fees at least."""
    after = (n["supply"] + shares + n["virtual"]) * (mark + 1) > (n["assets"] + 1) * 10**18
    return z3.Or(n["supply"] == 0, z3.And(mark >= n["mark"], after))


def never_reverts(n: dict[str, Any], m: Any, f: Any, shares: Any, mark: Any, way: Way) -> Any:
    """Claim that no sum or product overflows, nothing falls below 0, nothing is divided by 0."""
    return z3.And(*way.safe)


def in_kind(n: dict[str, Any], m: Any, f: Any, shares: Any, mark: Any, way: Way) -> Any:
    """Claim that no performance fee is taken and the mark only rises by the hurdle."""
    return z3.And(
        f == 0,
        z3.Or(n["supply"] == 0, mark >= n["mark"]),
        z3.Implies(z3.And(n["hurdle_bps"] == 0, n["supply"] > 0), mark == n["mark"]),
    )


def entering(claim: Callable[..., Any]) -> Callable[[Path], list[Any]]:
    """Return a builder: a claim on numbers and the mark that an entry of `_enter` leaves."""

    def build(folder: Path) -> list[Any]:
        n = numbers("mark supply assets minted")
        module = Module(folder, "fees", {"self.fee_word BitAnd units.U176": n["mark"]})
        ways = module.ways("_enter", supply=n["supply"], assets=n["assets"], minted=n["minted"])
        given = [*unsigned(n), n["minted"] >= 1]
        return [
            ([*given, *way.conditions], claim(n, way.calls("self._set_mark")[0][1])) for way in ways
        ]

    return build


def own_mark(n: dict[str, Any], mark: Any) -> Any:
    """Claim that the mark of all shares is that of the old ones and what was paid for the new.

    Rounded down, so that no dust lifts it; or it stays, where they paid less.
    """
    together = n["supply"] * n["mark"] + n["assets"] * 10**18
    whole = n["supply"] + n["minted"]
    return z3.And(
        mark >= n["mark"],
        (mark + 1) * whole > together,
        z3.Or(mark == n["mark"], mark * whole <= together),
    )


CLAIMS = [
    Claim(
        "FeeUpperBound: fee shares are worth at most the two fees",
        of_fees(
            True,
            lambda n, m, f, shares, mark, way: (
                shares * (n["assets"] + 1) <= (m + f) * (n["supply"] + n["virtual"] + shares)
            ),
        ),
        of_fees(
            True,
            lambda n, m, f, shares, mark, way: (
                shares * (n["assets"] + 1) <= (m + f - 1) * (n["supply"] + n["virtual"] + shares)
            ),
        ),
    ),
    Claim(
        "FeeLowerBound: one share more would be worth more than the fees",
        of_fees(True, lower_bound),
        of_fees(
            True,
            lambda n, m, f, shares, mark, way: (
                shares * (n["assets"] + 1) > (m + f) * (n["supply"] + n["virtual"] + shares)
            ),
        ),
    ),
    Claim(
        "ManagementFee: at most its rate on the smaller NAV",
        of_fees(True, management_due),
        of_fees(
            True,
            lambda n, m, f, shares, mark, way: (
                m * YEAR_BPS < n["base"] * n["management_bps"] * n["elapsed"]
            ),
        ),
    ),
    Claim(
        "PerformanceFee: at most its rate on profit above the mark",
        of_fees(True, performance_due),
        of_fees(True, lambda n, m, f, shares, mark, way: f == 0),
    ),
    Claim(
        "NoFeeBelowMark",
        of_fees(True, nothing_below),
        of_fees(True, lambda n, m, f, shares, mark, way: f == 0),
    ),
    Claim(
        "MarkNeverFalls: and is at least the price after fees",
        of_fees(True, mark_stays),
        of_fees(True, lambda n, m, f, shares, mark, way: mark > n["mark"]),
    ),
    Claim(
        "AccrueNeverReverts: assets < 2**108, shares < 2**112, mark < 2**108",
        of_fees(True, never_reverts),
        of_fees(True, lambda n, m, f, shares, mark, way: z3.And(*way.safe, shares < 2**112)),
    ),
    Claim(
        "InKindTakesManagementOnly",
        of_fees(False, in_kind),
        of_fees(False, lambda n, m, f, shares, mark, way: m == 0),
    ),
    Claim(
        "EntryCarriesOwnMark: what they paid, and nobody else's",
        entering(own_mark),
        entering(lambda n, mark: mark * (n["supply"] + n["minted"]) <= n["supply"] * n["mark"]),
    ),
]
