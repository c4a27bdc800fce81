"""Fixed-product market makers: their pools as markets with books, and trades of a market account
with them, through the keeper's Safe."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from web3.contract import Contract

from strongroom.analysis.pools import Pool
from strongroom.chain.calls import Call, make_call
from strongroom.chain.ids import canonical, keccak
from strongroom.chain.rpc import Chain, TransactionRefused
from strongroom.chain.units import BPS, MICRO
from strongroom.execution.transactions import Transactor
from strongroom.information.books import Book
from strongroom.information.gamma import YES, Market
from strongroom.journal import Journal
from strongroom.journal.states import Sending
from strongroom.journal.transactions import hashes_of

LIFETIME_S = 120
STEP = 100 * MICRO  # micro-tokens of a level of a pool's book


@dataclass(frozen=True)
class PoolFill:
    """What a trade moved, as the account logged it; base units."""

    assets: int
    tokens: int


class ForeignPool(ValueError):
    """The account would not trade with this pool; the message says so."""


def read_pool(chain: Chain, address: str) -> Pool:
    """Read a pool's reserves of its one binary condition, and its fee."""
    pool = chain.contract(address, "FixedProductMarketMaker").functions
    ctf = chain.contract(pool.conditionalTokens().call(), "ConditionalTokens").functions
    collateral, condition = pool.collateralToken().call(), pool.conditionIds(0).call()
    reserves = []
    for index_set in (1, 2):
        collection = ctf.getCollectionId(b"\0" * 32, condition, index_set).call()
        token = ctf.getPositionId(collateral, collection).call()
        reserves.append(ctf.balanceOf(address, token).call())
    return Pool((reserves[0], reserves[1]), pool.fee().call())


@dataclass(frozen=True)
class PoolMarket:
    """A market that is traded at a pool, and described by the operator: no service lists it."""

    pool: str
    market: Market

    def books(self, chain: Chain, now: int) -> dict[str, Book]:
        """Return what the pool offers, as books of both tokens."""
        pool, tick = read_pool(chain, self.pool), int(self.market.tick * MICRO)
        return {
            str(token): pool.book(outcome, STEP, tick, now)
            for outcome, token in enumerate(self.market.token_ids)
        }

    def quoted(self, books: Mapping[str, Book]) -> Market:
        """Return the market with the pool's best prices."""
        book = books[str(self.market.token_ids[YES])]
        bid, ask = (None if price is None else Decimal(price) / MICRO for price in
                    (book.bid, book.ask))  # fmt: skip
        return replace(self.market, best_bid=bid, best_ask=ask)


class PoolDesk:
    """Legs of decisions at pools: one Safe transaction each, executed once."""

    def __init__(self, journal: Journal, transactor: Transactor, chain: Chain) -> None:
        self._journal, self._transactor, self._chain = journal, transactor, chain

    def trade(
        self, key: bytes, account: str, leg: Mapping[str, Any], outcome: int, size: int
    ) -> int | None:
        """Trade `size` micro-tokens at no worse than the leg's price on average; return what was
        traded when it is over, None while it is under way.

        Raises:
            NotSigned: a signature is missing.
        """
        state, _ = self._transactor.state(key)
        if state is None:
            call = self._call(account, leg, outcome, size)
            if call is None:
                return 0  # the pool has moved beyond the limit
            state, _ = self._transactor.run(key, f"{leg['side']} at pool {leg['exchange']}", [call])
        if state == Sending.DROPPED:
            return 0
        return self._moved(key, account, leg) if state == Sending.DONE else None

    def _call(self, account: str, leg: Mapping[str, Any], outcome: int, size: int) -> Call | None:
        pool, price = read_pool(self._chain, leg["exchange"]), Decimal(leg["price"])
        deadline = self._chain.now() + LIFETIME_S
        worst = int(price * size)
        if leg["side"] == "BUY":
            assets = pool.cost(size, outcome)
            name, amount, bound = "buy", assets, size
            fits = assets <= worst
        else:
            assets = pool.proceeds(size, outcome)
            name, amount, bound = "sell", max(worst, 1), size
            fits = assets >= worst
        if not fits:
            return None
        arguments = (leg["exchange"], outcome, amount, bound, deadline)
        return make_call(account, "FpmmAccount", name, *arguments)

    def _moved(self, key: bytes, account: str, leg: Mapping[str, Any]) -> int:
        row = self._journal.transactions.find(key)
        assert row is not None
        contract = self._chain.contract(account, "FpmmAccount")
        event = contract.events["Bought" if leg["side"] == "BUY" else "Sold"]
        logs = event().get_logs(from_block=row.mined, to_block=row.mined)
        mine = set(hashes_of(row))
        return sum(
            int(log["args"]["tokens"])
            for log in logs
            if "0x" + log["transactionHash"].hex().removeprefix("0x") in mine
        )


class PoolTrader:
    """Buys and sells for one account at one pool."""

    def __init__(self, chain: Chain, transactor: Transactor, account: str, pool: str) -> None:
        """Check the pool first.

        Raises:
            ForeignPool: the account does not admit it.
        """
        self._chain, self._transactor, self._pool = chain, transactor, pool
        self._account: Contract = chain.contract(account, "FpmmAccount")
        if not self._account.functions.isPool(pool).call():
            raise ForeignPool(
                f"{pool} is no pool of this market for account {account}: name a clone of the "
                "approved master over the market's condition"
            )

    def buy(self, outcome: int, assets: int, slippage_bps: int) -> PoolFill:
        """Spend `assets`; get at least today's quote less the slippage.

        Raises:
            TransactionRefused: the account or the pool refused it; nothing was spent.
        """
        quote = read_pool(self._chain, self._pool).tokens_for(assets, outcome)
        least = -(-quote * (BPS - slippage_bps) // BPS)
        return self._trade("buy", "Bought", outcome, assets, least)

    def sell(self, outcome: int, tokens: int, slippage_bps: int) -> PoolFill:
        """Sell at most `tokens` for today's proceeds less the slippage.

        Raises:
            TransactionRefused: the account or the pool refused it; nothing was sold.
        """
        quote = read_pool(self._chain, self._pool).proceeds(tokens, outcome)
        return self._trade("sell", "Sold", outcome, quote * (BPS - slippage_bps) // BPS, tokens)

    def _trade(self, call: str, event: str, outcome: int, assets: int, bound: int) -> PoolFill:
        deadline = self._chain.now() + LIFETIME_S
        arguments = (self._pool, outcome, assets, bound, deadline)
        sent = make_call(self._account.address, "FpmmAccount", call, *arguments)
        purpose = f"{call} at pool {self._pool}"
        key = keccak(canonical([purpose, sent.data]))
        before = self._chain.web3.eth.block_number
        state, why = self._transactor.run(key, purpose, [sent])
        if state not in (Sending.MINED, Sending.DONE):
            raise TransactionRefused(why or f"{purpose} is {state}")
        logs = self._account.events[event]().get_logs(from_block=before)
        return PoolFill(logs[-1]["args"]["assets"], logs[-1]["args"]["tokens"])
