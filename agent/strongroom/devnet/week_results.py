"""A simulated week from start to end: played, audited, executed again on a fork, written down."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

from strongroom.app.gathering import VaultHistory
from strongroom.app.history import page_data
from strongroom.app.page import write_page
from strongroom.audit.auditor import Auditor, Scope
from strongroom.audit.contracts import Views
from strongroom.audit.held_block import held_hash
from strongroom.audit.income import IncomeKind
from strongroom.audit.node import Node
from strongroom.audit.replay import forks
from strongroom.audit.verdict import Verdict
from strongroom.chain.ids import Json, JsonObject
from strongroom.chain.places import FolderPlace
from strongroom.chain.units import format_units
from strongroom.devnet import polymarket
from strongroom.devnet.deployer import devnet_chain
from strongroom.devnet.folder import claimed
from strongroom.devnet.ladders import check_tickers
from strongroom.devnet.reports import ReportLine, read_reports
from strongroom.devnet.week import PAYERS, Hour, Week, WeekOptions, play_week
from strongroom.devnet.week_orders import compare_orders
from strongroom.devnet.week_picture import draw
from strongroom.execution.interfaces import Listener


@dataclass(frozen=True)
class WeekResult:
    """The results of a week.

    Attributes:
        checks: what was checked -> what was found, in words
    """

    hours: tuple[Hour, ...]
    reports: tuple[ReportLine, ...]
    checks: JsonObject

    def document(self) -> JsonObject:
        """Return it as plain data."""
        return {
            "hours": [asdict(hour) for hour in self.hours],
            "reports": [asdict(line) for line in self.reports],
            "checks": dict(self.checks),
        }


def run_week(options: WeekOptions, emit: Listener = lambda event, fields: None) -> WeekResult:
    """Play a week on an anvil of its own, check it, and write it to its folder: journal, evidence,
    snapshots, week.json, week.png and the vault's page.

    Raises:
        FolderTaken: a week runs in the folder, or it is not a week's.
        AnvilMissing, ArtifactMissing: something is not installed; the message says what brings it.
        BadInput: no ladder is recorded of a ticker.
    """
    check_tickers(options.resolves_on, options.tickers)
    start = int(options.start.timestamp()) - 600
    with (
        claimed(options.folder, "week") as folder,
        devnet_chain(polymarket.CHAIN_ID, timestamp=start) as chain,
    ):
        week = play_week(options, chain, emit)
        try:
            reports = read_reports(week.stage.vault)
            checks = {**_checks(week), **_audit(week)}
        finally:
            week.stage.close()
        draw(week.hours, reports, folder / "week.png")
        result = WeekResult(tuple(week.hours), reports, checks)
        (folder / "week.json").write_text(json.dumps(result.document(), indent=1) + "\n")
        return result


def _checks(week: Week) -> JsonObject:
    """Return what the keeper's own journal says."""
    journal, orders = week.keeper.journal, compare_orders(week)
    failed, ended = journal.reversals()
    reported = week.events("reported")
    differing = [each for each in reported if each["difference_bid"] or each["difference_ask"]]
    packs = _counted([journal.record(task.decision).pack for task in journal.all_tasks()])
    return {
        "reports whose NAV differs from the keeper's own": f"{len(differing)} of {len(reported)}",
        "trades undone after they were matched": f"{failed} of {ended}",
        "orders of which the exchange says otherwise": f"{orders.differing} of {orders.count}; "
        f"{orders.worse} worse than asked, {orders.better} better, {orders.partly} filled in part",
        "orders and transactions that were left open": len(journal.open())
        + len(journal.open_tasks())
        + len(journal.transactions.open()),
        "what was refused": _counted(
            [str(each["purpose"]) + ": " + str(each["why"]) for each in week.events("duty_refused")]
            + [each.reason for each in journal.all_tasks() if "would revert" in each.reason]
        ),
        "hours with a halt": _counted([why for hour in week.hours for why in hour.halts.values()]),
        "decisions by pack": packs,
    }


def _counted(words: Sequence[str]) -> dict[str, Json]:
    return dict(Counter(words))


def _audit(week: Week) -> JsonObject:
    """Audit the vault, execute all its reports again on a fork, write its page."""
    stage, history = week.stage, VaultHistory()
    url, vault, evidence = stage.chain.url, stage.vault.address, stage.folder / "evidence"
    exchanges = (stage.venue.exchange.address,)
    payers = {stage.people[name].address: IncomeKind(kind) for kind, name in PAYERS.items()}
    places = [FolderPlace(evidence)]
    scope = Scope(url, vault, 0, stage.chain.height(), exchanges, places, payers=payers)
    node = Node(url)
    auditor = Auditor(scope, node, history.on_report, history.on_event, history.on_income)
    audit, identity = auditor.run(), Views(node).identity(vault, scope.to_block)
    write_page(
        page_data(history, audit, identity, auditor.name), stage.folder / "page", auditor.document
    )
    verdict, checked = audit.verdict, audit.verdict.checked
    with forks(url, node, partial(held_hash, node)) as again:
        replayed = [again.replay(each.block, vault) for each in history.reports]
    differing = [each for each in replayed if each.differences]
    words = sum(each.words for each in replayed)
    return {
        "fills joined to a revealed decision": f"{checked.fills_joined} of {checked.fills}",
        "audit": f"{verdict.verdict} in {checked.events} events, "
        f"{checked.market_values} market values",
        "reports that a fork executes otherwise": f"{len(differing)} of {len(replayed)}, "
        f"{words} storage words compared",
        **{
            f"{kind}s on chain, and by the venue's books": f"{format_units(came)} and "
            f"{format_units(paid)} pUSD"
            for kind, (came, paid) in income(week, verdict).items()
        },
    }


def income(week: Week, verdict: Verdict) -> dict[str, tuple[int, int]]:
    """Return of each kind of income what the audit found, and what the venue says that it paid the
    vault's accounts, micro-units."""
    accounts = {str(event.account).lower() for event in week.stage.vault.events("MarketOpened")}
    paid = dict.fromkeys(PAYERS, 0)
    for kind, receiver, amount in week.paid:
        paid[kind] += amount * (receiver.lower() in accounts)
    return {kind.value: (int(verdict.income[kind]), paid[kind]) for kind in PAYERS}
