"""Whether the chain came to the NAV that we expect of a report.

A report stands somewhere in its block, and others' transactions stand before and after it: what
accounts held at its place is what they held before the block, after it, or something between. So
each market is held against both ends by itself. One that is at neither, and moved within the
block, is not known; that is said, and is neither a difference nor none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from strongroom.chain.calls import DecodedLog, Head
from strongroom.chain.failures import CallReverted, ChainAway
from strongroom.chain.ids import ConditionId, Json, MarketId, id_text
from strongroom.chain.words import BookWord, book_of
from strongroom.execution.holdings import Holdings
from strongroom.execution.vault_reader import VaultReader
from strongroom.reporting.marks import UNKNOWN, Quote
from strongroom.reporting.nav import nav_of, value_of

LOOK_BACK = 64  # a reorg may put the report that was just sent in a block this much lower

Quotes = Mapping[tuple[MarketId, ConditionId], Quote]


@dataclass(frozen=True)
class Expected:
    """What a report must come to, and the quotes that it follows from.

    Attributes:
        head: the newest block when the vault was asked
    """

    head: Head
    nav_bid: int
    nav_ask: int
    quotes: Quotes


@dataclass(frozen=True)
class _Found:
    """What the chain has at a report's place, beside what we expect there.

    Attributes:
        wrong: how much NAV at the bid and at the ask is off
        unknown: markets, or "idle", that moved within the block
    """

    wrong: tuple[int, int]
    unknown: tuple[str, ...] = ()


def expected_of(head: Head, held: Sequence[Holdings], idle: int, quotes: Quotes) -> Expected:
    """Return what accounts come to by quotes; one that has none counts 0 to 1."""
    values = [_value(account, quotes) for account in held]
    bid, ask = nav_of(idle, values, [each.exposure for each in held])
    return Expected(head, bid, ask, quotes)


def check_report(
    vault: VaultReader, evidence: str, expected: Expected
) -> Iterator[tuple[str, dict[str, Json]]]:
    """Yield what is to be told of a report on chain: `reported`; `nav_differs` where its NAV is not
    the one that we computed; `nav_unknown` where that cannot be said; `unanswered` where accounts
    did not answer it. Nothing: the node does not show it, or not all of it, as while its block is
    undone."""
    chain = vault.chain
    since = max(0, expected.head.number - LOOK_BACK)
    sent = chain.logs(vault.address, "Vault", "Reported", since, matching={"evidence": evidence})
    if not sent:
        return
    last = sent[-1]
    dealt = [
        log
        for log in chain.logs(vault.address, "Vault", "Dealt", last.block, last.block)
        if log.transaction == last.transaction
    ]
    if not dealt:
        return
    bid, ask = int(dealt[0].args["nav_bid"]), int(dealt[0].args["nav_ask"])
    found = _Found((bid - expected.nav_bid, ask - expected.nav_ask))
    if any(found.wrong):
        try:
            found = _at_its_place(vault, last, (bid, ask), expected.quotes)
        except (CallReverted, ChainAway) as error:
            found = _Found((0, 0), (f"the node does not say what its block held: {error}",))
    fields: dict[str, Json] = {
        "evidence": evidence,
        "nav_bid": bid,
        "nav_ask": ask,
        "difference_bid": found.wrong[0],
        "difference_ask": found.wrong[1],
    }
    yield "reported", fields
    silent = [
        str(log.args["account"])
        for log in chain.logs(vault.address, "Vault", "Unanswered", last.block, last.block)
        if log.transaction == last.transaction
    ]
    if silent:
        yield "unanswered", {"evidence": evidence, "accounts": ", ".join(silent)}
    if any(found.wrong):
        yield "nav_differs", fields
    elif found.unknown:
        yield "nav_unknown", fields | {"why": ", ".join(found.unknown)}


def _at_its_place(
    vault: VaultReader, report: DecodedLog, nav: tuple[int, int], quotes: Quotes
) -> _Found:
    """Hold the books and the NAV of a report against both ends of its block."""
    before, after = vault.at(report.block - 1), vault.at(report.block)
    ends = [_booked(each, quotes) for each in (before, after)]
    words = zip(report.args["markets"], report.args["books"], strict=True)
    books = {MarketId(id_text(market)): book_of(int(word)) for market, word in words}
    should: list[BookWord] = []
    unknown: list[str] = []
    for market, book in books.items():
        known = [end[market] for end in ends if market in end]
        moved = len(known) < len(ends) or known[0] != known[1]
        should.append(book if book in known or moved else known[0])
        if book not in known and moved:
            unknown.append(f"market {market}")
    _, _, idle = before.open_and_idle()
    bid, ask = nav_of(idle, [(each.bid, each.ask) for each in should],
                      [each.exposure for each in should])  # fmt: skip
    wrong = nav[0] - bid, nav[1] - ask
    if wrong[0] and wrong[0] == wrong[1]:  # as idle assets would make it that came or went
        moved_before = _idle_moves(vault, report)
        if wrong[0] == sum(moved_before):
            wrong = 0, 0
        elif moved_before:  # some of it is no idle: requests, gifts
            return _Found((0, 0), (*unknown, "idle"))
    return _Found(wrong, tuple(unknown))


def _booked(vault: VaultReader, quotes: Quotes) -> dict[MarketId, BookWord]:
    """Return what the vault would book its open markets at, by quotes."""
    _, markets, _ = vault.open_and_idle()
    found = {}
    for each in vault.holdings(markets):
        bid, ask = _value(each, quotes)
        found[each.market] = BookWord(each.exposure, min(bid, each.exposure), ask)
    return found


def _value(account: Holdings, quotes: Quotes) -> tuple[int, int]:
    return value_of(
        account.total,
        list(account.positions.values()),
        [quotes.get((account.market, condition), UNKNOWN) for condition in account.positions],
    )


def _idle_moves(vault: VaultReader, report: DecodedLog) -> list[int]:
    """Return what of the asset came to the vault, or left it (negative), earlier in a report's
    block."""
    (asset,) = vault.ask(("asset",))
    return [
        sign * int(str(log.args["value"]))
        for side, sign in (("sender", -1), ("receiver", 1))
        for log in vault.chain.logs(
            asset, "Erc20", "Transfer", report.block, report.block, {side: vault.address}
        )
        if log.index < report.index and log.transaction != report.transaction
    ]
