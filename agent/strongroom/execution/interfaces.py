"""What the keeper needs of the world, as interfaces: a chain, a venue, somebody who carries out
the Safe's transactions, somebody who listens. The live ones stand beside; a backtest has its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2

from strongroom.chain.calls import Ask, Call, Head, LogReads
from strongroom.chain.ids import ConditionId, Json, OrderHash, TokenId, TransactionKey
from strongroom.chain.orders import OrderKind
from strongroom.journal.states import AnswerKind, TradeStatus, TransactionState, VenueWord
from strongroom.signing.deposit_wallet import WalletBatch

Listener = Callable[[str, Mapping[str, Json]], None]  # takes an event's name and fields


class ChainReads(LogReads, Protocol):
    """A chain that answers; whatever does not answer raises ChainAway."""

    @property
    def chain_id(self) -> int:
        """The chain's number."""

    def ask(self, asked: Sequence[Ask], block: int | None = None) -> list[Any]:
        """Return the answers of many reads, as of a block or of the newest one; raises
        CallReverted."""

    def ask_one(self, address: str, contract: str, function: str, *arguments: object) -> Any:
        """Return the answer of one read; raises CallReverted."""

    def at_head(self, asked: Sequence[Ask], block: int | None = None) -> tuple[Head, list[Any]]:
        """Return the newest block, and the answers of a few reads, at once; as `ask`."""

    def now(self, depth: int = 0) -> int:
        """Return the timestamp of the newest block, or of the one so many below it."""


@dataclass(frozen=True)
class VenueAnswer:
    """What came of a request to the venue about an order.

    Attributes:
        matched: what the venue says has been matched of it, micro-tokens; None: it does not say
    """

    kind: AnswerKind
    venue: VenueWord = VenueWord.NONE
    detail: str = ""
    matched: int | None = None


@dataclass(frozen=True)
class VenueTrade:
    """An order's part of a match, as the venue tells it: how far it has come to the chain, and how
    many tokens, micro-units."""

    status: TradeStatus
    size: int


class OrderVenue(Protocol):
    """The venue's order service under one API key."""

    trouble: str  # why it took no order when it was last asked to; empty: it did

    def place(
        self,
        order: OrderV2,
        signature: bytes,
        kind: OrderKind = OrderKind.GTC,
        expiry: int = 0,
    ) -> VenueAnswer:
        """Post an order once; its hash is its identity, so the same one twice is a yes."""

    def look(self, order_hash: OrderHash) -> VenueAnswer:
        """Ask after an order; REFUSED: the venue does not know it."""

    def cancel(self, order_hash: OrderHash) -> VenueAnswer:
        """Ask for an order's end; REFUSED: it was over already, or never there."""

    def trades(
        self, order_hash: OrderHash, condition: ConditionId
    ) -> Mapping[str, VenueTrade] | None:
        """Return an order's trades by id; None: no answer."""

    def heartbeat(self) -> VenueAnswer:
        """Say that we live."""

    def time(self) -> int | None:
        """Return the venue's clock, seconds; None: no answer."""

    def refresh_funds(self, token: TokenId | None = None) -> None:
        """Let the venue look again at our collateral, or at our balance of an outcome token."""


class RelayState(StrEnum):
    """How far the venue's relayer has come with what it was asked to carry."""

    UNDER_WAY = "under way"
    DONE = "done"
    FAILED = "failed"


class WalletRelayer(Protocol):
    """Makes deposit wallets and Safes, carries batches in. Raises Away where it does not answer,
    Refused where it does not do it."""

    def make_wallet(self, owner: str, factory: str) -> str:
        """Ask for an owner's deposit wallet; return the action's id."""

    def make_safe(self, owner: str, safe: str, factory: str, signature: bytes) -> str:
        """Ask for an owner's Safe, with his signature; return the action's id."""

    def carry(self, batch: WalletBatch, owner: str, factory: str, signature: bytes) -> str:
        """Ask to bring a batch to its wallet; return the action's id."""

    def look(self, action: str) -> tuple[RelayState, str]:
        """Return how far an action has come, and why it failed."""


class SafeSender(Protocol):
    """Carries out transactions of one Safe, each once."""

    @property
    def moves(self) -> int:
        """How many steps transactions have taken: as long as it stays, nothing was moved."""

    def state(self, key: TransactionKey) -> tuple[TransactionState | None, str]:
        """Return how far a transaction has come, and why; None: it is not known."""

    def carries(self, purpose: str) -> bool:
        """Whether a transaction of this purpose is under way."""

    def is_free(self) -> bool:
        """Whether what is planned now goes out at once, before anything else of ours can change
        what it was made from; raises NotSigned."""

    def withdraw(self, key: TransactionKey) -> None:
        """Drop a transaction that was never sent; any other stays as it is."""

    def run(
        self,
        key: TransactionKey,
        purpose: str,
        calls: Sequence[Call],
        now: int | None = None,
        until: int | None = None,
    ) -> tuple[TransactionState, str]:
        """Plan a transaction and take it as far as it goes now; raises NotSigned.

        Args:
            now: the newest block's timestamp; None: it is asked for
            until: the last moment at which it may be sent, timestamp; None: as for all
        """

    def advance(self) -> None:
        """Take all open transactions as far as they go now; raises NotSigned."""
