"""What the app has with it, without a browser: tests/integration/test_app.py has one."""

import re
from dataclasses import replace

import pytest
from click.testing import CliRunner
from pydantic import TypeAdapter
from strongroom.app import command as site
from strongroom.app import live, page
from strongroom.app.command import AuditAway, PageOptions, run_app
from strongroom.app.history import PageData, Terms
from strongroom.app.live import AnnouncedCall, LiveVault, ScriptMissing, script
from strongroom.app.page import write_bare_app, write_page
from strongroom.chain.ids import read_json
from strongroom.cli.main import command
from strongroom.depositor.words import WORDS, say
from strongroom.errors import Away

from tests.page_data import DATA

TERMS = Terms(200, 2_000, 0, 2**128 - 1, 10**6, "0x" + "00" * 20, False, 1_000, 500, 300, 50, 3_600,
              172_800, 1_209_600)  # fmt: skip
MADE = TypeAdapter(PageData).validate_python(DATA)
CALL = AnnouncedCall("0x01", "0x02", 1, 2, 3, "make </script><b> the reporter")
LIVE = LiveVault("0x" + "11" * 20, "0x" + "22" * 20, "Tail & Sons", "pUSD", 137,
                 "https://node.example/key/abc?x=1", 9, (CALL,), {}, TERMS,
                 (0, 86_400))  # fmt: skip


@pytest.fixture(autouse=True)
def bundle(monkeypatch):
    monkeypatch.setattr(page, "script", lambda name: name.encode())


def config_in(text):
    return read_json(re.search(r'id="strongroom">(.*?)</script>', text)[1].encode())


def test_the_page_has_the_app_and_asks_one_node(tmp_path):
    for path in (
        write_page(MADE, tmp_path / "audited", live=LIVE),
        write_bare_app(LIVE, "The node has no old state.", tmp_path / "bare"),
    ):
        text = path.read_text()
        found = config_in(text)
        assert found["notices"][0]["words"] == CALL.words
        assert found["words"] == dict(WORDS) and found["limits"][4] == "exit_fee_bps"
        assert "connect-src https://node.example;" in text and "script-src 'self';" in text
        assert (path.parent / "app.js").read_bytes() == b"app.js"
        assert (path.parent / "licenses.txt").exists()
        assert "2 % a year; 20 % of profit above" in text
    assert "No audit stands on this page.</strong> The node has no old state." in text


def test_an_audit_that_cannot_be_made_leaves_the_files_of_the_last_one(tmp_path, monkeypatch):
    """The node answers what the page needs, and hiccups in the audit."""
    asked = PageOptions(LIVE.vault, out=tmp_path)

    def hiccup(options, live):
        raise Away("the node does not answer: start it")

    monkeypatch.setattr(site, "_write", hiccup)
    monkeypatch.setattr(live, "live_vault", lambda *_: LIVE)
    monkeypatch.setattr(live, "script", lambda: b"")
    before = write_page(MADE, tmp_path, live=LIVE).read_bytes()
    with pytest.raises(AuditAway, match="nothing was written; name an archive node, or --no-audit"):
        run_app(asked, keeps=True)
    assert (tmp_path / "index.html").read_bytes() == before
    assert run_app(asked, audited=False, keeps=True).missing == "It was made without one."
    assert run_app(asked).missing.startswith("the node does not answer")
    assert b"No audit stands on this page" in (tmp_path / "index.html").read_bytes()


def test_a_page_for_every_wallet_names_no_node(tmp_path):
    text = write_bare_app(replace(LIVE, rpc="", calls=None), "", tmp_path).read_text()
    assert "connect-src &#39;none&#39;;" in text and config_in(text)["notices_known"] is False


def test_a_package_without_the_script_says_what_brings_it():
    assert live.SCRIPT == "app.js"
    with pytest.raises(ScriptMissing, match="make setup"):
        script("nothing.js")


def test_a_sentence_wants_all_its_numbers():
    assert say("hand_over", amount="5") == "You hand over 5 now."
    with pytest.raises(KeyError):
        say("hand_over")


@pytest.mark.parametrize(
    "url", ["nonsense", "ws://node:1", "http://", "http://node:1 'unsafe-inline'; script-src *"]
)
def test_a_node_that_no_browser_can_ask_is_refused(url, tmp_path):
    typed = ["app", "--vault", "0x" + "11" * 20, "--static", "--out", str(tmp_path / "site")]
    done = CliRunner().invoke(command, [*typed, "--browser-rpc", url])
    assert done.exit_code == 2 and "--browser-rpc must be http:// or https://" in done.output
    assert not (tmp_path / "site").exists()
