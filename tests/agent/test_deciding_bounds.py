"""What deciding again may take: a document of very many small views, each of which is slow, costs
so much and no more; what is beyond is unknown and counted, never the same and never different."""

import tracemalloc
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from strongroom.audit.checkpoint import Progress, ReportDocument
from strongroom.audit.command import AuditOptions, run_audit
from strongroom.audit.deciding import DecisionsAgain, decided_again
from strongroom.audit.deciding_bounds import DecidingBounds, Spending, parse_bounds
from strongroom.audit.ledger import Ledger
from strongroom.chain.ids import canonical
from strongroom.chain.places import FoundDocument, Presence
from strongroom.cli.audit import command
from strongroom.errors import BadInput

VAULT, REPORT = "0x" + "11" * 20, ReportDocument(4711, "0xaa", "0x" + "ee" * 32)
SETTINGS = "0x" + "ee" * 32
SAME = SimpleNamespace(same=True)
OTHER = SimpleNamespace(same=False, field="nav", expected="1", found="2")


def document(views, each=1):
    """So many views, by as many records each."""
    return canonical({"decisions": [
        {"grounds": {"view": f"0x{view:064x}", "settings": SETTINGS}, "number": number}
        for view in range(views) for number in range(each)
    ]})  # fmt: skip


class Slow:
    """A clock, places and a decider that move it."""

    def __init__(self, finds_s=0, decides_s=0, outcome=SAME, **bounds):
        self.now, self.finds_s, self.decides_s, self.outcome = 1_000.0, finds_s, decides_s, outcome
        self.found, self.asked = 0, list[float]()
        spending = Spending(DecidingBounds(**bounds), lambda: self.now)
        self.again = DecisionsAgain(self.find, self.decide, spending)
        self.progress = Progress(Ledger(VAULT, 6), 1)

    def find(self, name):
        self.found += 1
        self.now += self.finds_s
        return FoundDocument(Presence.FOUND, b"{}")

    def decide(self, view, settings, records, patience_s):
        """As the process does: it ends after the patience."""
        self.asked.append(patience_s)
        self.now += min(self.decides_s, patience_s)
        return [self.outcome] * len(records) if self.decides_s <= patience_s else None

    def audit(self, *texts):
        for text in texts:
            self.again.make(self.progress, REPORT, text)
        return decided_again(self.progress)


def test_ten_thousand_slow_views_take_a_document_s_time_and_no_more():
    """Each takes 119 s, which a view may: five of them in 600 s, and 5 s of a sixth."""
    slow = Slow(decides_s=119)
    found = slow.audit(document(10_000))
    assert slow.now - 1_000 == 600 and len(slow.asked) == 6 and slow.asked[-1] == 5
    assert (found.same, found.unknown, found.total) == (5, 9_995, 10_000)
    assert found.why == ("9995 a document took more than 600 s (--decide-bound document_s)",)
    assert slow.progress.ledger.differences == [], "what nobody knows is no difference"


def test_many_slow_documents_take_an_audit_s_time_and_no_more():
    """600 s each, of an hour: six documents, the last of which meets both bounds at once; what
    comes after is not even looked for."""
    slow = Slow(decides_s=119)
    found = slow.audit(*[document(10)] * 6)
    assert slow.now - 1_000 == 3_600 and found.same == 30
    looked = slow.found
    found = slow.audit(*[document(10)] * 1_000)
    assert slow.now - 1_000 == 3_600 and slow.found == looked
    assert (found.same, found.unknown) == (30, 30 + 10_000)
    assert found.why == (
        "10005 the audit took more than 3600 s (--decide-bound audit_s)",
        "25 a document took more than 600 s (--decide-bound document_s)",
    )


def test_time_between_documents_is_not_deciding():
    slow = Slow(decides_s=1, audit_s=10)
    for _ in range(10):
        slow.now += 10**6
        slow.audit(document(1))
    assert decided_again(slow.progress).same == 10


def test_a_view_that_takes_too_long_is_unknown_and_the_next_is_tried():
    slow = Slow(decides_s=121)
    found = slow.audit(document(2))
    assert slow.asked == [120, 120] and (found.unknown, found.total) == (2, 2)
    assert found.words == (
        "decided again the same: 0 of 2, "
        "2 unknown (2 a view took more than 120 s (--decide-bound view_s))"
    )


def test_views_that_are_slow_to_find_count_too():
    """7 s a view, and once for the settings that all name: 85 of 7 s are within 600 s."""
    slow = Slow(finds_s=7)
    found = slow.audit(document(1_000))
    assert slow.found == 1 + 85 and found.same == 84
    assert slow.now - 1_000 == 7 * 86


def test_views_are_counted_by_document_and_by_audit():
    """Of the second document's four views the first is the audit's fifth."""
    slow = Slow(document_views=3, audit_views=5)
    found = slow.audit(document(4, each=2), document(4), document(4))
    assert (found.same, found.unknown) == (6 + 1, 2 + 3 + 4)
    assert found.why == (
        "5 the audit names more than 5 views (--decide-bound audit_views)",
        "4 a document names more than 3 views (--decide-bound document_views)",
    )
    assert slow.found == 1 + 4, "the settings once, and a view of the second document"


def test_a_document_of_differences_is_counted_whole_and_named_in_part():
    """100,000 records of a view, all wrong: in memory are a thousand differences of them."""
    slow = Slow(outcome=OTHER)
    text = document(1, each=100_000)
    tracemalloc.start()
    found = slow.audit(text)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.different == 100_000 and len(slow.progress.ledger.differences) == 1_000
    assert kept < 5 * 2**20


def test_bounds_are_read_from_the_command_line():
    assert parse_bounds(()) == DecidingBounds(120, 600, 3_600, 10_000, 1_000_000, 4)
    found = parse_bounds(("audit_s=7200", "memory_gib=1"))
    assert (found.audit_s, found.memory, found.view_s) == (7_200, 2**30, 120)
    assert found.words == "audit_s=7200 memory_gib=1"


@pytest.mark.parametrize("text", [
    "", "audit_s", "audit_s=", "audit_s=0", "audit_s=-1", "audit_s=1.5", "audit_s=1e3",
    "hour=1", "audit_s=" + "9" * 5_000, "audit_s=1000000001", "audit_s=\u0663", "=5",
])  # fmt: skip
def test_what_is_no_bound_is_refused_with_the_names_of_those_that_are(text):
    with pytest.raises(BadInput, match="view_s, document_s, audit_s, document_views") as told:
        parse_bounds([text])
    assert len(str(told.value)) < 250


def test_a_bound_without_deciding_is_refused():
    options = AuditOptions(VAULT, decide_bounds=DecidingBounds(audit_s=1))
    with pytest.raises(BadInput, match="--decide-bound is of --decide: add that"):
        run_audit(options, SimpleNamespace())


def test_another_bound_is_another_audit():
    """Where a checkpoint or a factory's run goes on, what was not decided stays so."""
    options = AuditOptions(VAULT, decide=pytest.fail)
    assert options.deciding == "decide" and AuditOptions(VAULT).deciding == ""
    more = AuditOptions(VAULT, decide=pytest.fail, decide_bounds=DecidingBounds(audit_s=9))
    assert more.deciding == "decide audit_s=9"


def test_the_command_says_which_bounds_there_are():
    told = " ".join(CliRunner().invoke(command, ["--help"]).output.split())
    for name in DecidingBounds.__dataclass_fields__:
        assert name in told
    done = CliRunner().invoke(command, ["--vault", VAULT, "--decide", "--decide-bound", "view_s=x"])
    assert done.exit_code == 2 and "whole number" in done.output
