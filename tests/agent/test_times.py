"""Clocks that are wrong for a while: of this machine, of a node, of the venue. What came of them is
not kept, and once they are right again nothing waits for the time that they told."""

from types import SimpleNamespace

import pytest
from strongroom.chain.failures import WrongTime
from strongroom.chain.times import AHEAD_S, is_ahead, is_over
from strongroom.information.books import BadBook, Snapshot, parse_book
from strongroom.information.forecast import Answers, Given
from strongroom.information.kept_books import KeptBooks
from strongroom.information.sources import Sources
from strongroom.information.stream import MarketStream, _Shard
from strongroom.keeper.paper import PaperKeeper
from strongroom.keeper.tick import Keeper

from tests.agent.market_record import MARKET
from tests.agent.test_operations import failing, quiet_keeper

NOW, DAY = 1_700_000_000, 86_400
YES, NO = MARKET.token_ids


def test_a_pause_ends_on_time_and_with_a_clock_that_is_set_back():
    assert [is_over(NOW, 60, NOW + each) for each in (0, 59, 60, -1)] == [False, False, True, True]
    assert is_over(float("-inf"), 60, NOW)
    assert [is_ahead(NOW + each, NOW) for each in (0, AHEAD_S, AHEAD_S + 1)] == [False, False, True]


# the venue's books


class World:
    """A channel and REST of one market, a day's time and a stopwatch; bids at `price`."""

    def __init__(self):
        self.now, self.passed, self.price, self.asked = float(NOW), 0.0, "0.90", 0
        self.kept = KeptBooks(lambda: self.passed)
        self.stream = MarketStream(
            "ws://nowhere", self, self.kept, lambda: self.now, lambda: self.passed
        )
        self.stream._shards.append(_Shard((YES, NO)))
        self.stream.follow = lambda tokens: None
        self.sources = Sources(SimpleNamespace(), self, stream=self.stream, kept=self.kept)
        self.sources._streams = True

    def shown(self, token=YES, stamp=None):
        return {
            "asset_id": str(token),
            "bids": [{"price": self.price, "size": "1000"}],
            "asks": [{"price": "0.95", "size": "1000"}],
            "timestamp": str(int((NOW + self.passed) * 1000) if stamp is None else stamp),
        }

    def read(self, tokens, now):
        self.asked += 1
        return Snapshot({token: parse_book(self.shown(token), now) for token in tokens})

    def minute(self):
        """Let a minute pass, and look."""
        self.now, self.passed = self.now + 60, self.passed + 60
        return self.sources._read_books(int(self.now), [MARKET], []).get(YES)


@pytest.mark.parametrize("has_stamp", [True, False])
def test_a_frozen_book_is_compared_though_this_clock_was_a_day_ahead(has_stamp):
    world = World()
    if not has_stamp:
        world.shown, shown = lambda token: shown(token, ""), world.shown
    world.now += DAY
    world.stream.heal((YES, NO), int(world.now))  # the connection was made new in that minute
    world.now -= DAY
    assert world.minute().seen_at == NOW + 60, "the same levels, of now"
    world.price = "0.40"  # and the connection says nothing
    assert [world.minute().bid for _ in range(3)] == [400_000] * 3
    told = {"asset_id": str(YES), "side": "BUY", "price": "0.41", "size": "5", "best_bid": "0.41",
            "best_ask": "0.95"}  # fmt: skip
    at = int((NOW + world.passed + 1) * 1000)
    world.stream.take({"event_type": "price_change", "timestamp": at, "price_changes": [told]},
                      int(world.now) + 1)  # fmt: skip
    assert world.kept.get(YES).bid == 410_000, "what the channel tells counts, too"


FUTURE = NOW * 1_000_000  # microseconds


@pytest.mark.parametrize("stamp", [FUTURE, (NOW + DAY) * 1000, (NOW + AHEAD_S + 1) * 1000])
@pytest.mark.parametrize("kind", ["book", "price_change"])
def test_a_frame_of_the_future_is_none_and_its_book_is_read_anew(kind, stamp):
    world = World()
    world.stream.heal((YES, NO), NOW)
    told = {"asset_id": str(YES), "side": "BUY", "price": "0.99", "size": "5"}
    frame = world.shown(stamp=stamp) | {"event_type": kind, "price_changes": [told]}
    world.stream.take(frame, NOW)
    assert world.kept.unsound((YES, NO)) == [YES]
    (news,) = world.stream.news()
    assert "its time is in the future, or not in milliseconds" in news
    for price in ("0.90", "0.40"):
        world.price = price
        assert world.minute().bid == int(float(price) * 10**6)


def test_a_snapshot_of_the_future_is_none():
    with pytest.raises(BadBook, match="in the future"):
        parse_book(World().shown(stamp=FUTURE), NOW)
    assert parse_book(World().shown(stamp=(NOW + AHEAD_S) * 1000), NOW).stamp


def test_a_book_that_was_seen_after_now_is_not_given_out():
    world = World()
    world.sources.stream = None
    world.read = lambda tokens, now: Snapshot({YES: parse_book(world.shown(), NOW + DAY)})
    assert world.sources._read_books(NOW, [MARKET], problems := []) == {}
    assert problems == ["2 of 2 books are missing or old"]


# sources


def test_a_look_a_day_ahead_delays_no_later_one():
    """Gamma and forecasters are asked again on time, and what was frozen then is not said."""
    asked = []
    gamma = SimpleNamespace(open_markets=lambda: asked.append("gamma") or ([MARKET], [], ""))
    says = [[Given("it", MARKET.condition_id, 0.9, NOW + DAY, None)], []]
    source = SimpleNamespace(
        name="it", forecast=lambda markets, now: asked.append("it") or Answers(tuple(says.pop(0)))
    )
    reader = SimpleNamespace(read=lambda tokens, now: Snapshot())
    sources = Sources(gamma, reader, forecasters=[source])
    looks = [sources.look(at, lambda market: True, ()) for at in (NOW + DAY, NOW, NOW + 60)]
    assert asked == ["gamma", "it"] * 2
    assert [len(look.forecasts) for look in looks] == [1, 0, 0]


# ticks


def touched(keeper):
    """Return what a tick of the keeper has done, by the parts' names."""
    done = []
    for part, name in (
        ("transactor", "advance"), ("desk", "recover"), ("tasks", "advance"),
        ("duties", "settle"), ("duties", "sweep"), ("duties", "tidy"), ("reporter", "report"),
        ("sources", "look"), ("journal", "keep"), ("vault", "read"),
    ):  # fmt: skip
        place = getattr(keeper, part)
        before = getattr(place, name)
        setattr(place, name, noted(done, f"{part}.{name}", before))
    keeper.approvals = SimpleNamespace(expire=lambda now: done.append("approvals.expire"))
    return done


def noted(done, name, before):
    def note(*given, **named):
        done.append(name)
        return before(*given, **named)

    return note


@pytest.mark.parametrize("kind", [Keeper, PaperKeeper])
@pytest.mark.parametrize("off", [-61, 61, -DAY, DAY])
def test_where_chain_and_clock_differ_nothing_is_done_at_all(kind, off):
    keeper = quiet_keeper(kind, [], [])
    done, right = touched(keeper), keeper.chain.now
    keeper.chain.now = lambda: right() + off
    tick = keeper.tick()
    assert f"{-off:+.0f} s from the chain's" in tick.halts["clock"] and set(tick.halts) == {"clock"}
    assert (done, tick.state, tick.at) == ([], None, 1_000)
    keeper.chain.now = right
    assert keeper.tick().halts == {} and "sources.look" in done


def test_where_the_venues_clock_differs_nothing_is_decided_and_the_rest_goes_on():
    reports, tidied = [], []
    keeper = quiet_keeper(Keeper, reports, tidied)
    keeper.venue.time = lambda: 1_061
    assert "-61 s from the venue's" in keeper.tick().halts["clock"]
    assert (reports, tidied) == ([1], [1])


def test_a_time_that_is_wrong_amid_a_tick_is_named_so():
    keeper = quiet_keeper(Keeper, [], [])
    keeper.desk.recover = failing(WrongTime("a block of the future"))
    assert keeper.tick().halts == {"clock": "a block of the future"}


def test_a_clock_that_was_ahead_delays_no_question_for_the_cosigner():
    """A day ahead, the chain with it (a devnet), then both are right."""
    keeper, asked = quiet_keeper(Keeper, [], []), []
    keeper.check_signers = lambda: asked.append(1)
    for now in (1_000 + DAY, 1_000, 1_001, 1_030):
        keeper.clock = keeper.chain.now = keeper.venue.time = lambda now=now: now
        keeper.tick()
    assert len(asked) == 3
