"""`strongroom serve`: sell data per call, pay back, and buy."""

import time
from pathlib import Path

import click

from strongroom.cli.boundary import Command, Group
from strongroom.cli.options import FILE, Number, as_json, print_json

wallet = click.option(
    "--wallet", type=FILE, default=Path("buyer.toml"), show_default=True,
    help="File of the wallet that pays, and of its budget.",
)  # fmt: skip


@click.group("serve", cls=Group)
def command() -> None:
    """Sell what is known of a vault per call, by x402; pay back what was not delivered; buy from
    others within a budget. An extra: `strongroom doctor` says how to install it.

    \b
    Examples:
      strongroom serve start serve.toml
      strongroom serve refunds serve.toml
      strongroom serve buy http://127.0.0.1:8700/paid/nav
    """


@command.command("start", cls=Command)
@click.argument("config", type=FILE)
@click.option("--seconds", type=Number(0), help="End after this time instead of at Ctrl-C.")
def start(config: Path, seconds: float | None) -> None:
    """Serve what CONFIG (TOML) names until Ctrl-C: NAV, audit, signals, curves, radar. It holds no
    key; each payment is good for one answer of one route.

    Example: strongroom serve start serve.toml
    """
    from strongroom.extras import check_extra
    from strongroom.serve.configuration import load

    check_extra("x402")
    from strongroom.serve.command import serve

    serve(load(config), click.echo, seconds)


@command.command("refunds", cls=Command)
@click.argument("config", type=FILE)
@click.option("--pay", is_flag=True, help="Pay back what is owed.")
@as_json
def refunds(config: Path, pay: bool, as_json: bool) -> None:
    """List what is owed to buyers, why, and what paid it back. With --pay each is paid once, from
    the small wallet of CONFIG; the passphrase comes from STRONGROOM_REFUNDS_PASSPHRASE.

    Example: strongroom serve refunds serve.toml --pay
    """
    from strongroom.chain.units import format_units
    from strongroom.extras import check_extra
    from strongroom.serve.configuration import load

    check_extra("x402")
    from strongroom.serve.command import refunds as follow

    found = follow(load(config), pay, lambda line: click.echo(line, err=True), time.time)
    if as_json:
        print_json({"refunds": [each.document() for each in found]})
        return
    for each in found:
        state = f"paid back by {each.transaction}" if each.transaction else "owed"
        amount = format_units(each.amount)
        click.echo(f"{amount} to {each.payer} for {each.nonce}: {state}: {each.why}")
    click.echo(f"{sum(not each.transaction for each in found)} refunds are owed")


@command.command("buy", cls=Command)
@click.argument("url")
@wallet
@click.option("--out", type=FILE, help="Write the answer to a file instead.")
def buy(url: str, wallet: Path, out: Path | None) -> None:
    """Ask URL and pay for it where it asks for that, within the budget. A payment that is in doubt
    is sent again before another is signed. The passphrase comes from STRONGROOM_BUYER_PASSPHRASE.

    Example: strongroom serve buy http://127.0.0.1:8700/paid/nav --wallet buyer.toml
    """
    from strongroom.chain.units import format_units
    from strongroom.extras import check_extra
    from strongroom.foreign_text import plain_lines
    from strongroom.payments.configuration import load

    check_extra("x402")
    from strongroom.payments.buyer import open_buyer

    found = open_buyer(load(wallet)).buy(url)
    paid = f"paid {format_units(found.amount)} by {found.transaction}" if found.amount else "free"
    click.echo(paid, err=True)
    if out is not None:
        out.write_bytes(found.body)
    else:
        click.echo(plain_lines(found.body.decode(errors="replace")))


@command.command("spent", cls=Command)
@wallet
@as_json
def spent(wallet: Path, as_json: bool) -> None:
    """List the payments of a wallet: what for, to whom, and whether they count as spent.

    Example: strongroom serve spent --wallet buyer.toml
    """
    from strongroom.chain.units import format_units
    from strongroom.payments.configuration import load
    from strongroom.payments.purchases import Purchases

    found = Purchases(load(wallet).journal).all()
    if as_json:
        print_json(
            {
                "payments": [
                    {
                        "time": each.time,
                        "url": each.url,
                        "payee": each.payee,
                        "amount": format_units(each.amount),
                        "state": each.state,
                        "nonce": each.nonce,
                        "transaction": each.transaction or None,
                    }
                    for each in found
                ]
            }
        )
        return
    for each in found:
        click.echo(f"{each.time} {format_units(each.amount)} {each.state} {each.payee} {each.url}")
    click.echo(f"{len(found)} payments")
