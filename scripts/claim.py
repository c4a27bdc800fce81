"""`ape run claim`: the command `strongroom claim`."""

from strongroom.cli.depositor import claim

from scripts._connected import by_network

cli = by_network(claim)
