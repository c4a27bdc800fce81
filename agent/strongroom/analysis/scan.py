"""Looking through many books at once: a vectorised filter finds candidates, the solver judges them.

The filter looks at best prices after fees, so it misses nothing that the solver would find with
the same relations: where no best price earns, no depth does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from strongroom.analysis.bundle import (
    Bundle,
    Security,
    conversions,
    make_bundle,
    split_and_merge,
)
from strongroom.analysis.certify import Certificate, NotCovered, certify
from strongroom.analysis.lp import BundlePlan, Solver, make_solver, solve
from strongroom.analysis.relations import Relation, Void
from strongroom.chain.orders import NO, YES
from strongroom.chain.units import MICRO
from strongroom.information.books import Level
from strongroom.information.gamma import FeeSchedule

ASK, BID = 0, 1
SLACK = 1e-9
Prices = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BookTable:
    """The books of many markets, by market, outcome, side and level; best level first.

    Attributes:
        prices: (n, 2, 2, levels), 10**-6; 0 where there is no level
        sizes: the same shape, micro-tokens
        rates, exponents: (n,), of the taker fee
    """

    names: Sequence[str]
    prices: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    rates: Prices
    exponents: Prices

    def best(self, side: int) -> Prices:
        """Return (n, 2): what one token costs or brings at the best level, fees included.

        Without a level a token costs infinitely much and brings nothing.
        """
        prices = self.prices[:, :, side, 0] / MICRO
        fees = self.rates[:, None] * (prices * (1 - prices)) ** self.exponents[:, None]
        if side == ASK:
            return np.where(prices > 0, prices + fees, np.inf)
        return np.where(prices > 0, np.maximum(prices - fees, 0), 0.0)

    def securities(self, market: int, min_size: int = 0) -> list[Security]:
        """Return YES and NO of a market with all levels."""
        fees = FeeSchedule(Decimal(str(self.rates[market])), Decimal(str(self.exponents[market])))
        return [
            Security(
                self.names[market],
                outcome == YES,
                asks=self._levels(market, outcome, ASK),
                bids=self._levels(market, outcome, BID),
                fees=fees,
                min_size=min_size,
            )
            for outcome in (YES, NO)
        ]

    def _levels(self, market: int, outcome: int, side: int) -> tuple[Level, ...]:
        prices, sizes = self.prices[market, outcome, side], self.sizes[market, outcome, side]
        return tuple(
            Level(int(price), int(size))
            for price, size in zip(prices, sizes, strict=True)
            if price and size
        )


@dataclass(frozen=True)
class NegativeRiskEvent:
    """Exclusive markets of one negative-risk event.

    `exhaustive_proof` is what shows that they are all there are, e.g. the chain's question count of
    an event that is not augmented; empty: none of them may win.
    """

    name: str
    markets: tuple[int, ...]
    exhaustive_proof: str = ""


@dataclass(frozen=True)
class ArbitrageFinding:
    """A certified arbitrage."""

    name: str
    bundle: Bundle
    plan: BundlePlan
    certificate: Certificate


def binary_candidates(books: BookTable) -> npt.NDArray[np.int64]:
    """Return the markets whose complete sets cost less, or bring more, than 1."""
    cheap = books.best(ASK).sum(axis=1) < 1 - SLACK
    dear = books.best(BID).sum(axis=1) > 1 + SLACK
    return np.flatnonzero(cheap | dear)


def event_candidates(
    books: BookTable, events: Sequence[NegativeRiskEvent]
) -> list[NegativeRiskEvent]:
    """Return the events of which a YES set, NOs together or a conversion may earn."""
    if not events:
        return []
    asks, bids = books.best(ASK), books.best(BID)
    members = np.concatenate([np.array(event.markets) for event in events])
    starts = np.cumsum([0] + [len(event.markets) for event in events[:-1]])
    proven = np.array([bool(event.exhaustive_proof) for event in events])

    def total(values: Prices) -> Prices:
        return np.asarray(np.add.reduceat(values, starts))

    # a token is bought, or made by splitting a set and selling the other; sold, or merged away
    yes_cost = np.minimum(asks[members, YES], 1 - bids[members, NO])
    no_cost = np.minimum(asks[members, NO], 1 - bids[members, YES])
    yes_worth = np.maximum(bids[members, YES], 1 - asks[members, NO])
    cheap_yes = proven & (total(yes_cost) < 1 - SLACK)
    # k NOs pay at least k - 1; those below 1 each add what they cost less
    cheap_no = total(np.maximum(0.0, 1 - no_cost)) > 1 + SLACK
    # a NO becomes YES of all others
    worth = np.maximum(0.0, yes_worth)
    sizes = np.array([len(event.markets) for event in events])
    others = np.repeat(total(worth), sizes) - worth
    dear_yes = np.maximum.reduceat(others - no_cost, starts) > SLACK
    chosen = cheap_yes | cheap_no | dear_yes
    return [event for event, is_chosen in zip(events, chosen, strict=True) if is_chosen]


def scan(
    books: BookTable, events: Sequence[NegativeRiskEvent] = (), min_size: int = 0
) -> list[ArbitrageFinding]:
    """Return every certified arbitrage, the largest first.

    Args:
        events: a market may stand in one of them and is then also looked at by itself
        min_size: of an order, micro-tokens
    """
    solver = make_solver()
    found = [
        finding
        for name, bundle in _bundles(books, events, min_size)
        if (finding := judge(name, bundle, solver)) is not None
    ]
    return sorted(found, key=lambda finding: -finding.certificate.profit)


def judge(name: str, bundle: Bundle, solver: Solver | None = None) -> ArbitrageFinding | None:
    """Solve a bundle and certify the plan; None unless it is sure to earn."""
    plan = solve(bundle, solver)
    if not plan.legs:
        return None
    try:
        certificate = certify(
            bundle.securities, bundle.states, bundle.transforms, plan.legs, plan.transforms
        )
    except NotCovered:
        return None  # rounding to lots took a leg below its minimum
    return ArbitrageFinding(name, bundle, plan, certificate) if certificate.profit > 0 else None


def event_bundle(books: BookTable, event: NegativeRiskEvent, min_size: int = 0) -> Bundle:
    """Return an event with all its transforms."""
    names = tuple(books.names[market] for market in event.markets)
    securities = [each for market in event.markets for each in books.securities(market, min_size)]
    relations = [Relation("exclusive", names, proof=f"negative-risk event {event.name}")]
    if event.exhaustive_proof:
        relations.append(Relation("exhaustive", names, proof=event.exhaustive_proof))
    pairs = [(2 * i, 2 * i + 1) for i in range(len(names))]
    transforms = [each for pair in pairs for each in split_and_merge(*pair)]
    return make_bundle(securities, relations, [Void(names)], [*transforms, *conversions(pairs)])


def _bundles(
    books: BookTable, events: Sequence[NegativeRiskEvent], min_size: int
) -> Iterator[tuple[str, Bundle]]:
    for market in binary_candidates(books):
        securities = books.securities(int(market), min_size)
        yield books.names[market], make_bundle(securities, transforms=split_and_merge(0, 1))
    for event in event_candidates(books, events):
        yield event.name, event_bundle(books, event, min_size)
