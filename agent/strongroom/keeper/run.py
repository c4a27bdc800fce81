"""Running a keeper: tick after tick until it is told to stop, and what each mode may do."""

import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from strongroom.chain.failures import ChainAway
from strongroom.chain.ids import Json
from strongroom.execution.interfaces import Listener
from strongroom.journal import Journal
from strongroom.journal.database import paper_url
from strongroom.journal.lock import alone
from strongroom.keeper.alerts import Alerts
from strongroom.keeper.configuration import Config
from strongroom.keeper.logs import configure
from strongroom.keeper.metrics import Metrics, serve
from strongroom.keeper.paper import PaperKeeper
from strongroom.keeper.recording import Recorder
from strongroom.keeper.tick import Keeper
from strongroom.keeper.wiring import build


def run(config: Config, ticks: int | None = None, stopping: threading.Event | None = None) -> int:
    """Tick until SIGINT or SIGTERM, or so many times; return how many ticks there were.

    On the way out, what rests at the venue is taken out, as far as the venue answers.

    Raises:
        ConfigError: the configuration does not fit what is there; nothing was sent.
        AlreadyRuns: a keeper of this journal runs.
    """
    with alone(journal_of(config)):
        return _run(config, ticks, stopping)


def _run(config: Config, ticks: int | None, stopping: threading.Event | None) -> int:
    log = configure(config.operations.log)
    alerts = Alerts(config.operations.webhooks, config.vault)
    metrics = Metrics()

    def told(event: str, fields: Mapping[str, Json]) -> None:
        log.info(event, **fields)
        metrics.events.labels(event).inc()
        alerts(event, fields)

    server = None
    if config.operations.metrics_port and config.operations.mode != "dry-run":
        server = serve(metrics, config.operations.metrics_port, config.operations.tick_s)
    keeper = make(config, told)
    stopped = stopping or threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
    mode = config.operations.mode
    told("started", {"vault": config.vault, "mode": mode})
    count = 0
    try:
        while not stopped.is_set() and (ticks is None or count < ticks):
            start = time.monotonic()
            tick = keeper.tick()
            count += 1
            metrics.observe(keeper, tick, time.monotonic() - start)
            stopped.wait(max(0.0, config.operations.tick_s - (time.monotonic() - start)))
    except Exception as error:  # the outermost border: a defect of ours is told before it stops us
        told("failed", {"error": repr(error)})
        raise
    finally:
        if mode == "live":
            wind_up(keeper)
        told("stopped", {"vault": config.vault, "ticks": count})
        keeper.sources.close()
        if server is not None:
            server.shutdown()
    return count


def make(config: Config, told: Listener) -> Keeper:
    """Return the keeper of the configured mode; only "live" sends anything."""
    if config.operations.mode == "live":
        keeper = build(config, told)
    else:
        keeper = PaperKeeper.of(build(config, told, journal=Journal(journal_of(config))))
    if config.operations.record is not None:
        keeper.seen = Recorder(config.operations.record, keeper.journal.salt()).see
    return keeper


def wind_up(keeper: Keeper) -> None:
    """Take out what rests; what is under way is followed at the next start."""
    with suppress(ChainAway, SQLAlchemyError):
        for intent in keeper.journal.open():
            keeper.desk.cancel(intent.key)


def journal_of(config: Config) -> str:
    """Return the URL of the journal of the configured mode: what is not real is in memory, or in a
    file of its own."""
    match config.operations.mode:
        case "live":
            return config.journal
        case "paper":
            return paper_url(config.journal)
        case "dry-run":
            return "sqlite://"
