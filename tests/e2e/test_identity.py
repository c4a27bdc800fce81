"""Identity, validation and reputation, written and read back on a chain by the commands as typed.

The owner and the keeper are real Safes; the auditor is a stranger's key. The vault is idle: what
its price does is the management fee alone, worked out here from the fee's formula by hand.
"""

import base64
import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from eth_utils import keccak
from strongroom.audit.command import AuditOptions, run_audit
from strongroom.chain.artifacts import artifact
from strongroom.chain.contracts import Contracts
from strongroom.chain.terms import Limits, VaultTerms
from strongroom.cli.main import command
from strongroom.devnet import contracts
from strongroom.devnet.deployer import AnvilDeployer, devnet_chain, devnet_keys
from strongroom.signing.hashing import safe_transaction_hash
from strongroom.signing.keys import sign_as_owners

DAY = 86_400
YEAR = 365 * DAY
START = 1_790_000_000
ASSETS, VIRTUAL, PRICE = 10**9, 10**12, 10**36  # base units; shares; the price's scale
NOBODY = "0x" + "00" * 20
AUDITOR, STRANGER = 4, 8
# seconds between reports: a vault with a week behind it, and not a month
GAPS = (3_600, 3_600, DAY, 7 * DAY, DAY)


def by_hand(gaps):
    """Return the bids that the reports publish: 2 % a year on assets that do not move."""
    shares, prices = 0, []
    for number, seconds in enumerate(gaps):
        if shares:
            fee = ASSETS * 200 * seconds // (10_000 * YEAR)
            shares += fee * (shares + VIRTUAL) // (ASSETS + 1 - fee)
        assets = ASSETS if shares else 0
        prices.append((assets + 1) * PRICE // (shares + VIRTUAL))
        if number == 1:  # the second report from the request on settles it, at one a share
            shares = ASSETS * VIRTUAL
    return prices


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("identity")
    with devnet_chain(31_337, timestamp=START) as chain:
        keys = devnet_keys()
        deployer = AnvilDeployer(keys[0].account, chain)
        safes = contracts.deploy_safe_factory(deployer)
        owner = contracts.deploy_safe(deployer, safes, [keys[1].address], 1)
        keeper = contracts.deploy_safe(deployer, safes, [keys[6].address, keys[7].address], 2, 1)
        usdc = deployer.deploy(artifact("UsdcE"))
        factory = contracts.deploy_vault_factory(deployer, usdc)
        limits = Limits(total_cap=10**12, velocity=10**12)
        terms = VaultTerms(
            "Tail", "TAIL", owner.address, keys[2].address, keys[3].address, owner.address, limits
        )
        vault = contracts.deploy_vault(deployer, factory, terms, b"\x01" * 32)
        usdc.mint(keys[5].address, ASSETS, sender=deployer)
        usdc.approve(vault.address, ASSETS, sender=keys[5])
        vault.requestDeposit(ASSETS, keys[5].address, keys[5].address, sender=keys[5])
        for seconds in GAPS:
            chain.request("evm_setNextBlockTimestamp", chain.now() + seconds)
            vault.report([], bytes(32), sender=keys[3])
        identity = deployer.deploy(artifact("IdentityRegistry"))
        bound = [
            deployer.deploy(artifact(f"{each}Registry"), identity.address)
            for each in ("Reputation", "Validation")
        ]
        (folder / "card.json").write_text("{}")
        yield SimpleNamespace(
            chain=chain, keys=keys, owner=owner, keeper=keeper, vault=vault, folder=folder,
            identity=identity, reputation=bound[0], validation=bound[1], deployer=deployer,
        )  # fmt: skip


def typed(place, *words, code=0):
    """Type a command with the registries' addresses; return its JSON, or its sentence."""
    where = [] if words[0] == "card" else [
        "--rpc", place.chain.url, "--identity", place.identity.address, "--reputation",
        place.reputation.address, "--validation", place.validation.address, "--json",
    ]  # fmt: skip
    found = CliRunner().invoke(command, ["identity", *map(str, words), *where])
    assert found.exit_code == code, found.output
    return found.output if code == 2 else json.loads(found.output)


def by_safe(place, safe, owners, call):
    """Have a Safe's owners send a call that a command printed."""
    data, nonce = bytes.fromhex(call["data"][2:]), safe.nonce()
    digest = safe_transaction_hash(safe.address, 31_337, call["to"], data, 0, nonce)
    signed = sign_as_owners([each.account for each in owners], digest)
    about = (call["to"], 0, data, 0, 0, 0, 0, NOBODY, NOBODY, signed)
    return safe.execTransaction(*about, sender=place.deployer)


@pytest.fixture(scope="module")
def agent(place):
    """The keeper's agent: its token is the owner's Safe's, its wallet the keeper's Safe."""
    made = typed(
        place, "card", "keeper", "--name", "Tail", "--chain-id", 31_337,
        "--vault", place.vault.address, "--service", "web=https://tail.example",
    )  # fmt: skip
    card = place.folder / "card.json"
    card.write_text(json.dumps(made))
    safe = ("--account", place.owner.address, "--dry-run")
    for words in (
        (),
        ("--agent", 0, "--card", card, "--wallet", place.keeper.address,
         "--consent", "TEST::6", "--consent", "TEST::7"),
    ):  # fmt: skip
        told = typed(place, "register", *words, *safe)
        assert not told["sent"]
        for call in told["calls"]:
            by_safe(place, place.owner, [place.keys[1]], call)
    return 0


@pytest.fixture(scope="module")
def audit(place, agent):
    """The auditor's audit, of everything so far."""
    folder = place.folder / "audit"
    found = run_audit(AuditOptions(place.vault.address, place.chain.url, out=folder))
    assert found.is_clean, found.verdict.differences
    return SimpleNamespace(folder=folder, last=found.verdict.to_block)


@pytest.fixture(scope="module")
def answered(place, agent, audit):
    """A request of the owner's Safe, answered; one that nobody answers; feedback."""
    auditor = place.keys[AUDITOR].address
    digests = []
    for salt in ("11", "22"):
        told = typed(
            place, "request", agent, "--vault", place.vault.address, "--validator", auditor,
            "--first-block", audit.last, "--to-block", audit.last, "--salt", "0x" + salt * 32,
            "--account", place.owner.address, "--dry-run",
        )  # fmt: skip
        by_safe(place, place.owner, [place.keys[1]], told["calls"][0])
        digests.append(told["digest"])
    by = ("--account", f"TEST::{AUDITOR}", "--yes")
    verdict = audit.folder / "verdict.json"
    assert typed(place, "respond", digests[0], "--verdict", verdict, *by)["sent"]
    assert typed(place, "feedback", agent, "--audit", audit.folder, *by)["sent"]
    return SimpleNamespace(digests=digests, auditor=auditor)


def test_the_agent_is_the_owners_and_acts_by_the_keepers_safe(place, agent):
    assert place.identity.ownerOf(agent) == place.owner.address
    assert place.identity.getAgentWallet(agent) == place.keeper.address
    shown = typed(place, "show", agent)
    assert shown["faults"] == []
    back = {"agentId": 0, "agentRegistry": f"eip155:31337:{place.identity.address}"}
    assert shown["card"]["registrations"] == [back]
    vault = f"eip155:31337:{place.vault.address}"
    assert {"name": "strongroom-vault", "endpoint": vault} in shown["card"]["services"]


def test_a_card_that_does_not_name_the_agent_back_proves_nothing(place, agent):
    shown = typed(place, "show", agent, "--card", place.folder / "card.json", code=1)
    assert "does not name agent 0" in shown["faults"][0]


def test_the_reader_sees_numbers_that_the_fees_formula_gives(place, agent, audit, answered):
    prices = by_hand(GAPS)
    last = prices[-1]
    day, week = prices[-2], prices[2]  # the newest report that is a day, and a week, older
    expected = {
        ("tradingYield", "day"): (last * 10**6 // day - 10**6, 4),
        ("tradingYield", "week"): (last * 10**6 // week - 10**6, 4),
        ("maxDrawdown", "all"): (-((last - prices[0]) * 10**6 // prices[0]), 4),
        ("losses", "all"): (0, 6),
    }
    found = typed(place, "score", agent, "--auditor", answered.auditor, "--rerun", audit.folder)
    told = {(each["tag1"], each["tag2"]): (each["value"], each["decimals"])
            for each in found["numbers"]}  # fmt: skip
    assert told == expected  # no month, no year: they are not known
    assert expected["tradingYield", "week"][0] < 0 < expected["maxDrawdown", "all"][0]
    assert {each["checked"] for each in found["numbers"]} == {"re-run: the same"}
    assert {each["file"] for each in found["numbers"]} == {"fits"}
    assert list(found["codes"]) == [place.vault.address.lower()]
    assert 0 <= found["age"] < DAY  # whole seconds


def test_an_answer_is_100_and_an_open_request_unknown(place, agent, audit, answered):
    found = typed(place, "score", agent, "--auditor", answered.auditor)
    states = {each["request"]: each["state"] for each in found["answers"]}
    assert states == {answered.digests[0]: "100", answered.digests[1]: "unanswered: unknown"}
    assert {each["file"] for each in found["answers"]} == {"fits"}
    assert {each["checked"] for each in found["answers"]} == {"not re-run"}
    again = typed(place, "score", agent, "--auditor", answered.auditor, "--rerun", audit.folder)
    assert [each["checked"] for each in again["answers"]] == ["re-run: the same", "not re-run"]


def test_what_a_registry_holds_is_what_was_sent(place, agent, audit, answered):
    """Read by other eyes than the reader's: the registries' own views."""
    digest = bytes.fromhex(answered.digests[0][2:])
    status = place.validation.getValidationStatus(digest)
    assert tuple(status[:3]) == (answered.auditor, agent, 100)
    assert status[4] == "strongroom-audit"
    assert tuple(place.validation.getSummary(agent, [], "")) == (1, 100)
    assert place.reputation.getLastIndex(agent, answered.auditor) == 4


def test_only_named_auditors_count(place, agent, answered):
    stranger = place.keys[STRANGER]
    place.reputation.giveFeedback(
        agent, 10**6, 0, "tradingYield", "week", "", "", bytes(32), sender=stranger
    )
    found = typed(place, "score", agent, "--auditor", answered.auditor)
    assert found["ignored"] == 1
    assert all(each["client"].lower() == answered.auditor.lower() for each in found["numbers"])
    theirs = typed(place, "score", agent, "--auditor", stranger.address)
    (number,) = theirs["numbers"]
    assert (number["checked"], number["vault"]) == ("not re-run", "")
    assert "not looked for" in number["file"]
    words = typed(place, "score", agent, code=2)
    assert "--auditor" in words


def test_a_revoked_number_is_shown_and_does_not_count(place, agent, audit, answered):
    """Taken back by the command; by the registry's own views it is, and its mean is without it."""
    point = place.chain.request("evm_snapshot")
    by = ("--account", f"TEST::{AUDITOR}", "--yes")
    assert typed(place, "revoke", agent, "--index", 1, *by)["sent"]
    assert place.reputation.readFeedback(agent, answered.auditor, 1)[4]
    assert place.reputation.getSummary(agent, [answered.auditor], "", "")[0] == 3
    asked = ("score", agent, "--auditor", answered.auditor, "--rerun", audit.folder)
    found = typed(place, *asked)
    assert [each["revoked"] for each in found["numbers"]] == [True, False, False, False]
    checked = [each["checked"] for each in found["numbers"]]
    assert checked == ["revoked: does not count", *["re-run: the same"] * 3]
    assert list(found["codes"]) == [place.vault.address.lower()]
    for index in (2, 3, 4):
        typed(place, "revoke", agent, "--index", index, *by)
    assert "revoked" in typed(place, "revoke", agent, "--index", 1, *by, code=2).lower()
    # the answers have the vault still; without them nothing that counts names it
    request = ["identity", "score", str(agent), "--auditor", answered.auditor, "--json"]
    where = ["--rpc", place.chain.url, "--identity", place.identity.address]
    where += ["--reputation", place.reputation.address]
    alone = json.loads(CliRunner().invoke(command, [*request, *where]).output)
    assert (len(alone["numbers"]), alone["codes"]) == (4, {})
    place.chain.request("evm_revert", point)


def test_what_is_appended_to_a_number_is_read_by_who_said_it(place, agent, answered):
    """The owner's Safe answers, the auditor answers, and so does a stranger: he is only counted."""
    point = place.chain.request("evm_snapshot")
    about = ("--client", answered.auditor, "--index", 2)
    said = place.folder / "said.json"
    said.write_text('{"why": "the week had one market"}')
    safe = ("--account", place.owner.address, "--dry-run")
    (call,) = typed(place, "reply", agent, said, *about, *safe)["calls"]
    by_safe(place, place.owner, [place.keys[1]], call)
    assert typed(place, "reply", agent, said, *about, "--account", f"TEST::{AUDITOR}", "--yes")
    place.reputation.appendResponse(
        agent, answered.auditor, 2, "https://x.example/\x1b[2J", b"\1" * 32,
        sender=place.keys[STRANGER],
    )  # fmt: skip
    found = typed(place, "score", agent, "--auditor", answered.auditor)
    first, second, *_ = found["numbers"]
    assert first["responses"] == [] and first["others_responses"] == 0
    assert [(each["responder"], each["who"], each["file"]) for each in second["responses"]] == [
        (place.owner.address.lower(), "the agent's", "fits"),
        (answered.auditor.lower(), "a named auditor", "fits"),
    ]
    assert second["others_responses"] == 1
    text = b'{"why":"the week had one market"}'
    assert second["responses"][0]["digest"] == "0x" + keccak(text).hex()
    line = CliRunner().invoke(
        command,
        ["identity", "score", str(agent), "--auditor", answered.auditor, "--rpc", place.chain.url,
         "--identity", place.identity.address, "--reputation", place.reputation.address],
    )  # fmt: skip
    assert "the agent's response of" in line.output and "responses of others: 1" in line.output
    assert "\x1b" not in line.output
    place.chain.request("evm_revert", point)


def test_a_card_below_a_site_proves_its_domain(place, agent):
    point = place.chain.request("evm_snapshot")
    card = place.folder / "auditor.json"
    card.write_text(json.dumps(typed(place, "card", "auditor", "--name", "Eve", "--chain-id", 1)))
    site, by = place.folder / "site", ("--account", f"TEST::{AUDITOR}", "--yes")
    number = typed(place, "register", "--card", card, "--site", site, *by)["agent"]
    file = site / ".well-known" / "agent-registration.json"
    back = {"agentId": number, "agentRegistry": f"eip155:31337:{place.identity.address}"}
    assert json.loads(file.read_text())["registrations"] == [back]
    assert typed(place, "show", number, "--domain", file)["faults"] == []
    entries = place.folder / "entries.json"
    entries.write_text(json.dumps({"registrations": [{**back, "agentId": 9}, back]}))
    assert typed(place, "show", number, "--domain", entries)["faults"] == []
    for wrong in ({}, {"registrations": 7}, {"registrations": [{**back, "agentId": str(number)}]}):
        entries.write_text(json.dumps(wrong))
        faults = typed(place, "show", number, "--domain", entries, code=1)["faults"]
        assert ["the domain's file does not name" in each for each in faults] == [True]
    words = typed(place, "register", "--agent", number, "--site", site, *by, code=2)
    assert "--card" in words
    place.chain.request("evm_revert", point)


@pytest.mark.parametrize("vault", ["nowhere", "0x" + "12" * 20])
def test_a_file_about_a_vault_with_other_code_is_told(place, agent, answered, vault):
    point = place.chain.request("evm_snapshot")
    ours = {"vault": vault, "codeHash": "0x" + "34" * 32, "toBlock": 1}
    content = {
        "agentRegistry": f"eip155:31337:{place.identity.address}", "agentId": agent, "value": 1,
        "valueDecimals": 0, "tag1": "a", "tag2": "", "strongroom": ours,
    }  # fmt: skip
    text = json.dumps(content).encode()
    uri = "data:application/json;base64," + base64.b64encode(text).decode()
    given = (agent, 1, 0, "a", "", "", uri, keccak(text))
    place.reputation.giveFeedback(*given, sender=place.keys[AUDITOR])
    found = typed(place, "score", agent, "--auditor", answered.auditor)
    assert found["numbers"][-1]["file"] == "names a vault whose code has another hash"
    assert list(found["codes"]) == [place.vault.address.lower()]
    place.chain.request("evm_revert", point)


def test_a_record_left_behind_is_seen_under_another_id(place, agent, audit, answered):
    point = place.chain.request("evm_snapshot")
    place.identity.register(sender=place.keys[1])
    by = ("--account", f"TEST::{AUDITOR}", "--yes")
    typed(place, "feedback", 1, "--audit", audit.folder, *by)
    assert typed(place, "score", 1, "--auditor", answered.auditor)["other_ids"] == [0]
    place.chain.request("evm_revert", point)


def test_nobody_of_the_agent_or_the_vault_audits_it(place, agent, audit):
    vault = ("--vault", place.vault.address)
    account = ("--account", place.owner.address, "--dry-run")
    for who, what in (
        (place.owner.address, "owns the agent"),
        (place.keeper.address, "is its wallet"),
        (place.keys[3].address, "is the vault's reporter"),
    ):
        words = typed(place, "request", agent, *vault, "--validator", who, *account, code=2)
        assert what in words
    words = typed(
        place, "feedback", agent, "--audit", audit.folder, "--account", "TEST::3", "--yes", code=2
    )
    assert "is the vault's reporter" in words


def test_a_squatted_hash_is_refused_and_another_salt_is_another_hash(place, agent, audit, answered):
    asked = (
        *("request", agent, "--vault", place.vault.address, "--validator", answered.auditor),
        *("--to-block", audit.last, "--account", place.owner.address, "--dry-run"),
    )
    told = typed(place, *asked, "--salt", "0x" + "33" * 32)
    place.identity.register(sender=place.keys[STRANGER])
    theirs = place.identity.balanceOf(place.keys[STRANGER].address)
    assert theirs == 1
    mine = bytes.fromhex(told["calls"][0]["data"][2:])
    # the same hash and file, for the thief's agent and to himself
    words = [mine[4 + 32 * each : 36 + 32 * each] for each in range(4)]
    uri = mine[4 + int.from_bytes(words[2], "big") :]
    text = uri[32 : 32 + int.from_bytes(uri[:32], "big")].decode()
    number = len(place.identity.events("Registered")) - 1
    place.validation.validationRequest(
        answered.auditor, number, text, words[3], sender=place.keys[STRANGER]
    )
    words = typed(place, *asked, "--salt", "0x" + "33" * 32, code=2)
    assert "exists" in words
    verdict = ("--verdict", audit.folder / "verdict.json", "--account", f"TEST::{AUDITOR}")
    words = typed(place, "respond", told["digest"], *verdict, "--yes", code=2)
    assert "is not what its file says" in words
    assert typed(place, *asked)["digest"] != told["digest"]


def test_an_audit_that_does_not_answer_is_no_answer(place, agent, audit, answered):
    asked = ("request", agent, "--vault", place.vault.address, "--validator", answered.auditor)
    by = ("--account", place.owner.address, "--dry-run")
    told = typed(place, *asked, "--to-block", audit.last, "--decide", *by)
    by_safe(place, place.owner, [place.keys[1]], told["calls"][0])
    verdict = ("--verdict", audit.folder / "verdict.json", "--account", f"TEST::{AUDITOR}")
    words = typed(place, "respond", told["digest"], *verdict, "--yes", code=2)
    assert "no decision again" in words
    later = typed(place, *asked, "--to-block", audit.last + 1, *by)
    by_safe(place, place.owner, [place.keys[1]], later["calls"][0])
    words = typed(place, "respond", later["digest"], *verdict, "--yes", code=2)
    assert "last block" in words
    words = typed(place, "respond", later["digest"], *verdict[:2], "--account", "TEST::8", code=2)
    assert f"the request is to {answered.auditor}" in words


def test_the_first_shape_is_recognised_and_refused(place, agent):
    """A registry that answers to tags of 32 bytes alone, by the few bytes that do."""
    old = "0x" + "0f" * 20
    # readAllFeedback(uint256,address[],bytes32,bytes32,bool) and getIdentityRegistry() return
    # the identity registry's address as a word; the rest reverts
    code = first_shape(place.identity.address)
    place.chain.request("anvil_setCode", old, "0x" + code.hex())
    found = CliRunner().invoke(
        command,
        ["identity", "feedback", "0", "--audit", str(place.folder / "audit"), "--rpc",
         place.chain.url, "--identity", place.identity.address, "--reputation", old,
         "--account", f"TEST::{AUDITOR}", "--yes"],
    )  # fmt: skip
    assert found.exit_code == 2
    assert "first shape" in found.output


def first_shape(identity):
    yes = [
        keccak(text="readAllFeedback(uint256,address[],bytes32,bytes32,bool)")[:4],
        keccak(text="getIdentityRegistry()")[:4],
    ]
    head = bytes.fromhex("5f3560e01c")  # the selector
    tests = b"".join(b"\x80\x63" + each + b"\x14\x60\x1f\x57" for each in yes)
    assert len(head + tests) == 25
    refuse = bytes.fromhex("5f5ffd") + b"\x00" * 3
    answer = b"\x5b\x73" + bytes.fromhex(identity[2:]) + bytes.fromhex("5f5260205ff3")
    assert len(head + tests + refuse) == 0x1F
    return head + tests + refuse + answer


def test_a_transfer_clears_the_wallet_and_it_is_told(place, agent):
    assert isinstance(place.chain, Contracts)
    point = place.chain.request("evm_snapshot")
    data = place.identity.transferFrom.encode_input(
        place.owner.address, place.keys[1].address, agent
    )
    call = {"to": place.identity.address, "data": "0x" + data.hex()}
    by_safe(place, place.owner, [place.keys[1]], call)
    shown = typed(place, "show", agent, code=1)
    assert shown["faults"] == ["it has no wallet: none was set since the last transfer"]
    place.chain.request("evm_revert", point)
