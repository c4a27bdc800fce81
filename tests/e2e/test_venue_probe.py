"""The venue probe on the devnet, against each answer that the venue could give.

The devnet's switches are the oracle: they say beforehand what is to be found. Whether the real
venue answers so nobody knows; that is what the probe is for.
"""

import json
import time
from dataclasses import replace

import pytest
from click.testing import CliRunner
from eth_account import Account
from strongroom.chain.abi import load
from strongroom.chain.contracts import Key
from strongroom.chain.units import ETHER, MAX_UINT256
from strongroom.devnet.contracts import deploy_safe, deploy_safe_factory
from strongroom.devnet.deposit_wallets import make_deposit_wallet, send_batch
from strongroom.execution.account_kinds import AccountKind
from strongroom.keeper.custody import custody_of
from strongroom.probe.place import ProbePlace, find_market
from strongroom.probe.report import ProbeAnswer, ProbeOutcome, Question, Words, read_report
from strongroom.probe.run import plan, probe
from strongroom.probe.services import Reply, VenueServices
from strongroom.signing.deposit_wallet import WalletBatch, WalletCall
from strongroom.signing.hashing import safe_transaction_hash
from strongroom.signing.keys import sign_hash
from strongroom.signing.safe import ZERO_ADDRESS

from tests.defaults import UNIT

TAKEN, REFUSED, AWAY = ProbeOutcome.TAKEN, ProbeOutcome.REFUSED, ProbeOutcome.AWAY
UNCLEAR, NOT_ASKED = ProbeOutcome.UNCLEAR, ProbeOutcome.NOT_ASKED


@pytest.fixture(scope="module")
def people(anvil_chain, venue, deployer, accounts):
    """Make an account that the venue knows well: deposit wallet, Safe, and a Safe of its own;
    all can pay and have approved the exchange."""
    factory = deploy_safe_factory(deployer)
    operator = accounts[17]
    venue.wallet_factory.addOperator(operator, sender=deployer)

    def make():
        owner, successor = Key(Account.create()), Key(Account.create())
        anvil_chain.request("anvil_setBalance", owner.address, hex(ETHER))
        wallet = make_deposit_wallet(venue.wallet_factory, owner.address, operator)
        approve = venue.pusd.approve.encode_input(venue.exchange, MAX_UINT256)
        calls = [WalletCall(venue.pusd.address, 0, approve)]
        batch = WalletBatch(wallet, 0, 2**40, calls)
        send_batch(venue.wallet_factory, batch, owner.account, 80_002, operator)
        venue.wallets.makeSafe(owner.address, sender=deployer)
        safe = venue.wallets.safeOf(owner.address)
        own = deploy_safe(deployer, factory, [owner.address], 1).address
        for each in (safe, own):
            digest = safe_transaction_hash(each, 80_002, venue.pusd.address, approve, 0, 0)
            about = (venue.pusd.address, 0, approve, 0, 0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS)
            signature = sign_hash(owner.account, digest)
            anvil_chain.at(each, load("Safe")).execTransaction(*about, signature, sender=owner)
        for each in (wallet, safe, own):
            venue.fund(deployer, each, 10 * UNIT)
        return owner, successor, wallet, safe, own

    return make


@pytest.fixture
def place(anvil_chain, server, people, listing):
    """Somebody new each time: API keys and wallets are what is probed."""
    services = VenueServices(server.url, f"{server.url}/relayer", 80_002, time.time)
    owner, successor, wallet, safe, own = people()
    market = find_market(services, listing.condition_id)
    made = ProbePlace(
        anvil_chain,
        services,
        owner,
        successor,
        safe,
        own,
        market,
        time.time,
        lambda s: time.sleep(0.05),
    )
    assert made.wallet == wallet
    return made


def ask(place, *wanted, consent=lambda question: True):
    return probe(place, wanted, consent, lambda report: None)


def outcomes(report):
    return {each.value: found.outcome for each, found in report.findings.items()}


def is_as_it_was(place, report):
    """Everything belongs to whom it belonged, and no order rests."""
    assert place.owner_of(place.wallet) == place.owner.address
    assert place.sole_owner(place.safe) == place.owner.address
    assert [place.pusd_of(each) for each in (place.wallet, place.safe)] == [10 * UNIT] * 2
    assert report.left == ()


DEFAULT = {
    "contract_owner": REFUSED,
    "contract_batch": NOT_ASKED,
    "long_signatures": REFUSED,
    "foreign_keys": NOT_ASKED,
    "other_makers": TAKEN,
    "safe_owners": TAKEN,
    "handover": REFUSED,
    "key_after_handover": NOT_ASKED,
    "new_owners_key": NOT_ASKED,
}
SERVED = {"contract_owner": TAKEN, "contract_batch": TAKEN, "foreign_keys": REFUSED}
HANDED = {"handover": TAKEN, "key_after_handover": REFUSED, "new_owners_key": TAKEN}


@pytest.mark.parametrize(
    ("switches", "changed"),
    [
        ({}, {}),
        ({"contract_owners": True}, SERVED),
        (
            {"contract_owners": True, "contract_batches": False},
            {"contract_owner": TAKEN, "contract_batch": REFUSED},
        ),
        ({"long_signatures": True}, {"long_signatures": TAKEN}),
        ({"contract_owners": True, "foreign_keys": True}, SERVED | {"foreign_keys": TAKEN}),
        ({"safe_owners": True}, {"safe_owners": REFUSED}),
        ({"handovers": True}, HANDED),
        (
            {"handovers": True, "owner_by_id": True},
            HANDED | {"key_after_handover": TAKEN, "new_owners_key": REFUSED},
        ),
        ({"handovers": True, "handover_ends_keys": True}, HANDED),
    ],
)
def test_each_answer_of_the_venue_is_found(place, habits, switches, changed):
    habits(**switches)
    report = ask(place)
    assert outcomes(report) == DEFAULT | changed
    is_as_it_was(place, report)
    for found in report.findings.values():
        assert found.why or found.words


def test_a_contracts_batch_counts_in_the_form_that_keepers_send(place, server, habits):
    """Keepers send 65 bytes; a relayer that wants more of a contract carries nothing of theirs."""
    habits(contract_owners=True, long_signatures=True, foreign_keys=True)

    class WantsMore(VenueServices):
        def submit(self, body):
            sent = len(body.get("signature", "")) // 2 - 1
            if sent == 65 and body["from"] == place.contract:
                words = Words("POST /submit", 400, '{"error": "invalid signature"}')
                return self.keep(Reply(words))
            return super().submit(body)

    services = WantsMore(server.url, f"{server.url}/relayer", 80_002, time.time)
    report = ask(replace(place, services=services), Question.CONTRACT_BATCH)
    assert outcomes(report) == {
        "contract_owner": TAKEN,
        "contract_batch": REFUSED,
        "foreign_keys": TAKEN,
    }
    assert "more than 65 bytes" in report.findings[Question.CONTRACT_BATCH].why
    assert custody_of(AccountKind.WALLET, report).works is ProbeAnswer.NO
    is_as_it_was(place, report)


def test_a_venue_for_its_own_wallets_only_refuses_other_makers(place, server):
    server.engine.gate.admission = "known_wallets"
    try:
        report = ask(place, Question.OTHER_MAKERS)
    finally:
        server.engine.gate.admission = "open"
    assert outcomes(report) == {"other_makers": REFUSED}
    (found,) = report.findings.values()
    assert "please use the deposit wallet flow" in found.words[-1].body


def test_the_venues_own_words_are_kept_and_no_secret(place, server, habits, tmp_path):
    report = ask(place)
    said = report.findings[Question.CONTRACT_OWNER].words[-1]
    assert (said.request, said.status) == ("POST /submit", 400)
    assert json.loads(said.body) == {"error": "owner must be an EOA"}
    text = report.text()
    for user in server.app.state.authority._keys.values():
        assert user.secret not in text and user.passphrase not in text
    path = tmp_path / "probe.json"
    path.write_text(text)
    assert read_report(path) == report


def test_away_is_no_answer(place, faults):
    faults(fail_status=502, fail_count=100)
    report = ask(place)
    assert set(outcomes(report).values()) == {AWAY}
    for each in Question:
        assert report.answer(each) is ProbeAnswer.UNKNOWN
    nobody = replace(
        place, services=VenueServices("http://127.0.0.1:9", "http://127.0.0.1:9", 80_002, time.time)
    )
    assert set(outcomes(ask(nobody)).values()) == {AWAY}


def test_a_refusal_for_another_reason_is_unclear(place, faults, venue):
    """The wallet's own order must be taken first: else nobody knows why the other was not."""
    faults(mode="cancel_only")
    report = ask(place, Question.OTHER_MAKERS, Question.SAFE_OWNERS)
    assert set(outcomes(report).values()) == {AWAY}
    faults()
    poor = replace(place, market=replace(place.market, size=10**6 * UNIT))
    report = ask(poor, Question.SAFE_OWNERS, Question.OTHER_MAKERS)
    assert set(outcomes(report).values()) == {UNCLEAR}
    assert all("balance" in each.why for each in report.findings.values())
    is_as_it_was(place, report)


def test_nothing_happens_without_consent(place, anvil_chain):
    before, said = anvil_chain.height(), len(place.services.said)
    report = ask(place, consent=lambda question: False)
    assert set(outcomes(report).values()) == {NOT_ASKED}
    assert len(place.services.said) == said
    asked = []

    def only_login(question):
        asked.append(question)
        return len(asked) == 1

    report = ask(place, consent=only_login)
    assert set(outcomes(report).values()) == {NOT_ASKED}
    assert len(asked) == 6
    assert anvil_chain.height() == before


def test_without_successor_or_safes_what_needs_them_is_not_asked(place, habits):
    alone = replace(place, successor=None, safe="", contract="")
    report = ask(alone)
    assert outcomes(report) == dict.fromkeys(DEFAULT, NOT_ASKED) | {"long_signatures": REFUSED}
    assert "--successor" in report.findings[Question.HANDOVER].why


def test_a_wallet_that_the_venue_does_not_give_back_is_named(place, habits, server):
    """The way back is refused; the next probe brings it back."""
    habits(handovers=True)
    carried = []

    def consent(question):
        return True

    class OneWay(VenueServices):
        def submit(self, body):
            carried.append(body)
            if len(carried) == 2:
                habits(handovers=False)
            return super().submit(body)

    services = OneWay(server.url, f"{server.url}/relayer", 80_002, time.time)
    report = ask(replace(place, services=services), Question.HANDOVER, consent=consent)
    assert outcomes(report) == HANDED
    assert place.owner_of(place.wallet) == place.successor.address
    (left,) = report.left
    assert place.wallet in left and place.successor.address in left
    habits(handovers=True)
    report = ask(place, Question.HANDOVER)
    assert outcomes(report) == HANDED
    is_as_it_was(place, report)


def test_the_doctor_reads_what_the_probe_found(place, habits):
    """Other makers are taken: accounts of the standard kind work."""
    assert custody_of(AccountKind.STANDARD, ask(place)).works is ProbeAnswer.YES
    habits(contract_owners=True, foreign_keys=True)
    report = ask(place, *list(Question)[:4])
    assert custody_of(AccountKind.STANDARD, report).works is ProbeAnswer.UNKNOWN
    answers = {each: report.answer(each) for each in list(Question)[:4]}
    assert [*answers.values()] == [
        ProbeAnswer.YES,
        ProbeAnswer.YES,
        ProbeAnswer.NO,
        ProbeAnswer.YES,
    ]


def test_the_plan_says_what_each_step_costs_and_sends_nothing(place, anvil_chain):
    before, said = anvil_chain.height(), len(place.services.said)
    lines = plan(place, [])
    assert anvil_chain.height() == before
    assert len(place.services.said) == said
    assert len(lines) == 7
    assert place.wallet in lines[0] and "1.0000 POL" not in lines[0]
    assert "POL of gas" in lines[-1] and "pUSD until cancelled" in lines[-1]


def test_the_command_asks_and_writes_the_report(place, server, chain_url, listing, tmp_path):
    from strongroom.cli.main import command

    out = tmp_path / "probe.json"
    about = ["venue", "probe", "--rpc", chain_url, "--account", "TEST::12", "--out", str(out)]
    about += ["--clob", server.url, "--relayer", f"{server.url}/relayer"]
    about += ["--market", listing.condition_id, "--successor", "TEST::13"]
    dry = CliRunner().invoke(command, [*about, "--dry-run"])
    assert (dry.exit_code, out.exists()) == (0, False), dry.output
    assert "which is not there" in dry.output
    done = CliRunner().invoke(command, [*about, "--yes", "--safe", place.safe])
    assert done.exit_code == 0, done.output
    found = read_report(out)
    assert found.clob_url == server.url
    assert found.findings[Question.CONTRACT_OWNER].outcome is REFUSED
    assert found.findings[Question.HANDOVER].outcome is UNCLEAR
    assert "is not there" in found.findings[Question.HANDOVER].why
