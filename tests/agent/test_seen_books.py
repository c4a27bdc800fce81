"""Unknown is not zero: what was never seen holds a report back, what was seen ages (K1)."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from strongroom.chain.rpc import Position
from strongroom.chain.units import HOUR, MICRO
from strongroom.information.books import Book, Level
from strongroom.information.sources import Look
from strongroom.journal import Journal
from strongroom.keeper.tick import Keeper
from strongroom.reporting.marks import Method, quote_from_books
from strongroom.reporting.seen import KEEP_EVERY_S, SeenBooks, Unseen

from tests.agent.market_record import MARKET
from tests.defaults import WAD

NOW, NAME = 1_700_000_000, MARKET.condition_id
YES, NO = MARKET.token_ids
BIDS = (Level(900_000, 1_000 * MICRO),)
HELD = Position(500 * MICRO, 0, 0, 0, 0)


@pytest.fixture
def journal(tmp_path):
    return Journal(f"sqlite:///{tmp_path / 'journal.db'}")


def seen_at(moment, **changes):
    return replace(Book(BIDS, (Level(920_000, 1_000 * MICRO),), moment), **changes)


def test_what_is_held_and_was_never_seen_holds_back_and_says_so(journal):
    seen = SeenBooks(journal)
    with pytest.raises(Unseen, match=f"no book of {NAME} was ever seen"):
        seen.check({NAME: HELD}, NOW)
    for harmless in (
        Position(5 * MICRO, 5 * MICRO, 0, 0, 0),  # complete sets are worth 1 without a book
        Position(MICRO - 1, 0, 0, 0, 0),  # a stranger's dust
        Position(500 * MICRO, 0, 1, 0, 1),  # resolved: its payout counts
    ):
        seen.check({NAME: harmless}, NOW)


def test_a_book_that_the_venue_shows_empty_is_an_empty_book(journal):
    seen = SeenBooks(journal)
    seen.see(MARKET, {YES: Book(seen_at=NOW)}, NOW, held=True)
    seen.check({NAME: HELD}, NOW)
    assert quote_from_books(seen.of(NAME, NOW), HELD.yes, NOW, Method()) == (0, WAD)


def test_after_a_restart_the_last_state_counts_by_its_age(journal):
    """Seen at NOW; five hours and a bit later a new keeper has seen nothing yet: 5 % an hour begun
    beyond the first quarter, six of them."""
    seen = SeenBooks(journal)
    seen.see(MARKET, {YES: seen_at(NOW)}, NOW, held=True)
    seen.keep()
    again = SeenBooks(journal)
    again.check({NAME: HELD}, NOW)
    yes, no = again.of(NAME, NOW)
    assert (yes, no) == (seen_at(NOW), None)
    later = NOW + 900 + 5 * HOUR + 1
    bid, _ = quote_from_books((yes, no), HELD.yes, later, Method(stale_s=900, haircut_bps=500))
    assert bid == WAD * 90 // 100 * 70 // 100


def test_an_older_book_does_not_replace_a_newer_one(journal):
    seen = SeenBooks(journal)
    seen.see(MARKET, {YES: seen_at(NOW)}, NOW, held=True)
    seen.see(MARKET, {YES: seen_at(NOW - 5, bids=())}, NOW, held=True)
    seen.see(MARKET, {}, NOW, held=True)  # missing at this look
    assert seen.of(NAME, NOW) == (seen_at(NOW), None)
    seen.see(MARKET, {NO: seen_at(NOW + 1)}, NOW, held=True)
    assert seen.of(NAME, NOW) == (seen_at(NOW), seen_at(NOW + 1))


def test_the_journal_is_written_now_and_then_and_of_what_is_held(journal):
    seen, written = SeenBooks(journal), []
    journal.keep_all = written.append
    seen.see(MARKET, {YES: seen_at(NOW)}, NOW, held=False)
    for second in range(KEEP_EVERY_S + 1):
        seen.see(MARKET, {YES: seen_at(NOW + second)}, NOW, held=True)
        seen.keep()
    assert len(written) == 2


def test_a_journal_that_nobody_goes_on_with_is_not_told(journal):
    seen = SeenBooks(journal, restarts=False)
    seen.see(MARKET, {YES: seen_at(NOW)}, NOW, held=True)
    seen.keep()
    assert seen.of(NAME, NOW) == (seen_at(NOW), None)
    assert SeenBooks(journal).of(NAME, NOW) == (None, None)


def keeper_that_sees(journal, look):
    """A keeper, as far as it keeps what it has seen."""
    reporter = SimpleNamespace(seen=SeenBooks(journal), settings=SimpleNamespace(pools={}))
    keeper = Keeper.__new__(Keeper)
    keeper.reporter = reporter
    market = SimpleNamespace(
        positions={NAME: (HELD.yes, HELD.no)}, resolved=frozenset(), question=MARKET.question_key
    )
    return lambda: keeper._see(look, SimpleNamespace(markets={"0x": market}))


def test_a_look_without_markets_or_books_is_no_news_of_a_position(journal):
    """Gamma away at the start: no markets, hence no books."""
    nothing, markets = Look(NOW, {}, {}, {}), {NAME: MARKET}
    for look in (nothing, replace(nothing, markets=markets)):
        with pytest.raises(Unseen):
            keeper_that_sees(journal, look)()
    keeper_that_sees(journal, replace(nothing, markets=markets, books={NO: seen_at(NOW)}))()
    keeper_that_sees(journal, nothing)()  # known from the journal


def test_a_book_that_was_seen_after_now_is_none_also_after_a_restart(journal):
    """A clock was a day ahead for a tick: what was seen then was seen nobody knows when, and what
    is seen once it is right again counts."""
    day = NOW + 86_400
    seen = SeenBooks(journal)
    seen.see(MARKET, {YES: seen_at(day)}, day, held=True)
    seen.keep()
    for each in (seen, SeenBooks(journal)):
        with pytest.raises(Unseen):
            each.check({NAME: HELD}, NOW)
    right = seen_at(NOW, bids=())
    seen.see(MARKET, {YES: right, NO: seen_at(day)}, NOW, held=True)
    seen.keep()
    assert seen.of(NAME, NOW) == SeenBooks(journal).of(NAME, NOW) == (right, None)
    late = seen_at(NOW + 3)  # the stream's clock is this machine's, a block is a little late
    seen.see(MARKET, {YES: late}, NOW, held=True)
    assert seen.of(NAME, NOW) == (late, None)
