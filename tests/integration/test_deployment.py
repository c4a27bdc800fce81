"""A deployment killed at every step and resumed is one deployment; a tampered one is found out."""

import json
from pathlib import Path

import ape
import pytest

from agent.config import ConfigError
from agent.deployment import Deployment, Plan, created_at, load, verify
from agent.devnet import venue as devnet
from agent.devnet.venue import vault_at


class Killed(BaseException):
    """The process has died."""


@pytest.fixture
def plan(people, venue):
    """A vault with one class of enforced accounts."""
    recorded = []

    class Catch:
        """Takes the constructor's arguments down instead of deploying."""

        def deploy(self, container, *arguments):
            recorded.extend(_plain(each) for each in arguments)

    devnet.deploy_account_implementation(Catch(), venue)
    return Plan.model_validate(
        {
            "asset": venue.pusd.address,
            "vault": {
                "name": "Probity one",
                "symbol": "P1",
                "owner": str(people.owner),
                "guardian": str(people.guardian),
                "keeper": str(people.keeper),
                "reporter": str(people.reporter),
                "fee_recipient": str(people.manager),
                "limits": {"max_drawdown_bps": 3_000},
            },
            "classes": [
                {
                    "account": "polymarket",
                    "arguments": recorded,
                    "oracle": str(people.oracle),
                    "market_cap": "5000",
                }
            ],
        }
    )


def _plain(value):
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return str(value.address) if hasattr(value, "address") else value


def deploy(plan, deployer, record, bomb=0):
    """Run a deployment; die at the bomb-th write or transaction."""
    count = [0]

    def written(what):
        count[0] += 1
        if count[0] == bomb:
            raise Killed(what)

    address = Deployment(plan, deployer, record, written).run()
    return address, count[0]


def test_killed_at_every_step_it_is_one_deployment(plan, people, tmp_path):
    deployer = people.stranger
    start = deployer.nonce
    address, edges = deploy(plan, deployer, tmp_path / "whole.json")
    transactions = deployer.nonce - start
    assert edges > 2 * transactions > 20
    assert deploy(plan, deployer, tmp_path / "whole.json")[0] == address
    assert deployer.nonce == start + transactions, "a finished one changes nothing"

    for edge in range(1, edges + 1, 2):
        record = tmp_path / f"{edge}.json"
        before = deployer.nonce
        with pytest.raises(Killed):
            deploy(plan, deployer, record, edge)
        address, _ = deploy(plan, deployer, record)
        assert deployer.nonce == before + transactions, f"edge {edge}"
        vault = vault_at(address)
        assert vault.class_count() == 1 and vault.pending_owner() == people.owner
        steps = json.loads(record.read_text())["Probity one P1"]["steps"]
        assert {each["state"] for each in steps.values()} == {"done"}
        factory = ape.project.VaultFactory.at(steps["factory"]["address"])
        assert factory.vault_count() == 1, "no orphan"


def test_what_was_deployed_is_what_was_meant(plan, people, tmp_path):
    address, _ = deploy(plan, people.stranger, tmp_path / "one.json")
    found = verify(address, plan)
    assert not [each for each in found if each.grade == "wrong"], found
    assert any("must still call accept" in each.words for each in found)
    assert any("is one key" in each.words and each.grade == "warning" for each in found)
    vault_at(address).acceptOwnership(sender=people.owner)
    found = verify(address, plan)
    assert any(each.words.startswith("owner: ") and each.grade == "ok" for each in found)
    other = plan.model_copy(update={"vault": plan.vault.model_copy(
        update={"keeper": str(people.mallory), "management_bps": 100})})  # fmt: skip
    wrong = [each.words for each in verify(address, other) if each.grade == "wrong"]
    assert len(wrong) == 2 and any(each.startswith("keeper: declared") for each in wrong)
    with pytest.raises(ConfigError, match="other terms"):
        Deployment(other, people.stranger, tmp_path / "one.json")


def test_a_tampered_contract_is_found(plan, people, tmp_path):
    address, _ = deploy(plan, people.stranger, tmp_path / "one.json")
    desk = vault_at(address).DESK()
    code = bytearray(ape.networks.provider.get_code(desk))
    code[1_000] ^= 1
    ape.networks.provider.make_request("anvil_setCode", [desk, "0x" + code.hex()])
    (wrong,) = [each for each in verify(address, plan) if each.grade == "wrong"]
    assert "its desk" in wrong.words and "differs at byte 1000" in wrong.words


def test_addresses_follow_from_nonces(people, deployer, venue):
    """As the chain has it, for two contracts in a row."""
    for _ in range(2):
        nonce = deployer.nonce
        made = deployer.deploy(ape.project.WalletRegistry)
        assert made.address == created_at(deployer.address, nonce)


def test_the_example_is_read_and_a_wrong_file_says_where(tmp_path):
    example = Path(__file__).parents[2] / "docs" / "examples" / "deploy.toml"
    assert load(example).vault.timelock_s == 259_200
    broken = tmp_path / "broken.toml"
    broken.write_text(example.read_text().replace("management_bps = 200", "management_bps = 900"))
    with pytest.raises(ConfigError, match=r"vault.management_bps"):
        load(broken)
    with pytest.raises(ConfigError, match="name a file"):
        load(tmp_path / "none.toml")
