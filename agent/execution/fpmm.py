"""Trades of a market account with fixed-product market makers, through the keeper's Safe."""

from dataclasses import dataclass

from web3.contract import Contract

from agent.analysis.fpmm import Pool
from agent.execution.chain import Chain, TransactionRefused
from agent.execution.machine import Sending
from agent.execution.transactions import Transactor
from agent.ids import canonical, keccak
from agent.journal import Call
from agent.units import BPS

LIFETIME_S = 120


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
        data = self._account.encode_abi(call, args=[self._pool, outcome, assets, bound, deadline])
        purpose = f"{call} at pool {self._pool}"
        key = keccak(canonical([purpose, data]))
        before = self._chain.web3.eth.block_number
        state, why = self._transactor.run(key, purpose, [Call(self._account.address, data)])
        if state not in (Sending.MINED, Sending.DONE):
            raise TransactionRefused(why or f"{purpose} is {state}")
        logs = self._account.events[event]().get_logs(from_block=before)
        return PoolFill(logs[-1]["args"]["assets"], logs[-1]["args"]["tokens"])
