"""Random lives of a reporter who is away now and then, for days or weeks: who reveals as the agent
does is accused of nothing at any moment, whoever hides a decision is, and stays so.

Documents, times and reports are written here; what the rules want of each decision is said by hand
(docs/agent.md): a private one is stated in the report after its fill, and revealed two reports
before its date, or with the first report from it on.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from types import SimpleNamespace

import pytest
from strongroom.audit.availability import EvidencePlaces
from strongroom.audit.checkpoint import AccountFill, Progress
from strongroom.audit.fills import FillJoiner
from strongroom.audit.ledger import Ledger
from strongroom.audit.permissions import Limit
from strongroom.chain.ids import MarketId, canonical
from strongroom.chain.places import FolderPlace, FoundDocument, Presence
from strongroom.chain.units import DAY, HOUR

from tests.agent.test_late_reveal import (
    ACCOUNT,
    BORN,
    EXCHANGE,
    MARKET,
    VAULT,
    named,
    record,
)
from tests.seeds import SEEDS, dice

LIVES = 12  # of a seed


class OutageLife:
    """A vault's fills and reports.

    Attributes:
        times: of blocks
        documents: of reports' blocks
        hidden: the first decision, if the reporter never reveals it
    """

    def __init__(self, folder, chance, hides: bool) -> None:
        self.folder, self.chance, self.hides = folder, chance, hides
        self.age = chance.choice([HOUR, 12 * HOUR, 2 * DAY, 5 * DAY])
        self.interval = min(self.age, chance.choice([HOUR, 6 * HOUR, DAY]))
        self.times, self.documents, self.fills = {1: BORN}, {}, []
        self.waiting, self.stated, self.reported_at = [], set(), BORN
        self.hidden = None

    @property
    def now(self) -> int:
        return self.times[len(self.times)]

    def mine(self, time: int) -> int:
        self.times[len(self.times) + 1] = max(time, self.now + 1)
        return len(self.times)

    def trade(self) -> None:
        """Fill a decision, private or not."""
        block = self.mine(self.now + self.chance.randint(1, self.interval // 4))
        private = self.chance.choice([0, 0, 1, 3 * DAY, 20 * DAY])
        time = self.now - 1
        decision = record(time + private if private else 0) | {"time": time, "n": block}
        self.fills.append((block, decision))
        if self.hides and self.hidden is None:
            self.hidden = decision
        else:
            self.waiting.append(decision)

    def report(self) -> None:
        """Report in time, or after an outage; reveal and state what is due."""
        away = [self.age + 1, 2 * self.age + 5, 10 * DAY, 40 * DAY]
        gap = self.interval if self.chance.random() < 0.7 else self.chance.choice(away)
        block = self.mine(self.reported_at + gap)
        self.reported_at = self.now
        soon = self.now + 2 * self.interval
        dates = {named(canonical(each)): each["grounds"]["reveal_by"] for each in self.waiting}
        later = {name: by for name, by in dates.items() if by > soon}
        due = [each for each in self.waiting if each["grounds"]["reveal_by"] <= soon]
        stated = {name: by for name, by in later.items() if name not in self.stated}
        self.stated |= stated.keys()
        self.waiting = [each for each in self.waiting if each not in due]
        text = canonical({"vault": VAULT, "decisions": due, "withheld": stated, "timestamp": block})
        (self.folder / f"{named(text)}.json").write_bytes(text)
        self.documents[block] = named(text)

    def judged(self, now: int) -> tuple[list[str], tuple[str, ...]]:
        """Return what differs at a moment after the last block, and what is unknown."""
        return self.judged_on(self.progress(), now)

    def progress(self) -> Progress:
        """Return where an audit begins: with fills that nothing explains yet."""
        progress = Progress(Ledger(VAULT, 6), 0)
        progress.ledger.permissions.limits[Limit.MAX_REPORT_AGE] = self.age
        progress.unjoined = [
            AccountFill(block, "0xaa", self.times[block], named(canonical(decision)), ACCOUNT,
                        MarketId(MARKET), EXCHANGE, "7", True, 5_000_000, 10_000_000, 0)
            for block, decision in self.fills
        ]  # fmt: skip
        return progress

    def judged_on(
        self, progress: Progress, now: int, away: Collection[str] = ()
    ) -> tuple[list[str], tuple[str, ...]]:
        """Judge from where an audit is.

        Args:
            away: documents that no place gives or denies
        """
        joiner = Joiner(self, away)
        joiner.join_again(progress)
        found = joiner.unrevealed(progress, now)
        differing = [*progress.ledger.differences, *found.differences]
        return [each.what for each in differing], found.unknown


class AwayPlace(FolderPlace):
    """A folder that does not answer for some documents."""

    away: Collection[str] = ()

    def find(self, digest: str) -> FoundDocument:
        if digest in self.away:
            return FoundDocument(Presence.UNKNOWN, why="no answer: HTTP 503")
        return super().find(digest)


class Joiner(FillJoiner):
    """Knows a life's reports without asking a node."""

    def __init__(self, life: OutageLife, away: Collection[str]) -> None:
        node = SimpleNamespace(
            times=lambda blocks: {each: life.times[each] for each in blocks},
            data_of=lambda transactions: [b""] * len(transactions),
        )
        place = AwayPlace(life.folder)
        object.__setattr__(place, "away", away)
        super().__init__(node, EvidencePlaces([place]), VAULT, (1, len(life.times)), None)
        self.documents = life.documents

    def _reported(self) -> Iterator[SimpleNamespace]:
        for block, evidence in self.documents.items():
            self._reports.append((block, hex(block)))
            yield SimpleNamespace(block=block, transaction=hex(block), evidence=evidence)


def lived(folder, chance, hides: bool) -> Iterator[OutageLife]:
    """Yield a life after each of its steps."""
    life = OutageLife(folder, chance, hides)
    for _ in range(chance.randint(5, 25)):
        life.trade() if chance.random() < 0.4 else life.report()
        yield life


@pytest.mark.parametrize("seed", SEEDS)
def test_who_reveals_when_he_is_back_is_never_accused(seed, tmp_path):
    chance, unknown = dice("outages", seed), 0
    for _ in range(LIVES):
        for life in lived(tmp_path, chance, hides=False):
            for later in (0, chance.randint(0, life.age + 5), chance.randint(0, 60 * DAY)):
                differing, unsaid = life.judged(life.now + later)
                assert differing == []
                unknown += bool(unsaid)
    assert unknown > LIVES


@pytest.mark.parametrize("seed", SEEDS)
def test_who_hides_a_decision_is_named_by_the_second_report_after_its_fill_for_ever(seed, tmp_path):
    chance, named_ones = dice("hides", seed), 0
    for _ in range(LIVES):
        for life in lived(tmp_path, chance, hides=True):
            if life.hidden is None:
                continue
            since = sum(block > life.fills[0][0] for block in life.documents)
            differing, unsaid = life.judged(life.now + chance.randint(0, 60 * DAY))
            assert len(differing) == (since >= 2)
            named_ones += since >= 2
            if since < 2 and unsaid:
                assert differing == []
    assert named_ones > LIVES


@pytest.mark.parametrize("hides", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_documents_that_cannot_be_had_accuse_nobody(seed, hides, tmp_path):
    """Whatever a place keeps back, no difference is named that all documents would not name; and an
    audit that goes on when they are there comes to what a whole one does."""
    chance, kept_back, spared = dice("away", seed), 0, 0
    for _ in range(LIVES):
        for life in lived(tmp_path, chance, hides):
            documents = sorted(life.documents.values())
            away = chance.sample(documents, chance.randint(0, len(documents)))
            now, progress = life.now + chance.randint(0, 10 * DAY), life.progress()
            whole, unsaid_then = life.judged(now)
            differing, unsaid = life.judged_on(progress, now, away)
            assert not Counter(differing) - Counter(whole)
            assert bool(away) == any("can be had" in each for each in unsaid)
            kept_back += bool(away)
            spared += len(differing) < len(whole)
            assert life.judged_on(progress, now) == (whole, unsaid_then)
    assert kept_back > LIVES and (spared or not hides)
