"""`make audit-mutants`: change the logs of lives in every way; does the audit find it?

Lives are those of random worlds on a bare EVM, or (`--week`) the first hours of a devnet's week, as
its node tells them. Prints, for each event, how many mutants there were, how many were found (in
the books, beside the asset's transfers, beside the calls, at the last block), how many say what was
so, and how many escape; then each kind that escapes, with the reason why nobody can know. Exit 1
where one escapes without a reason, or fewer than 98 in 100 of those that say something else are
found.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

LEAST = 0.98


@contextmanager
def week_of(hours: int) -> Iterator[Any]:
    """Play so many hours of a week, and lend the vault's life."""
    from strongroom.devnet import polymarket
    from strongroom.devnet.deployer import devnet_chain
    from strongroom.devnet.week import WeekOptions, play_week

    from tests.e2e.week_life import lived_on

    with TemporaryDirectory() as folder:
        options = WeekOptions(
            tickers=("AAPL",),
            hours=hours,
            deposits=((0, "alice", 50_000), (11, "bob", 20_000)),
            redemptions=((14, "alice", 20),),
            report_every_s=1_800,
            folder=Path(folder),
        )
        start = int(options.start.timestamp()) - 600
        with devnet_chain(polymarket.CHAIN_ID, timestamp=start) as chain:
            played = play_week(options, chain)
            try:
                yield lived_on(chain.url, played.stage.vault.address.lower())
            finally:
                played.stage.close()


@click.command()
@click.option("--count", default=4_000, help="Mutants; 0 for all.")
@click.option("--lives", default=28, help="Lives besides the governed one.")
@click.option("--seed", default=0)
@click.option("--week", "hours", type=int, help="Hours of a devnet's week instead of lives.")
def cli(count: int, lives: int, seed: int, hours: int | None) -> None:
    """Judge mutants of the logs of seeded lives, or of a devnet's week.

    \b
    Examples:
      python -m scripts.dev.audit_mutants --count 4000
      python -m scripts.dev.audit_mutants --count 0 --week 30
    """
    from tests.property.audit_mutants import judged, lives_of

    if hours is None:
        told(judged(lives_of(seed, lives), seed, count))
    else:
        with week_of(hours) as life:
            told(judged([life], seed, count))


def told(found: list[tuple[Any, Any]]) -> None:
    """Print what became of mutants, and exit."""
    from tests.property.audit_mutants import FOUND, REASONS, Fate

    names = sorted({mutant.name for mutant, _ in found})
    table = Counter((mutant.name, fate) for mutant, fate in found)
    click.echo(f"{'event':26}" + "".join(f"{fate:>10}" for fate in Fate))
    for name in names:
        click.echo(f"{name:26}" + "".join(f"{table[name, fate]:10}" for fate in Fate))
    whole = Counter(fate for _, fate in found)
    click.echo(f"{'all':26}" + "".join(f"{whole[fate]:10}" for fate in Fate))
    escaped = Counter(mutant.kind for mutant, fate in found if mutant.escapes(fate))
    for kind, number in sorted(escaped.items()):
        click.echo(f"{number:6} {' '.join(kind)}: {REASONS.get(kind, 'WITHOUT A REASON')}")
    caught = sum(whole[fate] for fate in FOUND)
    nobody = sum(number for kind, number in escaped.items() if kind in REASONS)
    rest = escaped.total() - nobody
    rate = caught / (caught + escaped.total())
    same = whole.total() - caught - escaped.total()
    click.echo(f"{len(found)} mutants: {caught} found, {same} say what was so,")
    click.echo(f"{nobody} that nobody can know, {rest} others: {rate:.2%} of what says otherwise")
    sys.exit(1 if rest or rate < LEAST else 0)


if __name__ == "__main__":
    cli()
