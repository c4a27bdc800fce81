"""What each thief takes of each kind of account: python -m scripts.dev.thefts.

Plays tests/contracts/thefts.py on the compiled contracts, and prints two tables: what is lost, and
what was refused.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from tests.contracts.thefts import THIEVES, UNIT, Theft, thefts

PAGE = Path("docs") / "security.md"
BEGIN, END = "<!-- thefts: begin -->", "<!-- thefts: end -->"


def lines(found: Sequence[Theft]) -> list[str]:
    """Return both tables of docs/security.md."""
    accounts = dict.fromkeys(each.account for each in found)
    lost = {(each.account, each.thief): f"{each.lost / UNIT:,.2f}" for each in found}
    rows = [[account, *(lost[account, thief] for thief in THIEVES)] for account in accounts]
    amounts = _table(["account", *THIEVES.values()], rows)
    details = [
        [each.account, THIEVES[each.thief], each.how or "nothing", _refused(each)]
        for each in found
        if each.how or each.refused
    ]
    return [*amounts, "", *_table(["account", "thief", "takes", "is refused"], details)]


def _refused(theft: Theft) -> str:
    """Return what was tried in vain, by the contracts' words."""
    by_reason: dict[str, dict[str, None]] = {}
    for name, reason in theft.refused:
        by_reason.setdefault(reason, {})[name] = None
    return " ".join(f"`{reason}`: {', '.join(names)}." for reason, names in by_reason.items())


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    told = [f"| {' | '.join(row)} |" for row in (heads, *rows)]
    return [told[0], "|" + "---|" * len(heads), *told[1:]]


@click.command()
@click.option("--docs", is_flag=True, help="Write the tables into docs/security.md.")
def main(docs: bool) -> None:
    """Play all thefts, and print what is lost and what is refused."""
    text = "\n".join(lines(thefts()))
    click.echo(text)
    if docs:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
