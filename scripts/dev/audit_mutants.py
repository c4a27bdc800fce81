"""`make audit-mutants`: change the logs of lives in every way; does the audit find it?

Prints, for each event, how many mutants there were, how many were found (in the books, beside the
asset's transfers, at the last block), how many say what was so, and how many escape; then each kind
that escapes, with the reason why nobody can know. Exit 1 where one escapes without a reason, or
fewer than 98 in 100 of those that say something else are found.
"""

import sys
from collections import Counter

import click

LEAST = 0.98


@click.command()
@click.option("--count", default=4_000, help="Mutants; 0 for all.")
@click.option("--lives", default=28, help="Lives besides the governed one.")
@click.option("--seed", default=0)
def cli(count: int, lives: int, seed: int) -> None:
    """Judge mutants of the logs of seeded lives.

    Example: python -m scripts.dev.audit_mutants --count 4000
    """
    from tests.property.audit_mutants import FOUND, REASONS, Fate, judged

    found = judged(seed, lives, count)
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
    rate = caught / (caught + rest)
    same = whole.total() - caught - escaped.total()
    click.echo(f"{len(found)} mutants: {caught} found, {same} say what was so,")
    click.echo(f"{nobody} that nobody can know, {rest} others: {rate:.2%} of what can be known")
    sys.exit(1 if rest or rate < LEAST else 0)


if __name__ == "__main__":
    cli()
