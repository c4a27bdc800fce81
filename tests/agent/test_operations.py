"""Logs that keep secrets, metrics that a scraper reads, health with reasons."""

import json
from dataclasses import replace
from types import SimpleNamespace

import httpx
import pytest
from strongroom.chain.failures import CallReverted, ChainAway, TransactionRefused
from strongroom.cosigner.store import Store
from strongroom.information.books import BookReader, BooksAway
from strongroom.information.endpoint import Health
from strongroom.information.forecast import CsvForecaster, HttpForecaster
from strongroom.information.gamma import GammaClient
from strongroom.information.sources import Look, Sources
from strongroom.journal import Journal
from strongroom.keeper.health import HealthKeeper, kept_health
from strongroom.keeper.logs import OLDER, RotatedFile, configure
from strongroom.keeper.metrics import Metrics, serve
from strongroom.keeper.paper import PaperKeeper
from strongroom.keeper.recording import Recorder
from strongroom.keeper.tick import Keeper, Tick, Watch
from strongroom.keeper.vault_watch import VaultWatch
from strongroom.settings import AlreadyRuns, ConfigError, read_secret, read_toml, unlock
from strongroom.signing.signers import CosignerAway


def keeper(reversals=(3, 20), refused=None, health=()):
    journal = SimpleNamespace(
        open=lambda: [1, 2], open_tasks=lambda: [1], reversals=lambda: reversals
    )
    return SimpleNamespace(journal=journal, refused=refused or {}, health=health)


@pytest.fixture
def metrics():
    found = Metrics()
    server = serve(found, 0, 5.0)
    found.url = f"http://127.0.0.1:{server.server_port}"
    yield found
    server.shutdown()


def state(nav=5_000_000):
    return SimpleNamespace(
        nav=nav, idle=1_000_000, total_exposure=4_000_000, total_losses=250_000,
        total_cap=100_000_000, total_cap_bps=6_000,
    )  # fmt: skip


def lines(metrics):
    return httpx.get(f"{metrics.url}/metrics").text.splitlines()


VALUES = (
    *("nav_assets", "idle_assets", "exposure_assets", "losses_assets", "total_cap_assets"),
    *("open_orders", "open_tasks", "reversed_trades", "ended_trades", "signers_ready"),
    *("last_tick_timestamp_seconds", "last_report_timestamp_seconds", "max_report_age_seconds"),
    *("breaker_tripped", "paused", "winding_down", "executor_gas_coins"),
)


def test_what_is_not_known_is_not_zero_and_not_well(metrics):
    assert {f"strongroom_{name} NaN" for name in VALUES} <= set(lines(metrics))
    ill = httpx.get(f"{metrics.url}/health")
    assert (ill.status_code, ill.json()["reasons"]) == (503, {"ticks": "no tick has ended yet"})
    metrics.observe(keeper(), Tick(1_700, {}, 0, state()), 0.1)
    assert httpx.get(f"{metrics.url}/health").status_code == 200
    metrics.observe(keeper(), Tick(1_701, {"chain": "away", "journal": "away"}), 0.1)
    known = {"last_tick_timestamp_seconds", *VALUES[-6:]}
    assert {f"strongroom_{name} NaN" for name in set(VALUES) - known} <= set(lines(metrics))


def test_the_vault_and_the_executor_are_watched_once_a_minute(metrics):
    now, answers = [100.0], [7, 1_600, 172_800, True, False, False]
    chain = SimpleNamespace(ask=lambda asked: list(answers), balance=lambda who: 25 * 10**16)
    watch = VaultWatch(chain, "0xvault", "0xexecutor", lambda: now[0])
    metrics.watch(watch.look())
    for line in (
        "last_report_timestamp_seconds 1600.0", "max_report_age_seconds 172800.0",
        "breaker_tripped 1.0", "paused 0.0", "winding_down 0.0", "executor_gas_coins 0.25",
    ):  # fmt: skip
        assert f"strongroom_{line}" in lines(metrics)
    chain.ask = failing(ChainAway("no answer"))
    assert watch.look() is not None  # not asked again yet
    now[0] += 61
    metrics.watch(watch.look())
    assert {f"strongroom_{name} NaN" for name in VALUES[-6:]} <= set(lines(metrics))
    answers[0], chain.ask, watch.executor = 0, (lambda asked: list(answers)), ""
    now[0] += 61
    found = watch.look()
    assert (found.last_report, found.gas_wei) == (None, None)


def test_metrics_say_whether_all_could_be_signed_and_count_from_zero(metrics):
    assert 'strongroom_events_total{event="nav_differs"} 0.0' in lines(metrics)
    metrics.observe(keeper(), Tick(1, {"signers": "silent"}, 0, state()), 0.1)
    assert "strongroom_signers_ready 0.0" in lines(metrics)
    metrics.observe(keeper(), Tick(2, {}, 0, state()), 0.1)
    assert "strongroom_signers_ready 1.0" in lines(metrics)


def test_metrics_say_what_the_tick_came_to(metrics):
    metrics.observe(keeper(), Tick(1_700, {}, 2, state()), 0.5)
    text = httpx.get(f"{metrics.url}/metrics").text
    for line in (
        "strongroom_nav_assets 5.0",
        "strongroom_exposure_assets 4.0",
        "strongroom_losses_assets 0.25",
        "strongroom_total_cap_assets 3.0",
        "strongroom_open_orders 2.0",
        "strongroom_reversed_trades 3.0",
        "strongroom_ended_trades 20.0",
        "strongroom_decisions_total 2.0",
        "strongroom_last_tick_timestamp_seconds 1700.0",
    ):
        assert line in text.splitlines()


def test_refused_records_are_counted_by_reason_until_they_are_gone(metrics):
    for refused, count in (({"version v3": 7}, 7.0), ({}, 0.0)):
        metrics.observe(keeper(refused=refused), Tick(1, {}, 0, state()), 0.1)
        text = httpx.get(f"{metrics.url}/metrics").text
        assert f'strongroom_refused_records{{reason="version v3"}} {count}' in text


def test_each_source_has_its_numbers(metrics):
    for wrong in ("HTTP 500; asked again in 5 s", ""):
        metrics.observe(keeper(health=[Health("Gamma", 7, 2, wrong)]), Tick(1, {}, 0, state()), 0.1)
        lines = httpx.get(f"{metrics.url}/metrics").text.splitlines()
        assert 'strongroom_source_requests{source="Gamma"} 7.0' in lines
        assert 'strongroom_source_failures{source="Gamma"} 2.0' in lines
        assert f'strongroom_source_wrong{{source="Gamma"}} {float(bool(wrong))}' in lines


def test_how_sources_are_is_kept_when_it_changes_and_now_and_then(tmp_path):
    url = f"sqlite:///{tmp_path / 'keeper.db'}"
    kept, other = HealthKeeper(Journal(url)), Journal(url)
    assert kept_health(other) is None
    well, ill = Health("books", 1, 0), Health("books", 2, 1, "HTTP 500; asked again in 5 s")
    for now, source, at in (
        (100, well, 100), (101, replace(well, asked=2), 100), (102, ill, 102),
        (103, replace(ill, wrong="HTTP 500; asked again in 4 s"), 102), (104, well, 104),
        (163, well, 104), (164, well, 164),
    ):  # fmt: skip
        kept.see(now, [source])
        assert kept_health(other).at == at
    assert kept_health(other).sources == (well,)


def test_a_look_says_how_each_source_is(tmp_path):
    def answer(request):
        return httpx.Response(200 if request.url.path.startswith("/markets") else 500, json=[])

    transport = httpx.MockTransport(answer)
    sources = Sources(
        GammaClient("http://gamma", transport=transport),
        BookReader("http://clob", transport=transport),
        forecasters=[CsvForecaster(tmp_path / "none.csv"), HttpForecaster("http://127.0.0.1:9")],
    )
    found = {each.name: each for each in sources.look(1_000, lambda market: True, ()).health}
    assert set(found) == {"Gamma", "books", "http"}  # a file has no service
    assert found["Gamma"].wrong == "" and found["Gamma"].asked > 0
    assert found["http"].failed == 1 and found["http"].wrong


def test_health_names_what_stops_decisions_and_when_it_is_over(metrics):
    metrics.observe(keeper(), Tick(1, {"clock": "off by 300 s"}, 0, state()), 0.1)
    ill = httpx.get(f"{metrics.url}/health")
    assert (ill.status_code, ill.json()["reasons"]) == (503, {"clock": "off by 300 s"})
    assert 'strongroom_halted{what="clock"} 1.0' in httpx.get(f"{metrics.url}/metrics").text
    metrics.observe(keeper(), Tick(2, {}, 0, state()), 0.1)
    assert httpx.get(f"{metrics.url}/health").json() == {"well": True, "reasons": {}}
    assert 'strongroom_halted{what="clock"} 0.0' in httpx.get(f"{metrics.url}/metrics").text
    metrics.ticked_at -= 61  # twelve intervals of five seconds without a tick
    assert "no tick for" in httpx.get(f"{metrics.url}/health").json()["reasons"]["ticks"]


def test_logs_are_json_lines_without_secrets(tmp_path):
    log = configure(tmp_path / "deep" / "keeper.log")
    log.info("signed", order="0x12", signature="0xdeadbeef", owner_passphrase="open sesame")
    log.warning("halted", why="clock")
    first, second = (
        json.loads(line) for line in (tmp_path / "deep" / "keeper.log").read_text().splitlines()
    )
    assert (first["event"], first["order"]) == ("signed", "0x12")
    assert first["signature"] == first["owner_passphrase"] == "(withheld)"
    assert (second["level"], second["why"]) == ("warning", "clock")


def test_a_log_that_is_moved_away_is_opened_anew(tmp_path):
    path = tmp_path / "keeper.log"
    log = configure(path)
    log.info("one")
    path.rename(tmp_path / "moved")  # as logrotate does
    log.info("two")
    (tmp_path / "moved").unlink()
    path.unlink()
    log.info("three")
    assert [json.loads(each)["event"] for each in path.read_text().splitlines()] == ["three"]


def test_a_large_log_becomes_older_ones_and_no_line_is_cut(tmp_path):
    path = tmp_path / "keeper.log"
    file = RotatedFile(path, 100)
    for number in range(40):
        file.write(f"{number:029d}\n")  # three fit
    names = sorted(each.name for each in tmp_path.iterdir())
    assert names == ["keeper.log", *(f"keeper.log.{number}" for number in range(1, OLDER + 1))]
    kept = [path.with_name(name).read_text().split() for name in (*reversed(names[1:]), names[0])]
    assert [int(each) for part in kept for each in part] == list(range(24, 40))


def idle(*_, **__):
    """Do nothing, and find nothing."""


def quiet_keeper(kind, reports, tidied):
    """A keeper that has nothing to do: each of its parts can be made to fail."""
    vault = SimpleNamespace(
        total_exposure=0,
        markets={},
        closed=(),
        nav=5,
        idle=5,
        class_of=idle,
        marks_required=True,
        max_order_lifetime=600,
    )
    answer = SimpleNamespace(kind="ACCEPTED", detail="")
    service = SimpleNamespace(time=lambda: 1_000, heartbeat=lambda: answer, trouble="")
    return kind(
        journal=SimpleNamespace(
            moves=0,
            keep=idle,
            fact=idle,
            reservations=dict,
            unresolved=list,
            approvals=SimpleNamespace(unscored=list),
        ),
        chain=SimpleNamespace(now=lambda: 1_000, ask=lambda asked: [False for _ in asked]),
        venue=service,
        vault=SimpleNamespace(
            read=lambda kept: vault,
            wallets=SimpleNamespace(all=list),
            holdings=lambda names: (),
            payouts=lambda conditions: {},
        ),
        transactor=SimpleNamespace(moves=0, advance=idle),
        desk=SimpleNamespace(recover=idle, venues=lambda: [service]),
        tasks=SimpleNamespace(busy=set, advance=idle),
        duties=SimpleNamespace(settle=idle, sweep=idle, tidy=lambda state, busy: tidied.append(1)),
        reporter=SimpleNamespace(
            is_due=lambda unmarked: True,
            report=lambda: reports.append(1),
            follow=idle,
            seen=None,
            settings=SimpleNamespace(pools=()),
        ),
        sources=SimpleNamespace(look=lambda now, admits, held: Look(now, {}, {}, {})),
        packs=(),
        rules=None,
        exchanges=("0xexchange",),
        clock=lambda: 1_000,
        watch=Watch(heartbeat=False),
    )


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


FAILURES = {
    "the chain is away": (ChainAway("no answer"), "chain", "does not answer"),
    "a read reverts": (CallReverted("pool: no"), "chain", "pool: no"),
    "a transaction reverts": (TransactionRefused("stale"), "chain", "stale"),
    "no signature": (CosignerAway("silent"), "signers", "silent"),
    "the venue is away": (BooksAway("books: 500"), "outside", "books: 500"),
}
PARTS = {
    "clock": ("chain", "now"),
    "vault": ("vault", "read"),
    "venue": ("venue", "time"),
    "exchanges": ("chain", "ask"),
    "orders": ("desk", "recover"),
    "look": ("sources", "look"),
    "duties": ("duties", "settle"),
    "reports": ("reporter", "report"),
}


@pytest.mark.parametrize("kind", [Keeper, PaperKeeper])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("failure", FAILURES)
def test_a_tick_never_raises_for_what_the_outside_world_does(kind, part, failure):
    reports, tidied = [], []
    keeper = quiet_keeper(kind, reports, tidied)
    assert keeper.tick().halts == {}
    error, name, words = FAILURES[failure]
    place, what = PARTS[part]
    setattr(getattr(keeper, place), what, failing(error))
    halts = keeper.tick().halts
    if kind is Keeper or part in ("clock", "vault", "venue", "look"):
        assert words in halts[name]


def test_without_pools_nothing_is_decided_or_reported_and_the_rest_goes_on():
    reports, tidied = [], []
    keeper = quiet_keeper(Keeper, reports, tidied)
    keeper.pools = [SimpleNamespace(pool="0xpool")]
    keeper.chain.ask = lambda asked: (
        failing(CallReverted("0xpool: no"))() if len(asked) > 1 else [0]
    )
    tick = keeper.tick()
    assert "0xpool: no" in tick.halts["chain"] and tick.decisions == 0
    assert (reports, tidied) == ([], [1])


def test_who_does_not_report_does_all_the_rest():
    reports, tidied = [], []
    keeper = quiet_keeper(Keeper, reports, tidied)
    keeper.reporter = None
    assert keeper.tick().halts == {} and (reports, tidied) == ([], [1])


def test_reports_that_another_safe_sends_go_on_at_each_tick():
    advanced = []
    keeper = quiet_keeper(Keeper, [], [])
    keeper.report_sender = SimpleNamespace(moves=0, advance=lambda: advanced.append(1))
    assert keeper.tick().halts == {} and advanced == [1]
    keeper.report_sender.advance = failing(CosignerAway("silent"))
    assert "silent" in keeper.tick().halts["signers"]


def test_a_journal_that_is_anothers_stops_everything():
    reports, tidied = [], []
    keeper = quiet_keeper(Keeper, reports, tidied)
    keeper.check_alone = failing(AlreadyRuns("a keeper runs already"))
    assert keeper.tick().halts == {"journal": "a keeper runs already"}
    assert (reports, tidied) == ([], [])


def mode(path):
    return path.stat().st_mode & 0o777


def test_what_tells_of_decisions_is_this_users_alone(tmp_path):
    (tmp_path / "old.db").touch(mode=0o644)
    for name in ("new.db", "old.db"):
        Journal(f"sqlite:///{tmp_path / name}").keep("who", "me")
        assert {mode(each) for each in tmp_path.glob(f"{name}*")} == {0o600}
    Recorder(tmp_path / "views", "salt")
    assert (mode(tmp_path / "views"), mode(tmp_path / "views" / "salt")) == (0o700, 0o600)


def test_a_secret_that_others_may_read_is_refused(tmp_path):
    path = tmp_path / "secret"
    path.write_text("ab" * 32)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match=r"open to other users \(mode 644\): run `chmod 600"):
        read_secret(path)
    path.chmod(0o600)
    assert read_secret(path) == b"ab" * 32


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[]", b"[1]", b'"a"', b"null", b"{}"])
def test_a_file_of_another_kind_is_one_sentence(tmp_path, monkeypatch, content):
    monkeypatch.setenv("PASSPHRASE", "x")
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="not a keystore"):
        unlock(path, "PASSPHRASE")
    if content[0] == 0xFF:
        with pytest.raises(ConfigError, match="not TOML: not UTF-8 at byte 0"):
            read_toml(path)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("oracle9://me:hunter2@host/x", "is not a database: use sqlite:///"),
        ("postgresql://me:hunter2@host:port/x", "is not a database: use sqlite:///"),
        ("postgresql://me:hunter2@/x?host=/nowhere", "cannot be opened: is the server there"),
        ("sqlite:////nowhere/at/all.db", "cannot be opened: does its folder exist"),
        ("sqlite:///{folder}/text", "is no database: name another file"),
    ],
)
def test_a_database_that_is_none_is_one_sentence_with_its_setting(tmp_path, url, told):
    (tmp_path / "text").write_text("This is no database. " * 100)
    for open_, what in ((Store, "store"), (Journal, "journal")):
        with pytest.raises(ConfigError, match=told) as refused:
            open_(url.format(folder=tmp_path))
        assert str(refused.value).startswith(f"[{what}]")
        assert "hunter2" not in str(refused.value)
