"""The cockpit in Chromium, over the journal of a real keeper: what it shows, what its buttons do,
whom it lets in."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from strongroom.chain.ids import market_of
from strongroom.chain.units import MICRO
from strongroom.devnet import polymarket
from strongroom.devnet.deployer import devnet_chain
from strongroom.journal import Journal
from strongroom.journal.lock import alone
from strongroom.journal.states import IntentState
from strongroom.keeper.configuration import load
from strongroom.keeper.run import running
from strongroom.keeper.standing import StandingKeeper, kept_standing
from strongroom.reporting.explanation import explain

from tests.browser.browser import CORE, PROGRAM, Browser
from tests.e2e.keeper_stage import SECTIONS, KeeperStage

pytestmark = pytest.mark.skipif(
    PROGRAM is None or not CORE.exists(), reason="`apt-get install chromium` and `make setup`"
)
SHOTS = Path("build") / "shots"
HOSTILE = "Will <img src=x onerror=\"document.title='robbed'\"> & <b>it</b> come true?"
PACK = """[packs.tail]
[packs.tail.trading]
budget_bps = 50
passive_s = 150
"""
FORECASTERS = """
[[forecasters]]
kind = "csv"
name = "desk"
path = "forecasts.csv"

[[notify]]
kind = "webhook"
name = "guardian"
url = "{hook}"
"""
PATIENCE = 60_000  # ms


@contextmanager
def hook():
    """A webhook that keeps what it is told."""

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.heard.append(
                json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            )
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.heard = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as door:
        return door.getsockname()[1]


@contextmanager
def cockpit(folder, *options, port=0):
    """The command in a process of its own; yields its link without, and with the token."""
    words = [sys.executable, "-m", "strongroom.cli", "keeper", "ui", str(folder / "keeper.toml")]
    process = subprocess.Popen(
        [*words, "--port", str(port), *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    line = process.stdout.readline()
    found = re.match(r"(http://\S+/)#(\S+) until Ctrl-C", line)
    assert found, line + process.stdout.read()
    try:
        yield SimpleNamespace(
            url=found[1], token=found[2], link=f"{found[1]}#{found[2]}", process=process,
            bearer={"Authorization": f"Bearer {found[2]}"},
        )  # fmt: skip
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) in (0, 130)


@pytest.fixture(scope="module")
def browser():
    made = Browser()
    yield made
    made.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A keeper that holds market 0, has an order resting in market 1, whose question is hostile."""
    folder = tmp_path_factory.mktemp("cockpit")
    (folder / "forecasts.csv").write_text("market,chance,frozen_at\n")
    with devnet_chain(polymarket.CHAIN_ID) as chain, hook() as heard:
        sections = SECTIONS.replace("[packs.tail]\n", PACK) + FORECASTERS.format(
            hook=f"http://127.0.0.1:{heard.server_port}/"
        )
        operations = (
            f'mode = "live"\ntick_s = 1000\nlog = "keeper.log"\nmetrics_port = {free_port()}'
        )
        sections = sections.replace('mode = "live"', operations)
        place = KeeperStage(
            folder, chain, 3, sections, marks_required=0,
            changes=lambda number: {"question": HOSTILE} if number == 1 else {},
        )  # fmt: skip
        place.invest()
        place.heard = heard.heard
        yield place
        place.stage.close()


@pytest.fixture(scope="module")
def keeper(world):
    with running(load(world.folder / "keeper.toml")) as this:
        world.this = this
        for _ in range(2):
            ticked(world)
        world.offer(0)
        until(world, lambda: orders(this) == ["ACKED"], 5)
        until(world, lambda: held(world, 0) > 0, 100)
        until(world, lambda: not this.keeper.journal.open_tasks(), 30)
        world.offer(1)
        until(world, lambda: orders(this) == ["ACKED"], 5)
        ticked(world, 15)  # what has changed is kept after ten seconds
        yield this


def ticked(world, seconds=70):
    world.clock.sleep(seconds)
    tick = world.this.tick()
    return tick


def until(world, holds, seconds):
    for _ in range(40):
        if holds():
            return
        tick = ticked(world, seconds)
        assert not tick.halts, tick.halts
    raise AssertionError(orders(world.this))


def orders(this):
    return [str(each.state) for each in this.keeper.journal.open()]


def held(world, number):
    market = market_of(0, world.markets[number].question_key)
    state = world.this.keeper.vault.read({}).markets.get(market)
    return 0 if state is None else sum(yes for yes, _ in state.positions.values())


@pytest.fixture
def ui(world, keeper):
    with cockpit(world.folder) as found:
        yield found


def open_page(browser, ui, **options):
    browser.open(url=ui.link, wallet=False, **options)
    browser.wait(text="Last written", selector="#life", timeout=PATIENCE)


def test_each_part_shows_what_the_keeper_does(world, keeper, ui, browser):
    """By numbers of the chain itself; what a stranger named is text."""
    open_page(browser, ui)
    vault, journal = world.stage.vault, keeper.keeper.journal
    browser.wait(text="The keeper runs, and nothing stops its decisions", selector="#life")
    (cards,) = browser.text(selector="#cards")
    assert f"{vault.totalExposure() / MICRO:,.2f}\nin markets, at cost" in cards, cards
    assert "yes\ndeals and allocates" in cards and "2\nopen markets" in cards
    assert "It answers, and could sign" in browser.text(selector="#cosigner")[0]
    (row,) = browser.text(selector="#held-rows tbody tr")
    assert f"{held(world, 0) / MICRO:,.2f}" in row and "Will number 0 come true?" in row
    (order,) = browser.text(selector="#order-rows tbody tr")
    assert HOSTILE in order and "acked, the venue says live" in order
    decided = browser.text(selector="#decision-rows tbody tr")
    assert len(decided) == 2 and HOSTILE in decided[0] and "over" in decided[1]
    for what in ("all, with losses", "let out in a day, net", "class 0, with losses", "lost today"):
        assert any(what in each for each in browser.text(selector="#budget-rows tbody tr")), what
    assert any("Gamma" in each for each in browser.text(selector="#source-rows tbody tr"))
    (forecaster,) = browser.text(selector="#forecaster-rows tbody tr")
    assert "desk" in forecaster and "no market that it forecast has resolved" in forecaster
    numbers = browser.text(selector="#number-rows tbody tr")
    assert any("all signatures can be had" in each and "yes" in each for each in numbers)
    assert any("decided" in each for each in browser.text(selector="#log-rows tbody tr"))
    seen = browser.seen()
    assert seen["said"] == []
    assert {each for each in seen["requests"] if not each.startswith(ui.url)} == set()
    assert browser.text(selector="#content img, #content b b") == []

    browser.shot(path=str(SHOTS / "cockpit.png"), **{"from": "#who"})

    # the explanation is the command's
    (intent,) = journal.open()
    browser.press_in(name="Explain", selector="#order-rows")
    browser.wait(text=intent.order_hash, selector="#explanation pre")
    assert (
        browser.text(selector="#explanation pre")[0].strip()
        == explain(journal, intent.decision).strip()
    )
    browser.type(selector="#find-name", text=journal.newest_tasks(2)[1].decision[:12])
    browser.press_in(name="Explain", selector="#find")
    browser.wait(text="Will number 0 come true?", selector="#explanation pre")
    browser.type(selector="#find-name", text="0x12345678")
    browser.press_in(name="Explain", selector="#find")
    browser.wait(text="no decision, intent or order begins with", selector="#explanation pre")
    browser.press(name="Close")
    browser.type(selector="#log-filter", text="started")
    assert all("started" in each for each in browser.text(selector="#log-rows tbody tr"))


def test_it_is_readable_by_everybody(ui, browser):
    for width, dark in ((390, False), (390, True), (768, False), (1_440, False), (1_600, True)):
        open_page(browser, ui, width=width, dark=dark)
        browser.press_in(name="Explain", selector="#order-rows")
        browser.wait(text="Reason", selector="#explanation pre")
        assert browser.axe() == []
        assert (browser.wide(), browser.cut()) == (0, [])
        kind = "dark" if dark else "light"
        browser.shot(path=str(SHOTS / f"cockpit-{width}-{kind}.png"))
        browser.press(name="Stop decisions")
        assert browser.axe() == []
        browser.shot(path=str(SHOTS / f"cockpit-{width}-{kind}-sure.png"), **{"from": "#now"})
        browser.press(name="No, leave it")


def test_the_keyboard_alone_asks_and_a_no_does_nothing(world, ui, browser):
    open_page(browser, ui)
    browser.focus(selector="[data-act=stop]")
    browser.keys(keys=["Enter"])
    browser.wait(text="The keeper decides nothing new", selector="#sure-stop")
    browser.keys(keys=["Escape"])
    browser.wait(text="Nothing was done.", selector="#told")
    assert not (world.folder / "STOP").exists()


def test_whoever_has_no_token_or_comes_from_elsewhere_is_refused(world, ui, browser):
    browser.open(url=f"{ui.url}#{'x' * 43}", wallet=False)
    browser.wait(text="the token is not that of this run", selector="#away")
    asks = ("GET", "api/now"), ("GET", "api/stream"), ("GET", "api/decisions?before=9"), (
        "GET", "api/explanation?name=0x12345678"), ("POST", "api/ask/stop")  # fmt: skip
    port = ui.url.rstrip("/").rpartition(":")[2]
    for method, path in asks:
        body = {"sure": True} if method == "POST" else None

        def ask(method=method, path=path, body=body, **headers):
            return httpx.request(method, ui.url + path, json=body, headers=headers).status_code

        assert ask() == 401
        assert ask(Authorization=f"Bearer {ui.token[:-1]}") == 401
        assert ask(Authorization=f"Basic {ui.token}") == 401
        for name in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", ""):
            assert ask(Host=name, **ui.bearer) == 403, name
        for origin in ("http://evil.example", "null", "http://127.0.0.1:1", f"http://[::1]:{port}"):
            assert ask(Origin=origin, **ui.bearer) == 403, origin
        assert ask(**{"Sec-Fetch-Site": "cross-site"}, **ui.bearer) == 403
        assert ask(**{"Sec-Fetch-Site": "same-site"}, **ui.bearer) == 403
    assert httpx.get(ui.url, headers={"Host": "evil.example"}).status_code == 403
    assert not (world.folder / "STOP").exists()
    unsure = httpx.post(f"{ui.url}api/ask/stop", json={}, headers=ui.bearer)
    assert unsure.status_code == 400 and "nothing was done" in unsure.json()["error"]
    unknown = httpx.post(f"{ui.url}api/ask/go-on", json={"sure": True}, headers=ui.bearer)
    assert unknown.status_code == 400 and not (world.folder / "STOP").exists()
    page = httpx.get(ui.url)
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert ui.token not in page.text and "set-cookie" not in page.headers
    assert "access-control-allow-origin" not in page.headers


def test_what_rests_is_cancelled_and_the_page_follows_what_the_keeper_writes(
    world, keeper, ui, browser
):
    open_page(browser, ui)
    journal = keeper.keeper.journal
    (intent,) = journal.open()
    browser.press(name="Cancel what rests")
    browser.wait(text="It goes on deciding", selector="#sure-take-out")
    browser.press(name="Cancel them now")
    browser.wait(text="What 1 decision under way have", selector="#told")
    browser.wait(text="is to end", selector="#order-rows")
    assert journal.get(intent.key).state == IntentState.ACKED  # the page itself ends nothing
    for _ in range(6):
        tick = ticked(world, 5)
        assert not tick.halts, tick.halts
        if not journal.open_tasks():
            break
    assert journal.get(intent.key).state == IntentState.CLOSED
    assert len(journal.of_decision(intent.decision)) == 1  # it did not take what did not rest
    browser.wait(text="No order is open", selector="#order-rows-none", timeout=PATIENCE)
    browser.wait(text="over: BUY 0 of", selector="#decision-rows")
    world.offer(2)  # and it goes on deciding
    until(world, lambda: len(journal.all_tasks()) == 3, 5)
    browser.wait(text="Will number 2 come true?", selector="#decision-rows", timeout=PATIENCE)


def test_the_guardian_is_asked(world, ui, browser):
    open_page(browser, ui)
    before = len(world.heard)
    browser.press(name="Ask the guardian to pause")
    browser.type(selector="#why-pause", text="the <b>marks</b> are odd")
    browser.press(name="Send the message now")
    browser.wait(text="Taken by guardian. The guardian calls pause()", selector="#told")
    (told,) = world.heard[before:]
    vault = world.stage.vault
    assert told["severity"] == "critical" and "the ‹b›marks‹/b› are odd" in told["text"]
    assert "data 0x8456cb59" in told["text"] and not vault.paused()


def test_decisions_are_stopped_and_the_cure_is_named(world, keeper, ui, browser):
    open_page(browser, ui)
    assert keeper.keeper.journal.open()  # of market 2
    browser.press(name="Stop decisions")
    browser.press(name="Stop decisions now")
    browser.wait(text="Nothing new is decided from the next tick on", selector="#told")
    assert (world.folder / "STOP").read_text() == "asked by the cockpit\n"
    for _ in range(4):
        tick = ticked(world, 5)
        assert set(tick.halts) == {"stop"}
    assert orders(keeper) == []
    browser.wait(text="Remove the stop file", selector="#halts", timeout=PATIENCE)
    browser.wait(text="decides nothing while what stands below lasts", selector="#life")
    assert browser.axe() == []
    browser.shot(path=str(SHOTS / "cockpit-halted.png"))
    (world.folder / "STOP").unlink()
    ticked(world, 5)
    browser.wait(text="nothing stops its decisions", selector="#life", timeout=PATIENCE)


def test_a_lost_cosigner_is_said(world, keeper, ui, browser):
    open_page(browser, ui)
    world.stage.stop_cosigner()
    deadline = time.monotonic() + 60
    while "signers" not in ticked(world, 15).halts:  # it is asked every ten seconds of real time
        assert time.monotonic() < deadline
        time.sleep(0.5)
    browser.wait(text="Nothing can be signed", selector="#cosigner", timeout=PATIENCE)
    browser.wait(text="Start the co-signer", selector="#halts")
    world.stage.start_cosigner()
    assert not ticked(world, 15).halts
    browser.wait(text="It answers, and could sign", selector="#cosigner", timeout=PATIENCE)


def test_a_keeper_that_has_ended_or_hangs_and_a_journal_that_is_gone_are_said(
    world, keeper, browser, tmp_path
):
    """On a copy of the keeper's folder, whose metrics nobody serves."""
    folder = tmp_path / "copy"
    shutil.copytree(world.folder, folder)
    file = folder / "keeper.toml"
    file.write_text(re.sub(r"metrics_port = \d+", "metrics_port = 0", file.read_text()))
    journal = Journal(load(file).journal)
    wrote = [time.time() - 3_600]
    standing = StandingKeeper(journal, "live", lambda: wrote[0], kept_standing(journal))
    standing.see(standing.last.at + 90, {}, None)
    with cockpit(folder) as ui:
        browser.open(url=ui.link, wallet=False)
        browser.wait(text="The keeper does not run: its journal is nobody's", selector="#life")
        browser.wait(text="Not known: the keeper does not run", selector="#cosigner")
        with alone(load(file).journal):  # as one that hangs
            browser.wait(
                text="(1 h ago): look whether it hangs", selector="#life", timeout=PATIENCE
            )
        browser.wait(text="There are none: its file names no", selector="#numbers")
        browser.wait(text="Will number 0 come true?", selector="#held-rows")
        wrote[0] = time.time()
        standing.end()
        browser.wait(text="The keeper has stopped, in order", selector="#life", timeout=PATIENCE)
        there = sorted(folder.glob("keeper.db*"))
        for each in there:
            each.rename(tmp_path / each.name)
        browser.wait(text="it does not exist yet", selector="#away", timeout=PATIENCE)
        browser.wait(text="What stands here is of 20", selector="#away")
        assert "Will number 0" in browser.text(selector="#held-rows")[0]
        for each in there:
            (tmp_path / each.name).rename(each)
        browser.wait_hidden(selector="#away", timeout=PATIENCE)
        browser.press(name="Stop decisions")
        ui.process.send_signal(signal.SIGINT)
        assert ui.process.wait(60) in (0, 130)
        browser.press(name="Stop decisions now")
        browser.wait(text="nobody knows whether it was done", selector="#told", timeout=PATIENCE)
        browser.wait(text="Start it again with", selector="#away", timeout=PATIENCE)
