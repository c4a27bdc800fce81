"""Sellers who lie to our buyer. Whatever they say: nothing is signed that was not meant, nothing is
held of the budget for what cannot be paid, and the error is one of ours."""

import base64
import json
import re
import time
from types import SimpleNamespace

import httpx
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from strongroom.information.forecast import ForecasterAway
from strongroom.mandates.signed import SignedMandate
from strongroom.payments.budget import Budget, OverBudget, Spent, check
from strongroom.payments.buyer import Buyer, PaymentDoubtful, PaymentRefused, ServerAway
from strongroom.payments.configuration import load
from strongroom.payments.forecaster import paid_forecaster
from strongroom.payments.mandated import narrowed
from strongroom.payments.purchases import Purchases, PurchaseState
from strongroom.payments.token import TokenDomain
from strongroom.settings import ConfigError

from tests import mandates

ASSET, PAYEE = "0x" + "aa" * 20, "0x" + "bb" * 20
URL = "http://seller.example/paid/nav"
SALT = "strongroom-binding"


class Token:
    """USD Coin on Polygon, of which nothing was used."""

    network, address, domain = "eip155:137", ASSET, TokenDomain("USD Coin", "2")
    used = False

    def __init__(self, now=None):
        self.chain = SimpleNamespace(now=lambda: int(time.time()) if now is None else now[0])

    def is_used(self, payer, nonce):
        return self.used


def terms(**changes):
    return {
        "scheme": "exact", "network": "eip155:137", "asset": ASSET, "amount": "1000",
        "payTo": PAYEE, "maxTimeoutSeconds": 300, "extra": {"name": "USD Coin", "version": "2"},
    } | changes  # fmt: skip


def required(*accepts, **changes):
    said = {"x402Version": 2, "accepts": list(accepts), "resource": {"url": URL}} | changes
    return base64.b64encode(json.dumps(said).encode()).decode()


class Seller:
    """Says what it is told to; keeps the payments that were sent."""

    def __init__(self, header, answer=None):
        self.header, self.sent = header, []
        self.answer = answer or (lambda: httpx.Response(200, content=b"data"))

    def __call__(self, request):
        if "PAYMENT-SIGNATURE" in request.headers:
            self.sent.append(json.loads(base64.b64decode(request.headers["PAYMENT-SIGNATURE"])))
            return self.answer()
        return httpx.Response(402, headers={"PAYMENT-REQUIRED": self.header})


@pytest.fixture
def buyer(tmp_path):
    return made(tmp_path)


def made(folder, clock=time.time, token=None, **limits):
    """A buyer with a way to say what the seller does."""
    budget = Budget(**({"payment": 5_000, "day": 9_000, "payee": 9_000, "route": 9_000} | limits))
    place, account = SimpleNamespace(handle=None), Account.create()
    transport = httpx.MockTransport(lambda request: place.handle(request))
    purchases = Purchases(folder / "purchases.db")
    token = token or Token()
    found = Buyer(account, token, purchases, budget, clock=clock, transport=transport)

    def meets(handle):
        place.handle = handle
        return found.buy(URL)

    return SimpleNamespace(meets=meets, purchases=purchases, account=account, token=token)


@pytest.mark.parametrize("line", ["data.max_payment", "data.max_per_day"])
def test_a_mandates_line_is_named_where_it_is_the_tighter_one(line):
    """Of the file 5,000 a payment and 9,000 a day: a line above that changes nothing."""
    file = Budget(5_000, 9_000, 9_000, 9_000)
    first = mandates.line("orders.max_per_minute", 3, "orders")

    def within(*lines):
        return narrowed(file, SignedMandate(mandate=mandates.mandate(lines=list(lines))))

    found = within(first, mandates.line(line, 3_000, "micro-units"))
    named = rf"mandate line 2: {line} of version 1 \(0x[0-9a-f]{{64}}\)"
    with pytest.raises(OverBudget, match=named):
        check(found, [], Spent("", "", 3_001, 0))
    check(found, [], Spent("", "", 3_000, 0))
    assert within(mandates.line(line, 9_001, "micro-units")) == within(first) == file


LIES = {
    "an amount of 5,000 digits": terms(amount="9" * 5_000),
    "nothing": terms(amount="0"),
    "an amount in other letters": terms(amount="\u0663"),
    "an amount below nothing": terms(amount="-5"),
    "an amount with a mark": terms(amount="1_000"),
    "a payee that is none": terms(payTo="junk"),
    "a payee too short": terms(payTo="0x" + "b" * 39),
    "a payee of 5,000 letters": terms(payTo="0x" + "b" * 5_000),
    "a payee with a blank": terms(payTo=f" {PAYEE}"),
    "a payee that moves the cursor": terms(payTo="\x1b[2J"),
    "a token's other name": terms(extra={"name": "Evil", "version": "2"}),
    "a name that is a number": terms(extra={"name": 5, "version": "2"}),
    "another version": terms(extra={"name": "USD Coin", "version": "1"}),
    "a transfer of another kind": terms(
        extra={"name": "USD Coin", "version": "2", "assetTransferMethod": "permit2"}
    ),
    "no time": terms(maxTimeoutSeconds=0),
    "a time that is over": terms(maxTimeoutSeconds=-(10**6)),
    "another chain": terms(network="eip155:1"),
    "another token": terms(asset="0x" + "cc" * 20),
    "another scheme": terms(scheme="upto"),
}


@pytest.mark.parametrize("lie", LIES)
def test_terms_that_cannot_be_meant_are_not_signed_and_hold_nothing(buyer, lie):
    seller = Seller(required(LIES[lie]))
    with pytest.raises(PaymentRefused, match="nothing was signed"):
        buyer.meets(seller)
    assert seller.sent == [] and buyer.purchases.all() == []
    honest = Seller(required(LIES[lie], terms()))  # among several the one that can be meant
    assert buyer.meets(honest).amount == 1_000


@pytest.mark.parametrize("amount", ["5001", "9" * 30])
def test_more_than_may_be_spent_is_not_signed(buyer, amount):
    with pytest.raises(OverBudget, match="nothing was signed"):
        buyer.meets(Seller(required(terms(amount=amount))))
    assert buyer.purchases.all() == []


@pytest.mark.parametrize(
    "header",
    ["", "%%", base64.b64encode(b"[" * 60_000).decode(), required(), required(x402Version=1),
     required(terms(), extensions="x"), required(terms(extra=None))],
)  # fmt: skip
def test_a_header_that_says_nothing_is_refused(buyer, header):
    with pytest.raises(PaymentRefused, match="nothing was signed"):
        buyer.meets(Seller(header))
    assert buyer.purchases.all() == []


@pytest.mark.parametrize("extra", [{}, {"name": "USD Coin"}, {"name": "USD Coin", "version": "2"}])
def test_what_is_signed_is_of_our_domain_and_the_terms_that_were_judged(buyer, extra):
    """Recovered by eth_account from the text of EIP-712, not by what has signed."""
    seller = Seller(required(terms(extra=extra, maxTimeoutSeconds=10**9)))
    before = int(time.time())
    buyer.meets(seller)
    (payment,) = seller.sent
    said = payment["payload"]["authorization"]
    assert (said["to"].lower(), said["value"]) == (PAYEE, "1000")
    assert before + 600 <= int(said["validBefore"]) <= time.time() + 600
    names = ("from", "to", "value", "validAfter", "validBefore", "nonce")
    kinds = ("address", "address", "uint256", "uint256", "uint256", "bytes32")
    types = {"TransferWithAuthorization": [
        {"name": name, "type": kind} for name, kind in zip(names, kinds, strict=True)
    ]}  # fmt: skip
    domain = {"name": "USD Coin", "version": "2", "chainId": 137, "verifyingContract": ASSET}
    message = {name: int(said[name]) if "v" in name else said[name] for name in names}
    message["nonce"] = bytes.fromhex(said["nonce"][2:])
    signable = encode_typed_data(domain, types, message)
    signature = payment["payload"]["signature"]
    assert Account.recover_message(signable, signature=signature) == buyer.account.address


@pytest.mark.parametrize("status", [204, 302, 307, 400, 402, 500])
def test_what_is_no_answer_counts_as_spent_and_the_same_is_sent_again(buyer, status):
    seller = Seller(
        required(terms()),
        lambda: httpx.Response(status, headers={"Location": "http://169.254.169.254/"}),
    )
    for _ in range(3):
        with pytest.raises(PaymentRefused, match="counts as spent until"):
            buyer.meets(seller)
    (kept,) = buyer.purchases.all()
    assert (kept.state, kept.amount) == (PurchaseState.SIGNED, 1_000)
    assert len(seller.sent) == 3 and seller.sent[0] == seller.sent[1] == seller.sent[2]


@pytest.mark.parametrize("status", [409, 429, 503])
def test_who_is_told_to_wait_sends_the_same_again(buyer, status):
    seller = Seller(required(terms()), lambda: httpx.Response(status))
    for _ in range(2):
        with pytest.raises(PaymentDoubtful, match="the same payment is sent"):
            buyer.meets(seller)
    seller.answer = lambda: httpx.Response(200, content=b"data")
    assert buyer.meets(seller).amount == 1_000
    assert seller.sent[0] == seller.sent[1] == seller.sent[2]
    assert len(buyer.purchases.all()) == 1


def test_a_redirect_is_not_followed(buyer):
    asked = []

    def handle(request):
        asked.append(request.url)
        return httpx.Response(302, headers={"Location": "http://169.254.169.254/latest"})

    with pytest.raises(PaymentRefused, match="302"):
        buyer.meets(handle)
    assert [str(each) for each in asked] == [URL]


def test_an_answer_that_does_not_end_is_none(tmp_path, monkeypatch):
    """One that drips for ever, and one that is larger than memory: by bytes and by time."""
    buyer = made(tmp_path)

    class Drip(httpx.SyncByteStream):
        def __iter__(self):
            while True:
                yield b"x" * 2**20

    with pytest.raises(ServerAway):
        buyer.meets(lambda request: httpx.Response(200, stream=Drip()))
    with pytest.raises(PaymentDoubtful, match="the same payment is sent"):
        buyer.meets(Seller(required(terms()), lambda: httpx.Response(200, stream=Drip())))
    (kept,) = buyer.purchases.all()
    assert kept.state == PurchaseState.SIGNED


def test_a_budget_holds_over_midnight_and_a_restart(tmp_path):
    """Two at 23:59, the limit is two: at 00:01 of the next day there is no third, nor after a
    restart; 24 hours after the first there is."""
    midnight = 1_795_737_600  # of 27 November 2026
    now = [midnight - 60]
    for step, (time_, may) in enumerate(
        ((-60, True), (-30, True), (60, False), (86_400 - 61, False), (86_400 - 60, True))
    ):
        now[0] = midnight + time_
        token = Token(now)
        token.used = True  # what was signed was settled
        buyer = made(tmp_path, clock=lambda: now[0], token=token, day=2_000)
        if may:
            assert buyer.meets(Seller(required(terms()))).amount == 1_000, step
        else:
            with pytest.raises(OverBudget, match="`day`"):
                buyer.meets(Seller(required(terms())))


def test_buyers_at_once_spend_no_more_than_one_may(tmp_path):
    """Eight with one journal, of which the day allows three. Who finds a payment for the same URL
    under way sends that again: it is paid once."""
    from concurrent.futures import ThreadPoolExecutor

    made(tmp_path)

    def buy(number):
        try:
            return made(tmp_path, day=3_000).meets(Seller(required(terms()))).amount
        except OverBudget:
            return 0

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(buy, range(8))) >= 3_000
    assert sum(each.amount for each in made(tmp_path).purchases.counted()) == 3_000


FILE = """
[chain]
rpc_url = "http://127.0.0.1:1"
chain_id = 137
[token]
address = "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359"
[wallet]
keystore = "buyer.json"
[budget]
payment = "0.05"
day = "1"
payee = "0.5"
route = "0.25"
[mandate]
vault = "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359"
file = "signed/mandate.json"
board = "0xE111180000d2663C0091e4f400237545B87B996B"
"""


def test_the_buyer_of_a_file_has_the_files_mandate(tmp_path, monkeypatch):
    """A keeper's source opens it in the same way."""
    (tmp_path / "buyer.toml").write_text(FILE)
    monkeypatch.setattr("strongroom.payments.buyer.open_token", lambda *_: Token())
    monkeypatch.setattr("strongroom.payments.buyer.open_keystore", lambda *_: Account.create())
    monkeypatch.setattr("strongroom.payments.buyer.Chain", lambda contracts: contracts)
    source = paid_forecaster("theirs", URL, tmp_path / "buyer.toml", enabled=True)
    monkeypatch.setattr(
        Buyer,
        "_get",
        lambda *_: httpx.Response(402, headers={"PAYMENT-REQUIRED": required(terms())}),
    )
    missing = re.escape(str(tmp_path / "signed" / "mandate.json"))
    with pytest.raises(ForecasterAway, match=f"the mandate {missing} does not count: nothing"):
        source.forecast([], 0)
    (tmp_path / "buyer.toml").write_text(FILE.rsplit("board", 1)[0])
    with pytest.raises(ConfigError, match="mandate"):
        load(tmp_path / "buyer.toml")
