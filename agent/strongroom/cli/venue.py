"""`strongroom venue probe`."""

from pathlib import Path

import click

from strongroom.cli.boundary import FAILED, Ended, Group
from strongroom.cli.options import (
    ADDRESS,
    FILE,
    account,
    as_json,
    asked,
    dry_run,
    rpc,
    typed_passphrase,
    yes,
)

QUESTIONS = (
    *("contract_owner", "contract_batch", "long_signatures", "foreign_keys", "handover"),
    *("key_after_handover", "new_owners_key", "safe_owners", "other_makers"),
)  # of probe/report.py, here so that --help loads nothing


@click.group("venue", cls=Group)
def command() -> None:
    """The venue as it is, not as its documents have it.

    Example: strongroom venue probe --help
    """


@command.command("probe")
@rpc
@account
@click.option("--successor", help="Another account of yours, to hand things over to and back.")
@click.option("--safe", type=ADDRESS, help="Your one-key Safe at the venue.")
@click.option("--contract", type=ADDRESS, help="A Safe of yours that the venue did not make.")
@click.option("--market", required=True, help="Condition id of an open market to order in.")
@click.option("--clob", default="https://clob.polymarket.com", show_default=True, help="Its CLOB.")
@click.option(
    "--relayer",
    default="https://relayer-v2.polymarket.com",
    show_default=True,
    help="Its relayer.",
)
@click.option(
    "--question", "questions", multiple=True, type=click.Choice(QUESTIONS), help="Only this one."
)
@click.option("--out", type=FILE, default=Path("probe.json"), show_default=True, help="Report.")
@yes
@dry_run
@as_json
def probe(
    rpc: str,
    account: str,
    successor: str | None,
    safe: str | None,
    contract: str | None,
    market: str,
    clob: str,
    relayer: str,
    questions: tuple[str, ...],
    out: Path,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Try what no public text of the venue answers, with an account of yours and a few dollars.
    Each step says what it does and costs, and asks; what the venue says is written to a report,
    which `strongroom doctor --probe` reads. The account needs a deposit wallet with pUSD that has
    approved the exchange, and some native coin for gas.

    \b
    Examples:
      strongroom venue probe --rpc URL --account a.json --market 0x... --dry-run
      strongroom venue probe --rpc URL --account a.json --successor b.json --market 0x...
      strongroom venue probe --rpc http://127.0.0.1:8545 --account TEST::4 --successor TEST::5 \\
        --market 0x... --clob http://127.0.0.1:8080 --relayer http://127.0.0.1:8080/relayer --yes
    """
    import time

    from strongroom.chain.accounts import wallet
    from strongroom.chain.contracts import Contracts
    from strongroom.probe import run
    from strongroom.probe.place import ProbePlace, find_market
    from strongroom.probe.report import ProbeReport, Question
    from strongroom.probe.services import VenueServices

    chain = Contracts(rpc)
    services = VenueServices(clob, relayer, chain.chain_id, time.time)
    owner = wallet(account, chain, typed_passphrase).unlock()
    other = wallet(successor, chain, typed_passphrase).unlock() if successor else None
    found = find_market(services, market)
    place = ProbePlace(
        chain, services, owner, other, safe or "", contract or "", found, time.time, time.sleep
    )
    wanted = [Question(each) for each in questions]
    if dry_run:
        for line in run.plan(place, wanted):
            click.echo(line)
        return

    def keep(report: ProbeReport) -> None:
        out.write_text(report.text())

    report = run.probe(place, wanted, asked(yes, "what it had found is in its file"), keep)
    click.echo(report.text() if as_json else "\n".join([*run.summary(report), f"report: {out}"]))
    if report.left:
        raise Ended("not all is as it was: see `left` in the report", FAILED)
