"""Reports beside what the chain says at their blocks: each market's book from its account's
holdings, and each mark as the vault shows it, of markets that hold nothing, too. Of many reports
all is asked at once."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from strongroom.audit.contracts import Call, Views
from strongroom.audit.ledger import BookedMarket, BookedReport
from strongroom.audit.movements import Moved, MovementReader
from strongroom.audit.permissions import Difference
from strongroom.audit.valuation import Positions, account_value, positions_within
from strongroom.audit.view_checks import LOW64
from strongroom.audit.wallets import AccountsOfHolders
from strongroom.chain.ids import MarketId

Wrong = tuple[str, object, object]  # what, expected, found


class ToldReport(Struct, frozen=True):
    """A report, and the transfers of its block in front of it."""

    report: BookedReport
    transaction: str
    earlier: Sequence[Moved]

    @property
    def answering(self) -> list[tuple[MarketId, BookedMarket]]:
        """Markets whose accounts answered."""
        silent, books = self.report.silent, self.report.books
        return [each for each in books.items() if each[0] not in silent]


Place = tuple[int, MarketId]  # which report, and a market of it


class ReportChecks:
    """Holds reports against balances and views."""

    def __init__(self, views: Views, reader: MovementReader, vault: str) -> None:
        """Take whom to ask, and what is known of accounts' tokens."""
        self._views, self._reader, self._vault = views, reader, vault

    def check(
        self, reports: Sequence[ToldReport], holders: AccountsOfHolders
    ) -> Iterator[Difference]:
        """Yield where reports say something else than the chain.

        Args:
            reports: in order
            holders: of the accounts, in all blocks of the reports

        Raises:
            NodeAway: the node does not answer.
        """
        values, marks = self._wrong_values(reports, holders), self._wrong_marks(reports)
        for place, told in enumerate(reports):
            for what, expected, found in (*values.get(place, ()), *marks.get(place, ())):
                yield Difference(
                    told.report.block, told.transaction, what, str(expected), str(found)
                )

    def _wrong_values(
        self, reports: Sequence[ToldReport], holders: AccountsOfHolders
    ) -> dict[int, list[Wrong]]:
        """Return by report the values that are not what the accounts hold: after the report's block
        or, as other transactions of the block may have moved a market's tokens, before it, or where
        the report stands in it. An account that did not answer is worth nothing at the bid,
        whatever it holds."""
        left = {
            (place, name): book
            for place, told in enumerate(reports)
            for name, book in told.answering
        }
        ends: list[dict[Place, Positions | None]] = []
        for back in (0, 1):
            blocks = {place: reports[place[0]].report.block - back for place in left}
            ends.append(self._positions(left, blocks))
            left = {place: book for place, book in left.items() if not _fits(book, ends[-1][place])}
        wrong: dict[int, list[Wrong]] = {}
        for place, book in left.items():
            told, (after, before) = reports[place[0]], (end[place] for end in ends)
            changes = self._changes(holders, book.account.lower(), told)
            if not any(_fits(book, each) for each in positions_within(before, after, changes)):
                what = f"Reported.books: value of {place[1]} from its balances"
                there = account_value(before, book.marks, book.exposure)
                wrong.setdefault(place[0], []).append((what, there, (book.bid, book.ask)))
        return wrong

    def _positions(
        self, books: Mapping[Place, BookedMarket], blocks: Mapping[Place, int]
    ) -> dict[Place, Positions | None]:
        """Return what accounts hold; None where one does not say, although the node does."""
        calls: list[Call] = [
            (book.account, "positions", (), blocks[place]) for place, book in books.items()
        ]
        found = dict(zip(books, self._views.call_each(calls), strict=True))
        for block in {blocks[place] for place, held in found.items() if held is None}:
            self._views.call(self._vault, "totalSupply", (), block)
        return found

    def _changes(self, holders: AccountsOfHolders, account: str, told: ToldReport) -> list[int]:
        """Return what transfers changed of what an account and its wallet hold: of the asset, then
        of each outcome token, as in its code."""
        tokens = self._reader.tokens_of(account, told.report.block)
        changes = dict.fromkeys(["", *tokens], 0)
        for each in told.earlier:
            if each.token in changes:
                came = holders.at(each.receiver, each.place) == account
                went = holders.at(each.sender, each.place) == account
                changes[each.token] += (came - went) * each.amount
        return list(changes.values())

    def _wrong_marks(self, reports: Sequence[ToldReport]) -> dict[int, list[Wrong]]:
        """Return by report the marks that the vault shows otherwise after its block: what, as
        logged, as shown. Marks of a later report in the block are none of this one's."""
        words = {
            (place, name, condition): word
            for place, told in enumerate(reports)
            for name, book in told.report.books.items()
            for condition, word in enumerate(book.marks)
            if word
        }
        asked = [(reports[place].report.block, (name, number)) for place, name, number in words]
        answers = self._views.call_at(self._vault, "markOf", asked)
        wrong: dict[int, list[Wrong]] = {}
        for ((place, name, number), word), answer in zip(words.items(), answers, strict=True):
            mark = (word & LOW64, (word >> 64) & LOW64, word >> 128)
            if answer != mark and answer[2] <= mark[2]:
                wrong.setdefault(place, []).append((f"view markOf {name} {number}", mark, answer))
        return wrong


def _fits(book: BookedMarket, positions: Positions | None) -> bool:
    """Whether a market is booked at what its account holds."""
    return account_value(positions, book.marks, book.exposure) == (book.bid, book.ask)
