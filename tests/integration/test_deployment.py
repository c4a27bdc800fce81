"""A deployment killed at every step and resumed is one deployment; a tampered one is found out."""

import json
from decimal import Decimal
from pathlib import Path

import ape
import pytest
from click.testing import CliRunner
from eth_account import Account
from strongroom.chain.artifacts import vault_abi
from strongroom.chain.contracts import Contracts, Key
from strongroom.deployment.check import verify
from strongroom.deployment.options import Rehearsal
from strongroom.deployment.plan import Plan, load
from strongroom.deployment.rehearsal import rehearse
from strongroom.deployment.steps import Deployment, created_at
from strongroom.settings import ConfigError

from scripts.deploy import cli as deploy_command
from scripts.verify import cli as verify_command
from tests.broken_node import broken_line

STEPS = 20  # transactions of a deployment: eleven of them are delays of its timelock


class Killed(BaseException):
    """The process has died."""


def chain():
    """The chain of the tests."""
    return Contracts(ape.networks.provider.http_uri)


def vault_at(address):
    return chain().at(address, vault_abi())


def key(account):
    """A person of the tests as who sends transactions."""
    return Key(Account.from_key(account.private_key))


@pytest.fixture
def plan(people, venue):
    """A vault with one class of enforced accounts."""
    tokens = (venue.ctf, venue.pusd, venue.usdc, venue.adapter)
    arguments = [venue.exchange.address, "2", *(each.address for each in tokens), False]
    return Plan.model_validate(
        {
            "asset": venue.pusd.address,
            "vault": {
                "name": "Strongroom one",
                "symbol": "P1",
                "owner": str(people.owner),
                "guardian": str(people.guardian),
                "reporter": str(people.reporter),
                "fee_recipient": str(people.manager),
                "total_cap": "50000",
                "velocity": "10000",
                "limits": {"max_drawdown_bps": 3_000},
            },
            "classes": [
                {
                    "account": "polymarket",
                    "arguments": arguments,
                    "oracle": str(people.oracle),
                    "keeper": str(people.keeper),
                    "market_cap": "5000",
                }
            ],
        }
    )


def deploy(plan, deployer, record, bomb=0):
    """Run a deployment; die at the bomb-th write or transaction."""
    count = [0]

    def written(what):
        count[0] += 1
        if count[0] == bomb:
            raise Killed(what)

    address = Deployment(chain(), key(deployer), plan, record, written).run()
    return address, count[0]


def write_plan(file, plan):
    """Write a plan as its file."""
    section, (each,) = plan.vault, plan.classes
    names = ("owner", "guardian", "reporter", "fee_recipient", "total_cap", "velocity")
    file.write_text(
        f'asset = "{plan.asset}"\n[vault]\nname = "{section.name}"\nsymbol = "{section.symbol}"\n'
        + "".join(f'{role} = "{getattr(section, role)}"\n' for role in names)
        + f'[[classes]]\naccount = "polymarket"\noracle = "{each.oracle}"\n'
        + f'keeper = "{each.keeper}"\n'
        + f"arguments = {json.dumps(each.arguments)}\n"
    )


def number_of(account):
    """Return n of TEST::n."""
    return next(n for n, each in enumerate(ape.accounts.test_accounts)
                if each.address == account.address)  # fmt: skip


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
    assert vault.class_count() == 1 and vault.pending_owner() == people.owner.address
    steps = json.loads(record.read_text())["steps"]
    assert {each["state"] for each in steps.values()} == {"done"}
    assert [each["nonce"] for each in steps.values()] == list(range(before, before + transactions))
    factory = ape.project.VaultFactory.at(steps["factory"]["address"])
    assert factory.vault_count() == 1, "no orphan"


def test_the_record_has_what_an_explorer_asks(plan, people, tmp_path):
    address, _ = deploy(plan, people.stranger, tmp_path / "one.json")
    found = json.loads((tmp_path / "one.json").read_text())
    assert found["compiler"] == {
        "name": "vyper", "version": "0.4.3", "evm_version": "cancun", "optimize": "gas",
    }  # fmt: skip
    assert found["deployer"] == people.stranger.address
    assert (found["name"], found["symbol"], found["chain_id"]) == ("Strongroom one", "P1", 31337)
    names = {entry["name"] for entry in found["abi"]}
    assert {"requestDeposit", "report", "submit", "redeemInKind", "Reported"} <= names
    for name, step in found["steps"].items():
        receipt = ape.networks.provider.get_receipt(step["transaction"])
        assert receipt.block_number == step["block"], name
        assert receipt.gas_used == step["gas"] and receipt.nonce == step["nonce"], name
        if "nonce" in step and "address" in step and name != "vault":
            assert receipt.contract_address == step["address"], name
    vault, desk = found["steps"]["vault"], found["steps"]["desk"]
    assert vault["address"] == address and vault["contract"] == "Vault"
    assert vault["arguments"][0] == desk["address"] and vault["arguments"][1][0] == "Strongroom one"
    assert desk["arguments"] == [plan.asset, found["steps"]["exits"]["address"]]


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
    del every["steps"]["governance"]
    record.write_text(json.dumps(every))
    total = deploy(plan, people.stranger, tmp_path / "count.json")[1]
    with pytest.raises(Killed):
        deploy(plan, people.stranger, record, total - 2)  # the last step's nonce was written
    people.stranger.transfer(people.owner, 1)
    address, _ = deploy(plan, people.stranger, record)
    assert vault_at(address).pending_owner() == people.owner.address
    with pytest.raises(ConfigError, match="continue with that account"):
        Deployment(chain(), key(people.owner), plan, record)


def test_a_rehearsal_on_a_fork_leaves_the_chain_alone(plan, people, tmp_path):
    height, nonce = ape.chain.blocks.height, people.stranger.nonce
    tried = rehearse(plan, people.stranger.address, chain())
    assert (ape.chain.blocks.height, people.stranger.nonce) == (height, nonce)
    assert not [each for each in tried.findings if each.grade == "wrong"]
    address, _ = deploy(plan, people.stranger, tmp_path / "one.json")
    steps = json.loads((tmp_path / "one.json").read_text())["steps"]
    assert (tried.address, tried.transactions) == (address, len(steps))
    assert tried.gas == sum(each["gas"] for each in steps.values()) > 15_000_000
    assert Rehearsal("", 16, 100, 700, 500, ()).lacks == 200
    assert Rehearsal("", 16, 100, 700, 900, ()).lacks == 0


def test_what_was_deployed_is_what_was_meant(plan, people, tmp_path):
    address, _ = deploy(plan, people.stranger, tmp_path / "one.json")
    found = verify(chain(), address, plan)
    assert not [each for each in found if each.grade == "wrong"], found
    assert any("must still call accept" in each.words for each in found)
    assert any("is one key" in each.words and each.grade == "warning" for each in found)
    vault_at(address).acceptOwnership(sender=key(people.owner))
    found = verify(chain(), address, plan)
    assert any(each.words.startswith("owner: ") and each.grade == "ok" for each in found)
    other = plan.model_copy(
        update={
            "vault": plan.vault.model_copy(update={"management_bps": 100}),
            "classes": (plan.classes[0].model_copy(update={"keeper": str(people.mallory)}),),
        }
    )
    wrong = [each.words for each in verify(chain(), address, other) if each.grade == "wrong"]
    assert len(wrong) == 2 and any(each.startswith("keeper of class 0: decl") for each in wrong)
    with pytest.raises(ConfigError, match="other terms"):
        Deployment(chain(), key(people.stranger), other, tmp_path / "one.json")


def test_the_commands(plan, people, tmp_path):
    """The file's dry run, the deployment, once more, and the check."""
    file, record = tmp_path / "vault.toml", tmp_path / "record.json"
    write_plan(file, plan)
    number = number_of(people.stranger)
    place = ["--network", ape.networks.provider.uri]
    common = [str(file), "--record", str(record), "--account", f"TEST::{number}", *place]
    before = people.stranger.nonce
    done = CliRunner().invoke(deploy_command, [*common, "--dry-run"])
    assert done.exit_code == 0 and "nothing was sent" in done.output
    assert f"on a fork: {STEPS} transactions" in done.output and "is one key" in done.output
    poor = [*common, "--account", "TEST::50"]
    done = CliRunner().invoke(deploy_command, [*poor, "--dry-run"])
    assert done.exit_code == 2 and "nothing was sent: the deployer lacks 0.0" in done.output
    done = CliRunner().invoke(deploy_command, common, input="n\n")
    assert "Send it?" in done.output and people.stranger.nonce == before and not record.exists()
    done = CliRunner().invoke(deploy_command, [*common, "--yes"])
    address = done.output.strip().splitlines()[-1]
    assert done.exit_code == 0 and people.stranger.nonce == before + STEPS
    again = CliRunner().invoke(deploy_command, [*common, "--yes"])
    assert again.output.strip().endswith(address) and people.stranger.nonce == before + STEPS
    check = ["--vault", address, "--file", str(file), *place]
    done = CliRunner().invoke(verify_command, [*check, "--json"])
    assert done.exit_code == 0 and {each["grade"] for each in json.loads(done.output)} == {
        "ok", "warning"}  # fmt: skip
    file.write_text(file.read_text().replace(plan.classes[0].keeper, str(people.mallory)))
    done = CliRunner().invoke(verify_command, check)
    assert done.exit_code == 1 and "wrong    keeper of class 0: declared" in done.output
    (tmp_path / "two.toml").write_text(
        f"{file.read_text()}\n[[classes]]\n" + file.read_text().partition("[[classes]]")[2]
    )
    done = CliRunner().invoke(verify_command, [*check, "--file", str(tmp_path / "two.toml")])
    assert done.exit_code == 1 and "wrong    class 1: declared, not on chain" in done.output
    done = CliRunner().invoke(verify_command, ["--vault", "0x" + "12" * 20, *place])
    assert done.exit_code == 1 and "not Vault, there is no code" in done.output
    done = CliRunner().invoke(verify_command, ["--vault", "0x12", *place])
    assert done.exit_code == 2 and "is not an address" in done.output


UNSAFE = {
    "the reporter is a keeper": "is the keeper of class 0: one key trades and says what",
    "no timelock": "timelock_s is 0",
    "no total cap": "total_cap has no limit in units",
    "no velocity": "velocity has no limit in units",
}
ON_CHAIN = {
    "the reporter is a keeper": "the reporter is the keeper of class 0",
    "no timelock": "timelock 0, it takes effect at once",
    "no total cap": "total_cap has no limit in assets",
    "no velocity": "velocity has no limit in assets",
}


def test_a_class_on_a_ledger_that_its_owner_rules_needs_a_cap_in_units(plan):
    (each,) = plan.classes
    free = each.model_copy(update={"account": "position"})
    capped = free.model_copy(update={"class_cap": Decimal(10_000)})
    (danger,) = plan.model_copy(update={"classes": (each, free)}).dangers()
    assert danger.startswith("class 1 has no class_cap: who owns the ledger of Protocol V2")
    assert not list(plan.model_copy(update={"classes": (each, capped)}).dangers())


@pytest.mark.parametrize("name", UNSAFE)
def test_a_protection_is_given_up_only_by_who_says_so(plan, people, tmp_path, name):
    """Refused without the flag, whatever else is typed; with it said before and found after."""
    section, (each,) = plan.vault, plan.classes
    changed = {
        "the reporter is a keeper": {"reporter": each.keeper},
        "no timelock": {"timelock_s": 0},
        "no total cap": {"total_cap": "none"},
        "no velocity": {"velocity": "none"},
    }[name]
    file, record = tmp_path / "vault.toml", tmp_path / "record.json"
    write_plan(file, plan.model_copy(update={"vault": section.model_copy(update=changed)}))
    text = file.read_text()
    if "timelock_s" in changed:
        text = text.replace("[[classes]]", "timelock_s = 0\n[[classes]]")
    file.write_text(text)
    common = [str(file), "--record", str(record), "--yes", "--skip-rehearsal"]
    common += ["--account", f"TEST::{number_of(people.stranger)}"]
    common += ["--network", ape.networks.provider.uri]
    before = people.stranger.nonce
    done = CliRunner().invoke(deploy_command, common)
    assert done.exit_code == 2 and people.stranger.nonce == before
    assert UNSAFE[name] in done.output and "--i-understand" in done.output
    done = CliRunner().invoke(deploy_command, [*common, "--i-understand"])
    assert done.exit_code == 0 and f"understood: {''.join(list(load(file).dangers()))}" in (
        done.output
    )
    address = done.output.strip().splitlines()[-1]
    warned = [each.words for each in verify(chain(), address) if each.grade == "warning"]
    assert any(ON_CHAIN[name] in each for each in warned), warned
    safe = {key for key in ON_CHAIN if key != name}
    assert not [each for each in warned if any(ON_CHAIN[key] in each for key in safe)]


def test_what_would_revert_says_where_it_is_written_and_what_to_do(plan, people, tmp_path):
    file, nobody = tmp_path / "vault.toml", "0x" + "12" * 20
    write_plan(file, plan.model_copy(update={"asset": nobody}))
    before = people.stranger.nonce
    done = CliRunner().invoke(
        deploy_command,
        [str(file), "--account", f"TEST::{number_of(people.stranger)}", "--dry-run",
         "--network", ape.networks.provider.uri],
    )  # fmt: skip
    assert done.exit_code == 2 and people.stranger.nonce == before
    assert f"{file}, tried on a fork: governance would revert: asset has no code" in done.output
    assert "it was not sent; name a contract of this chain, or the node" in done.output


def test_lost_answers_are_one_deployment_and_its_steps_are_named(plan, people, tmp_path):
    """Each run loses the answers of its third transaction; the next run goes on."""
    file, record = tmp_path / "vault.toml", tmp_path / "record.json"
    write_plan(file, plan)
    number = number_of(people.stranger)
    before, runs = people.stranger.nonce, 0
    with broken_line(ape.networks.provider.uri) as line:
        common = [str(file), "--record", str(record), "--account", f"TEST::{number}", "--yes"]
        while runs < 9:
            line.after, line.sent = 3, 0
            done = CliRunner().invoke(
                deploy_command, [*common, "--skip-rehearsal", "--network", line.url]
            )
            if done.exit_code == 0:
                break
            runs += 1
            assert done.exit_code == 2 and "may have been sent: look at it" in done.output
            assert "the last step done is" in done.output and "run it again to go" in done.output
    assert runs == 6 and people.stranger.nonce == before + STEPS
    steps = json.loads(record.read_text())["steps"]
    factory = ape.project.VaultFactory.at(steps["factory"]["address"])
    assert factory.vault_count() == 1 and vault_at(steps["vault"]["address"]).class_count() == 1


def tamper(address, place):
    """Flip a bit of a contract's code; a negative place counts from its end."""
    code = bytearray(ape.networks.provider.get_code(address))
    code[place] ^= 1
    ape.networks.provider.make_request("anvil_setCode", [address, "0x" + code.hex()])


TAMPERED = {
    "code of the desk": ("desk", 1_000, "its desk", "differs at byte 1000"),
    "code of the vault": ("vault", 500, "the vault", "differs at byte 500"),
    "code of the exits": ("exits", 2_000, "its exits", "differs at byte 2000"),
    "code of the governance": ("governance", 0, "its governance", "differs at byte 0"),
    "code of the accounts": ("account 0", 77, "accounts of class 0", "differs at byte 77"),
    "an immutable of the desk": ("desk", -33, "its desk", "immutable word"),
    "an immutable of the exits": ("exits", -33, "its exits", "immutable word"),
    "an immutable of the vault": ("vault", -65, "the vault", "immutable word"),
    "an account's exchange": ("account 0", -33, "accounts of class 0", "immutable word"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_contract_is_found(plan, people, tmp_path, name):
    step, place, what, why = TAMPERED[name]
    record = tmp_path / "one.json"
    address, _ = deploy(plan, people.stranger, record)
    tamper(json.loads(record.read_text())["steps"][step]["address"], place)
    wrong = [each.words for each in verify(chain(), address, plan) if each.grade == "wrong"]
    assert any(each.startswith(what) and why in each for each in wrong), wrong


def test_accounts_made_for_another_exchange_are_found(plan, people, venue, tmp_path):
    """Genuine code whose constructor was given something else than the file says."""
    address, _ = deploy(plan, people.stranger, tmp_path / "one.json")
    section = plan.classes[0]
    other = (str(venue.neg_risk_exchange.address), *section.arguments[1:])
    changed = plan.model_copy(
        update={"classes": (section.model_copy(update={"arguments": other}),)}
    )
    (wrong,) = [each.words for each in verify(chain(), address, changed) if each.grade == "wrong"]
    assert wrong.startswith("accounts of class 0: immutable word")
    told = [
        each.words for each in verify(chain(), address) if "not compared with a file" in each.words
    ]
    assert len(told) == 1 and f"EXCHANGE {venue.exchange.address}" in told[0]


def test_addresses_follow_from_nonces(people, deployer, venue):
    """As the chain has it, for two contracts in a row."""
    for _ in range(2):
        nonce = deployer.nonce
        made = deployer.deploy(ape.project.WalletRegistry, venue.pusd)
        assert made.address == created_at(deployer.address, nonce)


def example():
    return (Path(__file__).parents[2] / "docs" / "examples" / "deploy.toml").read_text()


def test_the_example_deploys(people, venue, tmp_path):
    """With the devnet's addresses in the places that its comments name."""
    places = (venue.pusd, people.owner, people.guardian, people.reporter, people.manager,
              venue.exchange, people.oracle, venue.ctf, venue.usdc, venue.adapter,
              people.keeper)  # fmt: skip
    text = example()
    for number, each in enumerate(places, 1):
        text = text.replace(f'"0x{number:040x}"', f'"{each.address}"')
    assert "0x000000" not in text
    file = tmp_path / "vault.toml"
    file.write_text(text)
    plan = load(file)
    address, _ = deploy(plan, people.stranger, tmp_path / "record.json")
    assert not [each for each in verify(chain(), address, plan) if each.grade == "wrong"]
    assert vault_at(address).name() == "Strongroom example"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("management_bps = 200", "management_bps = 900", "vault.management_bps"),
        ("max_drawdown_bps", "max_drawdawn_bps", "did you mean 'max_drawdown_bps'"),
        ("max_drawdown_bps = 2000", "total_cap = 5", "'total_cap' is money: say it in"),
        ('total_cap = "50000"', "", "vault.total_cap"),
        ('velocity = "10000"', "", "vault.velocity"),
        ('keeper = "0x000000000000000000000000000000000000000b"', "", "classes.0.keeper"),
        ('"0x0000000000000000000000000000000000000002"', '"0x02"', r"\[vault.owner\] '0x02' is no"),
        ("    false,  ", "    ", r"takes 7 arguments \(address exchange, string exch.*, not 6"),
        ("    false,  ", '    "no",  ', r"bool negative_risk\): .*BooleanEncoder"),
    ],
)
def test_a_wrong_file_says_where(tmp_path, old, new, words):
    broken = tmp_path / "broken.toml"
    assert old in example()
    broken.write_text(example().replace(old, new))
    with pytest.raises(ConfigError, match=words):
        load(broken)
    with pytest.raises(ConfigError, match="name a file"):
        load(tmp_path / "none.toml")
