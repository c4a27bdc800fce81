"""`ape run cancel`: the command `strongroom cancel`."""

from strongroom.cli.depositor import cancel

from scripts._connected import by_network

cli = by_network(cancel)
