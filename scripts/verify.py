"""`ape run verify`: the command `strongroom verify`."""

from strongroom.cli.deployment import verify

from scripts._connected import by_network

cli = by_network(verify)
