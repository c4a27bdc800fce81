"""Several nodes as one: each is asked everything, and what they answer must be the same.

With two nodes nobody knows which one is wrong: the audit refuses, and names both and the first
thing that differs. With more, the ones that most others contradict are named.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from msgspec import to_builtins

from strongroom.audit.answers import AnsweredTransaction, Question
from strongroom.audit.logs import Logs
from strongroom.audit.node import Node, NodeAway
from strongroom.chain.failures import CallReverted
from strongroom.chain.jsonrpc import shown_url

LOG = ("address", "topics", "data", "blockNumber", "blockHash", "transactionHash", "logIndex")
TRANSACTION = ("hash", "from", "to", "input")
_AT_ONCE = frozenset((str, AnsweredTransaction, Logs))  # have what is compared, and no more
COMPARED = {  # fields: others are worded in as many ways as there are nodes
    "eth_getLogs": LOG,
    "eth_getTransactionByHash": TRANSACTION,
}
REVERTS = "a revert"
SHOWN = 60  # characters of a value
PORTS = {"http": 80, "https": 443}
# Blocks between heads: nodes are a few apart while a block spreads; a node that stands still hides
# whatever came later, and its old head would be the end of the audit.
APART = 8


class NodesDiffer(NodeAway):
    """Nodes answer the same question in different ways; the message says which and how."""


class ComparedNodes(Node):
    """Several nodes over HTTP."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        """Take the nodes; the first one's URL stands for all."""
        super().__init__(nodes[0].url, nodes[0].timeout_s, nodes[0].pause)
        self._nodes = list(nodes)

    def ask_each(self, asked: Sequence[Question]) -> list[Any]:
        """Return the answers that all give; see Node. They are in their one form: what is compared
        is what is believed.

        Raises:
            NodesDiffer: see the class.
            NodeRefuses: one refuses.
            NodeAway: one does not answer, or answers what is none.
        """
        answers = [node.ask_each(asked) for node in self._nodes]
        if [method for method, _ in asked] == ["eth_blockNumber"]:
            return [min((head for (head,) in answers), key=lambda head: int(head, 16))]
        for question, *given in zip(asked, *answers, strict=True):
            self._compare(question, given)
        return answers[0]

    def newest(self) -> int:
        """Return the lowest of the heads, which all have.

        Raises:
            NodesDiffer: they are too far apart for one chain at one moment.
            NodeAway: one does not answer.
        """
        heads = [node.head() for node in self._nodes]
        low, high = (heads.index(each) for each in (min(heads), max(heads)))
        if heads[high] - heads[low] > APART:
            raise NodesDiffer(
                f"the nodes differ: the newest block of {self._name(low)} is {heads[low]}, of "
                f"{self._name(high)} {heads[high]}: wait until they are at most {APART} apart, "
                "name another node, or name by --to-block a block that all have"
            )
        return heads[low]

    def _compare(self, question: Question, answers: Sequence[Any]) -> None:
        if type(answers[0]) in _AT_ONCE and answers.count(answers[0]) == len(answers):
            return
        plain = [_plain(question[0], each) for each in answers]
        if all(each == plain[0] for each in plain):
            return
        alike = [sum(each == other for other in plain) for each in plain]
        wrong = min(range(len(plain)), key=lambda place: (alike[place], -place))
        right = max(range(len(plain)), key=lambda place: (alike[place], -place))
        where, one, other = _first(plain[wrong], plain[right], "")
        words = f"{where or 'the answer'} is {_shown(one)}, of {self._name(right)} {_shown(other)}"
        is_outvoted = alike[right] > len(plain) / 2
        others = "most others agree" if is_outvoted else "one of them is wrong: name a third node"
        method, parameters = question
        raise NodesDiffer(
            f"the nodes differ: {method}({_shown(parameters)}) of {self._name(wrong)}: {words}; "
            f"{others}"
        )

    def _name(self, place: int) -> str:
        return shown_url(self._nodes[place].url)


def nodes_of(urls: Sequence[str]) -> Node:
    """Return one node, or several that are compared; one that is named twice has one voice."""
    named: dict[Sequence[object], str] = {}
    for url in urls:
        named.setdefault(_server_of(url), url)
    nodes = [Node(url) for url in named.values()]
    return nodes[0] if len(nodes) == 1 else ComparedNodes(nodes)


def _server_of(url: str) -> Sequence[object]:
    """Return what URLs have in common that ask the same, however they are written."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return (url,)  # no URL: the node says so
    host = (parts.hostname or "").rstrip(".")
    host = "127.0.0.1" if host == "localhost" else host
    user = parts.netloc.rpartition("@")[0]
    return parts.scheme, user, host, port, parts.path.rstrip("/"), parts.query


def _plain(method: str, answer: Any) -> Any:
    """Return an answer as it is compared: of logs, blocks and transactions what is used."""
    if isinstance(answer, CallReverted):
        return REVERTS  # each node words it in its own way
    if isinstance(answer, AnsweredTransaction):
        answer = to_builtins(answer)
    if isinstance(answer, list | Logs):
        return [_plain(method, each) for each in answer]
    if isinstance(answer, dict):
        return {name: answer.get(name) for name in COMPARED.get(method, tuple(answer))}
    return answer


def _first(one: Any, other: Any, where: str) -> tuple[str, Any, Any]:
    """Return the first place where two answers differ, and what is there."""
    if isinstance(one, list) and isinstance(other, list):
        for place, pair in enumerate(zip(one, other, strict=False)):
            if pair[0] != pair[1]:
                return _first(*pair, f"{where}[{place}]")
        return f"{where} length".strip(), len(one), len(other)
    if isinstance(one, dict) and isinstance(other, dict):
        for name in dict.fromkeys([*one, *other]):
            if one.get(name) != other.get(name):
                return _first(one.get(name), other.get(name), f"{where}.{name}")
    return where, one, other


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
