"""Several nodes as one: the first in their order that answers and agrees with the others is asked.

Now and then all are asked for their newest block, and for one below it that no reorganisation
should reach. A node is set aside while it does not answer, is of another chain, has a newest block
from the future, is behind or ahead of what half of them have, or has another block than most. Of
two, the one behind is set aside. Where no majority is right, nobody is asked: nothing is known
then. What agrees is the chain of blocks; that a node
reads it rightly, nobody else says. A liar on every question needs a node of one's own.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strongroom.chain.failures import ChainAway, NodeBusy, WrongTime
from strongroom.chain.jsonrpc import (
    LATEST,
    Answer,
    JsonRpc,
    Question,
    RpcNode,
    reason,
    shown_url,
    understood,
)
from strongroom.chain.outside import quantity
from strongroom.chain.refusals import Meaning, meaning_of

AGAIN_S = 5.0  # until all are asked once more, while none can be


@dataclass(frozen=True)
class Agreement:
    """What nodes must agree on.

    Attributes:
        chain_id: of the chain that is meant; which one a node is on, the others do not decide
        every_s: they are compared
        behind: blocks that a node may be apart
        depth: of a block that all must have
        ahead_s: that a newest block may be in the future, by this clock
    """

    chain_id: int
    every_s: float = 30.0
    behind: int = 10
    depth: int = 5
    ahead_s: int = 60


@dataclass(frozen=True)
class _Seen:
    """What a node says of its chain."""

    chain_id: int
    number: int
    timestamp: int


class Nodes:
    """Several nodes, best first."""

    def __init__(
        self,
        nodes: Sequence[RpcNode],
        agreement: Agreement,
        clock: Callable[[], float] = time.time,
        on_event: Callable[[str, Mapping[str, str]], None] = lambda event, fields: None,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the nodes; nothing is asked yet. `on_event` is called when one is set aside
        (`node_aside`) or back (`node_back`)."""
        self._nodes, self._agreement = list(nodes), agreement
        self._clock, self._stopwatch, self._on_event = clock, stopwatch, on_event
        self._aside: dict[int, str] = {}  # place -> why
        self._next = float("-inf")  # of the stopwatch: when they are compared again

    @property
    def url(self) -> str:
        """Of the node that is asked first."""
        return (self._usable() or self._nodes)[0].url

    def request(self, method: str, *parameters: object) -> Any:
        """Return the answer to one method; raises ChainAway, for an error too."""
        (answer,) = self.ask([(method, parameters)])
        if "error" in answer:
            raise ChainAway(f"{shown_url(self.url)}: {method}: {reason(answer['error'])}")
        return answer["result"]

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Ask the first node that can be; another one where it does not answer, or is busy.

        Raises:
            NodeBusy: all that can be asked are.
            ChainAway: none can be asked; the message has why.
        """
        here = self._stopwatch()
        if here >= self._next:
            self._compare(here)
        busy: list[Answer] | NodeBusy | None = None
        for place, node in enumerate(self._nodes):
            if place in self._aside:
                continue
            try:
                found = node.ask(questions)
            except NodeBusy as error:
                busy = busy or error
            except ChainAway as error:
                self._put({**self._aside, place: str(error)})
            else:
                if not any(_is_busy(answer) for answer in found):
                    return found
                busy = found
        if isinstance(busy, NodeBusy):
            raise busy
        if busy is not None:
            return busy
        self._next = min(self._next, here + AGAIN_S)
        raise ChainAway("; ".join(dict.fromkeys(self._aside.values())))

    def _usable(self) -> list[RpcNode]:
        return [node for place, node in enumerate(self._nodes) if place not in self._aside]

    def _compare(self, here: float) -> None:
        """Ask all, and set aside those that cannot be used."""
        aside: dict[int, str] = {}
        seen: dict[int, _Seen] = {}
        for place, node in enumerate(self._nodes):
            try:
                seen[place] = _look(node)
            except ChainAway as error:
                aside[place] = str(error)
        if seen:
            aside |= self._apart(seen, self._clock())
            aside |= self._other_blocks({p: each for p, each in seen.items() if p not in aside})
        self._put(aside)
        self._next = here + (self._agreement.every_s if self._usable() else AGAIN_S)

    def _apart(self, seen: Mapping[int, _Seen], now: float) -> dict[int, str]:
        """Return which nodes are of another chain, from the future, behind, or alone ahead."""
        rules, aside = self._agreement, dict[int, str]()
        for place, each in seen.items():
            name, ahead = self._name(place), each.timestamp - now
            if each.chain_id != rules.chain_id:
                aside[place] = f"{name} is on chain {each.chain_id}, not on {rules.chain_id}"
            elif ahead > rules.ahead_s:
                aside[place] = f"{name} has a block that is {ahead:.0f} s in the future"
        rest = {place: each for place, each in seen.items() if place not in aside}
        numbers = sorted((each.number for each in rest.values()), reverse=True)
        newest = numbers[(len(numbers) - 1) // 2] if numbers else 0  # that half of them have
        for place, each in rest.items():
            apart = each.number - newest
            if abs(apart) > rules.behind:
                where = "behind" if apart < 0 else "ahead of most nodes"
                aside[place] = f"{self._name(place)} is {abs(apart)} blocks {where}"
        return aside

    def _other_blocks(self, seen: Mapping[int, _Seen]) -> dict[int, str]:
        """Return which nodes have another block than most below the newest; all, where most have
        none in common."""
        if len(seen) < 2:
            return {}
        number = max(0, min(each.number for each in seen.values()) - self._agreement.depth)
        aside: dict[int, str] = {}
        hashes: dict[int, str] = {}
        for place in seen:
            try:
                hashes[place] = _hash_of(self._nodes[place], number)
            except ChainAway as error:
                aside[place] = str(error)
        counted = Counter(hashes.values())
        if len(counted) < 2:
            return aside
        common, votes = counted.most_common(1)[0]
        if 2 * votes > len(hashes):
            return aside | {
                place: f"{self._name(place)} has another block {number} than most nodes"
                for place, found in hashes.items()
                if found != common
            }
        told = ", ".join(f"{self._name(place)} has {each[:10]}" for place, each in hashes.items())
        why = f"the nodes disagree on block {number} ({told}): take out the one that is wrong"
        return aside | dict.fromkeys(hashes, why)

    def _put(self, aside: dict[int, str]) -> None:
        """Set nodes aside, and tell what has changed."""
        before, self._aside = self._aside, aside
        for place in range(len(self._nodes)):
            name = self._name(place)
            if place in aside and place not in before:
                self._on_event("node_aside", {"node": name, "why": aside[place]})
            if place in before and place not in aside:
                self._on_event("node_back", {"node": name})

    def _name(self, place: int) -> str:
        return shown_url(self._nodes[place].url)


class TimelyNode:
    """A node whose newest block counts only if it is not of the future: what has expired, what is
    old and what is kept follows from its time, at whatever question it comes."""

    def __init__(self, node: RpcNode, clock: Callable[[], float], ahead_s: int) -> None:
        """Take the node, this machine's clock, and how far a block may be ahead of it."""
        self.node, self._clock, self._ahead_s = node, clock, ahead_s

    @property
    def url(self) -> str:
        """Of the node that is asked first."""
        return self.node.url

    def request(self, method: str, *parameters: object) -> Any:
        """Return the answer to one method; raises ChainAway, for an error too."""
        return self.node.request(method, *parameters)

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Ask the node.

        Raises:
            WrongTime: its newest block is of the future.
            ChainAway: it does not answer.
        """
        answers = self.node.ask(questions)
        for (method, parameters), answer in zip(questions, answers, strict=True):
            block = answer.get("result")
            if method != "eth_getBlockByNumber" or LATEST not in parameters or not block:
                continue
            with understood("newest block"):
                ahead = quantity(block["timestamp"]) - self._clock()
            if ahead > self._ahead_s:
                raise WrongTime(
                    f"{shown_url(self.url)} has a block that is {ahead:.0f} s in the future by "
                    "this clock: set the clock, or take another node"
                )
        return answers


def one_node(
    urls: Sequence[str],
    timeout_s: float,
    agreement: Agreement,
    clock: Callable[[], float] | None = None,
    on_event: Callable[[str, Mapping[str, str]], None] = lambda event, fields: None,
) -> RpcNode:
    """Return the node of one URL, or those of several as one.

    Args:
        clock: each newest block is held against it; None: only where several are compared
    """
    nodes: list[RpcNode] = [JsonRpc(url, timeout_s) for url in urls]
    if clock is not None:
        nodes = [TimelyNode(node, clock, agreement.ahead_s) for node in nodes]
    if len(nodes) == 1:
        return nodes[0]
    return Nodes(nodes, agreement, clock or time.time, on_event)


def _look(node: RpcNode) -> _Seen:
    chain_id, block = node.ask([("eth_chainId", ()), ("eth_getBlockByNumber", (LATEST, False))])
    with understood("newest block"):
        found = _given(node, block)
        numbers = (_given(node, chain_id), found["number"], found["timestamp"])
        return _Seen(*map(quantity, numbers))


def _hash_of(node: RpcNode, number: int) -> str:
    (block,) = node.ask([("eth_getBlockByNumber", (hex(number), False))])
    with understood(f"block {number}"):
        return str(_given(node, block)["hash"])


def _given(node: RpcNode, answer: Answer) -> Any:
    if "error" in answer:
        raise ChainAway(f"{shown_url(node.url)}: {reason(answer['error'])[:200]}")
    return answer["result"]


def _is_busy(answer: Answer) -> bool:
    return "error" in answer and meaning_of(answer["error"]) == Meaning.BUSY
