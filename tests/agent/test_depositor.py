"""Amounts as they are typed, accounts by their names, previews in words."""

import io
import json

import pytest
from eth_account import Account
from strongroom.chain import contracts
from strongroom.chain.accounts import APE_FOLDER, MNEMONIC, PASSPHRASE, UnknownAccount, wallet
from strongroom.chain.notices import Notice
from strongroom.chain.units import FIRST_PRICE, SHARE
from strongroom.cli.options import typed_passphrase
from strongroom.depositor.amounts import BadAmount, money, shares_text, to_assets, to_shares
from strongroom.depositor.options import PositionResult, RequestKind
from strongroom.depositor.preview import Depositor
from strongroom.depositor.requests import Dealing, DepositorRequest
from strongroom.depositor.vault import AccountHolding
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
        assert to_shares(text, 77) == micro * 10**12


@pytest.mark.parametrize(
    ("text", "words"),
    [("-5", "an amount must be more than 0, not -5"), ("0", "more than 0"),
     ("ten", "is not a number"), ("1,000", "is not a number"), ("inf", "is not a number"),
     ("1.0000001", "use at most 6"), ("1e400", "more than any vault holds: name a smaller")],
)  # fmt: skip
def test_what_is_no_amount_says_why(text, words):
    with pytest.raises(BadAmount, match=words):
        to_assets(text, 77)


def test_an_amount_of_many_digits_is_read_to_the_last():
    assert to_shares("123456789012.123456789012345678", 0) == 123456789012123456789012345678


def test_amounts_are_shown_with_all_their_decimals():
    assert [money(each) for each in (0, 1, 1_000_500_000, 12_345_678)] == [
        "0.00", "0.000001", "1,000.50", "12.345678",
    ]  # fmt: skip
    assert shares_text(1_234 * SHARE + 10**12 - 1) == "1,234.000000"


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


START = 1_700_000_000
NOW = START + 5_400
MARKET = "0x" + "ab" * 32


def dealing(**changed):
    """A bid of 1.00 and an ask of 1.01, after seven reports."""
    values = {
        "bid": FIRST_PRICE,
        "ask": FIRST_PRICE * 101 // 100,
        "reports": 7,
        "room": 50 * 10**6,
        "idle": 400 * 10**6,
        "flat": False,
        "max_up_bps": 1_000,
        "max_down_bps": 500,
        "max_premium_bps": 300,
    }
    return Dealing(**values | changed)


def request(side, number=3, pending=10**6, claimable=0, closed_by=0, handed_back=False):
    kind = RequestKind(side)
    return DepositorRequest(kind, number, pending, claimable, FIRST_PRICE, closed_by, handed_back)


class Quiet:
    """A vault of 1,000 at the bid and 1,010 at the ask, 1,000 shares, that takes everything."""

    symbol = "pUSD"
    micro = 10**6

    def __init__(self, **changed):
        self.state = {
            "navs": (1_000 * self.micro, 1_010 * self.micro),
            "supply": 1_000 * SHARE,
            "idle": 400 * self.micro,
            "paused": False,
            "winding_down": False,
            "last_report": START,
            "dealing": dealing(),
            "deposit_terms": (2**128 - 1, self.micro),
            "waiting_deposits": 0,
            "limit": 50,
            "allows": True,
            "allowance": 2**256 - 1,
            "assets_of": 5_000 * self.micro,
            "shares_of": 100 * SHARE,
            "requests": [],
            "claimable": (0, 0),
            "holdings": [],
            "announced": [],
        } | changed

    def __getattr__(self, name):
        if name == "requests":
            return lambda side, who: [each for each in self.state[name] if each.side is side]
        return lambda *arguments: self.state[name]


def view(**changed):
    return Depositor(Quiet(**changed), ADDRESS, NOW)


def test_a_deposit_is_priced_at_the_ask_and_valued_at_the_bid():
    """101 at the ask of 1.01 a share are 100 shares, worth 100 at the bid of 1.00."""
    found = view().deposit(101 * 10**6)
    assert found.lacks == ()
    assert found.lines[:4] == (
        "You hand over 101.00 pUSD now.",
        "The next report closes your request, one after it sets the price: the higher of its ask "
        "and of the ask before it. Nobody knows it yet.",
        "At the last ask you would get 100.000000 shares, worth 100.00 pUSD at the bid.",
        "If the price is then more than 10 % above the lowest ask until your request is closed, "
        "the vault hands your request back, and you take it back.",
    )
    assert found.lines[4] == (
        "It waits while the ask is more than 3 % above bid, and as far as the day's room for "
        "deposits does not reach (50.00 pUSD was left at the last report)."
    )
    assert found.lines[5] == "The last report was 1.5 hours ago (2023-11-14 22:13 UTC)."
    assert len(found.lines) == 7
    wide = view(dealing=dealing(room=2**96)).deposit(10**6).lines[4]
    assert wide == "It waits while the ask is more than 3 % above bid."
    assert "No market is open" in view(dealing=dealing(flat=True)).deposit(10**6).lines[4]
    dear = dealing(ask=FIRST_PRICE * 104 // 100)
    assert "Deposits wait at present" in view(dealing=dear).deposit(10**6).lines[4]


def test_an_approval_that_goes_first_is_said():
    lines = view(allowance=99 * 10**6).deposit(100 * 10**6).lines
    assert lines[1] == (
        "Two transactions do it: the first lets the vault take 100.00 pUSD, the second requests "
        "the deposit."
    )
    assert "Two transactions" not in " ".join(view(allowance=10**8).deposit(10**8).lines)


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
    """In the preview of a deposit, and in the position; both name who and what."""
    calls = [
        Notice(b"", ADDRESS, START, NOW, NOW + 86_400, "make 0x1 the keeper of class 0"),
        Notice(b"", ADDRESS, START, NOW + 60, NOW + 90_000, "set the fees to 3 % a year"),
    ]
    known = view(announced=calls)
    lines = known.deposit(10**6).lines[6:8]
    assert lines == (
        f"The owner {ADDRESS} announced on 2023-11-14 22:13 UTC: to make 0x1 the keeper of class "
        "0. This can be done now, until 2023-11-15 23:43 UTC.",
        f"The owner {ADDRESS} announced on 2023-11-14 22:13 UTC: to set the fees to 3 % a year. "
        "This can be done from 2023-11-14 23:44 UTC on, until 2023-11-16 00:43 UTC.",
    )
    assert known.position().notices == lines
    assert PositionResult(known.position(), "pUSD").lines()[-2:] == list(lines)
    assert "does not show" in view(announced=None).deposit(10**6).lines[6]
    assert view().position().notices == ()


def test_a_redemption_says_what_it_is_worth_and_when_it_is_paid():
    found = view().redeem(50 * SHARE)
    assert found.lacks == () and "they are worth 50.00 pUSD." in found.lines[2]
    assert "more than 5 % below the highest bid" in found.lines[3]
    assert "(400.00 pUSD now)" in found.lines[4] and "leave in kind at any time" in found.lines[6]
    assert view().redeem(101 * SHARE).lacks == ("you hold 100.000000 shares",)
    assert view().redeem(0).lacks == ("you hold 100.000000 shares",)


def test_shares_that_are_to_claim_or_wait_are_said_where_too_few_are_held():
    waiting = request("redeem", pending=3 * SHARE)
    known = view(shares_of=0, claimable=(5 * 10**6, 7 * SHARE), requests=[waiting])
    words = (
        "you hold 0.000000 shares, 7.000000 more are yours when you take them with `strongroom "
        "claim`, 3.000000 more wait in your redemption requests",
    )
    assert known.redeem(SHARE).lacks == known.exit(SHARE, None).lacks == words


def test_a_redemption_of_less_than_a_unit_is_refused_with_the_least():
    """At 1.00 a share a unit is 10^-6 shares; at 0.95 it is more, rounded up to six decimals."""
    assert view().redeem(10**12).lacks == ()
    assert view().redeem(10**12 - 1).lacks == (
        "that is worth less than one unit of the asset (0.000001 pUSD) at the last bid: redeem at "
        "least 0.000001 shares",
    )
    cheap = view(dealing=dealing(bid=FIRST_PRICE * 95 // 100))
    assert "redeem at least 0.000002 shares" in cheap.redeem(10**12).lacks[0]
    assert cheap.redeem(2 * 10**12).lacks == ()
    assert "price has collapsed" in view(dealing=dealing(bid=0)).redeem(SHARE).lacks[0]
    low = view(dealing=dealing(bid=FIRST_PRICE // 20_000)).redeem(SHARE)
    assert low.lacks == () and "The price has collapsed: reports deal with no" in low.lines[1]


@pytest.mark.parametrize(
    ("now", "why"),
    [({"is_stale": True}, "the last report is too old"),
     ({"has_reporter": False}, "the vault has no reporter")],
)  # fmt: skip
def test_where_no_report_comes_none_is_promised(now, why):
    silence = f"No report comes at present: {why}."
    known = view(dealing=dealing(**now), requests=[request("deposit", closed_by=7)])
    for found in (known.deposit(10**6), known.redeem(SHARE)):
        assert found.lacks == ()
        assert found.lines[1] == (
            f"{silence} Until one does nothing is priced or paid, and you can take a request back "
            "at any time with `strongroom cancel`."
        )
        assert found.next.startswith("Your request waits: no report comes at present.")
        assert "settle()" not in " ".join(found.lines)
    assert known.claim().lacks[0].endswith(silence)
    flat = view(dealing=dealing(flat=True, **now)).redeem(SHARE)
    assert "anybody can call the vault's settle()" in flat.lines[2]
    fresh = view().redeem(SHARE)
    assert fresh.next.startswith("The second report from now is the first that can price")
    assert "at present" not in " ".join(fresh.lines)


def test_a_collapsed_price_promises_nothing():
    """Reports go on and deal with nothing: no price, no place in the queue, no second report."""
    known = view(dealing=dealing(bid=FIRST_PRICE // 20_000), requests=[request("deposit")])
    for found in (known.deposit(10**6), known.redeem(SHARE)):
        assert found.lacks == ()
        assert found.lines[1].startswith("The price has collapsed: reports deal with no request")
        assert found.next.startswith("Your request waits: the price has collapsed.")
        said = " ".join(found.lines)
        assert "sets the price" not in said and "you would get" not in said
        assert "pays the oldest" not in said and "hands your request back" not in said
    assert "The price has collapsed" in known.claim().lacks[0]
    assert "until a report has closed it" in " ".join(known.redeem(SHARE).lines)
    for now in ({"is_stale": True}, {"winding_down": True}):
        silent = view(dealing=dealing(bid=FIRST_PRICE // 20_000, **now)).redeem(SHARE)
        assert "until a report has closed it" not in " ".join(silent.lines)
        assert "take a request back at any time" in " ".join(silent.lines)


def test_a_vault_that_winds_down_promises_no_deposit_anything():
    ends = dealing(winding_down=True)
    found = view(winding_down=True, dealing=ends).deposit(10**6)
    assert found.lines == () and "accepts no deposits" in found.lacks[0]
    assert "winding down: you can take" in view(dealing=ends).redeem(SHARE).lines[1]
    waits = view(dealing=ends, requests=[request("deposit")]).claim().lacks[0]
    assert waits.startswith("nothing can be claimed yet.") and "winding down: you can take" in waits


def test_claim_and_position_agree_whatever_stands_on_the_chain():
    """In and out units of each side: the usual, worth less than a unit, used up by an earlier
    claim, none."""
    deposit = request("deposit", pending=0, claimable=5, closed_by=6)
    redemption = request("redeem", pending=0, claimable=5, closed_by=6)
    for claimable in ((5, 7), (0, 7), (5, 0)):
        known = view(requests=[deposit, redemption], claimable=claimable)
        found = known.claim()
        assert found.lacks == () and len(found.lines) == 2
        lines = known.position().requests
        word = "settled: take it" if claimable[1] else "settled at less than one unit"
        assert all(each.words.startswith(word) for each in lines)
        assert ("You get nothing for the 0.000001 shares" in found.lines[1]) == (not claimable[1])
    assert view(requests=[deposit]).claim().lacks[0].startswith("nothing can be claimed yet. The")
    assert view().claim().lacks == ("nothing can be claimed: you have no request",)


TAKE = "take it back with `strongroom cancel"
LIVES = [
    (
        request("redeem", closed_by=6),
        dealing(bid=FIRST_PRICE // 20_000),
        "waits",
        True,
        "the price has collapsed",
    ),
    (
        request("deposit"),
        dealing(bid=FIRST_PRICE // 20_000),
        "open",
        True,
        f"open: the price has collapsed, no report deals with it until it has recovered: {TAKE}",
    ),
    (
        request("redeem", closed_by=7),
        dealing(bid=FIRST_PRICE // 20_000),
        "closed",
        False,
        "collapsed, no report deals with it until it has recovered; you can take it back once",
    ),
    (
        request("redeem", closed_by=7),
        dealing(bid=FIRST_PRICE // 20_000, winding_down=True),
        "closed",
        True,
        f"closed: the price has collapsed, no report deals with it until it has recovered: {TAKE}",
    ),
    (request("deposit"), dealing(), "open", True, "open: the next report closes it, the one after"),
    (
        request("deposit"),
        dealing(crowded=frozenset({RequestKind.DEPOSIT})),
        "open",
        True,
        "open: eight rounds before it wait, a report closes it once one of them is dealt with",
    ),
    (
        request("deposit", closed_by=7),
        dealing(),
        "closed",
        False,
        "the next report can deal with it",
    ),
    (
        request("redeem", closed_by=7),
        dealing(has_reporter=False),
        "closed",
        True,
        f"none comes at present (the vault has no reporter); {TAKE}",
    ),
    (
        request("deposit"),
        dealing(is_stale=True),
        "open",
        True,
        f"waits for a report, and none comes at present (the last report is too old); {TAKE}",
    ),
    (
        request("redeem", closed_by=6),
        dealing(is_stale=True),
        "waits",
        True,
        "did not reach at the last report, and no report comes at present",
    ),
    *(
        (
            request("deposit", closed_by=closed_by),
            dealing(winding_down=True, is_stale=is_stale),
            state,
            True,
            f"{state}: the vault is winding down and deals with no deposit: {TAKE}",
        )
        for closed_by, state in ((0, "open"), (7, "closed"), (6, "waits"))
        for is_stale in (False, True)
    ),
    (
        request("redeem", closed_by=7),
        dealing(winding_down=True),
        "closed",
        True,
        "waits for the next report; the vault is winding down, so until then you can take it",
    ),
    (request("redeem"), dealing(winding_down=True), "open", True, "the next report closes it"),
    (request("deposit", closed_by=6), dealing(), "waits", True, "room for deposits of this day"),
    (
        request("deposit", closed_by=6),
        dealing(ask=2 * FIRST_PRICE),
        "waits",
        True,
        "than 3 % above",
    ),
    (request("redeem", closed_by=6), dealing(), "waits", True, "idle assets did not reach"),
    (request("deposit", closed_by=6, handed_back=True), dealing(), "handed back", True, "rose too"),
    (request("redeem", closed_by=6, handed_back=True), dealing(), "handed back", True, "fell too"),
    (request("redeem", pending=0, claimable=5, closed_by=6), dealing(), "settled", False, "claim`"),
]


@pytest.mark.parametrize(("one", "now", "state", "back", "words"), LIVES)
def test_each_request_says_where_it_stands_and_what_can_be_done(one, now, state, back, words):
    assert (one.state(now), one.can_be_taken_back(now)) == (state, back)
    assert words in one.words(now)
    named = f"`strongroom cancel {one.side} --request 3`" in one.words(now)
    assert named == back
    known = view(requests=[one], dealing=now, claimable=(one.claimable, one.claimable))
    (line,) = known.position().requests
    assert (line.state, line.request_id, line.words) == (state, 3, one.words(now))
    assert known.to_take_back() == ([one] if back else [])
    assert known.to_take_back(number=4) == []
    shown = PositionResult(known.position(), "pUSD").lines()[-1]
    assert shown.startswith(f"{one.side} request 3") and one.words(now) in shown


def test_a_cancellation_names_its_request_and_what_comes_with_it():
    one = request("redeem", number=5, pending=2 * SHARE, claimable=SHARE, closed_by=6)
    found = view(requests=[request("deposit"), one])
    assert found.to_take_back(RequestKind.REDEEM) == [one]
    assert len(found.to_take_back()) == 2
    assert found.cancel(one).lines == (
        "You take redeem request 5 back and get 2.000000 shares.",
        "What reports have settled of it comes with it.",
    )
    assert found.redemption(5) == one and found.redemption(3) is None
    assert found.redemptions() == [5]


def test_what_cannot_be_taken_back_says_whose_it_is_and_how_far():
    """Requests 3 and 5 are one's own, 7 is of others, 8 is not there yet."""
    closed = request("deposit", closed_by=7)
    settled = request("redeem", number=5, pending=0, claimable=1, closed_by=6)
    epochs = {number: request("deposit", number=number, closed_by=6) for number in (3, 4, 5, 7)}
    known = view(requests=[closed, settled])
    known._vault.of_everybody = lambda side, number: epochs.get(number)
    why = known.why_not_back
    assert why(None, 3) == (
        "this cannot be taken back now: deposit request 3 is closed: the next report can deal with "
        "it"
    )
    assert "redeem request 5 is settled: take it with" in why(None, 5)
    others = (
        "deposit request 7 (waits) has nothing of yours: it is of others, or you claimed it or "
        "took it back"
    )
    yours = "Yours: deposit --request 3, redeem --request 5"
    assert why(RequestKind.DEPOSIT, 7) == f"{others}. {yours}"
    assert why(RequestKind.DEPOSIT, 8) == f"there is no deposit request 8 yet. {yours}"
    assert why(RequestKind.REDEEM, 3).startswith("redeem request 3 (waits) has nothing of yours")
    assert why(RequestKind.DEPOSIT, None) == (
        "you have no deposit request that can be taken back now: deposit request 3 is closed: the "
        "next report can deal with it"
    )
    assert view().why_not_back(None, None) == "you have no request"


def test_leaving_in_kind_names_every_holding():
    """A tenth of the shares, less the exit fee, takes as much of what every account holds."""
    held = AccountHolding(MARKET, 10 * 10**6, ((20 * 10**6, 0), (0, 5 * 10**6)))
    wallet = AccountHolding("0x" + "cd" * 32, 10**6, (), stays=True)
    found = view(holdings=[held, wallet]).exit(100 * SHARE, None)
    assert found.lacks == ()
    assert found.lines == (
        "Your 100.000000 shares are 10.000000% of the vault. 0.5 % of them are the exit fee, for "
        "those who stay.",
        "From idle assets you get 39.80 pUSD, less the management fee since the last report.",
        "From market 0xababababab...: 0.995 pUSD.",
        "From market 0xababababab..., outcome 0: 1.99 YES, 0.00 NO.",
        "From market 0xababababab..., outcome 1: 0.00 YES, 0.4975 NO.",
        "From market 0xcdcdcdcdcd...: 0.0995 pUSD.",
        "From market 0xcdcdcdcdcd...: what its wallet holds stays behind, "
        "out of the vault's reach.",
        "You get outcome tokens, not their price; no report and no keeper is needed.",
    )
    skipped = view(holdings=[held]).exit(100 * SHARE, None, [MARKET.upper().replace("0X", "0x")])
    assert "From market 0xababababab...: nothing, you give your part up." in skipped.lines
    assert len(skipped.lines) == 4 and skipped.lacks == ()
    mute = view(holdings=[AccountHolding(MARKET, 0, (), is_read=False)])
    told = mute.exit(SHARE, None).lines[2]
    assert "its account does not answer, so what it would pay is not known" in told
    assert "nothing, you give your part up" in mute.exit(SHARE, None, [MARKET]).lines[2]
    nameless = AccountHolding("", 0, (), is_read=False)
    assert view(holdings=[nameless]).exit(SHARE, None, ["0x" + "01" * 32]).lacks == ()
    unknown = view(holdings=[held]).exit(SHARE, None, ["0x" + "01" * 32])
    assert unknown.lacks == ("no open market is 0x" + "01" * 32,)
    assert view().exit(101 * SHARE, None).lacks == ("you hold 100.000000 shares",)
    waiting = request("redeem", pending=200 * SHARE, closed_by=7)
    found = view().exit(200 * SHARE, waiting)
    assert found.lines[0] == "Redemption request 3 leaves the queue whole." and found.lacks == ()


def test_a_passphrase_is_not_asked_of_a_pipe(home, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
    with pytest.raises(BadInput, match=f"no terminal to ask at: set {PASSPHRASE}"):
        wallet("alice", Node(), typed_passphrase).unlock()
