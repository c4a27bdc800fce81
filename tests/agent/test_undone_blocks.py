"""A Safe's transaction whose block is undone (a Safe executes one transaction a nonce)."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from strongroom.chain.calls import NEWEST, Call, DecodedLog, Head
from strongroom.execution.transactions import Transactor
from strongroom.journal import Journal
from strongroom.journal.states import TransactionState
from strongroom.signing.signers import NotSigned

NOW, SAFE = 1_700_000_000, "0x" + "11" * 20
KEY, OURS, OTHER = ("0x" + pair * 32 for pair in ("aa", "bb", "dd"))


class Undone:
    """A chain that has undone the block of nonce 7; something else may have used the nonce."""

    def __init__(self, executed):
        self.executed, self.nonce, self.time = executed, 8, NOW

    def add(self, read):
        return lambda: Head(200, self.time) if read is NEWEST else self.nonce

    def together(self):
        return self

    def logs_at_head(self, *_):
        return Head(200, self.time), []

    def logs(self, safe, contract, event, block, *_):
        found = self.executed if event == "ExecutionSuccess" else []
        return [DecodedLog("0xef", 0, 195, {"txHash": each}) for each in found]

    def ask_one(self, *_):
        return self.nonce

    def sender_of(self, transaction):
        return SAFE


def mined(chain):
    """A transactor of one transaction that was seen in block 195."""

    def sign_transaction(request):
        raise NotSigned("nobody is here")

    journal = Journal("sqlite://")
    signers = SimpleNamespace(safe=SimpleNamespace(address=SAFE), sign_transaction=sign_transaction)
    executor = SimpleNamespace(address=SAFE)
    sender = Transactor(journal, chain, signers, executor, SAFE, confirmations=3, patience_s=0.0)
    sender.plan(KEY, "report", [Call(SAFE, "0x12", "f", ())], NOW)
    book = journal.transactions
    signed = replace(
        book.get(KEY), nonce=7, safe_hash=OURS, signatures=b"s", block=190, hashes=("0xcc",),
        executor_nonce=1, max_fee=1,
    )  # fmt: skip
    book.step(signed, TransactionState.SIGNED)
    book.step(book.get(KEY), TransactionState.SENT)
    book.step(replace(book.get(KEY), mined=195), TransactionState.MINED)
    return sender, book


def test_it_is_planned_anew_where_something_else_has_used_its_nonce():
    sender, book = mined(Undone([OTHER]))
    with pytest.raises(NotSigned):  # it asks for signatures of the next nonce
        for _ in range(3):
            sender.advance()
    found = book.get(KEY)
    assert (found.state, found.reason) == (
        TransactionState.PLANNED, "nonce 7 was used by another")  # fmt: skip


@pytest.mark.parametrize("executed", [[], [OURS]])
def test_a_node_that_does_not_show_the_event_yet_undoes_nothing(executed):
    """The nonce is gone, and no event says by what: it may be ours, and is not sent twice."""
    sender, book = mined(Undone(executed))
    sender.advance()
    assert book.get(KEY).state == TransactionState.MINED


def test_one_of_which_no_event_comes_is_dropped_after_a_while():
    """The node has no logs of so long ago: it is not waited for without end, nor done again."""
    sender, book = mined(Undone([]))
    sender._chain.time = NOW + 600
    sender.advance()
    assert book.get(KEY).state == TransactionState.MINED and sender.carries("report")
    sender._chain.time = NOW + 601
    for _ in range(3):
        sender.advance()
    found = book.get(KEY)
    assert (found.state, found.reason) == (TransactionState.DROPPED, "planned too long ago")
    assert not sender.carries("report")
