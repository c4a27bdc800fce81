"""A Safe's transactions: one after the other, each executed once, whatever breaks.

A Safe executes one transaction a nonce. So a transaction that may be out there is never signed for
a second nonce before the first has been used by something else, and what used it is known by
the Safe's own event. The executor that carries them pays the gas and may be replaced at any time.
Keeper and reporter have a Safe, and a transactor, each; they share journal and executor.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from eth_account.signers.local import LocalAccount
from eth_typing import HexStr

from strongroom.chain.calls import NEWEST, Ask, Call, DecodedLog, Head, Read, value_of
from strongroom.chain.failures import FeeTooLow, PlaceTaken, TransactionRefused
from strongroom.chain.gas import at_most
from strongroom.chain.ids import Json, TransactionKey, to_bytes, to_hex, transaction_key
from strongroom.chain.rpc import (
    FEES,
    Chain,
    checksum,
    count_of,
    estimate,
    presence_of,
)
from strongroom.errors import Refused
from strongroom.execution.dry_run import DryRun
from strongroom.execution.fees import DEFAULT_RULES, FeeOffers, FeeRules, Offer
from strongroom.execution.interfaces import Listener
from strongroom.journal import Journal, SafeTransaction
from strongroom.journal.states import TRANSACTION_OVER, TransactionState
from strongroom.signing.safe import batch, execution
from strongroom.signing.signers import CosignerRefused, Signers, TransactionRequest

EXECUTION = 120_000  # gas of a Safe transaction beside its calls, with room
BUMP_PERCENT = 115  # a replacement must pay at least a tenth more
SEARCHED_BLOCKS = 10_000  # back, at most, for what others have sent through the Safe
REORG_BLOCKS = 64  # a block undone may come back this much lower
LATE = "planned too long ago"


class NotSent(Refused):
    """The node refuses a transaction again and again; its words are in the message. It is tried
    once more at each look."""


@dataclass(frozen=True)
class _Terms:
    """What sending a transaction depends on, asked for at once when the first of it is wanted."""

    nonce: Callable[[], int]  # the Safe's next
    count: Callable[[], int]  # the executor's next nonce
    newest: Callable[[], Head]
    gas: Callable[[], int]  # raises TransactionRefused
    fees: Callable[[], tuple[int, int]]


class Transactor:
    """Carries out one Safe's transactions."""

    def __init__(
        self,
        journal: Journal,
        chain: Chain,
        signers: Signers,
        executor: LocalAccount,
        multi_send: str,
        confirmations: int = 0,
        patience_s: float = 2.0,
        bump_after_s: int = 30,
        stale_after_s: int = 600,
        fees: FeeRules = DEFAULT_RULES,
        refusals: int = 3,
        on_event: Listener = lambda event, fields: None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the parts.

        Args:
            executor: pays the gas
            multi_send: address of MultiSendCallOnly 1.4.1
            confirmations: blocks on top, before a transaction counts as done
            patience_s: how long to wait for a block before going on with something else
            bump_after_s: unmined for longer, it is sent again with a higher fee
            stale_after_s: from its planning, the last moment at which it is sent; then its nonce is
                used up by nothing, or, never sent, it is dropped
            refusals: of one transaction by the node, until it is `NotSent`
            on_event: is called at a transaction's first refusal
        """
        self._book, self._chain, self._signers = journal.transactions, chain, signers
        self._executor, self._multi_send = executor, multi_send
        self._count_read = count_of(executor.address)
        self._confirmations, self._patience = confirmations, patience_s
        self._bump_after, self._stale_after, self._pause = bump_after_s, stale_after_s, pause
        self._safe = checksum(signers.safe.address)
        self._nothing = (Call(signers.safe.address, "0x"),)  # what a cancel does
        self._safes_nonce: Read[int] = value_of(Ask(self._safe, "Safe", "nonce"))
        self._dry_run = DryRun(chain, self._safe, multi_send, executor.address)
        self._fees = FeeOffers(journal, chain, fees, on_event)
        self._limit, self._on_event = refusals, on_event
        self._refusals: dict[TransactionKey, int] = {}  # one after the other
        self._foreign: set[str] = set()  # carriers that were told of

    @property
    def moves(self) -> int:
        """How many steps transactions have taken."""
        return self._book.moves

    def plan(
        self,
        key: TransactionKey,
        purpose: str,
        calls: Sequence[Call],
        now: int | None = None,
        until: int | None = None,
    ) -> None:
        """Keep a transaction to be carried out; the same key again is the same one.

        Args:
            now: the newest block's timestamp; None: it is asked for
            until: the last moment at which it may be sent, timestamp; None: see stale_after_s
        """
        time = self._chain.now() if now is None else now
        last = time + self._stale_after
        last = last if until is None else min(last, until)
        self._book.plan(key, purpose, calls, time, self._safe, until=last)

    def state(self, key: TransactionKey) -> tuple[TransactionState | None, str]:
        """Return how far a transaction has come, and why."""
        found = self._book.find(key)
        return (None, "") if found is None else (found.state, found.reason)

    def carries(self, purpose: str) -> bool:
        """Whether one of this purpose is under way."""
        return any(each.purpose == purpose for each in self._book.open(self._safe))

    def is_free(self) -> bool:
        """Whether what is planned now goes out at once, before anything else of ours can be
        executed: nothing of this Safe is before it, and no other Safe's has the executor's nonce.

        Raises:
            NotSigned: signatures cannot be had.
        """
        self.advance()
        if any(each.state != TransactionState.MINED for each in self._book.open(self._safe)):
            return False
        self._signers.check()
        deadline = time.monotonic() + self._patience
        while self._waits_for_others():
            if time.monotonic() > deadline:
                return False
            self._pause(0.02)
        return True

    def withdraw(self, key: TransactionKey) -> None:
        """Drop a transaction that was never sent; any other stays as it is."""
        found = self._book.find(key)
        if found and found.state in (TransactionState.PLANNED, TransactionState.SIGNED):
            self._book.step(found, TransactionState.DROPPED, "withdrawn")

    def run(
        self,
        key: TransactionKey,
        purpose: str,
        calls: Sequence[Call],
        now: int | None = None,
        until: int | None = None,
    ) -> tuple[TransactionState, str]:
        """Plan a transaction and take everything as far as it goes now.

        Args:
            now, until: see plan

        Raises:
            NotSigned: signatures are missing; it stays planned.
        """
        self.plan(key, purpose, calls, now, until)
        self.advance()
        found = self._book.get(key)
        return found.state, found.reason

    def advance(self) -> None:
        """Take all open transactions as far as they go now: at the start, and every few seconds.

        Raises:
            NotSigned: the signatures of one are missing; it stays planned.
            NotSent: the node refuses one.
        """
        for planned in self._book.open(self._safe):
            if not self._advance(planned):
                return  # the next one waits for its nonce

    def _advance(self, this: SafeTransaction) -> bool:
        """Return whether the next transaction may go on."""
        deadline = time.monotonic() + self._patience
        while True:
            before = this.state
            if before == TransactionState.PLANNED and not self._sign(this):
                return True  # dropped
            waits = False
            if before in (TransactionState.SIGNED, TransactionState.SENT):
                waits = not self._carry(this)
            if before == TransactionState.MINED:
                self._confirm(this)
            this = self._book.get(this.key)
            if this.state in TRANSACTION_OVER:
                return True
            if waits:
                return False
            if this.state != before:
                continue
            if time.monotonic() > deadline:
                return this.state == TransactionState.MINED
            self._pause(0.02)

    # steps

    def _sign(self, this: SafeTransaction) -> bool:
        """Sign for the Safe's present nonce; drop what would revert or comes too late. A cancel is
        for one nonce only: it is dropped when that is gone, and for no other reason."""
        cancels, together = self._cancels(this), self._chain.together()
        newest, next_nonce = together.add(NEWEST), together.add(self._safes_nonce)
        passes = together.add(self._dry_run.read(this.calls))
        if self._is_late(this, newest().timestamp):
            self._book.step(this, TransactionState.DROPPED, LATE)
            return False
        try:
            passes()
        except TransactionRefused as refused:
            why = self._dry_run.told(this.calls, refused)
            self._book.step(this, TransactionState.DROPPED, why)
            return False
        nonce, before = next_nonce(), self._book.newest(self._safe)
        if before is not None and nonce > before.nonce + 1:
            self._tell_others(before, newest())
        if cancels and nonce != this.nonce:
            if nonce > this.nonce:
                self._book.step(this, TransactionState.DROPPED, f"nonce {this.nonce} is used")
            return False
        sent = batch(this.calls, self._multi_send)
        request = TransactionRequest(sent.to, sent.data, sent.operation, nonce, self._safe)
        try:
            signatures = self._signers.sign_transaction(request)
        except CosignerRefused as refusal:
            if not cancels:
                self._book.step(this, TransactionState.DROPPED, str(refusal))
            return False
        signed = replace(
            this,
            nonce=nonce,
            safe_hash=to_hex(request.transaction_hash(self._signers.safe)),
            signatures=signatures,
            block=newest().number,
            hashes=(),
            executor_nonce=None,
            max_fee=None,
        )
        self._book.step(signed, TransactionState.SIGNED)
        return True

    def _nonce(self) -> int:
        """Return the Safe's next nonce."""
        return int(self._chain.ask_one(self._safe, "Safe", "nonce"))

    def _cancels(self, this: SafeTransaction) -> bool:
        """Whether it does nothing but use its nonce up."""
        return this.calls == self._nothing

    def _carry(self, this: SafeTransaction) -> bool:
        """See whether it was executed; if not, send it. Return whether to look again at once."""
        if this.state == TransactionState.SENT:
            together = self._chain.together()
            # in this order: a block that comes meanwhile shows its nonce with its count
            count, nonce = together.add(self._count_read), together.add(self._safes_nonce)
            newest = together.add(NEWEST)
            known = [together.add(presence_of(each)) for each in this.hashes]
            if nonce() > this.nonce:
                return self._find_out(this)
            is_known, now = any(each() for each in known), newest().timestamp
            if not self._is_late(this, now) and not self._is_due(this, count(), is_known, now):
                return True
        call = execution(self._safe, batch(this.calls, self._multi_send), this.signatures)
        terms = self._terms(call)
        if terms.nonce() > this.nonce:
            return self._find_out(this)
        if self._is_late(this, terms.newest().timestamp):
            return self._give_up(this, LATE)
        try:
            gas = terms.gas()
        except TransactionRefused as error:  # any other error says nothing about it
            return self._give_up(this, self._dry_run.why(this.calls, str(error)))
        return self._send(this, call, limit_of(gas), terms)

    def _terms(self, call: Call) -> _Terms:
        """Return what sending a call depends on."""
        together = self._chain.together()
        return _Terms(
            together.add(self._safes_nonce),
            together.add(self._count_read),
            together.add(NEWEST),
            together.add(estimate(self._executor.address, call.to, call.data)),
            together.add(FEES),
        )

    def _find_out(self, this: SafeTransaction) -> bool:
        """Its nonce is used: by it, or by something else. Return whether to look again at once."""
        newest, block = self._executed(this)
        if block is not None:
            self._book.step(replace(this, mined=block), TransactionState.MINED)
            self._end(self._book.get(this.key), newest, block)
        elif self._is_another(this, newest):
            self._tell_others(this, newest)
            why = f"nonce {this.nonce} was used by another"
            over = TransactionState.DROPPED if self._cancels(this) else TransactionState.PLANNED
            self._book.step(this, over, why)
        return True

    def _is_late(self, this: SafeTransaction, now: int) -> bool:
        """Whether it may not be sent any more; a cancel always may."""
        return this.until is not None and now > this.until

    def _is_due(self, this: SafeTransaction, count: int, is_known: bool, now: int) -> bool:
        """Whether a sent transaction must be sent again: its carrier is gone, or it takes long."""
        if this.executor_nonce is None or count > this.executor_nonce:
            return True  # its place was taken: mined and undone, or replaced
        return not is_known or now - this.sent > self._bump_after

    def _send(self, this: SafeTransaction, call: Call, gas: int, terms: _Terms) -> bool:
        """Send it; return whether to look again at once.

        Raises:
            NotSent: the node has refused it too often.
        """
        nonce, now = terms.count(), terms.newest().timestamp
        if self._is_taken(nonce, now):
            return True
        offer = self._offer(this, nonce, self._fees.offer(terms.fees(), now))
        if offer.fee > self._fees.rules.most:
            why = f"it would pay {offer.fee} wei a gas, at most {self._fees.rules.most} are allowed"
            return self._count(this, why, offer)
        signed = self._executor.sign_transaction(
            {
                "type": 2,
                "to": HexStr(call.to),
                "data": HexStr(call.data),
                "value": 0,
                "nonce": nonce,
                "gas": gas,
                "chainId": self._chain.chain_id,
                "maxFeePerGas": offer.fee,
                "maxPriorityFeePerGas": offer.tip,
            }
        )
        hashes = (*this.hashes, to_hex(bytes(signed.hash)))
        carried = replace(this, hashes=hashes, executor_nonce=nonce, max_fee=offer.fee, sent=now)
        self._book.step(carried, TransactionState.SENT)
        try:
            self._chain.send(bytes(signed.raw_transaction))
        except PlaceTaken:
            return True  # looked at again
        except TransactionRefused as refused:
            self._book.step(this, TransactionState.SENT, str(refused))  # this carrier is not out
            learnt = isinstance(refused, FeeTooLow) and self._fees.learn(refused, offer)
            return self._count(this, str(refused), offer, learnt)
        self._refusals.pop(this.key, None)
        return True

    def _offer(self, this: SafeTransaction, nonce: int, offer: Offer) -> Offer:
        """Return what to pay: more than the carrier that it replaces, if it does."""
        if nonce != this.executor_nonce or this.max_fee is None:
            return offer
        fee = max(offer.fee, this.max_fee * BUMP_PERCENT // 100)
        return Offer(max(offer.tip, fee // 2), fee)

    def _count(self, this: SafeTransaction, why: str, offer: Offer, learnt: bool = False) -> bool:
        """Count a refusal, tell the first one; return whether to try again at once: where a better
        fee was learnt, which does not count.

        Raises:
            NotSent: it was one too many.
        """
        if this.key not in self._refusals:
            told: dict[str, Json] = {"purpose": this.purpose, "why": why}
            self._on_event("send_refused", told | {"tip": offer.tip, "fee": offer.fee})
        times = self._refusals[this.key] = self._refusals.get(this.key, 0) + (not learnt)
        if learnt:
            return True
        if times >= self._limit:
            raise NotSent(f"{this.purpose!r} was refused {times} times, at last: {why}")
        return False

    def _waits_for_others(self) -> bool:
        """Whether another Safe's transaction has the executor's next nonce; the node is asked only
        where one is under way."""
        sent = [each for each in self._book.open() if each.state == TransactionState.SENT]
        if all(each.safe == self._safe for each in sent):
            return False
        return self._is_taken(self._chain.sent_by(self._executor.address), self._chain.now())

    def _is_taken(self, nonce: int, now: int) -> bool:
        """Whether the executor's nonce carries another Safe's transaction, which must not be
        replaced as long as it may be mined soon."""
        return any(
            each.safe != self._safe
            and each.state == TransactionState.SENT
            and each.executor_nonce == nonce
            and now - each.time <= self._stale_after
            and any(self._chain.is_known(carrier) for carrier in each.hashes)
            for each in self._book.open()
        )

    def _give_up(self, this: SafeTransaction, why: str) -> bool:
        """It would revert now, or it is late. Never sent, it is dropped; else its nonce is used up
        by nothing, if it is still unused. Return whether to look again at once."""
        if this.state == TransactionState.SIGNED:
            self._book.step(this, TransactionState.DROPPED, why)
            return True
        if self._cancels(this) or self._nonce() != this.nonce:
            return True  # executed meanwhile, that is why it was refused: looked at again
        key = transaction_key(to_bytes(this.key) + b"cancel")
        while (known := self._book.find(key)) is not None and known.state in TRANSACTION_OVER:
            key = transaction_key(to_bytes(key) + b"cancel")  # one before was for an earlier nonce
        purpose, now = f"cancel nonce {this.nonce}", self._chain.now()
        self._book.plan(key, purpose, self._nothing, now, self._safe, this.nonce)
        cancel = self._book.get(key)
        if cancel.state == TransactionState.PLANNED:
            return self._sign(cancel)
        return self._carry(cancel)

    def _executed(self, this: SafeTransaction) -> tuple[Head, int | None]:
        """Return the newest block, and that in which the Safe says that it executed it."""
        since, mine = max(0, this.block - REORG_BLOCKS), {"txHash": this.safe_hash}
        newest, logs = self._chain.logs_at_head(self._safe, "Safe", "ExecutionSuccess", since, mine)
        return newest, logs[0].block if logs else None

    def _is_another(self, this: SafeTransaction, newest: Head) -> bool:
        """Whether it is certain that something else has used the nonce: the Safe's own events show
        as many executions since as nonces are gone, and none of them is ours. A node may know the
        new nonce before the event that belongs to it; then nothing is certain yet. After a while no
        event will come any more: planned anew, it is dropped as too old, and not done twice."""
        if newest.timestamp - max(this.time, this.sent) > self._stale_after:
            return True
        if newest.number <= this.block:
            return False  # some nodes refuse to search blocks that they do not have
        gone = self._nonce() - this.nonce
        seen = [log.args["txHash"] for log in self._executions(this.block)]
        return len(seen) >= gone and this.safe_hash not in seen

    def _executions(self, block: int) -> list[DecodedLog]:
        """Return what the Safe has executed after a block."""
        return [
            log
            for event in ("ExecutionSuccess", "ExecutionFailure")
            for log in self._chain.logs(self._safe, "Safe", event, block)
            if log.block > block  # asked for later ones alone, a node without any refuses
        ]

    def _tell_others(self, since: SafeTransaction, newest: Head) -> None:
        """Tell, once each, of the Safe's transactions that this journal does not know: a person's,
        or those of a second keeper with a journal of its own."""
        block = max(since.block, newest.number - SEARCHED_BLOCKS)
        if newest.number <= block:
            return
        ours = {each.safe_hash for each in self._book.all() if each.safe == self._safe}
        for log in self._executions(block):
            if log.args["txHash"] in ours or log.transaction in self._foreign:
                continue
            self._foreign.add(log.transaction)
            sender = self._chain.sender_of(log.transaction)
            who = f"{sender or 'somebody whom the node does not know'}: a person, or another keeper"
            if sender == self._executor.address:
                who = (
                    "this keeper's executor: another keeper has its keys and another journal, or "
                    "this journal came from a backup"
                )
            told: dict[str, Json] = {"safe": self._safe, "transaction": log.transaction}
            self._on_event("safe_used_by_another", told | {"who": who})

    def _confirm(self, this: SafeTransaction) -> None:
        newest, block = self._executed(this)
        if block is not None:
            self._end(this, newest, block)
        elif self._nonce() <= this.nonce or self._is_another(this, newest):
            self._book.step(this, TransactionState.SENT, "its block was undone")

    def _end(self, mined: SafeTransaction, newest: Head, block: int) -> None:
        """It is done once its block is deep enough."""
        if newest.number >= block + self._confirmations:
            self._book.step(replace(mined, mined=block), TransactionState.DONE)


def limit_of(estimate: int) -> int:
    """Return the gas that a Safe's transaction is sent with, for what a node says that it needs."""
    return at_most(estimate * 5 // 4 + EXECUTION // 10)
