"""`ape run keeper ...`: the command `strongroom keeper`."""

from strongroom.cli.keeper import command as cli

__all__ = ["cli"]
