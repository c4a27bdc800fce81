"""The other side of the keeper's trades on the devnet: a market maker who quotes around given
prices, and a taker who hits what stands there. EOAs with the official client's own orders."""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import (
    AssetType,
    BalanceAllowanceParams,
    OrderMarketCancelParams,
    PostOrdersV2Args,
)
from py_clob_client_v2.exceptions import PolyApiException
from py_clob_client_v2.order_utils.exchange_order_builder_v2 import ExchangeOrderBuilderV2
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderDataV2, SignedOrderV2
from py_clob_client_v2.order_utils.model.side import Side
from py_clob_client_v2.order_utils.model.signature_type_v2 import SignatureTypeV2
from py_clob_client_v2.signer import Signer

from strongroom.chain.contracts import Key
from strongroom.chain.ids import JsonObject
from strongroom.chain.orders import NO, YES
from strongroom.chain.units import MICRO, cost_micro
from strongroom.devnet.clock import DevnetClock
from strongroom.information.gamma import Market

BATCH = 15  # orders of one request
ATTEMPTS = 20  # at a request that the rate limit holds back
MATCHED_S = 60.0  # at most, until an order that was put off is matched
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Seat:
    """Where somebody trades, and as whom.

    Attributes:
        url: of the service
        exchange: address, that orders are signed for
    """

    url: str
    chain_id: int
    exchange: str
    key: Key
    clock: DevnetClock


class Trader:
    """An EOA at the service; its orders are stamped with the devnet's time."""

    def __init__(self, seat: Seat) -> None:
        # the client would print each 429 that `patiently` waits out
        logging.getLogger("py_clob_client_v2").setLevel(logging.CRITICAL)
        key, chain_id = seat.key.private_key, seat.chain_id
        self.client = ClobClient(seat.url, chain_id, key=key)
        self.client.set_api_creds(self.client.create_or_derive_api_key())
        self.refresh()
        self._builder = ExchangeOrderBuilderV2(seat.exchange, chain_id, Signer(key, chain_id))
        self._address, self._clock = seat.key.address, seat.clock

    def refresh(self) -> None:
        """Let the service see the balance."""
        self.client.update_balance_allowance(
            BalanceAllowanceParams(asset_type=AssetType.COLLATERAL)
        )

    def order(self, token: int, buy: bool, price: Decimal, tokens: int) -> SignedOrderV2:
        """Return a signed order for micro-tokens."""
        cash = cost_micro(price, tokens)
        making, taking = (cash, tokens) if buy else (tokens, cash)
        return self._builder.build_signed_order(
            OrderDataV2(
                maker=self._address,
                tokenId=str(token),
                makerAmount=str(making),
                takerAmount=str(taking),
                side=Side.BUY if buy else Side.SELL,
                signatureType=SignatureTypeV2.EOA,
                timestamp=str(int(self._clock() * 1000)),
            )
        )

    def post(self, orders: Sequence[SignedOrderV2], order_type: str = "GTC") -> list[JsonObject]:
        """Post orders, a few a request; return the service's answers."""
        answers: list[JsonObject] = []
        for start in range(0, len(orders), BATCH):
            batch = [
                PostOrdersV2Args(order=order, orderType=order_type)
                for order in orders[start : start + BATCH]
            ]
            answers += patiently(lambda: self.client.post_orders(batch, defer_exec=True))  # noqa: B023
        return answers

    def wait(self) -> None:
        """Wait until what the venue has put off of our orders is matched (VENUE e1, delayed)."""
        deadline = time.monotonic() + MATCHED_S
        while time.monotonic() < deadline:
            if not any("DELAYED" in each["status"] for each in self.client.get_open_orders()):
                return
            time.sleep(0.1)


class MarketMaker(Trader):
    """Quotes both tokens of markets around a price, by bids alone: a bid for NO offers YES."""

    def __init__(self, seat: Seat, half_spread: str = "0.005", size: int = 400) -> None:
        """Quote `size` tokens at the half spread, and as many one tick of a cent behind."""
        super().__init__(seat)
        self._half, self._size = Decimal(half_spread), size
        self._quoted: dict[str, tuple[Decimal, int]] = {}  # middle, orders

    def quote(self, prices: Mapping[str, tuple[Market, float]]) -> int:
        """Quote anew where the price has changed or something was taken; return how many orders
        that took."""
        orders: list[SignedOrderV2] = []
        whole = Counter(
            each["market"]
            for each in self.client.get_open_orders()
            if each["size_matched"] in ("0", 0)
        )
        for name, (market, price) in prices.items():
            middle = Decimal(str(round(price, 3)))
            known = self._quoted.get(name)
            if known is not None and known[0] == middle and known[1] == whole[name]:
                continue
            if known is not None:
                chosen = OrderMarketCancelParams(market=name)
                patiently(lambda: self.client.cancel_market_orders(chosen))  # noqa: B023
            before = len(orders)
            for outcome, worth in ((YES, middle), (NO, 1 - middle)):
                for behind in (Decimal(0), Decimal("0.01")):
                    bid = worth - self._half - behind
                    bid -= bid % market.tick
                    if market.tick <= bid <= 1 - market.tick:
                        token = market.token_ids[outcome]
                        orders.append(self.order(token, True, bid, self._size * MICRO))
            self._quoted[name] = middle, len(orders) - before
        self.post(orders)
        return len(orders)


class Taker(Trader):
    """Buys what stands in some markets now and then; the dice are the caller's."""

    def __init__(self, seat: Seat, dice: random.Random) -> None:
        super().__init__(seat)
        self._dice = dice

    def trade(self, markets: Sequence[Market], count: int, tokens: int) -> int:
        """Buy one token of each of some markets at up to 98 cents; return how many were placed."""
        orders = []
        for market in self._dice.sample(list(markets), min(count, len(markets))):
            token = market.token_ids[self._dice.choice((YES, NO))]
            orders.append(self.order(token, True, Decimal("0.98"), tokens * MICRO))
        return self._take(orders)

    def take_all(self, token: int, price: Decimal, tokens: int) -> None:
        """Buy all of a token that stands up to a price, at most so many."""
        self._take([self.order(token, True, price, tokens * MICRO)])

    def _take(self, orders: Sequence[SignedOrderV2]) -> int:
        """Post orders and wait until they are matched; return how many were placed."""
        answers = self.post(orders, "FAK")
        self.wait()
        return sum(bool(answer.get("success")) for answer in answers)


def patiently(ask: Callable[[], Answer]) -> Answer:
    """Ask the service; where its rate limit says no, wait as it says and ask again.

    Raises:
        PolyApiException: it refuses for another reason, or for too long.
    """
    for _ in range(ATTEMPTS):
        try:
            return ask()
        except PolyApiException as error:
            if error.status_code != 429 or not isinstance(error.error_msg, dict):
                raise
            time.sleep(float(error.error_msg.get("retry_after_seconds", 1)))
    return ask()
