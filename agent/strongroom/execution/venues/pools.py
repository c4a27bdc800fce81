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
from strongroom.journal import Journal, OrderFill, OrderIntent
from strongroom.journal.states import TransactionState

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

    def trade(self, key: TransactionKey, wanted: OrderIntent, outcome: Outcome) -> int | None:
        """Trade what is wanted at no worse than its price on average, and keep what came of it;
        return the micro-tokens when it is over, None while it is under way.

        Raises:
            NotSigned: a signature is missing.
        """
        state, _ = self._transactor.state(key)
        if state is None:
            call = self._call(wanted, outcome)
            if call is None:
                return 0  # the pool has moved beyond the limit
            purpose = f"{wanted.side} at pool {wanted.exchange}"
            state, _ = self._transactor.run(key, purpose, [call])
        if state == TransactionState.DROPPED:
            return 0
        if state != TransactionState.DONE:
            return None
        found = self._trades(key, wanted)
        if found:
            self._journal.traded(wanted, found)
        return sum(each.tokens(wanted.side) for each in found)

    def _call(self, wanted: OrderIntent, outcome: Outcome) -> Call | None:
        pool = read_pool(self._chain, wanted.exchange)
        deadline = self._chain.now() + LIFETIME_S
        worst = wanted.price * wanted.size // MICRO
        if wanted.side == Side.BUY:
            assets = pool.cost(wanted.size, outcome)
            name, amount = "buy", assets
            fits = assets <= worst
        else:
            assets = pool.proceeds(wanted.size, outcome)
            name, amount = "sell", max(worst, 1)
            fits = assets >= worst
        if not fits:
            return None
        arguments = (wanted.exchange, int(outcome), amount, wanted.size, deadline)
        return make_call(wanted.account, "FpmmAccount", name, *arguments)

    def _trades(self, key: TransactionKey, wanted: OrderIntent) -> list[OrderFill]:
        """Return what a transaction has traded; the pool's fee is in its price."""
        done, buys = self._journal.transactions.get(key), wanted.side == Side.BUY
        event = "Bought" if buys else "Sold"
        logs = self._chain.logs(wanted.account, "FpmmAccount", event, done.mined, done.mined)
        found = []
        for log in logs:
            if log.transaction in done.hashes:
                cash, tokens = int(log.args["assets"]), int(log.args["tokens"])
                gave, got = (cash, tokens) if buys else (tokens, cash)
                found.append(OrderFill(log.transaction, log.index, gave, got, 0))
        return found
