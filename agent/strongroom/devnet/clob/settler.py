"""Settlements: sent one behind the other, each followed to its end."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from strongroom.devnet.clob.faults import Faults
from strongroom.devnet.clob.funds import Funds
from strongroom.devnet.clob.market_data import MarketData
from strongroom.devnet.clob.node import RpcError
from strongroom.devnet.clob.orders import LiveOrder
from strongroom.devnet.clob.settlement import Settlement, SignedStruct, VenueChain
from strongroom.devnet.clob.trades import Trade

ATTEMPTS = 2  # to settle a trade


class Settler:
    """Brings trades to the chain."""

    def __init__(
        self,
        chain: VenueChain,
        funds: Funds,
        data: MarketData,
        clock: Callable[[], float],
        confirmations: int,
    ) -> None:
        self.faults = Faults()
        self._chain, self._funds, self._data, self._clock = chain, funds, data, clock
        self._confirmations = confirmations
        self._unsettled: asyncio.Queue[Trade] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, trade: Trade) -> None:
        """Settle a trade when its turn comes."""
        self._unsettled.put_nowait(trade)

    async def run_forever(self) -> None:
        """Send settlements one behind the other; follow each to its end in a task of its own."""
        while True:
            trade = await self._unsettled.get()
            if self.faults.settlement_delay_ms:
                await asyncio.sleep(self.faults.settlement_delay_ms / 1000)
            await self._settle(trade)

    async def _settle(self, trade: Trade) -> None:
        taker = trade.taker
        settlement = Settlement(
            protocol=taker.listing.protocol,
            exchange=taker.listing.exchange,
            condition_id=taker.listing.condition_id,
            taker=_signed(taker),
            makers=[_signed(fill.order) for fill in trade.makers],
            taker_fill=taker.making(trade.size),
            maker_fills=[fill.order.making(fill.size) for fill in trade.makers],
            taker_fee=trade.fee,
        )
        try:
            trade.transaction = await self._chain.send(settlement, trade.doomed)
        except RpcError:
            trade.sent.set()
            await self._finish(trade, "FAILED")
            return
        trade.sent.set()
        task = asyncio.create_task(self._follow(trade, settlement))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, trade: Trade, settlement: Settlement) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            succeeded, block = await self._chain.node.wait(trade.transaction)
            if succeeded:
                self._set_status(trade, "MINED")
                while not await self._is_deep(block + self._confirmations):
                    await asyncio.sleep(0.05)
                await self._finish(trade, "CONFIRMED")
                return
            if attempt < ATTEMPTS:
                self._set_status(trade, "RETRYING")
                try:
                    trade.transaction = await self._chain.send(settlement, trade.doomed)
                except RpcError:
                    break
        await self._finish(trade, "FAILED")

    async def _finish(self, trade: Trade, status: str) -> None:
        """Read again what the parties have, then say how it ended."""
        with suppress(RpcError):  # then what was seen last stands until the next look
            await self._funds.look_again(trade.parties())
        self._funds.reserve(trade.taker, -trade.given)
        for fill in trade.makers:
            self._funds.reserve(fill.order, -fill.order.making(fill.size))
        self._set_status(trade, status)

    async def _is_deep(self, block: int) -> bool:
        try:
            return await self._chain.node.block_number() >= block
        except RpcError:
            return False

    def _set_status(self, trade: Trade, status: str) -> None:
        trade.status = status
        trade.updated_at = int(self._clock())
        self._data.tell_trade(trade)


def _signed(order: LiveOrder) -> SignedStruct:
    return (*order.order.struct(), bytes.fromhex(order.order.signature[2:]))
