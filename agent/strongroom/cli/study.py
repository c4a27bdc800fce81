"""`strongroom study`: recorded prices, other venues, wallets, arbitrage, and registered
tests."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from strongroom.cli.boundary import Command, Group
from strongroom.cli.options import (
    FILE,
    FOLDER,
    FRACTION,
    Number,
    as_json,
    bar,
    bars,
    data,
    print_json,
    workers_options,
)
from strongroom.errors import BadInput

if TYPE_CHECKING:
    from datetime import datetime

    from strongroom.workers import EngineName


@click.group("study", cls=Group)
def command() -> None:
    """Study recorded prices and other venues without vault and keeper.

    \b
    Examples:
      strongroom study reference
      strongroom study ladders --half-spread 0.005 --json
    """


@command.command(cls=Command)
@click.option(
    "--spread", type=FRACTION, default=0.01, show_default=True, help="Added to each last price."
)
@data
@as_json
def reference(spread: float, data: Path | None, as_json: bool) -> None:
    """Favourites at 0.95 to 0.99 in their last four days: how many, how many won, the return.

    Example: strongroom study reference --spread 0.02
    """
    from strongroom.backtest.study_command import ReferenceOptions, run_study, show_study

    result = run_study(ReferenceOptions(spread, data))
    print_json(result.document()) if as_json else show_study(result)


@command.command(cls=Command)
@click.option(
    "--half-spread", type=FRACTION, default=0.01, show_default=True, help="Around each last price."
)
@click.option(
    "--fee-rate", type=FRACTION, default=0.04, show_default=True, help="Of the venue's taker fee."
)
@data
@as_json
def ladders(half_spread: float, fee_rate: float, data: Path | None, as_json: bool) -> None:
    """Adjacent thresholds that contradict each other: how often, how long, and the profit of
    trading them.

    Example: strongroom study ladders --half-spread 0.005
    """
    from strongroom.backtest.study_command import LadderOptions, run_study, show_study

    result = run_study(LadderOptions(half_spread, fee_rate, data))
    print_json(result.document()) if as_json else show_study(result)


@command.command(cls=Command)
@click.argument("ours", type=FILE)
@click.argument("theirs", type=FILE)
@click.option(
    "--our-fee-rate", type=FRACTION, default=0.0, show_default=True, help="Of our taker fee."
)
@click.option(
    "--their-fee-rate", type=FRACTION, default=0.07, show_default=True, help="Of theirs (Kalshi)."
)
@click.option(
    "--max-age", type=Number(1), default=300.0, show_default=True, help="Of a quote, seconds."
)
@as_json
def spreads(
    ours: Path,
    theirs: Path,
    our_fee_rate: float,
    their_fee_rate: float,
    max_age: float,
    as_json: bool,
) -> None:
    """How long the best prices of two venues' recordings crossed, before and after fees.

    OURS has a level's new sizes, THEIRS (Kalshi) has changes of sizes; CSV, also gzipped. What was
    repaired or dropped is counted.

    Example: strongroom study spreads docs/examples/radar/polymarket_nba_mvp_luka_yes.csv.gz
    docs/examples/radar/kalshi_nba_mvp_luka.csv.gz
    """
    from dataclasses import asdict
    from decimal import Decimal

    from strongroom.backtest.venue_spreads import show_spreads, spread_study

    rates = Decimal(str(our_fee_rate)), Decimal(str(their_fee_rate))
    found = spread_study(ours, theirs, *rates, max_age)
    print_json(asdict(found)) if as_json else show_spreads(found)


@command.command(cls=Command)
@click.argument("pairs", type=FILE)
@click.option("--rules", is_flag=True, help="Print both rule texts and their hashes, to compare.")
@as_json
def radar(pairs: Path, rules: bool, as_json: bool) -> None:
    """What the same question costs here and at other venues now, and what the spread is worth.

    PAIRS is a TOML file of venues, capital and pairs. A pair counts only with an adjudication
    record whose rule texts are still the ones that were compared. Nothing is sent.

    \b
    Examples:
      strongroom study radar pairs.toml
      strongroom study radar pairs.toml --rules
    """
    from strongroom.information.pairs import load_pairs
    from strongroom.keeper.radar import (
        radar_document,
        radar_now,
        rules_document,
        rules_now,
        show_radar,
        show_rules,
    )

    file = load_pairs(pairs)
    if rules:
        texts = rules_now(file)
        print_json(rules_document(texts)) if as_json else show_rules(texts)
        return
    found = radar_now(file)
    print_json(radar_document(found)) if as_json else show_radar(found)


@command.command(cls=Command)
@click.argument("fills", type=FILE)
@click.argument("outcomes", type=FILE)
@click.option("--delay", type=click.IntRange(0), default=60, show_default=True, help="Seconds.")
@click.option("--slippage", type=FRACTION, default=0.01, show_default=True, help="On each price.")
@click.option("--fee-rate", type=FRACTION, default=0.04, show_default=True, help="Taker fee.")
@click.option("--out", type=FILE, help="Write the followed wallets, for the keeper's feed.")
@as_json
def wallets(
    fills: Path,
    outcomes: Path,
    delay: int,
    slippage: float,
    fee_rate: float,
    out: Path | None,
    as_json: bool,
) -> None:
    """Whose trades a follower would have earned from, out of sample, after costs.

    FILLS has the columns time, wallet, condition, outcome, side, price, size; OUTCOMES condition,
    yes_pays, resolved_at and, where conditions share one, event. CSV or Parquet.

    Example: strongroom study wallets fills.csv outcomes.csv --out wallets.json
    """
    from strongroom.backtest.wallet_study import (
        FollowRules,
        show_wallets,
        wallet_study,
        write_followed,
    )

    rules = FollowRules(delay_s=delay, slippage=slippage, fee_rate=fee_rate)
    found = wallet_study(fills, outcomes, rules)
    if out is not None:
        write_followed(found, out)
    print_json(found.document()) if as_json else show_wallets(found)


@command.command(cls=Command)
@click.argument("path", type=FOLDER)
@click.option(
    "--blocks", type=click.IntRange(0), default=950, show_default=True,
    help="A set's first and last leg are at most so far apart.",
)  # fmt: skip
@click.option("--seconds", type=click.IntRange(0), help="The same by time, instead of blocks.")
@click.option(
    "--least", type=Number(0), default=2.0, show_default=True, help="Fills of less are left out."
)
@click.option("--unknown-fees-zero", is_flag=True, help="Take fees that are not known for none.")
@workers_options
@click.option("--out", type=FOLDER, help="For sets.parquet and wallets.csv.")
@as_json
def arbitrage(
    path: Path,
    blocks: int,
    seconds: int | None,
    least: float,
    unknown_fees_zero: bool,
    engine: "EngineName",
    ray_address: str | None,
    workers: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """What wallets have really earned by arbitrage, out of public fills and token operations.

    PATH is a folder of imported data: markets (`strongroom import gamma`), fills and operations
    (`strongroom import logs`, `chain`), and where known relations. docs/arbitrage.md says what
    counts. On a cluster, --out has to be a folder that all its machines share.

    \b
    Examples:
      strongroom study arbitrage history
      strongroom study arbitrage history --seconds 1900 --out build/arbitrage
      strongroom study arbitrage history --engine ray --json
    """
    from strongroom.backtest.arbitrage_rows import ArbitrageRules
    from strongroom.backtest.arbitrage_study import arbitrage_study, show_arbitrage
    from strongroom.chain.units import MICRO

    if ray_address is not None and engine != "ray":
        raise BadInput("--ray-address is of ray: add --engine ray")
    window = blocks if seconds is None else seconds
    rules = ArbitrageRules(window, seconds is not None, round(least * MICRO), unknown_fees_zero)
    with bars(quiet=as_json) as advance:
        found = arbitrage_study(path, rules, engine, workers, ray_address, out, advance)
    print_json(found.document()) if as_json else show_arbitrage(found)


@command.command(cls=Command)
@click.argument("config", type=FILE)
@click.option(
    "--split", required=True, type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="UTC: markets that end before it train, those that end later test.",
)  # fmt: skip
@click.option(
    "--gap-hours", type=click.IntRange(1), default=96, show_default=True,
    help="Test markets end so long after the split, and only that long before is played.",
)  # fmt: skip
@click.option("--to", required=True, type=FILE, help="The registration, to be committed.")
@data
def register(config: Path, split: "datetime", gap_hours: int, to: Path, data: Path | None) -> None:
    """Register a test before it is run: parameters counted on the training part, the hash of that
    part, and the rule of the verdict. Commit the file; `strongroom study open` does the rest.

    Example: strongroom study register docs/examples/backtest-tail.toml --split 2025-12-06
    --to registered/tail.json
    """
    from strongroom.backtest.command import with_data
    from strongroom.backtest.config import load
    from strongroom.backtest.registration import register as registered
    from strongroom.backtest.registration import write_registration

    found = registered(with_data(load(config), data), split, gap_hours)
    write_registration(found, to)
    click.echo(
        f"{to}: {found.training.markets} markets before {found.split}. Commit it to git, then: "
        f"strongroom study open {to}"
    )


@command.command(name="open", cls=Command)
@click.argument("registration", type=FILE)
@data
@as_json
def open_registered(registration: Path, data: Path | None, as_json: bool) -> None:
    """Open a registered test part, once: refused unless the registration is committed to git as it
    is, its training part is the one that was hashed, and the rule is the same.

    What came of it is kept beside the file, as NAME.opened.json.

    Example: strongroom study open registered/tail.json
    """
    from dataclasses import asdict
    from datetime import UTC, datetime

    from strongroom.backtest.registration import load_registration, open_test, show_opening

    with bar("test part", quiet=as_json) as advance:
        opening = open_test(registration, datetime.now(UTC), data, advance)
    if as_json:
        print_json(asdict(opening))
    else:
        show_opening(load_registration(registration), opening)
