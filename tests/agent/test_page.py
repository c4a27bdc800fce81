"""The page from data made by hand: what it shows, and that no text of others becomes markup."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest
from strongroom.app.page import write_page

WHO, MARKET = "0x" + "cd" * 20, "0x" + "ab" * 32
DATA = {
    "verdict": {
        "vault": "0x" + "11" * 20, "chain_id": 137, "from_block": 1, "to_block": 9,
        "to_time": 1_700_100_000, "differences": [],
        "permissions": [{"block": 3, "what": "keeper is 0x12"}],
        "state": {"nav_bid": "999000000", "nav_ask": "1001000000", "idle": "500000000",
                  "exposure": "400000000", "supply": "1000000000000000"},
    },
    "reports": [
        {"time": 1_700_000_000 + n * 3_600, "block": n, "nav_bid": 10**9 - n, "nav_ask": 10**9 + n,
         "supply": 10**15, "share_price": 1 - n / 1_000, "exposure": n * 10**6, "idle": 5,
         "management": 1_500_000, "performance": 0, "evidence": "0x" + f"{n:064x}"}
        for n in range(3)
    ],
    "classes": {0: {"grade": 2, "exposure": 4, "cap": 8, "market_cap": 8}},
    "total": {"exposure": 4, "cap": 0},
    "open": [{"market": MARKET, "class": 0, "exposure": 6 * 10**6, "cap": 8 * 10**6,
              "value_bid": 5 * 10**6, "value_ask": 7 * 10**6, "deadline": 1_700_100_000 + 90_000,
              "marks": [[0.95, 0.97, 0.03, 0.05]]}],
    "settled": [{"market": MARKET, "opened": 1_700_000_000, "closed": 1_700_050_000,
                 "allocated": 10 * 10**6, "recalled": 7 * 10**6, "profit": -3 * 10**6}],
    "queue": [{"side": "redeem", "epoch": 3, "who": WHO, "amount": 25 * 10**11,
               "since": 1_700_000_000, "closed": True, "settled": 0, "total": 1}],
    "holders": {WHO: 10**15},
    "names": {MARKET: "Will <it> come true?"},
    "months": {WHO: [
        {"month": "2023-11", "time": 1_700_007_200, "shares": 10**15, "value": 999 * 10**6,
         "paid_in": 10**9, "paid_out": 0, "gain": -(10**6)},
    ]},
    "flows": [{"time": 1_700_000_000, "block": 2, "who": WHO, "what": "asks to deposit",
               "assets": 10**9, "shares": 0}],
}  # fmt: skip


@pytest.fixture
def page(tmp_path):
    def write(**changes):
        folder = tmp_path / "page"
        evidence = tmp_path / "evidence"
        evidence.mkdir(exist_ok=True)
        (evidence / f"{DATA['reports'][1]['evidence']}.json").write_text("{}")
        write_page(DATA | changes, folder, evidence)
        return folder, (folder / "index.html").read_text()

    return write


def test_the_page_shows_the_numbers(page):
    folder, text = page()
    for words in (
        "The audit found no difference", "999.00", "class 0 (delegated)", "75 %", "1 d 1 h",
        "0.950/0.970, 0.030/0.050", "-3.00", "2.500000 shares", "4.50",
        "<td>2023-11</td><td>1,000.000000</td><td>999.00</td><td>1,000.00</td><td>0.00</td><td>-1.00</td>",
        "asks to deposit", "keeper is 0x12",
        f"<span title='{MARKET}'>Will &lt;it&gt; come true?</span>",
    ):  # fmt: skip
        assert words in text, words
    assert text.count("<a href='evidence/") == 1, "only the document that is there"
    assert "&lt;span" not in text and "http" not in text and "<script" not in text
    assert json.loads((folder / "data.json").read_text())["holders"] == {WHO: 10**15}
    months = (folder / f"months-{WHO}.csv").read_text().splitlines()
    assert months[1] == "2023-11,2023-11-15 00:13,1000.0,999.0,1000.0,0.0,-1.0"
    assert (folder / f"statement-{WHO}.csv").read_text().splitlines()[1].endswith("1000.0,0.0")


def test_differences_stand_first_and_are_escaped(page):
    bad = {"block": 7, "transaction": "0x", "what": "<b>x</b>", "expected": "1", "found": "2"}
    _, text = page(verdict=DATA["verdict"] | {"differences": [bad, bad]})
    assert "The audit found 2 differences" in text and 'class="verdict bad"' in text
    assert "block 7, &lt;b&gt;x&lt;/b&gt;: expected 1, found 2" in text


def test_a_young_vault_has_a_page(page):
    _, text = page(reports=[], open=[], settled=[], queue=[], flows=[], holders={}, months={})
    assert "Charts begin with the second report" in text and text.count("<p>None.</p>") == 5


def test_a_browser_finds_nothing_to_complain_about(page, tmp_path):
    """Headless Chromium with axe-core: no serious finding, no word on the console, no request."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    axe = Path("node_modules/axe-core/axe.min.js")
    if browser is None:
        pytest.skip("chromium is not installed: `apt-get install chromium` runs this test as well")
    folder, text = page()
    check = (
        "axe.run().then(r=>{document.title=JSON.stringify(r.violations.map(v=>[v.id,v.impact]))})"
    )
    checked = text.replace(
        "</body>", f"<script>{axe.read_text()}</script><script>{check}</script></body>"
    )
    (folder / "axe.html").write_text(checked)
    for dark, place in (("", ""), ("--force-dark-mode", ""), ("", f"#statement-{WHO}")):
        common = [browser, "--headless", "--no-sandbox", "--disable-gpu", *dark.split(),
                  "--enable-logging=stderr", "--dump-dom", "--virtual-time-budget=20000",
                  f"--user-data-dir={tmp_path / 'browser'}"]  # fmt: skip
        done = subprocess.run(
            [*common, f"file://{folder / 'axe.html'}{place}"],
            capture_output=True,
            text=True,
            timeout=120,
        )
        title = re.search(r"<title>(.*?)</title>", done.stdout)[1]
        found = json.loads(unescape(title))
        assert [each for each in found if each[1] in ("serious", "critical")] == []
    plain = subprocess.run(
        [*common, f"file://{folder / 'index.html'}"], capture_output=True, text=True, timeout=120
    )
    assert "CONSOLE" not in plain.stderr
    sources = re.findall(r"""(?:src|href)=['"]([^'"]+)""", plain.stdout)
    assert all(
        each.startswith(("data:", "#", "evidence/", "statement-", "months-")) for each in sources
    )
