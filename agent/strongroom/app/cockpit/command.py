"""The cockpit as a command runs it: a port of this machine, a link with a token, until Ctrl-C."""

import secrets
from collections.abc import Callable

from strongroom.app.cockpit.door import Door
from strongroom.app.cockpit.looking import Looker
from strongroom.app.cockpit.service import create_app
from strongroom.app_server import ServedKeeper, app_server
from strongroom.keeper.configuration import load

LEAVE_S = 1  # at the end, for pages that listen


def run_cockpit(options: ServedKeeper, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        ConfigError: there is no journal, or the file cannot be used.
        OpenToOthers, PortInUse, ScriptMissing: see the classes.
    """
    with options.open() as (port, url):
        looker, token = Looker.of(load(options.config), options.mode), secrets.token_urlsafe(32)
        app = create_app(looker, Door.of(token, options.names))
        say(f"{url}/#{token} until Ctrl-C")
        say("Whoever has this link sees all that the keeper does, and can stop it.")
        if warning := options.warning("the token"):
            say(warning)
        app_server(app, LEAVE_S).run(sockets=[port])
