"""The co-signer's API: two questions, each answered by a signature or a refusal with its rule."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog
from eth_account.signers.local import LocalAccount
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import SQLAlchemyError

from strongroom.chain.failures import ChainAway
from strongroom.chain.ids import MarketId, keccak, to_hex
from strongroom.cosigner import wire
from strongroom.cosigner.facts import ChainFacts
from strongroom.cosigner.mandate_watch import MandateWatch
from strongroom.cosigner.mandated import beyond_home
from strongroom.cosigner.policy import (
    ACCOUNT_CALLS,
    VAULT_CALLS,
    MarketFacts,
    Policy,
    PolicyRefuses,
    calls_in,
    check_nonce,
    decoded,
    judge_order,
    judge_transaction,
)
from strongroom.cosigner.pool_trades import judge_pool_trades, pool_trades
from strongroom.cosigner.store import Store
from strongroom.mandates.vocabulary import EVERY_CLASS
from strongroom.signing.keys import sign_hash
from strongroom.signing.order import order_hash
from strongroom.signing.signers import OrderRequest, SafeAddress, TransactionRequest

MAX_BODY = 200_000
WORD = 32  # bytes
Asked = TypeVar("Asked", OrderRequest, TransactionRequest)


@dataclass(frozen=True)
class Judged(Generic[Asked]):
    """What is done with a request: its hash, as the venue or the Safe has it, and its signature."""

    name: Callable[[Asked], bytes]
    sign: Callable[[Asked], bytes]


class Judge:
    """Judges, counts, signs."""

    def __init__(
        self,
        policy: Policy,
        owner: LocalAccount,
        facts: ChainFacts,
        store: Store,
        mandates: MandateWatch | None = None,
    ) -> None:
        """Take policy, key, facts and counters.

        Args:
            mandates: which mandate the policy is within; None: it holds alone
        """
        self.policy, self.owner, self.facts, self.store = policy, owner, facts, store
        self._mandates = mandates
        self._safe = SafeAddress(policy.safe, policy.chain_id)

    def ready(self) -> None:
        """Do what every signature needs: ask the node, and read what was signed.

        Raises:
            ChainAway: the co-signer's own node does not answer.
            SQLAlchemyError: its store cannot be used.
        """
        self.store.before("order", self.facts.now())

    def order(self, request: OrderRequest) -> bytes:
        """Sign an order.

        Raises:
            PolicyRefuses: the policy does not admit it.
        """
        now, digest = self.facts.now(), request.message_hash(self._safe)
        if not self.store.knows(digest):
            by_wallet = bool(request.account)
            look = self.facts.with_wallet if by_wallet else self.facts.of_account
            facts = look(request.market_account)
            before = self.store.before("order", now)
            assets = judge_order(self.policy, request, facts, before, now)
            if self._mandates is not None:
                within = self._mandates.current(now)
                within.check(
                    facts.class_id, lambda policy: judge_order(policy, request, facts, before, now)
                )
            self.store.add(digest, "order", now, assets)
        return sign_hash(self.owner, digest)

    def transaction(self, request: TransactionRequest) -> bytes:
        """Sign a Safe transaction.

        Raises:
            PolicyRefuses: the policy does not admit it.
        """
        now, digest = self.facts.now(), self.hash_of(request)
        if not self.store.knows(digest):
            self._judge(request, self._safe_of(request).address, digest, now)
        return sign_hash(self.owner, digest)

    def hash_of(self, request: TransactionRequest) -> bytes:
        """Return a transaction's hash, as its Safe has it."""
        return request.transaction_hash(self._safe_of(request))

    def _safe_of(self, request: TransactionRequest) -> SafeAddress:
        return SafeAddress(request.safe or self.policy.safe, self.policy.chain_id)

    def _judge(self, request: TransactionRequest, safe: str, digest: bytes, now: int) -> None:
        """Judge a transaction and count it; raises PolicyRefuses."""
        markets, accounts = self._named(request)
        before, orders = (self.store.before(each, now) for each in ("transaction", "order"))
        trades = pool_trades(self.policy, request)

        def admit(policy: Policy, asked: TransactionRequest) -> int:
            judge_pool_trades(policy, trades, orders, now)
            return judge_transaction(policy, asked, markets, accounts, before, now)

        assets = admit(self.policy, request)
        risky = beyond_home(self.policy, request, safe)
        if risky is not None:
            asked = risky
            check_nonce(request.nonce, self.facts.nonce(safe))
            if self._mandates is not None:
                within = self._mandates.current(now)
                classes = {accounts[each.account].class_id for each in trades}
                for class_id in classes or {EVERY_CLASS}:
                    within.check(class_id, lambda policy: admit(policy, asked))
        self.store.add(digest, "transaction", now, assets)
        for number, each in enumerate(trades):
            self.store.add(keccak(digest + number.to_bytes(WORD)), "order", now, each.bought)

    def _named(
        self, request: TransactionRequest
    ) -> tuple[dict[MarketId, MarketFacts], dict[str, MarketFacts]]:
        """Return facts of the markets and accounts that a transaction's calls name."""
        accounts: dict[str, MarketFacts] = {}
        markets: dict[MarketId, MarketFacts] = {}
        calls = calls_in(self.policy, request)
        for call in calls:
            inside = decoded(call, ACCOUNT_CALLS)
            if inside is not None:
                key = call.to.lower()
                look = self.facts.with_wallet if inside[0] == "forward" else self.facts.of_account
                if key not in accounts or inside[0] == "forward":
                    accounts[key] = look(call.to)
            found = decoded(call, VAULT_CALLS)
            if found and found[0] == "allocate":
                market = MarketId(found[1][0])
                facts = self.facts.of_market(market)
                if facts is not None:
                    markets[market] = facts
        return markets, accounts


def create_app(judge: Judge, secret: bytes, clock: Callable[[], float] = time.time) -> FastAPI:
    """Return the application. Requests are judged one after the other.

    Raises:
        BadSecret: it is too short.
    """
    wire.check_secret(secret)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    log = structlog.get_logger()

    async def asked(request: Request) -> bytes | None:
        body = await request.body()
        authentic = len(body) <= MAX_BODY and wire.is_authentic(
            secret, request.headers, request.url.path, body, clock()
        )
        return body if authentic else None

    def away(error: Exception) -> Response:
        node = isinstance(error, ChainAway)
        log.error("chain away" if node else "store away", error=repr(error))
        what = "own node does not answer" if node else "store cannot be used"
        return JSONResponse({"error": f"the co-signer's {what}"}, 503)

    def answer(kind: str, read: Callable[[], Asked], judged: Judged[Asked]) -> Response:
        name = ""  # of what is asked: a refusal must say of what
        try:
            request = read()
            name = to_hex(judged.name(request))
            signature = judged.sign(request)
        except PolicyRefuses as refusal:
            log.warning("refused", kind=kind, hash=name, rule=refusal.code, why=str(refusal))
            return JSONResponse({"refused": str(refusal)}, 403)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("refused", kind=kind, hash=name, rule="malformed", why=repr(error))
            return JSONResponse({"refused": f"malformed: {error!r}"}, 403)
        except (ChainAway, SQLAlchemyError) as error:
            return away(error)
        log.info("signed", kind=kind, hash=name)
        return JSONResponse({"signature": to_hex(signature)})

    async def owner(request: Request) -> Response:
        if await asked(request) is None:
            return JSONResponse({"error": "not authenticated"}, 401)
        return JSONResponse({"owner": judge.owner.address})

    async def ready(request: Request) -> Response:
        if await asked(request) is None:
            return JSONResponse({"error": "not authenticated"}, 401)
        try:
            judge.ready()
        except (ChainAway, SQLAlchemyError) as error:
            return away(error)
        return JSONResponse({"ready": "yes"})

    async def order(request: Request) -> Response:
        body = await asked(request)
        if body is None:
            return JSONResponse({"error": "not authenticated"}, 401)
        named = Judged(lambda it: order_hash(it.order, it.domain), judge.order)
        return answer("order", lambda: wire.order_from_json(body), named)

    async def transaction(request: Request) -> Response:
        body = await asked(request)
        if body is None:
            return JSONResponse({"error": "not authenticated"}, 401)
        named = Judged(judge.hash_of, judge.transaction)
        return answer("transaction", lambda: wire.transaction_from_json(body), named)

    for asks in (
        owner,
        ready,
        order,
        transaction,
    ):  # plain routes: nothing is to be injected or checked
        app.add_route(f"/{asks.__name__}", asks, methods=["POST"])
    return app
