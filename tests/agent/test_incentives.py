"""The devnet's rebates and rewards, by hand, and as the venue's own client reads them."""

from decimal import Decimal
from types import SimpleNamespace

import pytest
from polymarket._internal.actions.rewards import parse_current_rebates, parse_user_earnings_page
from strongroom.devnet.clob.incentives import IncentiveKind, Incentives

DAY1, DAY2, MARKET = 1_765_497_600, 1_765_584_000, "0x" + "ab" * 32  # 2025-12-12 and -13
ANN, BEN, PUSD = ("0x" + each * 20 for each in ("11", "22", "33"))
REBATE, REWARD = IncentiveKind.REBATE, IncentiveKind.REWARD


def order(maker, size=0):
    return SimpleNamespace(
        order=SimpleNamespace(maker=maker),
        listing=SimpleNamespace(condition_id=MARKET),
        entry=lambda: SimpleNamespace(size=size),
    )


def trade(fee, makers, at=DAY1, status="CONFIRMED"):
    fills = [SimpleNamespace(order=order(maker), size=size) for maker, size in makers]
    size = sum(size for _, size in makers)
    return SimpleNamespace(
        fee=fee, makers=fills, size=size, matched_at=at, status=status, taker=order("0x")
    )


def told(found):
    return [(each.day, each.maker, each.amount) for each in found]


def test_a_quarter_of_the_fee_goes_to_the_makers_by_size_and_once():
    """A fee of 1,000: 250, of which Ann has two fifths. A failed trade gives nothing."""
    trades = [trade(1_000, [(ANN, 40), (BEN, 60)]), trade(4_000, [(ANN, 1)], status="FAILED")]
    books, first = Incentives(), [("2025-12-12", ANN, 100), ("2025-12-12", BEN, 150)]
    assert told(books.earned(REBATE, trades)) == first
    assert told(books.pay(REBATE, trades, "2025-12-12")) == [], "the day is not over"
    assert told(books.pay(REBATE, trades, "2025-12-13")) == first
    assert told(books.pay(REBATE, trades, "2025-12-14")) == []
    trades.append(trade(400, [(ANN, 5)]))  # one that was confirmed late
    assert told(books.pay(REBATE, trades, "2025-12-14")) == [("2025-12-12", ANN, 100)]


def test_a_market_pays_a_million_units_a_look_by_what_rests():
    books = Incentives()
    books.look([order(ANN, 30), order(ANN, 10), order(BEN, 60)], DAY1 + 5)
    books.look([order(BEN, 7)], DAY2)
    assert told(books.earned(REWARD, [])) == [
        ("2025-12-12", ANN, 400_000),
        ("2025-12-12", BEN, 600_000),
        ("2025-12-13", BEN, 1_000_000),
    ]


@pytest.mark.parametrize("amount", [1, 1_234_567])
def test_the_venues_client_reads_them(amount):
    books = Incentives()
    (rebate,) = books.earned(REBATE, [trade(4 * amount, [(ANN, 9)])])
    (read,) = parse_current_rebates([rebate.as_rebate(PUSD)])
    assert (read.rebated_fees_usdc, str(read.date)) == (Decimal(amount) / 10**6, "2025-12-12")
    books.look([order(BEN, 3)], DAY1)
    (reward,) = books.earned(REWARD, [])
    page = parse_user_earnings_page({"data": [reward.as_earning(PUSD)], "next_cursor": "LTE="})
    (earning,) = page.items
    assert (earning.earnings, earning.maker_address) == (1, BEN)
    assert f"{earning.date:%Y-%m-%d}" == "2025-12-12"
