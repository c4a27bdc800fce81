"""`ape run exit`: the command `strongroom exit`."""

from strongroom.cli.depositor import leave

from scripts._connected import by_network

cli = by_network(leave)
