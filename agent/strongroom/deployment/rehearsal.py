"""A deployment on a fork first: what it would come to, without a transaction on the chain."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import ape

from strongroom.chain.anvil import anvil
from strongroom.deployment.check import Finding, verify
from strongroom.deployment.compiled import connected
from strongroom.deployment.plan import Plan
from strongroom.deployment.steps import Deployment

PLENTY = 10**21  # wei the deployer has on the fork; what it lacks for real is said


@dataclass(frozen=True)
class Rehearsal:
    """What a deployment on a fork came to.

    Attributes:
        gas: of all its transactions
        cost: of the gas at the chain's present price, wei
        balance: what the deployer has, wei
    """

    address: str
    transactions: int
    gas: int
    cost: int
    balance: int
    findings: tuple[Finding, ...]

    @property
    def lacks(self) -> int:
        """What the deployer has too little, wei."""
        return max(0, self.cost - self.balance)


def rehearse(
    plan: Plan, deployer: str, url: str, told: Callable[[str], None] = lambda words: None
) -> Rehearsal:
    """Carry a plan out and check it on a fork of the chain that ape is connected to.

    Args:
        deployer: who deploys; impersonated on the fork
        url: of the node to fork

    Raises:
        AnvilMissing: anvil is not installed, or cannot fork the node.
        ConfigError: see `Deployment`.
    """
    provider = ape.networks.provider
    price, balance = int(provider.gas_price), int(provider.get_balance(deployer))
    with TemporaryDirectory() as folder, anvil("--fork-url", url) as fork, connected(fork):
        ape.networks.provider.make_request("anvil_setBalance", [deployer, hex(PLENTY)])
        account = ape.accounts.test_accounts.impersonate_account(deployer)
        deployment = Deployment(plan, account, Path(folder) / "record.json", told=told)
        address = deployment.run()
        findings = verify(address, plan)
    steps = deployment.known["steps"].values()
    gas = sum(each["gas"] for each in steps)
    return Rehearsal(address, len(steps), gas, gas * price, balance, tuple(findings))
