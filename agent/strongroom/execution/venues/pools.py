"""Fixed-product market makers: their pools as markets with books, and trades of a market account
with them, through the keeper's Safe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

from strongroom.analysis.pools import Pool
from strongroom.chain.calls import Ask, Call, make_call
from strongroom.chain.ids import ConditionId, TokenId, TransactionKey
from strongroom.chain.orders import YES, Outcome, Side
from strongroom.chain.units import MICRO
from strongroom.execution.interfaces import ChainReads, SafeSender
from strongroom.information.books import Book
from strongroom.information.gamma import Market
from strongroom.journal import Journal
from strongroom.journal.states import TransactionState
from strongroom.strategy.record import DecidedLeg

POOL, CTF = "FixedProductMarketMaker", "ConditionalTokens"
LIFETIME_S = 120
STEP = 100 * MICRO  # micro-tokens of a level of a pool's book


def read_pool(chain: ChainReads, address: str) -> Pool:
    """Read a pool's reserves of its one binary condition, and its fee."""
    return read_pools(chain, [address])[0]


def read_pools(chain: ChainReads, addresses: Sequence[str]) -> list[Pool]:
    """Read several pools, in a constant number of requests."""
    tokens = pool_tokens(chain, addresses)
    asked = [Ask(address, POOL, "fee") for address in addresses]
    for address, (_, ctf, _, pair) in zip(addresses, tokens, strict=True):
        asked += [Ask(ctf, CTF, "balanceOf", (address, token)) for token in pair]
    found = chain.ask(asked)
    fees, reserves = found[: len(addresses)], found[len(addresses) :]
    return [
        Pool((reserves[2 * place], reserves[2 * place + 1]), fee) for place, fee in enumerate(fees)
    ]


class PoolTokens(NamedTuple):
    """What a pool trades."""

    condition: ConditionId
    conditional_tokens: str
    collateral: str
    tokens: tuple[TokenId, TokenId]


def pool_tokens(chain: ChainReads, addresses: Sequence[str]) -> list[PoolTokens]:
    """Return what pools trade; raises CallReverted where one is no pool."""
    names = (("conditionalTokens", ()), ("collateralToken", ()), ("conditionIds", (0,)))
    parts = chain.ask([Ask(each, POOL, name, given) for each in addresses for name, given in names])
    about = [parts[3 * place : 3 * place + 3] for place in range(len(addresses))]
    collections = chain.ask(
        [
            Ask(ctf, CTF, "getCollectionId", (bytes(32), condition, index_set))
            for ctf, _, condition in about
            for index_set in (1, 2)
        ]
    )
    positions = chain.ask(
        [
            Ask(about[place // 2][0], CTF, "getPositionId", (about[place // 2][1], collection))
            for place, collection in enumerate(collections)
        ]
    )
    return [
        PoolTokens(
            ConditionId(condition),
            ctf,
            collateral,
            (TokenId(positions[2 * place]), TokenId(positions[2 * place + 1])),
        )
        for place, (ctf, collateral, condition) in enumerate(about)
    ]


@dataclass(frozen=True)
class PoolMarket:
    """A market that is traded at a pool, and described by the operator: no service lists it."""

    pool: str
    market: Market

    def books(self, pool: Pool, now: int) -> dict[TokenId, Book]:
        """Return what the pool offers, as books of both tokens."""
        tick = int(self.market.tick * MICRO)
        return {
            token: pool.book(outcome, STEP, tick, now)
            for outcome, token in enumerate(self.market.token_ids)
        }

    def quoted(self, books: Mapping[TokenId, Book]) -> Market:
        """Return the market with the pool's best prices."""
        book = books[self.market.token_ids[YES]]
        bid, ask = (None if price is None else Decimal(price) / MICRO for price in
                    (book.bid, book.ask))  # fmt: skip
        return replace(self.market, best_bid=bid, best_ask=ask)


class PoolDesk:
    """Legs of decisions at pools: one Safe transaction each, executed once."""

    def __init__(self, journal: Journal, transactor: SafeSender, chain: ChainReads) -> None:
        self._journal, self._transactor, self._chain = journal, transactor, chain

    def trade(
        self, key: TransactionKey, account: str, leg: DecidedLeg, outcome: Outcome, size: int
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
            state, _ = self._transactor.run(key, f"{leg.side} at pool {leg.exchange}", [call])
        if state == TransactionState.DROPPED:
            return 0
        return self._moved(key, account, leg) if state == TransactionState.DONE else None

    def _call(self, account: str, leg: DecidedLeg, outcome: Outcome, size: int) -> Call | None:
        pool = read_pool(self._chain, leg.exchange)
        deadline = self._chain.now() + LIFETIME_S
        worst = int(leg.price * size)
        if leg.side == Side.BUY:
            assets = pool.cost(size, outcome)
            name, amount, bound = "buy", assets, size
            fits = assets <= worst
        else:
            assets = pool.proceeds(size, outcome)
            name, amount, bound = "sell", max(worst, 1), size
            fits = assets >= worst
        if not fits:
            return None
        arguments = (leg.exchange, int(outcome), amount, bound, deadline)
        return make_call(account, "FpmmAccount", name, *arguments)

    def _moved(self, key: TransactionKey, account: str, leg: DecidedLeg) -> int:
        done = self._journal.transactions.get(key)
        event = "Bought" if leg.side == Side.BUY else "Sold"
        logs = self._chain.logs(account, "FpmmAccount", event, done.mined, done.mined)
        return sum(int(log.args["tokens"]) for log in logs if log.transaction in done.hashes)
