"""`ape run cosigner FILE`: the command `strongroom cosigner`."""

from strongroom.cli.cosigner import command as cli

__all__ = ["cli"]
