"""Amounts as they are typed, and accounts by their names."""

import json

import pytest
from eth_account import Account
from strongroom.chain.accounts import PASSPHRASE, UnknownAccount, wallet
from strongroom.depositor.amounts import BadAmount, money, shares_text, to_assets, to_shares
from strongroom.settings import ConfigError

KEY = "0x" + "11" * 32
ADDRESS = Account.from_key(KEY).address


class Node:
    """A chain that says which client it is, and nothing else."""

    url = "http://node"

    def __init__(self, client="anvil/v1.7.1"):
        self._client = client

    def request(self, method, *parameters):
        assert (method, parameters) == ("web3_clientVersion", ())
        return self._client


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder with ape's account alice, whose passphrase is "secret"."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(PASSPHRASE, raising=False)
    folder = tmp_path / ".ape" / "accounts"
    folder.mkdir(parents=True)
    (folder / "alice.json").write_text(json.dumps(Account.encrypt(KEY, "secret", iterations=2)))
    return tmp_path


@pytest.mark.parametrize(
    ("text", "micro"),
    [("1000", 1_000_000_000), ("1_000.50", 1_000_500_000), ("0.000001", 1), ("all", 77)],
)
def test_amounts_are_read(text, micro):
    assert to_assets(text, 77) == micro
    if text != "all":
        assert to_shares(text, 77) == micro * 10**6


@pytest.mark.parametrize(
    ("text", "words"),
    [("-5", "an amount is more than 0, not -5"), ("0", "more than 0"), ("ten", "is no number"),
     ("1,000", "is no number"), ("inf", "is no number"), ("1.0000001", "there are 6")],
)  # fmt: skip
def test_what_is_no_amount_says_why(text, words):
    with pytest.raises(BadAmount, match=words):
        to_assets(text, 77)


def test_amounts_are_shown_with_all_their_decimals():
    assert [money(each) for each in (0, 1, 1_000_500_000, 12_345_678)] == [
        "0.00", "0.000001", "1,000.50", "12.345678",
    ]  # fmt: skip
    assert shares_text(1_234 * 10**12 + 999_999) == "1,234.000000"


def test_an_account_of_ape_is_opened_only_to_sign(home, monkeypatch):
    found = wallet("alice", Node())
    assert found.address == ADDRESS
    with pytest.raises(ConfigError, match=f"set {PASSPHRASE}"):
        found.unlock()
    assert wallet("alice", Node(), lambda what: "secret").unlock().private_key == KEY
    monkeypatch.setenv(PASSPHRASE, "wrong")
    with pytest.raises(ConfigError, match="is not its passphrase"):
        wallet("alice", Node(), lambda what: "secret").unlock()
    monkeypatch.setenv(PASSPHRASE, "secret")
    assert wallet("alice", Node()).unlock().address == ADDRESS


def test_a_keystore_file_is_an_account_also_where_it_names_no_address(home):
    keystore = Account.encrypt(KEY, "secret", iterations=2)
    del keystore["address"]
    (home / "key.json").write_text(json.dumps(keystore))
    assert wallet(str(home / "key.json"), Node(), lambda what: "secret").address == ADDRESS
    (home / "text").write_text("no JSON")
    with pytest.raises(UnknownAccount, match="is no keystore"):
        wallet(str(home / "text"), Node())


def test_test_keys_are_for_test_chains_only():
    found = wallet("TEST::1", Node())
    assert found.unlock().address == found.address == "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    with pytest.raises(UnknownAccount, match=r"no test chain \(Geth/v1\)"):
        wallet("TEST::1", Node("Geth/v1"))
    with pytest.raises(UnknownAccount, match="up to 99"):
        wallet("TEST::100", Node())


def test_an_address_has_a_position_but_signs_nothing(home):
    found = wallet(ADDRESS.lower(), Node())
    assert found.address == ADDRESS
    with pytest.raises(UnknownAccount, match="an address without a key"):
        found.unlock()
    with pytest.raises(UnknownAccount, match=r"no account 'bob'.*\(alice\)"):
        wallet("bob", Node())
