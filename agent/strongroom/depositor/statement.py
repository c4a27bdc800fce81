"""A depositor's statement from the chain alone: every movement of shares, as lots with their cost.

It needs a node that hands out the vault's old logs, and is held against what the vault says that
the account has.
"""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from eth_utils.address import to_checksum_address

from strongroom.chain.accounts import wallet
from strongroom.chain.calls import Ask, DecodedLog, topic_of
from strongroom.chain.contracts import Contracts
from strongroom.chain.jsonrpc import Log, understood
from strongroom.chain.notices import moment
from strongroom.chain.outside import quantity
from strongroom.chain.rpc import Chain
from strongroom.chain.units import MICRO, SHARE, exact_units
from strongroom.depositor.amounts import money, shares_text
from strongroom.depositor.lots import MovementKind, ShareMovement, TaxLot, lots_of
from strongroom.depositor.options import Options, RequestKind
from strongroom.depositor.vault import SIDES, DepositorVault
from strongroom.errors import Differs
from strongroom.foreign_text import cell

NOBODY = "0x" + "00" * 20
# of the asset's and of the outcome tokens' contracts, as topics
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
TOKENS = (
    "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62",
    "0x4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb",
)
# of the vault
LEFT = "0x1de5f723b3daee9e75d3c6b401fe2350da9374060f65399e4a45a98b6940b0bf"
PAID = "0x0ef7f0e2aabde13ec6c99a420fa7971b5771a1b811dcc1930043facff42a8697"
ENDS = ("Deposit", "Withdraw", "RedeemedInKind")
MOVES = {  # who gives, who gets, how many
    "Transfer": ("sender", "receiver", "value"),
    "RedeemRequest": ("owner", "controller", "shares"),
    "RedeemRequestCancelled": ("controller", "receiver", "shares"),
}
HEADS = (
    "acquired_utc", "acquired_block", "acquired_by", "acquired_transaction", "shares", "cost",
    "asset", "disposed_utc", "disposed_block", "disposed_by", "disposed_transaction", "proceeds",
    "gain",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class StatementOptions(Options):
    """Shows an account's lots; sends nothing.

    Attributes:
        csv: file for the lots; None: none
    """

    csv: Path | None = None


@dataclass(frozen=True)
class StatementResult:
    """An account's lots up to a block; those that left first."""

    account: str
    vault: str
    symbol: str
    block: int
    lots: tuple[TaxLot, ...]

    def lines(self) -> list[str]:
        """Return what is printed."""
        there = [each for each in self.lots if each.left is None]
        gone = [each for each in self.lots if each.left is not None]
        return [
            f"Lots of {self.account} in {self.vault} up to block {self.block}, the oldest leaves "
            "first:",
            *(self._line(each) for each in self.lots),
            f"{len(gone)} left, gain {self._sum([each.gain for each in gone])}",
            f"{len(there)} are there: {shares_text(sum(each.shares for each in there))} shares, "
            f"cost {self._sum([each.cost for each in there])}",
        ]

    def _line(self, lot: TaxLot) -> str:
        words = (
            f"{shares_text(lot.shares)} shares {lot.came.kind} {moment(lot.came.time)}, "
            f"cost {self._money(lot.cost)}"
        )
        if lot.left is None:
            return words
        got = f"got {self._money(lot.proceeds)}, gain {self._money(lot.gain)}"
        return f"{words}; {lot.left.kind} {moment(lot.left.time)}, {got}"

    def _money(self, micro: int | None) -> str:
        if micro is None:
            return "not known"
        return f"{'-' if micro < 0 else ''}{money(abs(micro))} {self.symbol}"

    def _sum(self, parts: list[int | None]) -> str:
        known = [each for each in parts if each is not None]
        words = self._money(sum(known))
        return words if len(known) == len(parts) else f"{words}, of {len(known)} that are known"

    def as_csv(self) -> str:
        """Return a line a lot; times in UTC, amounts exact, empty where something is not known."""
        target = io.StringIO()
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(HEADS)
        for lot in self.lots:
            left = _place(lot.left) if lot.left else ("", "", "", "")
            writer.writerow(
                (*_place(lot.came), _units(lot.shares, SHARE), _units(lot.cost), cell(self.symbol),
                 *left, _units(lot.proceeds), _units(lot.gain))
            )  # fmt: skip
        return target.getvalue()

    def as_json(self) -> str:
        """Return everything as one line of JSON; gains in micro-units."""
        gains = [{"gain": each.gain} for each in self.lots]
        lots = [asdict(lot) | gain for lot, gain in zip(self.lots, gains, strict=True)]
        return json.dumps(asdict(self) | {"lots": lots})


def run_statement(options: StatementOptions) -> StatementResult:
    """Return an account's lots, and write them as CSV where a file is named.

    Raises:
        BadInput, Away: the vault, the account or the node is not there.
        Differs: the lots are not what the vault says that the account has.
    """
    known = Contracts(options.rpc)
    who = wallet(options.account, known, options.passphrase).address
    vault = DepositorVault(known, options.vault)
    chain = Chain(options.rpc)
    block = chain.head().number
    lots = lots_of(_movements(known, chain, vault, who, block))
    ours = sum(each.shares for each in lots if each.left is None)
    theirs = _shares_at(chain, vault, who, block)
    if ours != theirs:
        raise Differs(
            f"the lots have {shares_text(ours)} shares and the vault says "
            f"{shares_text(theirs)} at block {block}: use an archive node; if it says the same, "
            "report it"
        )
    result = StatementResult(who, vault.address, vault.symbol, block, tuple(lots))
    if options.csv is not None:
        options.csv.write_text(result.as_csv())
    return result


# what the logs say


@dataclass(frozen=True)
class _Heard:
    """A log that moves shares of the account."""

    log: DecodedLog
    kind: MovementKind
    shares: int
    assets: int | None
    comes: bool


def _movements(
    known: Contracts, chain: Chain, vault: DepositorVault, who: str, block: int
) -> list[ShareMovement]:
    """Return every movement of an account's shares up to a block, in order.

    Raises:
        ChainAway: the node does not hand out the logs.
    """
    heard = [each for each in _heard(known, chain, vault, who, block) if each.shares]
    heard.sort(key=lambda each: (each.log.block, each.log.index))
    times = _times(known, sorted({each.log.block for each in heard}))
    return [
        ShareMovement(
            times[each.log.block], each.log.block, each.log.transaction, each.kind, each.shares,
            each.assets, each.comes,
        )
        for each in heard
    ]  # fmt: skip


def _heard(
    known: Contracts, chain: Chain, vault: DepositorVault, who: str, block: int
) -> Iterator[_Heard]:
    """Yield what moves shares of the account. Shares of its redemptions are its own until they are
    paid; where owner, controller and receiver are several, shares go from one to the other."""

    heard = chain.logs_naming(vault.address, "Vault", (*ENDS, *MOVES), who, block)
    # the transfer to the vault comes right after its request; any other one is a gift to all
    asked = {(log.transaction, log.index + 1) for event, log in heard if event == "RedeemRequest"}
    for event, log in heard:
        if event in MOVES:
            giver, taker, amount = MOVES[event]
            sender, receiver = map(to_checksum_address, (log.args[giver], log.args[taker]))
            if (
                who not in (sender, receiver)
                or sender in (receiver, vault.address)
                or receiver == NOBODY
                or (event == "Transfer" and (log.transaction, log.index) in asked)
            ):
                continue  # the vault's other events say why
            comes = receiver == who
            came = MovementKind.FEE if sender == NOBODY else MovementKind.RECEIVED
            kind = came if comes else MovementKind.SENT
            yield _Heard(log, kind, log.args[amount], None, comes)
        elif to_checksum_address(log.args["owner"]) == who:
            yield _end_of(known, vault, who, event, log)


def _end_of(
    known: Contracts, vault: DepositorVault, who: str, event: str, log: DecodedLog
) -> _Heard:
    """Return what the end of a request, or an exit, moves."""
    shares = log.args["shares"]
    if event == "Withdraw":
        return _Heard(log, MovementKind.REDEEMED, shares, log.args["assets"], False)
    if event == "RedeemedInKind":
        cash = _paid_in_kind(known, vault, log)
        return _Heard(log, MovementKind.IN_KIND, shares, cash, False)
    if to_checksum_address(log.args["sender"]) == who:  # the controller
        return _Heard(log, MovementKind.BOUGHT, shares, log.args["assets"], True)
    return _Heard(log, MovementKind.RECEIVED, shares, None, True)  # who paid keeps the cost


def _paid_in_kind(known: Contracts, vault: DepositorVault, exit_: DecodedLog) -> int | None:
    """Return the assets that an exit in kind paid; None: outcome tokens came, too, without a
    price. What else its transaction pays, a claim or another exit, is not of it: delegated accounts
    pay before its event, the others after it, and the vault itself last."""
    receipt = known.request("eth_getTransactionReceipt", exit_.transaction)
    us, receiver = (topic_of(each) for each in (vault.address, exit_.args["receiver"]))
    paid = int(exit_.args["assets"])
    delegated = 0
    with understood("receipt"):
        logs: list[Log] = receipt["logs"]
        for log in sorted(logs, key=lambda each: quantity(each["logIndex"])):
            topics = [each.lower() for each in log["topics"]]
            source, place = log["address"].lower(), quantity(log["logIndex"])
            if place == exit_.index:
                paid += delegated
            elif place < exit_.index and source == vault.address.lower():
                if topics[0] == PAID:
                    delegated += int(log["data"][2:66], 16)
                elif topics[0] == LEFT:
                    delegated = 0
            elif place > exit_.index and receiver in topics[2:]:
                if topics[0] in TOKENS:
                    return None
                if topics[0] == TRANSFER and source == vault.asset.address.lower():
                    if topics[1] == us:
                        break
                    paid += quantity(log["data"])
    return paid


def _times(known: Contracts, blocks: list[int]) -> dict[int, int]:
    asked = [("eth_getBlockByNumber", (hex(each), False)) for each in blocks]
    with understood("block"):
        found = [quantity(each["timestamp"]) for each in known.request_all(asked)]
    return dict(zip(blocks, found, strict=True))


def _shares_at(chain: Chain, vault: DepositorVault, who: str, block: int) -> int:
    """Return the shares that an account holds or has asked to redeem, at a block."""

    def ask(function: str, *arguments: object) -> Ask:
        return Ask(vault.address, "Vault", function, arguments)

    side = SIDES[RequestKind.REDEEM]
    held, epochs = chain.ask([ask("balanceOf", who), ask("liveEpochs", side, who)], block)
    waits = [
        ask(function, epoch, who)
        for epoch in epochs
        for function in ("pendingRedeemRequest", "claimableRedeemRequest")
    ]
    return int(held) + sum(map(int, chain.ask(waits, block) if waits else ()))


def _place(move: ShareMovement) -> tuple[str, int, str, str]:
    return moment(move.time).removesuffix(" UTC"), move.block, str(move.kind), move.transaction


def _units(amount: int | None, unit: int = MICRO) -> str:
    return "" if amount is None else exact_units(amount, unit)
