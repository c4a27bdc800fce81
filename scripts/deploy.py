"""`ape run deploy`: the command `strongroom deploy`."""

from strongroom.cli.deployment import deploy

from scripts._connected import by_network

cli = by_network(deploy)
