"""Somebody who trades against the keeper's decisions: its orders meet better prices, or too little.

Between a decision and its orders he offers a part of what the keeper is about to buy, a tick
cheaper; every fourth time he buys it himself, but for a part. So fills have better prices than
asked, or end in part. What he holds he sells, and the exchange moves tokens from wallet to wallet
at his price (VENUE c, complementary); where he holds nothing he bids for the other token, and both
mint.
"""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from py_clob_client_v2.clob_types import AssetType, BalanceAllowanceParams

from strongroom.chain.ids import DecisionId, JsonObject
from strongroom.chain.order_amounts import fitting
from strongroom.chain.orders import OrderKind, Side
from strongroom.chain.units import MICRO
from strongroom.devnet.setup import Stage
from strongroom.devnet.traders import Trader
from strongroom.information.gamma import Market
from strongroom.journal import Journal
from strongroom.strategy.record import DecidedLeg

SETS = 10_000 * MICRO  # of every other market, that he begins with
LEAST = 5 * MICRO  # tokens that may rest (VENUE e1)
BUYS_EVERY = 4  # decisions


class Rival:
    """Trades at a stage's service as `name`."""

    def __init__(self, stage: Stage, journal: Journal, name: str = "taker") -> None:
        """Split sets of every other market.

        Attributes:
            made: orders that the service took: "sold", "minted", "bought" -> how many
        """
        self._journal, self._name, self._stage = journal, name, stage
        self._trader, self._decisions = Trader(stage.seat(name)), 0
        self._markets: Mapping[str, Market] = {each.condition_id: each for each in stage.markets}
        self.made: Counter[str] = Counter()
        venue = stage.venue
        for market in stage.markets[::2]:
            venue.adapter.splitPosition(
                venue.usdc, bytes(32), market.condition_id, [1, 2], SETS, sender=stage.people[name]
            )
            for token in market.token_ids:
                self._trader.client.update_balance_allowance(
                    BalanceAllowanceParams(asset_type=AssetType.CONDITIONAL, token_id=str(token))
                )

    def hear(self, event: str, fields: JsonObject) -> None:
        """Trade, if the keeper has decided to buy."""
        if event != "decided":
            return
        legs = self._journal.record(DecisionId(str(fields["decision"]))).legs
        bought = [each for each in legs if each.side == Side.BUY and not each.kind.rests]
        self._decisions += bool(bought)
        for leg in bought:
            if self._decisions % BUYS_EVERY == 0:
                self._buy_first(leg)
            else:
                self._undercut(leg)

    def _buy_first(self, leg: DecidedLeg) -> None:
        """Leave half of what the keeper wants."""
        asks = self._trader.client.get_order_book(str(leg.token))["asks"]
        offered = sum(
            int(Decimal(each["size"]) * MICRO)
            for each in asks
            if Decimal(each["price"]) <= leg.price
        )
        price = int(leg.price * MICRO)
        size = fitting(OrderKind.FAK, Side.BUY, price, offered - leg.size // 2)
        if size > 0:
            order = self._trader.order(leg.token, True, leg.price, size)
            (answer,) = self._trader.post([order], "FAK")
            self.made["bought"] += bool(answer["success"])
            self._trader.wait()

    def _undercut(self, leg: DecidedLeg) -> None:
        """Offer half of it a tick cheaper."""
        market = self._markets[leg.condition]
        price, size = leg.price - leg.tick, leg.size // 2 // MICRO * MICRO
        if size < LEAST or price <= leg.tick:
            return
        holder = self._stage.people[self._name]
        if self._stage.venue.ctf.balanceOf(holder, leg.token) >= size:
            order, what = self._trader.order(leg.token, False, price, size), "sold"
        else:
            other = sum(market.token_ids) - leg.token
            order, what = self._trader.order(other, True, 1 - price, size), "minted"
        (answer,) = self._trader.post([order])
        self.made[what] += bool(answer["success"])
