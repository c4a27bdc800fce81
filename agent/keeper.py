"""The keeper: one round is information -> analysis -> strategy -> execution -> report.

Everything it knows about positions comes from the chain; what it decides is a record whose hash
travels in the order's signed `metadata`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from eth_utils.address import to_checksum_address
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2

from agent.analysis.screen import Criteria, Screened, screen
from agent.analysis.tail import Opportunity, TailRecord, find_tails
from agent.execution.chain import Chain, KeeperSafe, Position
from agent.execution.fpmm import read_pool
from agent.execution.orders import (
    ExchangeDomain,
    affordable_tokens,
    build_order,
    decision_id,
    order_hash,
)
from agent.execution.signing import sign_order
from agent.information.gamma import Market
from agent.reporting.evidence import evidence_document, evidence_hash, store_evidence
from agent.reporting.marks import Mark, mark_from_pool, mark_from_quotes, resolved_mark
from agent.strategy.sizing import DEFAULT_TIERS, Size, Tier, size
from agent.terms import ClassTerms, ordinal
from agent.units import BPS, MICRO

CODE_VERSION = f"probity {version('probity')}"
MAX_ASSETS = 2**256 - 1  # recall everything


class Venue(Protocol):
    """Where orders go."""

    def submit(self, order: OrderV2, signature: bytes) -> None:
        """Place a signed order; what came of it is read from the chain."""


@dataclass(frozen=True)
class KeeperSettings:
    """What an operator sets."""

    vault: str
    exchange: ExchangeDomain
    class_by_oracle: Mapping[str, int]  # market classes that the owner approved
    evidence_folder: Path
    source_name: str
    criteria: Criteria = field(default_factory=Criteria)
    record: TailRecord = field(default_factory=TailRecord)
    tiers: tuple[Tier, ...] = DEFAULT_TIERS
    order_lifetime_s: int = 300
    depth_share: Decimal = Decimal("0.05")  # of a book's liquidity, assumed at its best quote
    max_markets: int = 3  # open at once
    pools: Mapping[bytes, str] = field(default_factory=dict)  # market -> the pool it is valued at


@dataclass(frozen=True)
class Fill:
    """What the chain says came of an order."""

    market: bytes
    question: str
    outcome: str
    price: Decimal
    size: Size
    tokens: int
    spent: int
    decision: bytes


@dataclass(frozen=True)
class Settlement:
    """What a resolved market brought back."""

    market: bytes
    recalled: int


Emit = Callable[[str, Mapping[str, Any]], None]


class Keeper:
    """Runs one vault."""

    def __init__(
        self,
        settings: KeeperSettings,
        chain: Chain,
        safe: KeeperSafe,
        venue: Venue,
        source: Callable[[], Sequence[Market]],
        emit: Emit = lambda event, fields: None,
    ) -> None:
        self.settings = settings
        self.chain = chain
        self.safe = safe
        self.venue = venue
        self.source = source
        self.emit = emit
        self.vault = chain.contract(settings.vault, "Vault")
        self._decisions: list[Mapping[str, Any]] = []

    # information, analysis, strategy

    def opportunities(self, now: int) -> tuple[Screened, list[Opportunity]]:
        """Return the screened page, and the opportunities in classes that the owner approved."""
        moment = datetime.fromtimestamp(now, UTC)
        screened = screen(self.source(), self.settings.criteria, moment)
        found = [
            opportunity
            for opportunity in find_tails(screened.accepted, self.settings.record, moment)
            if opportunity.market.oracle in self.settings.class_by_oracle
        ]
        return screened, found

    def size_of(self, opportunity: Opportunity) -> Size:
        """Size an opportunity by its tier, within the caps that the vault enforces."""
        market = opportunity.market
        class_id = self.settings.class_by_oracle[market.oracle]
        view = self.vault.functions
        nav = view.totalAssets().call()
        terms = ClassTerms(*view.classOf(class_id).call())
        of_market = view.exposureOf(market.condition_id).call()
        of_class, in_total = view.classExposureOf(class_id).call(), view.total_exposure().call()
        velocity = view.limit(ordinal("velocity_limit")).call()
        room = min(
            terms.market_cap - of_market,
            terms.market_cap_bps * nav // BPS - of_market,
            terms.class_cap - of_class,
            terms.class_cap_bps * nav // BPS - of_class,
            view.limit(ordinal("total_cap")).call() - in_total,
            view.limit(ordinal("total_cap_bps")).call() * nav // BPS - in_total,
            velocity - view.recentAllocation().call(),
            view.total_idle().call(),
        )
        depth = int(market.liquidity * self.settings.depth_share * MICRO)
        return size(
            opportunity.edge,
            opportunity.chance,
            opportunity.cost,
            nav,
            room,
            depth,
            self.settings.tiers,
        )

    # execution

    def trade(self) -> list[Fill]:
        """Go round once: take the best opportunities until `max_markets` are open."""
        now = self.chain.now()
        screened, found = self.opportunities(now)
        self.emit(
            "screened",
            {"accepted": len(screened.accepted), "rejected": dict(screened.rejected)},
        )
        self.emit("opportunities", {"count": len(found)})
        fills = []
        for opportunity in found:
            held = self.vault.functions.openMarkets().call()
            if len(held) >= self.settings.max_markets:
                break
            known = self.vault.functions.accountOf(opportunity.market.condition_id).call()
            if int(known, 16) != 0:
                continue  # one position a market, never a second round into a closed one
            fill = self._take(opportunity, now)
            if fill is not None:
                fills.append(fill)
        return fills

    def _take(self, opportunity: Opportunity, now: int) -> Fill | None:
        market = opportunity.market
        chosen = self.size_of(opportunity)
        tokens = affordable_tokens(chosen.assets, opportunity.price)
        if Decimal(tokens) / MICRO < market.min_size:
            self.emit(
                "too_small",
                {"question": market.question, "assets": chosen.assets, "binding": chosen.binding},
            )
            return None
        budget = int(tokens * opportunity.price)
        account = self._open(opportunity, now)
        self.safe.execute(
            self.settings.vault,
            self.vault.encode_abi("allocate", args=[market.condition_id, budget]),
        )
        self.emit("allocated", {"question": market.question, "assets": budget})
        record = self._decision_record(opportunity, chosen, tokens, account, now)
        decision = decision_id(record)
        order = build_order(
            account,
            self._token_ids(account)[opportunity.outcome],
            opportunity.price,
            tokens,
            market.tick,
            decision,
            now * 1000,
        )
        signature = self._sign(order, account)
        self.venue.submit(order, signature)
        self._decisions.append(record)
        return self._fill(opportunity, chosen, order, account, decision)

    def _open(self, opportunity: Opportunity, now: int) -> str:
        market = opportunity.market
        assert market.end is not None  # the screen rejects markets without an end
        self.safe.execute(
            self.settings.vault,
            self.vault.encode_abi(
                "openMarket",
                args=[
                    self.settings.class_by_oracle[market.oracle],
                    market.question_id,
                    1,
                    int(market.end.timestamp()),
                ],
            ),
        )
        account = str(self.vault.functions.accountOf(market.condition_id).call())
        self.emit("opened", {"question": market.question, "account": account})
        return account

    def _token_ids(self, account: str) -> list[int]:
        contract = self.chain.contract(account, "PolymarketAccount")
        return list(contract.functions.tokenIds().call())

    def _decision_record(
        self, opportunity: Opportunity, chosen: Size, tokens: int, account: str, now: int
    ) -> Mapping[str, Any]:
        market = opportunity.market
        return {
            "pack": "tail",
            "code_version": CODE_VERSION,
            "time": now,
            "market": "0x" + market.condition_id.hex(),
            "question": market.question,
            "account": account,
            "outcome": market.outcomes[opportunity.outcome],
            "price": str(opportunity.price),
            "tokens": tokens,
            "chance_low": f"{opportunity.chance:.6f}",
            "edge": f"{opportunity.edge:.6f}",
            "tier": chosen.tier,
            "binding": chosen.binding,
        }

    def _sign(self, order: OrderV2, account: str) -> bytes:
        contract = self.chain.contract(account, "PolymarketAccount")
        return sign_order(
            order,
            order_hash(order, self.settings.exchange),
            expiry=self.chain.now() + self.settings.order_lifetime_s,
            epoch=contract.functions.epoch().call(),
            safe=self.safe.address,
            chain_id=self.chain.chain_id,
            owners=self.safe.owners,
        )

    def _fill(
        self,
        opportunity: Opportunity,
        chosen: Size,
        order: OrderV2,
        account: str,
        decision: bytes,
    ) -> Fill:
        """Read from the chain what came of the order: the account's balances, nothing else."""
        collateral, (position,) = self.chain.positions(account)
        fill = Fill(
            market=opportunity.market.condition_id,
            question=opportunity.market.question,
            outcome=opportunity.market.outcomes[opportunity.outcome],
            price=opportunity.price,
            size=chosen,
            tokens=(position.yes, position.no)[opportunity.outcome],
            spent=int(order.makerAmount) - collateral,
            decision=decision,
        )
        self.emit(
            "filled",
            {
                "question": fill.question,
                "outcome": fill.outcome,
                "price": str(fill.price),
                "tokens": fill.tokens,
                "spent": fill.spent,
                "tier": chosen.tier,
                "binding": chosen.binding,
            },
        )
        return fill

    # reporting

    def report(self) -> bytes:
        """Mark every open market, store the evidence, and send the report through the Safe.

        Returns:
            The evidence hash.
        """
        quotes = {market.condition_id: market for market in self.source()}
        marks: list[Mark] = []
        basis: list[Mapping[str, Any]] = []
        for market in self.vault.functions.openMarkets().call():
            account = self.vault.functions.accountOf(market).call()
            _, positions = self.chain.positions(account)
            for position in positions:
                if position.resolved:
                    marks.append(resolved_mark(market))
                    continue
                mark, source = self._mark(market, position, quotes.get(market))
                marks.append(mark)
                basis.append({"market": "0x" + market.hex(), **source})
        document = evidence_document(
            to_checksum_address(self.settings.vault),
            self.chain.now(),
            marks,
            basis,
            self._decisions,
            self.settings.source_name,
            CODE_VERSION,
        )
        evidence = evidence_hash(document)
        store_evidence(self.settings.evidence_folder, document)
        self.safe.execute(
            self.settings.vault,
            self.vault.encode_abi("report", args=[[m.as_tuple() for m in marks], evidence]),
        )
        self._decisions.clear()
        self.emit("reported", {"marks": len(marks), "evidence": "0x" + evidence.hex()})
        return evidence

    def _mark(
        self, market: bytes, position: Position, quote: Market | None
    ) -> tuple[Mark, Mapping[str, Any]]:
        """Return a market's marks and what they were made from: its pool, or its book."""
        if market in self.settings.pools:
            address = self.settings.pools[market]
            pool = read_pool(self.chain, address)
            source = {"pool": address, "reserves": [str(r) for r in pool.reserves]}
            return mark_from_pool(market, pool, position.yes, position.no), source
        return mark_from_quotes(market, quote), {
            "best_bid": str(quote.best_bid) if quote else None,
            "best_ask": str(quote.best_ask) if quote else None,
        }

    def settle(self) -> list[Settlement]:
        """Redeem, recall and close every market that is resolved entirely."""
        done = []
        for market in self.vault.functions.openMarkets().call():
            account = self.vault.functions.accountOf(market).call()
            collateral, positions = self.chain.positions(account)
            if not all(position.resolved for position in positions):
                continue
            contract = self.chain.contract(account, "PolymarketAccount")
            self.chain.send(self.settings.vault, self.vault.encode_abi("sync", args=[market]))
            for index, position in enumerate(positions):
                if position.yes or position.no:
                    self.chain.send(account, contract.encode_abi("redeem", args=[index]))
            collateral, _ = self.chain.positions(account)
            if collateral:
                self.safe.execute(
                    self.settings.vault,
                    self.vault.encode_abi("recall", args=[market, MAX_ASSETS]),
                )
            self.chain.send(
                self.settings.vault, self.vault.encode_abi("closeMarket", args=[market])
            )
            done.append(Settlement(market, collateral))
            self.emit("settled", {"market": "0x" + market.hex(), "recalled": collateral})
        return done
