"""`strongroom import`: recorded data of many sources into one folder of one schema."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from strongroom.chain.ids import JsonObject
from strongroom.cli.boundary import Command, Group
from strongroom.cli.options import ADDRESS, BLOCK, FILE, FOLDER, as_json, bars, print_json, rpc
from strongroom.errors import BadInput

if TYPE_CHECKING:
    from strongroom.data.importing import ImportResult, Intake
    from strongroom.information.recorded_books import Sizes

to = click.option(
    "--to", required=True, type=FOLDER, help="Data folder; each import is a folder in it."
)
outcomes_from = click.option(
    "--outcomes-from", default="file", show_default=True,
    help="Where the outcomes come from; kept with each.",
)  # fmt: skip
files = click.argument("files", type=FILE, nargs=-1, required=True)


@click.group("import", cls=Group)
def command() -> None:
    """Bring recorded data into one folder: for backtests and studies.

    Every row that is not kept is counted under its reason. The same import again changes nothing.

    \b
    Examples:
      strongroom import prices markets.csv prices.csv --to history
      strongroom import gamma page-1.json page-2.json --to history
    """


@command.command(cls=Command)
@click.argument("markets", type=FILE)
@click.argument("prices", type=FILE)
@outcomes_from
@to
@as_json
def prices(markets: Path, prices: Path, outcomes_from: str, to: Path, as_json: bool) -> None:
    """Own markets and their prices, e.g. ladders of thresholds; CSV or Parquet.

    MARKETS has market, event, question, ends_at; and where known outcome (1, 0, or 0.5 for a
    void), resolved_at, condition_id, yes_token, no_token, ticker, threshold, tick, min_size,
    fee_rate. PRICES has market, at, and price (the last of YES) or bid, ask, bid_size, ask_size.

    Example: strongroom import prices own/markets.csv own/prices.csv --to history
    """
    from strongroom.data.sources.prices import take_prices

    _run(
        "prices",
        (markets, prices),
        {"outcomes_from": outcomes_from},
        lambda intake: take_prices(intake, markets, prices, outcomes_from),
        to,
        as_json,
    )


@command.command(cls=Command)
@click.argument("markets", type=FILE)
@outcomes_from
@to
@as_json
def markets(markets: Path, outcomes_from: str, to: Path, as_json: bool) -> None:
    """Own markets alone, where their prices come from elsewhere; CSV or Parquet.

    MARKETS is as for `strongroom import prices`.

    Example: strongroom import markets markets.csv --to history
    """
    from strongroom.data.sources.prices import take_markets

    def take(intake: "Intake") -> None:
        take_markets(intake, markets, outcomes_from)

    _run("markets", (markets,), {"outcomes_from": outcomes_from}, take, to, as_json)


@command.command(cls=Command)
@files
@to
@as_json
def gamma(files: tuple[Path, ...], to: Path, as_json: bool) -> None:
    """Markets, results, best prices and rewards from pages of Polymarket's Gamma API, JSON.

    A result counts where the market is closed, its answer resolved, and its prices are a payout.
    Rewards are what resting orders are paid, of open markets.

    Example: strongroom import gamma page-1.json page-2.json.gz --to history
    """
    from strongroom.data.sources.gamma_markets import take_gamma

    _run("gamma", files, {}, lambda intake: take_gamma(intake, files), to, as_json)


@command.command(cls=Command)
@files
@to
@as_json
def clob(files: tuple[Path, ...], to: Path, as_json: bool) -> None:
    """Price histories of Polymarket's CLOB (`/prices-history`), JSON.

    A file is named by its token, TOKEN.json, or holds {TOKEN: {"history": [...]}}. Its markets come
    from `strongroom import gamma`.

    Example: strongroom import clob 1016769973636871997242456073428770361484.json --to history
    """
    from strongroom.data.sources.price_history import take_price_history

    _run("clob", files, {}, lambda intake: take_price_history(intake, files), to, as_json)


@command.command(cls=Command)
@click.argument("recording", type=FILE)
@click.option("--token", required=True, help="Whose book it is: of a market of another import.")
@click.option(
    "--sizes", required=True, type=click.Choice(["absolute", "change"]),
    help="Whether a row has a level's new size (Polymarket), or its change (Kalshi).",
)  # fmt: skip
@to
@as_json
def books(recording: Path, token: str, sizes: "Sizes", to: Path, as_json: bool) -> None:
    """Best prices of one book as a collector recorded them, with all their dirt; CSV, also gzipped.

    RECORDING has timestamp, event_type, price, side, size, best_bid, best_ask. What is repaired
    and what is dropped is counted by reason.

    Example: strongroom import books docs/examples/radar/kalshi_nba_mvp_luka.csv.gz --sizes change
    --token luka:yes --to history
    """
    from strongroom.data.sources.best_prices import take_best_prices

    _run(
        "books",
        (recording,),
        {"token": token, "sizes": sizes},
        lambda intake: take_best_prices(intake, recording, token, sizes),
        to,
        as_json,
    )


@command.command(cls=Command)
@files
@to
@as_json
def kalshi(files: tuple[Path, ...], to: Path, as_json: bool) -> None:
    """Markets, results, candlesticks and order books of Kalshi, as its API answers them; JSON.

    A file has one answer, or one a line. Candles without a ticker are of TICKER.json. A line with
    an order book also has `at` and `ticker`.

    Example: strongroom import kalshi markets.json KXNBAMVP-26-LDON.json --to history
    """
    from strongroom.data.sources.kalshi import take_kalshi

    _run("kalshi", files, {}, lambda intake: take_kalshi(intake, files), to, as_json)


@command.command(cls=Command)
@files
@click.option("--market", "markets", multiple=True, help="Condition id; only these are kept.")
@to
@as_json
def pmxt(files: tuple[Path, ...], markets: tuple[str, ...], to: Path, as_json: bool) -> None:
    """Order books of Polymarket from pmxt's archive, a Parquet file an hour, of both its forms.

    Files are read in the order in which they are named. An hour has tens of millions of rows.

    Example: strongroom import pmxt polymarket_orderbook_2026-04-22T16.parquet --to history
    """
    from strongroom.data.sources.pmxt import take_pmxt

    options: JsonObject = {"markets": list(markets)}
    _run("pmxt", files, options, lambda intake: take_pmxt(intake, files, markets), to, as_json)


@command.command(cls=Command)
@files
@click.option(
    "--address", "addresses", multiple=True, type=ADDRESS,
    help="Contract whose logs count, of files with a column `address`; repeat it.",
)  # fmt: skip
@to
@as_json
def logs(files: tuple[Path, ...], addresses: tuple[str, ...], to: Path, as_json: bool) -> None:
    """Fills and token operations from files of the chain's logs; CSV or Parquet.

    Raw logs have topics (or topic0 to topic3), data and the block's time; where known number, hash
    and index, and the contract's address. The order service's subgraph has makerAssetId and so on.

    Example: strongroom import logs polygon-logs-0.parquet orderFilled.csv --to history
    """
    from strongroom.data.sources.chain_logs import take_log_files

    options: JsonObject = {"addresses": sorted(each.lower() for each in addresses)}
    _run("logs", files, options, lambda intake: take_log_files(intake, files, addresses), to,
         as_json)  # fmt: skip


@command.command(cls=Command)
@rpc
@click.option(
    "--address", "addresses", multiple=True, required=True, type=ADDRESS,
    help="Exchange, ConditionalTokens or negative-risk adapter; several are read together.",
)  # fmt: skip
@click.option("--from-block", required=True, type=BLOCK, help="The first block.")
@click.option("--to-block", required=True, type=BLOCK, help="The last block; it must be final.")
@to
@as_json
def chain(
    rpc: str, addresses: tuple[str, ...], from_block: int, to_block: int, to: Path, as_json: bool
) -> None:
    """Fills and token operations from a node.

    Example: strongroom import chain --rpc URL --address 0x... --from-block 1 --to-block 900
    --to history
    """
    from strongroom.data.sources.chain_logs import last_block, take_chain

    if to_block < from_block:
        raise BadInput(f"--to-block {to_block} is before --from-block {from_block}: swap them")
    options: JsonObject = {
        "addresses": sorted(each.lower() for each in addresses),
        "from_block": from_block,
        "to_block": to_block,
        "to_hash": last_block(rpc, to_block),
    }

    def take(intake: "Intake") -> None:
        take_chain(intake, rpc, addresses, from_block, to_block)

    _run("chain", (), options, take, to, as_json)


@command.command(cls=Command)
@files
@to
@as_json
def table(files: tuple[Path, ...], to: Path, as_json: bool) -> None:
    """Own files that have the schema's columns already (docs/data.md); CSV or Parquet.

    The file's name begins with its table: books.csv, trades-2026.parquet, relations.csv. Prices and
    sizes are integers of 10**-6, times milliseconds.

    Example: strongroom import table books.csv relations.csv --to history
    """
    from strongroom.data.sources.tables import take_tables

    _run("table", files, {}, lambda intake: take_tables(intake, files), to, as_json)


@command.command(cls=Command)
@click.argument("outcomes", type=FILE)
@outcomes_from
@to
@as_json
def outcomes(outcomes: Path, outcomes_from: str, to: Path, as_json: bool) -> None:
    """How markets were resolved; CSV or Parquet.

    OUTCOMES has market and yes: 1, 0, or 0.5 where it was void; and where known resolved_at, void
    and disputed.

    Example: strongroom import outcomes outcomes.csv --to history
    """
    from strongroom.data.sources.outcomes import take_outcomes

    _run(
        "outcomes",
        (outcomes,),
        {"outcomes_from": outcomes_from},
        lambda intake: take_outcomes(intake, outcomes, outcomes_from),
        to,
        as_json,
    )


@command.command(cls=Command)
@click.argument("forecasts", type=FILE)
@click.option("--source", required=True, help="Whose they are, where the file does not say.")
@to
@as_json
def forecasts(forecasts: Path, source: str, to: Path, as_json: bool) -> None:
    """Forecasts, given again in a backtest at their times; CSV or Parquet.

    FORECASTS has market, chance (of YES) and at, and where known evidence_at and source. Packs know
    them by their source, as in `[packs.informed] weights`.

    Example: strongroom import forecasts forecasts.csv --source model --to history
    """
    from strongroom.data.sources.forecasts import take_forecasts

    _run(
        "forecasts",
        (forecasts,),
        {"source": source},
        lambda intake: take_forecasts(intake, forecasts, source),
        to,
        as_json,
    )


@command.command(cls=Command)
@click.argument("views", type=FOLDER)
@to
@as_json
def keeper(views: Path, to: Path, as_json: bool) -> None:
    """What a keeper has recorded: markets, books and forecasts.

    VIEWS is the folder of `record` in the keeper's file. Outcomes come from elsewhere.

    Example: strongroom import keeper views --to history
    """
    from strongroom.data.sources.keeper_views import files_of_views, take_views

    _run("keeper", files_of_views(views), {}, lambda intake: take_views(intake, views), to, as_json)


def _run(
    source: str,
    inputs: Sequence[Path],
    options: JsonObject,
    take: Callable[["Intake"], None],
    to: Path,
    as_json: bool,
) -> None:
    from strongroom.data.importing import run_import

    with bars(quiet=as_json) as advance:
        result = run_import(source, inputs, options, to, take, advance)
    print_json(result.document()) if as_json else _show(result)


def _show(result: "ImportResult") -> None:
    """Print what was read, kept and dropped."""
    word = "it was there already" if result.before else "written"
    click.echo(f"{result.folder}: {word}")
    click.echo(f"{result.read:>12,}  rows read")
    for title, counts in (
        ("kept", result.kept),
        ("repaired", result.repaired),
        ("dropped", result.dropped),
    ):
        for name, count in counts.items():
            click.echo(f"{count:>12,}  {title}: {name}")
