"""The demo's last line: the app over its chain, where Bob deposits and claims by pressing."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.browser.browser import CORE, PROGRAM, Browser

SHOTS = Path("build") / "shots"  # scripts/dev/pictures.py takes them for the docs
MOST_S = 120  # from the first click to the claim, two reports between


@pytest.mark.skipif(
    PROGRAM is None or not CORE.exists(), reason="`apt-get install chromium` and `make setup`"
)
def test_bob_deposits_and_claims_in_the_app_of_the_demo(tmp_path):
    command = [sys.executable, "-m", "strongroom.cli", "demo", "--app", "--port", "0"]
    demo = subprocess.Popen(
        [*command, "--folder", str(tmp_path / "demo")], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"COLUMNS": "100"},
    )  # fmt: skip
    browser = Browser()
    try:
        told = ""
        while "Ctrl-C ends it" not in told:
            line = demo.stdout.readline()
            assert line, told
            told += line
        browser.open(url=re.search(r"http://127\S+", told)[0], wallet=False)
        started = time.monotonic()
        browser.wait(text="The audit found no difference")
        browser.press(name="Connect Bob, of this test chain")
        browser.wait(text="shares to claim", selector="#position")
        browser.fill(form="deposit", name="amount", text="1000")
        browser.press(name="Preview", form="deposit")
        browser.wait(text="Gas takes", selector="form[data-way=deposit] .preview")
        browser.shot(path=str(SHOTS / "app-preview.png"), **{"from": "#forms"})
        browser.press(name="Sign and send", form="deposit")
        browser.wait(text="Done.", selector="form[data-way=deposit] .status")
        browser.wait(text="settled: take it with", selector="#requests", timeout=100_000)
        browser.send("claim")
        took = time.monotonic() - started
        (held,) = browser.text(selector="#position")
        assert re.search(r"\nshares\n+1,00\d\.\d{6}, ", held), held  # a share is worth 0.99
        assert "shares to claim\n0.000000" in held
        print(f"deposit to claim in {took:.0f} s")
        assert took < MOST_S
        browser.shot(path=str(SHOTS / "app-claimed.png"), **{"from": "#yours"})
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0 and demo.stdout.read().endswith("ended\n")
    finally:
        browser.close()
        demo.kill()
        demo.wait()
