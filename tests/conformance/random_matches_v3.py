"""Random matches of exchange V3 in the vectors' format, as its reference reckons them."""

import itertools
import random

from tests.conformance.random_matches import (
    PEOPLE,
    any_scenario,
    delta,
    do_before,
    events_of,
    order_for,
    some_acts,
    some_fee,
    some_part,
)
from tests.conformance.reading import Json
from tests.conformance.reference import BUY, SELL, Order, Refused
from tests.conformance.reference_v3 import CallV3, ReferenceV3

GOOD_FORMS = ("ok", "highs", "v01")
AMOUNTS = ("takerFillAmount", "takerReceiveAmount", "takerFeeAmount")


def terms(recorded: Json) -> Json:
    """Return the vectors with the words that random orders are made of."""
    exchange = recorded["addresses"]["exchange"]
    return recorded | {"exchange": exchange, "exchangeVersion": "3"}


def reckoned(found: Json, scenario: Json) -> Json:
    """Return a scenario with the reference's outcomes in place of its own."""
    balances = {
        name: {asset: int(amount) for asset, amount in holds.items()} | {"oyes": 0, "ono": 0}
        for name, holds in found["start_balances"].items()
    }
    model = ReferenceV3(balances, set(PEOPLE), found["maxFeeRateBps"])
    names = {address: name for name, address in found["addresses"].items()}
    recorded = [scenario["orders"]["taker"], *scenario["orders"]["makers"]]
    keys = {each["hash"]: f"o{number}" for number, each in enumerate(recorded)}
    orders = [order_for(each, names, keys[each["hash"]], GOOD_FORMS) for each in recorded]
    steps = [_step(model, orders, recorded, step) for step in scenario["steps"]]
    return scenario | {"steps": steps}


def _step(model: ReferenceV3, orders: list[Order], recorded: list[Json], step: Json) -> Json:
    for action in step["before_call"]:
        do_before(model, action)
    sent = step["call"]
    call = CallV3(
        orders[0],
        orders[1:],
        [int(each) for each in sent["makerFillAmounts"]],
        [int(each) for each in sent["makerFeeAmounts"]],
        *(int(sent["takerAmounts"][name]) for name in AMOUNTS),
        by_operator=sent["caller"] == "op",
    )
    before = {name: dict(holds) for name, holds in model.balances.items()}
    result: Json = {"before_call": step["before_call"], "call": sent, "ok": True}
    try:
        model.match(call)  # type: ignore[arg-type]
    except Refused as refused:
        result |= {"ok": False, "error": str(refused)}
    else:
        result |= {"delta": delta(before, model), "events": events_of(model, recorded)}
    result["orderStatus_after"] = [model.status(order)._asdict() for order in orders]
    return result


def scenario(found: Json, number: int, seed: int) -> Json:
    """Return a random scenario without outcomes: one to three steps of the same orders. What else
    a contract's signature may look like is the contract's to say, so those of W are plain."""
    for attempt in itertools.count():
        made = any_scenario(terms(found), number + 10_000 * attempt, seed, _call)
        orders = [made["orders"]["taker"], *made["orders"]["makers"]]
        forms = {each["sig_form"] for each in orders if each["owner"] == "W"}
        if forms <= {"ok", "bad", "empty"}:
            return made
    raise AssertionError


def _call(found: Json, chance: random.Random, taker: Json, makers: list[Json]) -> Json:
    """Return a step. The operator must say to the unit what the taker gets, and of a seller who
    meets sellers what he gives: so he mostly does."""
    fills = [some_part(chance, maker["makerAmount"]) for maker in makers]
    gives, _ = _taken(taker, list(zip(makers, fills, strict=True)))
    if chance.random() < 0.95:  # so that it fits into the taker's order, and is no fill of 0
        most = taker["makerAmount"] * chance.choice((1, 1, 0.4))
        fills = [max(1, int(fill * min(1, most / max(1, gives)))) for fill in fills]
    fees = [some_fee(chance, maker["makerAmount"]) for maker in makers]
    gives, gets = _taken(taker, list(zip(makers, fills, strict=True)))
    together = any(maker["side"] == taker["side"] for maker in makers)
    fill = gives
    if chance.random() < (0.2 if together and taker["side"] == SELL else 0.5):
        fill = chance.choice((gives + 1, max(0, gives - 1), taker["makerAmount"], 0))
    if chance.random() < 0.05:
        gets = max(0, gets + chance.choice((-1, 1)))
    amounts = dict(zip(AMOUNTS, (fill, gets, some_fee(chance, gives)), strict=True))
    return {
        "before_call": some_acts(chance),
        "call": {
            "makerFillAmounts": fills,
            "makerFeeAmounts": fees[:-1] if chance.random() < 0.01 else fees,
            "takerAmounts": amounts,
            "caller": "op" if chance.random() > 0.02 else "A",
        },
    }


def _taken(taker: Json, makers: list[tuple[Json, int]]) -> tuple[int, int]:
    """Return what the taker gives and gets by the makers' prices."""
    gives = gets = 0
    for maker, fill in makers:
        taking = fill * maker["takerAmount"] // maker["makerAmount"] if maker["makerAmount"] else 0
        if maker["side"] != taker["side"]:
            gives, gets = gives + taking, gets + fill
        elif taker["side"] == BUY:
            gives, gets = gives + taking - fill, gets + taking
        else:
            gives, gets = gives + fill, gets + fill - taking
    return max(0, gives), max(0, gets)
