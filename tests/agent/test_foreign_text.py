"""Names, symbols and questions are anybody's text: a person sees them as what they are."""

import csv
import io
import json
from dataclasses import astuple
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from eth_abi.abi import encode
from rich.table import Table
from strongroom.audit.checkpoint import Progress, ReportDocument
from strongroom.audit.command import AuditOptions, run_audit
from strongroom.audit.deciding import DecisionsAgain, decided_again
from strongroom.audit.documents import read_document
from strongroom.audit.factory import FactoryResult, VaultLine, show_factory
from strongroom.audit.ledger import Ledger
from strongroom.audit.showing import show
from strongroom.backtest.report import _write_csv
from strongroom.backtest.simulated_chain import ClosedMarket
from strongroom.chain.ids import canonical
from strongroom.chain.places import FoundDocument, Presence
from strongroom.cli.boundary import Ended
from strongroom.cli.keeper import pending
from strongroom.depositor.lots import MovementKind, ShareMovement, lots_of
from strongroom.depositor.statement import StatementResult
from strongroom.depositor.vault import DepositorVault, OddDecimals
from strongroom.foreign_text import cell, page_words, plain
from strongroom.keeper.radar import RuleTexts, show_rules
from strongroom.reporting.explanation import _what
from strongroom.screen import Screen

from tests.agent.said_nodes import Said, as_it_is
from tests.property.recorded import RecordingNode, SteadyLife

NAMES = (
    "Nice [/] Vault",
    "[bold green]ok[/bold green] fine",
    "x [conceal]y",
    "odd :smile: [link=z",
)
NAME, SYMBOL = "0x06fdde03", "0x95d89b41"  # selectors of name() and symbol()
LINES = "pUSD\n0 differences\x1b[2J\u202ex"


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")


@pytest.mark.parametrize("name", NAMES)
def test_words_in_brackets_are_words(name, capsys):
    table = Table(title=name)
    table.add_column(name)
    table.add_row(name)
    screen = Screen()
    screen.print(table)
    screen.print(name)
    assert capsys.readouterr().out.count(name) == 4


def test_nothing_moves_the_cursor_and_our_own_lines_end(capsys):
    Screen().print("\x1b[2Jone\r\u202etwo\nthree")
    assert capsys.readouterr().out == "?[2Jone??two\nthree\n"


class Named(Said):
    """A node by which each contract is called what somebody likes."""

    def __init__(self, honest, name):
        super().__init__(honest, as_it_is)
        self.name = name

    def _post(self, body):
        answers = json.loads(super()._post(body))
        word = "0x" + encode(["string"], [self.name]).hex()
        asked = {each["id"]: each for each in body}
        for each in answers:
            call = asked[each["id"]]
            data = call["params"][0] if call["method"] == "eth_call" else {}
            if str(data.get("data", data.get("input"))).startswith((NAME, SYMBOL)):
                each.pop("error", None)
                each["result"] = word
        return json.dumps(answers).encode()


SPOOF = "x\n0xbb: no difference (1.0 s)\x1b[2J\u202e"


def test_what_documents_say_writes_no_line_of_a_verdict():
    """A keeper writes his settings and his pack's words; an auditor's screen shows them."""
    made = [
        SimpleNamespace(same=None, field=f"decided by another release: {SPOOF}"),
        SimpleNamespace(same=False, field=SPOOF, expected=SPOOF, found=SPOOF),
    ]
    names = {"view": "0x" + "01" * 32, "settings": "0x" + "02" * 32}
    text = canonical({"decisions": [{"grounds": names, "n": number} for number in range(2)]})
    progress, found = Progress(Ledger("0xaa", 6), 1), FoundDocument(Presence.FOUND, b"{}")
    again = DecisionsAgain(lambda name: found, lambda *given: made)
    again.make(progress, ReportDocument(1, "0xaa", ""), text)
    (difference,) = progress.ledger.differences
    for words in (decided_again(progress).words, *astuple(difference)[2:]):
        assert words == plain(words) and "x?0xbb: no difference" in words
    record = {"time": 1, "legs": [{"vault_market": "0xab", "question": SPOOF}]}
    document = read_document(canonical({"decisions": [record], "vault": "0x11"}))
    assert document.names == {"0xab": plain(SPOOF)}


def test_a_factorys_table_has_a_line_of_its_own_for_each_vault(capsys):
    """What a difference says begins no line; and of a vault without one, what its verdict rests on
    stands behind the others'."""
    unknown = "no difference; this release does not know the code of: token 0xcc (0xdd)"
    lines = (
        VaultLine("0xaa", 0, unknown), VaultLine("0xcc", 0, "no difference"),
        VaultLine("0xdd", 1, f"block 1: {SPOOF}", 2),
    )  # fmt: skip
    show_factory(FactoryResult("0xff", 9, 1_700_000_000, "", lines), 1_700_000_000.0)
    out = capsys.readouterr().out
    told = [line for line in out.splitlines() if line.startswith(("0xaa", "0xbb", "0xcc", "0xdd"))]
    assert told == [f"0xdd: block 1: {plain(SPOOF)} (and 1 more)", f"0xaa: {unknown}"]


@pytest.fixture(scope="module")
def life():
    found = SteadyLife()
    found.live(100)
    return found


@pytest.mark.parametrize("name", [*NAMES, LINES])
def test_an_audit_says_a_vaults_name_and_goes_on(life, name, capsys):
    """`Fund [/]` ended it with a defect, and a name of two lines wrote a line of the verdict."""
    result = run_audit(AuditOptions(life.vault), Named(RecordingNode(life), name))
    shown = name if name != LINES else "pUSD?0 differences?[2J?x"
    identity = result.identity
    assert (identity.name, identity.symbol, identity.asset_symbol) == (shown,) * 3
    show(result, float(result.verdict.to_time))
    out = capsys.readouterr().out
    assert out.startswith(f"{shown}, {life.vault}, blocks ")
    assert f"block {result.verdict.to_block} is the last" in out and "\x1b" not in out


def test_decisions_are_listed_whatever_their_markets_are_called(monkeypatch):
    def made(question):
        return SimpleNamespace(
            decision="0x" + "12" * 32, question=question, state="EXPIRED", expires=0,
            reason="x", profit=None,
        )  # fmt: skip

    rows = [made("Rain [/]?"), made("[conceal]Sun?")]
    monkeypatch.setattr("strongroom.keeper.status.asked", lambda journal, over: rows)
    monkeypatch.setattr("strongroom.keeper.status.open_journal", lambda config: None)
    monkeypatch.setattr("strongroom.keeper.configuration.load", lambda path: None)
    done = CliRunner().invoke(pending, ["keeper.toml", "--all"])
    assert done.exit_code == 0 and "Rain [/]?" in done.output and "[conceal]Sun?" in done.output


def test_a_markets_rules_write_no_hash(capsys):
    show_rules([RuleTexts("pair", 'yes\ntheir_rules = "0x0"', None, ())])
    lines = capsys.readouterr().out.splitlines()
    assert [each for each in lines if each.startswith("their_rules")] == ["their_rules = not known"]
    assert '  | their_rules = "0x0"' in lines


class Asset:
    """A contract that has all views, and an odd symbol."""

    def __init__(self, decimals=6):
        self._decimals = decimals

    def __getattr__(self, name):
        answers = {"symbol": LINES, "decimals": self._decimals}
        return lambda *arguments: answers.get(name, "0x" + "11" * 20)


def test_a_symbol_writes_no_line_of_a_preview():
    chain = SimpleNamespace(at=lambda *_: Asset(), code=lambda _: b"\x01", chain_id=1)
    assert DepositorVault(chain, "0x" + "22" * 20).symbol == "pUSD?0 differences?[2J?x"


@pytest.mark.parametrize("decimals", [0, 2, 5, 7, 8, 12, 18])
def test_an_asset_of_other_decimals_is_refused_before_an_amount_is_typed(decimals):
    """ "deposit 10" of an asset with 2 decimals would have handed over 100,000."""
    chain = SimpleNamespace(at=lambda *_: Asset(decimals), code=lambda _: b"\x01", chain_id=1)
    with pytest.raises(OddDecimals, match=f"has {decimals} decimals, and amounts are counted here"):
        DepositorVault(chain, "0x" + "22" * 20)


def test_an_explanation_has_a_question_in_one_line():
    leg = SimpleNamespace(
        side="BUY", size=10**6, outcome="YES", price="0.9", kind="FAK", rest_at=None,
        question="Rain?\n  task done",
    )  # fmt: skip
    record = SimpleNamespace(pack="tail", time=0, question="Rain?\nResult", legs=(leg,), moves=())
    lines = list(_what("0x1", record))
    assert lines[1] == "  Rain??Result" and lines[2].endswith(": Rain??  task done")


def test_an_error_moves_no_cursor(capsys):
    Ended("the node says \x1b[2Jok\rfine\nstart it", 2).show()
    assert capsys.readouterr().err == "the node says ?[2Jok?fine\nstart it\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pUSD", "pUSD"), ("", ""), ("a=b", "a=b"), ("=1+1", "'=1+1"), ("+1", "'+1"),
        ("-1", "'-1"), ("@x", "'@x"), (" =1", "' =1"), ("\t=1", "?=1"), ("a\nb", "a?b"),
    ],
)  # fmt: skip
def test_a_cell_computes_nothing(text, shown):
    assert cell(text) == shown


def test_a_symbol_is_no_formula_in_a_statement():
    symbol = '=HYPERLINK("http://evil.example","pUSD")'
    lots = lots_of([ShareMovement(0, 1, "0x1", MovementKind.BOUGHT, 10**18, 10**6, True)])
    text = StatementResult("0x1", "0x2", symbol, 9, tuple(lots)).as_csv()
    (row,) = csv.DictReader(io.StringIO(text))
    assert f"'{symbol}" in row.values() and symbol not in row.values()


def test_a_market_is_no_formula_in_a_backtests_table(tmp_path):
    closed = ClosedMarket(1, "=1+1", "event", 2, -3, 4, 5)
    path = _write_csv(tmp_path / "settled.csv", ClosedMarket, [closed])
    assert path.read_text().splitlines()[1] == "1,'=1+1,event,2,-3,4,5"


def test_plain_keeps_other_scripts():
    assert plain("é 雨 ok") == "é 雨 ok" and plain("a\u2028b\x00") == "a?b?"


def test_a_web_page_for_an_answer_is_its_words_in_one_line():
    text = "<!DOCTYPE html>\n<html><body>\n<h1>Sign\x1b[2J in</h1>\r\n<p>to   go on</p>" + "x" * 90
    assert page_words(text) == "Sign?[2J in to go on " + "x" * 36 + "..."
    assert page_words("no page") == "no page" and page_words("") == ""
