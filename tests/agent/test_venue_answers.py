"""What the venue's texts mean, one by one: yes, no, no for lack of funds, or nothing."""

import logging
from types import SimpleNamespace

import httpx
import pytest
from eth_account import Account
from py_clob_client_v2.exceptions import PolyApiException
from py_clob_client_v2.http_helpers import helpers
from strongroom.chain.orders import OrderKind
from strongroom.devnet.clob import errors
from strongroom.execution.interfaces import VenueTrade
from strongroom.execution.venues import pauses
from strongroom.execution.venues.clob import Clob, LateVenue, VenueAway, answer_of, log_in
from strongroom.journal.states import AnswerKind, TradeStatus, VenueWord

from tests.signing import make_order

ORDER = make_order("0x" + "33" * 20, 77, 5, 10)
HASH = "0x" + "12" * 32
TEXTS = [
    (400, errors.DUPLICATED, AnswerKind.ACCEPTED),
    (400, errors.NO_FUNDS, AnswerKind.UNFUNDED),
    (400, "not enough balance / allowance: the balance is not enough", AnswerKind.UNFUNDED),
    (400, errors.BAD_SIGNATURE, AnswerKind.REFUSED),
    (400, errors.FOREIGN_OWNER, AnswerKind.REFUSED),
    (400, errors.FOREIGN_SIGNER, AnswerKind.REFUSED),
    (400, errors.FOREIGN_MAKER, AnswerKind.REFUSED),
    (400, errors.BAD_TICK.format(price="0.123", tick="0.01"), AnswerKind.REFUSED),
    (400, errors.TOO_SMALL.format(size="1", minimum="5"), AnswerKind.REFUSED),
    (400, errors.BAD_EXPIRATION, AnswerKind.REFUSED),
    (400, errors.BAD_TIMESTAMP, AnswerKind.REFUSED),
    (400, errors.CROSSING, AnswerKind.REFUSED),
    (400, errors.FOK_KILLED, AnswerKind.REFUSED),
    (400, errors.FAK_KILLED, AnswerKind.REFUSED),
    (400, errors.NOT_READY, AnswerKind.REFUSED),
    (400, errors.BAD_TOKEN, AnswerKind.REFUSED),
    (401, errors.UNAUTHORIZED, AnswerKind.REFUSED),
    (403, "cloudflare", AnswerKind.REFUSED),
    (404, errors.NO_BOOK, AnswerKind.SILENT),
    (425, errors.RESTARTING, AnswerKind.SILENT),
    (429, "rate limited", AnswerKind.SILENT),
    (500, "not enough balance / allowance", AnswerKind.SILENT),  # a server error says nothing
    (503, errors.DISABLED, AnswerKind.SILENT),
    (503, errors.CANCEL_ONLY, AnswerKind.SILENT),
    (503, str({"error": errors.POST_ONLY, "code": "post_only_mode"}), AnswerKind.REFUSED),
    (None, "Request exception!", AnswerKind.SILENT),
]


@pytest.mark.parametrize(("status", "text", "kind"), TEXTS)
def test_each_text_has_its_kind(status, text, kind):
    answer = answer_of(status, text)
    assert answer.kind == kind
    refused = kind in (AnswerKind.REFUSED, AnswerKind.UNFUNDED)
    assert (answer.venue == VenueWord.REJECTED) == refused


def client(**answers):
    """The official client, as far as it is asked; an exception is raised."""

    def say(answer):
        def said(*_, **__):
            if isinstance(answer, Exception):
                raise answer
            return answer

        return said

    return Clob(SimpleNamespace(**{name: say(answer) for name, answer in answers.items()}))


def failed(status, text):
    request = httpx.Request("POST", "http://venue/order")
    return PolyApiException(httpx.Response(status, json={"error": text}, request=request))


def test_an_order_is_taken_refused_or_nobody_knows():
    taken = client(post_order={"success": True, "status": "delayed"})
    assert taken.place(ORDER, b"s").venue == VenueWord.DELAYED
    poor = client(post_order={"success": False, "errorMsg": errors.NO_FUNDS})
    assert poor.place(ORDER, b"s").kind == AnswerKind.UNFUNDED
    assert client(post_order=failed(400, errors.NO_FUNDS)).place(ORDER, b"s").kind == (
        AnswerKind.UNFUNDED
    )
    restarting = client(post_order=failed(425, errors.RESTARTING))
    answer = restarting.place(ORDER, b"s", OrderKind.FAK)
    assert answer.kind == AnswerKind.SILENT and "restarting" in restarting.trouble
    unsaid = ({}, {"success": None}, {"error": "upstream timeout"}, {"success": False})
    half = {"orderID": HASH, "status": "live"}  # it may stand: only `success` says yes or no
    for nonsense in (httpx.ReadTimeout("late"), [], None, half, *unsaid):
        assert client(post_order=nonsense).place(ORDER, b"s").kind == AnswerKind.SILENT


def test_what_no_answer_can_be_read_from_says_nothing():
    for nonsense in (httpx.ConnectError("away"), failed(500, "x"), {"unexpected": 1}, 5):
        venue = client(get_order=nonsense, cancel_order=nonsense, get_trades=nonsense)
        assert venue.look(HASH).kind == AnswerKind.SILENT
        assert venue.cancel(HASH).kind == AnswerKind.SILENT
        assert venue.trades(HASH, HASH) is None
    assert client(get_order=None).look(HASH).kind == AnswerKind.REFUSED


@pytest.mark.parametrize(
    ("said", "matched"),
    [("30.5", 30_500_000), ("0", 0), (None, None), ("NaN", None), ("1e999", None), ("-1", None)],
)
def test_what_was_matched_is_known_where_the_venue_says_it(said, matched):
    found = client(get_order={"status": "MATCHED", "size_matched": said}).look(HASH)
    assert (found.venue, found.matched) == (VenueWord.MATCHED, matched)


def test_trades_are_the_orders_own_and_an_unknown_word_has_not_ended():
    def trade(name, status, maker=HASH):
        others = {"order_id": "0x98", "matched_amount": "1"}
        makers = [others, {"order_id": maker, "matched_amount": "2.5"}, others]
        of = {"maker_orders": makers, "taker_order_id": "0x", "size": "4.5"}
        return {"id": name, "status": status, **of}

    trades = [trade("1", "CONFIRMED"), trade("2", "NEW WORD"), trade("3", "FAILED", "0x99")]
    page = {"trades": trades, "next_cursor": "LTE="}
    found = client(get_trades_paginated=page).trades(HASH, HASH)
    assert found == {
        "1": VenueTrade(TradeStatus.CONFIRMED, 2_500_000),
        "2": VenueTrade(TradeStatus.MATCHED, 2_500_000),
    }
    assert [each.status.ended for each in found.values()] == [True, False]
    page["trades"] = [trade("1", "FAILED", "0x99") | {"taker_order_id": HASH}]
    found = client(get_trades_paginated=page).trades(HASH, HASH)
    assert found == {"1": VenueTrade(TradeStatus.FAILED, 4_500_000)}
    for odd in (None, "NaN", "1e999", "-1", ""):
        page["trades"][0]["size"] = odd
        assert client(get_trades_paginated=page).trades(HASH, HASH) is None


class Heartbeats:
    """The venue's rule: the id that is due, or a refusal that names it (VENUE e1)."""

    def __init__(self, due):
        self.due, self.lost, self.heard = due, False, []

    def post_heartbeat(self, name):
        self.heard.append(name)
        if self.due not in (None, name):
            request = httpx.Request("POST", "http://venue/v1/heartbeats")
            body = {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": self.due}
            raise PolyApiException(httpx.Response(400, json=body, request=request))
        self.due = f"id {len(self.heard)}"
        if self.lost:
            raise httpx.ReadTimeout("late")
        return {"heartbeat_id": self.due}


def test_the_next_heartbeat_carries_the_id_that_a_refusal_names():
    """K19: after a new start, and after an answer that was lost."""
    venue = Heartbeats("of the run before")
    ours = Clob(venue)
    assert ours.heartbeat().kind == AnswerKind.ACCEPTED
    assert venue.heard == ["", "of the run before"]
    assert ours.heartbeat().kind == AnswerKind.ACCEPTED
    venue.lost = True
    assert ours.heartbeat().kind == AnswerKind.SILENT
    venue.lost = False
    assert ours.heartbeat().kind == AnswerKind.ACCEPTED
    assert len(venue.heard) == 6 and venue.heard[-1] == "id 4"
    for nonsense in (failed(400, "no"), failed(500, "x"), [], None):
        assert client(post_heartbeat=nonsense).heartbeat().kind == AnswerKind.SILENT


def test_post_only_mode_is_a_refusal_and_stops_new_takers():
    """K20: 503 with a code is no doubt about the order (VENUE e1, modes)."""
    request = httpx.Request("POST", "http://venue/order")
    body = {"error": errors.POST_ONLY, "code": "post_only_mode"}
    refusal = PolyApiException(httpx.Response(503, json=body, request=request))
    venue = client(post_order=refusal)
    assert venue.place(ORDER, b"s", OrderKind.FAK).kind == AnswerKind.REFUSED
    assert "post-only" in venue.trouble


def test_a_word_that_nobody_knows_is_named():
    found = client(get_order={"status": "ORDER_STATUS_ON_THE_MOON"}).look(HASH)
    assert (found.kind, found.venue) == (AnswerKind.ACCEPTED, VenueWord.NONE)
    assert found.detail == "the venue says 'ORDER_STATUS_ON_THE_MOON' of an order"


def test_a_key_that_cannot_be_had_yet_takes_no_order_and_knows_nothing():
    """What was not sent is refused; what may have been sent before is not known."""
    away = [True]

    def log_in_late():
        if away[0]:
            raise VenueAway("refuses the API key")
        return client(get_order={"status": "ORDER_STATUS_LIVE"})

    venue = LateVenue(log_in_late)
    placed = venue.place(ORDER, b"s", OrderKind.FAK)
    assert (placed.kind, placed.detail) == (AnswerKind.REFUSED, "refuses the API key")
    silent = AnswerKind.SILENT
    assert venue.look(HASH).kind == venue.cancel(HASH).kind == venue.heartbeat().kind == silent
    assert (venue.trades(HASH, "0x1"), venue.time(), venue.trouble) == (None, None, "")
    away[0] = False
    assert venue.look(HASH).venue == VenueWord.LIVE


def test_that_a_key_exists_already_is_no_alarm(monkeypatch, caplog, keeper_owners):
    def answer(request):
        if request.method == "POST":
            return httpx.Response(400, json={"error": "Could not create api key"})
        return httpx.Response(200, json={"apiKey": "k", "secret": "c2VjcmV0", "passphrase": "p"})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    monkeypatch.setattr(helpers, "_http_client", http)
    logging.getLogger("py_clob_client_v2").setLevel(logging.NOTSET)
    log_in("http://venue", 137, keeper_owners[0])
    assert not caplog.records


class Hasty:
    """The venue, as its limits are: what it answers to an order is set (VENUE e1)."""

    def __init__(self, status=200, headers=None, body=None):
        self.answer, self.posts = (status, headers or {}, body or {"success": True}), 0

    def __call__(self, asked):
        if asked.url.path != "/order":
            names = ("apiKey", "secret", "passphrase")
            return httpx.Response(200, json=dict.fromkeys(names, "c2VjcmV0c2VjcmV0"))
        self.posts += 1
        status, headers, body = self.answer
        return httpx.Response(status, headers=headers, json=body)


@pytest.fixture
def hasty(monkeypatch):
    """Return (a venue, a client of it, what moves the clock on)."""
    now, venue = [1_000.0], Hasty()
    http = httpx.Client(transport=httpx.MockTransport(venue))
    monkeypatch.setattr(helpers, "_http_client", http)
    monkeypatch.setattr(pauses.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(pauses, "_until", {})
    ours = log_in("http://venue", 80002, Account.from_key("0x" + "11" * 32))

    def later(seconds):
        now[0] += seconds

    return venue, ours, later


WAITS = {
    "seconds": ({"Retry-After": "30"}, {}, 30),
    "a date": (
        {"Retry-After": "Thu, 26 Nov 2026 12:00:40 GMT", "Date": "Thu, 26 Nov 2026 12:00:10 GMT"},
        {}, 30,
    ),
    "a spent limit": (
        {"Poly-RateLimit-Remaining": "-1", "Poly-RateLimit-Reset": "1795694440",
         "Date": "Thu, 26 Nov 2026 12:00:10 GMT"},
        {}, 30,
    ),
    "in the body": ({}, {"error": "slow down", "retry_after_seconds": 30}, 30),
    "without end": ({"Retry-After": "999999"}, {}, 3_600),
    "in the body without end": ({}, {"error": "slow down", "retry_after_seconds": 10**30}, 3_600),
}  # fmt: skip


@pytest.mark.parametrize(("headers", "body", "seconds"), WAITS.values(), ids=WAITS)
def test_a_venue_that_asks_to_wait_gets_no_order_before(headers, body, seconds, hasty):
    venue, ours, later = hasty
    venue.answer = (429, headers, body or {"error": "rate limited"})
    assert ours.place(ORDER, b"s").kind == AnswerKind.SILENT
    ours.trouble = ""  # as the keeper does, once more after a pause
    assert ours.trouble == f"it asks to wait {seconds} s more"
    venue.answer = (200, {}, {"success": True, "status": "live"})
    later(seconds - 1)
    answer = ours.place(ORDER, b"s")
    assert answer.kind == AnswerKind.UNSENT and "not posted: it asks to wait 1 s" in answer.detail
    assert venue.posts == 1
    later(2)
    assert ours.trouble == ""
    assert ours.place(ORDER, b"s").kind == AnswerKind.ACCEPTED and venue.posts == 2


@pytest.mark.parametrize("told", [10**400, "nan", [], None])
def test_a_pause_that_is_no_number_is_none(told, hasty):
    venue, ours, _ = hasty
    venue.answer = (429, {}, {"error": "slow down", "retry_after_seconds": told})
    assert ours.place(ORDER, b"s").kind == AnswerKind.SILENT
    assert "slow down" in ours.trouble


def test_an_order_that_was_taken_may_be_the_last_for_a_while(hasty):
    venue, ours, later = hasty
    spent = {"Poly-RateLimit-Remaining": "0", "Poly-RateLimit-Reset": "1795694411",
             "Date": "Thu, 26 Nov 2026 12:00:10 GMT"}  # fmt: skip
    venue.answer = (200, spent, {"success": True, "status": "live"})
    assert ours.place(ORDER, b"s").kind == AnswerKind.ACCEPTED
    assert "asks to wait 1 s" in ours.trouble
    later(1)
    assert ours.trouble == ""


def test_a_refusal_without_a_time_and_another_signers_are_no_pause(hasty):
    venue, ours, _ = hasty
    venue.answer = (429, {}, {"error": "rate limited"})
    ours.place(ORDER, b"s")
    assert "rate limited" in ours.trouble  # the keeper's own pause
    venue.answer = (429, {"Retry-After": "30"}, {})
    ours.place(ORDER, b"s")
    other = log_in("http://venue", 80002, Account.from_key("0x" + "22" * 32))
    assert (other.trouble, "asks to wait" in ours.trouble) == ("", True)
