"""`ape run redeem`: the command `strongroom redeem`."""

from strongroom.cli.depositor import redeem

from scripts._connected import by_network

cli = by_network(redeem)
