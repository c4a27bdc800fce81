"""The tutorials, typed as they stand, each on a practice of its own, and what they show is said.

A `text` block shows lines of what the block before it says. Numbers and ids differ from run to run;
all other words of a line must stand there, in their order.
"""

import re

import pytest

from tests.e2e.terminal import made_in
from tests.e2e.test_command_blocks import BLOCK, TUTORIALS

PAGES = sorted(TUTORIALS.glob("*.md"))
VARIES = re.compile(r"0x[0-9a-fA-F]{8,}|\d[\d,.:_]*\d|\d")


def said(text):
    """Return what a command has said, as one line without the borders of tables."""
    return " ".join(re.sub(r"[│┃┏┓┗┛┡┩┌┐└┘├┤─━┬┴┼╇╈]", " ", text).split())


def pattern(line):
    """Return what finds a line, whatever its numbers are."""
    parts = [re.escape(part) for part in VARIES.split(" ".join(line.split()))]
    return r"(?:0x[0-9a-fA-F]+|\d[\d,.:_]*)".join(parts)


def test_a_shown_line_is_found_by_its_words():
    line = "ok   node  http://127.0.0.1:8545: chain 80002, block 290"
    assert re.search(pattern(line), said("│ ok │ node │ http://127.0.0.1:1: chain 1, block 2 │"))
    assert not re.search(pattern(line), said("wrong node http://127.0.0.1:1: chain 1, block 2"))
    assert not re.search(pattern("NAV 5.0 pUSD"), "NAV unknown pUSD")


def test_there_is_one_for_each_reader():
    assert [path.stem for path in PAGES] == ["auditor", "depositor", "operator", "quant"]
    for path in PAGES:
        marks = [mark for mark, _ in BLOCK.findall(path.read_text())]
        assert set(marks) == {"", "text"} and marks[0] == "" and marks.count("text") >= 2


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_it_runs_and_shows_what_is_said(path, tmp_path):
    terminal, last, before = made_in(tmp_path), "", ""
    try:
        for mark, block in BLOCK.findall(path.read_text()):
            if mark == "text":
                for line in block.strip().splitlines():
                    found = re.search(pattern(line), last)
                    assert found, f"{path.name}: {line}\nis not in\n{last}\nafter\n{before}"
            else:
                before = last
                last = said("\n".join(terminal.type(line) for line in block.strip().splitlines()))
    finally:
        ended = terminal.end()
    assert set(ended.values()) <= {0, 143}, ended
