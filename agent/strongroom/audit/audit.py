"""One audit of a vault: logs into books, reports held against balances, fills against decisions,
evidence against hashes. Goes on from a checkpoint; what it keeps does not grow with history."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.abi import collapse_if_tuple
from pydantic import TypeAdapter, ValidationError

from strongroom.audit.documents import Revealed, read_document
from strongroom.audit.ledger import Ledger, ReportLine, by_transaction
from strongroom.audit.logs import Event, Node, NodeAway, decode_log, kinds
from strongroom.audit.permissions import Difference
from strongroom.audit.view_checks import Asked, view_differences
from strongroom.chain import abi
from strongroom.chain.ids import keccak
from strongroom.errors import BadInput

WAD = 10**18
SCHEMA = "strongroom-audit/1"
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Where:
    """What is audited.

    Attributes:
        exchanges: whose fills of the vault's accounts are joined to decisions
        evidence: folder of the evidence documents; None: reports' documents are not looked at
    """

    url: str
    vault: str
    from_block: int
    to_block: int
    exchanges: Sequence[str] = ()
    evidence: Path | None = None
    checkpoint: Path | None = None


@dataclass
class Verdict:
    """What an audit came to."""

    vault: str
    chain_id: int
    from_block: int
    to_block: int
    to_time: int
    ledger: Ledger
    differences: list[Difference]
    fills: int = 0
    joined: int = 0
    waiting: int = 0  # fills since the last report: the next one reveals their decisions
    documents: int = 0
    values_checked: int = 0
    reports: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def plain(self) -> dict[str, Any]:
        """Return the verdict as JSON takes it; amounts as strings of digits."""
        books = self.ledger
        return {
            "schema": SCHEMA,
            "vault": self.vault,
            "chain_id": self.chain_id,
            "from_block": self.from_block,
            "to_block": self.to_block,
            "to_time": self.to_time,
            "verdict": "no difference" if self.is_clean else "differs",
            "differences": [
                {**asdict(each), "expected": str(each.expected), "found": str(each.found)}
                for each in self.differences
            ],
            "checked": {
                "events": books.events,
                "reports": self.reports,
                "market_values": self.values_checked,
                "fills": self.fills,
                "fills_joined": self.joined,
                "fills_since_last_report": self.waiting,
                "documents": self.documents,
            },
            "state": {
                "supply": str(books.supply),
                "idle": str(books.idle),
                "claimable": str(books.claimable),
                "pending_deposits": str(books.pending_deposits),
                "nav_bid": str(books.nav[0]),
                "nav_ask": str(books.nav[1]),
                "exposure": str(books.exposure),
                "high_water_mark": str(books.mark),
                "holders": len(books.holders),
                "open_markets": len(books.order),
                "closed_markets": books.closed,
                "roles": books.terms.roles,
                "winding_down": books.winding_down,
            },
            "permissions": [
                {"block": block, "what": words} for block, words in books.terms.timeline
            ],
        }


@dataclass(frozen=True)
class Fill:
    """A fill of one of the vault's accounts that no revealed decision explains, so far."""

    block: int
    transaction: str
    time: int
    decision: str


@dataclass
class _Progress:
    """What a checkpoint keeps."""

    ledger: Ledger
    next_block: int
    last_hash: str = ""  # of the block before
    fills: int = 0
    joined: int = 0
    documents: int = 0
    values: int = 0
    reports: int = 0
    last_report: int = 0  # block
    unjoined: list[Fill] = field(default_factory=list)


_PROGRESS = TypeAdapter(_Progress)


class CheckpointError(BadInput):
    """A checkpoint that cannot be gone on from; the message says what to do."""


class Auditor:
    """Audits one vault over any node."""

    def __init__(
        self,
        where: Where,
        node: Node | None = None,
        reported: Callable[[ReportLine, Ledger], None] = lambda line, books: None,
        heard: Callable[[int, Event], None] = lambda time, event: None,
    ) -> None:
        """Take what is audited; `reported` hears of each report and sees the books after it,
        `heard` of each event of the vault, and of each fill, with its time; neither is kept
        here."""
        self.where, self.node, self._reported = where, node or Node(where.url), reported
        self._heard = heard
        self._records: Revealed | None = None
        self._vault = where.vault.lower()
        self._known = kinds("Vault")
        self._exchange = kinds("Exchange")
        self._functions = {
            entry["name"]: entry
            for contract in ("DelegatedAccount", "Vault")
            for entry in abi.load(contract)
            if entry["type"] == "function"
        }

    def run(self, told: Told = lambda done, of: None) -> Verdict:
        """Audit to the last block; `told` hears of the blocks done.

        Raises:
            NodeAway: the node does not answer.
            CheckpointError: there is a checkpoint that this audit cannot go on from.
        """
        where = self.where
        chain_id = int(self.node.ask("eth_chainId"), 16)
        state = self._resume()
        for end, logs in self.node.logs([self._vault], state.next_block, where.to_block):
            self._book(state, logs)
            self._join(state, state.next_block, end)
            state.next_block = end + 1
            self._join_again(state)
            self._keep(state)
            told(end - where.from_block + 1, where.to_block - where.from_block + 1)
        books = state.ledger
        to_time = self.node.times([where.to_block])[where.to_block]
        books.now = to_time
        found = list(books.differences)
        found += view_differences(books, self._read)
        found += self._assets_are_there(books)
        late = [fill for fill in state.unjoined if fill.block <= state.last_report]
        found += [self._unexplained(fill) for fill in late]
        found.sort(key=lambda each: each.block)
        return Verdict(
            where.vault, chain_id, where.from_block, where.to_block, to_time, books, found,
            state.fills, state.joined, len(state.unjoined) - len(late), state.documents,
            state.values, state.reports,
        )  # fmt: skip

    def name(self, market: str) -> str | None:
        """Return what the evidence calls a market, or None where it does not say."""
        return None if self.where.evidence is None else self._revealed().name(market)

    # books

    def _book(self, state: _Progress, logs: Sequence[Mapping[str, Any]]) -> None:
        events = [event for log in logs if (event := decode_log(log, self._known)) is not None]
        blocks = sorted({event.block for event in events})
        times = self.node.times(blocks)
        books = state.ledger
        for group in by_transaction(events):
            self._check_payouts(state, group)
            try:
                books.apply(times[group[0].block], group)
            except (KeyError, ValueError, IndexError, ZeroDivisionError) as error:
                books.differences.append(
                    Difference(group[0].block, group[0].transaction,
                               f"{group[-1].name}: the books know nothing of it", "", repr(error))
                )  # fmt: skip
                continue
            for event in group:
                self._heard(times[event.block], event)
            for line in books.reports:
                state.reports, state.last_report = state.reports + 1, line.block
                self._check_report(state, line, group)
                self._reported(line, books)
            books.reports.clear()

    def _check_payouts(self, state: _Progress, group: Sequence[Event]) -> None:
        """Hold values that were booked once there was a payout against balances: before the block,
        after it, or after it but for what was recalled later in the same transaction."""
        books = state.ledger
        for event in group:
            market = books.markets.get(event.fields["market"]) if event.name == "Synced" else None
            if market is None:
                continue
            recalled = sum(
                each.fields["assets"] for each in group
                if each.name == "Recalled" and each.fields["market"] == event.fields["market"]
                and each.index > event.index
            )  # fmt: skip
            found = (event.fields["value_bid"], event.fields["value_ask"])
            state.values += 1
            after = self._value(market.account, market.marks, event.block)
            later = (after[0] + recalled, after[1] + recalled)
            if found in (after, later):
                continue
            if found != self._value(market.account, market.marks, event.block - 1):
                what = f"Synced: value of {event.fields['market']} from its balances"
                books.differences.append(
                    Difference(event.block, event.transaction, what, later, found)
                )

    def _check_report(self, state: _Progress, line: ReportLine, group: Sequence[Event]) -> None:
        """Hold a report's values against balances at its block, its document against its hash."""
        books, differ = state.ledger, state.ledger.differences
        markets = {name: books.markets[name] for name in line.values if name in books.markets}
        for block in (line.block, line.block - 1):
            wrong = []
            for name, value in line.values.items():
                expected = self._value(markets[name].account, markets[name].marks, block)
                if expected != value:
                    wrong.append((name, expected, value))
            if not wrong:
                break
            # a later transaction of the same block may have moved tokens: the one before counts
        state.values += len(line.values)
        transaction = group[0].transaction
        for name, expected, value in wrong:
            what = f"Reported.entries: value of {name} from its balances"
            differ.append(Difference(line.block, transaction, what, expected, value))
        if self.where.evidence is None:
            return
        path = self.where.evidence / f"{line.evidence}.json"
        if not path.exists():
            what = "evidence document"
            differ.append(Difference(line.block, transaction, what, line.evidence, "missing"))
            return
        text = path.read_bytes()
        digest = "0x" + keccak(text).hex()
        if digest != line.evidence:
            what = "evidence document: its hash"
            differ.append(Difference(line.block, transaction, what, line.evidence, digest))
            return
        state.documents += 1
        named = read_document(text).vault
        if named != self._vault:
            what = "evidence document: vault"
            differ.append(Difference(line.block, transaction, what, self._vault, named))

    def _value(self, account: str, marks: Sequence[int], block: int) -> tuple[int, int]:
        """Return an account's value at the bid and the ask, from its holdings at a block."""
        bid, ask = self._held(account, False, marks, block)
        grade = self._call(account, "grade", [], block)
        if grade == 2:
            away_bid, away_ask = self._held(account, True, marks, block)
            cost = self._call(account, "outstanding", [], block)
            bid, ask = bid + min(away_bid, cost), ask + max(away_ask, cost)
        return bid, ask

    def _held(self, account: str, away: bool, marks: Sequence[int], block: int) -> tuple[int, int]:
        collateral, positions = self._call(account, "holdings", [away], block)
        bid = ask = collateral
        for (yes, no, paid_yes, paid_no, whole), word in zip(positions, marks, strict=False):
            if whole:
                worth = yes * paid_yes // whole + no * paid_no // whole
                bid, ask = bid + worth, ask + worth
                continue
            pairs = min(yes, no)
            left, prices = (yes - pairs, word) if yes > pairs else (no - pairs, word >> 128)
            low, high = prices & (2**64 - 1), (prices >> 64) & (2**64 - 1)
            bid += pairs + left * low // WAD
            ask += pairs - (-left * high // WAD)
        return bid, ask

    # fills and decisions

    def _join(self, state: _Progress, first: int, last: int) -> None:
        """Join the fills of the vault's accounts to decisions that a document reveals."""
        if not self.where.exchanges or self.where.evidence is None:
            return
        accounts = {"0x" + "00" * 12 + account[2:]: account for account in state.ledger.accounts}
        topic = next(topic for topic, kind in self._exchange.items() if kind.name == "OrderFilled")
        if accounts:
            names = sorted(accounts)
            for start in range(0, len(names), 200):
                wanted = [topic, None, names[start : start + 200]]
                for _, logs in self.node.logs(self.where.exchanges, first, last, wanted):
                    self._fills(state, logs)

    def _fills(self, state: _Progress, logs: Sequence[Mapping[str, Any]]) -> None:
        events = [event for log in logs if (event := decode_log(log, self._exchange)) is not None]
        times = self.node.times(sorted({event.block for event in events}))
        for event in events:
            state.fills += 1
            decision = event.fields["metadata"]
            fill = Fill(event.block, event.transaction, times[event.block], decision)
            self._heard(fill.time, event)
            if self._explained(fill):
                state.joined += 1
            else:
                state.unjoined.append(fill)

    def _explained(self, fill: Fill) -> bool:
        decided = self._revealed().time(fill.decision)
        return decided is not None and decided <= fill.time

    def _join_again(self, state: _Progress) -> None:
        """Explain fills of an audit before, by what has been revealed since."""
        if self.where.evidence is None:
            return
        left = [fill for fill in state.unjoined if not self._explained(fill)]
        state.joined += len(state.unjoined) - len(left)
        state.unjoined = left

    def _unexplained(self, fill: Fill) -> Difference:
        known = self._revealed().time(fill.decision) is not None
        why = "the record is younger than its fill" if known else "no revealed record has this id"
        what = f"OrderFilled.metadata: {why}"
        return Difference(fill.block, fill.transaction, what, "a decision", "none")

    def _revealed(self) -> Revealed:
        """Return the decisions of the documents whose hashes are on chain."""
        assert self.where.evidence is not None
        if self._records is None:
            self._records = Revealed(self.where.evidence, self._hashes())
        return self._records

    def _hashes(self) -> Iterator[str]:
        """Return the evidence hashes of all reports up to the last block."""
        reports = ("Reported", "ReportPending")
        topics = [topic for topic, kind in self._known.items() if kind.name in reports]
        for _, logs in self.node.logs(
            [self._vault], self.where.from_block, self.where.to_block, [topics]
        ):
            for log in logs:
                event = decode_log(log, self._known)
                if event is not None:
                    yield event.fields["evidence"]

    # the chain

    def _assets_are_there(self, books: Ledger) -> list[Difference]:
        """What the vault holds covers what it owes."""
        asset = self._call(self._vault, "asset", [], self.where.to_block)
        data = "0x70a08231" + "00" * 12 + self._vault[2:]
        answer = self.node.ask("eth_call", {"to": asset, "data": data}, hex(self.where.to_block))
        held, owed = int(answer, 16), books.idle + books.pending_deposits + books.claimable
        if held >= owed:
            return []
        return [Difference(self.where.to_block, "", "asset.balanceOf(vault)", f">= {owed}", held)]

    def _read(self, asked: Sequence[Asked]) -> Sequence[Any]:
        """Answer views of the vault at the last block."""
        block = hex(self.where.to_block)
        calls = [self._data(name, arguments) for name, arguments in asked]
        answers = self.node.ask_all(
            [("eth_call", [{"to": self._vault, "data": data}, block]) for data in calls]
        )
        return [
            self._decoded(name, answer) for (name, _), answer in zip(asked, answers, strict=True)
        ]

    def _call(self, address: str, name: str, arguments: Sequence[Any], block: int) -> Any:
        call = {"to": address, "data": self._data(name, arguments)}
        return self._decoded(name, self.node.ask("eth_call", call, hex(block)))

    def _data(self, name: str, arguments: Sequence[Any]) -> str:
        types = [collapse_if_tuple(each) for each in self._functions[name]["inputs"]]
        given = [
            bytes.fromhex(each[2:]) if type_.startswith("bytes") else each
            for type_, each in zip(types, arguments, strict=True)
        ]
        selector = keccak(f"{name}({','.join(types)})".encode())[:4]
        return "0x" + (selector + encode(types, given)).hex()

    def _decoded(self, name: str, answer: str) -> Any:
        outputs = [collapse_if_tuple(each) for each in self._functions[name]["outputs"]]
        values = decode(outputs, bytes.fromhex(answer[2:]))
        return values[0] if len(values) == 1 else values

    # checkpoints

    def _resume(self) -> _Progress:
        path = self.where.checkpoint
        if path is not None and path.exists():
            try:
                found = _PROGRESS.validate_json(path.read_bytes())
            except ValidationError as error:
                raise CheckpointError(
                    f"{path} is no checkpoint of this version: remove it"
                ) from error
            if found.ledger.vault != self._vault:
                raise CheckpointError(f"{path} is of {found.ledger.vault}: name another file")
            if found.next_block > self.where.to_block + 1:
                raise CheckpointError(
                    f"{path} is at block {found.next_block - 1}: audit to a later one, or remove it"
                )
            if found.last_hash != self._hash_of(found.next_block - 1):
                raise CheckpointError(f"{path} is of blocks that were reorganised: remove it")
            return found
        return _Progress(Ledger(self._vault), self.where.from_block)

    def _keep(self, state: _Progress) -> None:
        path = self.where.checkpoint
        if path is None:
            return
        state.last_hash = self._hash_of(state.next_block - 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_bytes(_PROGRESS.dump_json(state))
        draft.replace(path)

    def _hash_of(self, block: int) -> str:
        return str(self.node.ask("eth_getBlockByNumber", hex(block), False)["hash"])


def first_block(node: Node, vault: str) -> int:
    """Return the block in which a vault was deployed, by halving.

    Raises:
        NodeAway: there is no contract at this address.
    """
    low, high = 0, node.head()
    if node.ask("eth_getCode", vault, hex(high)) in ("0x", None):
        raise NodeAway(f"there is no contract at {vault}")
    while low < high:
        middle = (low + high) // 2
        if node.ask("eth_getCode", vault, hex(middle)) in ("0x", None):
            low = middle + 1
        else:
            high = middle
    return low
