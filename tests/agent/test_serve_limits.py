"""Who costs a seller's server work, and how often: by its application, without a chain."""

import json
from types import SimpleNamespace

import httpx
import pytest
from fastapi.testclient import TestClient
from strongroom.chain.failures import TransactionRefused
from strongroom.errors import Differs
from strongroom.payments.token import Authorization, SettledBy, TokenDomain
from strongroom.serve import refunds
from strongroom.serve.application import create_app
from strongroom.serve.configuration import FreeSection, ServeConfig
from strongroom.serve.desk import TopicDesk
from strongroom.serve.refunds import RefundPending, pay_all
from strongroom.serve.sales import Sale, SaleBook, SaleState
from strongroom.serve.selling import SaleAnswer
from strongroom.serve.topics import Reading, TopicSource, TopicUnknown
from strongroom.settings import ConfigError

PAYMENT = {"PAYMENT-SIGNATURE": "x"}
TOKEN = SimpleNamespace(
    network="eip155:137", address="0x" + "aa" * 20, domain=TokenDomain("USD Coin", "2")
)


class Till:
    """A seller that answers as it is told to."""

    def __init__(self):
        self.asked, self.answer = 0, SaleAnswer(402, {"error": "no"})

    def ask(self, offer):
        return SaleAnswer(402, {"error": "payment required"})

    def sell(self, offer, header):
        self.asked += 1
        return self.answer


class Source:
    """A topic that fails as long as it is told to; counts."""

    def __init__(self):
        self.fails, self.runs = True, 0

    def read(self, now):
        self.runs += 1
        if self.fails:
            raise TopicUnknown("the venue does not answer")
        return Reading(now, [])


def made(**more):
    """Return a server's file."""
    return ServeConfig.model_validate(
        {
            "payee": "0x" + "11" * 20,
            "chain": {"rpc_url": "http://127.0.0.1:9", "chain_id": 137},
            "token": {"address": TOKEN.address},
            "facilitator": {"url": "http://127.0.0.1:9"},
            "prices": {"nav": "0.001"},
            "data": {},
            "free": {"requests_a_minute": 3},
        }
        | more
    )


@pytest.fixture
def shop():
    now, stopwatch = [1_000], [0.0]
    config = made()
    source, till = Source(), Till()
    sources = {"nav": TopicSource(source.read, lambda data, until: data)}
    desk = TopicDesk(sources, 10, FreeSection(), lambda: now[0])
    app = create_app(config, desk, till, TOKEN, lambda: stopwatch[0])
    return SimpleNamespace(
        http=TestClient(app), till=till, source=source, now=now, stopwatch=stopwatch
    )


def carded(path):
    desk = TopicDesk({}, 10, FreeSection(), lambda: 0)
    return create_app(made(card=path), desk, Till(), TOKEN, lambda: 0.0)


def test_a_card_is_served_where_it_proves_the_domain(tmp_path):
    """At the path of the standard's text, whole, and as often as anything free."""
    card = tmp_path / "card.json"
    entry = {"agentId": 7, "agentRegistry": f"eip155:137:0x{'ab' * 20}"}
    card.write_text(json.dumps({"name": "Tail", "registrations": [entry], "odd": "kept"}))
    http = TestClient(carded(card))
    answers = [http.get("/.well-known/agent-registration.json") for _ in range(4)]
    assert [each.status_code for each in answers] == [200] * 3 + [429]
    assert answers[0].json() == json.loads(card.read_text())
    for text in ("", "[]", "{}", '{"name": "Tail"}', '{"name": "Tail", "registrations": [{}]}'):
        card.write_text(text)
        with pytest.raises(ConfigError, match="card"):
            carded(card)
    with pytest.raises(ConfigError, match="card"):
        carded(tmp_path / "none.json")


def test_without_a_card_there_is_none(shop):
    assert shop.http.get("/.well-known/agent-registration.json").status_code == 404


def statuses(shop, count, **how):
    return [shop.http.get("/paid/nav", **how).status_code for _ in range(count)]


def test_payments_that_are_none_are_limited_by_address(shop):
    """They were not, and each cost a question to the facilitator."""
    assert statuses(shop, 5, headers=PAYMENT) == [402] * 3 + [429] * 2
    assert shop.till.asked == 3
    shop.stopwatch[0] = 20.0
    assert statuses(shop, 2, headers=PAYMENT) == [402, 429]


def test_a_query_is_part_of_what_is_sold_and_a_wrong_one_is_told_before_money(shop):
    shop.source.fails, offers = False, []
    shop.till.sell = lambda offer, header: offers.append(offer) or shop.till.answer
    assert shop.http.get("/paid/nav?since=1", headers=PAYMENT).status_code == 400
    assert shop.http.get("/free/nav?from=1&from=2").status_code == 400
    assert offers == []
    shop.http.get("/paid/nav?from=1&to=2", headers=PAYMENT)
    assert [each.resource for each in offers] == ["/paid/nav?from=1&to=2"]
    index = shop.http.get("/").json()
    assert [each["query"] for each in index["topics"]] == [["from", "to"]]


def test_what_is_sold_is_no_burden_and_the_same_answer_again_is(shop):
    shop.till.answer = SaleAnswer(200, b"[]", is_sold=True)
    assert statuses(shop, 9, headers=PAYMENT) == [200] * 9
    shop.till.answer = SaleAnswer(200, b"[]")
    assert statuses(shop, 5, headers=PAYMENT) == [200] * 3 + [429] * 2


def test_a_source_that_has_just_failed_is_not_waited_for_again(shop):
    """Each caller waited for the venue's time-out, one after the other, and held a thread."""
    assert statuses(shop, 3) == [503] * 3
    assert shop.source.runs == 1
    shop.source.fails, shop.stopwatch[0] = False, 600.0
    assert statuses(shop, 1) == [503]
    shop.now[0] += 10
    assert statuses(shop, 1) == [402]
    shop.source.fails = True
    assert statuses(shop, 1) == [402]  # fresh still
    assert shop.source.runs == 2


class Chain:
    """Which wallet has paid which refund; it dies before it says so when it is told to."""

    network, address, held = TOKEN.network, TOKEN.address, 10_000

    def __init__(self):
        self.time, self.paid, self.dies, self.canceled = 1_000, {}, False, set()
        self.chain = SimpleNamespace(now=lambda: self.time)

    def balance(self, who):
        return self.held

    def is_used(self, payer, nonce):
        return (payer, nonce) in self.paid or (payer, nonce) in self.canceled

    def settlement(self, paid, since):
        return self.paid.get((paid.payer, paid.nonce))

    def send(self, paid, signer):
        self.paid[paid.payer, paid.nonce] = SettledBy(f"by {paid.payer}", 5)
        if self.dies:
            raise KeyboardInterrupt
        return self.paid[paid.payer, paid.nonce]


@pytest.fixture
def owed(tmp_path):
    sales = SaleBook(tmp_path / "serve.db")
    paid = Authorization("0x" + "22" * 20, "0x" + "11" * 20, 1_000, 0, 900, "0x" + "33" * 32)
    sale = Sale(paid, "/paid/nav", 1, 800)
    assert sales.claim(sale) and sales.settle(sale, SettledBy("0xs", 2))
    assert sales.owe(sale, "no answer")
    return sales


def wallet(number):
    return SimpleNamespace(address=f"0x{number:040x}")


def pay(sales, chain, key):
    return pay_all(sales, chain, key, lambda sale, by: None)


def test_another_wallet_does_not_pay_a_refund_twice(owed):
    """The nonce is used once by each wallet: one that was killed after it had sent, and was then
    replaced in the file, had its refund paid a second time."""
    chain = Chain()
    chain.dies = True
    with pytest.raises(KeyboardInterrupt):
        pay(owed, chain, wallet(1))
    assert [each.state for each in owed.in_state(*SaleState)] == [SaleState.OWED]
    chain.dies = False
    pay(owed, chain, wallet(2))
    (refund,) = refunds.refunds_of(owed)
    assert refund.transaction == f"by {wallet(1).address}"
    assert len(chain.paid) == 1


def test_a_refund_that_another_wallet_may_still_pay_is_waited_for(owed, monkeypatch):
    chain = Chain()

    def away(paid, signer):
        raise KeyboardInterrupt  # it may be on its way, and nobody knows

    monkeypatch.setattr(chain, "send", away)
    with pytest.raises(KeyboardInterrupt):
        pay(owed, chain, wallet(1))
    monkeypatch.undo()
    with pytest.raises(RefundPending, match=wallet(1).address):
        pay(owed, chain, wallet(2))
    chain.time += refunds.VALID_S
    pay(owed, chain, wallet(2))
    assert list(chain.paid) == [(wallet(2).address, next(iter(chain.paid))[1])]


def test_a_wallet_that_has_too_little_is_not_waited_for(owed):
    chain = Chain()
    chain.held = 999
    with pytest.raises(TransactionRefused, match="exceeds balance"):
        pay(owed, chain, wallet(1))
    chain.held = 1_000
    pay(owed, chain, wallet(2))
    assert len(chain.paid) == 1


def test_a_refund_that_was_canceled_is_looked_at_by_a_person(owed, monkeypatch):
    chain = Chain()
    monkeypatch.setattr(chain, "is_used", lambda payer, nonce: True)
    with pytest.raises(Differs, match="canceled"):
        pay(owed, chain, wallet(1))
    assert refunds.refunds_of(owed)[0].transaction == ""


def test_a_facilitator_that_does_not_end_is_no_answer(tmp_path, monkeypatch):
    """By the client that the command makes."""
    from strongroom.serve import command

    made = []
    monkeypatch.setattr(command, "HTTPFacilitatorClientSync", lambda told: made.append(told))
    monkeypatch.setattr(command, "open_token", lambda *_: TOKEN)
    monkeypatch.setattr(command, "Seller", lambda *_: Till())
    monkeypatch.setattr(command, "sources_of", lambda data: {"nav": None})
    config = ServeConfig.model_validate(
        {
            "store": str(tmp_path / "serve.db"), "payee": "0x" + "11" * 20, "prices": {},
            "chain": {"rpc_url": "http://127.0.0.1:9", "chain_id": 137},
            "token": {"address": TOKEN.address}, "data": {},
            "facilitator": {"url": "http://127.0.0.1:9", "timeout_s": 7.0},
        }
    )  # fmt: skip
    command.open_shop(config)
    (told,) = made
    assert not told.http_client.follow_redirects
    line = told.http_client._transport

    class Drip(httpx.SyncByteStream):
        def __iter__(self):
            while True:
                yield b" "

    times = iter(range(1_000))
    line._stopwatch = lambda: float(next(times))
    line._inner = httpx.MockTransport(lambda request: httpx.Response(200, stream=Drip()))
    with pytest.raises(httpx.ReadError, match="more than 7 s"):
        told.http_client.post("http://facilitator.example/settle")
