"""Amounts as they are typed, accounts by their names, previews in words."""

import io
import json

import pytest
from eth_account import Account
from strongroom.chain import contracts
from strongroom.chain.accounts import APE_FOLDER, MNEMONIC, PASSPHRASE, UnknownAccount, wallet
from strongroom.cli.options import typed_passphrase
from strongroom.depositor.amounts import BadAmount, money, shares_text, to_assets, to_shares
from strongroom.depositor.preview import Depositor
from strongroom.depositor.vault import AccountHolding, Announced
from strongroom.errors import BadInput
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
    for variable in (PASSPHRASE, APE_FOLDER):
        monkeypatch.delenv(variable, raising=False)
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
    [("-5", "an amount must be more than 0, not -5"), ("0", "more than 0"),
     ("ten", "is not a number"), ("1,000", "is not a number"), ("inf", "is not a number"),
     ("1.0000001", "use at most 6"), ("1e400", "more than any vault holds: name a smaller")],
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


@pytest.mark.parametrize("number", [0, 7, 99])
@pytest.mark.parametrize("told", [True, False])
def test_a_keystore_of_a_test_key_signs_on_test_chains_only(home, number, told):
    """As the practice writes bob.json: TEST::2 in a file is no less public."""
    key = list(contracts.test_keys(MNEMONIC, number + 1))[number]
    keystore = Account.encrypt(key.private_key, "secret", iterations=2)
    if not told:
        del keystore["address"]
    (home / "bob.json").write_text(json.dumps(keystore))

    def opened(node):
        return wallet(str(home / "bob.json"), node, lambda what: "secret").unlock()

    assert opened(Node()).address == key.address
    for client in ("Geth/v1", ""):
        with pytest.raises(UnknownAccount, match=r"bob\.json has a key that everybody knows"):
            opened(Node(client))
    assert wallet("alice", Node("Geth/v1"), lambda what: "secret").unlock().address == ADDRESS


def test_an_address_has_a_position_but_signs_nothing(home):
    found = wallet(ADDRESS.lower(), Node())
    assert found.address == ADDRESS
    with pytest.raises(UnknownAccount, match="an address without a key"):
        found.unlock()
    with pytest.raises(UnknownAccount, match=r"no account 'bob'.*\(alice\)"):
        wallet("bob", Node())


class Quiet:
    """A vault of 1,000 at the bid and 1,010 at the ask, 1,000 shares, that takes everything."""

    symbol = "pUSD"
    micro = 10**6

    def __init__(self, **changed):
        self.state = {
            "navs": (1_000 * self.micro, 1_010 * self.micro),
            "supply": 1_000 * 10**12,
            "idle": 400 * self.micro,
            "paused": False,
            "winding_down": False,
            "last_report": 1_700_000_000,
            "deposit_terms": (2**128 - 1, self.micro),
            "waiting_deposits": 0,
            "limit": 7 * 86_400,
            "allows": True,
            "assets_of": 5_000 * self.micro,
            "shares_of": 100 * 10**12,
            "waiting": 0,
            "holdings": [],
            "announced": [],
        } | changed

    def __getattr__(self, name):
        return lambda *arguments: self.state[name]


def view(**changed):
    return Depositor(Quiet(**changed), ADDRESS, 1_700_000_000 + 5_400)


def test_a_deposit_is_priced_at_the_ask_and_valued_at_the_bid():
    """101 at the ask of 1.01 a share are 100 shares, worth 100 at the bid of 1.00."""
    found = view().deposit(101 * 10**6)
    assert found.lacks == ()
    assert found.lines[0] == "You hand over 101.00 pUSD now."
    assert found.lines[2] == (
        "At the last report's ask you would get 100.000000 shares, worth 100.00 pUSD at the bid."
    )
    assert found.lines[3] == "The last report was 1.5 hours ago (2023-11-14 22:13 UTC)."
    assert len(found.lines) == 5


def test_all_that_is_lacking_is_said_at_once():
    found = view(
        paused=True, allows=False, assets_of=3 * 10**6, deposit_terms=(1_006 * 10**6, 10 * 10**6),
        waiting_deposits=2 * 10**6,
    ).deposit(9_500_000)  # fmt: skip
    assert found.lacks == (
        "the vault is paused: it accepts no deposits until it is unpaused",
        f"{ADDRESS} is not on the vault's allow-list",
        "the smallest deposit is 10.00 pUSD",
        "the vault accepts at most 4.00 pUSD more",
        "you have 3.00 pUSD, 6.50 pUSD too little",
    )
    assert "winding down" in view(winding_down=True, paused=True).deposit(10**6).lacks[0]
    assert view().deposit(0).lacks[0] == "the amount is 0"


def test_a_standing_announcement_is_said_with_its_time():
    now = 1_700_000_000 + 5_400
    calls = [Announced("setKeeper(0x1)", now, now + 86_400), Announced("setFees(1, 2, 3)", now + 60,
             now + 90_000)]  # fmt: skip
    lines = view(announced=calls).deposit(10**6).lines
    assert "announced setKeeper(0x1) and can make this call until 2023-11-15 23:43" in lines[4]
    assert "announced setFees(1, 2, 3) and can make this call from 2023-11-14 23:44" in lines[5]
    assert "does not show" in view(announced=None).deposit(10**6).lines[4]


def test_a_redemption_says_what_it_is_worth_and_when_it_is_paid():
    found = view().redeem(50 * 10**12)
    assert found.lacks == () and "they are worth 50.00 pUSD." in found.lines[2]
    assert "(400.00 pUSD now)" in found.lines[3] and "longer than 7 days" in found.lines[5]
    assert view().redeem(101 * 10**12).lacks == ("you hold 100.000000 shares",)
    assert view().redeem(0).lacks == ("you hold 100.000000 shares",)


def test_leaving_in_kind_names_every_holding():
    """A tenth of the shares takes a tenth, rounded down, of what every account holds."""
    held = AccountHolding(b"\xab" * 32, 10 * 10**6, ((20 * 10**6, 0), (0, 5 * 10**6)), 30 * 10**6)
    found = view(winding_down=True, holdings=[held]).exit(100 * 10**12)
    assert found.lacks == ()
    assert found.lines[1:] == (
        "From idle assets you get 39.999999 pUSD.",
        "From market 0xababababab...: 0.999999 pUSD.",
        "From market 0xababababab..., outcome 0: 1.999999 YES, 0.00 NO.",
        "From market 0xababababab..., outcome 1: 0.00 YES, 0.499999 NO.",
        "From market 0xababababab...: 30.00 pUSD at cost stays in a wallet, out of reach.",
        "You get outcome tokens, not their price; no report and no keeper is needed.",
    )
    assert "in wind-down, or when" in view().exit(10**12).lacks[0]
    assert view(waiting=10**12).exit(2 * 10**12).lacks == (
        "your redemption request is of 1.000000 shares",
    )


def test_a_passphrase_is_not_asked_of_a_pipe(home, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
    with pytest.raises(BadInput, match=f"no terminal to ask at: set {PASSPHRASE}"):
        wallet("alice", Node(), typed_passphrase).unlock()
