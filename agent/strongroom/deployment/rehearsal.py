"""A deployment on a fork first: its result, without a transaction on the chain."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from strongroom.chain.anvil import anvil
from strongroom.chain.contracts import Contracts
from strongroom.chain.jsonrpc import understood
from strongroom.chain.units import ETHER
from strongroom.deployment.check import verify
from strongroom.deployment.options import Rehearsal
from strongroom.deployment.plan import Plan
from strongroom.deployment.steps import Deployment

FUNDS = 1_000 * ETHER  # that the deployer has on the fork; what it really lacks is reported
FORK_TIMEOUT_S = 120.0  # a fork asks its upstream for each piece of state


def rehearse(
    plan: Plan, deployer: str, chain: Contracts, say: Callable[[str], None] = lambda words: None
) -> Rehearsal:
    """Carry a plan out and check it on a fork of a chain.

    Args:
        deployer: who deploys; impersonated on the fork

    Raises:
        AnvilMissing: anvil is not installed, or cannot fork the node.
        ConfigError, TransactionRefused, ChainAway: see `Deployment`.
    """
    with understood("gas price"):
        price = int(chain.request("eth_gasPrice"), 16)
    balance = chain.balance(deployer)
    with TemporaryDirectory() as folder, anvil("--fork-url", chain.url) as url:
        fork = Contracts(url, FORK_TIMEOUT_S)
        actor = fork.impersonate(deployer, FUNDS)
        deployment = Deployment(fork, actor, plan, Path(folder) / "record.json", say=say)
        address = deployment.run()
        findings = verify(fork, address, plan)
    steps = deployment.file.steps.values()
    gas = sum(each.gas or 0 for each in steps)
    return Rehearsal(address, len(steps), gas, gas * price, balance, tuple(findings))
