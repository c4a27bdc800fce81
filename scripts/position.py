"""`ape run position`: the command `strongroom position`."""

from strongroom.cli.depositor import position

from scripts._connected import by_network

cli = by_network(position)
