"""One audit of a vault: logs into a ledger, reports held against balances, fills against decisions,
evidence against hashes. Goes on from a checkpoint; what it keeps does not grow with history."""

import gc
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from strongroom.audit.availability import EvidencePlaces
from strongroom.audit.bookkeeper import Bookkeeper
from strongroom.audit.checkpoint import (
    CheckpointError,
    DoubtfulCheckpoint,
    Progress,
    ReportDocument,
    read_checkpoint,
    write_checkpoint,
)
from strongroom.audit.checkpoint_books import wrong_books
from strongroom.audit.code import CodeAudit, TradingPlaces, foreign_accounts
from strongroom.audit.conservation import Conservation
from strongroom.audit.contracts import MOST_DECIMALS, Asked, Call, OddAnswer, Views
from strongroom.audit.deciding import DecisionsAgain, decided_again
from strongroom.audit.documents import missing_words, read_document
from strongroom.audit.events import AuditedEvent, EpochSettled, MarketClosed, MarketOpened, Reported
from strongroom.audit.exchanges import named_exchanges
from strongroom.audit.fills import NOTHING, FillJoiner
from strongroom.audit.held_block import check_held, held_hash
from strongroom.audit.in_kind import paid_in_kind
from strongroom.audit.income import Income, IncomeFinder, IncomeKind
from strongroom.audit.ledger import BookedReport, Ledger, OpenMarket
from strongroom.audit.losses import Losses, settled, statement
from strongroom.audit.movements import Moved, MovementReader
from strongroom.audit.node import Node
from strongroom.audit.permissions import Difference, Setting
from strongroom.audit.pieces import EventPiece, PieceReader
from strongroom.audit.report_checks import ReportChecks, ToldReport
from strongroom.audit.spot_checks import closed_wrongly
from strongroom.audit.trades import TradeReader
from strongroom.audit.transactions import ByKind, Transaction, by_transaction
from strongroom.audit.verdict import DIFFERS, SCHEMA, Checked, Verdict, WentOn, state_of, word_of
from strongroom.audit.view_checks import plain, setting_differences, view_differences
from strongroom.audit.wallets import AccountsOfHolders
from strongroom.chain.ids import MarketId
from strongroom.chain.jsonrpc import shown_url
from strongroom.chain.places import DocumentPlace, Presence
from strongroom.errors import Defect, StrongroomError
from strongroom.workers import one_ahead

_ACCOUNT: Sequence[Asked] = [
    (view, ()) for view in ("market", "question", "classId", "deadline", "conditions")
]
_PLACE = attrgetter("place")
_FOLLOWED: Sequence[type[AuditedEvent]] = (EpochSettled, MarketOpened)
COLLECT = 8  # pieces, after which garbage is looked for
AT_LEAST = 5_000  # waiting fills of a checkpoint: one with n times as many is of n pieces
T = TypeVar("T")
OnReport = Callable[[BookedReport, Ledger], None]
OnEvent = Callable[[int, AuditedEvent], None]
OnIncome = Callable[[Income], None]
OnPaid = Callable[[Mapping[tuple[int, int], int]], None]
OnProgress = Callable[[int, int], None]
OfChain = tuple[int, str]  # its id, and the last block's hash


@dataclass(frozen=True)
class Scope:
    """What is audited.

    Attributes:
        exchanges: whose fills of the vault's accounts are joined to decisions
        evidence: where the evidence documents are; empty: they are not looked at
        checkpoint: file to go on from, and to keep the progress in
        payers: address -> what it pays accounts
        deciding: which decisions are made again, in words; "": none
        are_shared: the exchanges are those of many vaults: this one need not trade at each
        held_hash: of the last block, as it was before anything else was asked; "": not asked yet
        nodes: that are asked, as a verdict may name them; empty: that of the URL
    """

    url: str
    vault: str
    from_block: int
    to_block: int
    exchanges: Sequence[str] = ()
    evidence: Sequence[DocumentPlace] = ()
    checkpoint: Path | None = None
    payers: Mapping[str, IncomeKind] = field(default_factory=dict)
    deciding: str = ""
    held_hash: str = ""
    are_shared: bool = False
    nodes: Sequence[str] = ()

    @property
    def asked(self) -> str:
        """What is looked at besides books and balances, in words."""
        payers = sorted(f"{kind}={address.lower()}" for address, kind in self.payers.items())
        exchanges = sorted(each.lower() for each in self.exchanges)
        evidence = ["evidence"] if self.evidence else []
        decisions = [self.deciding] if self.deciding else []
        return " ".join([*evidence, *decisions, *exchanges, *payers])


@dataclass(frozen=True)
class Audit:
    """An audit's verdict, and the ledger that it stands on."""

    verdict: Verdict
    ledger: Ledger


class Auditor:
    """Audits one vault over any node."""

    def __init__(
        self,
        scope: Scope,
        node: Node | None = None,
        on_report: OnReport = lambda report, ledger: None,
        on_event: OnEvent | None = None,
        on_income: OnIncome = lambda income: None,
        ahead: Node | None = None,
        decisions: DecisionsAgain | None = None,
        on_paid: OnPaid | None = None,
    ) -> None:
        """Take what is audited.

        Args:
            ahead: the same node once more, which a process of its own asks: it reads the next piece
                while this one is booked
            decisions: makes those of reports' documents again; None: that is not done
            on_report: is called with each report and the ledger after it; neither is kept here
            on_event: is called with the time of each event of the vault, and of each fill
            on_income: is called with each income before the reports of its blocks
            on_paid: is called before the events of some blocks with what accounts paid beside each
                exit in kind in them: place of its event -> base units of the asset
        """
        self._scope, self._node = scope, node or Node(scope.url)
        self._ahead = ahead
        self._on_report, self._on_event, self._on_income = on_report, on_event, on_income
        self._decisions, self._on_paid = decisions, on_paid
        self._went_on: WentOn | None = None
        self._vault = scope.vault.lower()
        self._contracts = Views(self._node)
        self._movements = MovementReader(self._node, self._contracts, self._vault, scope.exchanges)
        self._conservation = Conservation(
            self._node, self._contracts, self._vault, self._movements, scope.to_block
        )
        self._reports = ReportChecks(self._contracts, self._movements, self._vault)
        self._income = IncomeFinder(self._node, self._movements, self._vault, scope.payers)
        self._trades = TradeReader(self._movements, scope.to_block)
        self._fills: FillJoiner | None = None
        self._evidence = EvidencePlaces(scope.evidence)
        if scope.evidence:
            blocks = (scope.from_block, scope.to_block)
            self._fills = FillJoiner(self._node, self._evidence, self._vault, blocks, on_event)

    def run(self, on_progress: OnProgress = lambda done, of: None) -> Audit:
        """Audit to the last block.

        Args:
            on_progress: is called with the blocks done, and all of them

        Raises:
            NodeAway: the node does not answer.
            BadLog: the node sends what is no log.
            CheckpointError: there is a checkpoint that this audit cannot go on from; a
                DoubtfulCheckpoint where something differs.
            ExchangeUnnamed: a delegated account may have traded where nobody has looked.
        """
        scope = self._scope
        held = scope.held_hash or held_hash(self._node, scope.to_block)
        chain_id = int(self._node.ask("eth_chainId"), 16)
        code = CodeAudit(self._node, self._vault, scope.to_block)
        if not code.is_vault_ours():  # what foreign code logs is not read
            check_held(self._node, scope.to_block, held)
            return self._of_foreign_code(code, (chain_id, held))
        try:
            return self._of_our_vault(code, (chain_id, held), on_progress)
        except DoubtfulCheckpoint:
            raise
        except StrongroomError as error:
            blocks = scope.from_block, scope.to_block
            foreign = foreign_accounts(self._node, self._vault, blocks)
            if isinstance(error, Defect) or foreign is None:
                raise
            return self._of_foreign_code(foreign, (chain_id, held))

    def _of_our_vault(self, code: CodeAudit, chain: OfChain, on_progress: OnProgress) -> Audit:
        """Audit a vault that is ours; raises as `run` does, also where the logs of accounts are
        none that ours write."""
        progress = self.start()
        try:
            self._check_books(progress)
            return self._from(progress, code, chain, on_progress)
        except Exception as error:
            is_known = isinstance(error, StrongroomError) and not isinstance(error, Defect)
            if is_known or self._went_on is None:
                raise
            raise CheckpointError(
                f"the audit failed as it went on from {self._scope.checkpoint} ({error!r:.200}): "
                "remove it and audit again; if that fails too, report it"
            ) from error

    def _check_books(self, progress: Progress) -> None:
        """Hold what a checkpoint says of permissions and accounts against the logs.

        Raises:
            CheckpointError: it is not what they say.
        """
        if self._went_on is None:
            return
        blocks = self._scope.from_block, progress.next_block - 1
        wrong = wrong_books(self._node, progress.ledger, blocks)
        if wrong:
            raise CheckpointError(
                f"{self._scope.checkpoint} does not have the {wrong} that the logs up to block "
                f"{blocks[1]} say: it, or one of the nodes, was wrong: remove it and audit again"
            )

    def _check_doubt(self, found: Sequence[Difference]) -> None:
        """Accuse nobody on a checkpoint's word: its nodes may have hidden something.

        Raises:
            DoubtfulCheckpoint: this audit went on from one, and something differs.
        """
        if self._went_on is not None and found:
            raise DoubtfulCheckpoint(
                f"{self._scope.checkpoint} may have been wrong, as what came after it differs: "
                "remove it and audit again",
                f"block {found[0].block}: {found[0].what}: expected {found[0].expected}, "
                f"found {found[0].found}",
            )

    def _from(
        self, progress: Progress, code: CodeAudit, chain: OfChain, on_progress: OnProgress
    ) -> Audit:
        """Audit from where the progress is; raises as `run` does."""
        scope, (_, held) = self._scope, chain
        if self._decisions is not None and progress.undecided:
            self._decisions.make_open(progress, self._evidence.find)
            if scope.checkpoint is not None:
                write_checkpoint(scope.checkpoint, progress)
        if self._fills is not None:
            self._fills.read()
            self._fills.join_again(progress)
            away, progress.away = progress.away, []
            for document in away:
                self._check_document(progress, document)
        self._check_doubt(progress.ledger.differences)
        node, mover = self._node, self._movements
        named = named_exchanges(node, self._contracts, self._vault, scope.to_block)
        mover.exchanges |= named
        if self._ahead is not None:
            node, views = self._ahead, Views(self._ahead)
            mover = MovementReader(node, views, self._vault, scope.exchanges)
            mover.exchanges |= named
        reader = PieceReader(node, progress.ledger, mover, progress.wallets)
        pieces = reader.read(progress.next_block, scope.to_block)
        if self._ahead is not None:
            pieces = one_ahead(_rarely_collected(pieces))
        unwritten = 0
        for piece in _rarely_collected(pieces):
            kinds, movements, end = piece.kinds, piece.movements, piece.end
            self._movements.know(movements.owners, end)
            unexplained = self._conservation.check(progress, movements, kinds, end)
            holders = AccountsOfHolders(progress.wallets, movements)
            for income in self._income.find(progress, movements, holders):
                self._on_income(income)
            if self._on_paid is not None:
                self._on_paid(paid_in_kind(movements, kinds, holders))
            for trade in self._trades.read(movements, holders):
                progress.losses.trade(trade)
            there = {
                each.address
                for each in movements.fills
                for who in (each.maker, each.taker)
                if holders.at(who, (each.block, each.index))
            }
            progress.traded = sorted({*progress.traded, *there})
            progress.has_unexplained |= bool(unexplained)
            progress.calls += piece.calls
            self._book(progress, piece, kinds, (movements.moved, holders))
            progress.ledger.differences += [*piece.differences, *unexplained]
            if self._fills is not None:
                self._fills.join(progress, movements, holders)
                self._fills.forget(progress, max(piece.times.values(), default=0))
            progress.wallets, progress.next_block = holders.at_end, end + 1
            self._check_doubt(progress.ledger.differences)
            unwritten += AT_LEAST
            if scope.checkpoint is not None and (
                end == scope.to_block or unwritten > len(progress.unjoined)
            ):
                progress.last_hash, unwritten = self._hash_of(end), 0
                check_held(self._node, scope.to_block, held)
                write_checkpoint(scope.checkpoint, progress)
            on_progress(end - scope.from_block + 1, scope.to_block - scope.from_block + 1)
        verdict = self._verdict(progress, code, chain)
        check_held(self._node, scope.to_block, held)
        return Audit(verdict, progress.ledger)

    def start(self) -> Progress:
        """Return where the audit begins: at the first block, or at the checkpoint."""
        scope = self._scope
        nodes, decimals = scope.nodes or [shown_url(scope.url)], self._decimals()
        if scope.checkpoint is not None and scope.checkpoint.exists():
            progress = read_checkpoint(
                scope.checkpoint, self._vault, scope.to_block, self._hash_of, scope.asked
            )
            if progress.ledger.decimals != decimals:
                raise CheckpointError(
                    f"{scope.checkpoint} counts in {progress.ledger.decimals} decimals, the asset "
                    f"has {decimals}: remove it"
                )
            self._went_on = WentOn(progress.next_block, tuple(progress.nodes))
            progress.nodes = sorted({*progress.nodes, *nodes})
            return progress
        ledger = Ledger(self._vault, decimals)
        return Progress(ledger, scope.from_block, scope.asked, nodes=sorted(nodes))

    def _decimals(self) -> int:
        """Return the decimals of the vault's asset.

        Raises:
            OddAnswer: no vault's asset has so many.
        """
        block = self._scope.to_block
        asset = self._contracts.call(self._vault, "asset", (), block)
        found = int(self._contracts.call(asset, "decimals", (), block))
        if found > MOST_DECIMALS:
            raise OddAnswer(
                f"the asset {asset} has {found} decimals, a vault's at most {MOST_DECIMALS}: "
                "name another node"
            )
        return found

    def _at_block(self, ledger: Ledger, block: int) -> list[Difference]:
        """Return where views part from the ledger as it was at a block, and what is missing."""
        now = self._node.times([block])[block]

        def read(asked: Sequence[Asked]) -> Sequence[object]:
            return self._contracts.call_all(self._vault, asked, block)

        return [*view_differences(ledger, now, read), *self._missing_assets(ledger, block)]

    def document(self, evidence: str) -> bytes | None:
        """Return the evidence document of a hash, or None where no place has it."""
        return self._evidence.find(evidence).text

    def name(self, market: MarketId) -> str | None:
        """Return what the evidence calls a market, or None where it does not say."""
        return None if self._fills is None else self._fills.name(market)

    def _of_foreign_code(self, code: CodeAudit, chain: OfChain) -> Audit:
        """Return the verdict on a vault that is not ours: its code alone."""
        scope, ledger, (chain_id, held) = self._scope, Ledger(self._vault), chain
        now = self._node.times([scope.to_block])[scope.to_block]
        verdict = Verdict(
            SCHEMA, self._vault, chain_id, scope.from_block, scope.to_block, now, held, DIFFERS,
            tuple(code.differences), Checked(), state_of(ledger), _digits({}), (),
            tuple(code.listed), statement(Losses(), ledger),
        )  # fmt: skip
        return Audit(verdict, ledger)

    def _verdict(self, progress: Progress, code: CodeAudit, chain: OfChain) -> Verdict:
        scope, ledger, (chain_id, held) = self._scope, progress.ledger, chain
        now = self._node.times([scope.to_block])[scope.to_block]
        unrevealed = NOTHING if self._fills is None else self._fills.unrevealed(progress, now)
        found = [*unrevealed.differences, *self._conservation.at_end(progress, scope.to_block)]
        traded = TradingPlaces(tuple(progress.traded), progress.has_unexplained)
        code.run(ledger, scope.exchanges, traded, scope.are_shared)
        listed = [(name, ledger.markets[name]) for name in ledger.order]
        found += [*self._at_block(ledger, scope.to_block), *self._other_accounts(listed)]
        began_at = 0 if self._went_on is None else self._went_on.block
        vanished = [] if self._fills is None else self._fills.vanished(began_at)
        found = [*ledger.differences, *code.differences, *vanished, *found]
        self._check_doubt(found)
        evidence = None if self._fills is None else self._fills.availability()
        checked = Checked(
            events=ledger.events,
            calls=progress.calls,
            reports=progress.reports,
            market_values=progress.values,
            fills=progress.fills,
            fills_joined=progress.joined,
            fills_waiting=unrevealed.waiting,
            fills_withheld=unrevealed.withheld,
            documents=0 if evidence is None else evidence.documents,
        )
        return Verdict(
            SCHEMA, self._vault, chain_id, scope.from_block, scope.to_block, now, held,
            word_of(found, unrevealed.unknown), tuple(sorted(found, key=lambda each: each.block)),
            checked, state_of(ledger), _digits(progress.income),
            tuple(ledger.permissions.timeline), tuple(code.listed),
            statement(progress.losses, ledger),
            evidence, None if self._decisions is None else decided_again(progress), code.exchanges,
            unrevealed.unknown, self._went_on,
        )  # fmt: skip

    # the ledger

    def _book(
        self,
        progress: Progress,
        piece: EventPiece,
        kinds: ByKind,
        of_holders: tuple[Sequence[Moved], AccountsOfHolders],
    ) -> None:
        """Book the events of some blocks.

        Args:
            of_holders: transfers of accounts and wallets in these blocks, and who is whose
        """
        moved, holders = of_holders
        keeper, told = Bookkeeper(progress.ledger), list[ToldReport]()
        opened: list[tuple[MarketId, OpenMarket]] = []
        followed = {each.transaction for kind in _FOLLOWED for each in kinds.of(kind)}
        times, hear, book = piece.times, self._on_event, keeper.book
        for group in by_transaction(piece.events):
            time = times[group[0].block]
            transaction = Transaction(time, group)
            reports = book(transaction)
            if hear is not None:
                for event in group:
                    hear(time, event)
            if group[0].transaction in followed:
                self._follow(progress, transaction, opened)
            for report in reports:
                progress.reports += 1
                at = next(iter(transaction.of(Reported)), group[0])
                first = bisect_left(moved, (at.block, 0), key=_PLACE)
                earlier = moved[first : bisect_left(moved, (at.block, at.index), key=_PLACE)]
                told.append(ToldReport(report, at.transaction, earlier))
                if self._scope.evidence and not report.is_settlement:
                    there = ReportDocument(report.block, at.transaction, report.evidence)
                    self._check_document(progress, there)
                progress.losses.report(report)
                self._on_report(report, progress.ledger)
        progress.ledger.differences += self._wrong_settings(keeper.replaced())
        progress.values += sum(len(each.answering) for each in told)
        progress.ledger.differences += self._other_accounts(opened)
        closings = kinds.of(MarketClosed)
        progress.ledger.differences += closed_wrongly(self._node, self._contracts, closings)
        progress.ledger.differences += self._reports.check(told, holders)

    def _follow(
        self,
        progress: Progress,
        transaction: Transaction,
        opened: list[tuple[MarketId, OpenMarket]],
    ) -> None:
        """Keep what was dealt, until later reports have said what it was worth, and which markets
        were opened."""
        ledger = progress.ledger
        for it in transaction.events:
            if isinstance(it, EpochSettled) and not ledger.is_flat:
                at = it.block, transaction.time
                dealt = settled(ledger, at, it.side, it.epoch, it.taken, it.given)
                progress.losses.settle(dealt)
            elif isinstance(it, MarketOpened) and it.market in ledger.markets:
                opened.append((it.market, ledger.markets[it.market]))

    def _wrong_settings(self, replaced: Sequence[Setting]) -> list[Difference]:
        """Return where views were not what the books had until a setting was replaced; there are no
        views before the vault's first block."""
        found = []
        known = [each for each in replaced if each.block >= self._scope.from_block]
        for block, some in groupby(known, key=lambda each: each.block):

            def read(asked: Sequence[Asked], block: int = block) -> Sequence[object]:
                return self._contracts.call_all(self._vault, asked, block)

            found += setting_differences(some, read)
        return found

    def _check_document(self, progress: Progress, report: ReportDocument) -> None:
        """Hold a report's document against its hash."""
        wrong = self._wrong_document(progress, report)
        if wrong is not None:
            what, expected, there = wrong
            progress.ledger.differences.append(
                Difference(report.block, report.transaction, what, str(expected), str(there))
            )

    def _wrong_document(
        self, progress: Progress, report: ReportDocument
    ) -> tuple[str, object, object] | None:
        """Return how a report's evidence document is not the one that it commits to."""
        found = self._evidence.find(report.evidence)
        if found.presence is Presence.UNKNOWN:
            progress.away.append(report)
            return None
        if found.text is None:
            return missing_words(found), report.evidence, found.why
        named = read_document(found.text).vault
        if named != self._vault:
            there = named or "none: it cannot be read, or has too many records"
            return "evidence document: vault", self._vault, there
        if self._decisions is not None:
            self._decisions.make(progress, report, found.text)
        return None

    # the chain

    def _missing_assets(self, ledger: Ledger, block: int) -> list[Difference]:
        """What the vault holds, of the asset and of its shares, covers what it owes."""
        found = []
        asset = self._contracts.call(self._vault, "asset", (), block)
        held = self._contracts.call(asset, "balanceOf", (self._vault,), block)
        owed = ledger.idle + ledger.pending_deposits + ledger.claimable
        if held < owed:
            found.append(Difference(block, "", "asset.balanceOf(vault)", f">= {owed}", str(held)))
        owed, own = ledger.owed_shares(), ledger.holders.get(self._vault, 0)
        if own < owed:
            found.append(Difference(block, "", "balanceOf(vault)", f">= {owed}", str(own)))
        return found

    def _other_accounts(
        self, markets: Sequence[tuple[MarketId, OpenMarket]]
    ) -> Iterator[Difference]:
        """Yield where an open market's account is not what its market is, at the last block, or
        does not say so."""
        block = self._scope.to_block
        calls: list[Call] = [
            (market.account, *view, block) for _, market in markets for view in _ACCOUNT
        ]
        answers = iter(self._contracts.call_each(calls))
        for name, market in markets:
            *terms, conditions = [next(answers) for _ in _ACCOUNT]
            wanted = (name, market.question, market.class_id, market.deadline, market.conditions)
            there: object = "no answer"
            if conditions is None or None in terms:
                self._contracts.call(self._vault, "totalSupply", (), block)  # else it is the node
            else:
                there = plain((*terms, len(conditions)))
            if there != wanted:
                what = f"account {market.account}"
                yield Difference(block, "", what, str(wanted), str(there))

    def _hash_of(self, block: int) -> str:
        return held_hash(self._node, block)


def _rarely_collected(pieces: Iterator[T]) -> Iterator[T]:
    """Yield each piece with the garbage collector off, and run it now and then in between: records
    refer to nothing in a circle, so it would go through all of them for nothing. Only what is new
    is looked at, an earlier audit's remains included."""
    was_on = gc.isenabled()
    gc.collect(1)
    gc.freeze()
    gc.disable()
    try:
        for number, piece in enumerate(pieces, 1):
            yield piece
            if number % COLLECT == 0:
                gc.collect(0)
    finally:
        gc.unfreeze()
        if was_on:
            gc.enable()


def _digits(income: Mapping[str, int]) -> dict[str, str]:
    """Return income by kind as a verdict has it, kinds without any too."""
    return {kind.value: str(income.get(kind, 0)) for kind in IncomeKind}
