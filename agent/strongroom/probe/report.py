"""What a probe of the venue asks, and the report of what it found.

An outcome is what became of an attempt; an answer is what that says to the question. Only an
attempt that the venue took or refused says anything: everything else is unknown.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from strongroom.chain.ids import JsonObject
from strongroom.errors import BadInput


class ProbeAnswer(StrEnum):
    """What the venue says to a question."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class ProbeOutcome(StrEnum):
    """What became of an attempt.

    `away`: no answer, or that the service is not there. `unclear`: an answer that has another
    reason than what was asked (no money, a busy wallet), or none that we know.
    """

    TAKEN = "taken"
    REFUSED = "refused"
    AWAY = "away"
    UNCLEAR = "unclear"
    NOT_ASKED = "not asked"


class Question(StrEnum):
    """What no public text of the venue answers (VENUE g)."""

    CONTRACT_OWNER = "contract_owner"
    CONTRACT_BATCH = "contract_batch"
    LONG_SIGNATURES = "long_signatures"
    FOREIGN_KEYS = "foreign_keys"
    HANDOVER = "handover"
    KEY_AFTER_HANDOVER = "key_after_handover"
    NEW_OWNERS_KEY = "new_owners_key"
    SAFE_OWNERS = "safe_owners"
    OTHER_MAKERS = "other_makers"

    @property
    def sentence(self) -> str:
        """What is asked, in words that go behind "whether"."""
        return _SENTENCES[self]

    def answer(self, outcome: ProbeOutcome) -> ProbeAnswer:
        """Return what an outcome says to it."""
        if outcome not in (ProbeOutcome.TAKEN, ProbeOutcome.REFUSED):
            return ProbeAnswer.UNKNOWN
        # An order by the key of a Safe that it has given away is taken by who does not read owners.
        says_yes = (outcome is ProbeOutcome.TAKEN) is not (self is Question.SAFE_OWNERS)
        return ProbeAnswer.YES if says_yes else ProbeAnswer.NO


_SENTENCES = {
    Question.CONTRACT_OWNER: "the relayer makes a wallet that a contract owns",
    Question.CONTRACT_BATCH: "the relayer carries what a contract signs for its wallet",
    Question.LONG_SIGNATURES: "the relayer takes signatures longer than 65 bytes",
    Question.FOREIGN_KEYS: "the CLOB takes orders of a contract's wallet by another's API key",
    Question.HANDOVER: "the relayer carries a batch that hands a wallet over",
    Question.KEY_AFTER_HANDOVER: "an API key works on when its wallet has got another owner",
    Question.NEW_OWNERS_KEY: "the service takes a wallet's orders by its new owner's API key",
    Question.SAFE_OWNERS: "the service reads who owns a Safe",
    Question.OTHER_MAKERS: "the service takes orders of a maker that is no wallet of the venue",
}


@dataclass(frozen=True)
class Words:
    """What was asked of a service, and what it said.

    Attributes:
        request: method and path
        status: of HTTP; 0: there was no answer
        body: as it came; of answers with secrets a remark
    """

    request: str
    status: int
    body: str


@dataclass(frozen=True)
class Finding:
    """What was found of a question."""

    outcome: ProbeOutcome
    why: str = ""
    words: tuple[Words, ...] = ()


@dataclass(frozen=True)
class ProbeReport:
    """What a probe of a venue found.

    Attributes:
        at: when, timestamp
        findings: what is not in it was not asked
        left: what the probe could not put back as it was, a sentence each
    """

    clob_url: str
    chain_id: int
    at: int
    findings: Mapping[Question, Finding] = field(default_factory=dict)
    left: tuple[str, ...] = ()

    def answer(self, question: Question) -> ProbeAnswer:
        """Return what is known of a question."""
        found = self.findings.get(question, Finding(ProbeOutcome.NOT_ASKED))
        return question.answer(found.outcome)

    def text(self) -> str:
        """Return the report's file, JSON; `answer` in it is for people and follows from
        `outcome`."""
        answers: JsonObject = {
            each: {
                "answer": each.answer(found.outcome),
                "outcome": found.outcome,
                "why": found.why,
                "words": [vars(one) for one in found.words],
            }
            for each, found in self.findings.items()
        }
        head = {"clob_url": self.clob_url, "chain_id": self.chain_id, "at": self.at}
        return json.dumps(head | {"answers": answers, "left": list(self.left)}, indent=2) + "\n"


def read_report(path: Path) -> ProbeReport:
    """Return the report in a file.

    Raises:
        BadInput: it is none.
    """
    try:
        raw = json.loads(path.read_text())
        findings = {
            Question(name): Finding(
                ProbeOutcome(each["outcome"]),
                str(each["why"]),
                tuple(
                    Words(str(one["request"]), int(one["status"]), str(one["body"]))
                    for one in each["words"]
                ),
            )
            for name, each in raw["answers"].items()
        }
        left = tuple(str(each) for each in raw["left"])
        return ProbeReport(
            str(raw["clob_url"]), int(raw["chain_id"]), int(raw["at"]), findings, left
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise BadInput(f"{path} is no report of a venue probe: {why}") from error
