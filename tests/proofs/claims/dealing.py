"""Prices, settlement and the room for deposits: contracts/VaultDesk.vy and modules/nav.vy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import z3

from ..reading import Module, Way
from .claim import Claim, numbers, possible, unsigned

PRICE = 10**36
BPS = 10_000
DAY = 86_400

# A report


def reports(folder: Path) -> tuple[dict[str, Any], list[Way]]:
    """Return the numbers that `_deal` is of, and its paths."""
    n = numbers(
        "nav_bid nav_ask supply virtual mark performance last_bid last_ask room now reported"
        " inflow floor premium holding left after"
    )
    flags = {"winding_down": z3.Bool("winding_down"), "flat": z3.Bool("flat")}
    desk = Module(
        folder,
        "VaultDesk",
        {
            "status._has(state, status.WINDING_DOWN)": flags["winding_down"],
            "core._accrue": lambda *_: n["supply"],
            "ledger.VIRTUAL_SHARES": n["virtual"],
            "fees._high_water_mark()": n["mark"],
            "fees._performance_bps()": n["performance"],
            "limits._bps(word, limits.MAX_INFLOW_BPS)": n["inflow"],
            "limits._bps(word, limits.MAX_PREMIUM_BPS)": n["premium"],
            "limits._floor(word)": n["floor"],
            "fees._room(fees.accrual)": n["room"],
            "block.timestamp": n["now"],
            "status._last_report(state)": n["reported"],
            "nav.bid_price": n["last_bid"],
            "nav.ask_price": n["last_ask"],
            "markets.holding": n["holding"],
            "self._settle_deposits": lambda *_: n["left"],
            "status._record_report": lambda *_: None,
            "nav._nav()": n["after"],
        },
    )
    ways = desk.ways(
        "_deal",
        state=None,
        flat=flags["flat"],
        **{each: n[each] for each in ("nav_bid", "nav_ask")},
    )
    for way in ways:
        way.conditions += [
            *unsigned(n),
            n["virtual"] >= 1,
            n["nav_ask"] >= n["nav_bid"],
            n["performance"] <= 5_000,
            n["now"] >= n["reported"],
        ]
    return {**n, **flags}, possible(ways)


def of_reports(claim: Callable[[dict[str, Any], Way], Any]) -> Callable[[Path], list[Any]]:
    """Return a builder: a claim on numbers and way, for each path of `_deal`."""

    def build(folder: Path) -> list[Any]:
        n, ways = reports(folder)
        return [(way.conditions, claim(n, way)) for way in ways]

    return build


def published(way: Way) -> list[Any]:
    """Return the bid and the ask that a report publishes."""
    (prices,) = way.calls("nav._publish")
    return prices


def bid_of_nav(n: dict[str, Any], way: Way) -> Any:
    """Claim that the bid is NAV at the bid for a share, rounded down."""
    bid, _ = published(way)
    whole, worth = n["supply"] + n["virtual"], (n["nav_bid"] + 1) * PRICE
    return z3.And(bid * whole <= worth, worth < (bid + 1) * whole)


def worse_of_two(n: dict[str, Any], way: Way) -> Any:
    """Claim that deposits pay the higher ask of two reports, and redemptions get the lower bid.

    And that the open epochs are closed only then: so both prices are later than the request.
    """
    bid, ask = published(way)
    order = [name for name, _ in way.done]
    holds = []
    for _, price, dear, _, _, supply in way.calls("self._settle_deposits"):
        holds += [price >= ask, price >= n["last_ask"], z3.Or(price == ask, price == n["last_ask"])]
        holds += [dear == (price * BPS > bid * (BPS + n["premium"])), supply == n["supply"]]
    for _, price in way.calls("self._settle_redemptions"):
        holds += [price <= bid, price <= n["last_bid"], z3.Or(price == bid, price == n["last_bid"])]
    last = max((i for i, name in enumerate(order) if "_settle" in name), default=-1)
    first = order.index("requests._close")
    return z3.And(*holds, z3.BoolVal(last < first and order.count("requests._close") == 2))


def who_is_dealt_with(n: dict[str, Any], way: Way) -> Any:
    """Claim that wind-down takes no deposits but pays, and that a collapsed vault does neither."""
    deals = z3.BoolVal(bool(way.calls("self._settle_redemptions")))
    takes = z3.BoolVal(bool(way.calls("self._settle_deposits")))
    collapsed = n["supply"] > (n["nav_bid"] + 1) * n["virtual"] * 10**4
    return z3.And(deals == z3.Not(collapsed), takes == z3.Not(z3.Or(collapsed, n["winding_down"])))


def room(n: dict[str, Any], way: Way) -> Any:
    """Claim that the room for deposits is at most a day's, and grows by a day's each day.

    Only in a flat vault, of which no closed account holds anything, does it not bind.
    """
    day = z3.If(
        n["inflow"] * n["nav_bid"] >= n["floor"] * BPS, n["inflow"] * n["nav_bid"], n["floor"] * BPS
    )  # times BPS
    holds = []
    for _, _, _, unbound, opened, _ in way.calls("self._settle_deposits"):
        holds += [
            opened * BPS <= day,
            (opened - n["room"]) * BPS * DAY <= day * (n["now"] - n["reported"]),
        ]
        holds += [unbound == z3.And(n["flat"], n["holding"] == 0)]
    ((base, left),) = way.calls("fees._set_accrual")
    holds += [base == n["after"]]
    holds += [left == n["left"]] if holds[:-1] else [left * BPS <= day]
    return z3.And(*holds)


# A step of settlement


def deposits(folder: Path) -> tuple[dict[str, Any], list[Way]]:
    """Return the numbers that one deposit epoch's turn is of, and its paths."""
    n = numbers("price room supply up anchor waits queue")
    flags = {"dear": z3.Bool("dear"), "flat": z3.Bool("flat")}
    desk = Module(
        folder,
        "VaultDesk",
        {
            "requests.queue[requests.DEPOSIT]": n["queue"],
            "limits._bps": lambda *_: n["up"],
            "requests._left": lambda *_: n["waits"],
            "requests.anchors": n["anchor"],
            "requests._settle": lambda side, epoch, word, taken, given: n["waits"] - taken,
        },
    )
    ways = desk.loop(
        "_settle_deposits",
        limits_word=None,
        epoch=None,
        room=n["room"],
        supply=n["supply"],
        price=n["price"],
        **flags,
    )
    for way in ways:
        way.conditions += [*unsigned(n), n["price"] >= 1, *way.safe]
    return {**n, **flags}, possible(ways)


def redemptions(folder: Path) -> tuple[dict[str, Any], list[Way]]:
    """Return the numbers that one redemption epoch's turn is of, and its paths."""
    n = numbers("price idle down anchor waits queue")
    desk = Module(
        folder,
        "VaultDesk",
        {
            "requests.queue[requests.REDEEM]": n["queue"],
            "ledger.total_idle": n["idle"],
            "limits._bps": lambda *_: n["down"],
            "requests._left": lambda *_: n["waits"],
            "requests.anchors": n["anchor"],
            "requests._settle": lambda side, epoch, word, taken, given: n["waits"] - taken,
        },
    )
    ways = desk.loop("_settle_redemptions", limits_word=None, epoch=None, price=n["price"])
    for way in ways:
        way.conditions += [*unsigned(n), *way.safe]
    return n, possible(ways)


Turns = Callable[[Path], tuple[dict[str, Any], list[Way]]]


def of_turns(
    turns: Turns, claim: Callable[[dict[str, Any], Way], Any]
) -> Callable[[Path], list[Any]]:
    """Return a builder: a claim on numbers and way, for each path of an epoch's turn."""

    def build(folder: Path) -> list[Any]:
        n, ways = turns(folder)
        return [(way.conditions, claim(n, way)) for way in ways]

    return build


def dealt(way: Way) -> list[tuple[Any, Any]]:
    """Return what was taken of an epoch and given for it, at most once."""
    return [(arguments[3], arguments[4]) for arguments in way.calls("requests._settle")]


def handed_back(beyond: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any], Way], Any]:
    """Return the claim that an epoch is handed back where its price is beyond bounds, only there.

    What is handed back is not settled, and does not wait any more.
    """

    def claim(n: dict[str, Any], way: Way) -> Any:
        back = bool(way.calls("requests._hand_back"))
        kept = bool(way.calls("rest.append"))
        wanted = z3.And(n["waits"] != 0, beyond(n))
        return z3.And(wanted == z3.BoolVal(back), z3.BoolVal(not back or not (dealt(way) or kept)))

    return claim


def too_dear(n: dict[str, Any]) -> Any:
    """Return whether a deposit would pay more than its anchor and the bound allow."""
    return n["price"] * BPS > n["anchor"] * (BPS + n["up"])


def too_cheap(n: dict[str, Any]) -> Any:
    """Return whether a redemption would get less than its anchor and the bound allow."""
    return n["price"] * BPS < n["anchor"] * (BPS - n["down"])


def within_room(n: dict[str, Any], way: Way) -> Any:
    """Claim that deposits are taken within the room alone, and use it up; none while it is dear."""
    start, end = way.start["left_room"], way.names["left_room"]
    holds = [end <= start]
    for taken, shares in dealt(way):
        holds += [z3.Not(n["dear"]), taken <= n["waits"]]
        holds += [
            z3.Or(n["flat"], z3.And(taken <= start, z3.Or(shares == 0, end == start - taken)))
        ]
    return z3.And(*holds)


def fair_shares(n: dict[str, Any], way: Way) -> Any:
    """Claim that a deposit gets what it paid for, less than a share's unit too little at most.

    It counts where it must: what came, the new shares, and the mark that they carry.
    """
    came = way.names["deposited"] - way.start["deposited"]
    new = way.names["minted"] - way.start["minted"]
    holds = []
    for taken, shares in dealt(way):
        holds += [shares * n["price"] <= taken * PRICE, taken * PRICE < (shares + 1) * n["price"]]
        holds += [came == taken, new == shares]
        if entries := way.calls("fees._enter"):
            ((supply, assets, minted),) = entries
            holds += [
                supply == n["supply"] + way.start["minted"],
                assets == taken,
                minted == shares,
            ]
        else:
            holds += [shares == 0]
    return z3.And(*holds) if holds else z3.And(came == 0, new == 0)


def fair_pay(n: dict[str, Any], way: Way) -> Any:
    """Claim that a redemption is paid its price, rounded down, out of idle, as far as that reaches.

    What waits on could not have been paid: a share more would cost more than there is.
    """
    burned = way.names["burned"] - way.start["burned"]
    left = way.names["idle"]
    holds = [left >= 0]
    for taken, paid in dealt(way):
        holds += [taken <= n["waits"], paid * PRICE <= taken * n["price"]]
        holds += [taken * n["price"] < (paid + 1) * PRICE, burned == taken]
        holds += [way.start["idle"] - left == paid]
    return z3.And(*holds) if holds[1:] else z3.And(burned == 0, left == way.start["idle"])


def bid_after_deposit(slack: int) -> Callable[[dict[str, Any], Way], Any]:
    """Return the claim that a deposit at the ask leaves the bid as it is at least.

    The bid is any price that NAV at the bid pays for each share; `rest` is NAV but what came.
    """

    def claim(n: dict[str, Any], way: Way) -> Any:
        rest, bid, virtual = z3.Ints("rest bid virtual")
        before = (rest + way.start["deposited"]) * PRICE - bid * (
            n["supply"] + way.start["minted"] + virtual
        )
        after = (rest + way.names["deposited"]) * PRICE - bid * (
            n["supply"] + way.names["minted"] + virtual
        )
        given = z3.And(rest >= 1, bid >= 0, virtual >= 1, n["price"] >= bid, before >= 0)
        return z3.Implies(given, after >= slack)

    return claim


def bid_after_redemption(slack: int) -> Callable[[dict[str, Any], Way], Any]:
    """Return the claim that a redemption at the bid leaves the bid as it is at least."""

    def claim(n: dict[str, Any], way: Way) -> Any:
        rest, bid, whole = z3.Ints("rest bid whole")
        before = (rest + way.start["idle"]) * PRICE - bid * (whole - way.start["burned"])
        after = (rest + way.names["idle"]) * PRICE - bid * (whole - way.names["burned"])
        given = z3.And(rest >= 1, whole >= 1, n["price"] <= bid, before >= 0)
        return z3.Implies(given, after >= slack)

    return claim


def round_trip(better: int) -> Callable[[Path], list[Any]]:
    """Return a builder: shares of a deposit, redeemed at no higher price, pay no more than it."""

    def build(folder: Path) -> list[Any]:
        came, entries = deposits(folder)
        went, exits = redemptions(folder)
        pairs = []
        for way in entries:
            # the two turns have numbers of their own, but for their names
            renamed = [(went[name], z3.Int(f"later_{name}")) for name in went]
            for other in exits:
                for taken, shares in dealt(way):
                    for left, paid in dealt(other):
                        later = [z3.substitute(each, *renamed) for each in other.conditions]
                        left, paid = (z3.substitute(each, *renamed) for each in (left, paid))
                        claim = z3.Implies(
                            z3.And(left <= shares, z3.Int("later_price") <= came["price"]),
                            paid <= taken - better,
                        )
                        pairs.append(([*way.conditions, *later], claim))
        return pairs

    return build


CLAIMS = [
    Claim(
        "BidIsNav: NAV at the bid for a share, rounded down",
        of_reports(bid_of_nav),
        of_reports(
            lambda n, way: (
                published(way)[0] * (n["supply"] + n["virtual"]) == (n["nav_bid"] + 1) * PRICE
            )
        ),
    ),
    Claim(
        "AskAtLeastBid",
        of_reports(lambda n, way: published(way)[1] >= published(way)[0]),
        of_reports(lambda n, way: published(way)[1] > published(way)[0]),
    ),
    Claim(
        "WorseOfTwo: and both reports are later than the request",
        of_reports(worse_of_two),
        of_reports(
            lambda n, way: z3.And(
                *(call[1] == published(way)[1] for call in way.calls("self._settle_deposits"))
            )
        ),
    ),
    Claim(
        "WindDownTakesNoDeposits: a collapsed vault deals with nobody",
        of_reports(who_is_dealt_with),
        of_reports(lambda n, way: z3.BoolVal(bool(way.calls("self._settle_deposits")))),
    ),
    Claim(
        "InflowRoom: at most a day's, a day's more each day",
        of_reports(room),
        of_reports(
            lambda n, way: z3.And(
                *(call[4] <= n["room"] for call in way.calls("self._settle_deposits"))
            )
        ),
    ),
    Claim(
        "InflowRoom: no deposit beyond it, none while it is dear",
        of_turns(deposits, within_room),
        of_turns(
            deposits,
            lambda n, way: z3.And(*(taken <= way.start["left_room"] for taken, _ in dealt(way))),
        ),
    ),
    Claim(
        "HandedBack: a deposit exactly beyond its anchor's bound",
        of_turns(deposits, handed_back(too_dear)),
        of_turns(
            deposits, handed_back(lambda n: n["price"] * BPS >= n["anchor"] * (BPS + n["up"]))
        ),
    ),
    Claim(
        "HandedBack: a redemption exactly beyond its anchor's bound",
        of_turns(redemptions, handed_back(too_cheap)),
        of_turns(
            redemptions, handed_back(lambda n: n["price"] * BPS <= n["anchor"] * (BPS - n["down"]))
        ),
    ),
    Claim(
        "FairShares: what was paid for, rounded down; entries carry it",
        of_turns(deposits, fair_shares),
        of_turns(
            deposits,
            lambda n, way: z3.And(
                *(shares * n["price"] == taken * PRICE for taken, shares in dealt(way))
            ),
        ),
    ),
    Claim(
        "FairPay: the price, rounded down, as far as idle reaches",
        of_turns(redemptions, fair_pay),
        of_turns(
            redemptions, lambda n, way: z3.And(*(taken == n["waits"] for taken, _ in dealt(way)))
        ),
    ),
    Claim(
        "DealingKeepsPricePerShare: deposits",
        of_turns(deposits, bid_after_deposit(0)),
        of_turns(deposits, bid_after_deposit(1)),
    ),
    Claim(
        "DealingKeepsPricePerShare: redemptions",
        of_turns(redemptions, bid_after_redemption(0)),
        of_turns(redemptions, bid_after_redemption(1)),
    ),
    Claim(
        "NoRoundTripGain: no more than was paid, at no higher price", round_trip(0), round_trip(1)
    ),
]
