"""Numbers for Prometheus, and the keeper's health, on one small HTTP port."""

import json
import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import MetricsHandler
from sqlalchemy.exc import SQLAlchemyError

from strongroom.chain.units import BPS, ETHER, MICRO
from strongroom.journal import Journal
from strongroom.keeper.alerts import WORTH
from strongroom.keeper.tick import Keeper, Tick
from strongroom.keeper.vault_watch import Watched
from strongroom.own_server import LOOPBACK, OwnPages, OwnServer
from strongroom.settings import ConfigError
from strongroom.strategy.view import VaultState

STALE_TICKS = 12  # without a tick for so many intervals, it is not well


class Metrics:
    """What is measured; the names are `strongroom_...`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def gauge(name: str, text: str, labels: Iterable[str] = ()) -> Gauge:
            return Gauge(f"strongroom_{name}", text, list(labels), registry=self.registry)

        self.keeper = gauge("keeper", "1, whose numbers these are", ["vault", "mode"])
        # what is not known is NaN, and never 0
        self.nav = gauge("nav_assets", "NAV at the bid, units of the asset")
        self.idle = gauge("idle_assets", "idle assets, units")
        self.exposure = gauge("exposure_assets", "exposure at cost, units")
        self.losses = gauge("losses_assets", "losses of closed markets, units")
        self.total_cap = gauge("total_cap_assets", "most at stake and lost in all, units")
        self.last_report = gauge("last_report_timestamp_seconds", "time of the last report")
        self.max_report_age = gauge("max_report_age_seconds", "age of a report that is too old")
        self.breaker = gauge("breaker_tripped", "1 while the breaker forbids allocations")
        self.paused = gauge("paused", "1 while the vault is paused")
        self.winding_down = gauge("winding_down", "1 from wind-down on")
        self.gas = gauge("executor_gas_coins", "native money of the executor, coins")
        self.signers = gauge("signers_ready", "1 while all signatures can be had")
        self.open_orders = gauge("open_orders", "orders that may still be filled")
        self.open_tasks = gauge("open_tasks", "open tasks")
        self.reversals = gauge("reversed_trades", "trades undone after they were matched")
        self.ended = gauge("ended_trades", "trades that have ended")
        self.halted = gauge("halted", "1 while something stops decisions", ["what"])
        self.refused = gauge("refused_records", "market records that were refused", ["reason"])
        self.asked = gauge("source_requests", "requests to a source", ["source"])
        self.failed = gauge("source_failures", "requests that failed", ["source"])
        self.wrong = gauge("source_wrong", "1 while a source is not well", ["source"])
        self.started = gauge("started_timestamp_seconds", "when this process began its work")
        self.started.set(time.time())
        self.last_tick = gauge("last_tick_timestamp_seconds", "time of the last tick's end")
        self.decisions = Counter("strongroom_decisions", "decisions made", registry=self.registry)
        self.events = Counter("strongroom_events", "events", ["event"], registry=self.registry)
        self.untold = Counter(
            "strongroom_untold", "messages that reached nobody", ["channel"], registry=self.registry
        )
        self.tick_seconds = Histogram(
            "strongroom_tick_seconds", "length of a tick", registry=self.registry
        )
        for each in (
            *(self.nav, self.idle, self.exposure, self.losses, self.total_cap, self.open_orders),
            *(self.open_tasks, self.reversals, self.ended, self.last_tick, self.signers),
        ):
            each.set(math.nan)
        self.watch(None)
        for event in WORTH:
            self.events.labels(event)  # from 0 on, so that the first one is a rise
        self.reasons: set[str] = set()  # of refused records
        self.halts: dict[str, str] = {}
        self.ticked_at = time.monotonic()
        self.ticks = 0

    def name(self, vault: str, mode: str) -> None:
        """Say whose numbers these are."""
        self.keeper.labels(vault, mode).set(1)

    def observe(self, keeper: Keeper, tick: Tick, seconds: float) -> None:
        """Take a tick's numbers."""
        self.tick_seconds.observe(seconds)
        self.decisions.inc(tick.decisions)
        self.last_tick.set(tick.at)
        self.ticked_at = time.monotonic()
        self.ticks += 1
        for what in self.halts.keys() - tick.halts.keys():
            self.halted.labels(what).set(0)
        for what in tick.halts:
            self.halted.labels(what).set(1)
        self.halts = dict(tick.halts)
        self.reasons |= keeper.refused.keys()
        for reason in self.reasons:
            self.refused.labels(reason).set(keeper.refused.get(reason, 0))
        for source in keeper.health:
            self.asked.labels(source.name).set(source.asked)
            self.failed.labels(source.name).set(source.failed)
            self.wrong.labels(source.name).set(bool(source.wrong))
        self._see(tick.state)
        known = 0 if "signers" in tick.halts else None if tick.state is None else 1
        _set((self.signers,), (known,))
        if "journal" in tick.halts:
            for each in (self.open_orders, self.open_tasks, self.reversals, self.ended):
                each.set(math.nan)
        else:
            with suppress(SQLAlchemyError):  # went away since: the next tick says so
                self._read(keeper.journal)

    def watch_backups(self, newest: Callable[[], float | None]) -> None:
        """Say at each scrape when the newest backup of the journal was made; only a keeper whose
        journal is to be kept has this number."""
        text = "time of the newest backup of the journal"
        gauge = Gauge("strongroom_last_backup_timestamp_seconds", text, registry=self.registry)

        def known() -> float:
            found = newest()
            return math.nan if found is None else found

        gauge.set_function(known)

    def watch(self, found: Watched | None) -> None:
        """Take what was seen beside the ticks; None: the chain does not say."""
        gauges = (self.last_report, self.max_report_age, self.breaker, self.paused)
        _set((*gauges, self.winding_down, self.gas), _numbers(found))

    def _see(self, state: VaultState | None) -> None:
        gauges = (self.nav, self.idle, self.exposure, self.losses, self.total_cap)
        if state is None:
            _set(gauges, [None] * len(gauges))
            return
        cap = min(state.total_cap, state.nav * state.total_cap_bps // BPS)
        amounts = (state.nav, state.idle, state.total_exposure, state.total_losses, cap)
        _set(gauges, [amount / MICRO for amount in amounts])

    def in_words(self) -> str:
        """Return how the keeper is, for a person."""
        ago = time.monotonic() - self.ticked_at
        amounts = [
            f"{name} {'unknown' if math.isnan(value) else f'{value:,.2f}'}"
            for name, mine in (("NAV", self.nav), ("idle", self.idle), ("at stake", self.exposure))
            for value in [_value(mine)]
        ]
        lines = [
            f"last tick {ago:.0f} s ago" if self.ticks else "no tick has ended yet",
            ", ".join(amounts),
            f"open orders {_value(self.open_orders):g}, open tasks {_value(self.open_tasks):g}",
        ]
        lines += [f"stopped: {what}: {why}" for what, why in self.halts.items()]
        return "\n".join(lines if self.halts else [*lines, "nothing stops decisions"])

    def _read(self, journal: Journal) -> None:
        self.open_orders.set(len(journal.open()))
        self.open_tasks.set(len(journal.open_tasks()))
        failed, ended = journal.reversals()
        self.reversals.set(failed)
        self.ended.set(ended)


def _numbers(found: Watched | None) -> Sequence[float | None]:
    if found is None:
        return [None] * 6
    gas = None if found.gas_wei is None else found.gas_wei / ETHER
    flags = (found.breaker_tripped, found.paused, found.winding_down)
    return (found.last_report, found.max_report_age_s, *flags, gas)


def _value(gauge: Gauge) -> float:
    (metric,) = gauge.collect()
    return float(metric.samples[0].value)


def _set(gauges: Sequence[Gauge], values: Sequence[float | None]) -> None:
    """Set each gauge; what is not known is NaN."""
    for gauge, value in zip(gauges, values, strict=True):
        gauge.set(math.nan if value is None else value)


def serve(metrics: Metrics, port: int, interval_s: float, host: str = LOOPBACK[0]) -> OwnServer:
    """Serve `/metrics` and `/health` at an address of this machine; return the server, already
    running.

    `/health` answers 200 while ticks go on and nothing stops decisions, else 503 with the reasons.
    Before the end of the first tick nothing is known, so it is 503 as well.

    Raises:
        ConfigError: the port is in use.
    """

    class Page(OwnPages, MetricsHandler):
        registry = metrics.registry

        def page(self) -> None:
            if self.path.partition("?")[0] != "/health":
                MetricsHandler.do_GET(self)
                return
            reasons = _reasons(metrics, interval_s)
            body = json.dumps({"well": not reasons, "reasons": reasons}).encode()
            self.answer(503 if reasons else 200, "application/json", body)

    try:
        server = OwnServer((host, port), Page)
    except OSError as error:
        raise ConfigError(
            f"[operations.metrics_port] {port} is in use: choose another, or 0 for none"
        ) from error
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _reasons(metrics: Metrics, interval_s: float) -> dict[str, str]:
    """Return why a keeper is not well, by what; empty: it is."""
    silent = time.monotonic() - metrics.ticked_at
    reasons = dict(metrics.halts)
    if not metrics.ticks:
        reasons["ticks"] = "no tick has ended yet"
    elif silent > STALE_TICKS * interval_s:
        reasons["ticks"] = f"no tick for {silent:.0f} s"
    return reasons
