"""The examination of `strongroom doctor`: which checks are made, in which order.

Each check says what was found and, where something is missing, the one line that brings it.
"""

from dataclasses import dataclass
from pathlib import Path

from strongroom.setup.checks import Check
from strongroom.setup.keeper_checks import announced_checks, keeper_checks, node_check
from strongroom.setup.machine import machine_checks, package_checks


@dataclass(frozen=True)
class DoctorOptions:
    """What is checked besides this machine.

    Attributes:
        rpc: URL of a node; None: none
        config: a keeper's file; None: none
        vault: address of a vault on that node, whose owner's announcements are shown
        probe: report of a venue probe, for the custody of the keeper's classes; None: none
        folder: what `strongroom init` wrote, and all that it names; None: none
    """

    rpc: str | None = None
    config: Path | None = None
    vault: str | None = None
    probe: Path | None = None
    folder: Path | None = None


def examine(options: DoctorOptions) -> list[Check]:
    """Return what was found."""
    if options.folder is not None:
        from strongroom.setup.folder_checks import folder_checks

        return [*package_checks(), *folder_checks(options.folder, options.probe)]
    checks = list(machine_checks())
    if options.rpc is not None:
        checks.append(node_check(options.rpc))
        if options.vault is not None:
            checks += announced_checks(options.rpc, options.vault)
    if options.config is not None:
        checks += keeper_checks(options.config, options.probe)
    return checks
