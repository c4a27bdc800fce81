"""Transactions tried together before the first one is sent: each sees what those before it did."""

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.chain.anvil import anvil
from strongroom.chain.contracts import Contracts
from strongroom.chain.failures import ChainAway, would_revert
from strongroom.chain.gas import check_estimate
from strongroom.chain.jsonrpc import reason, understood
from strongroom.chain.refusals import Failure


@dataclass(frozen=True)
class Intended:
    """A transaction that is meant to be sent; `what` names its function."""

    what: str
    to: str
    data: bytes


def simulate(chain: Contracts, sender: str, transactions: Sequence[Intended]) -> int:
    """Return the gas that transactions of one sender use one after another, on the newest block.

    The node is asked by eth_simulateV1; where it does not know that, they run on a fork.

    Raises:
        TransactionRefused: one of them would revert, or needs more gas than one may have.
        AnvilMissing: a fork is needed, and anvil is not installed, or the node not there.
    """
    calls = [
        {"from": sender, "to": each.to, "data": "0x" + each.data.hex()} for each in transactions
    ]
    try:
        found = chain.request("eth_simulateV1", {"blockStateCalls": [{"calls": calls}]}, "latest")
    except ChainAway:
        return _on_a_fork(chain, sender, transactions)
    with understood("simulation"):
        (block,) = found
        for each, answer in zip(transactions, block["calls"], strict=True):
            if int(answer["status"], 16) != 1:
                why = reason(_failure(answer["returnData"], answer.get("error")))
                raise would_revert(each.what, why)
        used = [int(answer["gasUsed"], 16) for answer in block["calls"]]
    for each, gas in zip(transactions, used, strict=True):
        check_estimate(each.what, gas)
    return sum(used)


def _failure(data: str, error: object) -> Failure:
    if isinstance(error, dict):
        return {"data": data, "message": str(error["message"])}
    return {"data": data}


def _on_a_fork(chain: Contracts, sender: str, transactions: Sequence[Intended]) -> int:
    with anvil("--fork-url", chain.url) as url:
        fork = Contracts(url)
        actor = fork.impersonate(sender)
        receipts = [fork.send(actor, each.to, each.data, what=each.what) for each in transactions]
    return sum(each.gas_used for each in receipts)
