"""The factory: known addresses, a list, validated parameters."""

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak, to_checksum_address
from strongroom.devnet.contracts import vault_at

from tests.ape_devnet import ApeDeployer
from tests.defaults import DAY, LIMITS, UNLIMITED

ZERO = "0x" + "00" * 20


FIELDS = ["owner", "guardian", "reporter", "manager"]


@pytest.fixture
def terms(people):
    """Terms by the names of contracts/modules/terms.vy."""
    return {
        "name": "Name",
        "symbol": "SYM",
        **{name: getattr(people, name).address for name in FIELDS},
        "management_bps": 200,
        "performance_bps": 2_000,
        "hurdle_bps": 0,
        "deposit_limit": UNLIMITED,
        "min_deposit": 1,
        "timelock": DAY,
        "limits": list(LIMITS.values()),
    }


SALT = b"\1" * 32


def test_vault_is_listed_and_set_up(factory, terms, people, venue):
    before = factory.vault_count()
    factory.deploy(tuple(terms.values()), SALT, sender=people.alice)
    address = factory.vaults(before)
    assert factory.vault_count() == before + 1
    assert factory.vaultsFrom(before) == [address]
    assert factory.vaultsFrom(before + 1) == []
    assert factory.is_vault(address)
    assert not factory.is_vault(people.alice)
    vault = vault_at(ApeDeployer(people.alice), address)
    assert (vault.name(), vault.symbol(), vault.asset()) == ("Name", "SYM", venue.pusd.address)
    assert [vault.owner(), vault.guardian(), vault.reporter()] == [
        terms[name] for name in FIELDS[:3]
    ]
    assert vault.feeRecipients()[0].account == people.manager
    assert vault.feeRates() == (200, 2_000, 0)
    assert vault.delayOf(vault.setFees.encode_input(0, 0, 0)[:4]) == DAY
    assert vault.DESK() == factory.DESK()
    with ape.reverts("set up already"):
        vault.setUp(tuple(terms.values()), sender=people.owner)


def test_address_is_known_beforehand_and_bound_to_the_deployer(factory, terms, people, project):
    struct = (
        "(string,string,address,address,address,address,"
        "uint256,uint256,uint256,uint256,uint256,uint256,uint256[19])"
    )
    values = tuple(terms.values())
    code = bytes.fromhex(project.Vault.contract_type.deployment_bytecode.bytecode[2:])
    code += encode(["address", struct], [factory.DESK(), values])
    salt = keccak(encode(["address", "bytes32"], [people.alice.address, SALT]))
    digest = keccak(b"\xff" + bytes.fromhex(factory.address[2:]) + salt + keccak(code))
    expected = to_checksum_address(digest[-20:])
    assert factory.deploy.call(values, SALT, sender=people.alice) == expected
    factory.deploy(values, SALT, sender=people.bob)  # another deployer, the same salt
    factory.deploy(values, SALT, sender=people.alice)
    assert factory.vaults(factory.vault_count() - 1) == expected
    with ape.reverts():
        factory.deploy(values, SALT, sender=people.alice)


def changed(name, value):
    """Return the limits with one changed."""
    return [value if key == name else old for key, old in LIMITS.items()]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("owner", ZERO, "no owner"),
        ("manager", ZERO, "no fee recipient"),
        ("management_bps", 501, "management fee too high"),
        ("performance_bps", 5_001, "performance fee too high"),
        ("hurdle_bps", 10_001, "hurdle too high"),
        ("deposit_limit", 2**128, "amount too large"),
        ("min_deposit", 2**120, "amount too large"),
        ("timelock", 91 * DAY, "delay too long"),
        ("limits", changed("max_up_bps", 2**32), "limit too large"),
        ("limits", changed("max_buy_price_bps", 10_001), "limit too large"),
        ("limits", changed("liveness_period", 2 * DAY - 1), "limit too small"),
        ("limits", changed("liveness_period", 90 * DAY + 1), "limit too large"),
        ("limits", changed("max_report_age", 90 * DAY + 1), "limit too large"),
        ("limits", changed("min_report_interval", DAY + 1), "limit too large"),
        ("limits", changed("exit_fee_bps", 101), "limit too large"),
        ("limits", changed("marks_required", 2), "limit too large"),
    ],
)
def test_bad_parameters_deploy_nothing(factory, terms, people, name, value, reason):
    terms[name] = value
    before = factory.vault_count()
    with ape.reverts(reason):
        factory.deploy(tuple(terms.values()), SALT, sender=people.alice)
    assert factory.vault_count() == before


def test_the_bounds_themselves_are_allowed(factory, terms, people):
    highest = {
        "max_down_bps": 10_000,
        "max_buy_price_bps": 10_000,
        "liveness_period": 90 * DAY,
        "max_report_age": 90 * DAY,
        "min_report_interval": DAY,
        "exit_fee_bps": 100,
    }
    terms |= {
        "management_bps": 500,
        "performance_bps": 5_000,
        "hurdle_bps": 10_000,
        "min_deposit": 2**120 - 1,
        "timelock": 90 * DAY,
        "limits": list((LIMITS | highest).values()),
    }
    factory.deploy(tuple(terms.values()), SALT, sender=people.alice)
    vault = vault_at(ApeDeployer(people.alice), factory.vaults(factory.vault_count() - 1))
    assert vault.feeRates() == (500, 5_000, 10_000)
    assert vault.depositTerms() == (UNLIMITED, 2**120 - 1)
