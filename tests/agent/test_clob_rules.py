"""The service's own rules, apart from HTTP: amounts, rate limits, heartbeats, payloads."""

import gzip
import json
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from py_clob_client_v2.exceptions import PolyApiException
from strongroom.devnet.clob import errors
from strongroom.devnet.clob.amounts import check_precision
from strongroom.devnet.clob.errors import Refusal
from strongroom.devnet.clob.habits import Habits
from strongroom.devnet.clob.heartbeats import Heartbeats
from strongroom.devnet.clob.orders import domain_separator, order_hash, parse
from strongroom.devnet.clob.rates import RateLimits, RateTier
from strongroom.devnet.clob.settlement import Settlement, signer_of
from strongroom.devnet.clob.wording import order_status, trade_status
from strongroom.devnet.traders import patiently

# What the venue's own client makes at a fixed time: the service must take it as it is.
VECTORS = Path(__file__).parents[1] / "conformance" / "vectors"
RECORDED = json.loads((VECTORS / "client_payloads.json").read_text())


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


# amounts


def test_the_clients_own_market_amounts_are_fine_enough():
    for row in RECORDED["amounts"]:
        made = row["market"]
        check_precision(
            row["side"], int(made["makerAmount"]), int(made["takerAmount"]), Decimal(row["tick"])
        )


@pytest.mark.parametrize(
    ("side", "making", "taking", "tick", "fits"),
    [
        ("BUY", 10_010_000, 25_025_000, "0.01", True),
        ("BUY", 10_012_000, 25_025_000, "0.01", False),  # 3 decimals of pUSD
        ("BUY", 10_010_000, 25_025_010, "0.01", False),  # 5 decimals of tokens
        ("BUY", 10_010_000, 25_025_010, "0.001", True),
        ("BUY", 10_010_000, 25_025_011, "0.001", False),  # 6
        ("BUY", 10_010_000, 25_025_011, "0.0001", True),
        ("SELL", 5_010_000, 2_004_000, "0.01", True),
        ("SELL", 5_011_000, 2_004_400, "0.01", False),  # 3 decimals of tokens
    ],
)
def test_amounts_finer_than_the_tick_allows_are_refused(side, making, taking, tick, fits):
    if fits:
        check_precision(side, making, taking, Decimal(tick))
        return
    with pytest.raises(Refusal, match="invalid amounts") as refused:
        check_precision(side, making, taking, Decimal(tick))
    assert refused.value.status == 400


# payloads


def test_the_clients_own_orders_are_parsed_and_their_signers_found():
    plain = [row for row in RECORDED["orders"] if row["body"]["order"]["signatureType"] < 3]
    assert len(plain) >= 3
    for row in RECORDED["orders"]:
        submission = parse(row["body"])
        domain = domain_separator(row["exchange"], row["version"], 137)
        signature = bytes.fromhex(submission.order.signature[2:])
        signer = signer_of(order_hash(submission.order, domain), signature)
        assert (signer == submission.order.signer) == (row in plain)


# settlements


def struct(order):
    """Return a recorded order as the exchange takes it."""
    names = ("salt", "maker", "signer", "tokenId", "makerAmount", "takerAmount", "side")
    return (*(order[name] for name in names), 0, 0, b"", b"", b"")


def test_what_a_taker_receives_is_what_the_real_exchange_wanted():
    """Of all matches that the real Exchange V3 accepted: it refuses any other number."""
    matches = json.loads(gzip.decompress((VECTORS / "exchange_v3_matches.json.gz").read_bytes()))
    accepted = 0
    for scenario in matches["scenarios"]:
        orders = scenario["orders"]
        for step in scenario["steps"]:
            call = step["call"]
            if not step["ok"]:
                continue
            settlement = Settlement(
                protocol="v2",
                exchange="",
                condition_id="",
                taker=struct(orders["taker"]),
                makers=[struct(each) for each in orders["makers"]],
                taker_fill=0,
                maker_fills=call["makerFillAmounts"],
                taker_fee=0,
            )
            assert settlement.taker_receives() == call["takerAmounts"]["takerReceiveAmount"]
            accepted += 1
    assert accepted > 50


# rate limits


def test_a_standard_signers_bucket_holds_60_and_40_flow_in_a_second(clock):
    rates = RateLimits(clock)

    def order(count=1):
        return rates.spend("orders", "0xAb", count, RateTier.STANDARD, "enforce")

    assert order(15)["Poly-RateLimit-Remaining"] == "45"
    assert order(45)["Poly-RateLimit-Remaining"] == "0"
    with pytest.raises(Refusal) as refused:
        order(20)
    assert refused.value.status == 429
    assert refused.value.body["retry_after_seconds"] == 1
    headers = {"Retry-After": "1", "Poly-RateLimit-Remaining": "0", "Poly-RateLimit-Reset": "1001"}
    assert refused.value.headers == headers | {"Poly-RateLimit-Tier": "standard"}
    clock.now += 0.5
    assert order(20)["Poly-RateLimit-Remaining"] == "0"
    clock.now += 100
    assert order()["Poly-RateLimit-Remaining"] == "59"
    with pytest.raises(Refusal):
        order(61)  # more than the bucket ever holds


def test_signers_and_kinds_have_buckets_of_their_own(clock):
    rates = RateLimits(clock)
    for signer in ("0xa", "0xb"):
        spent = rates.spend("orders", signer, 60, RateTier.STANDARD, "enforce")
        assert spent["Poly-RateLimit-Remaining"] == "0"
    spent = rates.spend("cancels", "0xa", 60, RateTier.STANDARD, "enforce")
    assert spent["Poly-RateLimit-Remaining"] == "60"


@pytest.mark.parametrize(
    ("tier", "burst", "owes"), [("gold", 1_200, True), ("elite", 1_800, False)]
)
def test_a_cancel_may_owe_up_to_gold(clock, tier, burst, owes):
    rates, tier = RateLimits(clock), RateTier(tier)
    rates.spend("cancels", "0xa", burst - 1, tier, "enforce")
    if owes:
        spent = rates.spend("cancels", "0xa", 101, tier, "enforce")
        assert spent["Poly-RateLimit-Remaining"] == "-100"
    with pytest.raises(Refusal):
        rates.spend("cancels", "0xa", 101, tier, "enforce")


def test_a_warning_refuses_nothing_and_off_says_nothing(clock):
    rates = RateLimits(clock)
    warned = rates.spend("orders", "0xa", 70, RateTier.STANDARD, "warn")
    assert warned["Poly-RateLimit-Warning"] == "true"
    assert warned["Poly-RateLimit-Remaining"] == "-10"
    assert rates.spend("orders", "0xa", 70, RateTier.STANDARD, "off") == {}


def refusal(status, **body):
    """An answer as the official client raises it."""
    request = httpx.Request("POST", "http://venue/orders")
    return PolyApiException(httpx.Response(status, json=body, request=request))


def test_the_devnets_traders_wait_as_they_are_told(monkeypatch):
    slept, answers = [], [refusal(429, error="", retry_after_seconds=2), ["done"]]
    monkeypatch.setattr("strongroom.devnet.traders.time.sleep", slept.append)

    def ask():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert patiently(ask) == ["done"]
    assert slept == [2.0]
    answers.append(refusal(400, error="invalid"))
    with pytest.raises(PolyApiException):
        patiently(ask)


# heartbeats


def test_each_heartbeat_names_the_one_before(clock):
    hearts = Heartbeats(clock)
    first = hearts.beat("key", "")
    second = hearts.beat("key", first)
    with pytest.raises(Refusal) as refused:
        hearts.beat("key", first)
    assert refused.value.status == 400
    assert refused.value.body == {"error_msg": errors.BAD_HEARTBEAT, "heartbeat_id": second}
    clock.now += 9
    assert hearts.fallen_silent() == []
    hearts.beat("key", second)
    clock.now += 11
    assert hearts.fallen_silent() == ["key"]
    assert hearts.fallen_silent() == []
    assert hearts.beat("key", "")


# words


def test_rest_words_follow_the_habits():
    plain, venue = Habits(), Habits.venue()
    assert order_status("CANCELED_EXPIRED_ORDER", plain, rest=True) == "EXPIRED"
    assert order_status("CANCELED_MARKET_RESOLVED", plain, rest=True) == "CANCELED"
    assert order_status("LIVE", venue, rest=True) == "ORDER_STATUS_LIVE"
    assert order_status("CANCELED_EXPIRED_ORDER", venue, rest=False) == "CANCELED_EXPIRED_ORDER"
    assert trade_status("MATCHED", False, plain, rest=True) == "MATCHED_NOT_BROADCASTED"
    assert trade_status("MATCHED", False, plain, rest=False) == "MATCHED"
    assert trade_status("MATCHED", True, venue, rest=True) == "TRADE_STATUS_MATCHED"
