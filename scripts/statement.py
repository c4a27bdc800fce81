"""`ape run statement`: the command `strongroom statement`."""

from strongroom.cli.depositor import statement

from scripts._connected import by_network

cli = by_network(statement)
