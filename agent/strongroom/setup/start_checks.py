"""The checks of what a keeper does at its start, by the functions that it does it with: its
keystores are opened, its port is taken, its messages get their secrets."""

import os
from collections.abc import Iterator
from pathlib import Path

from strongroom.chain.accounts import open_keystore
from strongroom.chain.contracts import Contracts
from strongroom.database import paper_url
from strongroom.errors import StrongroomError
from strongroom.journal.lock import holder
from strongroom.keeper.channels import channels_of
from strongroom.keeper.configuration import Config
from strongroom.keeper.metrics import Metrics, serve
from strongroom.keeper.run import SENDING
from strongroom.settings import ConfigError
from strongroom.setup.checks import TIMEOUT_S, Check, CheckState
from strongroom.setup.keeper_checks import told


def start_checks(config: Config) -> Iterator[Check]:
    """Check what a keeper needs to start, and to decide. No key or passphrase is shown."""
    yield from _passphrases(config)
    for what, checks in (("notify", lambda: _notify(config)), ("port", lambda: _port(config))):
        yield from told(what, checks)
    stop = config.operations.stop_file
    if stop.exists():
        yield Check("stop file", CheckState.NOTE, f"{stop} is there: nothing is decided",
                    f"rm {stop}, once you want decisions again")  # fmt: skip


def _passphrases(config: Config) -> Iterator[Check]:
    """Open the keystores whose passphrase is in the environment."""
    node = Contracts(config.chain.rpc_url, timeout_s=TIMEOUT_S)
    for variable, files in _keystores(config).items():
        if variable not in os.environ:
            yield Check("passphrase", CheckState.NOTE, f"{variable} is not set here",
                        f"export {variable}=... where the keeper runs")  # fmt: skip
            continue
        for each in files:
            if not each.exists():
                continue  # that was said
            try:
                account = open_keystore(each, variable, node)
            except StrongroomError as error:
                cure = f"correct {variable}, or the name of the keystore"
                yield Check("passphrase", CheckState.WRONG, str(error), cure)
            else:
                words = f"{variable} opens {each.name}, of {account.address}"
                yield Check("passphrase", CheckState.OK, words)


def _keystores(config: Config) -> dict[str, list[Path]]:
    """Return the keystores that a keeper opens, by the variable with their passphrase."""
    keys, reporter, safes = config.keys, config.reporter, config.venue.safes
    further = keys.further_owners if config.cosigner is None else ()
    named = [(keys.owner_passphrase_env, each) for each in (keys.owner, *further)]
    named.append((keys.executor_passphrase_env, keys.executor))
    if reporter is not None:
        theirs = (reporter.owner, *reporter.further_owners)
        named += [(reporter.owner_passphrase_env, each) for each in theirs]
    named += [(each.passphrase_env, each.key) for each in config.venue.wallets]
    if safes is not None:
        named.append((safes.passphrase_env, safes.secret))
    found: dict[str, list[Path]] = {}
    for variable, file in named:
        found.setdefault(variable, []).append(file)
    return found


def _notify(config: Config) -> Iterator[Check]:
    """Say whether each way to a person has its secret."""
    try:
        names = [each.name for each in channels_of(config.notify)]
    except ConfigError as error:
        yield Check("notify", CheckState.WRONG, str(error), "export it where the keeper runs")
        return
    if names:
        yield Check("notify", CheckState.OK, ", ".join(names))
    else:
        yield Check("notify", CheckState.NOTE, "nobody is told of anything", "add [[notify]]")


def _port(config: Config) -> Iterator[Check]:
    """Take the port of the metrics for a moment, unless a keeper of this file has it."""
    operations = config.operations
    sends = operations.mode in SENDING
    if not operations.metrics_port or holder(config.journal):
        return
    if not sends and holder(paper_url(config.journal)):
        return
    port, host = operations.metrics_port, operations.metrics_host
    try:
        server = serve(Metrics(), port, operations.tick_s, host)
    except ConfigError as error:
        state = CheckState.WRONG if sends else CheckState.NOTE
        yield Check("port", state, str(error), "end what has it, or name another")
        return
    server.shutdown()
    server.server_close()
    yield Check("port", CheckState.OK, f"{host}:{port} is free")
