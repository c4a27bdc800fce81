"""What makers have and have promised, as the service believes it: seen at the chain when somebody
asks for it, never in between."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from strongroom.chain.ids import JsonObject
from strongroom.devnet.clob.book import BUY
from strongroom.devnet.clob.orders import LiveOrder
from strongroom.devnet.clob.sessions import SessionSigners
from strongroom.devnet.clob.settlement import VenueChain

COLLATERAL = ""  # the asset that is no outcome token
EOA, POLY_SAFE, POLY_1271 = 0, 2, 3  # signature types

Holding = tuple[str, str, str]  # maker in lower case, asset, exchange


class Funds:
    """Balances, allowances, and what open orders and unsettled trades may take of them."""

    def __init__(self, chain: VenueChain, sessions: SessionSigners) -> None:
        self._chain, self._sessions = chain, sessions
        self._seen: dict[Holding, tuple[int, int]] = {}
        self._reserved: dict[tuple[str, str], int] = defaultdict(int)  # maker, asset

    async def maker_of(self, address: str, signature_type: int) -> str:
        """Return whose funds an EOA trades: its own, those of its Safe or deposit wallet, or those
        of the wallet that it is a session key of."""
        if signature_type == EOA:
            return address.lower()
        session = self._sessions.wallet_of(address)
        if signature_type == POLY_1271 and session is not None:
            return session
        wallet = await self._chain.wallet_of(address, safe=signature_type == POLY_SAFE)
        return (wallet or address).lower()

    async def look(self, asked: Sequence[Holding]) -> None:
        """Read balances and allowances from the chain."""
        self._seen |= zip(asked, await self._chain.funds(asked), strict=True)

    async def look_again(self, orders: Iterable[LiveOrder]) -> None:
        """Read again what is known of the orders' makers: money, and the orders' tokens."""
        known = {
            (order.order.maker.lower(), asset, order.listing.exchange)
            for order in orders
            for asset in (COLLATERAL, order.order.tokenId)
        }
        await self.look([each for each in known if each in self._seen])

    def shown(self, asked: Iterable[Holding]) -> JsonObject:
        """Return what a maker is believed to have of an asset: 0 before the first look.

        Args:
            asked: one maker, one asset, at several exchanges
        """
        seen = {holding[2]: self._seen.get(holding, (0, 0)) for holding in asked}
        balance = max((balance for balance, _ in seen.values()), default=0)
        return {
            "balance": str(balance),
            "allowances": {exchange: str(allowance) for exchange, (_, allowance) in seen.items()},
        }

    def suffice(self, order: LiveOrder, need: int) -> bool:
        """Say whether an order's maker has as much, beside what is promised already."""
        maker, asset = order.order.maker.lower(), asset_of(order)
        balance, allowance = self._seen.get((maker, asset, order.listing.exchange), (0, 0))
        return min(balance, allowance) >= need + self._reserved[maker, asset]

    def reserve(self, order: LiveOrder, amount: int) -> None:
        """Keep what an order may give from being promised twice, until it is given or free."""
        self._reserved[order.order.maker.lower(), asset_of(order)] += amount

    def reserved(self) -> dict[tuple[str, str], int]:
        """Return what is promised, by maker and asset."""
        return dict(self._reserved)


def asset_of(order: LiveOrder) -> str:
    """Return what an order pays with."""
    return COLLATERAL if order.order.side == BUY else order.order.tokenId
