"""Wallets that are lent to delegated accounts: who gets which, what their keys sign, and what a
relayer says about it."""

import pytest
from eth_account import Account
from py_clob_client_v2.order_utils.exchange_order_builder_v2 import ExchangeOrderBuilderV2
from py_clob_client_v2.signer import Signer
from strongroom.chain.calls import Ask
from strongroom.chain.units import MAX_UINT256
from strongroom.errors import Away, Refused
from strongroom.execution.interfaces import RelayState
from strongroom.execution.lent_wallets import LentWallets
from strongroom.execution.relaying import Relaying, WalletUnusable
from strongroom.execution.venues.wallets import VenueWallet, Wallets
from strongroom.journal import Journal
from strongroom.signing.deposit_wallet import SESSION_MAGIC, session_signature
from strongroom.signing.order import ExchangeDomain

from tests.signing import make_order

NOW, CHAIN_ID = 1_700_000_000, 137
ACCOUNTS = ["0x" + each * 20 for each in ("a1", "a2", "a3")]
EXCHANGES = ("0x" + "e1" * 20, "0x" + "e2" * 20)
PUSD, CTF, FACTORY = ("0x" + each * 20 for each in ("c1", "c2", "c3"))
NOBODY = "0x" + "00" * 20
KEYS = [Account.from_key(bytes([7 + number] * 32)) for number in range(2)]
NONE_FREE = "no wallet is free"
FIRST, SECOND = "0x" + "11" * 20, "0x" + "22" * 20


class World:
    """A chain and a relayer that answer as told."""

    chain_id = CHAIN_ID

    def __init__(self):
        self.serves, self.until = dict.fromkeys((FIRST, SECOND), NOBODY), NOW + 10_000
        self.open, self.nonces, self.time = set(), {FIRST: 3, SECOND: 5}, NOW
        self.carried, self.state, self.error = [], (RelayState.UNDER_WAY, ""), None

    # the chain

    def now(self):
        return self.time

    def ask_one(self, address, contract, function, *arguments):
        return self._answer(Ask(address, contract, function, arguments))

    def ask(self, asked):
        return [self._answer(each) for each in asked]

    def _answer(self, asked):
        match asked.function:
            case "accountOf":
                return self.serves[asked.arguments[0]]
            case "sessionSignerAuthorizedUntil":
                return self.until
            case "allowance":
                return MAX_UINT256 if tuple(asked.arguments) in self.open else 0
            case "isApprovedForAll":
                return tuple(asked.arguments) in self.open
            case "nonce":
                return self.nonces[asked.address]
        return {"REGISTRY": FACTORY, "COLLATERAL": PUSD, "CTF": CTF, "factory": FACTORY}[
            asked.function
        ]

    # the relayer

    def carry(self, batch, owner, factory, signature):
        if self.error is not None:
            raise self.error
        self.carried.append((batch, owner, signature))
        return str(len(self.carried))

    def look(self, action):
        return self.state


@pytest.fixture
def world():
    return World()


@pytest.fixture
def lent(world, tmp_path):
    journal, told = Journal(f"sqlite:///{tmp_path / 'j.db'}"), []
    wallets = [
        VenueWallet(address, key, None) for address, key in zip((FIRST, SECOND), KEYS, strict=True)
    ]
    relaying = Relaying(journal, world, lambda event, fields: told.append(event))
    made = LentWallets(journal, world, relaying, Wallets(world, wallets), EXCHANGES)
    made.told = told
    return made


def test_a_wallet_is_opened_by_one_batch_and_then_lent(world, lent):
    account = ACCOUNTS[0]
    assert not lent.prepare(account, ())
    ((batch, signer, signature),) = world.carried
    assert (batch.wallet, batch.nonce, batch.deadline) == (FIRST, 3, NOW + 600)
    assert [each.target for each in batch.calls] == [PUSD, CTF] * 3, "account, both exchanges"
    assert signer == KEYS[0].address
    inner = KEYS[0].unsafe_sign_hash(batch.digest(CHAIN_ID)).signature
    assert signature == session_signature(signer, bytes(inner))
    assert not lent.prepare(account, ()) and len(world.carried) == 1, "once"
    world.open = {(FIRST, each) for each in (account, *EXCHANGES)}
    assert lent.prepare(account, ()) and lent.promised(account) == FIRST


def test_two_accounts_that_wait_are_promised_two_wallets(world, lent):
    one, two, three = ACCOUNTS
    lent.prepare(one, [two])
    lent.prepare(two, [one])
    assert (lent.promised(one), lent.promised(two)) == (FIRST, SECOND)
    with pytest.raises(WalletUnusable, match=NONE_FREE):
        lent.prepare(three, [one, two])
    lent.prepare(three, [two])  # the first gave up
    assert lent.promised(three) == FIRST
    world.serves[FIRST] = three
    with pytest.raises(WalletUnusable, match=NONE_FREE):
        lent.prepare(one, [two])


def test_a_wallet_whose_session_has_ended_is_lent_no_more(world, lent):
    world.until = NOW
    with pytest.raises(WalletUnusable, match=NONE_FREE):
        lent.prepare(ACCOUNTS[0], ())


def test_a_batch_that_was_not_carried_in_time_is_made_anew(world, lent):
    lent.prepare(ACCOUNTS[0], ())
    world.time = NOW + 590
    lent.prepare(ACCOUNTS[0], ())
    first, second = (batch.deadline for batch, *_ in world.carried)
    assert (first, second) == (NOW + 600, NOW + 1_190)


def test_a_relayer_that_is_away_is_asked_again_and_one_that_refuses_is_believed(world, lent):
    world.error = Away("429")
    assert not lent.prepare(ACCOUNTS[0], ()) and lent.told == ["relayer_away"]
    world.error = Refused("no such signer")
    with pytest.raises(WalletUnusable, match="no such signer"):
        lent.prepare(ACCOUNTS[0], ())
    world.error, world.state = None, (RelayState.FAILED, "InvalidSignature")
    assert not lent.prepare(ACCOUNTS[0], ())
    with pytest.raises(WalletUnusable, match=r"did not open wallet .*: InvalidSignature"):
        lent.prepare(ACCOUNTS[0], ())


@pytest.mark.parametrize("by_session", [False, True])
def test_a_wallets_order_is_signed_as_the_official_client_signs_it(by_session):
    """By the owner; a session key puts the same into its envelope (VENUE a4)."""
    order = make_order(FIRST, 2**200 + 1, 50_000_000, 100_000_000, 0, signatureType=3)
    domain = ExchangeDomain(EXCHANGES[0], "2", CHAIN_ID)
    key = KEYS[0]
    client = ExchangeOrderBuilderV2(
        domain.address, CHAIN_ID, Signer("0x" + key.key.hex().removeprefix("0x"), CHAIN_ID)
    )
    theirs = client.build_order_signature(client.build_order_typed_data(order))
    mine = VenueWallet(FIRST, key, None, by_session).sign(order, domain)
    plain = bytes.fromhex(theirs.removeprefix("0x"))
    assert mine == (session_signature(key.address, plain) if by_session else plain)
    assert mine.endswith(SESSION_MAGIC) is by_session
