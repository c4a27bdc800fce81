"""`ape run audit`: the command `strongroom audit`."""

from strongroom.cli.audit import command

from scripts._connected import by_network

cli = by_network(command)
