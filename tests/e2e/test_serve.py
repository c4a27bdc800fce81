"""Paid calls on anvil: the package's own client and facilitator, our server and our buyer.

Balances on chain are the oracle: whatever the parts say, money has moved once or not at all.
"""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from eth_account import Account
from strongroom.chain.failures import TransactionRefused
from strongroom.devnet.deployer import devnet_chain, devnet_keys
from strongroom.payments.binding import EXTENSION
from strongroom.payments.budget import OverBudget
from strongroom.payments.buyer import PaymentDoubtful, PaymentRefused
from strongroom.payments.purchases import PurchaseState
from strongroom.serve import refunds
from strongroom.serve.sales import SaleBook, SaleState
from strongroom.serve.topics import TopicUnknown

from tests.e2e.paid_stage import PRICES, Stage, data, place_on

PRICE = PRICES["nav"]
FORTUNE = 1_000_000
CHAIN_ID = 31_337


@pytest.fixture(autouse=True)
def all_is_well():
    """The CLOB service of the other tests here is not needed."""


@pytest.fixture(scope="module")
def place():
    with devnet_chain(CHAIN_ID) as chain:
        made = place_on(chain, devnet_keys())
        yield made
        made.facilitator.stop()


@pytest.fixture
def stage(place, tmp_path, monkeypatch):
    made = Stage(place, tmp_path, monkeypatch)
    yield made
    made.stop()
    faults = place.facilitator.faults
    faults.settle_delay_s, faults.lose_settled, faults.lie = 0.0, False, False


@pytest.fixture
def payer(place):
    return place.wallet(FORTUNE)


def test_a_strangers_client_buys_a_call(stage, payer, place):
    answer = stage.pay_with_stock(payer)
    assert answer.status_code == 200
    assert data(answer.content) == [{"time": 1, "run": 2}]  # the first was of the offer
    receipt = json.loads(base64.b64decode(answer.headers["PAYMENT-RESPONSE"]))
    assert (receipt["success"], receipt["amount"]) == (True, str(PRICE))
    mined = place.chain.receipt(receipt["transaction"])
    assert mined is not None and mined.succeeded
    assert (stage.earned, place.has(payer)) == (PRICE, FORTUNE - PRICE)


def test_what_is_free_costs_nothing_and_the_index_says_what_costs(stage):
    index = httpx.get(stage.server.url).json()
    prices = {each["topic"]: each["price"] for each in index["topics"]}
    assert prices == {"nav": "0.001000", "audit": "0.002000", "signals": "0.003000"}
    assert httpx.get(stage.url(tier="free")).json()["tier"] == "free"
    assert httpx.get(stage.url("weather")).status_code == 404
    assert httpx.get(stage.url() + "?since=1").status_code == 400
    assert stage.earned == 0


def test_our_buyer_pays_and_its_journal_has_it(stage, payer, place):
    buyer = stage.buyer(payer)
    bought = [buyer.buy(stage.url()), buyer.buy(stage.url("audit"))]
    assert [each.amount for each in bought] == [PRICES["nav"], PRICES["audit"]]
    kept = buyer._purchases.all()
    assert [each.state for each in kept] == [PurchaseState.PAID] * 2
    assert [each.transaction for each in kept] == [each.transaction for each in bought]
    assert stage.earned == PRICES["nav"] + PRICES["audit"]
    assert FORTUNE - place.has(payer) == stage.earned


def test_a_payment_for_one_range_buys_that_range_alone(stage, payer, place):
    """A route's ranges cost the same: what binds them is the nonce, and the route of the sale."""
    buyer, headers = stage.buyer(payer), []
    send = buyer._send
    buyer._send = lambda purchase: headers.append(purchase.header) or send(purchase)
    answer = buyer.buy(stage.url() + "?from=1&to=1")
    assert [each["time"] for each in data(answer.body)] == [1]
    assert stage.earned == PRICE
    again = httpx.get(stage.url() + "?from=1", headers={"PAYMENT-SIGNATURE": headers[0]})
    assert again.status_code == 402 and "another route" in again.json()["error"]
    with pytest.raises(PaymentRefused, match="nothing was signed"):
        buyer.buy(stage.url() + "?from=5&to=6")
    assert stage.earned == PRICE


def test_a_payment_sent_again_gets_its_answer_again_and_nothing_else(stage, payer):
    header, _ = stage.stock_header(payer)
    first, again = stage.send(header), stage.send(header)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.content == again.content
    assert stage.handlers["nav"].runs == 2  # of the offer, of the payment
    stage.shop.sales.forget_answers(2**40)
    assert stage.send(header).status_code == 410
    assert stage.earned == PRICE


def test_a_payment_sent_eight_times_at_once_is_worked_on_once(stage, payer):
    header, _ = stage.stock_header(payer)

    def send(number):
        time.sleep(0.2 * (number // 2))  # while it is verified, settled, answered
        return stage.send(header)

    stage.handlers["nav"].pause_s = stage.place.facilitator.faults.settle_delay_s = 0.5
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(send, range(8)))
    statuses = [each.status_code for each in answers]
    assert set(statuses) <= {200, 409} and 200 in statuses
    assert len({each.content for each in answers if each.status_code == 200}) == 1
    assert stage.handlers["nav"].runs == 2
    assert stage.earned == PRICE


def test_a_payment_for_one_route_buys_no_other(stage, payer):
    header, _ = stage.stock_header(payer)
    refused = stage.send(header, "audit")
    assert refused.status_code == 402
    assert "other terms" in refused.json()["error"]
    assert stage.handlers["audit"].runs == 0
    assert stage.send(header).status_code == 200
    assert stage.send(header, "audit").status_code == 402
    assert stage.earned == PRICE


def test_a_bound_payment_is_seen_to_be_for_another_route(stage, payer, monkeypatch):
    """Where two routes cost the same: `resource` is unsigned and can be changed, a nonce cannot."""
    headers = []
    buyer = stage.buyer(payer)
    monkeypatch.setattr(buyer, "_send", lambda purchase: headers.append(purchase.header))
    buyer.buy(stage.url())
    said = json.loads(base64.b64decode(headers[0]))
    assert said["extensions"][EXTENSION]["salt"]
    said["accepted"]["amount"] = said["payload"]["authorization"]["value"]
    monkeypatch.setitem(PRICES, "audit", PRICE)
    prices = {"nav": "0.004", "audit": "0.001"}  # audit for what nav was when it was signed
    stage.config = stage.config.model_copy(update={"prices": _decimals(prices)})
    stage.start()
    said["resource"]["url"] = stage.url("audit")
    changed = base64.b64encode(json.dumps(said).encode()).decode()
    refused = stage.send(changed, "audit")
    assert refused.status_code == 402
    assert refused.json()["error"] == "the payment was signed for another route"
    del said["extensions"][EXTENSION]["salt"]
    said["resource"]["url"] = stage.url("nav")
    changed = base64.b64encode(json.dumps(said).encode()).decode()
    assert stage.send(changed, "audit").json()["error"] == "the payment is for another route"
    assert stage.earned == 0


def _decimals(prices):
    from decimal import Decimal

    return {topic: Decimal(price) for topic, price in prices.items()}


def test_what_is_not_known_is_not_sold(stage, payer):
    stage.handlers["nav"].fails = [TopicUnknown("no report was audited yet")]
    asked = httpx.get(stage.url())
    assert asked.status_code == 503
    assert asked.json()["error"] == "no report was audited yet: nothing is sold"
    with pytest.raises(PaymentRefused, match="nothing was signed"):
        stage.handlers["nav"].fails = [TopicUnknown("no report was audited yet")]
        stage.buyer(payer).buy(stage.url())


@pytest.mark.parametrize("error", [RuntimeError("a defect"), TopicUnknown("gone meanwhile")])
def test_a_handler_that_fails_is_paid_back_once(stage, payer, place, error):
    stage.handlers["nav"].fails = [None, error]
    buyer = stage.buyer(payer)
    with pytest.raises(PaymentRefused, match="a refund is owed"):
        buyer.buy(stage.url())
    assert [each.state for each in buyer._purchases.all()] == [PurchaseState.PAID]
    (owed,) = refunds.refunds_of(stage.shop.sales)
    assert (owed.amount, owed.payer, owed.transaction) == (PRICE, payer.address.lower(), "")
    assert place.has(payer) == FORTUNE - PRICE

    empty, wallet = place.wallet(0), place.wallet(10 * PRICE)
    with pytest.raises(TransactionRefused, match="exceeds balance"):
        _pay(stage, empty)
    _pay(stage, wallet)
    _pay(stage, wallet)
    (paid,) = refunds.refunds_of(stage.shop.sales)
    assert place.chain.receipt(paid.transaction).succeeded
    assert place.has(payer) == FORTUNE
    assert place.has(wallet) == 9 * PRICE


def _pay(stage, key):
    refunds.pay_all(stage.shop.sales, stage.place.paid, key, lambda sale, by: None)


def test_a_refund_is_paid_once_though_the_process_dies_before_its_note(stage, payer, place):
    stage.handlers["nav"].fails = [None, RuntimeError("a defect")]
    header, _ = stage.stock_header(payer)
    assert stage.send(header).status_code == 500
    wallet = place.wallet(10 * PRICE)

    class Died(BaseException):
        """The process is gone."""

    class Dying(SaleBook):
        def refund(self, sale, by):
            raise Died

    dying = Dying(stage.config.store)
    with pytest.raises(Died):
        refunds.pay_all(dying, place.paid, wallet, lambda sale, by: None)
    assert place.has(wallet) == 9 * PRICE
    (owed,) = refunds.refunds_of(stage.shop.sales)
    assert owed.transaction == ""
    _pay(stage, wallet)
    (noted,) = refunds.refunds_of(stage.shop.sales)
    assert noted.transaction and place.has(wallet) == 9 * PRICE
    assert place.has(payer) == FORTUNE
    assert stage.send(header).status_code == 410


def test_a_facilitator_that_is_away_costs_nothing(place, tmp_path, monkeypatch, payer):
    stage = Stage(place, tmp_path, monkeypatch, facilitator="http://127.0.0.1:9", timeout_s=5.0)
    buyer = stage.buyer(payer)
    with pytest.raises(PaymentDoubtful, match="ask for it again"):
        buyer.buy(stage.url())
    assert stage.shop.sales.in_state(*SaleState) == []
    (signed,) = buyer._purchases.all()
    assert (signed.state, stage.earned) == (PurchaseState.SIGNED, 0)
    stage.stop()


def test_a_settlement_whose_answer_is_lost_is_found_on_the_chain(stage, payer, place):
    place.facilitator.faults.lose_settled = True
    assert stage.buyer(payer).buy(stage.url()).amount == PRICE
    assert stage.earned == PRICE


def test_a_settlement_that_takes_too_long_is_unknown_and_paid_once(
    place, tmp_path, monkeypatch, payer
):
    stage = Stage(place, tmp_path, monkeypatch, timeout_s=5.0)  # a check before it takes less
    place.facilitator.faults.settle_delay_s = 12.0
    header, payload = stage.stock_header(payer)
    late = stage.send(header)
    assert late.status_code == 503
    (sale,) = stage.shop.sales.in_state(SaleState.CLAIMED)
    assert sale.paid.nonce == payload.payload["authorization"]["nonce"].lower()
    place.facilitator.faults.settle_delay_s = 0.0
    stage.config = stage.config.model_copy(
        update={"facilitator": stage.config.facilitator.model_copy(update={"timeout_s": 30.0})}
    )
    stage.start()  # and the server has started again meanwhile
    answers = [stage.send(header) for _ in range(3)]
    assert answers[-1].status_code == 200
    assert stage.earned == PRICE
    stage.stop()


def test_a_facilitator_that_lies_gets_no_answer_out(stage, payer):
    place = stage.place
    place.facilitator.faults.lie = True
    with pytest.raises(PaymentDoubtful):
        stage.buyer(payer).buy(stage.url())
    assert stage.earned == 0
    assert stage.handlers["nav"].runs == 1


def test_a_cancelled_authorization_is_void(stage, payer, place):
    from tests.e2e.test_paid_token import CANCEL, typed

    header, payload = stage.stock_header(payer)
    place.facilitator.faults.lie = True
    assert stage.send(header).status_code == 503
    nonce = bytes.fromhex(payload.payload["authorization"]["nonce"][2:])
    said = {"authorizer": payer.address, "nonce": nonce}
    signed = payer.account.sign_message(typed(place.token, "CancelAuthorization", CANCEL, said))
    r, s = (part.to_bytes(32, "big") for part in (signed.r, signed.s))
    place.token.cancelAuthorization(*said.values(), signed.v, r, s, sender=place.deployer)
    answer = stage.send(header)
    assert answer.status_code == 402 and "canceled" in answer.json()["error"]
    assert len(stage.shop.sales.in_state(SaleState.VOID)) == 1


def test_a_spent_budget_signs_nothing(stage, payer):
    buyer = stage.buyer(payer, route=2 * PRICE + 1)
    buyer.buy(stage.url())
    buyer.buy(stage.url())
    with pytest.raises(OverBudget, match=r"`route` = 0\.002001"):
        buyer.buy(stage.url())
    assert len(buyer._purchases.all()) == 2
    buyer.buy(stage.url("audit"))
    with pytest.raises(OverBudget, match=r"`payment` = 0\.000999"):
        stage.buyer(payer, payment=PRICE - 1).buy(stage.url())
    assert stage.earned == 2 * PRICE + PRICES["audit"]


def test_a_buyer_that_dies_after_signing_sends_the_same_payment(stage, payer):
    class Dead(httpx.BaseTransport):
        def handle_request(self, request):
            if "PAYMENT-SIGNATURE" in request.headers:
                raise httpx.ConnectError("dead")
            with httpx.Client() as line:
                return line.send(httpx.Request("GET", request.url))

    with pytest.raises(PaymentDoubtful):
        stage.buyer(payer, Dead()).buy(stage.url())
    stage.start()
    url = stage.url()
    buyer = stage.buyer(payer)
    (signed,) = buyer._purchases.all()
    moved = buyer._purchases._file.change("UPDATE purchases SET url = ?", url)  # another port
    assert moved == 1
    assert buyer.buy(url).amount == PRICE
    (paid,) = buyer._purchases.all()
    assert (paid.nonce, paid.state) == (signed.nonce, PurchaseState.PAID)
    assert stage.earned == PRICE


def test_a_server_that_dies_between_settling_and_answering_answers_later(stage, payer):
    class Died(BaseException):
        """The process is gone: nothing is noted any more."""

    header, _ = stage.stock_header(payer)
    stage.handlers["nav"].fails = [Died()]
    assert stage.send(header).status_code == 500
    assert stage.earned == PRICE
    assert len(stage.shop.sales.in_state(SaleState.SETTLED)) == 1
    stage.start()
    assert stage.send(header).status_code == 200
    assert stage.earned == PRICE
    assert refunds.refunds_of(stage.shop.sales) == []


def test_what_nobody_came_for_is_owed(stage, payer, place):
    header, _ = stage.stock_header(payer)
    assert stage.send(header).status_code == 200
    sales = stage.shop.sales
    sales._file.change("UPDATE sales SET state = 'settled', answer = NULL, time = 1")
    refunds.look(sales, place.paid, 1 + refunds.PATIENCE_S)
    assert refunds.refunds_of(sales) == []
    refunds.look(sales, place.paid, 2 + refunds.PATIENCE_S)
    (owed,) = refunds.refunds_of(sales)
    assert owed.why == "it was settled, and its answer was never made"
    assert stage.send(header).status_code == 410


@pytest.mark.parametrize(
    "header",
    ["", "%%%", base64.b64encode(b"[" * 40_000).decode(), base64.b64encode(b"{}").decode()],
)
def test_nonsense_is_answered_by_the_terms(stage, header):
    answer = stage.send(header)
    assert answer.status_code == 402
    assert "PAYMENT-REQUIRED" in answer.headers


def test_a_strangers_signature_claims_nothing(stage, payer, place):
    """Nobody can spoil another's nonce: a payment is claimed after its signature is checked."""
    header, payload = stage.stock_header(payer)
    thief = Account.create()
    forged = payload.model_copy(deep=True)
    signed = thief.sign_message(_message(place, payload))
    forged.payload["signature"] = "0x" + bytes(signed.signature).hex()
    text = base64.b64encode(forged.model_dump_json(by_alias=True).encode()).decode()
    assert stage.send(text).status_code == 402
    assert stage.shop.sales.in_state(*SaleState) == []
    assert stage.send(header).status_code == 200


def _message(place, payload):
    from tests.e2e.test_paid_token import authorization

    said = payload.payload["authorization"]
    nonce = bytes.fromhex(said["nonce"][2:])
    values = (said["from"], said["to"], int(said["value"]), 0, int(said["validBefore"]), nonce)
    return authorization(place.token, *values)[1]
