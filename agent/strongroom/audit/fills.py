"""Fills of the vault's accounts and wallets, each held against the decision that reveals it.

Token, side, limit, size over all its fills, market, exchange, time, and no fee for what only rests.
A purchase is bounded by the cash that its decision gave it: at a better price an exchange lets an
order buy more tokens. A decision is revealed by the second report after its fill, and once; until
that report a fill may wait for it. Only reports reveal, so only they make it late: where they have
not come in the time that two may take, nobody can say. A settlement, which anybody may make of a
flat vault, changes nothing.
Where one of these reports says that it is withheld, it is revealed by the first report from the
date on that is said there.
A fill long after its decision is none of its fills; so what they add up to can be forgotten then.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from itertools import islice

from strongroom.audit.availability import EvidencePlaces, EvidenceState
from strongroom.audit.checkpoint import AccountFill, Ordered, Progress
from strongroom.audit.chosen_events import chosen_events
from strongroom.audit.documents import (
    MOST_NAMED,
    Revealed,
    RevealedDecision,
    Withheld,
    missing_words,
)
from strongroom.audit.events import BUY, AuditedEvent, OrderFilled, Reported
from strongroom.audit.ledger import Ledger
from strongroom.audit.legs import legs_for, take, wrong_price
from strongroom.audit.movements import Movements
from strongroom.audit.node import Node
from strongroom.audit.permissions import Difference, Limit
from strongroom.audit.wallets import AccountsOfHolders
from strongroom.chain.ids import MarketId
from strongroom.chain.places import Presence
from strongroom.chain.units import DAY

PRIVATE_S = 90 * DAY  # a decision may be withheld for at most so long
LATEST_S = 60 * DAY  # of a fill, after its decision; a vault lets no order live for a day
SLACK = 2  # reports, by the last of which something is revealed
SHORTEST_AGE = DAY  # of a report, as it is waited for: some vaults admit one a day


class Wait(Enum):
    """What is known of something that waits for reports."""

    IN_TIME = auto()
    LATE = auto()
    UNKNOWN = auto()  # reports are overdue: one will show it
    AWAY = auto()  # a document that may show it cannot be had now


@dataclass(frozen=True)
class NotRevealed:
    """What no report has revealed.

    Attributes:
        waiting, withheld: fills whose decisions may come in time
        unknown: what nobody can say, and what ends that, in sentences
        differences: of what has not come in time
    """

    waiting: int
    withheld: int
    unknown: tuple[str, ...]
    differences: tuple[Difference, ...]


NOTHING = NotRevealed(0, 0, (), ())


class FillJoiner:
    """Joins fills to the decisions of evidence documents."""

    def __init__(
        self,
        node: Node,
        evidence: EvidencePlaces,
        vault: str,
        blocks: tuple[int, int],
        on_event: Callable[[int, AuditedEvent], None] | None,
    ) -> None:
        """Take where decisions are.

        Args:
            blocks: first and last, of the reports whose documents count
            on_event: is called with each fill's time and event
        """
        self._node, self._evidence, self._vault = node, evidence, vault
        self._blocks, self._on_event = blocks, on_event
        self._records: Revealed | None = None
        self._reports: list[tuple[int, str]] = []  # block and transaction, by number
        self._times: dict[int, int] = {}  # of reports, by number

    def join(
        self,
        progress: Progress,
        movements: Movements,
        holders: AccountsOfHolders,
    ) -> None:
        """Join the fills of some blocks: of whoever is an account, or trades for one, then."""
        fills = [
            (event, account)
            for event in sorted(movements.fills, key=lambda each: (each.block, each.index))
            if (account := holders.at(event.maker, (event.block, event.index)))
        ]
        times = self._node.times(sorted({event.block for event, _ in fills}))
        for event, account in fills:
            progress.fills += 1
            time = times[event.block]
            if self._on_event is not None:
                self._on_event(time, event)
            market, _ = movements.owners[account]
            self._take(progress, _fill(event, time, account, market))

    def join_again(self, progress: Progress) -> None:
        """Explain fills that waited when an earlier audit ended, by what has been revealed since.
        Before those of later blocks: what a decision sells again it has bought before."""
        waiting, progress.unjoined = progress.unjoined, []
        for fill in waiting:
            self._take(progress, fill)
        late, progress.maybe_late = progress.maybe_late, []
        for fill in late:
            is_shown = self._revealed().decision(fill.decision) is not None
            if is_shown or self._may_be_away(self._last_report_for(fill)):
                progress.ledger.differences += self._late(progress, fill)
            else:  # what a transaction alone has carried no document says
                progress.joined -= 1
                progress.unjoined.append(fill)

    def forget(self, progress: Progress, now: int) -> None:
        """Forget what the fills of each decision add up to that can have no more.

        Args:
            now: timestamp that no fill still to come is before
        """
        for decision in [
            each for each, ordered in progress.filled.items() if ordered.time + LATEST_S < now
        ]:
            del progress.filled[decision]

    def _take(self, progress: Progress, fill: AccountFill) -> None:
        """Join a fill to its decision, or let it wait; note where the two differ."""
        decision = self._revealed().decision(fill.decision)
        if decision is None or decision.time > fill.time:
            progress.unjoined.append(fill)
            return
        progress.joined += 1
        progress.ledger.differences += self._late(progress, fill)
        for what, expected, found in self._wrong(progress, fill, decision):
            progress.ledger.differences.append(
                Difference(fill.block, fill.transaction, f"OrderFilled: {what}", expected, found)
            )

    def _wrong(
        self, progress: Progress, fill: AccountFill, decision: RevealedDecision
    ) -> Iterator[tuple[str, str, str]]:
        """Yield where a fill is not what its decision ordered."""
        if decision.vault != self._vault:  # a market has the same id in each vault
            yield "its decision's vault", self._vault, decision.vault or "none"
            return
        if decision.legs is None:
            yield "its decision's legs", "orders", "nothing that can be read"
            return
        ordered = progress.filled.setdefault(fill.decision, Ordered(decision.time))
        legs, wrong = legs_for(fill, decision, ordered)
        if wrong is not None:
            yield wrong
            return
        yield from wrong_price(fill, legs)
        if fill.time > decision.time + LATEST_S:
            yield "time", f"by {_date(decision.time + LATEST_S)}", _date(fill.time)
            return
        over = take(fill, legs, ordered)
        if over is not None:
            yield over

    def _late(self, progress: Progress, fill: AccountFill) -> list[Difference]:
        """Return whether the decision of a fill was revealed too late. Where a document that may
        reveal or withhold it cannot be had now, that is asked again when the audit goes on: what
        its transaction carries, it need not say."""
        decision, last = self._revealed().decision(fill.decision), self._last_report_for(fill)
        is_in_time = (
            decision is not None
            and decision.at <= last
            and decision.at not in self._revealed().away
        )
        if is_in_time or self.is_withheld(fill):
            return []
        is_public = decision is not None and not decision.reveal_by  # no document may withhold it
        is_carried = decision is not None and decision.at in self._revealed().away
        if is_carried or (self._may_be_away(last) and not is_public) or decision is None:
            progress.maybe_late.append(fill)
            return []
        what = f"OrderFilled: its decision's report, of account {fill.account}"
        where = fill.block, fill.transaction
        return [Difference(*where, what, f"at most {last}", str(decision.at))]

    def _may_be_away(self, number: int) -> bool:
        """Whether what nobody has seen may stand in a document, of a report up to a number, that
        cannot be had now."""
        return any(each <= number for each in self._revealed().away[:1])

    def _last_report_for(self, fill: AccountFill) -> int:
        """Return the number of the report by which a fill's decision is revealed or withheld."""
        earlier = bisect_right(self._reports, fill.block, key=lambda each: each[0])
        return earlier + SLACK

    def is_withheld(self, fill: AccountFill) -> bool:
        """Whether a report has said in time that the fill's decision is revealed later."""
        stated = self._revealed().withheld(fill.decision)
        return stated is not None and stated.at <= self._last_report_for(fill)

    def unrevealed(self, progress: Progress, now: int) -> NotRevealed:
        """Return what the reports so far do not reveal, or reveal twice.

        Args:
            now: timestamp of the last block
        """
        since = now - _patience(progress.ledger)
        withheld, counts, named = 0, dict.fromkeys(Wait, 0), list[Difference]()
        for fill in progress.unjoined:
            if self.is_withheld(fill):
                withheld += 1
                continue
            wait = self.wait_of(fill, since)
            counts[wait] += 1
            if wait is Wait.LATE and len(named) < MOST_NAMED:
                named.append(self.difference(fill))
        more_late = counts[Wait.LATE] - len(named)
        late = _with_more(named, more_late, "a decision", "OrderFilled.metadata: more fills")
        overdue, more = self.withheld_until(since, now)
        late += [*self.revealed_twice(), *more]
        away = self._away(counts[Wait.AWAY] + len(progress.maybe_late))
        unknown = (*away, *self._unknown(counts[Wait.UNKNOWN], overdue))
        return NotRevealed(counts[Wait.IN_TIME], withheld, unknown, tuple(late))

    def wait_of(self, fill: AccountFill, since: int) -> Wait:
        """Return whether a fill's decision may still be revealed in time, or withheld: not all
        reports have come by the last of which it must be.

        Args:
            since: timestamp from which on something waits in time
        """
        if self._revealed().decision(fill.decision) is not None:
            return Wait.LATE  # younger than its fill
        last = self._last_report_for(fill)
        if len(self._reports) >= last:
            return Wait.AWAY if self._may_be_away(last) else Wait.LATE
        return Wait.IN_TIME if max(fill.time, self._last_time) >= since else Wait.UNKNOWN

    def withheld_until(self, since: int, now: int) -> tuple[int, list[Difference]]:
        """Return of how many withheld decisions nobody can say whether they come in time, and a
        difference for each that did not.

        Args:
            since: timestamp from which on something waits in time
            now: timestamp of the last block
        """
        unknown = 0

        def late() -> Iterator[Difference]:
            nonlocal unknown
            for each in self._revealed().all_withheld():
                wait, difference = self._judged(each, since, now)
                unknown += wait is Wait.UNKNOWN
                if difference is not None:
                    yield difference

        differing = late()
        found = list(islice(differing, MOST_NAMED))
        more = _with_more(found, sum(1 for _ in differing), "revealed by their dates")
        return unknown, more

    def _judged(self, it: Withheld, since: int, now: int) -> tuple[Wait, Difference | None]:
        """Return whether a withheld decision may still come in time, and what differs."""
        decision = self._revealed().decision(it.decision)
        if decision is not None and decision.at < it.at:
            return Wait.IN_TIME, None  # it was there already
        report = it.at if decision is None else decision.at
        stated_at, time = (self._time_of(number) for number in (it.at, report))
        by, wrong, wait = _date(it.reveal_by), "", Wait.IN_TIME
        if it.reveal_by > stated_at + PRIVATE_S:
            by, wrong = _date(stated_at + PRIVATE_S), f"withheld until {by}"
        elif decision is None:
            wait = self._wait_for(it, since)
            wrong = f"not by {_date(now)}" if wait is Wait.LATE else ""
        elif report > 1 and self._time_of(report - 1) >= it.reveal_by < time:
            wrong = _date(time)
        elif decision.reveal_by != it.reveal_by:
            wrong = f"by {_date(decision.reveal_by)}, as its record says"
        if not wrong:
            return wait, None
        rests_on = len(self._reports) if decision is None else max(it.at, report)
        if it.reveal_by > stated_at + PRIVATE_S:  # whatever comes later
            rests_on = it.at
        if self._may_be_away(rests_on):
            return Wait.AWAY, None
        what = f"evidence document: decision {it.decision} revealed"
        return Wait.LATE, Difference(*self._reports[report - 1], what, f"by {by}", wrong)

    def _wait_for(self, it: Withheld, since: int) -> Wait:
        """Return whether a decision that no report has revealed may still come in time: with the
        first report from its date on."""
        if self._last_time >= it.reveal_by:
            return Wait.LATE
        return Wait.IN_TIME if it.reveal_by >= since else Wait.UNKNOWN

    @property
    def _last_time(self) -> int:
        """Timestamp of the last report; 0: there is none."""
        return self._time_of(len(self._reports)) if self._reports else 0

    def _away(self, fills: int) -> Iterator[str]:
        """Yield what nobody can say while documents cannot be had, and what ends it.

        Args:
            fills: whose decisions may be in them
        """
        away = self._revealed().away
        if away:
            beside = f", and what decisions ordered {_count(fills, 'fill')}" if fills else ""
            documents = _count(len(away), "evidence document")
            yield f"whether {documents} can be had{beside}: {self._revealed().why_away}"

    def _unknown(self, fills: int, overdue: int) -> Iterator[str]:
        """Yield what nobody can say while reports are overdue, and what ends it."""
        silent = "the vault has not reported yet"
        if self._reports:
            silent = f"the vault has not reported since {_date(self._last_time)}"
        if fills:
            yield (
                f"whether decisions ordered {_count(fills, 'fill')}: {silent}; they are "
                "differences unless the second report after each reveals its decision"
            )
        if overdue:
            yield (
                f"whether {_count(overdue, 'withheld decision')} past the date will be revealed: "
                f"{silent}; they are differences unless the first report from the date on does it"
            )

    def _time_of(self, number: int) -> int:
        """Return the timestamp of a report."""
        if number not in self._times:
            block = self._reports[number - 1][0]
            self._times[number] = self._node.times([block])[block]
        return self._times[number]

    def revealed_twice(self) -> list[Difference]:
        """Return a difference for each decision that a second report reveals again."""
        found = []
        for number, decision in self._revealed().twice:
            what = f"evidence document: decision {decision}"
            found.append(Difference(*self._reports[number - 1], what, "revealed once", "twice"))
        return _with_more(found, self._revealed().more_twice, "revealed once")

    def difference(self, fill: AccountFill) -> Difference:
        """Return why a fill is not explained."""
        known = self._revealed().decision(fill.decision) is not None
        why = "the record is younger than its fill" if known else "no revealed record has this id"
        what = f"OrderFilled.metadata: {why}, of account {fill.account}"
        return Difference(fill.block, fill.transaction, what, "a decision", "none")

    def name(self, market: MarketId) -> str | None:
        """Return what the evidence calls a market, or None where it does not say."""
        return self._revealed().name(market)

    def _revealed(self) -> Revealed:
        """Return the decisions of the documents whose hashes are on chain."""
        if self._records is None:
            self._records = Revealed(self._evidence, self._reported(), self._node.data_of)
        return self._records

    def availability(self) -> EvidenceState:
        """Return where the documents and decisions of all reports can be had now."""
        return self._revealed().availability()

    def read(self) -> None:
        """Read the documents of all reports, before anything rests on one: only all together say
        whether a server's address may be wrong."""
        self._revealed()

    def vanished(self, before: int) -> list[Difference]:
        """Return a difference for each document that was there when a checkpoint was written, and
        that no place has now: an audit that goes on comes to what a whole one does.

        Args:
            before: the checkpoint's next block; 0: there is none
        """
        found = []
        for each in self.availability().reports if before else ():
            block, transaction = self._reports[each.number - 1]
            look = self._evidence.find(each.evidence)
            is_gone = look.text is None and look.presence is not Presence.UNKNOWN
            if block < before and is_gone:
                what = missing_words(look)
                found.append(Difference(block, transaction, what, each.evidence, look.why))
        return found

    def _reported(self) -> Iterator[Reported]:
        """Yield all reports up to the last block."""
        for events in chosen_events(self._node, self._vault, [Reported], self._blocks):
            for event in events:
                if isinstance(event, Reported):
                    self._reports.append((event.block, event.transaction))
                    yield event


def _patience(ledger: Ledger) -> int:
    """Return in how many seconds two reports come of a vault whose reports are in time."""
    return SLACK * max(ledger.permissions.limit(Limit.MAX_REPORT_AGE), SHORTEST_AGE)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _fill(event: OrderFilled, time: int, account: str, market: MarketId) -> AccountFill:
    buys = event.side == BUY
    gave, got = event.maker_amount_filled, event.taker_amount_filled
    return AccountFill(
        event.block, event.transaction, time, event.metadata, account, market, event.address,
        str(event.token_id), buys, gave if buys else got, got if buys else gave, event.fee,
    )  # fmt: skip


def _with_more(
    found: list[Difference],
    more: int,
    expected: str,
    what: str = "evidence documents: more decisions",
) -> list[Difference]:
    """Return differences, and one for those that are not named."""
    if not more:
        return found
    return [*found, Difference(found[-1].block, found[-1].transaction, what, expected, str(more))]


def _date(timestamp: int) -> str:
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S} UTC"
