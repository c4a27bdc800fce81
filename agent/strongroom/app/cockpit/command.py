"""The cockpit as a command runs it: a port of this machine, a link with a token, until Ctrl-C."""

import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from strongroom.app.cockpit.door import Door
from strongroom.app.cockpit.looking import Looker
from strongroom.app.cockpit.service import create_app
from strongroom.app.serving import PortInUse
from strongroom.errors import BadInput
from strongroom.keeper.configuration import load
from strongroom.own_server import LOOPBACK

LEAVE_S = 1  # at the end, for pages that listen


class OpenToAll(BadInput):
    """The cockpit would be open to other machines, and nobody has said under which name."""


@dataclass(frozen=True)
class CockpitOptions:
    """Which keeper, and where.

    Attributes:
        config: its file
        mode: instead of the file's
        names: under which other machines reach this one
    """

    config: Path
    mode: str | None = None
    host: str = LOOPBACK[0]
    port: int = 8610
    names: tuple[str, ...] = ()


def run_cockpit(options: CockpitOptions, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        ConfigError: there is no journal, or the file cannot be used.
        OpenToAll, PortInUse, ScriptMissing: see the classes.
    """
    is_local = options.host in LOOPBACK
    if not is_local and not options.names:
        raise OpenToAll(
            f"--host {options.host} opens the cockpit to other machines: name with --name what "
            "their browsers call this one, or keep it here and use `ssh -L`"
        )
    looker, token = Looker.of(load(options.config), options.mode), secrets.token_urlsafe(32)
    app = create_app(looker, Door.of(token, options.names))
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        door = socket.create_server((options.host, options.port), family=family)
    except OSError as error:
        raise PortInUse(
            f"{options.host} port {options.port} cannot be used ({error.strerror}): name another "
            "one with --port"
        ) from error
    with door:
        name = options.host if is_local else options.names[0]
        shown = f"[{name}]" if ":" in name else name
        say(f"http://{shown}:{door.getsockname()[1]}/#{token} until Ctrl-C")
        say("Whoever has this link sees all that the keeper does, and can stop it.")
        if not is_local:
            say(
                "Other machines reach this port, and the connection is not encrypted: who listens "
                "in has the token. Put a server with TLS in front, or use `ssh -L`."
            )
        settings = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False,
            timeout_graceful_shutdown=LEAVE_S,
        )  # fmt: skip
        uvicorn.Server(settings).run(sockets=[door])
