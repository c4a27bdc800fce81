"""Which custody works at a venue: what each kind of account needs of the venue's services, and what
a probe's report says of them. What nobody has tried is unknown, and said so.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from strongroom.errors import BadInput
from strongroom.execution.account_kinds import TRADED, AccountKind


class ProbeAnswer(StrEnum):
    """What the venue says to a question."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Question(StrEnum):
    """What no public text of the venue answers."""

    CONTRACT_OWNER = "contract_owner"
    LONG_SIGNATURES = "long_signatures"
    KEY_AFTER_HANDOVER = "key_after_handover"
    SAFE_OWNERS = "safe_owners"
    FOREIGN_KEYS = "foreign_keys"
    OTHER_MAKERS = "other_makers"

    @property
    def sentence(self) -> str:
        """What is asked, in words that go behind "whether"."""
        return _SENTENCES[self]


_SENTENCES = {
    Question.CONTRACT_OWNER: "the relayer makes a wallet that a contract owns",
    Question.LONG_SIGNATURES: "the services take signatures longer than 65 bytes",
    Question.KEY_AFTER_HANDOVER: "an API key works on when its wallet has got another owner",
    Question.SAFE_OWNERS: "the service reads who owns a Safe",
    Question.FOREIGN_KEYS: "the CLOB takes orders of a contract's wallet by another's API key",
    Question.OTHER_MAKERS: "the service takes orders of a maker that is no wallet of the venue",
}
# What must be answered, and how, for accounts of a kind to trade.
NEEDS: Mapping[AccountKind, Mapping[Question, ProbeAnswer]] = {
    AccountKind.STANDARD: {Question.OTHER_MAKERS: ProbeAnswer.YES},
    AccountKind.POSITION: {Question.OTHER_MAKERS: ProbeAnswer.YES},
    AccountKind.WALLET: {
        Question.CONTRACT_OWNER: ProbeAnswer.YES,
        Question.LONG_SIGNATURES: ProbeAnswer.YES,
        Question.FOREIGN_KEYS: ProbeAnswer.YES,
    },
    AccountKind.SAFE: {
        Question.KEY_AFTER_HANDOVER: ProbeAnswer.YES,
        Question.SAFE_OWNERS: ProbeAnswer.NO,
    },
    AccountKind.DELEGATED: {},
    AccountKind.POOL: {},
}
GRADES = {
    AccountKind.STANDARD: "enforced",
    AccountKind.POSITION: "enforced, but for the ledger's owner",
    AccountKind.WALLET: "enforced",
    AccountKind.SAFE: "enforced for withdrawals, not for prices",
    AccountKind.DELEGATED: "delegated: the keeper's key can take what its wallet holds",
    AccountKind.POOL: "enforced",
}


@dataclass(frozen=True)
class ProbeReport:
    """What a probe of a venue found.

    Attributes:
        at: when, timestamp
        answers: what is not in it is unknown
        words: the venue's own, to each question that was tried
    """

    clob_url: str
    chain_id: int
    at: int
    answers: Mapping[Question, ProbeAnswer] = field(default_factory=dict)
    words: Mapping[Question, str] = field(default_factory=dict)

    def text(self) -> str:
        """Return the report's file, JSON."""
        answers = {
            each: {"answer": answer, "words": self.words.get(each, "")}
            for each, answer in self.answers.items()
        }
        head = {"clob_url": self.clob_url, "chain_id": self.chain_id, "at": self.at}
        return json.dumps(head | {"answers": answers}, indent=2) + "\n"


def read_report(path: Path) -> ProbeReport:
    """Return the report in a file.

    Raises:
        BadInput: it is none.
    """
    try:
        raw = json.loads(path.read_text())
        answers = {Question(name): each for name, each in raw["answers"].items()}
        return ProbeReport(
            str(raw["clob_url"]),
            int(raw["chain_id"]),
            int(raw["at"]),
            {name: ProbeAnswer(each["answer"]) for name, each in answers.items()},
            {name: str(each["words"]) for name, each in answers.items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise BadInput(f"{path} is no report of a venue probe: {why}") from error


@dataclass(frozen=True)
class Custody:
    """Whether accounts of a kind can trade.

    Attributes:
        works: no: something is known to stand against it; unknown: nobody has tried all it needs
    """

    kind: AccountKind
    works: ProbeAnswer
    why: str


def custody_of(kind: AccountKind, report: ProbeReport | None) -> Custody:
    """Return whether accounts of a kind can trade at the venue of the report, and why."""
    answers = report.answers if report is not None else {}
    given = {each: answers.get(each, ProbeAnswer.UNKNOWN) for each in NEEDS[kind]}
    against = [
        each for each, need in NEEDS[kind].items() if given[each] not in (need, ProbeAnswer.UNKNOWN)
    ]
    if kind not in TRADED:
        return Custody(kind, ProbeAnswer.NO, "this keeper does not trade for such accounts")
    if against:
        said = "; ".join(f"whether {each.sentence}: {given[each]}" for each in against)
        return Custody(kind, ProbeAnswer.NO, f"the probe found {said}")
    open_ = [each.sentence for each, answer in given.items() if answer is ProbeAnswer.UNKNOWN]
    if open_:
        untried = ", nor whether ".join(open_)
        return Custody(kind, ProbeAnswer.UNKNOWN, f"unknown: nobody has tried whether {untried}")
    why = "the probe found what it needs" if NEEDS[kind] else "it needs nothing that is not known"
    return Custody(kind, ProbeAnswer.YES, why)
