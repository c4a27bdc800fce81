"""The page from data made by hand: what it shows, and that no text of others becomes markup."""

import json
import re
from functools import partial

import pytest

from tests.page_data import DATA, MARKET, WHO, write


@pytest.fixture
def page(tmp_path):
    return partial(write, tmp_path)


def test_the_page_shows_the_numbers(page):
    folder, text = page()
    text = re.sub(r" data-head='[^']*'", "", text)
    for words in (
        "<h1>Tail &amp; Sons (TAIL)</h1>", "A vault for pUSD on chain 137",
        "2 % a year; 20 % of profit above the high-water mark", "all together unlimited</td>",
        "0.5 % of the shares stay", "strongroom redeem AMOUNT --vault 0x1111",
        "1,234 events were recomputed",
        "The audit found no difference", "999.00", "class 0 (delegated)", "75 %", "1 d 1 h",
        "0.950/0.970, 0.030/0.050", "-3.00", "2.500000 shares", "4.50",
        "<td>2023-11</td><td>1,000.000000</td><td>999.00</td><td>1,000.00</td><td>0.00</td><td>-1.00</td>",
        "asks to deposit", "guardian is 0x12",
        f"<span title='{MARKET}'>Will &lt;it&gt; come true?</span>",
    ):  # fmt: skip
        assert words in text, words
    assert text.count("<a href='evidence/") == 1, "only the document that is there"
    assert "&lt;span" not in text and "http" not in text and "<script" not in text
    assert json.loads((folder / "data.json").read_text())["holders"] == {WHO: 10**21}
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
    assert "Charts begin with the second report" in text and text.count("<p>None: ") == 5
