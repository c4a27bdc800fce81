"""A deployment killed at every step and resumed is one deployment; a tampered one is found out."""

import json
from pathlib import Path

import ape
import pytest
from click.testing import CliRunner
from strongroom.deployment.check import verify
from strongroom.deployment.compiled import vault_at
from strongroom.deployment.plan import Plan, load
from strongroom.deployment.rehearsal import Rehearsal, rehearse
from strongroom.deployment.steps import Deployment, created_at
from strongroom.devnet import contracts as devnet
from strongroom.settings import ConfigError

from scripts.deploy import cli as deploy_command
from scripts.verify_deployment import cli as verify_command


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
                "name": "Strongroom one",
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
    """Each process dies at its first write or transaction; the next one goes on."""
    deployer = people.stranger
    start = deployer.nonce
    address, edges = deploy(plan, deployer, tmp_path / "whole.json")
    transactions = deployer.nonce - start
    assert edges > 2 * transactions > 20
    assert deploy(plan, deployer, tmp_path / "whole.json") == (address, 0)
    assert deployer.nonce == start + transactions, "a finished one changes nothing"

    record, before, kills = tmp_path / "killed.json", deployer.nonce, 0
    while kills <= edges:
        try:
            address, _ = deploy(plan, deployer, record, 1)
            break
        except Killed:
            kills += 1
    assert kills == edges
    assert deployer.nonce == before + transactions, "none was repeated"
    vault = vault_at(address)
    assert vault.class_count() == 1 and vault.pending_owner() == people.owner
    steps = json.loads(record.read_text())["Strongroom one P1"]["steps"]
    assert {each["state"] for each in steps.values()} == {"done"}
    assert [each["nonce"] for each in steps.values()] == list(range(before, before + transactions))
    factory = ape.project.VaultFactory.at(steps["factory"]["address"])
    assert factory.vault_count() == 1, "no orphan"


def test_the_record_has_what_an_explorer_asks(plan, people, tmp_path):
    address, _ = deploy(plan, people.stranger, tmp_path / "one.json")
    found = json.loads((tmp_path / "one.json").read_text())["Strongroom one P1"]
    assert found["compiler"] == {
        "name": "vyper", "version": "0.4.3", "evm_version": "cancun", "optimize": "gas",
    }  # fmt: skip
    assert found["deployer"] == people.stranger.address
    for name, step in found["steps"].items():
        receipt = ape.networks.provider.get_receipt(step["transaction"])
        assert receipt.block_number == step["block"], name
        assert receipt.gas_used == step["gas"] and receipt.nonce == step["nonce"], name
        if "nonce" in step and "address" in step and name != "vault":
            assert receipt.contract_address == step["address"], name
    vault, desk = found["steps"]["vault"], found["steps"]["desk"]
    assert vault["address"] == address and vault["contract"] == "Vault"
    assert vault["arguments"][0] == desk["address"] and vault["arguments"][1][0] == "Strongroom one"
    assert desk["arguments"] == [plan.asset, found["steps"]["governance"]["address"]]


def test_a_step_that_another_transaction_overtook_is_not_guessed(plan, people, tmp_path):
    """The nonce of a contract's creation was used by something else: nothing is where it must be;
    of a call: it is sent with the next one."""
    record = tmp_path / "one.json"
    with pytest.raises(Killed):
        deploy(plan, people.stranger, record, 1)  # governance: nonce written, nothing sent
    people.stranger.transfer(people.owner, 1)
    with pytest.raises(ConfigError, match="was to be made with nonce"):
        deploy(plan, people.stranger, record)
    every = json.loads(record.read_text())
    del every["Strongroom one P1"]["steps"]["governance"]
    record.write_text(json.dumps(every))
    total = deploy(plan, people.stranger, tmp_path / "count.json")[1]
    with pytest.raises(Killed):
        deploy(plan, people.stranger, record, total - 2)  # the last step's nonce was written
    people.stranger.transfer(people.owner, 1)
    address, _ = deploy(plan, people.stranger, record)
    assert vault_at(address).pending_owner() == people.owner
    with pytest.raises(ConfigError, match="go on with that one"):
        Deployment(plan, people.owner, record)


def test_a_rehearsal_on_a_fork_leaves_the_chain_alone(plan, people, tmp_path):
    height, nonce = ape.chain.blocks.height, people.stranger.nonce
    tried = rehearse(plan, people.stranger.address, ape.networks.provider.uri)
    assert (ape.chain.blocks.height, people.stranger.nonce) == (height, nonce)
    assert not [each for each in tried.findings if each.grade == "wrong"]
    address, _ = deploy(plan, people.stranger, tmp_path / "one.json")
    steps = json.loads((tmp_path / "one.json").read_text())["Strongroom one P1"]["steps"]
    assert (tried.address, tried.transactions) == (address, len(steps))
    assert tried.gas == sum(each["gas"] for each in steps.values()) > 15_000_000
    assert Rehearsal("", 16, 100, 700, 500, ()).lacks == 200
    assert Rehearsal("", 16, 100, 700, 900, ()).lacks == 0


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


def test_the_commands(plan, people, tmp_path):
    """The file's dry run, the deployment, once more, and the check."""
    section, (each,) = plan.vault, plan.classes
    file, record = tmp_path / "vault.toml", tmp_path / "record.json"
    roles = ("owner", "guardian", "keeper", "reporter", "fee_recipient")
    file.write_text(
        f'asset = "{plan.asset}"\n[vault]\nname = "{section.name}"\nsymbol = "{section.symbol}"\n'
        + "".join(f'{role} = "{getattr(section, role)}"\n' for role in roles)
        + f'[[classes]]\naccount = "polymarket"\noracle = "{each.oracle}"\n'
        + f"arguments = {json.dumps(each.arguments)}\n"
    )
    number = next(n for n, each in enumerate(ape.accounts.test_accounts)
                  if each.address == people.stranger.address)  # fmt: skip
    place = ["--network", ape.networks.provider.uri]
    common = [str(file), "--record", str(record), "--account", f"TEST::{number}", *place]
    before = people.stranger.nonce
    done = CliRunner().invoke(deploy_command, [*common, "--dry-run"])
    assert done.exit_code == 0 and "nothing was sent" in done.output
    assert "on a fork: 16 transactions" in done.output and "is one key" in done.output
    done = CliRunner().invoke(deploy_command, common, input="n\n")
    assert "Send it?" in done.output and people.stranger.nonce == before and not record.exists()
    done = CliRunner().invoke(deploy_command, [*common, "--yes"])
    address = done.output.strip().splitlines()[-1]
    assert done.exit_code == 0 and people.stranger.nonce == before + 16
    again = CliRunner().invoke(deploy_command, [*common, "--yes"])
    assert again.output.strip().endswith(address) and people.stranger.nonce == before + 16
    check = ["--vault", address, "--file", str(file), *place]
    done = CliRunner().invoke(verify_command, [*check, "--json"])
    assert done.exit_code == 0 and {each["grade"] for each in json.loads(done.output)} == {
        "ok", "warning"}  # fmt: skip
    file.write_text(file.read_text().replace(section.keeper, str(people.mallory)))
    done = CliRunner().invoke(verify_command, check)
    assert done.exit_code == 1 and "wrong    keeper: declared" in done.output
    done = CliRunner().invoke(verify_command, ["--vault", "0x" + "12" * 20, *place])
    assert done.exit_code == 1 and "not Vault" in done.output


def tamper(address, place):
    """Flip a bit of a contract's code; a negative place counts from its end."""
    code = bytearray(ape.networks.provider.get_code(address))
    code[place] ^= 1
    ape.networks.provider.make_request("anvil_setCode", [address, "0x" + code.hex()])


TAMPERED = {
    "code of the desk": ("desk", 1_000, "its desk", "differs at byte 1000"),
    "code of the vault": ("vault", 500, "the vault", "differs at byte 500"),
    "code of the governance": ("governance", 0, "its governance", "differs at byte 0"),
    "code of the accounts": ("account 0", 77, "accounts of class 0", "differs at byte 77"),
    "an immutable of the desk": ("desk", -33, "its desk", "immutable word"),
    "an immutable of the vault": ("vault", -65, "the vault", "immutable word"),
    "an account's exchange": ("account 0", -33, "accounts of class 0", "immutable word"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_contract_is_found(plan, people, tmp_path, name):
    step, place, what, why = TAMPERED[name]
    record = tmp_path / "one.json"
    address, _ = deploy(plan, people.stranger, record)
    tamper(json.loads(record.read_text())["Strongroom one P1"]["steps"][step]["address"], place)
    wrong = [each.words for each in verify(address, plan) if each.grade == "wrong"]
    assert any(each.startswith(what) and why in each for each in wrong), wrong


def test_accounts_made_for_another_exchange_are_found(plan, people, venue, tmp_path):
    """Genuine code whose constructor was given something else than the file says."""
    address, _ = deploy(plan, people.stranger, tmp_path / "one.json")
    section = plan.classes[0]
    other = (str(venue.neg_risk_exchange.address), *section.arguments[1:])
    changed = plan.model_copy(
        update={"classes": (section.model_copy(update={"arguments": other}),)}
    )
    (wrong,) = [each.words for each in verify(address, changed) if each.grade == "wrong"]
    assert wrong.startswith("accounts of class 0: immutable word")
    told = [each.words for each in verify(address) if "not compared with a file" in each.words]
    assert len(told) == 1 and f"EXCHANGE {venue.exchange.address}" in told[0]


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
