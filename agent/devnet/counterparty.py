"""The other side of the devnet's trades: a trader with an EOA, and the exchange's operator."""

from typing import Any

import ape
from eth_account.signers.local import LocalAccount
from py_clob_client_v2.order_utils.exchange_order_builder_v2 import ExchangeOrderBuilderV2
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderDataV2, OrderV2
from py_clob_client_v2.order_utils.model.side import Side
from py_clob_client_v2.order_utils.model.signature_type_v2 import SignatureTypeV2
from py_clob_client_v2.signer import Signer

from agent.devnet.venue import Venue
from agent.execution.chain import private_key
from agent.execution.orders import order_tuple


class Counterparty:
    """Takes the other side of every order at its own price; the keeper's `Venue` on the devnet.

    In turn it sells the outcome token it holds (complementary match) and buys the opposite token
    (mint match), so both ways of settlement are used.
    """

    def __init__(self, venue: Venue, operator: Any, trader: Any, key: LocalAccount) -> None:
        self.venue = venue
        self.operator = operator
        self.trader = trader
        self.fee_rate_bps = 0
        chain_id = operator.provider.chain_id
        self._builder = ExchangeOrderBuilderV2(
            str(venue.exchange.address),
            chain_id,
            Signer(private_key(key), chain_id),
            domain_version=venue.exchange_version,
        )
        self._submitted = 0
        for spender in (venue.exchange, venue.adapter):
            venue.pusd.approve(spender, 2**256 - 1, sender=trader)
        venue.ctf.setApprovalForAll(venue.exchange, True, sender=trader)

    def submit(self, order: OrderV2, signature: bytes) -> None:
        """Match `order` (a BUY) in full against an order of the trader."""
        account = ape.project.PolymarketAccount.at(order.maker)
        condition = bytes(account.conditions()[0])
        yes, no = account.tokenIds()
        token, tokens, cost = int(order.tokenId), int(order.takerAmount), int(order.makerAmount)
        self._submitted += 1
        if self._submitted % 2:
            self.venue.adapter.splitPosition(
                self.venue.pusd, b"\0" * 32, condition, [1, 2], tokens, sender=self.trader
            )
            other = self._sign(token, Side.SELL, making=tokens, taking=cost, salt=self._submitted)
        else:
            opposite = no if token == yes else yes
            other = self._sign(
                opposite, Side.BUY, making=tokens - cost, taking=tokens, salt=self._submitted
            )
        self.venue.exchange.matchOrders(
            condition,
            (*order_tuple(order), signature),
            [other],
            cost,
            [other[4]],
            cost * self.fee_rate_bps // 10_000,
            [0],
            sender=self.operator,
        )

    def _sign(self, token: int, side: Side, making: int, taking: int, salt: int) -> tuple[Any, ...]:
        self._builder.generate_salt = lambda: str(salt)
        signed = self._builder.build_signed_order(
            OrderDataV2(
                maker=str(self.trader.address),
                tokenId=str(token),
                makerAmount=str(making),
                takerAmount=str(taking),
                side=side,
                signatureType=SignatureTypeV2.EOA,
            )
        )
        return (*order_tuple(signed), bytes.fromhex(signed.signature[2:]))
