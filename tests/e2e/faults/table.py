"""The rows of the fault matrix: cases, switches, habits, odd answers of everything that is asked.

Cases that no tick can show are proven elsewhere: `ELSEWHERE` names the tests.
"""

import json
import time
from dataclasses import replace

from tests.e2e.faults.line import Said
from tests.e2e.faults.rows import (
    BUSY,
    DEEP,
    SEND,
    UNDERPRICED,
    Row,
    altered,
    at_node,
    at_service,
    behaving,
    books_forgotten,
    clock_off,
    cosigner_down,
    cosigner_frozen,
    disk_full,
    down,
    exchange_paused,
    first_of,
    forecast,
    framed,
    instead,
    lost,
    marked_by_rule,
    newest_block_ahead,
    no_folder,
    node_says,
    odd,
    of_method,
    oracle_says,
    put,
    records,
    reorganised,
    stop_file,
    switched,
    unheard,
    without,
)

ORDER, LOOK, TRADES = "/order", "/data/order/", "/data/trades"
CHAIN = "halt chain: the chain does not answer"


def book_without(name):
    """Return what takes a field from the second book of an answer."""

    def alter(books):
        return [
            {k: v for k, v in each.items() if number != 1 or k != name}
            for number, each in enumerate(books)
        ]

    return alter


def book_with(**fields):
    return lambda books: [
        each | fields if number == 1 else each for number, each in enumerate(books)
    ]


def by_rule(row):
    """Return a row that takes books away for so long that they are marked down."""
    return replace(row, fault=marked_by_rule(row.fault))


def slow(seconds):
    def change(asked, ask):
        time.sleep(seconds)
        return ask()

    return change


def gamma_by_offset_breaks(asked, ask):
    """A Gamma without keysets, that answers 422 above an offset."""
    if asked.path.startswith("/gamma/markets/keyset"):
        return Said(b'{"error": "not found"}', 404)
    if asked.path.startswith("/gamma/markets") and "offset=0" not in asked.path:
        return Said(b'{"error": "offset exceeds the maximum"}', 422)
    return None


def busy_gamma(asked, ask):
    """429 with Retry-After for Gamma."""
    if not asked.path.startswith("/gamma"):
        return None
    return Said(b"{}", 429, {"Retry-After": "300"})


def heartbeat_of_another(asked, ask):
    """One beat is refused, and the body names the id that is due (VENUE e1)."""
    if asked.path.startswith("/v1/heartbeats") and b"due-id" not in asked.body:
        return Said.of({"error_msg": "Invalid Heartbeat ID", "heartbeat_id": "due-id"}, 400)
    if asked.path.startswith("/v1/heartbeats"):
        return Said.of({"heartbeat_id": "due-id"})
    return None


CASES = [
    Row("K1", "restart; Gamma and books are away", at_service(down("/gamma", "/books", "/book")),
        "missing: (Gamma|books)", decides=False, reports=True, restarts=True),
    Row("K1", "books are away for two hours: the haircut by rule", marked_by_rule(
        at_service(down("/gamma", "/books", "/book")), 2),
        "missing: (Gamma|books)", decides=False, reports=True, stream=False),
    Row("K1", "restart, no book was ever seen", books_forgotten,
        "halt report: no book of", "missing", decides=False, reports=False, restarts=True),
    Row("K3", "Gamma caps its pages", behaving(page_caps=True), bites=False),
    Row("K3", "Gamma without keysets, 422 above an offset", at_service(gamma_by_offset_breaks),
        "missing: Gamma: HTTP 422: .* markets were read"),
    Row("K4", "fees that are not told", at_service(records(put(
        feesEnabled=True, feeSchedule=None))),
        "records: barred: its fees are unknown", decides=False),
    Row("K4", "exponent null", at_service(records(put(feesEnabled=True, feeSchedule={
        "rate": 0.025, "exponent": None}))), "records: barred: its fees are unknown: no exponent",
        decides=False),
    Row("K4", "exponent 0.5", at_service(records(put(feesEnabled=True, feeSchedule={
        "rate": 0.0005, "exponent": 0.5})))),
    Row("K5", "three outcomes", at_service(records(put(outcomes='["A", "B", "C"]'))),
        "missing: .*outcomes|records: .*outcomes", decides=False),
    Row("K6", "version v2, 31 bytes", at_service(records(put(
        version="v2", conditionId="0x" + "5" * 62, positionIds=["1", "2"]))), "records: ",
        decides=False),
    Row("K6", "an unknown version", at_service(records(put(version="v9"))), "records: version v9",
        decides=False),
    Row("K7", "lists in place of JSON text", at_service(records(lambda record: record | {
        name: json.loads(record[name]) for name in ("outcomes", "clobTokenIds")}))),
    Row("K7", "no resolvedBy", at_service(records(without("resolvedBy"))),
        "records: resolvedBy", decides=False),
    Row("K7", "no questionID", at_service(records(without("questionID"))),
        "records: questionID", decides=False),
    Row("K8", "fees for makers", at_service(records(put(feesEnabled=True, feeSchedule={
        "rate": 0.01, "exponent": 1, "takerOnly": False}))), "records: barred: makers pay",
        decides=False),
    Row("K8", "takers wait a minute", at_service(records(put(secondsDelay=60))),
        "records: barred: takers wait", decides=False),
    Row("K8", "Gamma asks for five minutes", at_service(busy_gamma),
        "missing: Gamma: HTTP 429"),
    Row("K8", "fields and events that nobody knows", framed(
        '{"event_type":"market_resolved","x":1}', '{"event_type":"best_bid_ask"}',
        '{"event_type":"new_market","asset_id":"7"}')),
    Row("K10", "frames that are none", framed(
        "", "null", '"x"', "7", "{}", '{"event_type":"book","asset_id":"1","bids":null}',
        '{"event_type":"price_change","asset_id":"1","changes":[]}', DEEP.decode()),
        "missing: stream: skipped", ""),  # the service speaks while the live one trades
    Row("K10", "INVALID OPERATION", framed("INVALID OPERATION"), "missing: stream: skipped", ""),
    Row("K11", "no book of one token", at_service(altered("/books", lambda books: books[1:])),
        "missing: .*books are missing", stream=False),
    Row("K13", "a book without its token", at_service(altered("/books", book_without("asset_id"))),
        "missing: books: an entry without its token", stream=False),
    Row("K13", "a book whose bids are null", at_service(altered("/books", book_with(bids=None))),
        "missing: books: no book", stream=False),
    Row("K13", "a book with prices of 0 and 1", at_service(altered("/books", book_with(
        bids=[{"price": "1", "size": "5"}, {"price": "0", "size": "5"}]))),
        "missing: books: no level", stream=False),
    Row("K13", "a book with NaN", at_service(altered("/books", book_with(
        asks=[{"price": "NaN", "size": "5"}]))), "missing: books: no level", stream=False),
    Row("K14", "books without a tick", at_service(altered("/books", lambda books: [
        {k: v for k, v in each.items() if k != "tick_size"} for each in books])), stream=False),
    Row("K14", "records without a tick", at_service(records(put(orderPriceMinTickSize=None)))),
    Row("K17", "an order's status that nobody knows", at_service(altered(LOOK, lambda order:
        order | {"status": "FROBNICATED"} if isinstance(order, dict) else order)),
        "unknown_word: .*FROBNICATED", ""),
    Row("K19", "a heartbeat's answer is lost", at_service(first_of("/v1/heartbeats", 1, None)),
        "halt heartbeat", ""),
    Row("K19", "a heartbeat refused, the due id named", at_service(heartbeat_of_another), ""),
    Row("K21", "one item of a batch is refused for haste", at_node(node_says(
        lambda question: BUSY if question["method"] == "eth_call" else None, few=True)), ""),
    Row("K21", "all of a batch is refused for haste", at_node(node_says(lambda question: BUSY)),
        "halt chain: .*too often", decides=False),
    Row("K22", "the node wants 25 gwei", at_node(node_says(of_method(SEND, UNDERPRICED))),
        "send_refused: .*underpriced", ""),
    Row("K24", "evidence_at in ISO 8601", forecast(put(evidence_at="2026-01-01T00:00:00Z"))),
    Row("K24", "evidence_at that is no time", forecast(put(evidence_at="yesterday")),
        "missing: oracle"),
    Row("K24", "/books answers null", at_service(instead("/books", Said(b"null"))),
        "missing: books: the answer", stream=False),
    Row("K25", "one answer of many is none", oracle_says(Said(
        b'[{"market": "0x12", "chance": 0.5, "evidence_at": null}, null, 7, {"market": null}]')),
        "missing: oracle"),
    Row("K25", "chances that are none", forecast(put(chance=1.5)), "missing: oracle"),
]  # fmt: skip

SWITCHES = [
    Row("mode", "post_only", switched(mode="post_only"), "halt venue: .*post", "",
        buys=False),  # each refusal is a no: the decision is given up
    Row("mode", "cancel_only", switched(mode="cancel_only"), "halt venue", ""),
    Row("mode", "disabled", switched(mode="disabled"), "halt venue: .*takes no orders", ""),
    Row("mode", "restarting", switched(mode="restarting"), "halt venue", ""),
    Row("delay_ms", "answers are late", switched(delay_ms=150)),
    *[
        Row("fail_status", f"{status} for 200 requests", switched(
            fail_status=status, fail_count=200), "halt|missing", "halt|missing|^$")
        for status in (425, 429, 500, 502, 503)
    ],
    Row("lose_answers", "an order's answer is lost", switched(lose_answers=1), "", ""),
    Row("delay_failures", "an order is answered unmatched", switched(delay_failures=1), "", ""),
    Row("drop_sockets", "sockets break", switched(drop_sockets=3), "", ""),
    Row("freeze_sockets", "a socket only answers pings", switched(freeze_sockets=1), "", ""),
    Row("duplicate_messages", "all messages twice", switched(duplicate_messages=1)),
    Row("swap_messages", "messages change places", switched(swap_messages=1)),
    Row("settlement_delay_ms", "settlement takes its time", switched(settlement_delay_ms=300)),
    Row("settlement_reverts", "all settlements revert", switched(settlement_reverts=1), "", "",
        buys=False),  # what failed is not offered again
]  # fmt: skip
SWITCHES = [replace(row, bites=False) for row in SWITCHES]

HABITS = [
    Row(name, f"{name} = {value}", behaving(**{name: value}), bites=False)
    for name, value in (
        ("rate_limits", "warn"), ("rate_limits", "off"), ("tier", "platinum"), ("gtd_least_s", 0),
        ("amount_precision", False), ("taker_delay_s", 1), ("status_prefixes", True),
        ("end_reasons", True), ("not_broadcast", False), ("bursts", True), ("empty_frames", 1),
        ("unknown_events", 1), ("page_caps", True), ("hidden_fees", True), ("null_fields", False),
    )
]  # fmt: skip

SOURCES = [
    odd("Gamma", "service", "/gamma/markets", "missing: Gamma"),
    by_rule(odd("/books", "service", "/books", "missing: ", stream=False)),
    odd("/time", "service", "/time", "", ""),
    odd("heartbeats", "service", "/v1/heartbeats", "", ""),
    # a 403 is a no: after three the decision is given up
    odd("POST /order", "service", "/order", "", "", method="POST", buys=False),
    odd("GET /data/order", "service", LOOK, "", ""),
    odd("GET /data/trades", "service", TRADES, "", ""),
    Row("GET /data/trades", "pages without end", at_service(instead(
        TRADES, Said(b'{"data": [], "next_cursor": "MTAw"}'))), "", "", ticks=2),
    odd("forecaster", "oracle", "", "missing: oracle", but=("an empty list",)),
    odd("co-signer", "cosigner", "", "halt signers", ""),
    odd("node", "node", "", "halt chain", decides=False),
]  # fmt: skip

PARTS = [
    Row("node", "down", at_node(instead("/", None)), CHAIN, decides=False),
    Row("node", "slower than it may be", at_node(slow(2.5)), CHAIN, decides=False, ticks=1),
    *[Row("spoken_node", f"{method} answers {found}", at_node(node_says(of_method(method, found))),
          "halt", "")
      for method in ("eth_call", "eth_getBlockByNumber", "eth_getLogs", "eth_estimateGas",
                     "eth_getTransactionCount")
      for found in ({"result": None}, {"error": {"code": -32000, "message": "x"}})],
    Row("broken_node", "does not hear transactions", at_node(unheard(SEND)), "halt", ""),
    Row("broken_node", "answers to transactions are lost", at_node(lost(SEND, 2)), "halt", ""),
    Row("broken_node", "does not hear questions for logs", at_node(unheard("eth_getLogs")),
        "halt", ""),
    Row("node", "two blocks are undone", reorganised, "", "", bites=False),
    Row("co-signer", "down", cosigner_down, "halt signers: .*does not answer", "", bites=False),
    Row("co-signer", "frozen", cosigner_frozen, "halt signers: .*does not answer", "",
        bites=False, ticks=1),
    Row("exchange", "paused", exchange_paused, "halt exchange: .*is paused", "", decides=False,
        bites=False),
    Row("clock", "five days ahead", clock_off(5 * 86_400), "halt clock", decides=False,
        reports=False, bites=False),
    Row("clock", "a node's newest block is two days ahead", at_node(newest_block_ahead(172_800)),
        "halt clock: .* s in the future by this clock", decides=False, reports=False, ticks=1),
    Row("clock", "a book in microseconds", framed(
        '{"event_type":"book","asset_id":"1","bids":[],"asks":[],"timestamp":"1700000000000000"}'),
        "missing: stream: skipped a message 'book': its time", ""),
    Row("person", "a stop file", stop_file, "halt stop", decides=False, bites=False),
    Row("disk", "the evidence's folder is a file", no_folder, "halt disk", "", bites=False),
    Row("disk", "full", disk_full, "halt journal: .*full", bites=False),
]  # fmt: skip

GIVEN_UP = "relayer_away|task_closed: .*relayer|wallet_stuck"
WALLETS = [
    Row("long_signatures", "long_signatures = True", behaving(long_signatures=True), "", "",
        bites=False),
    odd("relayer", "service", "/relayer", GIVEN_UP, "", buys=False),
    *[
        Row(name, f"{name} = {value}", behaving(**{name: value}), GIVEN_UP, "", bites=False,
            buys=False)
        for name, value in (
            ("submits_a_minute", 0), ("transactions_a_day", 0), ("contract_owners", False),
        )
    ],
    *[
        Row(name, f"{name} = False", behaving(**{name: False}), "", "", bites=False, buys=False)
        for name in ("contract_batches", "foreign_keys")
    ],
]  # fmt: skip
WALLETS = [replace(row, owned=True) for row in WALLETS]

ROWS = [*CASES, *SWITCHES, *HABITS, *SOURCES, *PARTS, *WALLETS]

A, E, C = "tests/agent/test_", "tests/e2e/test_", "tests/contracts/test_"
SECOND = "test_a_second_keeper_of_a_journal_ends_at_once_and_names_the_first"
# Cases that no tick can show, by the tests that show them.
ELSEWHERE = {
    "K2": f"{A}reporting.py::test_a_mark_is_of_all_that_is_held",
    "K9": f"{A}decide.py::test_of_two_classes_of_one_oracle_the_first_with_room_is_used",
    "K12": f"{A}book_inputs.py::test_one_match_in_two_messages_of_one_hash",
    "K15": f"{A}order_amounts.py",
    "K16": f"{A}order_desk.py::test_a_better_price_fills_the_whole_of_it_for_less",
    "K18": f"{A}order_desk.py::test_what_matching_rounds_away_keeps_no_order_open",
    "K20": f"{A}venue_answers.py::test_post_only_mode_is_a_refusal_and_stops_new_takers",
    "K23": "tests/integration/test_chain.py::test_a_cancel_is_given_up_when_its_nonce_is_gone",
    "K26": f"{A}graduation.py",
    "K27": f"{A}forecast_sources.py::test_a_time_that_the_source_does_not_know_is_unknown",
    "K28": "tests/conformance/test_wallet_rules.py",
    "K29": f"{C}thefts.py",
    "K30": f"{A}configuration.py",
    "K31": f"{A}configuration.py::{SECOND}",
    "lies": f"{E}week.py",  # of a node to an auditor
    "nodes": f"{A}nodes.py",  # several, of which one lies, is behind, is away
}
# Habits of services that the keeper never asks, or that only its owner's wallets could meet.
NOT_THE_KEEPERS = {
    "data_rate_limit": "it does not read the Data API",
    "session_keys": "it authorizes none",
    "valid_until_slack_s": "it authorizes none",
    "owner_by_id": "its wallets keep their first owner, an account",
    "handover_ends_keys": "as above",
    "handovers": "as above",
    "safe_owners": "its Safe trades for nobody",
}
