"""The factory: known addresses, a list, validated parameters."""

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak, to_checksum_address

from tests.defaults import LIMITS, UNLIMITED

ZERO = "0x" + "00" * 20


@pytest.fixture
def arguments(people):
    roles = (people.owner, people.guardian, people.keeper, people.reporter)
    fees = (200, 2_000, people.manager)
    return ["Name", "SYM", roles, fees, list(LIMITS.values()), UNLIMITED, 1, b"\1" * 32]


def test_vault_is_listed_and_set_up(factory, arguments, people, venue):
    before = factory.vault_count()
    factory.deploy(*arguments, sender=people.alice)
    address = factory.vaults(before)
    assert factory.vault_count() == before + 1
    assert factory.is_vault(address)
    assert not factory.is_vault(people.alice)
    vault = ape.project.Vault.at(address)
    assert (vault.name(), vault.symbol(), vault.asset()) == ("Name", "SYM", venue.pusd.address)
    assert vault.owner() == people.owner
    assert vault.DESK() == factory.DESK()


def test_address_is_known_beforehand_and_bound_to_the_deployer(factory, arguments, people, project):
    values = [
        venue_address(factory.ASSET()),
        venue_address(factory.DESK()),
        *arguments[:2],
        tuple(venue_address(role) for role in arguments[2]),
        (*arguments[3][:2], venue_address(arguments[3][2])),
        *arguments[4:7],
    ]
    types = [
        "address",
        "address",
        "string",
        "string",
        "(address,address,address,address)",
        "(uint256,uint256,address)",
        "uint256[11]",
        "uint256",
        "uint256",
    ]
    code = bytes.fromhex(project.Vault.contract_type.deployment_bytecode.bytecode[2:])
    salt = keccak(encode(["address", "bytes32"], [people.alice.address, arguments[-1]]))
    digest = keccak(
        b"\xff" + bytes.fromhex(factory.address[2:]) + salt + keccak(code + encode(types, values))
    )
    factory.deploy(*arguments, sender=people.bob)  # another deployer, the same salt
    factory.deploy(*arguments, sender=people.alice)
    assert factory.vaults(factory.vault_count() - 1) == to_checksum_address(digest[-20:])
    with ape.reverts():
        factory.deploy(*arguments, sender=people.alice)


def venue_address(account):
    return str(getattr(account, "address", account))


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (2, (ZERO,) * 4),
        (3, (501, 0, "0x" + "11" * 20)),
        (3, (0, 5_001, "0x" + "11" * 20)),
        (3, (0, 0, ZERO)),
        (4, [2**32, *list(LIMITS.values())[1:]]),
        (4, [*list(LIMITS.values())[:9], 10_001, 0]),
        (5, 2**128),
    ],
)
def test_bad_parameters_deploy_nothing(factory, arguments, people, index, value):
    arguments[index] = value
    before = factory.vault_count()
    with ape.reverts():
        factory.deploy(*arguments, sender=people.alice)
    assert factory.vault_count() == before
