"""Markets and results as Polymarket's Gamma API gives them: pages of `/markets`.

A result counts where a market is closed, its answer is resolved, and its prices are a payout: 1 and
0, or a half each (a void). Closed at other prices is no result: nobody has said what it pays.

What resting orders are paid is told of an open market: `rewardsMinSize`, `rewardsMaxSpread` (cents)
and `clobRewards`, a list of pools that are paid together; pages by cursor leave the list out. Most
closed markets say 0 whatever they had paid.
"""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from strongroom.chain.ids import Json, read_json
from strongroom.chain.units import MICRO
from strongroom.data.folder import FIRST_TOLD
from strongroom.data.importing import Intake, Row
from strongroom.data.reading import json_records, micro_of, ms_of
from strongroom.data.schema import Table
from strongroom.data.sources.market_rows import market_row
from strongroom.information.gamma import BadMarketRecord, Market, MarketRecord, parse_market
from strongroom.signing.safe import ZERO_ADDRESS

_UNKNOWN = {"resolvedBy": "oracle", "questionID": "question_id"}  # field -> column
CENTS = 100
DOLLARS = {  # what pools are paid in, at par: USDC.e and pUSD of Polygon
    "0x2791bca1f2de4661ed88a30c99a7a9449aa84174",
    "0xc011a7e12a19f7b1f670d46f03b03f3342e82dfb",
}
_PAYOUTS: dict[tuple[float, ...], int] = {(1, 0): MICRO, (0, 1): 0, (0.5, 0.5): MICRO // 2}


def take_gamma(intake: Intake, paths: Sequence[Path]) -> None:
    """Read pages of markets; what a page says later of a market counts, but for what may have been
    changed since by what came of it: end, tick and rules.

    Raises:
        BadData: a file cannot be read.
    """
    newest: dict[str, tuple[Market, MarketRecord]] = {}
    first: dict[str, tuple[Market, MarketRecord]] = {}
    for done, path in enumerate(paths):
        for record in json_records(path, ("markets", "data")):
            intake.read += 1
            if not isinstance(record, dict):
                intake.dropped["market: no record"] += 1
                continue
            try:
                market = parse_market(_completed(record))
            except BadMarketRecord as error:
                intake.dropped[f"market: {error.reason} is missing or malformed"] += 1
                continue
            for name in _UNKNOWN:
                if not record.get(name):
                    intake.repaired[f"market: no {name}: unknown"] += 1
            told = first.setdefault(market.condition_id, (market, record))
            if (_seen(record) or 0) < (_seen(told[1]) or 0):
                first[market.condition_id] = market, record
            known = newest.get(market.condition_id)
            if known is not None:
                intake.dropped["market: told twice, the newest counts"] += 1
                if (_seen(known[1]) or 0) > (_seen(record) or 0):
                    continue
            newest[market.condition_id] = market, record
        intake.progress("pages", done + 1, len(paths))
    for market, record in newest.values():
        before = market_row(first[market.condition_id][0], None)
        row = {
            **market_row(market, _seen(record)),
            **{name: before[name] for name in FIRST_TOLD if before[name] is not None},
        }
        nameless = {column: None for name, column in _UNKNOWN.items() if not record.get(name)}
        about: Row = {**row, **nameless, "venue_id": str(record.get("id") or "")}
        intake.put(Table.MARKETS, about)
        _take_result(intake, market, record)
        _take_quote(intake, market, record)
        _take_rewards(intake, market, record)


def _completed(record: MarketRecord) -> MarketRecord:
    """Return a record that can be read although it does not say who resolves the market: a history
    needs no oracle."""
    if record.get("resolvedBy") and record.get("questionID"):
        return record
    return {
        **record,
        "resolvedBy": record.get("resolvedBy") or ZERO_ADDRESS,
        "questionID": record.get("questionID") or record.get("conditionId"),
    }


def _take_result(intake: Intake, market: Market, record: MarketRecord) -> None:
    if not market.closed:
        return
    if record.get("umaResolutionStatus") != "resolved":
        intake.repaired["result: closed, not resolved: unknown"] += 1
        return
    yes = _PAYOUTS.get(_prices(record.get("outcomePrices")))
    if yes is None:
        intake.repaired["result: resolved, at prices that are no payout: unknown"] += 1
        return
    times = [ms_of(record.get(name)) for name in ("closedTime", "umaEndDate")]
    intake.put(
        Table.OUTCOMES,
        {
            "market": market.condition_id,
            "yes": yes,
            "void": yes == MICRO // 2,
            # the later of the two: nobody was paid before
            "resolved_ms": max((each for each in times if each is not None), default=None),
            "disputed": "disputed" in market.resolution_statuses,
            "source": "gamma",
        },
    )


def _take_quote(intake: Intake, market: Market, record: MarketRecord) -> None:
    """Keep the best prices of an open market; 0: nobody bids, 1: nobody offers."""
    seen = _seen(record)
    if market.closed or seen is None or (market.best_bid is None and market.best_ask is None):
        return
    bid = _price(intake, "bid", market.best_bid)
    ask = _price(intake, "ask", market.best_ask)
    if bid is not None and ask is not None and bid > ask:
        intake.repaired["quote: bid above ask, left out"] += 1
        return
    intake.put(
        Table.QUOTES,
        {
            "at_ms": seen,
            "token": str(market.token_ids[0]),
            "price": _price(intake, "last price", record.get("lastTradePrice")),
            "bid": bid,
            "ask": ask,
        },
    )


def _price(intake: Intake, name: str, value: Json | Decimal) -> int | None:
    """Return a price in millionths; what cannot be one is unknown, and counted."""
    found = micro_of(str(value) if isinstance(value, Decimal) else value)
    if found is not None and not 0 <= found <= MICRO:
        intake.repaired[f"quote: {name} not between 0 and 1, left out"] += 1
        return None
    return found


def _take_rewards(intake: Intake, market: Market, record: MarketRecord) -> None:
    spread, least = (micro_of(record.get(f"rewards{name}")) for name in ("MaxSpread", "MinSize"))
    if spread is None or least is None or spread < 0 or least < 0:
        intake.repaired["rewards: no terms: unknown"] += 1
        return
    about: Row = {
        "market": market.condition_id, "pool": "", "seen_ms": _seen(record),
        "max_spread": spread // CENTS, "min_size": least,
    }  # fmt: skip
    if not spread or not least:
        if market.closed:
            intake.repaired["rewards: closed, what it paid before is not told: unknown"] += 1
        else:
            intake.put(Table.REWARDS, {**about, "daily": 0})
        return
    pools = record.get("clobRewards")
    for pool in pools if isinstance(pools, list) and pools else [None]:
        known = pool if isinstance(pool, dict) else {}
        daily = micro_of(known.get("rewardsDailyRate"))
        if str(known.get("assetAddress") or "").lower() not in DOLLARS or daily is None:
            intake.repaired["rewards: no pool in dollars: unknown"] += 1
            daily = None
        row: Row = {
            **about, "pool": str(known.get("id") or ""), "daily": daily,
            "from_ms": ms_of(known.get("startDate"), is_from=True),
            "until_ms": ms_of(known.get("endDate"), is_from=True),
        }  # fmt: skip
        intake.put(Table.REWARDS, row)


def _seen(record: MarketRecord) -> int | None:
    return ms_of(record.get("updatedAt"))


def _prices(value: Json) -> tuple[float, ...]:
    try:
        found = read_json(value) if isinstance(value, str) else value
        return tuple(float(str(each)) for each in found) if isinstance(found, list) else ()
    except ValueError:
        return ()
