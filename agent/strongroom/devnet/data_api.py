"""The Data API beside the service: trades, positions and approvals of wallets (VENUE e3).

Everything is in an envelope; lists have cursors that are good for their own question alone. Left
out: the minutes that the venue's answers are old, combos, profits, leaderboards.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from eth_utils.address import is_address, to_checksum_address
from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from strongroom.chain.ids import Json, JsonObject
from strongroom.chain.units import MAX_UINT256, MICRO
from strongroom.devnet.clob.book import BUY
from strongroom.devnet.clob.engine import MatchingEngine
from strongroom.devnet.clob.errors import TOO_MANY, Refusal, bad
from strongroom.devnet.clob.markets import Listing
from strongroom.devnet.clob.orders import LiveOrder, decimal
from strongroom.devnet.clob.trades import Trade
from strongroom.devnet.pages import BadCursor, after

MOST = 1_000  # records of a page
NEEDS = "user or condition_id is required"


class TradingApproval(BaseModel):
    """What a wallet must let somebody move before it can trade everywhere."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: str
    spender: str
    standard: Literal["ERC20", "ERC1155"]


@dataclass(frozen=True)
class WalletFill:
    """One side of a confirmed trade."""

    trade: Trade
    order: LiveOrder
    size: int  # micro-tokens
    price: int  # of its own token, 10**-6
    is_taker: bool

    @property
    def wallet(self) -> str:
        """Whose it is."""
        return to_checksum_address(self.order.order.maker)

    @property
    def cash(self) -> int:
        """What its tokens cost or brought, micro-units, without fees."""
        return self.size * self.price // MICRO

    def about(self) -> dict[str, Json]:
        """Return what trades and activity have in common."""
        listing, outcome = self.order.listing, self.order.outcome
        return {
            "proxy_wallet": self.wallet,
            "token_id": self.order.order.tokenId,
            "condition_id": listing.condition_id,
            "side": self.order.order.side,
            "size": float(decimal(self.size)),
            "price": float(decimal(self.price)),
            "timestamp": self.trade.matched_at,
            "transaction_hash": self.trade.transaction,
            "title": listing.question,
            "outcome": listing.outcomes[outcome],
            "outcome_index": outcome,
            "name": None,
        }


class DataApi:
    """What the Data API says of the service's wallets."""

    def __init__(
        self,
        engine: Callable[[], MatchingEngine],
        chain_id: int,
        approvals: Sequence[TradingApproval],
    ) -> None:
        self._engine, self._chain_id, self._approvals = engine, chain_id, approvals
        self._asked: dict[str, deque[float]] = defaultdict(deque)  # client -> when

    def check_rate(self, client: str, now: float) -> None:
        """Count a client's request.

        Raises:
            Refusal: 429 without Retry-After, too many in a second.
        """
        most, asked = self._engine().habits.data_rate_limit, self._asked[client]
        while asked and asked[0] <= now - 1:
            asked.popleft()
        if most and len(asked) >= most:
            raise Refusal(429, TOO_MANY)
        asked.append(now)

    def fills(
        self, user: str, conditions: Sequence[str], taker_only: bool = False
    ) -> list[WalletFill]:
        """Return the sides of confirmed trades of a wallet or of markets, newest first."""
        found = [
            fill
            for trade in self._engine().trades.values()
            if trade.status == "CONFIRMED"
            for fill in _sides(trade)
        ]
        return [
            fill
            for fill in reversed(found)
            if user.lower() in ("", fill.order.order.maker.lower())
            and (not conditions or fill.order.listing.condition_id.lower() in conditions)
            and (fill.is_taker or not taker_only)
        ]

    async def positions(self, user: str, conditions: Sequence[str]) -> list[JsonObject]:
        """Return what wallets hold of the tokens that they traded, by the chain."""
        held: dict[tuple[str, str], list[WalletFill]] = defaultdict(list)
        for fill in self.fills(user, conditions):
            held[fill.wallet, fill.order.order.tokenId].append(fill)
        asked = [
            (wallet, token, fills[0].order.listing.exchange)
            for (wallet, token), fills in held.items()
        ]
        there = await self._engine().chain.funds(asked)
        return [
            self._position(wallet, fills, balance)
            for ((wallet, _), fills), (balance, _) in zip(held.items(), there, strict=True)
            if balance
        ]

    async def approvals(self, user: str) -> JsonObject:
        """Return which of the approvals that trading needs a wallet has given."""
        chain = self._engine().chain
        given = await chain.allowances(
            user, [(each.token, each.spender, each.standard == "ERC20") for each in self._approvals]
        )
        rows: list[Json] = []
        for each, amount in zip(self._approvals, given, strict=True):
            row: dict[str, Json] = {
                "token": each.token,
                "spender": each.spender,
                "standard": each.standard,
                "approved": amount > 0,
            }
            if each.standard == "ERC20":
                row["amount"] = "max" if amount == MAX_UINT256 else str(amount)
            rows.append(row)
        return {"address": user, "chain_id": self._chain_id, "contracts": rows}

    def _position(self, wallet: str, fills: Sequence[WalletFill], balance: int) -> JsonObject:
        listing, outcome = fills[0].order.listing, fills[0].order.outcome
        bought = [fill for fill in fills if fill.order.order.side == BUY]
        size = sum(fill.size for fill in bought)
        average = sum(fill.cash for fill in bought) * MICRO // size if size else 0
        bid, _ = self._engine().data.best(listing.token_ids[outcome])
        cost, worth = balance * average // MICRO, balance * (bid or 0) // MICRO
        gain = float(decimal(worth - cost))
        return {
            "proxy_wallet": wallet,
            **_token(listing, outcome),
            "current_size": float(decimal(balance)),
            "avg_price": float(decimal(average)),
            "entry_cost_usdc": float(decimal(cost)),
            "entry_fees_usdc": 0,
            "total_cost_usdc": float(decimal(cost)),
            "current_price": float(decimal(bid or 0)),
            "current_value": float(decimal(worth)),
            "total_size": float(decimal(size)),
            "realized_pnl": 0,
            "unrealized_pnl": gain,
            "total_pnl": gain,
            "percent_pnl": 100 * (worth - cost) / cost if cost else 0,
            "percent_realized_pnl": 0,
            "status": "REDEEMABLE" if listing.closed else "OPEN",
            "redeemable": listing.closed,
            "mergeable": False,
            "negative_risk": listing.negative_risk,
            "archived": False,
            "verified": False,
            "last_event_at": fills[0].trade.matched_at,
        }


def create_data_api(
    engine: Callable[[], MatchingEngine],
    clock: Callable[[], float],
    chain_id: int,
    approvals: Sequence[TradingApproval],
) -> FastAPI:
    """Return the application.

    Args:
        clock: of this machine, by which clients are held back
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    api = DataApi(engine, chain_id, approvals)
    app.add_exception_handler(Refusal, _refuse)

    @app.middleware("http")
    async def hold_back(request: Request, go_on: Callable[..., Json]) -> Response:
        try:
            api.check_rate(request.client.host if request.client else "", clock())
        except Refusal as refusal:
            return JSONResponse(refusal.body, refusal.status)
        return await go_on(request)  # type: ignore[misc,no-any-return]

    _add_lists(app, api)
    _add_single(app, api)
    return app


Limit = Annotated[int, Query(ge=1)]


def _add_lists(app: FastAPI, api: DataApi) -> None:
    @app.get("/v2/trades")
    async def trades(
        request: Request,
        user: str = "",
        condition_id: str = "",
        side: str = "",
        taker_only: bool = True,
        limit: Limit = 100,
        cursor: str = "",
    ) -> JsonObject:
        fills = api.fills(*_asked(user, condition_id), taker_only=taker_only and not user)
        rows = [fill.about() for fill in fills if side in ("", fill.order.order.side)]
        return _page(rows, request, limit, cursor)

    @app.get("/v2/activity")
    async def activity(
        request: Request,
        user: str = "",
        condition_id: str = "",
        limit: Limit = 100,
        cursor: str = "",
    ) -> JsonObject:
        rows = [
            {**fill.about(), "type": "TRADE", "usdc_size": float(decimal(fill.cash))}
            for fill in api.fills(*_asked(user, condition_id))
        ]
        return _page(rows, request, limit, cursor)

    @app.get("/v2/positions")
    async def positions(
        request: Request,
        user: str = "",
        condition_id: str = "",
        limit: Limit = 100,
        cursor: str = "",
    ) -> JsonObject:
        rows = await api.positions(*_asked(user, condition_id))
        return _page(rows, request, limit, cursor)


def _add_single(app: FastAPI, api: DataApi) -> None:
    @app.get("/v2/value")
    async def value(user: str = "", condition_id: str = "") -> JsonObject:
        rows = await api.positions(*_asked(user, condition_id))
        worth = sum(float(str(row["current_value"])) for row in rows)
        return {"data": {"proxy_wallet": user, "value": worth}}

    @app.get("/v2/user-stats")
    async def user_stats(user: str = "") -> JsonObject:
        fills = api.fills(*_asked(user, ""))
        if not fills:
            return {"data": None}  # a wallet that is not known
        markets = {fill.order.listing.condition_id for fill in fills}
        return {
            "data": {"proxy_wallet": user, "trades": len(markets), "biggest_win": 0, "views": 0}
        }

    @app.get("/v2/approvals")
    async def approvals(user: str = "") -> JsonObject:
        _asked(user, "")
        return {"data": await api.approvals(user)}


def _asked(user: str, condition_id: str) -> tuple[str, list[str]]:
    """Return whose, and of which markets; one of both must be named."""
    if user and not is_address(user):
        raise bad("invalid user")
    if not (user or condition_id):
        raise bad(NEEDS)
    return user, [each.lower() for each in condition_id.split(",") if each]


def _page(rows: Sequence[JsonObject], request: Request, limit: int, cursor: str) -> JsonObject:
    """Return a page; its cursor goes with the same parameters alone."""
    question: dict[str, Json] = {
        name: text for name, text in request.query_params.items() if name not in ("cursor", "limit")
    }
    numbered = list(enumerate(reversed(rows)))[::-1]  # counted from the oldest, which stays
    try:
        page, following = after(
            numbered, lambda each: str(each[0]), question, cursor, min(limit, MOST)
        )
    except BadCursor as error:
        raise bad("invalid cursor") from error
    return {
        "data": [row for _, row in page],
        "pagination": {"has_more": following is not None, "next_cursor": following},
    }


def _sides(trade: Trade) -> Iterable[WalletFill]:
    yield WalletFill(trade, trade.taker, trade.size, trade.price, True)
    for maker in trade.makers:
        yield WalletFill(trade, maker.order, maker.size, maker.price, False)


def _token(listing: Listing, outcome: int) -> JsonObject:
    return {
        "token_id": listing.token_ids[outcome],
        "opposite_token_id": listing.token_ids[1 - outcome],
        "condition_id": listing.condition_id,
        "title": listing.question,
        "outcome": listing.outcomes[outcome],
        "opposite_outcome": listing.outcomes[1 - outcome],
        "outcome_index": outcome,
    }


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return JSONResponse(error.body, error.status)
