"""A vault to practise on, kept running: the chain, the venue, recorded markets that end within
days, and the files that its keeper, its co-signer and a depositor need."""

import shlex
import threading
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import tomli_w

from strongroom.chain.accounts import PASSPHRASE as ACCOUNT_PASSPHRASE
from strongroom.chain.ids import JsonObject
from strongroom.chain.terms import UNLIMITED_ASSETS, Limits
from strongroom.chain.units import MICRO, format_units
from strongroom.devnet import polymarket
from strongroom.devnet.clock import DevnetClock
from strongroom.devnet.demo import RECORDED_AT, ending_records, quote_as_recorded
from strongroom.devnet.deployer import devnet_chain
from strongroom.devnet.faucet import Purse
from strongroom.devnet.folder import claimed
from strongroom.devnet.operator_files import (
    COSIGNER,
    KEEPER,
    PASSPHRASE,
    PASSPHRASES,
    merged,
    write_keystore,
)
from strongroom.devnet.setup import TOTAL_CAP, VELOCITY, Stage, StageOptions, set_up
from strongroom.information.gamma import MarketRecord

BLOCK_S = 2.0
REPORTS_S = 30  # at least between two reports
DEPOSITOR = "bob"  # has the asset, and no shares yet
WAITING = 50_000 * MICRO  # that Alice has asked to deposit
PURSE = 100_000 * MICRO  # of the depositor
ENVIRONMENT = "environment.sh"
ANSWERS = "answers.toml"  # for `strongroom init`: what no public venue has
# The defaults are for days: an hour between two reports, of which a request needs two, and a tenth
# of NAV a day for newcomers. A practice lasts minutes.
LIMITS = Limits(
    min_report_interval_s=REPORTS_S,
    inflow_floor=UNLIMITED_ASSETS,
    total_cap=TOTAL_CAP,
    velocity=VELOCITY,
)
SECTIONS = """
[packs.dutch]

[packs.tail]

[packs.hedge]

[information]
markets_every_s = 30

[reporting]
evidence = "evidence"
views = "unpublished"
every_s = 300
when_asked_s = 30

[operations]
mode = "paper"
tick_s = 2.0
metrics_port = 9100
record = "views"
"""

Say = Callable[[str], None]


@dataclass(frozen=True)
class PracticeOptions:
    """Where, and for how long.

    Attributes:
        folder: of the files; what is in it is deleted
        port: of the chain (JSON-RPC)
        seconds: end after so many; None: when `ended` is set, or by a signal
    """

    folder: Path = Path("build") / "practice"
    port: int = 8545
    seconds: float | None = None


def run_practice(options: PracticeOptions, say: Say, ended: threading.Event | None = None) -> None:
    """Run it until its time is over; whatever it started ends with it.

    Args:
        say: gets one line at a time, none of which may be wrapped

    Raises:
        FolderTaken: a practice runs in the folder, or it is not a practice's.
        PortTaken: something listens on the port; nothing was touched.
        AnvilMissing, ArtifactMissing: something is not installed; the message says what brings it.
    """
    with (
        claimed(options.folder, "practice", {options.port: "port"}) as folder,
        devnet_chain(polymarket.CHAIN_ID, options.port) as chain,
    ):
        clock = DevnetClock(chain, time.time())
        records = _moved(ending_records(), time.time())
        stage = set_up(chain, clock, StageOptions(folder, records, SECTIONS, LIMITS))
        try:
            _add_stream(stage)
            _write_answers(stage)
            quote_as_recorded(stage)
            stage.request_deposit("alice", WAITING)
            _write_depositor(stage)
            for line in _words(stage, len(records)):
                say(line)
            stop = ended or threading.Event()
            deadline = None if options.seconds is None else time.monotonic() + options.seconds
            while not stop.is_set() and (deadline is None or time.monotonic() < deadline):
                chain.request("evm_mine")
                stop.wait(BLOCK_S)
        finally:
            stage.close()


def _moved(records: Sequence[MarketRecord], now: float) -> list[MarketRecord]:
    """Return the recorded markets as if they had been recorded now."""
    by = datetime.fromtimestamp(now, UTC) - RECORDED_AT
    found: list[MarketRecord] = []
    for record in records:
        end = datetime.fromisoformat(str(record["endDate"]).replace("Z", "+00:00")) + by
        found.append({**record, "endDate": end.isoformat().replace("+00:00", "Z")})
    return found


def _add_stream(stage: Stage) -> None:
    """Let the keeper follow the market channel, and send no heartbeat setting of its own."""
    path = stage.folder / KEEPER
    stream = f"{stage.server.url.replace('http', 'ws')}/ws/market"
    changes: JsonObject = {"venue": {"stream_url": stream, "heartbeat": True}}
    path.write_text(tomli_w.dumps(merged(tomllib.loads(path.read_text()), changes)))


def _write_answers(stage: Stage) -> None:
    """Write what `strongroom init --answers` has to be told of this venue."""
    made = tomllib.loads((stage.folder / KEEPER).read_text())
    venue = {name: made["venue"][name] for name in ("clob_url", "gamma_url", "stream_url")}
    answers = {**venue, "multi_send": made["safe"]["multi_send"]}
    (stage.folder / ANSWERS).write_text(tomli_w.dumps(answers))


def _write_depositor(stage: Stage) -> None:
    """Give somebody the asset, write their keystore, the environment and what the faucet needs."""
    person = stage.people[DEPOSITOR]
    stage.venue.fund(stage.people["deployer"], person, PURSE)
    write_keystore(stage.folder / f"{DEPOSITOR}.json", person.account)
    names = (*PASSPHRASES, ACCOUNT_PASSPHRASE)
    lines = [f"export {name}={PASSPHRASE}" for name in names]
    lines.append(f"export STRONGROOM_RPC_URL={stage.chain.url}")
    (stage.folder / ENVIRONMENT).write_text("\n".join(lines) + "\n")
    venue = stage.venue
    purse = Purse(
        rpc_url=stage.chain.url,
        usdc=venue.usdc.address,
        pusd=venue.pusd.address,
        onramp=venue.onramp.address,
        vault=stage.vault.address,
    )
    purse.write(stage.folder)


def _words(stage: Stage, markets: int) -> list[str]:
    """Return what to do next, line by line."""
    folder, vault, url = stage.folder, stage.vault.address, stage.chain.url
    keeper, keystore = _quoted(folder / KEEPER), _quoted(folder / f"{DEPOSITOR}.json")
    person = stage.people[DEPOSITOR].address
    to_vault = f"--vault {vault} --rpc {url} --account {keystore}"
    return [
        f"vault {vault} at {url}, {markets} markets, "
        f"{format_units(WAITING, 0)[:-1]} pUSD wait for a report",
        "in other terminals:",
        f"  source {_quoted(folder / ENVIRONMENT)}",
        f"  strongroom cosigner {_quoted(folder / COSIGNER)}",
        f"  strongroom keeper start {keeper} --mode live",
        f"  strongroom keeper status {keeper}",
        f"{person} holds {format_units(PURSE, 0)[:-1]} pUSD and can deposit:",
        f"  strongroom deposit 1000 {to_vault}",
        f"  strongroom position {to_vault}",
        "Ctrl-C ends it",
    ]


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
