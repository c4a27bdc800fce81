"""What the venue says of an event whose positions are converted: its fee, and how many questions it
has. Both stand behind the accounts' adapter."""

from dataclasses import dataclass

from eth_abi.abi import encode

from strongroom.audit.contracts import OddAnswer, Views
from strongroom.audit.node import Node
from strongroom.audit.wording import selector_of
from strongroom.chain.failures import CallReverted

WORD = 66  # letters of one, with 0x


@dataclass(frozen=True)
class EventTerms:
    """Of an event of exclusive questions."""

    fee_bps: int
    questions: int


class Conversions:
    """Asks once for each account and block."""

    def __init__(self, node: Node, views: Views) -> None:
        """Take whom to ask."""
        self._node, self._views = node, views
        self._known: dict[tuple[str, int], EventTerms | None] = {}

    def of(self, adapter: str, account: str, block: int) -> EventTerms | None:
        """Return the terms of an account's event; None where nobody says: then nothing is known,
        and no fee explains anything.

        Raises:
            NodeAway: the node does not answer.
        """
        key = account, block
        if key not in self._known:
            self._known[key] = self._asked(adapter, account, block)
        return self._known[key]

    def _asked(self, adapter: str, account: str, block: int) -> EventTerms | None:
        try:
            event = self._views.call(account, "question", (), block)
            ledger = "0x" + self._answer(adapter, "NEG_RISK_ADAPTER()", b"", block)[-40:]
            key = encode(["bytes32"], [event])
            fee, questions = (
                int(self._answer(ledger, f"{name}(bytes32)", key, block), 16)
                for name in ("getFeeBips", "getQuestionCount")
            )
        except (CallReverted, OddAnswer):
            return None
        return EventTerms(fee, questions)

    def _answer(self, to: str, signature: str, data: bytes, block: int) -> str:
        """Return a view's one word; raises CallReverted or OddAnswer where there is none."""
        call = {"to": to, "data": selector_of(signature) + data.hex()}
        answer = self._node.ask("eth_call", call, hex(block))
        if len(answer) != WORD:
            raise OddAnswer(f"{signature}: the answer {answer!r:.40} is no word")
        return str(answer)
