"""Actions on their way to the chain: one a wallet at a time, each followed to its end (VENUE b)."""

import asyncio
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from strongroom.chain.ids import JsonObject
from strongroom.chain.units import DAY
from strongroom.devnet.clob.errors import TOO_MANY, Refusal, bad
from strongroom.devnet.clob.habits import Habits
from strongroom.devnet.clob.node import RpcError
from strongroom.devnet.relayer.chain import Errand, RelayChain

MINUTE_S = 60
BUSY = "wallet busy: another active action is in progress"
STALE = "batch nonce {given} does not match on-chain nonce {there}"


class ActionState(StrEnum):
    """How far an action has come; the last three are final."""

    NEW = "STATE_NEW"
    EXECUTED = "STATE_EXECUTED"  # sent
    MINED = "STATE_MINED"
    CONFIRMED = "STATE_CONFIRMED"
    INVALID = "STATE_INVALID"  # it would have failed, so it was not sent
    FAILED = "STATE_FAILED"


OVER = (ActionState.CONFIRMED, ActionState.INVALID, ActionState.FAILED)


@dataclass
class Action:
    """What the relayer has taken."""

    id: str
    kind: str
    key: str  # that brought it
    sender: str  # who signed
    wallet: str
    errand: Errand
    metadata: str
    created_at: int
    state: ActionState = ActionState.NEW
    transaction: str = ""
    error: str = ""
    updated_at: int = 0

    def as_submitted(self) -> JsonObject:
        """Return it as `/submit` answers: the hash is mostly not known yet."""
        return {
            "transactionID": self.id,
            "transactionHash": self.transaction,
            "state": self.state.value,
        }

    def as_status(self) -> JsonObject:
        """Return it as `/v1/account/transactions/` shows it."""
        return {
            "transaction_id": self.id,
            "transaction_hash": self.transaction,
            "state": self.state.value,
            "error_msg": self.error or None,
        }

    def as_transaction(self) -> JsonObject:
        """Return it as `/transaction` shows it."""
        return {
            "transactionID": self.id,
            "transactionHash": self.transaction,
            "from": self.sender,
            "to": self.errand.to,
            "proxyAddress": self.wallet,
            "data": "0x" + self.errand.data.hex(),
            "value": "0",
            "state": self.state.value,
            "type": self.kind,
            "metadata": self.metadata,
            "createdAt": str(self.created_at),
            "updatedAt": str(self.updated_at or self.created_at),
        }


class Actions:
    """All actions of the relayer."""

    def __init__(
        self, chain: RelayChain, clock: Callable[[], float], habits: Callable[[], Habits]
    ) -> None:
        """Take a clock of this machine, by which clients are held back."""
        self._chain, self._clock, self._habits = chain, clock, habits
        self._known: dict[str, Action] = {}
        self._busy: dict[str, str] = {}  # wallet in lower case -> action
        self._times: dict[str, deque[float]] = defaultdict(deque)  # key -> when it submitted
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, action_id: str) -> Action | None:
        """Return an action, or None."""
        return self._known.get(action_id)

    def of(self, key: str) -> list[Action]:
        """Return what a key has brought, newest first."""
        return [each for each in reversed(self._known.values()) if each.key == key]

    def count(self, key: str) -> None:
        """Count a submission of a key.

        Raises:
            Refusal: 429, too many in a minute or a day.
        """
        now, times, habits = self._clock(), self._times[key], self._habits()
        while times and times[0] <= now - DAY:
            times.popleft()
        in_minute = [each for each in times if each > now - MINUTE_S]
        if len(in_minute) >= habits.submits_a_minute:
            raise _too_many(in_minute[0] + MINUTE_S - now)
        if len(times) >= habits.transactions_a_day:
            raise _too_many(times[0] + DAY - now)
        times.append(now)

    async def check_nonce(self, wallet: str, nonce: int) -> None:
        """Refuse a nonce that is not the wallet's next.

        Raises:
            Refusal: 400, in words that clients read both numbers from.
        """
        there = await self._chain.nonce_of(wallet)
        if nonce != there:
            raise bad(STALE.format(given=nonce, there=there))

    def check_free(self, wallet: str) -> None:
        """Refuse a second action of a wallet while one is under way.

        Raises:
            Refusal: 400, in words that clients know to try again.
        """
        if wallet.lower() in self._busy:
            raise bad(BUSY)

    def take(
        self,
        kind: str,
        key: str,
        sender: str,
        wallet: str,
        errand: Errand,
        metadata: str = "",
        then: Callable[[Action], None] = lambda action: None,
    ) -> Action:
        """Begin an action.

        Args:
            then: is called when it has ended

        Raises:
            Refusal: see check_free.
        """
        self.check_free(wallet)
        now = int(self._clock())
        action = Action(str(uuid.uuid4()), kind, key, sender, wallet, errand, metadata, now)
        self._known[action.id] = action
        self._busy[wallet.lower()] = action.id
        task = asyncio.create_task(self._carry(action, then))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return action

    async def _carry(self, action: Action, then: Callable[[Action], None]) -> None:
        try:
            await self._send(action)
        except RpcError as error:
            self._step(action, ActionState.FAILED, str(error))
        finally:
            del self._busy[action.wallet.lower()]
            then(action)

    async def _send(self, action: Action) -> None:
        if why := await self._chain.refusal_of(action.errand):
            self._step(action, ActionState.INVALID, why)
            return
        action.transaction = await self._chain.send(action.errand)
        self._step(action, ActionState.EXECUTED)
        if not await self._chain.wait(action.transaction):
            self._step(action, ActionState.FAILED, "execution reverted")
            return
        self._step(action, ActionState.MINED)
        self._step(action, ActionState.CONFIRMED)  # a devnet's blocks are final

    def _step(self, action: Action, state: ActionState, error: str = "") -> None:
        action.state, action.error = state, error
        action.updated_at = int(self._clock())


def _too_many(seconds: float) -> Refusal:
    refusal = Refusal(429, TOO_MANY)
    refusal.headers = {"Retry-After": str(max(1, int(seconds) + 1))}
    return refusal
