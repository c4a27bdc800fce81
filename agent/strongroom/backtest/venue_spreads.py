"""Two recordings of the same question at two venues: how long their best prices crossed, and what
that left after fees. It says nothing of how the two would settle."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from strongroom.analysis.bundle import VenueFees
from strongroom.analysis.radar import RoundedFees
from strongroom.chain.units import HOUR, MICRO
from strongroom.information.gamma import FeeSchedule
from strongroom.information.recorded_books import Quote, RecordedBook

TOKENS = 100 * MICRO  # that fees are counted for: rounding to cents is small beside them


@dataclass(frozen=True)
class SpreadStudy:
    """What two recordings say.

    Attributes:
        seconds: in which both quotes were at most `max_age` old
        crossed, crossed_after_fees: seconds in which buying at one venue cost less than the other
            paid, without and with both takers' fees
        episodes: that crossed after fees; longest: of them, seconds
        known: seconds of them in which both sizes were known
        best: the most that one contract left after fees, 10**-6
        read: rows of each file by what became of them
    """

    seconds: float
    crossed: float
    crossed_after_fees: float
    episodes: int
    longest: float
    known: float
    best: int
    read: dict[str, dict[str, int]]

    @property
    def verdict(self) -> str:
        """What follows, in words."""
        if not self.seconds:
            return "The two recordings never overlap: nothing can be said."
        share, left = self.crossed / self.seconds, self.crossed_after_fees / self.seconds
        return (
            f"In {self.seconds / HOUR:,.1f} hours with quotes of both venues the best prices "
            f"crossed {share:.2%} of the time, and {left:.2%} after fees, in {self.episodes} "
            f"episodes of at most {self.longest:,.0f} s. Both sizes were known in "
            f"{self.known:,.0f} s of these. Nobody has compared how the two settle: a pair counts "
            "only with an adjudication record (`strongroom study radar`)."
        )


@dataclass(frozen=True)
class _Moment:
    """Both quotes, from `at` on for `lasts` seconds."""

    at: float
    lasts: float
    ours: Quote
    theirs: Quote


def spread_study(
    ours: Path,
    theirs: Path,
    our_fee_rate: Decimal = Decimal(0),
    their_fee_rate: Decimal = Decimal("0.07"),
    max_age_s: float = 300.0,
) -> SpreadStudy:
    """Replay a recording of our venue (absolute sizes) beside one of another (changes).

    Raises:
        BadRecording: a file is none.
    """
    first, second = RecordedBook(ours, "absolute"), RecordedBook(theirs, "change")
    fees: tuple[VenueFees, VenueFees] = (
        FeeSchedule(our_fee_rate),
        RoundedFees(their_fee_rate, MICRO // 100),
    )
    totals = dict.fromkeys(("seconds", "crossed", "after fees", "known"), 0.0)
    best, running, longest, episodes, end = 0, 0.0, 0.0, 0, 0.0
    for moment in _moments(first, second, max_age_s):
        totals["seconds"] += moment.lasts
        left = max(_left(moment, fees, here) for here in (True, False))
        if _gap(moment) > 0:
            totals["crossed"] += moment.lasts
        if left <= 0 or moment.at > end:
            running = 0.0
        end = moment.at + moment.lasts
        if left <= 0:
            continue
        episodes += running == 0.0
        running += moment.lasts
        longest, best = max(longest, running), max(best, left)
        totals["after fees"] += moment.lasts
        if _sizes_known(moment):
            totals["known"] += moment.lasts
    return SpreadStudy(
        totals["seconds"], totals["crossed"], totals["after fees"], episodes, longest,
        totals["known"], best,
        {"ours": dict(first.counts), "theirs": dict(second.counts)},
    )  # fmt: skip


def _moments(ours: RecordedBook, theirs: RecordedBook, max_age_s: float) -> Iterator[_Moment]:
    """Yield what holds between two changes, as long as both quotes are young enough."""
    events = sorted(
        [(quote.at, 0, quote) for quote in ours] + [(quote.at, 1, quote) for quote in theirs],
        key=lambda event: event[:2],
    )
    newest: list[Quote | None] = [None, None]
    for number, (at, whose, quote) in enumerate(events):
        newest[whose] = quote
        here, there = newest
        if here is None or there is None:
            continue
        until = events[number + 1][0] if number + 1 < len(events) else at
        until = min(until, min(here.at, there.at) + max_age_s)
        if until > at:
            yield _Moment(at, until - at, here, there)


def _gap(moment: _Moment) -> int:
    return max(moment.ours.bid - moment.theirs.ask, moment.theirs.bid - moment.ours.ask)


def _left(moment: _Moment, fees: tuple[VenueFees, VenueFees], yes_here: bool) -> int:
    """Return what a contract of YES at one venue and of NO at the other leaves, 10**-6."""
    if yes_here:
        prices = moment.ours.ask, MICRO - moment.theirs.bid
    else:
        prices = MICRO - moment.ours.bid, moment.theirs.ask
    charged = sum(each.most(TOKENS, price) for each, price in zip(fees, prices, strict=True))
    return MICRO - sum(prices) - -(-charged * MICRO // TOKENS)


def _sizes_known(moment: _Moment) -> bool:
    """Whether the sizes of the better of the two trades were told."""
    if moment.theirs.bid - moment.ours.ask >= moment.ours.bid - moment.theirs.ask:
        return bool(moment.ours.ask_size and moment.theirs.bid_size)
    return bool(moment.ours.bid_size and moment.theirs.ask_size)


def show_spreads(study: SpreadStudy) -> None:
    """Print a study as text, as wide as the terminal."""
    from strongroom.screen import Screen

    console = Screen()
    for name, counts in study.read.items():
        console.print(f"{name}: " + ", ".join(f"{what} {n:,}" for what, n in counts.items()))
    console.print(study.verdict)
