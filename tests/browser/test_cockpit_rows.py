"""The cockpit's decisions in Chromium, over what a test says that the journal has: each row says
what it says there now, also one far down."""

import threading
from types import SimpleNamespace

import pytest
from strongroom.app.cockpit.door import Door
from strongroom.app.cockpit.log_tail import LogTail
from strongroom.app.cockpit.looking import MOST
from strongroom.app.cockpit.service import create_app
from strongroom.app.cockpit.shown import CockpitView, DecisionRow
from strongroom.app_server import app_server, opened

from tests.browser.browser import CORE, PROGRAM, Browser

pytestmark = pytest.mark.skipif(
    PROGRAM is None or not CORE.exists(), reason="`apt-get install chromium` and `make setup`"
)
VAULT, TOKEN = "0x" + "11" * 20, "t" * 43
ROWS = "#decision-rows tbody tr"


class Said:
    """A looker whose journal is a dictionary: number -> how a decision stands."""

    config = SimpleNamespace(vault=VAULT)

    def __init__(self, most):
        self.stands = dict.fromkeys(range(1, most + 1), "under way")

    def older(self, before):
        numbers = sorted((each for each in self.stands if each < before), reverse=True)
        return [
            DecisionRow(each, f"0x{each:064x}", 1_700_000_000 + each, "tail", f"Question {each}?",
                        ("BUY 1.00 YES at 0.50",), f"{each}: {self.stands[each]}")
            for each in numbers[:MOST]
        ]  # fmt: skip

    def look(self):
        newest = tuple(self.older(2**40))
        return CockpitView(
            VAULT, "live", 1_700_000_000, 1_700_000_000, False, True, True, (), "", (), (), (), (),
            (), (), newest, (), None, (), (), "none",
        )  # fmt: skip

    def log(self):
        return LogTail()


def test_rows_below_the_newest_change_with_the_journal():
    said, door, browser = Said(130), opened("127.0.0.1", 0), Browser()
    running = app_server(create_app(said, Door.of(TOKEN)), 1)
    thread = threading.Thread(target=running.run, args=([door],), daemon=True)
    thread.start()
    try:
        browser.open(url=f"http://127.0.0.1:{door.getsockname()[1]}/#{TOKEN}", wallet=False)
        browser.wait(text="130: under way", selector=ROWS)
        browser.press(name="Show older ones")
        browser.wait(text="31: under way", selector=ROWS)
        said.stands |= {131: "under way", 100: "filled", 40: "over"}
        browser.wait(text="131: under way", selector=ROWS)
        browser.wait(text="100: filled", selector=ROWS)
        browser.wait(text="40: over", selector=ROWS)
        shown = browser.text(selector=f"{ROWS} td:nth-child(2)")
        assert shown == [f"Question {each}?" for each in range(131, 31, -1)]
        browser.press(name="Show older ones")
        browser.wait(text="1: under way", selector=f"{ROWS}:nth-child(131)")
        browser.wait_hidden(selector="#older")
        said.stands[5] = "over"  # far below what the page hears of: with the next that is new
        said.stands[132] = "under way"
        browser.wait(text="5: over", selector=f"{ROWS}:nth-child(128)")
        assert len(browser.text(selector=ROWS)) == 132
    finally:
        running.should_exit = True
        thread.join()
        browser.close()
