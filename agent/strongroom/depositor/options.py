"""Inputs and results of a depositor's commands: one record each way.

The command line fills the options and prints the outcome; nothing here knows a terminal.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum

from strongroom.depositor.amounts import money, shares_text


class RequestKind(StrEnum):
    """Which request."""

    DEPOSIT = "deposit"
    REDEEM = "redeem"


def _silent(words: str) -> None:
    return None


def _never(question: str) -> bool:
    return False


@dataclass(frozen=True)
class Options:
    """The account, the vault and the chain of a command.

    Attributes:
        rpc: the node's URL
        vault: its address
        account: a keystore file, an ape account's name, or TEST::n; for the position also an
            address
        dry_run: say what would happen, send nothing
        say: is handed each line of the preview and of the progress
        ask: is handed the question before anything is sent; sends only where it returns True
        passphrase: asks for a keystore's, where STRONGROOM_PASSPHRASE has none
    """

    rpc: str
    vault: str
    account: str
    dry_run: bool = False
    say: Callable[[str], None] = _silent
    ask: Callable[[str], bool] = _never
    passphrase: Callable[[str], str] | None = None


@dataclass(frozen=True, kw_only=True)
class DepositOptions(Options):
    """`amount`: units of the vault's asset, e.g. "1_000.50", or "all"."""

    amount: str


@dataclass(frozen=True, kw_only=True)
class RedeemOptions(Options):
    """`shares`: whole shares, e.g. "400.25", or "all"."""

    shares: str


@dataclass(frozen=True, kw_only=True)
class ClaimOptions(Options):
    """Takes what reports have settled."""


@dataclass(frozen=True, kw_only=True)
class CancelOptions(Options):
    """Which request to take back; may be left out if there is only one.

    Attributes:
        side: deposit or redeem
        request: its id
    """

    side: RequestKind | None = None
    request: int | None = None


@dataclass(frozen=True, kw_only=True)
class PositionOptions(Options):
    """Shows what is held, waits and can be claimed; sends nothing."""


@dataclass(frozen=True, kw_only=True)
class ExitOptions(Options):
    """Leaves in kind.

    Attributes:
        shares: whole shares, or "all"; None: those of a waiting redemption
        request: the id of that redemption
        skip: ids of markets whose part is given up
    """

    shares: str | None = None
    request: int | None = None
    skip: tuple[str, ...] = ()


@dataclass(frozen=True)
class RequestLine:
    """A request as it is shown: assets of a deposit in micro-units, shares in base units.

    Attributes:
        pending: what no report has dealt with
        words: where it stands, and what can be done
    """

    side: RequestKind
    request_id: int
    pending: int
    claimable: int
    state: str
    words: str


@dataclass(frozen=True)
class DepositorPosition:
    """Somebody's part of a vault; assets in micro-units, shares in base units.

    Attributes:
        worth: of the shares, at the bid
        waiting_deposit: assets that no report has dealt with; waiting_redeem: shares
        claimable_deposit: assets whose shares can be claimed
        nav_bid: of the whole vault, and nav_ask
        requests: that are not wholly claimed
        notices: what the owner has announced, or that the node does not say it
    """

    shares: int
    worth: int
    waiting_deposit: int
    claimable_deposit: int
    claimable_shares: int
    waiting_redeem: int
    claimable_assets: int
    nav_bid: int
    nav_ask: int
    requests: tuple[RequestLine, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class MinedTransaction:
    """One mined transaction; `what` is its function's name."""

    what: str
    transaction: str
    block: int
    gas: int


@dataclass(frozen=True)
class CommandResult:
    """The result of a command.

    Attributes:
        preview: what was printed before
        sent: whether the transactions were sent
        handed_over: in words, e.g. "1,000.00 pUSD"; empty where nothing was
        next: what to do next
        position: as it is now
    """

    preview: tuple[str, ...]
    sent: bool
    transactions: tuple[MinedTransaction, ...]
    handed_over: str
    next: str
    position: DepositorPosition

    def lines(self) -> list[str]:
        """Return what is printed after the preview."""
        if not self.sent:
            return ["Nothing was sent."]
        done = [
            f"{each.what}: transaction {each.transaction}, block {each.block}, {each.gas:,} gas"
            for each in self.transactions
        ]
        handed = [f"You handed over {self.handed_over}."] if self.handed_over else []
        return [*done, *handed, self.next]

    def as_json(self) -> str:
        """Return everything as one line of JSON."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class PositionResult:
    """An account's position in a vault, and its asset's symbol."""

    position: DepositorPosition
    symbol: str

    def lines(self) -> list[str]:
        """Return what is printed."""
        found = self.position

        def assets(micro: int) -> str:
            return f"{money(micro)} {self.symbol}"

        return [
            f"shares                {shares_text(found.shares)}, {assets(found.worth)} at the bid",
            f"waiting deposit       {assets(found.waiting_deposit)}",
            f"shares to claim       {shares_text(found.claimable_shares)}",
            f"waiting redemption    {shares_text(found.waiting_redeem)} shares",
            f"assets to claim       {assets(found.claimable_assets)}",
            f"the vault             {assets(found.nav_bid)} at the bid, "
            f"{assets(found.nav_ask)} at the ask",
            *(self._line(each) for each in found.requests),
            *found.notices,
        ]

    def _line(self, each: RequestLine) -> str:
        if each.side is RequestKind.DEPOSIT:
            amount = f"{money(each.pending or each.claimable)} {self.symbol}"
        else:
            amount = f"{shares_text(each.pending or each.claimable)} shares"
        name = f"{each.side} request {each.request_id}"
        return f"{name:21} {amount}, {each.words}"

    def as_json(self) -> str:
        """Return everything as one line of JSON."""
        return json.dumps(asdict(self.position) | {"symbol": self.symbol})
