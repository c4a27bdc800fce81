"""Gamma records: what is read, what is refused."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from strongroom.chain.ids import to_bytes
from strongroom.chain.orders import NO, YES
from strongroom.chain.position_ids import Module
from strongroom.chain.protocols import Protocol
from strongroom.devnet.contracts import condition_id
from strongroom.information.books import Book, BooksAway, Snapshot
from strongroom.information.gamma import (
    BadMarketRecord,
    OpenMarkets,
    load_recorded,
    parse_market,
    parse_markets,
    shift,
)
from strongroom.information.kept_books import KeptBooks
from strongroom.information.sources import Sources

RECORD = {
    "slug": "example",
    "question": "Will it?",
    "outcomes": '["Yes", "No"]',
    "clobTokenIds": '["11", "22"]',
    "conditionId": "0x" + "ab" * 32,
    "questionID": "0x" + "cd" * 32,
    "resolvedBy": "0x" + "11" * 20,
    "bestBid": 0.031,
    "bestAsk": 0.034,
    "orderPriceMinTickSize": 0.001,
    "orderMinSize": 5,
    "liquidityNum": 1234.5,
    "endDate": "2026-02-09T05:00:00Z",
    "umaResolutionStatuses": '["proposed"]',
    "feeSchedule": {"rate": 0.07, "exponent": 1, "takerOnly": True},
}


def test_fields_are_read_exactly():
    market = parse_market(RECORD)
    assert market.outcomes == ("Yes", "No")
    assert market.token_ids == (11, 22)
    assert market.best_bid == Decimal("0.031")
    assert (market.ask(NO), market.bid(NO)) == (Decimal("0.969"), Decimal("0.966"))
    assert (market.ask(YES), market.bid(YES)) == (Decimal("0.034"), Decimal("0.031"))
    assert market.end == datetime(2026, 2, 9, 5, tzinfo=UTC)
    assert market.fees.rate == Decimal("0.07")
    assert market.resolution_statuses == ("proposed",)


def test_missing_quotes_stay_missing():
    record = {k: v for k, v in RECORD.items() if k not in ("bestAsk", "feeSchedule", "endDate")}
    market = parse_market(record)
    assert market.best_ask is None
    assert market.bid(NO) is None
    assert market.end is None
    assert market.fees.rate == 0


@pytest.mark.parametrize(
    "change",
    [
        {"conditionId": "0x12"},
        {"questionID": None},
        {"outcomes": '["Yes"]'},
        {"clobTokenIds": "not json"},
        {"bestBid": "cheap"},
        {"endDate": "tomorrow"},
    ],
)
def test_bad_records_are_named(change):
    with pytest.raises(BadMarketRecord, match="example"):
        parse_market(RECORD | change)


@pytest.mark.parametrize("oracle", [None, "", "None", "UMA", 7, [], "0x" + "11" * 19, "11" * 20])
def test_a_market_that_does_not_say_who_resolves_it_is_refused_by_that_name(oracle):
    """K7: unknown is no oracle; a class of the vault is by its oracle."""
    markets, (refused,) = parse_markets([RECORD, RECORD | {"resolvedBy": oracle}])
    assert (len(markets), refused.reason) == (1, "resolvedBy")
    rest = {name: value for name, value in RECORD.items() if name != "resolvedBy"}
    assert [each.reason for each in parse_markets([rest])[1]] == ["resolvedBy"]


def test_recorded_page_loads_and_says_what_it_could_not_read():
    path = Path("agent/strongroom/devnet/data/gamma_markets_mixed_2026-01.json.gz")
    markets, problems = load_recorded(path)
    assert len(markets) + len(problems) == 600
    assert len(markets) == 551
    reasons = Counter(problem.reason for problem in problems)
    assert reasons == {"resolvedBy": 45, "questionID": 4}


def test_shift_moves_only_ends():
    market = parse_market(json.loads(json.dumps(RECORD)))
    (moved,) = shift([market], timedelta(days=2))
    assert moved.end == datetime(2026, 2, 11, 5, tzinfo=UTC)
    assert moved.condition_id == market.condition_id


def test_condition_ids_follow_from_oracle_and_question():
    """Of all recorded markets; a market of negative risk is resolved by the venue's adapter."""
    adapter = "0xd91E80cF2E7be2e162c6513ceD06f1dD0dA35296"
    kinds = {False: 0, True: 0}
    for path in sorted(Path("agent/strongroom/devnet/data").glob("*.json.gz")):
        for market in load_recorded(path)[0]:
            oracle = adapter if market.negative_risk else market.oracle
            made = condition_id(oracle, to_bytes(market.question_id))
            assert made == to_bytes(market.condition_id), market.question
            kinds[market.negative_risk] += 1
    assert kinds[False] >= 300 and kinds[True] >= 300


class OneMarket:
    """A list of one market."""

    def open_markets(self):
        return OpenMarkets([parse_market(RECORD)], [])


class SlowStream:
    """A market channel that has said nothing yet."""

    def follow(self, tokens):
        self.followed = tuple(tokens)

    def audit(self, now, since):
        return 0

    def news(self):
        return []


def test_the_first_look_has_all_books_though_the_stream_has_said_nothing():
    """A dry run of one tick sees what there is. Where the venue is away, the next look is first."""
    asked = []

    class Reader:
        def read(self, tokens, now):
            asked.append(tuple(tokens))
            if len(asked) == 1:
                raise BooksAway("books: away")
            return Snapshot({token: Book(seen_at=now) for token in tokens})

    stream = SlowStream()
    sources = Sources(OneMarket(), Reader(), stream=stream, kept=KeptBooks())
    looks = [sources.look(now, lambda market: True, ()) for now in (100, 102, 104)]
    assert stream.followed == (11, 22) and asked == [(11, 22)] * 2
    assert looks[0].problems == ("books: away",)
    assert set(looks[1].books) == {11, 22} and looks[1].problems == ()
    assert looks[2].problems == ("2 of 2 books are missing or old",)


# Which protocol a market is of: VENUE d1, d5. The positions are the recorded ones of the binary
# question 0x42 and of question 1 of the event of 5 with empty data.
BINARY = "0x01bec50170b40a559899301f702bbb7327" + "00" * 14
POSITIONS = [
    "789373473750464797844566055612062651228204121918319517778617909552732962816",
    "789373473750464797844566055612062651228204121918319517778617909552732962817",
]
SECOND_QUESTION = "02f2985a0730c12294451fb5564ac817300005" + "00" * 11 + "01"
POSITION_RECORD = {
    name: value
    for name, value in RECORD.items()
    if name not in ("clobTokenIds", "questionID", "resolvedBy")
} | {"version": "v2", "conditionId": BINARY, "positionIds": POSITIONS}


@pytest.mark.parametrize("condition", [BINARY, BINARY + "00", BINARY + "01", BINARY.upper()[2:]])
def test_a_record_of_version_v2_is_read_by_its_position_ids(condition):
    """As the venue says: `positionIds` count, whatever `clobTokenIds` holds (case K6)."""
    for more in ({}, {"clobTokenIds": '["11", "22"]'}, {"positionIds": json.dumps(POSITIONS)}):
        market = parse_market(POSITION_RECORD | {"conditionId": condition} | more)
        assert market.token_ids == tuple(map(int, POSITIONS))
        assert market.condition_id == market.question_id == BINARY + "00"
        assert (market.protocol, market.module) == (Protocol.V2, Module.BINARY)
        assert (market.event_id, market.negative_risk) == (None, False)


def test_a_question_of_an_event_of_v2_knows_its_event_and_its_place():
    yes = int(SECOND_QUESTION + "00", 16)
    record = POSITION_RECORD | {"conditionId": SECOND_QUESTION, "positionIds": [yes, yes + 1]}
    market = parse_market(record)
    assert market.event_id == market.question_key == "0x" + SECOND_QUESTION[:58] + "000000"
    assert (market.module, market.number) == (Module.NEGATIVE_RISK, 1)
    assert market.negative_risk


def test_a_record_of_version_v1_ignores_position_ids():
    market = parse_market(RECORD | {"version": "v1", "positionIds": POSITIONS})
    assert (market.token_ids, market.protocol) == ((11, 22), Protocol.V1)
    assert market.module is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": "v3"}, "version v3"),
        ({"version": None}, "version None"),
        ({"version": "V2"}, "version V2"),
        ({"version": "v1"}, "clobTokenIds"),
        ({"version": "v1", "clobTokenIds": POSITIONS}, "clobTokenIds"),
        ({"positionIds": ["11", "22"]}, "positionIds"),
        ({"positionIds": POSITIONS[::-1]}, "positionIds"),
        ({"conditionId": "0x" + "ab" * 32}, "conditionId"),
        ({"conditionId": "0x" + "ab" * 31}, "conditionId"),
        ({"conditionId": "0x03" + BINARY[4:]}, "conditionId"),
    ],
)
def test_what_is_of_no_known_protocol_is_refused_by_name(change, reason):
    with pytest.raises(BadMarketRecord) as caught:
        parse_market(POSITION_RECORD | change)
    assert caught.value.reason == reason
    assert reason in str(caught.value)


def test_lists_are_read_like_json_text():
    lists = {"outcomes": ["Yes", "No"], "clobTokenIds": ["11", 22], "umaResolutionStatuses": ["a"]}
    market = parse_market(RECORD | lists)
    assert (market.token_ids, market.outcomes) == ((11, 22), ("Yes", "No"))
    assert market.resolution_statuses == ("a",)


def test_a_look_counts_the_records_that_it_refuses():
    records = [POSITION_RECORD | {"version": "v9"}] * 7 + [RECORD, RECORD | {"outcomes": "?"}]

    class Page:
        def open_markets(self):
            return OpenMarkets(*parse_markets(records))

    class NoBooks:
        def read(self, tokens, now):
            return Snapshot()

    look = Sources(Page(), NoBooks()).look(10_000, lambda market: True, [])
    assert look.refused == {"version v9": 7, "outcomes": 1}
    assert any(
        each.startswith("7 records like market example: version v9") for each in look.problems
    )
