"""`strongroom audit`: the command `strongroom audit`."""

from strongroom.cli.audit import command as cli

__all__ = ["cli"]
