"""The page from data made by hand: what it shows, and that no text of others becomes markup."""

import json
import re
from functools import partial
from types import SimpleNamespace

import pytest
from pydantic import TypeAdapter
from strongroom.app.command import PageOptions, PageResult, run_page, show
from strongroom.audit.verdict import Verdict
from strongroom.depositor.vault import OddDecimals

from tests.page_data import DATA, KEEPER, MARKET, OWNER, WHO, write


@pytest.fixture
def page(tmp_path):
    return partial(write, tmp_path)


def test_the_page_shows_the_numbers(page):
    folder, text = page()
    text = re.sub(r" data-head='[^']*'", "", text)
    for words in (
        "<h1>Tail &amp; Sons (TAIL)</h1>", "A vault for pUSD on chain 137",
        "2 % a year; 20 % of profit above the high-water mark", "all together unlimited</td>",
        "has risen more than 10 % or fallen more than 5 % since", "3 % above the bid",
        "at any time, for 0.5 % of the shares", "strongroom redeem AMOUNT --vault 0x1111",
        "at most one in 1 h", "after 14 d without a report",
        "by the function, 1 d to 3 d before a change",
        "1,234 events were recomputed",
        "The audit found no difference", "999.00", "75 %", "1 d 1 h", "0.950/0.970; none", "-3.00",
        "4.50", "0.998000", "1.002000", "none: settled while flat",
        "<td>Home: idle, in the vault itself</td><td>500.00</td>",
        "<td>In markets that cost 600.00</td><td>499.00</td>",
        "0.00 in enforced custody, 499.00 in delegated custody",
        "<td>2.00</td><td class='words'>at the ask only", "<td>3.00</td><td class='words'>nowhere",
        f"<td>0 (delegated)</td><td><span title='{KEEPER}'>0x333333...3333</span></td>"
        "<td>8.00</td><td>4.00</td><td>1.00</td><td>-7.00</td><td>retired</td>",
        "<td>class 0 (delegated), with losses</td><td>5.00</td><td>8.00</td>",
        "<td>2.500000 shares</td><td>1.000000 shares</td><td>2023-11-14 22:13</td>"
        "<td class='words'>closed: the next report can deal with it</td>"
        "<td>not now, or in kind</td>",
        "<td class='words'>handed back: the price moved too far</td><td>yes</td>",
        "<td>2023-11</td><td>1,000.000000</td><td>999.00</td><td>1,000.00</td><td>0.00</td><td>-1.00</td>",
        "asks to deposit", "keeper is 0x12",
        f"<td class='words'>set total cap &lt;to&gt; 9</td><td><span title='{OWNER}'>0xeeeeee"
        "...eeee</span></td><td>2023-11-14 22:13</td><td>2023-11-15 23:13 (now)</td>"
        "<td>2023-11-22 23:13</td>",
        "class 0: 4 trades for 8.00 ", "2 of them beside marks: 0.50 worse than the marks",
        "closed markets brought -7.00; 1.00 count as losses", f"75 % with {WHO}, 0.02 better",
        "worst trade: block 7, BUY 5.00 for 3.00 ", ", 0.40 worse than the marks",
        "dealt early: block 5, deposit of 9.00 ", ", 8.50 shares",
        "the others lost up to 0.30, by the price of block 8",
        f"<span title='{MARKET}'>Will &lt;it&gt; come true?</span>",
    ):  # fmt: skip
        assert words in text, words
    assert text.count("<a href='evidence/") == 1, "only the document that is there"
    assert "&lt;span" not in text and "http" not in text and "<script" not in text
    assert json.loads((folder / "data.json").read_text())["holders"] == {WHO: 10**21}
    months = (folder / f"months-{WHO}.csv").read_text().splitlines()
    assert months[1] == "2023-11,2023-11-15 00:13,1000,999,1000,0,-1,2"
    assert (folder / f"statement-{WHO}.csv").read_text().splitlines()[1].endswith(",1000,0")


def test_the_files_amounts_are_exact(page):
    """A millionth, and more digits than a float has."""
    flow = DATA["flows"][0] | {"assets": 1, "shares": 12_345_678 * 10**18 + 1}
    month = DATA["months"][WHO][0] | {"gain": -1, "value": 123_456_789_012_345_678}
    folder, _ = page(flows=[flow], months={WHO: [month]})
    flows = (folder / f"statement-{WHO}.csv").read_text().splitlines()
    assert flows[1].endswith(",0.000001,12345678.000000000000000001")
    months = (folder / f"months-{WHO}.csv").read_text().splitlines()
    assert months[1].split(",")[3:7] == ["123456789012.345678", "1000", "0", "-0.000001"]


def test_each_report_says_who_could_get_its_document(page):
    """Of three reports one settled while flat, one is at a server, one is nowhere public. Of two
    decisions each report's transaction has one; the document at the server has both."""
    reports = [each for each in DATA["reports"] if not each["is_settlement"]]
    lines = [
        {"number": number, "block": each["block"], "evidence": each["evidence"], "private": ["x"],
         "public": ["https://one.example/<b>"] if number == 1 else [],
         "decisions": 2, "on_chain": 1}
        for number, each in enumerate(reports, 1)
    ]  # fmt: skip
    verdict = DATA["verdict"] | {"evidence": {"places": [], "reports": lines}}
    _, text = page(verdict=verdict)
    assert text.count(", to be had at https://one.example/&lt;b&gt;</td>") == 1
    assert text.count(", no public place has it</td>") == len(reports) - 1
    assert (
        f"could get 1 of {len(reports)} documents and {len(reports) + 1} of {2 * len(reports)}"
        in text
    )


def test_differences_stand_first_and_are_escaped(page):
    bad = {"block": 7, "transaction": "0x", "what": "<b>x</b>", "expected": "1", "found": "2"}
    _, text = page(verdict=DATA["verdict"] | {"differences": [bad, bad]})
    assert "The audit found 2 differences" in text and 'class="verdict bad"' in text
    assert "block 7, &lt;b&gt;x&lt;/b&gt;: expected 1, found 2" in text


def test_the_page_says_what_its_verdict_rests_on(page, tmp_path, capsys):
    """As the command does: code that nobody knows, fills without decisions, exchanges for nothing.
    What an earlier page left in the folder is no document of this one."""
    code = [{"what": "exchange", "address": OWNER, "code_hash": "0x<b>", "known": ""}]
    checked = DATA["verdict"]["checked"] | {"fills_waiting": 2, "fills_withheld": 3}
    decided = {"same": 1, "unknown": 1, "why": ["1 decided with numpy 0.1"]}
    verdict = DATA["verdict"] | {
        "code": code, "checked": checked, "decided": decided, "exchanges": {KEEPER: "not used"},
        "evidence": {"places": [], "reports": []},
    }  # fmt: skip
    left = DATA["reports"][0]["evidence"]
    (tmp_path / "page" / "evidence").mkdir(parents=True)
    (tmp_path / "page" / "evidence" / f"{left}.json").write_text("of somebody")
    _, text = page(verdict=verdict)
    known = TypeAdapter(Verdict).validate_python(verdict)
    assert len(known.remarks) == 5
    assert f"This release does not know the code of: exchange {OWNER} (0x&lt;b&gt;). " in text
    for each in known.remarks[1:]:
        assert f"{each[0].upper()}{each[1:]}. " in text
    assert f"href='evidence/{DATA['reports'][1]['evidence']}.json'" in text
    assert f"href='evidence/{left}.json'" not in text
    show(PageResult(tmp_path, known), 1_700_100_000.0)
    assert f"not know the code of: exchange {OWNER}" in capsys.readouterr().out


def test_a_verdict_without_evidence_says_so(page):
    """It counts no fill, though there may be many: no word stood beside the 0."""
    words = "fills and documents were not looked at: name places by --evidence"
    known = TypeAdapter(Verdict).validate_python(DATA["verdict"])
    assert known.remarks == (words,) and known.words == f"no difference; {words}"
    assert f"F{words[1:]}. " in page(verdict=DATA["verdict"])[1]
    looked = DATA["verdict"] | {"evidence": {"places": [], "reports": []}}
    assert TypeAdapter(Verdict).validate_python(looked).remarks == ()
    foreign = DATA["verdict"] | {"checked": {}}
    assert TypeAdapter(Verdict).validate_python(foreign).remarks == (), "its code is all there is"


def test_what_nobody_can_say_is_neither_clean_nor_a_difference(page):
    verdict = DATA["verdict"] | {"verdict": "cannot say", "unknown": ["whether <b> is"]}
    _, text = page(verdict=verdict)
    assert "The audit cannot say.</strong>" in text and 'class="verdict bad"' in text
    assert "Not known: whether &lt;b&gt; is." in text and "found no difference" not in text


def test_a_young_vault_has_a_page(page):
    nothing = {"home": 0, "at_cost": 0, "opinion": 0, "enforced": 0, "delegated": 0,
               "exposure": 0, "written_off": 0}  # fmt: skip
    _, text = page(reports=[], open=[], settled=[], queue=[], flows=[], holders={}, months={},
                   notices=[], strategies={}, league=[], composition=nothing)  # fmt: skip
    assert "Charts begin with the second report" in text and text.count("<p>None: ") == 8
    assert "Closed accounts" not in text


def test_a_vault_that_buys_nothing_says_why(page):
    state = DATA["verdict"]["state"] | {"drawdown": True, "winding_down": True}
    _, text = page(verdict=DATA["verdict"] | {"state": state})
    assert "is winding down: it buys nothing" in text
    assert "No budget goes out: the bid has fallen too far below its highest" in text


def test_a_vault_without_a_timelock_says_so(page):
    _, text = page(delays=[0, 0])
    assert "none: the owner can change everything at once" in text
    _, text = page(delays=[0, 86_400])
    assert "by the function, none to 1 d before a change" in text
    _, text = page(delays=[86_400, 86_400])
    assert "<td>1 d before a change that raises risk or cost</td>" in text


def test_no_page_shows_an_asset_of_other_decimals(tmp_path, monkeypatch):
    """Each amount of it would be a power of ten off."""
    found = SimpleNamespace(ledger=SimpleNamespace(decimals=8))
    auditor = SimpleNamespace(run=lambda _: found, name="", document=None)
    monkeypatch.setattr("strongroom.audit.auditor.Auditor", lambda *_, **__: auditor)
    monkeypatch.setattr("strongroom.audit.command.scope_of", lambda *_: (None, None))
    monkeypatch.setattr("strongroom.audit.nodes.nodes_of", lambda _: None)
    with pytest.raises(OddDecimals, match="has 8 decimals"):
        run_page(PageOptions("0x" + "11" * 20, out=tmp_path / "page"))
    assert not (tmp_path / "page").exists()
