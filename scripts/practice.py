"""A vault to practise on, kept running: `ape run practice`."""

import logging
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import ape
import click
from ape.logging import logger as ape_logger
from rich.console import Console
from strongroom.chain.units import MICRO
from strongroom.devnet import polymarket
from strongroom.devnet.clock import DevnetClock
from strongroom.devnet.demo import RECORDED_AT, ending_records, quote_as_recorded
from strongroom.devnet.local_chain import devnet_chain
from strongroom.devnet.setup import PASSPHRASE, set_up

FOLDER = Path("build") / "practice"
BLOCK_S = 2.0
SECTIONS = """
[packs.dutch]

[packs.tail]

[packs.hedge]

[information]
markets_every_s = 30

[reporting]
evidence = "evidence"
every_s = 300
when_asked_s = 60

[operations]
mode = "paper"
tick_s = 2.0
metrics_port = 9100
record = "views"
"""


@click.command()
@click.option("--port", default=8545, show_default=True, help="Of the chain (JSON-RPC).")
@click.option("--seconds", type=int, help="End after so many, instead of at Ctrl-C.")
def cli(port: int, seconds: int | None) -> None:
    """Run a devnet with a vault on it, and write the files that its keeper and its co-signer need:
    recorded markets that end within days, quoted as they were recorded, and a depositor who waits.

    Moves no real money. The keeper's commands are printed.

    Example: ape run practice
    """
    ape_logger.set_level(logging.ERROR)
    console = Console(highlight=False)
    shutil.rmtree(FOLDER, ignore_errors=True)
    with devnet_chain(polymarket.CHAIN_ID, port) as url:
        request = ape.networks.provider.make_request
        clock = DevnetClock(request, time.time())
        moved = datetime.fromtimestamp(time.time(), UTC) - RECORDED_AT
        records = []
        for record in ending_records():
            end = datetime.fromisoformat(record["endDate"].replace("Z", "+00:00")) + moved
            records.append(record | {"endDate": end.isoformat().replace("+00:00", "Z")})
        stage = set_up(FOLDER, url, records, clock, SECTIONS)
        try:
            quote_as_recorded(stage)
            stage.request_deposit("alice", 50_000 * MICRO)
            path = FOLDER / "keeper.toml"
            stream = f"{stage.server.url.replace('http', 'ws')}/ws/market"
            path.write_text(
                path.read_text().replace("heartbeat = false", f'stream_url = "{stream}"')
            )
            console.print(
                f"vault {stage.vault.address} at {url}, {len(records)} markets, 50,000 pUSD wait\n"
                f"in other terminals, with\n"
                f"  export STRONGROOM_OWNER_PASSPHRASE={PASSPHRASE} "
                f"STRONGROOM_EXECUTOR_PASSPHRASE={PASSPHRASE} "
                f"STRONGROOM_COSIGNER_PASSPHRASE={PASSPHRASE}\n"
                f"  ape run cosigner {FOLDER / 'cosigner.toml'}\n"
                f"  ape run keeper start {path} --mode live\n"
                f"  ape run keeper status {path}\n"
                "Ctrl-C ends it"
            )
            started = time.monotonic()
            while seconds is None or time.monotonic() - started < seconds:
                request("evm_mine", [])
                time.sleep(BLOCK_S)
        except KeyboardInterrupt:
            pass
        finally:
            stage.close()
