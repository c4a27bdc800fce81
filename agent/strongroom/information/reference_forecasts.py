"""Another venue's price as a forecast: the middle of its book, where the pair counts.

It passes the same gate as every source: it moves money only after its record beats the market's.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from strongroom.chain.units import MICRO
from strongroom.information.books import Book
from strongroom.information.endpoint import Health
from strongroom.information.forecast import Answers, BadForecast, Given
from strongroom.information.gamma import Market
from strongroom.information.pairs import Pair, Pairs
from strongroom.information.reference import ReferenceAway, ReferenceVenue

WIDEST = MICRO // 10  # spread of a book that has a price


@dataclass
class ReferenceForecaster:
    """The prices of the venues that a file of pairs names.

    Attributes:
        budget_s: in which requests of a round begin; what is not asked for comes first in the next
    """

    pairs: Pairs
    venues: Mapping[str, ReferenceVenue]
    name: str = "reference"
    budget_s: float = 60.0
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    _first: int = field(default=0, repr=False)

    @property
    def health(self) -> Health:
        """How the venues are, together."""
        found = [venue.health for venue in self.venues.values()]
        wrong = "; ".join(f"{each.name}: {each.wrong}" for each in found if each.wrong)
        asked, failed = (sum(getattr(e, name) for e in found) for name in ("asked", "failed"))
        return Health(self.name, asked, failed, wrong)

    def forecast(self, markets: Sequence[Market], now: int) -> Answers:
        """Return the middle of the other venue's book for each market of a pair that counts; one
        that does not is named."""
        known = {market.condition_id.lower(): market for market in markets}
        found, problems, start = [], [], self.clock()
        pairs = [each for each in self.pairs.pairs if each.condition in known]
        first, self._first = self._first, 0
        for place in range(len(pairs)):
            turn = (first + place) % len(pairs)
            if self.clock() - start >= self.budget_s:
                self._first, left = turn, len(pairs) - place
                problems.append(
                    f"{self.name}: {left} pairs were not asked about: {self.budget_s:g} s are over"
                )
                break
            try:
                found.append(self._given(pairs[turn], known[pairs[turn].condition], now))
            except (ReferenceAway, BadForecast) as error:
                problems.append(f"{self.name}: {pairs[turn].name}: {error}")
        return Answers(tuple(found), tuple(problems))

    def _given(self, pair: Pair, market: Market, now: int) -> Given:
        venue = self.venues[pair.venue]
        rules = venue.rules(pair.market)
        why = pair.why_not(market.rules, rules.text, now) or pair.why_no_forecast()
        if why or not rules.trades:
            raise BadForecast(why or f"{pair.venue} takes no orders for it")
        book = venue.book(pair.market, now)
        chance = _middle(book)
        return Given(
            self.name,
            market.condition_id,
            1 - chance if pair.inverse else chance,
            now,
            now,  # the book is of this moment
            {"venue": pair.venue, "market": pair.market, "bid": book.bid, "ask": book.ask},
        )


def _middle(book: Book) -> float:
    middle = book.mid()
    if middle is None or book.bid is None or book.ask is None:
        raise BadForecast("a side of the book is empty: it has no price")
    if book.ask - book.bid > WIDEST:
        raise BadForecast("the book is wider than ten cents: it has no price")
    return middle
