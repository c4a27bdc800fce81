"""Running a keeper: tick after tick until it has to stop, and what each mode may do."""

import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from strongroom.chain.ids import Json
from strongroom.database import paper_url
from strongroom.execution.interfaces import Listener
from strongroom.information.client_trades import TradeQueue
from strongroom.journal import Journal
from strongroom.journal.lock import alone
from strongroom.keeper.alerts import Alerts, Channel
from strongroom.keeper.approving import Approvals
from strongroom.keeper.channels import Bot, channels_of
from strongroom.keeper.client_proposals import ClientDesk
from strongroom.keeper.configuration import Config
from strongroom.keeper.halts import DEFECT, Defects, Named
from strongroom.keeper.logs import configure
from strongroom.keeper.metrics import Metrics, serve
from strongroom.keeper.paper import PaperKeeper
from strongroom.keeper.publishing import loop_of
from strongroom.keeper.recording import Recorder
from strongroom.keeper.remote import RemoteCommands, only_reader
from strongroom.keeper.restoring import owner_of, relearn
from strongroom.keeper.standing import StandingKeeper
from strongroom.keeper.tick import Keeper, Tick
from strongroom.keeper.vault_watch import VaultWatch, watch_of
from strongroom.keeper.wiring import build
from strongroom.settings import ConfigError, Section, only_one

SENDING = ("ask", "live")  # the modes that trade
LOCK = ".lock"  # of a folder that views are recorded into


@dataclass
class Running:
    """A keeper with all that watches it: log, metrics, messages."""

    config: Config
    keeper: Keeper
    metrics: Metrics
    on_event: Listener
    standing: StandingKeeper
    watch: VaultWatch | None = None  # None: nobody reads the metrics
    ticks: int = 0

    def tick(self) -> Tick:
        """Go round once, and show it."""
        start = time.monotonic()
        try:
            tick = self.keeper.tick()
        except Exception as error:  # the outermost border: what ends a tick is told
            self.on_event("failed", {"error": repr(error)})
            raise
        self.ticks += 1
        self.metrics.observe(self.keeper, tick, time.monotonic() - start)
        if "journal" not in tick.halts:
            with suppress(SQLAlchemyError):  # went away since: the next tick says so
                self.standing.see(tick.at, tick.halts, tick.state)
        if self.watch is not None:
            self.metrics.watch(self.watch.look())
        return tick


def run(config: Config, ticks: int | None = None, stopping: threading.Event | None = None) -> int:
    """Tick until SIGINT or SIGTERM, or so many times; return how many ticks there were.

    On the way out, what rests at the venue is taken out, as far as the venue answers.

    Raises:
        ConfigError: the configuration does not fit what is there; nothing was sent.
        AlreadyRuns: another keeper has the journal, or the folder of recorded views.
    """
    stopped = stopping or threading.Event()

    def obey_signals() -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stopped.set())

    with running(config, obey_signals) as this:
        while not stopped.is_set() and (ticks is None or this.ticks < ticks):
            start = time.monotonic()
            this.tick()
            stopped.wait(max(0.0, config.operations.tick_s - (time.monotonic() - start)))
        return this.ticks


@contextmanager
def running(config: Config, built: Callable[[], None] = lambda: None) -> Iterator[Running]:
    """Yield a keeper that is ready to tick, the only one of its journal; end it afterwards.

    Args:
        built: called before the keeper says that it has started

    Raises:
        ConfigError, AlreadyRuns: as `run`.
    """
    with alone(journal_of(config)) as check_alone, ExitStack() as open_:
        config = apart(config)
        log = configure(config.operations.log, config.operations.log_max_mb)
        metrics, mode = Metrics(), config.operations.mode
        metrics.name(config.vault, mode)
        if mode in SENDING:
            metrics.watch_backups(lambda: owner_of(config).newest(config.operations.backups))
        channels = channels_of(config.notify)
        for bot in _obeyed(config, channels):
            open_.enter_context(only_reader(bot))
        for each in channels:
            metrics.untold.labels(each.name)

        def untold(channel: str, message: str, why: str) -> None:
            log.info("untold", channel=channel, message=message, why=why)
            metrics.untold.labels(channel).inc()

        alerts = Alerts(channels, config.vault, untold)
        open_.callback(alerts.close)

        def on_event(event: str, fields: Mapping[str, Json]) -> None:
            log.info(event, **fields)
            metrics.events.labels(event).inc()
            alerts(event, fields)

        served = False
        if config.operations.metrics_port and mode != "dry-run":
            try:
                port, host = config.operations.metrics_port, config.operations.metrics_host
                server = serve(metrics, port, config.operations.tick_s, host)
                open_.callback(server.shutdown)
                served = True
            except ConfigError as error:
                if mode in SENDING:
                    raise
                on_event("no_metrics", {"why": str(error)})  # a live one has the port
        if config.operations.record is not None:
            folder = config.operations.record
            open_.enter_context(only_one(folder / LOCK, f"a keeper that records into {folder}"))
        keeper = make(config, on_event)
        keeper.check_alone = check_alone
        if mode in SENDING and keeper.reporter is not None:
            evidence = config.reporting.evidence
            relearn(keeper.journal, keeper.chain, config.vault, evidence, on_event)
        open_.callback(keeper.sources.close)
        publishing = loop_of(config, keeper.journal) if mode in SENDING else None
        if publishing is not None:
            keeper.further_health = lambda: publishing.health
            publishing.start()
            open_.callback(publishing.close)
        gc.collect()
        gc.freeze()  # what is loaded stays: the collector would go through all of it at each tick
        open_.callback(gc.unfreeze)
        watch = watch_of(config) if served else None
        standing = StandingKeeper(keeper.journal, mode)
        this = Running(config, keeper, metrics, on_event, standing, watch)
        for remote in _remotes(config, channels, metrics, on_event):
            remote.start()
            open_.callback(remote.close)
        built()
        on_event("started", {"vault": config.vault, "mode": mode})
        try:
            yield this
        finally:
            if mode in SENDING:
                wind_up(keeper)
            if "journal" not in metrics.halts:
                with suppress(SQLAlchemyError):
                    standing.end()
            on_event("stopped", {"vault": config.vault, "ticks": this.ticks})


def _obeyed(config: Config, channels: Sequence[Channel]) -> list[Bot]:
    """Return the bots that take commands, where the keeper trades."""
    if config.operations.mode not in SENDING:
        return []
    return [
        channel
        for section, channel in zip(config.notify, channels, strict=True)
        if section.commands and isinstance(channel, Bot)
    ]


def _remotes(
    config: Config, channels: Sequence[Channel], metrics: Metrics, on_event: Listener
) -> list[RemoteCommands]:
    """Return what listens to the bots that take commands."""

    def status() -> str:
        return f"Strongroom {config.vault}:\n{metrics.in_words()}"

    stop_file = config.operations.stop_file
    return [RemoteCommands(bot, status, stop_file, on_event) for bot in _obeyed(config, channels)]


def apart(config: Config) -> Config:
    """Return the configuration with the places that its mode writes to: what sends nothing may run
    beside what does, with the same file, so its views and its log have its mode in their names."""
    operations, mode = config.operations, config.operations.mode
    if mode in SENDING:
        return config
    places = {
        name: place.with_name(f"{place.stem}-{mode}{place.suffix}")
        for name in ("record", "log")
        if (place := getattr(operations, name)) is not None
    }
    found: dict[str, Section] = {"operations": operations.model_copy(update=places)}
    if config.proposals is not None:
        folder = config.proposals.folder
        beside = folder.with_name(f"{folder.name}-{mode}")
        found["proposals"] = config.proposals.model_copy(update={"folder": beside})
    return config.model_copy(update=found)


def make(config: Config, on_event: Listener) -> Keeper:
    """Return the keeper of the configured mode; only "ask" and "live" send anything."""
    operations = config.operations
    if operations.mode in SENDING:
        keeper = build(config, on_event)
        within, again = operations.approve_within_s, operations.ask_again_s
        approvals = Approvals(keeper.journal, on_event, keeper.chain.now, within, again)
        if operations.mode == "ask":
            keeper.approvals = approvals
        else:
            approvals.withdraw()
    else:
        keeper = PaperKeeper.of(build(config, on_event, journal=Journal(journal_of(config))))
    if config.proposals is not None:
        keeper.clients = ClientDesk(TradeQueue(config.proposals.folder), keeper.journal, on_event)
    if config.operations.record is not None:
        keeper.on_view = Recorder(
            config.operations.record,
            keeper.journal.salt(),
            config.operations.record_max_mb,
            on_event=on_event,
        ).see
    return keeper


def wind_up(keeper: Keeper) -> None:
    """Take out what rests, unless the journal is another keeper's by now; what is under way is
    followed at the next start."""
    halts: dict[str, str] = {}
    named = Named(halts, Defects(keeper.on_event))
    with suppress(SQLAlchemyError), named:
        keeper.check_alone()
        for intent in keeper.journal.open():
            with named:
                keeper.desk.cancel(intent.key)
            if halts.keys() - {DEFECT}:
                return  # somebody is away: the others would wait for him, too


def journal_of(config: Config) -> str:
    """Return the URL of the journal of the configured mode: what is not real is in memory, or in a
    file of its own."""
    match config.operations.mode:
        case "live" | "ask":
            return config.journal
        case "paper":
            return paper_url(config.journal)
        case "dry-run":
            return "sqlite://"
