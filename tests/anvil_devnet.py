"""Fixtures for tests on an anvil of their own, without ape: what tests/conftest.py builds on."""

import pytest
from strongroom.chain.artifacts import artifact
from strongroom.devnet import polymarket
from strongroom.devnet.deployer import AnvilDeployer, devnet_chain, devnet_keys

from tests.conformance.real import replaced


class AnvilTime:
    """The chain as the shared fixtures look at it: what ape calls `chain`."""

    def __init__(self, contracts):
        self.contracts = contracts
        self.chain_id = contracts.chain_id

    @property
    def pending_timestamp(self):
        """Of the next block."""
        block = self.contracts.request("eth_getBlockByNumber", "pending", False)
        return int(block["timestamp"], 16)

    @pending_timestamp.setter
    def pending_timestamp(self, moment):
        self.contracts.request("evm_setNextBlockTimestamp", moment)


@pytest.fixture(scope="session")
def anvil_chain():
    """The anvil, as strongroom.chain.contracts has it."""
    with devnet_chain(polymarket.CHAIN_ID) as chain:
        yield chain


@pytest.fixture(scope="session")
def chain(anvil_chain):
    return AnvilTime(anvil_chain)


@pytest.fixture(scope="session")
def chain_url(anvil_chain):
    return anvil_chain.url


@pytest.fixture(scope="session")
def accounts():
    """The keys that anvil funds."""
    return devnet_keys()


class DevnetDeployer(AnvilDeployer):
    """Deploys the venue's own exchange, where somebody has compiled it (conformance/real.py)."""

    def deploy(self, kind, *arguments, at=""):
        """Deploy a contract."""
        kind, arguments = replaced(self, kind, arguments)
        return super().deploy(kind, *arguments, at=at)


@pytest.fixture(scope="session")
def deployer(accounts, anvil_chain):
    return DevnetDeployer(accounts[0].account, anvil_chain)


@pytest.fixture(scope="session")
def devnet_deployer(deployer):
    return deployer


def at(near, address, name):
    """Return our contract of a name at an address, on the chain of a contract."""
    return near.chain.at(address, artifact(name).abi)
