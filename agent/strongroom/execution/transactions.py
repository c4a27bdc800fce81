"""The keeper's Safe transactions: one after the other, each executed once, whatever breaks.

A Safe executes one transaction a nonce. So a transaction that may be out there is never signed for
a second nonce before the first has been used by something else, and the one that uses it is told by
the Safe's own event. The executor that carries them pays the gas and may be replaced at any time.
"""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from eth_account.signers.local import LocalAccount
from hexbytes import HexBytes
from sqlalchemy.engine import Row
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3RPCError

from strongroom.chain.calls import Call
from strongroom.chain.ids import keccak
from strongroom.chain.rpc import Chain, TransactionRefused
from strongroom.journal import Journal
from strongroom.journal.states import Sending
from strongroom.journal.transactions import OVER, calls_of, hashes_of
from strongroom.signing.safe import Batch, batch, execute_arguments, safe_abi
from strongroom.signing.signers import CosignerRefused, Signers, TransactionRequest

EXECUTION = 120_000  # gas of a Safe transaction beside its calls, with room
BUMP_PERCENT = 115  # a replacement must pay at least a tenth more
REORG_BLOCKS = 64  # a block undone may come back this much lower
MAX_WEI = 10**13  # a gas; what would cost more waits


class Transactor:
    """Carries out the Safe's transactions."""

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
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the parts.

        Args:
            executor: pays the gas
            multi_send: address of MultiSendCallOnly 1.4.1
            confirmations: blocks on top, before a transaction counts as done
            patience_s: how long to wait for a block before going on with something else
            bump_after_s: unmined for longer, it is sent again with a higher fee
            stale_after_s: planned for longer and not signed, it is dropped
        """
        self._book, self._chain, self._signers = journal.transactions, chain, signers
        self._executor, self._multi_send = executor, multi_send
        self._confirmations, self._patience = confirmations, patience_s
        self._bump_after, self._stale_after, self._pause = bump_after_s, stale_after_s, pause
        self._safe = chain.web3.eth.contract(
            address=chain.checksum(signers.safe.address), abi=safe_abi()
        )

    def plan(self, key: bytes, purpose: str, calls: Sequence[Call]) -> None:
        """Keep a transaction to be carried out; the same key again is the same one."""
        self._book.plan(key, purpose, calls, self._chain.now())

    def state(self, key: bytes) -> tuple[Sending | None, str]:
        """Return how far a transaction has come, and why."""
        row = self._book.find(key)
        return (None, "") if row is None else (Sending(row.state), row.reason)

    def run(self, key: bytes, purpose: str, calls: Sequence[Call]) -> tuple[Sending, str]:
        """Plan a transaction and take everything as far as it goes now.

        Raises:
            NotSigned: signatures are missing; it stays planned.
        """
        self.plan(key, purpose, calls)
        self.advance()
        row = self._book.find(key)
        assert row is not None
        return Sending(row.state), row.reason

    def advance(self) -> None:
        """Take all open transactions as far as they go now: at the start, and every few seconds.

        Raises:
            NotSigned: the signatures of one are missing; it stays planned.
        """
        for row in self._book.open():
            if not self._advance(row):
                return  # the next one waits for its nonce

    def _advance(self, row: Row[Any]) -> bool:
        """Return whether the next transaction may go on."""
        deadline = time.monotonic() + self._patience
        while True:
            state = Sending(row.state)
            if state == Sending.PLANNED and not self._sign(row):
                return True  # dropped
            if state in (Sending.SIGNED, Sending.SENT):
                self._carry(row)
            if state == Sending.MINED:
                self._confirm(row)
            found = self._book.find(row.key)
            assert found is not None
            moved, row = found.state != state, found
            if row.state in OVER:
                return True
            if moved:
                continue
            if time.monotonic() > deadline:
                return bool(row.state == Sending.MINED)
            self._pause(0.02)

    # steps

    def _sign(self, row: Row[Any]) -> bool:
        """Sign for the Safe's present nonce; drop what would revert or comes too late."""
        if self._chain.now() - row.time > self._stale_after:
            self._book.step(row.key, Sending.DROPPED, "planned too long ago")
            return False
        try:
            self._simulate(calls_of(row))
        except TransactionRefused as refused:
            self._book.step(row.key, Sending.DROPPED, str(refused))
            return False
        nonce = self._safe.functions.nonce().call()
        sent = batch(calls_of(row), self._multi_send)
        request = TransactionRequest(sent.to, sent.data, sent.operation, nonce)
        try:
            signatures = self._signers.sign_transaction(request)
        except CosignerRefused as refusal:
            self._book.step(row.key, Sending.DROPPED, str(refusal))
            return False
        self._book.step(
            row.key,
            Sending.SIGNED,
            nonce=nonce,
            safe_hash="0x" + request.transaction_hash(self._signers.safe).hex(),
            signatures=signatures,
            block=self._chain.web3.eth.block_number,
            hashes="[]",
            executor_nonce=None,
            max_fee=None,
        )
        return True

    def _carry(self, row: Row[Any]) -> None:
        """See whether it was executed; if not, send it."""
        if self._safe.functions.nonce().call() > row.nonce:
            block = self._executed(row)
            if block is not None:
                self._book.step(row.key, Sending.MINED, mined=block)
            elif self._is_another(row):
                self._book.step(row.key, Sending.PLANNED, f"nonce {row.nonce} was used by another")
            return
        if row.state == Sending.SENT and not self._is_due(row):
            return
        sent = batch(calls_of(row), self._multi_send)
        call = self._safe.functions.execTransaction(*execute_arguments(sent, row.signatures))
        try:
            gas = call.estimate_gas({"from": self._chain.checksum(self._executor.address)})
        except ContractLogicError as error:  # any other error says nothing about it
            self._refused(row, sent, str(error))
            return
        self._send(row, call, gas * 5 // 4 + EXECUTION // 10)

    def _is_due(self, row: Row[Any]) -> bool:
        """Whether a sent transaction must be sent again: its carrier is gone, or it takes long."""
        count = self._chain.web3.eth.get_transaction_count(self._executor.address, "latest")
        if row.executor_nonce is None or count > row.executor_nonce:
            return True  # its place was taken: mined and undone, or replaced
        known = any(self._is_known(each) for each in hashes_of(row))
        waited = self._chain.now() - row.time
        return not known or waited > self._bump_after * len(hashes_of(row))

    def _is_known(self, transaction: str) -> bool:
        try:
            self._chain.web3.eth.get_transaction(HexBytes(transaction))
        except TransactionNotFound:
            return False
        return True

    def _send(self, row: Row[Any], call: Any, gas: int) -> None:
        eth = self._chain.web3.eth
        nonce = eth.get_transaction_count(self._executor.address, "latest")
        tip, fee = self._chain.fees()
        if nonce == row.executor_nonce and row.max_fee is not None:
            fee = max(fee, row.max_fee * BUMP_PERCENT // 100)
            tip = max(tip, fee // 2)
        if fee > MAX_WEI:
            return
        transaction = call.build_transaction(
            {
                "from": self._executor.address,
                "nonce": nonce,
                "gas": gas,
                "chainId": self._chain.chain_id,
                "maxFeePerGas": fee,
                "maxPriorityFeePerGas": min(tip, fee),
            }
        )
        signed = self._executor.sign_transaction(transaction)
        hashes = [*hashes_of(row), signed.hash.to_0x_hex()]
        self._book.step(
            row.key,
            Sending.SENT,
            hashes=json.dumps(hashes),
            executor_nonce=nonce,
            max_fee=fee,
        )
        try:
            eth.send_raw_transaction(signed.raw_transaction)
        except Web3RPCError:
            return  # known already, or its place was taken meanwhile: looked at again

    def _refused(self, row: Row[Any], sent: Batch, why: str) -> None:
        """It would revert now. Never sent, it is dropped; else its nonce is used up by nothing."""
        if row.state == Sending.SIGNED:
            self._book.step(row.key, Sending.DROPPED, self._reason(row, why))
            return
        nothing = [Call(self._signers.safe.address, "0x")]
        if calls_of(row) == nothing:
            return
        key = keccak(row.key + b"cancel")
        self._book.plan(key, f"cancel nonce {row.nonce}", nothing, self._chain.now())
        cancel = self._book.find(key)
        assert cancel is not None
        if cancel.state == Sending.PLANNED:
            self._sign(cancel)
        elif cancel.state in (Sending.SIGNED, Sending.SENT):
            self._carry(cancel)

    def _reason(self, row: Row[Any], why: str) -> str:
        try:
            self._simulate(calls_of(row))
        except TransactionRefused as refused:
            return str(refused)
        return why

    def _executed(self, row: Row[Any]) -> int | None:
        """Return the block in which the Safe says that it executed it."""
        logs = self._safe.events.ExecutionSuccess().get_logs(
            from_block=max(0, row.block - REORG_BLOCKS),
            argument_filters={"txHash": HexBytes(row.safe_hash)},
        )
        return int(logs[0]["blockNumber"]) if logs else None

    def _is_another(self, row: Row[Any]) -> bool:
        """Whether it is certain that something else has used the nonce: the Safe's own events show
        as many executions since as nonces are gone, and none of them is ours. A node may know the
        new nonce before the event that belongs to it; then nothing is certain yet."""
        if self._chain.now() - row.time > self._stale_after:
            return True
        gone = self._safe.functions.nonce().call() - row.nonce
        ours, seen = HexBytes(row.safe_hash), []
        for event in (self._safe.events.ExecutionSuccess, self._safe.events.ExecutionFailure):
            seen += [log["args"]["txHash"] for log in event().get_logs(from_block=row.block + 1)]
        return len(seen) >= gone and ours not in [HexBytes(each) for each in seen]

    def _confirm(self, row: Row[Any]) -> None:
        block = self._executed(row)
        if block is None:
            if self._safe.functions.nonce().call() <= row.nonce:
                self._book.step(row.key, Sending.SENT, "its block was undone")
        elif self._chain.web3.eth.block_number >= block + self._confirmations:
            self._book.step(row.key, Sending.DONE, mined=block)

    def _simulate(self, calls: Sequence[Call]) -> None:
        """Run the calls as the Safe, one after the other, on top of each other.

        Raises:
            TransactionRefused: one would revert.
        """
        sent = batch(calls, self._multi_send)
        if sent.operation == 0:
            self._chain.simulate(self._signers.safe.address, sent.to, sent.data)
            return
        # a Safe that is nothing but MultiSend for one call: its calls come from the Safe's address
        code = self._chain.web3.eth.get_code(self._chain.checksum(self._multi_send))
        safe = self._chain.checksum(self._signers.safe.address)
        try:
            self._chain.simulate(
                self._executor.address, safe, sent.data, {safe: {"code": code.to_0x_hex()}}
            )
        except TransactionRefused:
            for call in calls:  # MultiSend swallows the reason; most calls fail alone, too
                self._chain.simulate(safe, call.to, call.data)
            raise
