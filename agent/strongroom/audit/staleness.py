"""For how long a vault was stale, as far as something still waits for its reports.

What a decision ordered comes with a report. So what waits for reports is late by the time in which
the vault is fresh, not by the clock: a reporter who is away can reveal nothing. While the vault is
stale by its own rule nobody can say whether the reports to come will reveal it. A settlement makes
a vault fresh as a report does; one that lives by settlements alone is never away, and is late.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from strongroom.audit.events import AuditedEvent, Dealt, LimitSet, Reported
from strongroom.audit.permissions import Limit
from strongroom.audit.transactions import ByKind
from strongroom.chain.units import DAY

SLACK = 2  # reports, by the last of which something is revealed
SHORTEST_AGE = DAY  # of a report, as it is waited for: some vaults admit one a day


@dataclass
class Staleness:
    """When a vault was stale; timestamps and seconds.

    Attributes:
        age: after which a report is old, as the vault had it last
        dealt_at: of the last report or settlement; 0: nothing is known of the vault yet
        changed_at: of the last report, settlement or change of the age
        reported_at: of the last two reports
        spans: from when to when it was stale, since the first of these two
    """

    age: int = 0
    dealt_at: int = 0
    changed_at: int = 0
    reported_at: tuple[int, int] = (0, 0)
    spans: list[tuple[int, int]] = field(default_factory=list)

    def take(self, kinds: ByKind, times: Mapping[int, int]) -> None:
        """Take the vault's events of some blocks.

        Args:
            times: of the blocks with events
        """
        if not self.dealt_at and times:  # a vault is fresh from its deployment on
            self.dealt_at = self.changed_at = min(times.values())
        events: list[AuditedEvent] = [*kinds.of(Reported), *kinds.of(Dealt), *age_changes(kinds)]
        for event in sorted(events, key=lambda each: (each.block, each.index)):
            self._take(event, times[event.block])

    def _take(self, event: AuditedEvent, time: int) -> None:
        if time > self._since:
            self.spans.append((self._since, time))
        self.changed_at = time
        if isinstance(event, LimitSet):
            self.age = event.new_value
            return
        self.dealt_at = time
        if isinstance(event, Reported):
            last = self.reported_at[1]
            self.reported_at = (last, time)
            self.spans = [each for each in self.spans if each[1] > last]

    @property
    def patience(self) -> int:
        """Fresh seconds in which all reports come that something waits for."""
        return patience(self.age)

    @property
    def _fresh_until(self) -> int:
        return self.dealt_at + max(self.age, SHORTEST_AGE)

    @property
    def _since(self) -> int:
        """From when on it is stale, or will be, of the time after the last change."""
        return max(self.changed_at, self._fresh_until)

    def is_stale(self, now: int) -> bool:
        """Whether no report or settlement has come for longer than the vault admits."""
        return now > self._fresh_until

    def fresh_seconds(self, start: int, now: int) -> int:
        """Return how long the vault was not stale.

        Args:
            start: not before the first of the last two reports
        """
        spans = (*self.spans, (self._since, now))
        stale = sum(max(0, end - max(start, begun)) for begun, end in spans)
        return max(0, now - start) - stale


def age_changes(kinds: ByKind) -> list[LimitSet]:
    """Return the events that set after how long a report is old."""
    return [each for each in kinds.of(LimitSet) if each.limit == Limit.MAX_REPORT_AGE]


def patience(age: int) -> int:
    """Return in how much fresh time all reports come that something waits for.

    Args:
        age: after which a report is old
    """
    return SLACK * max(age, SHORTEST_AGE)
