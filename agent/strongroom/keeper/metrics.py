"""Numbers for Prometheus, and the keeper's health, on one small HTTP port."""

import json
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app
from sqlalchemy.exc import SQLAlchemyError

from strongroom.chain.units import MICRO
from strongroom.journal import Journal
from strongroom.keeper.tick import Keeper, Tick
from strongroom.settings import ConfigError

STALE_TICKS = 12  # without a tick for so many intervals, it is not well


class Metrics:
    """What is measured; the names are `strongroom_...`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def gauge(name: str, text: str, labels: Iterable[str] = ()) -> Gauge:
            return Gauge(f"strongroom_{name}", text, list(labels), registry=self.registry)

        self.nav = gauge("nav_assets", "NAV at the bid, units of the asset")
        self.idle = gauge("idle_assets", "idle assets, units")
        self.exposure = gauge("exposure_assets", "exposure at cost, units")
        self.open_orders = gauge("open_orders", "orders that may still be filled")
        self.open_tasks = gauge("open_tasks", "open tasks")
        self.reversals = gauge("reversed_trades", "trades undone after they were matched")
        self.ended = gauge("ended_trades", "trades that have ended")
        self.halted = gauge("halted", "1 while something stops decisions", ["what"])
        self.refused = gauge("refused_records", "market records that were refused", ["reason"])
        self.asked = gauge("source_requests", "requests to a source", ["source"])
        self.failed = gauge("source_failures", "requests that failed", ["source"])
        self.wrong = gauge("source_wrong", "1 while a source is not well", ["source"])
        self.last_tick = gauge("last_tick_timestamp_seconds", "time of the last tick's end")
        self.decisions = Counter("strongroom_decisions", "decisions made", registry=self.registry)
        self.events = Counter("strongroom_events", "events", ["event"], registry=self.registry)
        self.tick_seconds = Histogram(
            "strongroom_tick_seconds", "length of a tick", registry=self.registry
        )
        self.reasons: set[str] = set()  # of refused records
        self.halts: dict[str, str] = {}
        self.ticked_at = time.monotonic()

    def observe(self, keeper: Keeper, tick: Tick, seconds: float) -> None:
        """Take a tick's numbers."""
        self.tick_seconds.observe(seconds)
        self.decisions.inc(tick.decisions)
        self.last_tick.set(tick.at)
        self.ticked_at = time.monotonic()
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
        if tick.state is not None:
            self.nav.set(tick.state.nav / MICRO)
            self.idle.set(tick.state.idle / MICRO)
            self.exposure.set(tick.state.total_exposure / MICRO)
        if "journal" not in tick.halts:
            with suppress(SQLAlchemyError):  # went away since: the next tick says so
                self._read(keeper.journal)

    def _read(self, journal: Journal) -> None:
        self.open_orders.set(len(journal.open()))
        self.open_tasks.set(len(journal.open_tasks()))
        failed, ended = journal.reversals()
        self.reversals.set(failed)
        self.ended.set(ended)


def serve(metrics: Metrics, port: int, interval_s: float) -> WSGIServer:
    """Serve `/metrics` and `/health` on this machine; return the server, already running.

    `/health` answers 200 while ticks go on and nothing stops decisions, else 503 with the reasons.

    Raises:
        ConfigError: the port is in use.
    """
    prometheus = make_wsgi_app(metrics.registry)

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != "/health":
            return prometheus(environ, start)  # type: ignore[no-any-return]
        silent = time.monotonic() - metrics.ticked_at
        reasons = dict(metrics.halts)
        if silent > STALE_TICKS * interval_s:
            reasons["ticks"] = f"no tick for {silent:.0f} s"
        body = json.dumps({"well": not reasons, "reasons": reasons}).encode()
        start(
            "503 Service Unavailable" if reasons else "200 OK",
            [("Content-Type", "application/json")],
        )
        return [body]

    try:
        server = make_server("127.0.0.1", port, app, handler_class=_Quiet)
    except OSError as error:
        raise ConfigError(
            f"[operations.metrics_port] {port} is in use: choose another, or 0 for none"
        ) from error
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        pass
