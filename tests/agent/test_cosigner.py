"""The co-signer's policy: an honest request passes, each hostile one falls to its own rule."""

import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import uvicorn
from eth_account import Account
from fastapi.testclient import TestClient
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError
from strongroom.chain.calls import Call, call_data
from strongroom.chain.decision_records import MOST, records_call
from strongroom.chain.failures import ChainAway
from strongroom.chain.ids import decision_of, to_bytes, to_hex
from strongroom.chain.orders import OnFailure
from strongroom.cosigner import wire
from strongroom.cosigner.client import CosignerClient
from strongroom.cosigner.policy import (
    Before,
    MarketFacts,
    Policy,
    PolicyRefuses,
    judge_order,
    judge_transaction,
)
from strongroom.cosigner.server import Judge, create_app
from strongroom.cosigner.service import door
from strongroom.cosigner.store import Store
from strongroom.signing.hashing import safe_message_hash
from strongroom.signing.order import ExchangeDomain
from strongroom.signing.safe import Batch, NotABatch, batch, unbatch
from strongroom.signing.signers import (
    CosignerAway,
    OrderRequest,
    SafeAddress,
    TransactionRequest,
)
from strongroom.strategy.record import encode

from tests.defaults import UNIT
from tests.records import RECORD as A_RECORD
from tests.signing import BUY, SELL, make_order

NOW = int(datetime(2026, 5, 5, 12, 0, tzinfo=UTC).timestamp())
VAULT, SAFE, MULTI = ("0x" + digit * 40 for digit in "abc")
ACCOUNT, EXCHANGE, STRANGER = ("0x" + digit * 40 for digit in "def")
WALLET, FOREIGN_WALLET = "0x" + "8" * 40, "0x" + "9" * 40
OWNED = "0x" + "6b" * 20
REPORTER = "0x" + "7" * 40
TOKEN, OTHER = 77, 78
MARKET = "0x" + "05" * 32
POLICY = Policy.model_validate(
    {
        "vault": VAULT,
        "safe": SAFE,
        "reporter": REPORTER,
        "multi_send": MULTI,
        "chain_id": 137,
        "classes": (0, 2),
        "wallets": (WALLET,),
        "orders": {
            "exchanges": (EXCHANGE,),
            "packs": ("tail",),
            "min_price": "0.05",
            "max_price": "0.98",
            "max_order": "200",
            "max_per_day": "1000",
            "max_per_minute": 3,
            "max_lifetime_s": 300,
        },
        "transactions": {
            "max_allocation": "200",
            "max_allocation_per_day": "500",
            "max_per_minute": 3,
        },
        "quiet_hours": ("22:00-06:30",),
    }
)
FACTS = MarketFacts(VAULT, True, 2, (TOKEN, OTHER))
KEY = "0x" + "4b" * 20
SAFE_FACTS = replace(FACTS, wallet=OWNED, owns_wallet=True, signer=KEY)
RECORD = replace(A_RECORD, pack="tail", vault=VAULT, on_failure=OnFailure.UNWIND)


def request(record=RECORD, expiry=NOW + 200, domain=None, **order):
    """An honest order request: 50 for 100 tokens."""
    fields = {"signatureType": 3, "metadata": record.id} | order
    maker = fields.pop("maker", ACCOUNT)
    built = make_order(
        maker,
        fields.pop("token", TOKEN),
        fields.pop("making", 50 * UNIT),
        fields.pop("taking", 100 * UNIT),
        fields.pop("side", BUY),
        **fields,
    )
    at = domain or ExchangeDomain(EXCHANGE, "2", 137)
    account = "" if maker == ACCOUNT else ACCOUNT
    return OrderRequest(built, at, expiry, 0, encode(record), account)


def judge(asked, facts=FACTS, before=None, now=NOW, policy=POLICY):
    return judge_order(policy, asked, facts, before or Before(), now)


def test_an_honest_order_passes_and_counts_what_it_buys():
    assert judge(request()) == 50 * UNIT
    assert judge(request(making=40 * UNIT)) == 40 * UNIT  # cheaper than decided
    assert judge(request(making=25 * UNIT, taking=50 * UNIT)) == 25 * UNIT  # a part of it
    unwinding = request(side=SELL, making=100 * UNIT, taking=45 * UNIT)
    assert judge(unwinding) == 0  # what the leg bought is sold again
    assert judge(request(), before=Before(2, 950 * UNIT)) == 50 * UNIT  # the last that fits
    wallet = request(maker=WALLET, signer=WALLET)
    assert judge(wallet, facts=replace(FACTS, wallet=WALLET)) == 50 * UNIT
    assert wallet.message_hash(SafeAddress(SAFE, 137)) != request().message_hash(
        SafeAddress(SAFE, 137)
    )
    by_key = request(maker=OWNED, signer=KEY, signatureType=2)
    assert judge(by_key, facts=SAFE_FACTS) == 50 * UNIT
    theirs = request(maker=OWNED, signer=OWNED)  # the account owns it, so no list names it
    assert judge(theirs, facts=replace(FACTS, wallet=OWNED, owns_wallet=True)) == 50 * UNIT


def other(**changes):
    return replace(RECORD, **changes)


HOSTILE = {
    "exchange": lambda: judge(request(domain=ExchangeDomain(STRANGER, "2", 137))),
    "exchange ": lambda: judge(request(domain=ExchangeDomain(EXCHANGE, "2", 1))),
    "maker": lambda: judge(request(signer=STRANGER)),
    "maker ": lambda: judge(request(signatureType=0)),
    "maker  ": lambda: judge(request(maker=WALLET, signer=WALLET)),  # serves no or another account
    "maker   ": lambda: judge(
        request(maker=FOREIGN_WALLET, signer=FOREIGN_WALLET),
        facts=replace(FACTS, wallet=FOREIGN_WALLET),
    ),
    "maker     ": lambda: judge(  # another key
        request(maker=OWNED, signer=STRANGER, signatureType=2), facts=SAFE_FACTS
    ),
    "maker      ": lambda: judge(request(maker=OWNED, signer=OWNED), facts=SAFE_FACTS),
    "maker       ": lambda: judge(  # another Safe
        request(maker=FOREIGN_WALLET, signer=KEY, signatureType=2), facts=SAFE_FACTS
    ),
    "maker        ": lambda: judge(  # the account's own, but no Safe is its maker
        request(signer=KEY, signatureType=2), facts=SAFE_FACTS
    ),
    "maker    ": lambda: judge(
        request(maker=WALLET, signer=WALLET), facts=replace(FACTS, wallet=OWNED, owns_wallet=True)
    ),
    "token": lambda: judge(request(token=79)),
    "amounts": lambda: judge(request(making=0)),
    "amounts ": lambda: judge(request(taking=0)),
    "amounts  ": lambda: judge(request(side=2)),
    "price": lambda: judge(request(making=99 * UNIT)),
    "price ": lambda: judge(request(making=4 * UNIT)),
    "size": lambda: judge(request(making=201 * UNIT, taking=402 * UNIT)),
    "lifetime": lambda: judge(request(expiry=NOW + 301)),
    "lifetime ": lambda: judge(request(expiry=NOW)),
    "decision": lambda: judge(request(metadata="0x" + "11" * 32)),
    "decision ": lambda: judge(request(other(vault=STRANGER))),
    "pack": lambda: judge(request(other(pack="noise"))),
    "pack ": lambda: judge(request(other(pack=""))),
    "leg": lambda: judge(request(making=51 * UNIT)),  # dearer than decided
    "leg ": lambda: judge(request(making=60 * UNIT, taking=120 * UNIT)),  # more than decided
    "leg  ": lambda: judge(request(token=OTHER)),  # another outcome
    "leg   ": lambda: judge(request(other(legs=()))),
    "leg    ": lambda: judge(
        request(other(on_failure=OnFailure.HOLD), side=SELL, making=100 * UNIT, taking=45 * UNIT)
    ),
    "rate": lambda: judge(request(), before=Before(3, 0)),
    "day": lambda: judge(request(), before=Before(0, 950 * UNIT + 1)),
    "account": lambda: judge(request(), facts=replace(FACTS, vault=STRANGER)),
    "account ": lambda: judge(request(), facts=replace(FACTS, is_the_vaults=False)),
    "class": lambda: judge(request(), facts=replace(FACTS, class_id=1)),
    "quiet hours": lambda: judge(request(expiry=NOW + 36_100), now=NOW + 36_000),
    "quiet hours ": lambda: judge(request(expiry=NOW - 21_500), now=NOW - 21_600),
}


@pytest.mark.parametrize("rule", HOSTILE)
def test_each_hostile_order_falls_to_its_rule(rule):
    with pytest.raises(PolicyRefuses) as refusal:
        HOSTILE[rule]()
    assert refusal.value.code == rule.strip()


def vault_call(function, *arguments):
    return Call(VAULT, to_hex(call_data("Vault", function, arguments)))


def owner_call(function, *arguments):
    return Call(ACCOUNT, to_hex(call_data("WalletAccount", function, arguments)))


def account_call(function, *arguments):
    return Call(ACCOUNT, to_hex(call_data("PolymarketAccount", function, arguments)))


def delegated_call(function, *arguments):
    return Call(ACCOUNT, to_hex(call_data("DelegatedAccount", function, arguments)))


ALLOCATE = vault_call("allocate", MARKET, 100 * UNIT)
REPORT = vault_call("report", [(MARKET, 1, 2, 3)], b"\7" * 32)
ONE_SAFE = POLICY.model_copy(update={"reporter": SAFE})  # keeper and reporter are one
NO_REPORTS = POLICY.model_copy(update={"reporter": ""})
RECORDS = records_call("0x" + "07" * 32, [b'{"time":7}'])
LARGE = Call(RECORDS.to, RECORDS.data + "00" * MOST)
OPEN = vault_call("openMarket", 2, b"\6" * 32, 1, NOW + 10)
OPENED = "0x" + "17" * 32  # by it: of a binary one the id is of the condition, not the question


def send(
    *calls, before=None, now=NOW, facts=FACTS, sent=None, safe="", policy=POLICY, markets=None
):
    carried = sent or batch(calls, MULTI)
    asked = TransactionRequest(carried.to, carried.data, carried.operation, 5, safe)
    markets = {MARKET: facts} if markets is None else markets
    return judge_transaction(policy, asked, markets, {ACCOUNT: facts}, before or Before(), now)


def test_honest_transactions_pass_and_count_what_they_allocate():
    assert send(OPEN, ALLOCATE) == 100 * UNIT
    assert send(ALLOCATE, ALLOCATE) == 200 * UNIT
    new = vault_call("allocate", OPENED, 150 * UNIT)
    assert send(OPEN, new, markets={}) == 150 * UNIT  # the node cannot know it yet
    assert send(OPEN, new, ALLOCATE) == 250 * UNIT
    listed = replace(FACTS, wallet=WALLET)
    assert send(delegated_call("forward", 5), facts=listed) == 0
    settle = [
        account_call("redeemResolved"),
        vault_call("harvest", MARKET),
        vault_call("recall", MARKET, 2**256 - 1),
        vault_call("closeMarket", MARKET),
        vault_call("sweep", ACCOUNT),
    ]
    assert send(*settle) == 0
    assert send(REPORT, safe=REPORTER) == 0 == send(Call(REPORTER, "0x"), safe=REPORTER)
    assert send(REPORT, RECORDS, safe=REPORTER) == 0 == send(ALLOCATE, RECORDS) - 100 * UNIT
    assert send(REPORT, safe=SAFE, policy=ONE_SAFE) == 0 < send(ALLOCATE, policy=ONE_SAFE)
    assert send(account_call("merge", 0, 5), account_call("split", 0, 5)) == 0
    assert send(Call(SAFE, "0x")) == 0  # uses a nonce up
    hand = [delegated_call("setWallet", WALLET), delegated_call("forward", 5)]
    assert send(*hand) == 0
    back = [delegated_call("takeBackTokens", 1, 5), delegated_call("takeBack", 2**256 - 1)]
    assert send(*back, delegated_call("releaseWallet")) == 0
    owning = [owner_call("adopt"), owner_call("admitApprovals", NOW), owner_call("fund", 5)]
    home = owner_call("admitReturn", 5, [0, 1], [2, 3], NOW)
    tokens = owner_call("fundTokens", 0, 5)
    assert send(*owning, tokens, home, owner_call("pauseWallet"), owner_call("withdraw")) == 0
    night = NOW + 36_000
    assert send(*settle, now=night) == 0 == send(REPORT, safe=REPORTER, now=night)


FOREIGN = {
    "call": lambda: send(Call(STRANGER, ALLOCATE.data)),
    "call ": lambda: send(vault_call("setKeeper", 0, STRANGER)),
    "call  ": lambda: send(vault_call("transferOwnership", STRANGER)),
    "call   ": lambda: send(account_call("recall", 5)),
    "call    ": lambda: send(Call(SAFE, "0xf08a0323" + "00" * 32)),  # changeThreshold
    "call     ": lambda: send(Call(VAULT, ALLOCATE.data[:-10])),
    "call      ": lambda: send(sent=Batch(STRANGER, b"", 1)),
    "call       ": lambda: send(sent=Batch(MULTI, batch([OPEN, ALLOCATE], MULTI).data[:-32], 1)),
    "call          ": lambda: send(owner_call("unpauseWallet")),  # ends what rescues need
    "call           ": lambda: send(Call(STRANGER, RECORDS.data)),
    "call            ": lambda: send(Call(RECORDS.to, "0x" + "11" * 40)),
    "call             ": lambda: send(LARGE),
    "reporter": lambda: send(REPORT),
    "reporter ": lambda: send(ALLOCATE, safe=REPORTER),
    "reporter  ": lambda: send(REPORT, ALLOCATE, safe=REPORTER),
    "reporter   ": lambda: send(Call(SAFE, "0x"), safe=REPORTER),
    "reporter    ": lambda: send(account_call("halt"), safe=REPORTER),
    "reporter     ": lambda: send(REPORT, policy=NO_REPORTS),
    "safe": lambda: send(REPORT, safe=STRANGER),
    "safe ": lambda: send(REPORT, safe=REPORTER, policy=NO_REPORTS),
    "wallet": lambda: send(delegated_call("setWallet", FOREIGN_WALLET)),
    "wallet ": lambda: send(  # it was listed when it was named
        delegated_call("forward", 5), facts=replace(FACTS, wallet=FOREIGN_WALLET)
    ),
    "wallet  ": lambda: send(delegated_call("forward", 5)),
    "market": lambda: send(ALLOCATE, markets={}),  # unknown is not admitted
    "market ": lambda: send(  # one is opened, two get budget
        OPEN, ALLOCATE, vault_call("allocate", OPENED, 1), markets={}
    ),
    "class": lambda: send(vault_call("openMarket", 1, b"\6" * 32, 1, NOW)),
    "class ": lambda: send(ALLOCATE, facts=replace(FACTS, class_id=1)),
    "size": lambda: send(vault_call("allocate", MARKET, 200 * UNIT + 1)),
    "size ": lambda: send(ALLOCATE, ALLOCATE, vault_call("allocate", MARKET, 1)),  # in pieces
    "day": lambda: send(ALLOCATE, before=Before(0, 400 * UNIT + 1)),
    "rate": lambda: send(ALLOCATE, before=Before(3, 0)),
    "account": lambda: send(account_call("merge", 0, 5), facts=replace(FACTS, vault=STRANGER)),
    "quiet hours": lambda: send(ALLOCATE, now=NOW + 36_000),
}


@pytest.mark.parametrize("rule", FOREIGN)
def test_each_foreign_transaction_falls_to_its_rule(rule):
    with pytest.raises(PolicyRefuses) as refusal:
        FOREIGN[rule]()
    assert refusal.value.code == rule.strip()


def test_a_record_that_is_none_is_refused_by_its_rule():
    for text in (b"{", b"[]", b'{"legs": [{"token": "x"}]}'):
        asked = request(metadata=decision_of(text))
        with pytest.raises(PolicyRefuses) as refusal:
            judge(replace(asked, record=text))
        assert refusal.value.code == "decision"


def test_a_batch_and_back():
    calls = [OPEN, ALLOCATE, account_call("redeem", 0)]
    carried = batch(calls, MULTI)
    assert carried.operation == 1
    back = unbatch(carried, MULTI)
    assert [(c.to.lower(), c.data) for c in back] == [(c.to, c.data) for c in calls]
    assert unbatch(batch([OPEN], MULTI), MULTI)[0].data == OPEN.data
    # a value, a nested delegate call, trailing bytes: none of them is a plain batch
    place = carried.data.index(bytes.fromhex(VAULT[2:]))
    for position, byte in ((place - 1, 1), (place + 20 + 31, 1)):
        data = bytearray(carried.data)
        data[position] = byte
        with pytest.raises(NotABatch):
            unbatch(replace(carried, data=bytes(data)), MULTI)
    with pytest.raises(NotABatch):
        unbatch(replace(carried, data=carried.data + bytes(32)), MULTI)


def test_nonsense_in_the_policy_is_refused():
    for change in ({"quiet_hours": ("25:00-26:00",)}, {"unknown": 1}):
        with pytest.raises((ValidationError, ValueError)):
            Policy.model_validate(POLICY.model_dump() | change)


class Chain:
    """The facts above."""

    def now(self):
        return NOW

    def of_account(self, account):
        return FACTS

    def with_wallet(self, account):
        return replace(FACTS, wallet=WALLET)

    def of_market(self, market):
        return FACTS

    def nonce(self, safe):
        return 5


@pytest.fixture
def service(tmp_path):
    owner = Account.from_key(b"\3" * 32)
    judge_ = Judge(POLICY, owner, Chain(), Store(f"sqlite:///{tmp_path / 'signed.db'}"))
    client = TestClient(create_app(judge_, b"s" * 32, lambda: 1_000.0))
    return client, owner


def ask(client, path, body, secret=b"s" * 32, time=1_000):
    headers = {wire.TIME: str(time), wire.CODE: wire.code(secret, time, path, body)}
    return client.post(path, content=body, headers=headers)


def test_the_service_signs_what_the_safe_checks(service):
    client, owner = service
    asked = request()
    answer = ask(client, "/order", wire.order_to_json(asked))
    assert answer.status_code == 200
    digest = asked.message_hash(SafeAddress(SAFE, 137))
    assert digest == safe_message_hash(SAFE, 137, _digest(asked))
    signature = to_bytes(answer.json()["signature"])
    assert Account._recover_hash(digest, signature=signature) == owner.address


@pytest.mark.parametrize(("call", "safe"), [("REPORT", REPORTER), ("ALLOCATE", SAFE)])
def test_the_service_signs_for_the_safe_that_is_meant(service, call, safe):
    client, owner = service
    carried = batch([globals()[call]], MULTI)
    asked = TransactionRequest(carried.to, carried.data, carried.operation, 5, safe)
    answer = ask(client, "/transaction", wire.transaction_to_json(asked))
    signature = to_bytes(answer.json()["signature"])
    digest = asked.transaction_hash(SafeAddress(safe, 137))
    assert Account._recover_hash(digest, signature=signature) == owner.address
    other = SAFE if safe == REPORTER else REPORTER
    again = wire.transaction_to_json(replace(asked, safe=other))
    assert "reporter" in ask(client, "/transaction", again).json()["refused"]


def _digest(asked):
    from strongroom.signing.hashing import keeper_order_digest
    from strongroom.signing.order import order_hash

    return keeper_order_digest(
        ACCOUNT, 137, order_hash(asked.order, asked.domain), asked.expiry, asked.epoch
    )


def test_the_same_order_again_counts_once_and_others_until_the_limit(service):
    client, _ = service
    for _ in range(5):
        assert ask(client, "/order", wire.order_to_json(request())).status_code == 200
    for salt in ("8", "9"):
        assert ask(client, "/order", wire.order_to_json(request(salt=salt))).status_code == 200
    fourth = ask(client, "/order", wire.order_to_json(request(salt="10")))
    assert fourth.status_code == 403 and "rate" in fourth.json()["refused"]


@pytest.mark.parametrize(
    ("how", "code"),
    [({"secret": b"x" * 32}, 401), ({"time": 960}, 401), ({"time": 1_031}, 401), ({}, 200)],
)
def test_only_the_keeper_is_heard_and_only_now(service, how, code):
    client, _ = service
    assert ask(client, "/order", wire.order_to_json(request()), **how).status_code == code


def test_nonsense_is_refused_and_kills_nothing(service):
    client, _ = service
    for body in (b"{}", b'{"order": 1}', b'{"order": {"salt": "x"}}'):
        assert ask(client, "/order", body).status_code == 403
    assert client.post("/order", content=b"{}").status_code == 401
    assert ask(client, "/transaction", b'{"to": "x", "data": "zz"}').status_code == 403
    assert ask(client, "/owner", b"{}").status_code == 200


def test_it_is_ready_only_while_it_could_sign(tmp_path):
    """The keeper's own client over a real socket: it hears what is wrong."""
    judge_ = Judge(POLICY, Account.from_key(b"\3" * 32), Chain(), Store(f"sqlite:///{tmp_path}/s"))
    path = tmp_path / "door"
    with door(f"unix:{path}") as listening:
        app = create_app(judge_, b"s" * 32)
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
        running = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        running.start()
        client = CosignerClient(f"unix:{path}", b"s" * 32)
        client.check()
        judge_.facts.now = failing(ChainAway("gone"))
        with pytest.raises(CosignerAway, match="503: the co-signer's own node does not answer"):
            client.check()
        judge_.facts.now = lambda: NOW
        judge_.store.before = failing(OperationalError("", {}, Exception("disk")))
        with pytest.raises(CosignerAway, match="503: the co-signer's store cannot be used"):
            client.check()
        server.should_exit = True
        running.join(30)


def failing(error):
    def fail(*_):
        raise error

    return fail
