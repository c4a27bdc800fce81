"""A venue of plain dictionaries, and a node that has seen it: who holds how much of what, after
each block. It knows no formula of the auditor's; it moves tokens, and logs what contracts log.

Accounts are clones whose code is this release's, as far as it says which kind they are.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_abi.abi import encode
from eth_utils import keccak
from strongroom.audit.checkpoint import Progress
from strongroom.audit.conservation import Conservation
from strongroom.audit.contracts import Views
from strongroom.audit.events import (
    AuditedEvent,
    CameHome,
    MarketClosed,
    MarketOpened,
    PaidInKind,
    RedeemedInKind,
    Reported,
)
from strongroom.audit.exchanges import named_exchanges
from strongroom.audit.income import IncomeFinder
from strongroom.audit.ledger import Ledger, MarketAccount
from strongroom.audit.movements import MovementReader
from strongroom.audit.permissions import Difference
from strongroom.audit.transactions import ByKind
from strongroom.audit.wallets import AccountsOfHolders
from strongroom.chain.artifacts import artifact
from strongroom.chain.failures import CallReverted
from strongroom.chain.ids import MarketId

ZERO = "0x" + "00" * 20
(
    VAULT, ASSET, CTF, LEDGER, ADAPTER, NEG_RISK, MODULE, POOL, EXCHANGE, FEES, STRANGER, THIEF,
    LEAVER, MAKER,
) = ("0x" + f"{number:02x}" * 20 for number in range(0x11, 0x1F))  # fmt: skip
FILLED = (
    b"OrderFilled(bytes32,address,address,uint8,uint256,uint256,uint256,uint256,bytes32,bytes32)"
)
BUY, SELL = 0, 1


def word(value: int | str) -> str:
    """Return a number or an address as a word, without 0x."""
    return f"{value:064x}" if isinstance(value, int) else value[2:].rjust(64, "0")


@dataclass
class Account:
    """A market's account.

    Attributes:
        tokens: ids of YES and NO of each condition in turn
        payouts: of YES, of NO and of both, of each condition; (0, 0, 0): not resolved
        fee_bps: of the event's conversions
        wallet: that it has named; "": none
    """

    address: str
    kind: str
    number: int
    tokens: list[int]
    fee_bps: int = 0
    wallet: str = ""
    payouts: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def market(self) -> str:
        """The market's id."""
        return "0x" + f"{self.number:064x}"

    @property
    def contract(self) -> str:
        """Whose its outcome tokens are."""
        return LEDGER if self.kind == "PositionAccount" else CTF

    @property
    def holders(self) -> list[str]:
        """It, and its wallet if it has one."""
        return [self.address, *filter(None, [self.wallet])]

    def token(self, place: int) -> str:
        """Return what one of its tokens is called."""
        return f"{self.contract} {self.tokens[place]}"


class TokenLedger:
    """Moves tokens block by block, and answers as a node does. A token is "" for the asset, else
    contract and id."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], int] = defaultdict(int)  # token, holder
        self._then: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        self.accounts: dict[str, Account] = {}
        self.logs_: list[dict[str, Any]] = []
        self.events: list[AuditedEvent] = []
        self.block, self._place, self._transaction = 1, 0, 1
        self._codes: dict[str, bytes] = {}
        self.implementations: dict[str, Account] = {}  # code -> who runs it
        self.refuses: Callable[[str, str], bool] = lambda to, view: False
        self.payouts_at: dict[str, list[tuple[int, list[tuple[int, int, int]]]]] = {}
        self.named_at: dict[str, list[tuple[int, str]]] = {}

    # blocks

    def next_transaction(self) -> str:
        """Begin a transaction; return its hash."""
        self._transaction += 1
        return self.transaction

    def next_block(self) -> None:
        """End a block."""
        self.block, self._place = self.block + 1, 0
        self.next_transaction()

    @property
    def transaction(self) -> str:
        """The hash of the one that goes on."""
        return f"0x{self._transaction:064x}"

    def _log(self, address: str, signature: bytes, topics: Sequence[int | str], data: str) -> None:
        self.logs_.append(
            {
                "address": address,
                "topics": ["0x" + keccak(signature).hex(), *("0x" + word(each) for each in topics)],
                "data": "0x" + data,
                "blockNumber": hex(self.block),
                "logIndex": hex(self._place),
                "transactionHash": self.transaction,
            }
        )
        self._place += 1

    def tells(self, account: str, signature: str, topics: Sequence[int | str], *data: int) -> None:
        """An account logs something."""
        self._log(account, signature.encode(), topics, "".join(map(word, data)))

    def event(self, kind: type[AuditedEvent], **fields: Any) -> None:
        """The vault logs something."""
        self.events.append(kind(self.block, self.transaction, self._place, VAULT, **fields))
        self._place += 1

    # tokens

    def move(self, token: str, sender: str, receiver: str, amount: int) -> None:
        """Move some of a token; from and to ZERO it is made and destroyed."""
        self.move_all([(token, amount)], sender, receiver)

    def move_all(self, amounts: Sequence[tuple[str, int]], sender: str, receiver: str) -> None:
        """Move several tokens; of one contract's outcome tokens as a batch."""
        for token, amount in amounts:
            for holder, change in ((sender, -amount), (receiver, amount)):
                self.held[token, holder] += change
                assert holder == ZERO or self.held[token, holder] >= 0, (token, holder)
                self._then[token, holder].append((self.block, self.held[token, holder]))
        if len(amounts) == 1 and not amounts[0][0]:
            signature = b"Transfer(address,address,uint256)"
            self._log(ASSET, signature, [sender, receiver], word(amounts[0][1]))
        elif len(amounts) == 1:
            contract, _, number = amounts[0][0].partition(" ")
            signature = b"TransferSingle(address,address,address,uint256,uint256)"
            data = word(int(number)) + word(amounts[0][1])
            self._log(contract, signature, [sender, sender, receiver], data)
        elif amounts:
            pairs = [token.split(" ") for token, _ in amounts]
            lists = [int(number) for _, number in pairs], [amount for _, amount in amounts]
            signature = b"TransferBatch(address,address,address,uint256[],uint256[])"
            data = encode(["uint256[]", "uint256[]"], lists).hex()
            self._log(pairs[0][0], signature, [sender, sender, receiver], data)

    def make(self, account: Account, holder: str, places: Sequence[int], amount: int) -> None:
        """Assets of a holder become an account's tokens, as its venue makes them."""
        is_bare = account.kind in ("PositionAccount", "FpmmAccount")
        taker = {"PositionAccount": MODULE, "FpmmAccount": CTF}.get(account.kind, ASSET)
        self.move("", holder, taker, amount)
        for token in map(account.token, places):
            if not is_bare:
                self.move(token, ZERO, ADAPTER, amount)
            self.move(token, ZERO if is_bare else ADAPTER, holder, amount)

    def take(
        self,
        account: Account,
        holder: str,
        amounts: Mapping[int, int],
        assets: int,
        in_a_batch: bool = False,
    ) -> None:
        """Tokens of a holder become assets, as the account's venue takes them."""
        taker = {"PositionAccount": MODULE, "FpmmAccount": ZERO}.get(account.kind, ADAPTER)
        some = [(account.token(place), amount) for place, amount in amounts.items() if amount]
        for group in [some] if in_a_batch else [[each] for each in some]:
            self.move_all(group, holder, taker)
        if assets:
            self.held["", CTF] += assets
            self.move("", CTF if account.kind == "FpmmAccount" else ZERO, holder, assets)

    def fill(
        self,
        holder: str,
        side: int,
        token: int,
        gives: int,
        gets: int,
        fee: int,
        taker: str = MAKER,
    ) -> None:
        """An exchange logs a fill of somebody's order: a taker's own has the exchange as taker."""
        words = [side, token, gives, gets, fee, 0, 0]
        self._log(EXCHANGE, FILLED, [self._place, holder, taker], "".join(map(word, words)))

    # accounts

    @property
    def next_address(self) -> str:
        """Where the next account is opened, as anybody can compute."""
        return "0x" + f"{0xAA01 + len(self.accounts):040x}"

    def open(self, kind: str, conditions: int, fee_bps: int = 0, class_id: int = 0) -> Account:
        """Open a market in a class of this kind of accounts."""
        number, address = len(self.accounts) + 1, self.next_address
        tokens = [1_000 * number + place for place in range(2 * conditions)]
        account = self.accounts[address] = Account(address, kind, number, tokens, fee_bps)
        account.payouts = [(0, 0, 0)] * conditions
        self.payouts_at[address] = [(0, list(account.payouts))]
        self.named_at[address] = [(0, "")]
        code = "0x" + f"{0xCC00 + number:040x}"
        self._codes[code], self.implementations[code] = artifact(kind).runtime, account
        head, tail = "363d3d373d3d3d363d73", "5af43d82803e903d91602b57fd5bf3"
        words = [0, int(account.market, 16), 0, class_id or number, conditions]
        for place in range(conditions):
            words += [7, *tokens[2 * place : 2 * place + 2]]
        clone = head + code[2:] + tail + VAULT[2:] + "".join(map(word, words))
        self._codes[address] = bytes.fromhex(clone)
        self.event(
            MarketOpened, market=account.market, account=address, class_id=class_id or number,
            question="0x" + "00" * 32, question_id="0x" + "00" * 32, conditions=conditions,
            deadline=2**40,
        )  # fmt: skip
        return account

    def resolve(self, account: Account, condition: int, yes: int, no: int) -> None:
        """Somebody answers a question."""
        account.payouts[condition] = (yes, no, yes + no)
        self.payouts_at[account.address].append((self.block, list(account.payouts)))

    def name(self, account: Account, wallet: str) -> None:
        """A delegated account names its wallet; "": it frees it."""
        account.wallet = wallet
        self.named_at[account.address].append((self.block, wallet))
        self.tells(account.address, "WalletSet(address)", [wallet or ZERO])

    # as an audit asks

    def balance(self, token: str, holder: str, block: int) -> int:
        """Return what somebody held at the end of a block."""
        return next((left for at, left in reversed(self._then[token, holder]) if at <= block), 0)

    def logs(
        self, addresses: Sequence[str], first: int, last: int, topics: Sequence[Any] = ()
    ) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """Give logs as Node.logs does."""
        wanted = [None if t is None else {t} if isinstance(t, str) else set(t) for t in topics]
        yield last, [
            log
            for log in self.logs_
            if log["address"] in addresses and first <= int(log["blockNumber"], 16) <= last
            and len(log["topics"]) >= len(wanted)
            and all(some is None or t in some for some, t in zip(wanted, log["topics"]))  # noqa: B905
        ]  # fmt: skip

    def ask(self, method: str, *parameters: Any) -> Any:
        """Answer as Node.ask does."""
        if method == "eth_getCode":
            return "0x" + self._codes.get(parameters[0], b"").hex()
        assert method == "eth_call", method
        to, data, block = parameters[0]["to"], parameters[0]["data"], int(parameters[1], 16)
        name, known = next(
            (name, answer) for name, answer in VIEWS.items() if data.startswith(_selector(name))
        )
        found = None if self.refuses(to, name) else known(self, to, data[10:], block)
        if found is None:
            raise CallReverted(f"{name} of {to}: execution reverted")
        return "0x" + found

    def ask_all(self, asked: Sequence[tuple[str, list[Any]]]) -> list[Any]:
        """Answer as Node.ask_all does."""
        return [self.ask(method, *parameters) for method, parameters in asked]

    ask_shared = ask_all

    def ask_each(self, asked: Sequence[tuple[str, list[Any]]]) -> list[Any]:
        """Answer as Node.ask_each does."""
        found = list[Any]()
        for method, parameters in asked:
            try:
                found.append(self.ask(method, *parameters))
            except CallReverted as error:
                found.append(error)
        return found

    def times(self, blocks: Sequence[int]) -> dict[int, int]:
        """Give times as Node.times does."""
        return {each: each for each in blocks}


def _selector(signature: str) -> str:
    return "0x" + keccak(text=signature)[:4].hex()


def _constant(value: Callable[[Account], str]) -> Callable[..., str | None]:
    def answer(ledger: TokenLedger, to: str, _: str, __: int) -> str | None:
        account = ledger.accounts.get(to) or ledger.implementations.get(to)
        found = value(account) if account else ""
        return word(found) if found else None

    return answer


def _positions(ledger: TokenLedger, to: str, _: str, block: int) -> str:
    account = ledger.accounts[to]
    then = [each for at, each in ledger.payouts_at[to] if at <= block][-1]
    names = ["", *(f"{account.contract} {each}" for each in account.tokens)]
    wallet = [each for at, each in ledger.named_at[to] if at <= block][-1]
    holders = [to, *filter(None, [wallet])]
    cash, *held = [sum(ledger.balance(name, each, block) for each in holders) for name in names]
    rows = [(*held[2 * n : 2 * n + 2], *payout) for n, payout in enumerate(then)]
    types = ["uint256", "(uint256,uint256,uint256,uint256,uint256)[]"]
    return encode(types, [cash, rows]).hex()


CLASSIC = ("PolymarketAccount", "WalletAccount", "SafeAccount", "FpmmAccount", "DelegatedAccount")
NAMES_EXCHANGE = ("PolymarketAccount", "WalletAccount", "SafeAccount", "PositionAccount")
VIEWS: dict[str, Callable[..., str | None]] = {
    "asset()": lambda ledger, to, data, block: word(ASSET),
    "totalSupply()": lambda ledger, to, data, block: word(1),
    "class_count()": lambda ledger, to, data, block: word(len(ledger.accounts) + 1),
    "classOf(uint256)": lambda ledger, to, data, block: (
        word(f"0x{0xCC00 + int(data, 16):040x}") + word(0) * 8
    ),
    "question()": lambda ledger, to, data, block: word(ledger.accounts[to].number),
    "EXCHANGE()": _constant(lambda it: EXCHANGE if it.kind in NAMES_EXCHANGE else ""),
    "CTF()": _constant(lambda it: CTF if it.kind in CLASSIC else ""),
    "ADAPTER()": _constant(
        lambda it: "" if it.kind not in CLASSIC else CTF if it.kind == "FpmmAccount" else ADAPTER
    ),
    "POSITION_MANAGER()": _constant(lambda it: "" if it.kind in CLASSIC else LEDGER),
    "NEG_RISK_ADAPTER()": lambda ledger, to, data, block: word(NEG_RISK),
    "getFeeBips(bytes32)": lambda ledger, to, data, block: word(
        next(each.fee_bps for each in ledger.accounts.values() if each.number == int(data, 16))
    ),
    "getQuestionCount(bytes32)": lambda ledger, to, data, block: word(
        next(len(each.payouts) for each in ledger.accounts.values() if each.number == int(data, 16))
    ),
    "positions()": _positions,
    "balanceOf(address,uint256)": lambda ledger, to, data, block: word(
        ledger.balance(f"{to} {int(data[64:], 16)}", "0x" + data[24:64], block)
    ),
    "balanceOf(address)": lambda ledger, to, data, block: word(
        ledger.balance("", "0x" + data[24:64], block)
    ),
}


@dataclass
class Held:
    """What an audit of a token ledger found."""

    differences: list[Difference]
    progress: Progress
    gifts: int


def audited(ledger: TokenLedger, pieces: int = 1, exchanges: Sequence[str] = (EXCHANGE,)) -> Held:
    """Hold a ledger's transfers against what was logged, in some pieces of blocks."""
    views, books = Views(ledger), Ledger(VAULT)
    reader = MovementReader(ledger, views, VAULT, exchanges)
    reader.exchanges |= named_exchanges(ledger, views, VAULT, ledger.block)
    conservation = Conservation(ledger, views, VAULT, reader, ledger.block)
    income = IncomeFinder(ledger, reader, VAULT, {})
    progress, found, gifts, first = Progress(books, 1), [], 0, 1
    owners: dict[str, tuple[MarketId, int]] = {}
    for piece in range(1, pieces + 1):
        last = ledger.block * piece // pieces
        kinds = ByKind(each for each in ledger.events if first <= each.block <= last)
        opened = kinds.of(MarketOpened)
        owners |= {it.account: (it.market, it.class_id) for it in opened}
        movements = reader.read(dict(owners), progress.wallets, first, last, opened)
        found += conservation.check(progress, movements, kinds, last)
        holders = AccountsOfHolders(progress.wallets, movements)
        gifts += sum(each.amount for each in income.find(progress, movements, holders))
        progress.wallets = holders.at_end
        for it in opened:
            books.accounts[it.account] = MarketAccount(it.market, it.class_id)
        first = last + 1
    found += conservation.at_end(progress, ledger.block)
    return Held(found, progress, gifts)


def reported(ledger: TokenLedger) -> None:
    """The vault logs a report."""
    ledger.event(Reported, evidence="0x" + "00" * 32, markets=(), books=(), words=())


def left(ledger: TokenLedger, part: int, supply: int, skipped: Sequence[str] = ()) -> None:
    """The vault logs an exit in kind of LEAVER."""
    ledger.event(
        RedeemedInKind, owner=LEAVER, receiver=LEAVER, shares=part, part=part, supply=supply,
        assets=0, skipped=tuple(skipped),
    )  # fmt: skip


def paid(ledger: TokenLedger, account: Account, assets: int) -> None:
    """The vault logs what a delegated account paid a leaver."""
    ledger.event(PaidInKind, market=account.market, assets=assets, cost=assets)


def closed(ledger: TokenLedger, account: Account) -> None:
    """The vault logs that a market is closed."""
    ledger.event(
        MarketClosed, market=account.market, account=account.address, loss=0, written_off=0,
        halted=False, holds=False, listed=False,
    )  # fmt: skip


def came_home(ledger: TokenLedger, account: Account, assets: int) -> None:
    """The vault logs what an account sent."""
    terms = {"market": account.market, "account": account.address, "assets": assets}
    ledger.event(CameHome, **terms, cost=assets, exposure=0)
