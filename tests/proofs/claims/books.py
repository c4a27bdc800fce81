"""Values, books, caps and losses: modules nav, exposure and losses, and the desk's part."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import z3

from ..reading import Module, Way, assigned, kinds, nodes, text
from .claim import Claim, numbers, possible

BPS, WAD, LOSS = 10_000, 10**18, 2**96
Numbers = dict[str, Any]
Paths = Callable[[Path], tuple[Numbers, list[Way]]]
Said = Callable[[Numbers, Way], Any]


def of(paths: Paths, claim: Said) -> Callable[[Path], list[Any]]:
    """Return a builder: a claim on numbers and way, for each path that does not revert."""

    def build(folder: Path) -> list[Any]:
        n, ways = paths(folder)
        return [
            (
                [
                    *(each >= 0 for each in n.values() if z3.is_int(each)),
                    *way.conditions,
                    *way.safe,
                ],
                claim(n, way),
            )
            for way in possible(ways)
        ]

    return build


# Values


def value(folder: Path) -> tuple[Numbers, list[Way]]:
    """Return what `_value` is of, and its paths: any answer of the account, or none."""
    n = numbers("exposure booked gas size count bid ask")
    success, good = z3.Bools("success good")
    known = {
        "msg.gas": n["gas"],
        "raw_call": lambda *_: [success, None],
        "len(words)": n["count"],
        "len(answer)": n["size"],
        "self._value_answer": lambda *_: [good, n["bid"], n["ask"]],
        "self._exposure(book)": n["exposure"],
        "self._ask(book)": n["booked"],
    }
    n["heard"] = z3.And(success, n["size"] == 96 + 160 * n["count"], good)
    return n, Module(folder, "nav", known).ways("_value")


def value_capped(n: Numbers, way: Way) -> Any:
    """Claim that at the bid an account counts its exposure at most, and nothing where it is silent.

    Silent it counts at the ask what it was sent at least, and no less than before.
    """
    bid, ask = way.result
    silent = z3.And(bid == 0, ask >= n["exposure"], ask >= n["booked"])
    heard = z3.And(bid <= n["exposure"], bid <= n["bid"], ask == n["ask"])
    return z3.If(n["heard"], heard, silent)


def answer(folder: Path) -> tuple[Numbers, list[Way]]:
    """Return what a condition's turn in `_value_answer` is of, and its paths."""
    n = numbers("collateral word low high yes no of for_yes for_no")
    known = {
        "extract32(answer, 0)": n["collateral"],
        "extract32(answer, place)": n["yes"],
        "extract32(answer, place Add 32)": n["no"],
        "extract32(answer, place Add 64)": n["for_yes"],
        "extract32(answer, place Add 96)": n["for_no"],
        "extract32(answer, place Add 128)": n["of"],
        "word BitAnd units.U64": n["low"],
        "word RShift 64 BitAnd units.U64": n["high"],
    }
    ways = Module(folder, "nav", known).loop("_value_answer", word=n["word"])
    for way in ways:
        way.conditions += [n["low"] <= n["high"], n["high"] <= WAD]  # `_pack` asks for it
    return n, ways


def bracketed(n: Numbers, way: Way) -> Any:
    """Claim that bid and ask enclose what tokens are worth at any price between the mark's.

    Where the bids of an event's outcomes contradict each other, bids of YES count 0: then at any
    price up to the mark's ask. What is resolved counts its payout, rounded down, and no more.
    """
    if way.result is not None:
        return z3.Not(way.result[0])  # out of range: as if it had not answered
    by = {name: way.names[name] - way.start[name] for name in ("bid", "ask", "by_bids", "more")}
    price = z3.Int("price")  # of YES; that of NO is the rest of 1
    marked = n["word"] != 0
    low, high = z3.If(marked, n["low"], 0), z3.If(marked, n["high"], WAD)
    worth = n["yes"] * price + n["no"] * (WAD - price)
    inside = z3.And(low <= price, price <= high)
    open_ = z3.And(
        z3.Implies(inside, (by["bid"] + by["by_bids"]) * WAD <= worth),
        z3.Implies(inside, worth <= by["ask"] * WAD),
        z3.Implies(z3.And(price >= 0, price <= high), by["bid"] * WAD <= worth),
        z3.Implies(z3.And(price >= 0, price <= high), worth <= (by["ask"] + by["more"]) * WAD),
    )
    paid = n["yes"] * n["for_yes"] + n["no"] * n["for_no"]
    resolved = z3.And(
        by["bid"] == by["ask"],
        by["bid"] * n["of"] <= paid,
        paid < (by["bid"] + 2) * n["of"],
        by["by_bids"] == 0,
        by["more"] == 0,
        n["for_yes"] <= n["of"],
        n["for_no"] <= n["of"],
    )
    return z3.If(n["of"] == 0, open_, resolved)


def all_markets(folder: Path) -> tuple[Numbers, list[Way]]:
    """Return what `_revalue` sums, and its end."""
    n = numbers("total_exposure")
    return n, Module(folder, "VaultDesk").ways("_revalue")


def nav_ask(n: Numbers, way: Way) -> Any:
    """Claim that all is worth its exposure at least at the ask; the totals say what was summed."""
    ((exposures, bid),) = way.calls("nav._set_totals")
    return z3.And(way.result[0] == bid, way.result[1] >= exposures)


def one_market(folder: Path) -> tuple[Numbers, list[Way]]:
    """Return what a market's turn in `_revalue` is of, and its path."""
    n = numbers("exposure bid ask")
    known = {"nav._value": lambda *_: [n["bid"], n["ask"]], "nav._exposure(book)": n["exposure"]}
    ways = Module(folder, "VaultDesk", known).loop("_revalue")
    for way in ways:
        way.conditions += [n["bid"] <= n["exposure"]]  # which `value_capped` proves
        way.conditions += [way.start["total_bid"] <= way.start["exposures"]]
    return n, ways


def sums_capped(n: Numbers, way: Way) -> Any:
    """Claim that NAV at the bid never counts more than idle and all exposure."""
    return z3.And(
        way.names["total_bid"] <= way.names["exposures"],
        way.names["exposures"] == way.start["exposures"] + n["exposure"],
        way.names["total_ask"] == way.start["total_ask"] + n["ask"],
    )


# Books

BOOK = {"exposure": "nav._exposure(book)", "bid": "nav._bid(book)", "ask": "nav._ask(book)"}


def book(n: Numbers) -> dict[str, Any]:
    """Return what a market's book stands for in the sources."""
    return {said: n[name] for name, said in BOOK.items()}


def rewritten(way: Way) -> list[Any]:
    """Return exposure, bid and ask of the book that a path leaves."""
    ((_, exposure, bid, ask),) = way.calls("nav._rewrite")
    return [exposure, bid, ask]


def totals(folder: Path) -> tuple[Numbers, list[Way]]:
    """Return what `_rewrite` is of, and its path."""
    n = numbers("old_exposure old_bid exposure bid ask total")
    known = {
        "self.totals": n["total"],
        "self._exposure(old)": n["old_exposure"],
        "self._bid(old)": n["old_bid"],
    }
    module = Module(folder, "nav", known)
    ways = module.ways("_rewrite", **{name: n[name] for name in ("exposure", "bid", "ask")})
    for way in ways:
        way.conditions += [n["bid"] <= n["exposure"], n["old_bid"] < 2**85]
    return n, ways


def totals_follow(n: Numbers, way: Way) -> Any:
    """Claim that the totals move as the book does, and that a book holds what is put into it."""
    moved = (n["exposure"] - n["old_exposure"]) + (n["bid"] - n["old_bid"]) * 2**128
    return z3.And(way.names["self.totals"] == n["total"] + moved, n["exposure"] < 2**85)


def allocation(folder: Path) -> tuple[Numbers, list[Way]]:
    """Return what `_allocate` is of, and its path past every cap."""
    n = numbers(
        "exposure bid ask assets nav market_cap market_bps class_cap class_bps question_bps"
        " elsewhere of_class class_losses of_all all_losses total_cap total_bps day velocity"
        " velocity_bps"
    )
    of_nav = "limits._bps(limits_word, limits.{}_BPS Sub limits.TOTAL_CAP_BPS)"
    known = book(n) | {
        "caps.market_cap": n["market_cap"],
        "caps.market_cap_bps": n["market_bps"],
        "caps.class_cap": n["class_cap"],
        "caps.class_cap_bps": n["class_bps"],
        of_nav.format("QUESTION_CAP"): n["question_bps"],
        of_nav.format("VELOCITY"): n["velocity_bps"],
        "limits._bps(limits_word, 0)": n["total_bps"],
        "limits._cap(limits_word)": n["total_cap"],
        "limits._velocity(limits_word)": n["velocity"],
        "self._elsewhere(class_id, market)": n["elsewhere"],
        "self.class_exposures[class_id]": n["of_class"],
        "losses._of_class(class_id)": n["class_losses"],
        "losses._of_all()": n["all_losses"],
        "nav._total_exposure()": n["of_all"],
        "velocity._recent_allocation()": n["day"],
    }
    ways = Module(folder, "exposure", known).ways("_allocate", assets=n["assets"], nav_bid=n["nav"])
    return n, ways


def caps_hold(n: Numbers, way: Way) -> Any:
    """Claim that after an allocation every cap holds, of what the books then say.

    Exposure, bid and ask rise by what is sent, so it moves no NAV; the active class alone is asked.
    """
    exposure, bid, ask = rewritten(way)
    of_class = way.names["self.class_exposures[class_id]"]
    with_losses = of_class + n["class_losses"]
    total = n["of_all"] + (exposure - n["exposure"]) + n["all_losses"]
    ((counted,),) = way.calls("velocity._count")
    day = n["day"] + counted
    return z3.And(
        exposure <= n["market_cap"],
        exposure * BPS <= n["market_bps"] * n["nav"],
        (exposure + n["elsewhere"]) * BPS <= n["question_bps"] * n["nav"],
        with_losses <= n["class_cap"],
        with_losses * BPS <= n["class_bps"] * n["nav"],
        total <= n["total_cap"],
        total * BPS <= n["total_bps"] * n["nav"],
        day <= n["velocity"],
        day * BPS <= n["velocity_bps"] * n["nav"],
        counted == n["assets"],
        *(
            new - n[name] == n["assets"]
            for new, name in ((exposure, "exposure"), (bid, "bid"), (ask, "ask"))
        ),
        of_class == n["of_class"] + n["assets"],
        z3.BoolVal(len(way.calls("classes._check_active")) == 1),
    )


def homecoming(folder: Path) -> tuple[Numbers, list[Way]]:
    """Return what `_come_home` is of, and its paths; a book's bid is at most its exposure."""
    n = numbers("exposure bid ask idle of_class assets cost")
    known = book(n) | {
        "ledger.total_idle": n["idle"],
        "self.class_exposures[class_id]": n["of_class"],
        "markets._is_closed(word)": z3.Bool("closed"),
    }
    ways = Module(folder, "exposure", known).ways("_come_home", assets=n["assets"], cost=n["cost"])
    for way in ways:
        way.conditions += [n["bid"] <= n["exposure"]]
    return n, ways


def home_counts(n: Numbers, way: Way) -> Any:
    """Claim that what comes home lowers NAV at the bid by nothing, and raises it by at most itself.

    The book's bid stays at most its exposure, the ask goes down by at most what came, and just what
    came above its cost pays off losses.
    """
    idle = way.names["ledger.total_idle"]
    holds = [idle == n["idle"] + n["assets"], n["cost"] <= n["assets"], n["cost"] <= n["exposure"]]
    for exposure, bid, ask in [rewritten(way)] if way.calls("nav._rewrite") else []:
        rise = (idle + bid) - (n["idle"] + n["bid"])
        holds += [
            rise >= 0,
            rise <= n["assets"],
            bid <= exposure,
            exposure == n["exposure"] - n["cost"],
        ]
        holds += [ask + n["assets"] >= n["ask"], ask <= n["ask"]]
    earned = way.calls("losses._earn")
    holds += [each[1] == n["assets"] - n["cost"] for each in earned]
    holds += [] if earned else [n["assets"] == n["cost"]]
    return z3.And(*holds)


def departure(folder: Path) -> tuple[Numbers, list[Way]]:
    """Return what `_leave_in_kind` is of, and its paths."""
    n = numbers("exposure bid ask of_class cost own_bid own_ask")
    known = book(n) | {"self.class_exposures[markets._class(word)]": n["of_class"]}
    ways = Module(folder, "exposure", known).ways(
        "_leave_in_kind", cost=n["cost"], bid=n["own_bid"], ask=n["own_ask"]
    )
    return n, ways


def departure_counts(n: Numbers, way: Way) -> Any:
    """Claim that the book's bid stays at most its exposure, and falls by his part, or to that."""
    exposure, bid, ask = rewritten(way)
    return z3.And(
        bid <= exposure,
        z3.Or(bid == n["bid"] - n["own_bid"], bid == exposure),
        ask == n["ask"] - n["own_ask"],
    )


# Losses


def lost(folder: Path, function: str) -> tuple[Numbers, list[Way]]:
    """Return what a function of losses is of, and its paths."""
    n = numbers("own all assets whole supply most")
    known = {
        "nav._shares()": n["whole"],
        "self.class_losses[class_id]": n["own"],
        "self.total": n["all"],
        "erc20.totalSupply": n["supply"],
        "self._most()": n["most"],
        "self.profitOf[class_id]": z3.Int("profit"),
        "convert": lambda amount, *_: amount,
    }
    ways = Module(folder, "losses", known).ways(function, assets=n["assets"])
    for way in ways:
        way.conditions += [n["whole"] >= 1, n["assets"] < 2**128]
    return n, ways


def shares_of(n: Numbers, way: Way) -> list[tuple[Any, Any]]:
    """Return losses per share before and after, of the class and of all."""
    after = [way.names.get(name) for name in ("self.class_losses[class_id]", "self.total")]
    return [
        (n[name], n[name] if new is None else new)
        for name, new in zip(("own", "all"), after, strict=True)
    ]


def fall_by_money(n: Numbers, way: Way) -> Any:
    """Claim that losses fall by at most what came, rounded up as they count; they never rise."""
    holds = []
    for index, (before, after) in enumerate(shares_of(n, way)):
        old, new = z3.Ints(f"old_{index} new_{index}")  # in assets, rounded up
        counted = z3.And(
            *(
                z3.And(assets * LOSS >= each * n["whole"], (assets - 1) * LOSS < each * n["whole"])
                for assets, each in ((old, before), (new, after))
            )
        )
        holds += [after <= before, z3.Implies(counted, old - new <= n["assets"])]
    return z3.And(*holds)


def rise_by_loss(n: Numbers, way: Way) -> Any:
    """Claim that losses rise by what did not come, rounded up, if there is anybody to bear it.

    Or to what a share was ever worth: then they stop all allocation already. They never fall.
    """
    holds = []
    for before, after in shares_of(n, way):
        rise = (after - before) * n["whole"]
        whole = z3.Or(rise >= n["assets"] * LOSS, after >= n["most"])
        holds += [rise >= 0, rise < n["assets"] * LOSS + n["whole"]]
        holds += [z3.Implies(n["supply"] != 0, whole)]
        holds += [z3.Or(after <= n["most"], after == before)]
    return z3.And(*holds)


def paying_off(folder: Path) -> tuple[Numbers, list[Way]]:
    """Return the paths on which losses fall."""
    return lost(folder, "_pay_off")


def losing(folder: Path) -> tuple[Numbers, list[Way]]:
    """Return the paths on which losses rise."""
    return lost(folder, "_lose")


def places(folder: Path, name: str) -> set[str]:
    """Return the functions that call or assign a name of losses.vy, in any source."""
    found = set()
    for path in sorted(folder.glob("*.json")):
        tree = json.loads(path.read_text())["ast"]
        own = "self" if path.stem == "losses" else "losses"
        for function in tree["body"]:
            if function["ast_type"] == "FunctionDef":
                called = {
                    text(node["func"])
                    for node in nodes(function["body"])
                    if node["ast_type"] == "Call"
                }
                set_ = {target.partition("[")[0] for target in assigned(function["body"])}
                if f"{own}.{name}" in called | set_:
                    found.add(f"{path.stem}.{function['name']}")
    return found


# Of losses: what is written or called, and where alone.
WHERE = {
    "class_losses": {"losses._lose", "losses._pay_off"},
    "total": {"losses._lose", "losses._pay_off"},
    "_pay_off": {"losses._earn", "losses._forgive"},
    "_earn": {"exposure._come_home"},
    "_forgive": {"VaultGovernance.forgiveLosses"},
}


def nowhere_else(where: dict[str, set[str]]) -> Callable[[Path], list[Any]]:
    """Return the claim that losses are written and their functions called only where is said."""
    return lambda folder: [
        ([], z3.BoolVal(places(folder, name) == functions)) for name, functions in where.items()
    ]


# What leaves in kind


def in_kind(folder: Path) -> tuple[Numbers, list[Way]]:
    """Return what `_leave` takes of idle, and its path."""
    n = numbers("idle shares supply fee")
    known = {
        "core._accrue": lambda *_: n["supply"],
        "limits._bps(limits.dealing_limits, limits.EXIT_FEE_BPS)": n["fee"],
        "ledger.total_idle": n["idle"],
    }
    ways = Module(folder, "VaultExits", known).ways("_leave", shares=n["shares"])
    for way in ways:
        way.conditions += [n["shares"] <= n["supply"], n["fee"] <= BPS]
    return n, ways


def own_part(n: Numbers, way: Way) -> Any:
    """Claim that who leaves takes his shares' part of idle at most, less the exit fee.

    So those who stay have no less of it for each share.
    """
    took = n["idle"] - way.names["ledger.total_idle"]
    return z3.And(
        took * n["supply"] * BPS <= n["idle"] * n["shares"] * (BPS - n["fee"]),
        (n["idle"] - took) * n["supply"] >= n["idle"] * (n["supply"] - n["shares"]),
        way.result == took,
    )


def left_alone(n: Numbers, way: Way) -> Any:
    """Claim that a market or an account that is skipped is left as it is, and called by nothing."""
    nothing = len(way.done) == way.before and way.names == way.start
    return z3.Implies(z3.Bool("skipped"), z3.BoolVal(nothing))


def visits(folder: Path, which: int) -> tuple[Numbers, list[Way]]:
    """Return the paths of a turn of `_leave`: of an open market, or of a closed account."""
    known = {
        "market In skip": z3.Bool("skipped"),
        "markets.ended_market[account] In skip": z3.Bool("skipped"),
    }
    return {}, Module(folder, "VaultExits", known).loop("_leave", which)


def skips(folder: Path) -> list[Any]:
    """Return the claim that an exit in kind calls nothing of what it skips.

    Nor is any account called but in the loops: before and after them it takes the fee, burns the
    shares and sends assets.
    """
    rows = [row for which in (0, 1) for row in of(partial(visits, which=which), left_alone)(folder)]
    for way in Module(folder, "VaultExits").ways("_leave"):
        outside = [name for name, _ in way.done]
        rows.append(([], z3.BoolVal(outside == ["erc20._burn", "ledger._push"])))
    fee = Module(folder, "core").functions["_accrue"]["body"]
    rows.append(([], z3.BoolVal(not kinds(fee) & {"ExtCall", "StaticCall"})))
    return rows


CLAIMS = [
    Claim(
        "BidValueCapped: an account counts its exposure at most",
        of(value, value_capped),
        of(value, lambda n, way: way.result[0] == n["bid"]),
    ),
    Claim(
        "BidValueCapped: NAV at the bid counts all exposure at most",
        of(one_market, sums_capped),
        of(one_market, lambda n, way: way.names["total_bid"] == way.names["exposures"]),
    ),
    Claim(
        "BidValueCapped: NAV at the ask counts idle and exposure at least",
        of(all_markets, nav_ask),
        of(all_markets, lambda n, way: way.result[0] == way.result[1]),
    ),
    Claim(
        "MarksEncloseValue: at every price between bid and ask",
        of(answer, bracketed),
        of(answer, lambda n, way: way.names["bid"] == way.start["bid"]),
    ),
    Claim(
        "BooksAddUp: the totals move as a market's book does",
        of(totals, totals_follow),
        of(totals, lambda n, way: way.names["self.totals"] == n["total"]),
    ),
    Claim(
        "CapsHold: after an allocation, which moves no NAV",
        of(allocation, caps_hold),
        of(allocation, lambda n, way: n["assets"] + n["day"] < n["velocity"]),
    ),
    Claim(
        "HomeCounts: what comes home never lowers NAV at the bid",
        of(homecoming, home_counts),
        of(homecoming, lambda n, way: n["cost"] == n["assets"]),
    ),
    Claim(
        "BidAtMostExposure: in the books of who leaves in kind",
        of(departure, departure_counts),
        of(departure, lambda n, way: rewritten(way)[1] == n["bid"] - n["own_bid"]),
    ),
    Claim(
        "InKindTakesItsPart: of idle, less the exit fee",
        of(in_kind, own_part),
        of(in_kind, lambda n, way: way.result * n["supply"] == n["idle"] * n["shares"]),
    ),
    Claim(
        "InKindNeverBlocked: what is skipped is called by nothing",
        skips,
        of(lambda folder: visits(folder, 0), lambda n, way: z3.BoolVal(way.names == way.start)),
    ),
    Claim(
        "LossesOnlyFallByMoneyOrOwner: by what came home, or by his call",
        nowhere_else(WHERE),
        nowhere_else({"_pay_off": {"losses._earn"}}),
    ),
    Claim(
        "LossesOnlyFallByMoneyOrOwner: by at most what came",
        of(paying_off, fall_by_money),
        of(paying_off, lambda n, way: way.names.get("self.total", n["all"]) == n["all"]),
    ),
    Claim(
        "LossesOnlyFallByMoneyOrOwner: they rise by what did not come",
        of(losing, rise_by_loss),
        of(losing, lambda n, way: way.names.get("self.total", n["all"]) == n["all"]),
    ),
]
