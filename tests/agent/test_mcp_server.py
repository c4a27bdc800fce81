"""The MCP server over real HTTP and over a pipe, by the SDK's own client: what it tells, whom it
lets in, and that nothing is answered that is not in the log."""

import asyncio
import contextlib
import json
import os
import stat
import subprocess
import sys
from collections import Counter
from pathlib import Path

import anyio
import httpx
import polars as pl
import pytest
from click.testing import CliRunner
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from strongroom.app_server import OpenToOthers, ServedKeeper
from strongroom.cli.main import command
from strongroom.data.folder import PACKAGED
from strongroom.information.gamma import GammaAway
from strongroom.mcp_server import call_log
from strongroom.mcp_server.call_log import BrokenChain, CallLog, call_line, read_calls
from strongroom.mcp_server.reading import VaultReadings
from strongroom.mcp_server.serving import serve_http
from strongroom.mcp_server.tokens import NoSuchClient, ToolScope, read_tokens, revoke
from strongroom.settings import ConfigError

from tests.agent.mcp_place import OTHER, Place, ask, connected, told
from tests.agent.test_decide import NAV, NOW

LADDERS = Path("tests/data/ladders")
READ_TOOLS = {
    "get_vault", "get_positions", "search_markets", "get_market", "get_market_rules",
    "get_orderbook", "get_price_history", "list_decisions", "explain_decision", "get_audit",
    "list_backtests", "get_backtest",
}  # fmt: skip


@pytest.fixture
def place(tmp_path, monkeypatch):
    found = Place(tmp_path, calls_a_minute=1_000)
    found.stand_in(monkeypatch)
    return found


def post(url, token=None, **headers):
    """Send one request by hand; return the status."""
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    sent = {"Accept": "application/json, text/event-stream", **headers}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    return httpx.post(url, json=asked, headers=sent).status_code


# who is let in


def test_only_a_token_of_this_vault_that_is_not_over_lets_in(place):
    good, other = place.token(), place.token("desk", vault=OTHER)
    over = place.token("desk", days=1, now=NOW - 10 * 86_400)
    with place.served() as url:
        statuses = {
            "none": post(url),
            "unknown": post(url, "strongroom_" + "x" * 43),
            "a short one": post(url, "x"),
            "over": post(url, over),
            "of another vault": post(url, other),
            "cut": post(url, good[:-1]),
            "its hash": post(url, read_tokens(place.config.mcp.tokens)[0].digest),
        }
        assert statuses == dict.fromkeys(statuses, 401)
        assert post(url, good) == 200
        assert revoke(place.config.mcp.tokens, "desk") == 3
        assert post(url, good) == 401  # at once, while the server runs


def test_other_hosts_and_pages_are_refused(place):
    token = place.token()
    with place.served() as url:
        assert post(url, token, Host="evil.example") == 421
        assert post(url, token, Host="127.0.0.1.evil.example") == 421
        assert post(url, token, Origin="http://evil.example") == 403
        assert post(url, token, Origin="null") == 403
        assert post(url, token, Origin=url) == 403  # no page at all
        assert post(url, token) == 200
    with pytest.raises(OpenToOthers, match="--name"):
        serve_http(ServedKeeper(Path("docs/examples/keeper.toml"), host="0.0.0.0"), print)


def test_the_file_has_hashes_alone_and_only_its_owner_reads_it(place):
    path = place.config.mcp.tokens
    token = place.token("desk")
    text = path.read_text()
    assert token not in text and token.removeprefix("strongroom_") not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (kept,) = read_tokens(path)
    assert kept.scopes == ("read",) and kept.client == "desk"
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="open to other users"):
        read_tokens(path)
    with place.served() as url:
        assert post(url, token) == 401
    path.chmod(0o600)
    with pytest.raises(NoSuchClient, match="tokens of desk"):
        revoke(path, "nobody")


# what is told


def test_tools_and_resources_tell_what_the_keeper_knows(place):
    one = place.markets[0].condition_id
    with place.served() as url:
        token = place.token()

        async def lists():
            async with connected(url, token) as client:
                tools = (await client.list_tools()).tools
                read = await client.read_resource(f"vault://{place.config.vault}/state")
                return tools, json.loads(read.contents[0].text)

        tools, state = asyncio.run(lists())
        assert {each.name for each in tools} == READ_TOOLS
        assert all(each.annotations.read_only_hint for each in tools)
        found = dict(
            zip(
                [
                    *("vault", "held", "markets", "market", "rules", "books"),
                    *("decisions", "why", "audit"),
                ],
                ask(
                    url, token, ("get_vault", {}), ("get_positions", {}),
                    ("search_markets", {"words": "question 1"}), ("get_market", {"market": one}),
                    ("get_market_rules", {"market": one}), ("get_orderbook", {"market": one}),
                    ("list_decisions", {}), ("explain_decision", {"name": place.decision.id[:12]}),
                    ("get_audit", {}),
                ),
                strict=True,
            )
        )  # fmt: skip
    assert not any(error for error, _ in found.values()), found
    vault = found["vault"][1]
    assert vault == state
    assert vault["nav_at_bid"] == {"units": f"{NAV // 10**6}.000000", "asset": "pUSD"}
    assert vault["seen_at"] == NOW and not vault["runs"] and vault["deals"]
    (halt,) = vault["halts"]
    assert halt["why"] == {"strangers_text": "a node's words", "cut": False}
    assert found["held"][1] == {"seen_at": NOW, "positions": []}
    (listed,) = found["markets"][1]["markets"]
    assert listed["market"] == one and listed["admitted_by"] == 0
    assert listed["question"]["strangers_text"] == "Question 1?"
    assert listed["best_ask"] == "0.97"
    assert found["rules"][1]["rules"]["strangers_text"] == "It resolves."
    books = found["books"][1]
    assert books["yes"]["asks"] == [{"price": "0.970000", "tokens": "7.000000"}]
    assert "not an empty book" in books["no"]["unknown"]
    (line,) = found["decisions"][1]["decisions"]
    assert line["decision"] == place.decision.id and line["pack"] == "tail"
    assert place.decision.id in found["why"][1]["explanation"]["strangers_text"]
    assert found["audit"][1]["result"] == {"unknown": "the keeper's file names no [mcp.audit]"}


def test_a_vault_that_was_never_read_is_unknown_and_not_empty(tmp_path, monkeypatch):
    place = Place(tmp_path)
    place.stand_in(monkeypatch)
    place.journal.keep("standing of the keeper", "{}")  # another release's words
    with place.served() as url:
        vault, held, found = ask(
            url, place.token(), ("get_vault", {}), ("get_positions", {}),
            ("search_markets", {"words": ""}),
        )  # fmt: skip
    why = {"unknown": "the keeper has not read the vault yet"}
    assert vault[1]["nav_at_bid"] == vault[1]["open_markets"] == vault[1]["deals"] == why
    assert held[1] == {"seen_at": why, "positions": why}
    assert {each["admitted_by"] for each in found[1]["markets"]} == {None}


def test_an_audits_and_a_backtests_file_are_told_and_another_vaults_is_not(tmp_path, monkeypatch):
    audit, folder = tmp_path / "verdict.json", tmp_path / "backtests"
    place = Place(tmp_path, audit=audit, backtests=folder)
    place.stand_in(monkeypatch)
    verdict = {
        "vault": place.config.vault, "differences": [], "from_block": 1, "to_block": 9,
        "to_time": 99, "checked": {"reports": 3, "fills": 4},
        "state": {"nav_bid": "2500000", "exposure": "1000000", "losses": "0"},
    }  # fmt: skip
    (folder / "tail").mkdir(parents=True)
    result = {
        "code_version": "x 1", "tries_on_this_data": 2, "summaries": {"pessimistic": {"a": 1}},
        "limits": "small",
    }  # fmt: skip
    (folder / "tail" / "result.json").write_text(json.dumps(result))
    (tmp_path / "result.json").write_text(json.dumps(result))
    calls = (
        ("get_audit", {}), ("list_backtests", {}), ("get_backtest", {"name": "tail"}),
        ("get_backtest", {"name": ".."}),
    )  # fmt: skip
    with place.served() as url:
        token = place.token()
        missing = ask(url, token, calls[0])
        audit.write_text(json.dumps(verdict))
        good, names, one, above = ask(url, token, *calls)
        audit.write_text(json.dumps(verdict | {"differences": [{"block": 5, "what": "view x"}]}))
        (differs,) = ask(url, token, calls[0])
        audit.write_text(json.dumps(verdict | {"unknown": ["whether it is"]}))
        (unknown,) = ask(url, token, calls[0])
        audit.write_text(json.dumps(verdict | {"vault": OTHER}))
        (other,) = ask(url, token, calls[0])
        audit.write_text(json.dumps(verdict | {"checked": {"reports": 1.5, "fills": None}}))
        (odd,) = ask(url, token, calls[0])
    assert "cannot be read" in missing[0][1]["result"]["unknown"]
    assert good[1]["result"]["verdict"] == "no difference"
    assert good[1]["result"]["nav_at_bid"] == {"units": "2.500000", "asset": "pUSD"}
    assert differs[1]["result"]["verdict"] == "differs"
    assert unknown[1]["result"]["verdict"] == "cannot say"
    assert differs[1]["result"]["differences"][0]["strangers_text"] == "block 5: view x"
    assert "another vault" in other[1]["result"]["unknown"]
    assert "no verdict" in odd[1]["result"]["unknown"]
    assert names[1] == {"names": ["tail"]}
    assert json.loads(one[1]["summaries"]) == result["summaries"]
    assert one[1]["tries_on_this_data"] == 2
    assert above == (True, "Error executing tool get_backtest: there is no backtest of this name: "
                           "list_backtests has the names")  # fmt: skip


def test_past_prices_are_the_recorded_ones_one_an_interval(tmp_path, monkeypatch):
    """Against the raw files in plain Python; what was not recorded is unknown, not zero."""
    raw = pl.read_parquet(LADDERS / "prices.parquet").to_dicts()
    listed = pl.read_parquet(LADDERS / "markets.parquet").to_dicts()
    count = Counter(row["market_id"] for row in raw if row["price"] is None)
    ((number, _),) = count.most_common(1)
    (market,) = (each for each in listed if each["market_id"] == number)
    rows = sorted(
        (int(row["ts"].timestamp()), row["price"]) for row in raw if row["market_id"] == number
    )
    place = Place(tmp_path, data=PACKAGED)
    place.stand_in(monkeypatch)
    since, until = rows[0][0], rows[-1][0]
    about = {"market": market["condition_id"], "since": since, "until": until}
    with place.served() as url:
        token = place.token()
        some, whole, empty, other, back, many = ask(
            url, token, ("get_price_history", about | {"points": 7}),
            ("get_price_history", about),
            ("get_price_history", about | {"since": since - 99, "until": since - 1}),
            ("get_price_history", about | {"market": "0x" + "99" * 32}),
            ("get_price_history", about | {"until": since - 1}),
            ("get_price_history", about | {"points": 501}),
        )  # fmt: skip
    for answer, points in ((some, 7), (whole, 100)):
        told = answer[1]["result"]
        assert told["question"]["strangers_text"] == market["market_question"]
        apart = -(-(until - since + 1) * 1_000 // points)
        last = {(time - since) * 1_000 // apart: (time, price) for time, price in rows}
        wanted = [
            (time, "not recorded" if price is None else round(price * 10**6))
            for time, price in last.values()
        ]
        assert [
            (each["at"], each["last"]["unknown"] if isinstance(each["last"], dict)
             else round(float(each["last"]) * 10**6))
            for each in told["points"]
        ] == wanted  # fmt: skip
        assert len(told["points"]) <= points
        assert {each["bid"]["unknown"] for each in told["points"]} == {"not recorded"}
    assert empty[1]["result"]["points"] == []
    assert "no market of this id" in other[1]["result"]["unknown"]
    assert "before `since`" in back[1]["result"]["unknown"]
    assert many[0]


def test_past_prices_without_a_folder_are_unknown(tmp_path, monkeypatch):
    about = {"market": "0x" + "99" * 32, "since": 0, "until": 9}
    for folder, why in ((None, "[mcp.data]"), (tmp_path / "none", "cannot be read")):
        place = Place(tmp_path, data=folder)
        place.stand_in(monkeypatch)
        with place.served() as url:
            ((_, found),) = ask(url, place.token(), ("get_price_history", about))
        assert why in found["result"]["unknown"]


def test_the_listing_is_read_as_often_as_the_keeper_reads_it(place):
    with place.served() as url:
        token = place.token()
        ask(url, token, *[("search_markets", {"words": ""})] * 5)
    assert place.gamma.asked == 1


# rates and the log


def test_a_venue_that_has_just_failed_is_not_waited_for_again(place, monkeypatch):
    now, asked = [NOW], []
    readings = VaultReadings.of(place.config, None, lambda: now[0])

    def away():
        asked.append(now[0])
        raise GammaAway("no answer")

    monkeypatch.setattr(readings.gamma, "open_markets", away)
    for _ in range(5):
        with pytest.raises(GammaAway):
            readings.search("", 5)
    now[0] += 10
    with pytest.raises(GammaAway):
        readings.search("", 5)
    assert asked == [NOW, NOW + 10]
    monkeypatch.undo()
    now[0] += 10
    place.stand_in(monkeypatch)
    assert VaultReadings.of(place.config, None, lambda: now[0]).search("", 5).markets


def test_each_client_has_calls_of_its_own(tmp_path, monkeypatch):
    place = Place(tmp_path, calls_a_minute=4)
    place.stand_in(monkeypatch)
    with place.served() as url:
        first, second = place.token("one"), place.token("two")
        statuses = [post(url, first) for _ in range(6)]
        assert post(url, second) == 200
    came = [each["came"] for each in read_calls(place.config.mcp.log) if each["who"] == "one"]
    assert came == ["done"] * 4 + ["refused: too many calls: wait a minute (1 calls)"]
    assert len(statuses) == 6


def test_who_asks_too_often_does_not_push_others_out_of_the_log(tmp_path, monkeypatch):
    place = Place(tmp_path, calls_a_minute=2)
    place.stand_in(monkeypatch)
    with place.served() as url:
        thief, other = place.token("thief"), place.token("other")
        for _ in range(12):
            post(url, thief)
            post(url, "strongroom_nobody")
        assert post(url, other) == 200
    lines = list(read_calls(place.config.mcp.log))
    assert len([each for each in lines if each["who"] == "thief"]) == 3
    assert len(lines) == 5


def test_no_address_asks_too_often_with_or_without_a_token(tmp_path, monkeypatch):
    place = Place(tmp_path, requests_a_minute=5)
    place.stand_in(monkeypatch)
    with place.served() as url:
        assert [post(url, each) for each in (None, "x", place.token(), "y", "z")] == [
            401, 401, 200, 401, 401,
        ]  # fmt: skip
        assert post(url, place.token()) == 429


def test_nobody_listens_for_what_is_never_sent(place):
    """A stream by GET stayed open for ever, unlimited and unlogged."""
    with place.served() as url:
        sent = {"Accept": "text/event-stream", "Authorization": f"Bearer {place.token()}"}
        for method in ("GET", "DELETE", "PUT", "HEAD"):
            assert httpx.request(method, url, headers=sent, timeout=120).status_code == 405


def test_a_token_sees_what_it_may_call(tmp_path, monkeypatch):
    place = Place(tmp_path, clients={"desk": {"each": "1", "day": "1"}})
    place.stand_in(monkeypatch)

    async def names(token):
        async with connected(url, token) as client:
            return {each.name for each in (await client.list_tools()).tools}

    with place.served() as url:
        assert asyncio.run(names(place.token())) == READ_TOOLS
        both = asyncio.run(names(place.token("desk", ToolScope.PROPOSE)))
        assert both == READ_TOOLS | {"propose_trade", "get_proposal"}


def test_every_call_is_in_the_log_with_who_what_and_what_came(place):
    with place.served() as url:
        token = place.token("desk")
        ask(url, token, ("get_vault", {}), ("get_market", {"market": "0x" + "77" * 32}))
        post(url, "strongroom_nobody")
    text = place.config.mcp.log.read_text()
    assert token not in text
    lines = list(read_calls(place.config.mcp.log))
    calls = {each["what"]: each for each in lines}
    assert calls["tools/call get_vault"]["came"] == "done"
    assert calls["tools/call get_vault"]["who"] == "desk"
    refused = calls["tools/call get_market"]
    assert refused["came"].startswith("refused: ") and "77" * 32 in refused["given"]
    assert calls["token"]["who"] == "" and "does not count" in calls["token"]["came"]
    assert stat.S_IMODE(place.config.mcp.log.stat().st_mode) == 0o600


def test_a_line_that_is_changed_or_gone_is_found(tmp_path):
    path = tmp_path / "log"
    log = CallLog(path, 2_000)
    for number in range(80):
        log.write(call_line(number, "desk", "t", "tools/call x", {"n": number}, "done"))
    kept = sorted(each.name for each in tmp_path.glob("log.*") if each.suffix != ".lock")
    assert kept == ["log.1", "log.2", "log.3", "log.4", "log.5"]  # bounded
    assert all(each.stat().st_size < 2_400 for each in tmp_path.glob("log*"))
    told_of = [each["at"] for each in read_calls(path)]
    assert told_of == sorted(told_of) and told_of[-1] == 79
    place = tmp_path / "log.3"
    whole = place.read_text()
    lines = whole.splitlines(keepends=True)
    for broken in (
        whole.replace('"came":"done"', '"came":"refused"', 1),
        "".join(lines[:1] + lines[2:]),
        whole.replace("{", "", 1),
    ):
        assert broken != whole
        place.write_text(broken)
        with pytest.raises(BrokenChain, match=r"log\.[23] line"):
            list(read_calls(path))
        place.write_text(whole)
    assert len(list(read_calls(path))) == len(told_of)


def chained(path, count):
    log = CallLog(path, 1_000_000)
    for number in range(count):
        log.write(call_line(number, "desk", "t", "tools/call x", {"n": number}, "done"))
    return log


def test_an_end_that_was_cut_off_is_missed_then_and_after_more_calls(tmp_path):
    for cut in (1, 3, 9):
        path = tmp_path / str(cut) / "log"
        log = chained(path, 9)
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:-cut]))
        with pytest.raises(BrokenChain):
            list(read_calls(path))
        log.write(call_line(99, "desk", "t", "tools/call x", {}, "done"))
        with pytest.raises(BrokenChain):
            list(read_calls(path))
    (tmp_path / "9" / "log").unlink()
    with pytest.raises(BrokenChain):
        list(read_calls(tmp_path / "9" / "log"))


def test_half_a_line_of_a_killed_server_is_no_tampering(tmp_path):
    """Whoever is killed in the middle of a line has answered nothing by it; who is killed right
    after it could not say that it was the last."""
    path = tmp_path / "log"
    log = chained(path, 4)
    head = (tmp_path / "log.lock").read_text()
    with path.open("ab") as file:
        file.write(b'{"at":5,"bef')
    assert [each["at"] for each in read_calls(path)] == [0, 1, 2, 3]
    log.write(call_line(4, "desk", "t", "tools/call x", {}, "done"))
    assert [each["at"] for each in read_calls(path)] == [0, 1, 2, 3, 4]
    (tmp_path / "log.lock").write_text(head)
    log.write(call_line(5, "desk", "t", "tools/call x", {}, "done"))
    assert [each["at"] for each in read_calls(path)] == [0, 1, 2, 3, 4, 5]


WRITES = """
import sys
from pathlib import Path
from strongroom.information.gamma import GammaAway
from strongroom.mcp_server.call_log import CallLog, call_line
for number in range(60):
    CallLog(Path(sys.argv[1]), 4_000).write(call_line(number, sys.argv[2], "t", "x", {}, "done"))
"""


def test_two_processes_write_one_chain(tmp_path):
    path = tmp_path / "log"
    running = [
        subprocess.Popen([sys.executable, "-c", WRITES, str(path), name]) for name in ("a", "b")
    ]
    while any(each.poll() is None for each in running):
        with contextlib.suppress(ConfigError):
            list(read_calls(path))  # in the middle of it, too
    assert [each.returncode for each in running] == [0, 0]
    found = [(each["who"], each["at"]) for each in read_calls(path)]
    for name in ("a", "b"):
        times = [at for who, at in found if who == name]
        assert times == list(range(60 - len(times), 60)) and times


def test_a_log_that_begins_while_it_is_read_is_whole(tmp_path, monkeypatch):
    """There was no lock yet to wait for, and the head was that of lines which came later."""
    path, head, begun = tmp_path / "log", call_log._head, []

    def other(looked):
        if not begun:
            begun.append(True)
            for number in range(3):
                CallLog(path, 4_000).write(call_line(number, "a", "t", "x", {}, "done"))
        return head(looked)

    monkeypatch.setattr(call_log, "_head", other)
    assert [each["at"] for each in read_calls(path)] == [0, 1, 2]


def test_no_method_is_so_long_that_it_breaks_the_chain(place):
    """60,000 letters were a line of which the next one could not find the beginning."""
    with place.served() as url:
        token = place.token()
        for method in ("x" * 60_000, "tools/call\u202e", "tools/list"):
            asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {}}
            sent = {"Accept": "application/json, text/event-stream"}
            sent["Authorization"] = f"Bearer {token}"
            found = httpx.post(url, json=asked, headers=sent)
            assert found.status_code == 200 and "x" * 50 not in found.text
            assert "\u202e" not in found.json().get("error", {}).get("message", "")
    lines = [str(each["what"]) for each in read_calls(place.config.mcp.log)]
    assert [len(each) for each in lines] == [40, 11, 10]
    assert lines[1] == "tools/call?"


def test_nothing_is_answered_that_cannot_be_written(place):
    with place.served() as url:
        token = place.token()
        place.config.mcp.log.parent.joinpath("calls.log").mkdir()

        async def call():
            async with connected(url, token) as client:
                return told(await client.call_tool("get_vault", {}))

        with pytest.raises(BaseException) as caught:
            asyncio.run(call())
        assert "cannot write its log" in _all_words(caught.value)


def _all_words(error):
    inside = getattr(error, "exceptions", ())
    return " ".join([str(error), *map(_all_words, inside)])


# the pipe and the commands


def keeper_file(folder):
    """The example's file in a folder, with a journal."""
    text = Path("docs/examples/keeper.toml").read_text()
    text = text.replace("metrics_port = 9100", "metrics_port = 0")
    (folder / "keeper.toml").write_text(text)
    place = Place(folder)
    return folder / "keeper.toml", place


def test_over_a_pipe_without_keys_or_passphrases(tmp_path):
    """In a process of its own, which has an empty environment and no keystore."""
    path, place = keeper_file(tmp_path)
    words = ["-m", "strongroom.cli", "mcp", "pipe", str(path), "--mode", "live"]
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "agent")}

    async def run(**more):
        server = StdioServerParameters(command=sys.executable, args=words, env=bare | more)
        with anyio.fail_after(300):
            async with Client(server) as client:
                names = {each.name for each in (await client.list_tools()).tools}
                return names, told(await client.call_tool("get_vault", {}))

    names, (error, vault) = asyncio.run(run())
    assert names == READ_TOOLS and not error
    assert vault["nav_at_bid"]["asset"] == "units of the vault's asset"  # its node is away
    assert not list(tmp_path.glob("*.json"))
    who = {each["who"] for each in read_calls(tmp_path / "mcp-calls.log")}
    assert who == {"pipe"}
    assert place.decision


def test_a_token_of_the_pipe_that_does_not_count_ends_it(tmp_path):
    path, _ = keeper_file(tmp_path)
    done = CliRunner().invoke(
        command, ["mcp", "pipe", str(path), "--mode", "live"],
        env={"STRONGROOM_MCP_TOKEN": "strongroom_x"},
    )  # fmt: skip
    assert done.exit_code == 2 and "no token of this vault" in done.output


def test_tokens_are_made_shown_once_listed_and_taken_out(tmp_path):
    path, _ = keeper_file(tmp_path)

    def type_(*words):
        done = CliRunner().invoke(command, ["mcp", *words], catch_exceptions=False)
        return done.exit_code, done.stdout.strip()

    assert type_("tokens", str(path)) == (
        0, "no token yet: make one with `strongroom mcp token`",
    )  # fmt: skip
    code, token = type_("token", str(path), "desk", "--propose", "--days", "7")
    assert code == 0 and token.startswith("strongroom_")
    assert (tmp_path / "mcp-tokens.json").exists()  # beside the file
    code, text = type_("tokens", str(path))
    assert "desk (" in text and "read, propose, until" in text and token not in text
    (row,) = json.loads(type_("tokens", str(path), "--json")[1])
    assert row["client"] == "desk" and token not in json.dumps(row)
    assert type_("token", str(path), "Desk!")[0] == 2
    assert type_("revoke", str(path), "desk") == (0, "1 token of desk taken out")
    assert type_("revoke", str(path), "desk")[0] == 2
    assert type_("log", str(path))[0] == 2
    CallLog(tmp_path / "mcp-calls.log", 10_000).write(
        call_line(NOW, "desk", "t", "tools/call get_vault", {}, "done")
    )
    code, text = type_("log", str(path))
    assert code == 0 and "desk: tools/call get_vault {}: done" in text
