"""Which custody works at a venue: what each kind of account needs of the venue's services, and what
a probe's report says of them. What nobody has tried is unknown, and said so.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from strongroom.execution.account_kinds import AccountKind
from strongroom.probe.report import ProbeAnswer, ProbeReport, Question

# What must be answered, and how, for accounts of a kind to trade.
NEEDS: Mapping[AccountKind, Mapping[Question, ProbeAnswer]] = {
    AccountKind.STANDARD: {Question.OTHER_MAKERS: ProbeAnswer.YES},
    AccountKind.POSITION: {Question.OTHER_MAKERS: ProbeAnswer.YES},
    AccountKind.WALLET: {
        Question.CONTRACT_OWNER: ProbeAnswer.YES,
        Question.CONTRACT_BATCH: ProbeAnswer.YES,
        Question.FOREIGN_KEYS: ProbeAnswer.YES,  # the owner is a contract: it can have no API key
    },
    AccountKind.SAFE: {Question.SAFE_OWNERS: ProbeAnswer.NO},
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
WITHOUT_PROBE = {  # why the others work; session keys: VENUE b
    AccountKind.DELEGATED: (
        "it needs nothing that is not known; session keys are enabled by builder, so have the "
        "venue enable them for yours, or give the keeper the wallet's own key"
    ),
    AccountKind.POOL: "it needs nothing that is not known",
}


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
    unknown = ProbeAnswer.UNKNOWN
    given = {each: report.answer(each) if report else unknown for each in NEEDS[kind]}
    against = [
        each for each, need in NEEDS[kind].items() if given[each] not in (need, ProbeAnswer.UNKNOWN)
    ]
    if against:
        said = "; ".join(f"whether {each.sentence}: {given[each]}" for each in against)
        return Custody(kind, ProbeAnswer.NO, f"the probe found {said}")
    open_ = [each.sentence for each, answer in given.items() if answer is ProbeAnswer.UNKNOWN]
    if open_:
        untried = ", nor whether ".join(open_)
        return Custody(kind, ProbeAnswer.UNKNOWN, f"nobody has tried whether {untried}")
    why = "the probe found what it needs" if NEEDS[kind] else WITHOUT_PROBE[kind]
    return Custody(kind, ProbeAnswer.YES, why)
