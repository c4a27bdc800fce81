"""Contracts over JSON-RPC, on an anvil: deployed, asked, sent to, listened to; and what refuses."""

import gc
import os
import signal
import threading

import pytest
from strongroom.chain import contracts
from strongroom.chain.artifacts import artifact
from strongroom.chain.codec import BadArguments
from strongroom.chain.contracts import Contracts, Impersonated
from strongroom.chain.failures import CallReverted, ChainAway, TransactionRefused
from strongroom.devnet.deployer import AnvilDeployer, devnet_chain, devnet_keys

from tests.broken_node import LOOK, RECEIPT, SEND, broken_line


@pytest.fixture(scope="module")
def chain():
    with devnet_chain(31_337) as running:
        yield running


@pytest.fixture(scope="module")
def alice():
    return devnet_keys()[1]


@pytest.fixture(scope="module")
def bob():
    return devnet_keys()[2]


@pytest.fixture
def token(chain, alice):
    return chain.deploy(alice, artifact("UsdcE"))


def test_a_call_asks_and_a_sender_sends(chain, token, alice, bob):
    receipt = token.mint(alice, 7, sender=alice)
    assert receipt.succeeded and receipt.block_number == chain.height()
    token.transfer(bob, 3, sender=alice)
    assert (token.balanceOf(alice), token.balanceOf(bob)) == (4, 3)
    assert chain.times([receipt.block_number, chain.height()])[1] == chain.now()


def test_events_of_a_receipt_and_of_the_chain(token, alice, bob):
    receipt = token.mint(bob, 7, sender=alice)
    (event,) = receipt.events(token, "Transfer")
    assert event.fields == token.events("Transfer")[-1].fields
    assert event.block_number == receipt.block_number
    with pytest.raises(AttributeError, match="Transfer has no colour"):
        _ = event.colour


def test_what_would_revert_is_not_sent(chain, token, alice, bob):
    before = chain.nonce(bob.address)
    with pytest.raises(
        TransactionRefused,
        match=r"transfer would revert: .*: it was not sent; take a smaller amount",
    ):
        token.transfer(alice, 1, sender=bob)
    assert chain.nonce(bob.address) == before


def test_what_reverts_all_the_same_is_told(token, alice, bob):
    with pytest.raises(
        TransactionRefused, match=r"transfer reverted in transaction 0x\w{64}: look at it"
    ):
        token.transfer(alice, 1, sender=bob, gas=100_000)


def test_a_constructor_that_reverts_is_told_with_its_reason(chain, alice):
    words = (
        "VaultGovernance's constructor would revert: asset has no code: it was not sent; name a "
    )
    with pytest.raises(TransactionRefused, match=words):
        chain.deploy(alice, artifact("VaultGovernance"), alice)


def test_a_read_that_reverts_names_the_contract(chain, token):
    with pytest.raises(CallReverted, match=f"supply at {token.address}"):
        chain.call(token.address, b"\1\2\3\4", what="supply")


def test_wrong_arguments_and_names_say_what_there_is(token, alice):
    with pytest.raises(BadArguments, match=r"mint takes \(address .*uint256 .*\), not 1 arguments"):
        token.mint(1, sender=alice)
    with pytest.raises(AttributeError, match="has no function burnAll"):
        token.burnAll()


def test_an_impersonated_sender_needs_no_key(chain, token, alice):
    stranger = chain.impersonate("0x" + "12" * 20)
    token.mint(stranger, 5, sender=alice)
    token.transfer(alice, 5, sender=stranger)
    assert token.balanceOf(stranger) == 0


def test_many_questions_in_one_request(chain, token, alice, bob):
    token.mint(alice, 5, sender=alice)
    asked = [(token.address, token.balanceOf.encode_input(who)) for who in (alice, bob)]
    assert [int.from_bytes(each, "big") for each in chain.call_all(asked)] == [5, 0]
    assert chain.call_all([]) == []
    with pytest.raises(CallReverted):
        chain.call_all([*asked, (token.address, b"\1\2\3\4")])


def test_a_constructor_runs_at_an_address_of_choice(chain, alice):
    deployer = AnvilDeployer(alice.account, chain)
    place = "0x00000000000000000000000000000000000A11cE"
    token = deployer.deploy(artifact("UsdcE"), at=place)
    assert token.address == place and token.decimals() == 6
    token.mint(alice, 3, sender=alice)
    assert token.totalSupply() == 3, "what the constructor stored is there"
    usual = chain.deploy(alice, artifact("UsdcE"))
    assert len(chain.code(place)) == len(chain.code(usual.address))


def test_a_node_that_is_away_or_knows_no_such_method(chain):
    with pytest.raises(ChainAway, match=r"127\.0\.0\.1:9 does not answer"):
        Contracts("http://127.0.0.1:9").height()
    with pytest.raises(ChainAway, match="no_such_method"):
        chain.request("no_such_method")


@pytest.fixture
def line(chain):
    with broken_line(chain.url) as found:
        yield found


@pytest.fixture
def ctrl_c():
    """Return what presses it; Python's own handler hears it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.disable()  # hypothesis listens to it, and what is raised there is lost
    yield lambda: os.kill(os.getpid(), signal.SIGINT)
    gc.enable()
    signal.signal(signal.SIGINT, before)


PERHAPS = r"mint \(0x[0-9a-f]{64}\) may have been sent: look at it before you try again"


def test_a_transaction_whose_answer_is_lost_is_found_by_its_hash(line, token, alice):
    line.lost = {SEND}
    there = Contracts(line.url).at(token.address, artifact("UsdcE").abi)
    assert there.mint(alice, 7, sender=alice).succeeded
    assert token.balanceOf(alice) == 7 and line.sent == 1


@pytest.mark.parametrize("away", [(RECEIPT,), (SEND, LOOK), (SEND, RECEIPT)], ids="+".join)
def test_what_may_have_been_sent_is_named(line, chain, token, alice, away):
    line.lost = set(away)
    there = Contracts(line.url).at(token.address, artifact("UsdcE").abi)
    with pytest.raises(ChainAway, match=PERHAPS) as told:
        there.mint(alice, 7, sender=alice)
    name = str(told.value).partition("(")[2].partition(")")[0]
    assert chain.mined(name).succeeded and token.balanceOf(alice) == 7 and line.sent == 1


def test_what_the_node_never_heard_may_have_been_sent_all_the_same(line, token, alice):
    line.unheard = {SEND}
    there = Contracts(line.url).at(token.address, artifact("UsdcE").abi)
    with pytest.raises(ChainAway, match=PERHAPS):
        there.mint(alice, 7, sender=alice)
    assert token.balanceOf(alice) == 0


def test_what_the_node_does_not_take_is_refused_unless_it_has_it(line, token, alice):
    line.told = {SEND: {"error": {"code": -32000, "message": "already known"}}}
    there = Contracts(line.url).at(token.address, artifact("UsdcE").abi)
    assert there.mint(alice, 7, sender=alice).succeeded
    line.told[LOOK] = {"result": None}
    told = r"does not take mint \(0x\w{64}\): already known: look at it before you try again"
    with pytest.raises(TransactionRefused, match=told):
        there.mint(alice, 7, sender=alice)
    line.told = {RECEIPT: {"result": "mined"}}
    with pytest.raises(ChainAway, match=PERHAPS):
        there.mint(alice, 7, sender=alice)


def test_a_transaction_that_is_not_mined_says_what_to_do(line, token, alice, monkeypatch):
    monkeypatch.setattr(contracts, "RECEIPT_S", 0.1)
    line.told = {RECEIPT: {"result": None}}
    there = Contracts(line.url).at(token.address, artifact("UsdcE").abi)
    with pytest.raises(ChainAway, match=f"{PERHAPS}.*not mined after"):
        there.mint(alice, 7, sender=alice)


def test_ctrl_c_while_it_waits_names_what_was_sent(line, chain, token, alice, ctrl_c):
    line.told = {RECEIPT: {"result": None}}
    there = Contracts(line.url).at(token.address, artifact("UsdcE").abi)
    threading.Timer(1.0, ctrl_c).start()
    with pytest.raises(KeyboardInterrupt, match=PERHAPS) as told:
        there.mint(alice, 7, sender=alice)
    name = str(told.value).partition("(")[2].partition(")")[0]
    assert chain.mined(name).succeeded


def test_what_an_impersonated_sender_may_have_sent_is_named(line, chain, token, alice):
    chain.impersonate(alice.address)
    line.lost = {"eth_sendTransaction"}
    there = Contracts(line.url).at(token.address, artifact("UsdcE").abi)
    with pytest.raises(ChainAway, match=f"mint by {alice.address} may have been sent"):
        there.mint(alice, 7, sender=Impersonated(alice.address))
