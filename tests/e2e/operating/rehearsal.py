"""What an operator goes through, one step after the other, on running parts. Each step returns what
it saw, in words."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import yaml
from strongroom.chain.anvil import free_port
from strongroom.keeper.comparing import compare
from strongroom.keeper.configuration import load

from tests.e2e.operating.parts import DEPLOY, Parts, wait

METRIC = re.compile(r"\bstrongroom_[a-z_]+")
COMPARED = re.compile(r" (==|!=|>|<) .*$")  # what a rule holds against
HALT = re.compile(r"\{what.*?\}")  # halts that there were none of here
NONE_YET = ("strongroom_refused_records",)  # no record was refused here


def dashboard_queries() -> dict[str, str]:
    """Return the dashboard's queries as Grafana sends them, each with its panel's title."""
    board = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
    return {
        target["expr"].replace("$keeper", ".*").replace("$__rate_interval", "1m"): panel["title"]
        for panel in board["panels"]
        for target in panel["targets"]
    }


def rule_queries() -> dict[str, str]:
    """Return the rules' queries, each with its alert's name."""
    rules = yaml.safe_load((DEPLOY / "rules.yml").read_text())["groups"][0]["rules"]
    return {rule["expr"]: rule["alert"] for rule in rules}


def rehearse(parts: Parts) -> Iterator[str]:
    """Go through all of it, on parts that were started."""
    yield trade(parts)
    yield back_up(parts)
    yield lose_the_cosigner(parts)
    yield ask_everything(parts)
    yield find_it_again(parts)
    yield from kill_and_restore(parts)
    yield run_many(parts)


def trade(parts: Parts) -> str:
    """Wait until the keeper has traded and Prometheus knows."""
    wait("a decision", lambda: parts.ask("strongroom_decisions_total > 0"))
    wait("a NAV", lambda: parts.ask("strongroom_nav_assets > 0"))
    (found,) = parts.ask("strongroom_nav_assets")
    return f"the keeper trades; Prometheus has NAV {float(found['value'][1]):,.2f}"


def back_up(parts: Parts) -> str:
    """Back up the journal while the keeper runs."""
    done = parts.typed("keeper", "backup", parts.config, "--to", parts.folder / "backups")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def lose_the_cosigner(parts: Parts) -> str:
    """End the co-signer; a person is told, and /health says why."""
    assert parts.end("cosigner") == 0
    started = time.monotonic()
    wait("signers in /health", lambda: "signers" in reasons(parts))
    health_s = time.monotonic() - started
    alert = wait("the alert", lambda: parts.ear.told("NothingCanBeSigned", "firing"))
    took = time.monotonic() - started
    wait("the keeper's own words", lambda: any("signers" in text for text in parts.ear.said))
    return (
        f"co-signer stopped: /health says so after {health_s:.0f} s, the webhook after "
        f"{took:.0f} s: {alert['annotations']['summary']}"
    )


def ask_everything(parts: Parts) -> str:
    """Ask Prometheus every query of dashboard and rules; each metric must be the keeper's."""
    known = set(
        re.findall(r"^# HELP (strongroom_\w+)", httpx.get(f"{parts.keeper}/metrics").text, re.M)
    )
    empty = []
    for query, title in (dashboard_queries() | rule_queries()).items():
        parts.ask(query)
        for name in METRIC.findall(query):
            bare = re.sub("_bucket$", "", name)
            assert bare in known, f"{title}: the keeper has no {name}"
        if not parts.ask(HALT.sub("", COMPARED.sub("", query))) and not query.count(NONE_YET[0]):
            empty.append(f"{title}: {query}")
    assert not empty, empty
    return (
        f"{len(dashboard_queries())} queries of the dashboard and {len(rule_queries())} of rules "
        "are answered"
    )


def find_it_again(parts: Parts) -> str:
    """Start the co-signer again; the alert ends, and the keeper goes on."""
    parts.run_cosigner()
    wait("the alert's end", lambda: parts.ear.told("NothingCanBeSigned", "resolved"))
    wait("health", lambda: not reasons(parts))
    return "co-signer started: the alert is over, the keeper goes on"


def kill_and_restore(parts: Parts) -> Iterator[str]:
    """Kill the keeper, restore the older backup, start it; from then on journal = chain."""
    parts.end("keeper", signal.SIGKILL)
    (backup,) = (parts.folder / "backups").glob("keeper-*.db")
    done = parts.typed("keeper", "restore", parts.config, backup)
    assert done.returncode == 0, done.stderr
    config = load(parts.config)
    found = compare(config)
    yield (
        f"keeper killed, journal restored: the backup lacks {len(found.lacks_executions)} "
        f"transactions and {len(found.lacks_fills)} fills of blocks {found.since} to {found.until}"
    )
    parts.run_keeper()
    wait("the halt after a restore", lambda: "restored" in reasons(parts))
    since = found.until + 1
    wait("a new report", lambda: compare(config, since).executions > 0)
    wait("journal = chain", lambda: compare(config, since).is_equal)
    done = parts.typed("keeper", "compare", parts.config, "--since", since)
    assert done.returncode == 0, done.stdout + done.stderr
    yield f"journal = chain since: {done.stdout.strip()}"


def run_many(parts: Parts) -> str:
    """Run a folder of keepers in place of the one; kill its process, and see it started again."""
    assert parts.end("keeper") == 0
    port = free_port()
    parts.run_all(port)
    url = f"http://127.0.0.1:{port}/health"
    wait("all keepers", lambda: httpx.get(url).json()["well"])
    pid = parts.running["keepers"].pid
    (child,) = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    os.kill(child, signal.SIGKILL)
    wait("a second start", lambda: httpx.get(url).json()["keepers"]["practice"]["starts"] == 2)
    wait("all keepers again", lambda: httpx.get(url).json()["well"])
    assert parts.end("keepers") == 0
    parts.run_keeper()
    return "a folder of keepers: one was killed, and started again"


def reasons(parts: Parts) -> dict[str, str]:
    """Return why the keeper is not well."""
    return httpx.get(f"{parts.keeper}/health").json()["reasons"]
