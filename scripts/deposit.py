"""`ape run deposit`: the command `strongroom deposit`."""

from strongroom.cli.depositor import deposit

from scripts._connected import by_network

cli = by_network(deposit)
