"""Several nodes as one: each is asked everything, and what they answer must be the same.

With two nodes nobody knows which one is wrong: the audit refuses, and names both and the first
thing that differs. With more, the ones that most others contradict are named.
"""

from collections.abc import Sequence
from typing import Any, NoReturn

from strongroom.audit.node import Node, NodeAway, NodeRefuses, Question
from strongroom.chain.jsonrpc import shown_url

LOG = ("address", "topics", "data", "blockNumber", "blockHash", "transactionHash", "logIndex")
BLOCK = ("number", "hash", "parentHash", "timestamp")
COMPARED = {"eth_getLogs": LOG, "eth_getBlockByNumber": BLOCK}  # fields; of others all
SHOWN = 60  # characters of a value


class NodesDiffer(NodeAway):
    """Nodes answer the same question in different ways; the message says which and how."""


class ComparedNodes(Node):
    """Several nodes over HTTP."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        """Take the nodes; the first one's URL stands for all."""
        super().__init__(nodes[0].url, nodes[0].timeout_s, nodes[0].pause)
        self._nodes = list(nodes)

    def ask_all(self, asked: Sequence[Question]) -> list[Any]:
        """Return the answers that all give.

        Raises:
            NodesDiffer: see the class.
            NodeRefuses: all refuse, or some do that cannot give so many logs at once.
            NodeAway: one does not answer.
        """
        if [method for method, _ in asked] == ["eth_blockNumber"]:
            heads = [node.ask_all(asked)[0] for node in self._nodes]
            return [min(heads, key=lambda head: int(head, 16))]
        answers: list[list[Any] | None] = []
        refused: NodeRefuses | None = None
        for node in self._nodes:
            try:
                answers.append(node.ask_all(asked))
            except NodeRefuses as error:
                answers.append(None)
                refused = error
        if refused is not None:
            if all(each is None for each in answers) or asked[0][0] == "eth_getLogs":
                raise refused
            if len(asked) > 1:  # which one it is
                middle = len(asked) // 2
                return [*self.ask_all(asked[:middle]), *self.ask_all(asked[middle:])]
            self._differ("refuses", answers.index(None), asked[0], refused)
        whole = [each for each in answers if each is not None]
        for place, question in enumerate(asked):
            self._compare(question, [each[place] for each in whole])
        return whole[0]

    def _compare(self, question: Question, answers: Sequence[Any]) -> None:
        plain = [_plain(question[0], each) for each in answers]
        if all(each == plain[0] for each in plain):
            return
        alike = [sum(each == other for other in plain) for each in plain]
        wrong = min(range(len(plain)), key=lambda place: (alike[place], -place))
        right = max(range(len(plain)), key=lambda place: (alike[place], -place))
        where, one, other = _first(plain[wrong], plain[right], "")
        words = f"{where or 'the answer'} is {_shown(one)}, of {self._name(right)} {_shown(other)}"
        self._differ(words, wrong, question, None, alike[right] > len(plain) / 2)

    def _differ(
        self,
        words: str,
        place: int,
        question: Question,
        cause: Exception | None,
        is_outvoted: bool = False,
    ) -> NoReturn:
        others = "most others agree" if is_outvoted else "one of them is wrong: name a third node"
        method, parameters = question
        raise NodesDiffer(
            f"the nodes differ: {method}({_shown(parameters)}) of {self._name(place)}: {words}; "
            f"{others}"
        ) from cause

    def _name(self, place: int) -> str:
        return shown_url(self._nodes[place].url)


def nodes_of(urls: Sequence[str]) -> Node:
    """Return one node, or several that are compared."""
    nodes = [Node(url) for url in dict.fromkeys(urls)]
    return nodes[0] if len(nodes) == 1 else ComparedNodes(nodes)


def _plain(method: str, answer: Any) -> Any:
    """Return an answer as it is compared: text in lower case, of logs and blocks what is used."""
    if isinstance(answer, str):
        return answer.lower()
    if isinstance(answer, list):
        return [_plain(method, each) for each in answer]
    if isinstance(answer, dict):
        kept = COMPARED.get(method, tuple(answer))
        found = {name: _plain("", answer.get(name)) for name in kept}
        return found | ({"removed": True} if answer.get("removed") else {})
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
