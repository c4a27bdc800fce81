"""Numbers, times and text that come from outside: what cannot be used costs itself, by name.

Each case ended the process or a thread once. What JSON lets through is told by RFC 8259 and by
Python's own reader, which takes more: NaN, half a character, a mark of the byte order.
"""

import json
import logging
from decimal import Decimal

import httpx
import pytest
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import ApiCreds
from py_clob_client_v2.http_helpers import helpers
from strongroom.chain.calls import DecodedLog
from strongroom.chain.failures import ChainAway
from strongroom.chain.ids import read_json
from strongroom.chain.jsonrpc import JsonRpc
from strongroom.chain.outside import BadValue, is_tick, kept_text, moment, number, quantity, whole
from strongroom.chain.refusals import Meaning, least_fees, meaning_of
from strongroom.chain.rpc import Chain
from strongroom.chain.whole_answers import WholeAnswers
from strongroom.errors import Away
from strongroom.execution.order_desk import _fill
from strongroom.execution.venues.clob import Clob, answer_of
from strongroom.information.endpoint import Endpoint
from strongroom.information.forecast import Given
from strongroom.information.gamma import parse_markets
from strongroom.information.kept_books import KeptBooks
from strongroom.information.stream import MarketStream
from strongroom.journal import Journal
from strongroom.journal.states import AnswerKind

from tests.agent.test_information import RECORD
from tests.agent.test_node_answers import node
from tests.postgres_server import fresh_database, postgres_server

ORDER = "0x" + "12" * 32


# the readers


@pytest.mark.parametrize(
    ("given", "read"),
    [(0.031, "0.031"), ("1e3", "1000"), (-2, "-2"), ("0", "0"), (".5", "0.5"), (10**30, "1e30")],
)
def test_a_number_is_the_one_that_was_written(given, read):
    assert number(given) == Decimal(read)


@pytest.mark.parametrize(
    "given",
    [None, True, "", "NaN", "sNaN", float("nan"), float("inf"), "1e-400", "1e999999999", 10**31,
     "9" * 5_000, "0." + "1" * 100, "１", "1_0", " 1", "0x1", [], {}],
    ids=lambda each: str(each)[:9],
)  # fmt: skip
def test_what_is_no_number_is_a_bad_value(given):
    for read in (number, whole, quantity):
        if not (read is whole and given == 10**31) and not (read is quantity and given == "0x1"):
            with pytest.raises(BadValue):
                read(given)


def test_whole_numbers_have_so_many_bits():
    assert whole(str(2**63 - 1)) == quantity(hex(2**63 - 1)) == 2**63 - 1
    assert whole(2**256 - 1, 256) == 2**256 - 1
    for read in (lambda: whole(2**63), lambda: quantity(hex(2**64)), lambda: whole(2**256, 256)):
        with pytest.raises(BadValue):
            read()


def test_a_time_is_of_this_age():
    assert moment("2027-01-01T02:00:00+02:00").isoformat() == "2027-01-01T00:00:00+00:00"
    for text in (1798761600, "", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "soon"):
        with pytest.raises(BadValue):
            moment(text)


def test_text_that_no_database_takes_is_replaced():
    assert kept_text("bad \ud800 \x00 \U0001f600") == "bad \ufffd \ufffd \U0001f600"


def test_a_tick_is_a_whole_number_of_millionths():
    assert is_tick(Decimal("0.000001")) and is_tick(Decimal("0.0025"))
    assert not any(map(is_tick, map(Decimal, ("0", "1", "-0.1", "0.0000001", "0.0000015"))))


# markets


@pytest.mark.parametrize(
    "odd",
    ['"endDate": 1798761600', '"endDate": "9999-12-31T23:59:59-23:59"',
     '"orderPriceMinTickSize": "NaN"', '"secondsDelay": NaN', '"secondsDelay": "NaN"',
     '"feeSchedule": {"rate": "NaN", "exponent": 1}',
     '"feeSchedule": {"rate": "1e-999999999", "exponent": 1}',
     '"orderMinSize": "NaN"', '"orderMinSize": 1e999', '"orderMinSize": -1',
     '"bestBid": NaN', '"liquidityNum": 1e999',
     f'"clobTokenIds": ["{2**256}", "1"]'],
)  # fmt: skip
def test_one_odd_record_costs_itself_by_name(odd):
    field = odd.split('"')[1]
    record = read_json(json.dumps(RECORD)[:-1] + f", {odd}}}")
    markets, (bad,) = parse_markets([record, RECORD])
    assert len(markets) == 1
    assert bad.reason == field and RECORD["slug"] in str(bad)


def test_a_tick_that_is_finer_than_any_price_bars_the_market():
    (market,), _ = parse_markets([RECORD | {"orderPriceMinTickSize": 0.0000001}])
    assert market.barred == ("its tick is unknown",) and market.tick == Decimal("0.01")


@pytest.mark.parametrize("enabled", [{}, {"feesEnabled": None}])
def test_fees_of_a_named_kind_without_a_schedule_are_unknown(enabled):
    """VENUE e2: a fee type is what has fees; only `feesEnabled: false` says that there are none."""
    bare = {k: v for k, v in RECORD.items() if k not in ("feesEnabled", "feeSchedule", "feeType")}
    (market,), _ = parse_markets([bare | enabled | {"feeType": "crypto_fees", "feeSchedule": None}])
    assert market.barred == ("its fees are unknown: no feeSchedule",)
    (free,), _ = parse_markets([bare | enabled])
    assert free.barred == () and free.fees.most(10**8, 500_000) == 0


# services


def test_a_limit_that_begins_anew_in_milliseconds_is_no_pause_for_ever():
    """VENUE e1: the reset is a time in seconds."""
    clock = [0.0]
    headers = {"Poly-RateLimit-Remaining": "0", "Poly-RateLimit-Reset": "1795687200000"}
    answer = httpx.MockTransport(lambda request: httpx.Response(200, json=[], headers=headers))
    service = Endpoint("it", "http://x", Away, transport=answer, clock=lambda: clock[0])
    service.get("/", {})
    assert "asked again in 3600 s" in service.health.wrong
    clock[0] = 3_601
    assert service.get("/", {}) == []


# the market channel


@pytest.mark.parametrize(
    "message",
    [{"event_type": "book", "asset_id": float("inf"), "bids": [], "asks": [], "timestamp": "1"},
     {"event_type": "book", "asset_id": "1", "bids": [], "asks": [], "timestamp": float("inf")},
     {"event_type": "book", "asset_id": "9" * 5_000, "bids": [], "asks": [], "timestamp": "1"},
     {"event_type": "price_change", "price_changes": [{}], "timestamp": float("inf")},
     {"event_type": "tick_size_change", "asset_id": "1", "new_tick_size": "0.0000001"}],
)  # fmt: skip
def test_a_message_with_a_number_that_is_none_is_skipped(message):
    stream = MarketStream("ws://venue.invalid", None, KeptBooks())
    stream.take(message, 1)
    assert sum(stream.skipped.values()) == 1


# the venue behind the official client


def clob(monkeypatch, status, body, **headers):
    """The official client, of which every question has one answer."""
    answer = httpx.MockTransport(lambda request: httpx.Response(status, content=body, **headers))
    monkeypatch.setattr(helpers, "_http_client", httpx.Client(transport=WholeAnswers(answer)))
    key = "0x" + "11" * 32
    return Clob(ClobClient("http://x", 137, key=key, creds=ApiCreds("a", "czNjcmV0", "c")))


DEEP = "[" * 200_000


@pytest.mark.parametrize(
    "body",
    [DEEP.encode("utf-8-sig"), DEEP.encode("utf-16"), DEEP.encode("utf-16-le"),
     DEEP.encode("utf-32"), b" \n" + DEEP.encode(), b'"bad \\ud800"',
     b'\xef\xbb\xbf{"error": "bad \\ud800"}'],
    ids=["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "space", "half a letter", "marked"],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 400])
def test_an_answer_that_read_json_cannot_read_is_none(monkeypatch, status, body):
    venue = clob(monkeypatch, status, body)
    assert venue.look(ORDER).kind == venue.heartbeat().kind == AnswerKind.SILENT
    assert venue.time() is None


@pytest.fixture
def unlogged():
    """The client logs an answer's words; what a test logs is sent as UTF-8, which these are not."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("unlogged")
def test_words_in_any_encoding_can_be_written_down(monkeypatch):
    headers = {"headers": {"Content-Type": "text/plain; charset=unicode_escape"}}
    for body in (b"bad \\ud800", b"bad \\x00"):
        venue = clob(monkeypatch, 400, body, **headers)
        for answer in (venue.look(ORDER), venue.heartbeat()):
            assert answer.detail == kept_text(answer.detail)


def test_a_marked_answer_that_is_json_is_read(monkeypatch):
    assert clob(monkeypatch, 200, b"\xef\xbb\xbf1700000000").time() == 1_700_000_000


def test_a_refusals_words_can_be_kept():
    assert answer_of(400, "bad \ud800\x00").detail == "bad \ufffd\ufffd"


# the journal


def texts_are_kept(url):
    journal = Journal(url)
    journal.keep("words", "a\x00\ud800b")
    journal.forecast(Given("s", "0x01", 0.5, 1, 1), "slug\x00", 0.5)
    journal.resolve("0x01", 1.0, 5)
    assert journal.fact("words") == "a\ufffd\ufffdb"
    ((forecast,),) = journal.resolved_forecasts().values()
    assert forecast.event == "slug\ufffd"


def test_a_file_takes_what_the_venue_says(tmp_path):
    texts_are_kept(f"sqlite:///{tmp_path}/keeper.db")


def test_a_server_takes_what_the_venue_says():
    with postgres_server() as url:
        texts_are_kept(fresh_database(url))


# nodes


@pytest.mark.parametrize("code", [[], {}, None, "x", float("inf")])
def test_a_code_that_is_none_is_no_harm(code):
    body = json.dumps({"id": 1, "error": {"code": code, "message": "no"}}).encode()
    with node(body=body) as port:
        (answer,) = JsonRpc(f"http://127.0.0.1:{port}").ask([("eth_gasPrice", ())])
    assert meaning_of(answer["error"]) == Meaning.OTHER


@pytest.mark.parametrize("sender", [None, "zz", "0x12", 7])
def test_a_sender_that_is_none_is_a_node_that_is_away(sender):
    with node({"from": sender}, eth_chainId="0x7") as port, pytest.raises(ChainAway):
        Chain(f"http://127.0.0.1:{port}").sender_of(ORDER)


HUGE = hex(2**64)
EXECUTED = "0x442e715f626346e8c54381002da614f62bee8d27386535b2521ec8540898556e"


@pytest.mark.parametrize(
    "read",
    [lambda chain: chain.head(), lambda chain: chain.now(), lambda chain: chain.fees(),
     lambda chain: chain.suggested_tip(), lambda chain: chain.sent_by("0x" + "12" * 20),
     lambda chain: chain.logs("0x" + "12" * 20, "Safe", "ExecutionSuccess", 1)],
)  # fmt: skip
def test_a_number_beyond_what_can_be_kept_is_a_node_that_is_away(read):
    answers = {
        "eth_chainId": "0x7",
        "eth_getBlockByNumber": {"number": HUGE, "timestamp": HUGE},
        "eth_feeHistory": {"reward": [[HUGE]], "baseFeePerGas": [HUGE]},
        "eth_getLogs": [{"topics": [EXECUTED, ORDER], "data": "0x" + "00" * 32,
                         "transactionHash": ORDER, "logIndex": HUGE, "blockNumber": HUGE}],
    }  # fmt: skip
    with node(HUGE, **answers) as port, pytest.raises(ChainAway):
        read(Chain(f"http://127.0.0.1:{port}"))


def test_a_fill_beyond_what_can_be_kept_is_a_node_that_is_away():
    args = {"makerAmountFilled": 2**64, "takerAmountFilled": 1, "fee": 0}
    with pytest.raises(ChainAway):
        _fill(DecodedLog(ORDER, 0, 1, args))


def test_fees_of_thousands_of_digits_are_none():
    assert least_fees("baseFee: " + "9" * 5_000) == (None, None)
    assert least_fees("minimum needed 25, baseFee: 7") == (25, 7)
