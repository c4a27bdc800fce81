"""Random matches in the vectors' format, their outcomes reckoned by the reference."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from tests.conformance.reading import Json
from tests.conformance.reference import (
    BUY,
    CASH,
    EXCHANGE,
    SELL,
    Call,
    Order,
    Reference,
    Refused,
)
from tests.conformance.signing import domain_hash, order_of, signed

MakeCall = Callable[[Json, random.Random, Json, list[Json]], Json]
PEOPLE = ("A", "B", "Cc", "D", "W")
TOKENS = {"c1": ("yes", "no"), "c2": ("oyes", "ono")}
GOOD_FORMS = ("ok", "highs", "short")
BAD_FORMS = ("v01", "long", "bad", "empty")
SIZES = (7, 500, 1_000_000, 9_999_999, 33_333_333, 250_000_000)


def reference_of(found: Json) -> Reference:
    """Return the reference with what everybody has at the start."""
    balances = {
        name: {asset: int(amount) for asset, amount in holds.items()} | {"oyes": 0, "ono": 0}
        for name, holds in found["start_balances"].items()
    }
    return Reference(balances, set(PEOPLE), found["maxFeeRateBps"])


def order_for(
    recorded: Json, names: dict[str, str], key: str, good: Sequence[str] = GOOD_FORMS
) -> Order:
    """Return a recorded order as the reference has it.

    Args:
        names: of the recorded addresses
        good: forms of a signature that count
    """
    owner, form = recorded["owner"], recorded["sig_form"]
    right = {"W": "E"}.get(owner, owner) == recorded["signed_by"]
    right = right and names[recorded["signer"]] == owner
    right = right and recorded["signatureType"] == (3 if owner == "W" else 0)
    return Order(
        key,
        owner,
        recorded["token"],
        int(recorded["makerAmount"]),
        int(recorded["takerAmount"]),
        recorded["side"],
        recorded["preapprove_first"] or (right and form in good),
    )


def reckoned(found: Json, scenario: Json) -> Json:
    """Return a scenario with the reference's outcomes in place of its own."""
    model = reference_of(found)
    names = {address: name for name, address in found["addresses"].items()}
    recorded = [scenario["orders"]["taker"], *scenario["orders"]["makers"]]
    keys = {each["hash"]: f"o{number}" for number, each in enumerate(recorded)}
    orders = [order_for(each, names, keys[each["hash"]]) for each in recorded]
    steps = [_step(model, orders, recorded, step) for step in scenario["steps"]]
    return scenario | {"steps": steps}


def _step(model: Reference, orders: list[Order], recorded: list[Json], step: Json) -> Json:
    for action in step["before_call"]:
        do_before(model, action)
    sent = step["call"]
    call = Call(
        orders[0],
        orders[1:],
        int(sent["takerFillAmount"]),
        [int(each) for each in sent["makerFillAmounts"]],
        int(sent["takerFeeAmount"]),
        [int(each) for each in sent["makerFeeAmounts"]],
        TOKENS[sent["condition"]],
        sent["caller"] == "op",
    )
    before = {name: dict(holds) for name, holds in model.balances.items()}
    result: Json = {"before_call": step["before_call"], "call": sent, "ok": True}
    try:
        model.match(call)
    except Refused as refused:
        result |= {"ok": False, "error": str(refused)}
    else:
        result |= {"delta": delta(before, model), "events": events_of(model, recorded)}
    status = [model.status(order) for order in orders]
    result["orderStatus_after"] = [each._asdict() for each in status]
    return result


def do_before(model: Reference, action: Json) -> None:
    if "pauseUser" in action:
        model.paused_from[action["pauseUser"]] = model.block + 100
        model.block += action["then_blocks"]
    elif "revoke_all_approvals" in action:
        model.approved.discard(action["revoke_all_approvals"])
    else:
        gift = dict(action["donate_to_exchange"])
        giver = gift.pop("from")
        for asset, amount in gift.items():
            model.balances[giver][asset] -= amount
            model.balances[EXCHANGE][asset] += amount


def delta(before: dict[str, dict[str, int]], model: Reference) -> Json:
    changes = {
        name: {asset: held[asset] - before[name][asset] for asset in (CASH, "yes", "no")}
        for name, held in model.balances.items()
    }
    return {name: each for name, each in changes.items() if any(each.values())}


def events_of(model: Reference, recorded: list[Json]) -> list[Json]:
    """Return events as the file has them: a fill also names builder and metadata."""
    events = []
    for name, args in model.events:
        if name == "OrderFilled":
            order = recorded[int(str(args[0])[1:])]
            words = (order["builder"], order["metadata"])
            args = (*args, *(str(int(each, 16)) for each in words))
        told = [str(each) if isinstance(each, int) and each >= 2**53 else each for each in args]
        events.append({"name": name, "args": told})
    return events


def scenario(found: Json, number: int, seed: int) -> Json:
    """Return a random scenario without outcomes: one to three steps of the same orders."""
    return any_scenario(found, number, seed, _call)


def any_scenario(found: Json, number: int, seed: int, call: MakeCall) -> Json:
    """Return one; `call` makes a step of vectors, dice, taker's order and makers' orders."""
    chance = random.Random(f"{seed} {number}")
    size = chance.choice(SIZES)
    taker = _order(found, chance, chance.choice((BUY, SELL)), "yes", size, chance.random())
    makers = []
    for _ in range(chance.randint(1, 3)):
        same = chance.random() < 0.5
        side = taker["side"] if same else 1 - taker["side"]
        token = "no" if same else "yes"
        if chance.random() < 0.03:
            token = chance.choice(("yes", "no", "oyes"))
        price = _price(taker)
        better = 0.01 if side == BUY else -0.01
        met = (1 - price if same else price) + better * chance.choice((0, 1, 1, 5, 10, -1))
        makers.append(_order(found, chance, side, token, size, met))
    steps = [call(found, chance, taker, makers) for _ in range(chance.randint(1, 3))]
    if chance.random() < 0.1:
        pause = {"pauseUser": chance.choice(PEOPLE), "then_blocks": chance.choice((1, 99, 100))}
        chance.choice(steps)["before_call"].append(pause)
    return {"id": number, "orders": {"taker": taker, "makers": makers}, "steps": steps}


def _price(order: Json) -> float:
    cash, tokens = order["makerAmount"], order["takerAmount"]
    if order["side"] == SELL:
        cash, tokens = tokens, cash
    return float(cash / tokens) if tokens else 0.5


def _order(
    found: Json, chance: random.Random, side: int, token: str, size: int, price: float
) -> Json:
    owner = chance.choice(PEOPLE)
    tokens = max(1, round(size * chance.choice((0.3, 1, 1, 2))))
    cash = max(0, round(tokens * min(0.99, max(0.01, price))))
    making, taking = (cash, tokens) if side == BUY else (tokens, cash)
    if chance.random() < 0.03:
        making, taking = chance.choice(((0, taking), (making, 0)))
    form = "ok"
    if chance.random() < 0.06:
        form = chance.choice((*GOOD_FORMS, *BAD_FORMS))
    address = found["addresses"][owner]
    order: Json = {
        "salt": str(chance.getrandbits(64)),
        "maker": address,
        "signer": address if chance.random() > 0.02 else found["addresses"]["A"],
        "tokenId": found["tokens"][token],
        "makerAmount": making,
        "takerAmount": taking,
        "side": side,
        "signatureType": 3 if owner == "W" else chance.choice((0,) * 40 + (1, 2, 3)),
        "timestamp": chance.getrandbits(40),
        "metadata": "0x" + chance.randbytes(32).hex(),
        "builder": "0x" + chance.randbytes(32).hex(),
        "owner": owner,
        "signed_by": "E" if owner == "W" else owner,
        "token": token,
        "sig_form": form,
        "preapprove_first": form == "empty" and chance.random() < 0.5,
    }
    if order["signer"] != address or (owner != "W" and order["signatureType"] != 0):
        order["preapprove_first"] = False  # it would be refused
    made = order_of(order)
    version = found.get("exchangeVersion", "2")
    digest = domain_hash(made, found["exchange"], version, found["chainId"])
    form = "empty" if order["preapprove_first"] else form
    signature = signed(found["keys"][order["signed_by"]], digest, form)
    return order | {"hash": "0x" + digest.hex(), "signature": "0x" + signature.hex()}


def _call(found: Json, chance: random.Random, taker: Json, makers: list[Json]) -> Json:
    fills = [some_part(chance, maker["makerAmount"]) for maker in makers]
    fees = [some_fee(chance, maker["makerAmount"]) for maker in makers]
    fill = _given(taker, list(zip(makers, fills, strict=True)))
    if chance.random() < 0.9:
        fill = min(fill, int(taker["makerAmount"]))
    if chance.random() < 0.2:
        fill = chance.choice((fill - 1, fill + 1, taker["makerAmount"], 0)) % 2**64
    condition = "c1" if chance.random() > 0.02 else "c2"
    return {
        "before_call": some_acts(chance),
        "call": {
            "conditionId": found["conditions"][condition],
            "condition": condition,
            "takerFillAmount": fill,
            "makerFillAmounts": fills,
            "takerFeeAmount": some_fee(chance, fill),
            "makerFeeAmounts": fees[:-1] if chance.random() < 0.01 else fees,
            "caller": "op" if chance.random() > 0.02 else "A",
        },
    }


def _given(taker: Json, makers: list[tuple[Json, int]]) -> int:
    """Return about what the taker gives at its price for what the makers' fills bring."""
    tokens = 0
    for maker, fill in makers:
        if maker["side"] == SELL:
            tokens += fill
        elif maker["makerAmount"]:
            tokens += fill * maker["takerAmount"] // maker["makerAmount"]
    if taker["side"] == SELL or not taker["takerAmount"]:
        return tokens
    return -(-tokens * int(taker["makerAmount"]) // int(taker["takerAmount"]))


def some_part(chance: random.Random, amount: int) -> int:
    """Return how much of an order is filled: rarely nothing, or too much."""
    if chance.random() < 0.03:
        return chance.choice((0, amount + 1))
    return int(amount * chance.choice((1, 0.5, 0.25, 0.1, chance.random())))


def some_fee(chance: random.Random, amount: int) -> int:
    """Return a fee, which is mostly none."""
    if chance.random() < 0.8:
        return 0
    return int(amount * chance.choice((0.001, 0.01, 0.02, 0.05))) + chance.randint(0, 1)


def some_acts(chance: random.Random) -> list[Any]:
    """Return what happens before a call, which is mostly nothing."""
    luck = chance.random()
    if luck < 0.03:
        return [{"revoke_all_approvals": chance.choice(PEOPLE)}]
    if luck < 0.06:
        gift = {"from": chance.choice(PEOPLE[:4]), CASH: 7, "yes": 7}
        return [{"donate_to_exchange": gift}]
    return []
