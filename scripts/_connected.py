"""What `ape run` scripts share: --network, as ape knows it, in place of --rpc."""

import logging
from typing import Any

import ape
import click
from ape.cli import ConnectedProviderCommand
from ape.exceptions import ApeException
from ape.logging import logger as ape_logger
from strongroom.cli.boundary import Command
from strongroom.errors import BadInput


class _ByApe(ConnectedProviderCommand):  # type: ignore[misc]
    def invoke(self, ctx: click.Context) -> Any:
        ape_logger.set_level(logging.ERROR)
        try:
            return super().invoke(ctx)
        except ApeException as error:
            first = str(error).splitlines()[0].rstrip(".")
            raise BadInput(f"--network: {first}: start the node or name another network") from error


class Connected(Command, _ByApe):
    """A command that ape connects as `--network` says, without words on standard output."""


def by_network(command: click.Command) -> click.Command:
    """Return a command of `strongroom` that takes --network instead of --rpc."""
    run = command.callback
    assert run is not None

    is_one = any(each.name == "rpc" for each in command.params)

    def connected(**options: Any) -> Any:
        url = _node_url()
        return run(**({"rpc": url} if is_one else {"rpcs": (url,)}), **options)

    kept = [each for each in command.params if each.name not in ("rpc", "rpcs", "debug")]
    return Connected(
        command.name, callback=connected, params=kept, help=command.help,
        context_settings=command.context_settings,
    )  # fmt: skip


def _node_url() -> str:
    """Return the URL of the node that ape is connected to.

    Raises:
        BadInput: it has none.
    """
    provider = ape.networks.provider
    url = getattr(provider, "http_uri", None) or getattr(provider, "uri", None)
    if not url:
        raise BadInput("--network names no node: give one, e.g. --network http://127.0.0.1:8545")
    return str(url)
