"""Paid data without a chain: budgets and journals by hand-made numbers, files, topics, rates."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from eth_utils import keccak
from strongroom.chain.contracts import Contracts
from strongroom.chain.units import DAY
from strongroom.information.forecast import Answers, BadForecast, ForecasterAway
from strongroom.journal import Journal
from strongroom.keeper.configuration import ForecasterSection
from strongroom.keeper.forecasters import make_forecaster
from strongroom.payments import configuration as buying
from strongroom.payments.binding import bound_nonce, refund_nonce
from strongroom.payments.budget import Budget, OverBudget, Spent, check
from strongroom.payments.forecaster import PaidForecaster
from strongroom.payments.headers import BadHeader, decoded
from strongroom.payments.purchases import DataPurchase, Purchases, PurchaseState
from strongroom.payments.token import Authorization, PaidToken, SettledBy, TokenDomain
from strongroom.serve.configuration import FreeSection, ServeConfig, SoldSection, load
from strongroom.serve.desk import TopicDesk
from strongroom.serve.queries import MOST, BadQuery, read_query
from strongroom.serve.sales import Sale, SaleBook, SaleState
from strongroom.serve.topics import Reading, TopicSource, TopicUnknown, sources_of
from strongroom.settings import ConfigError
from x402.schemas import PaymentRequired

from tests.agent.market_record import MARKET
from tests.records import RECORD
from tests.spoken_node import spoken_node

EXAMPLES = Path("docs/examples")
FORECAST = {"market": MARKET.condition_id, "chance": 0.25, "evidence_at": 90}
NONCE = "0x" + "ab" * 32
BUDGET = Budget(payment=50, day=100, payee=80, route=60)


def test_a_nonce_is_the_hash_of_its_lines():
    lines = "strongroom-payment-1\nGET\n/paid/nav?a=1\n5a17"
    assert bound_nonce("get", "/paid/nav?a=1", "5a17") == "0x" + keccak(text=lines).hex()
    lines = f"strongroom-refund-1\neip155:1\n0xaa\n0xbb\n{NONCE}"
    assert refund_nonce("eip155:1", "0xAA", "0xBB", NONCE) == "0x" + keccak(text=lines).hex()


def spent(amount, payee="a", route="r", time=0):
    return Spent(payee, route, amount, time)


@pytest.mark.parametrize(
    ("before", "asked", "limit"),
    [
        ([], spent(51), "payment"),
        ([spent(40, "b", "s"), spent(40, "c", "t")], spent(21), "day"),
        ([spent(40, route="s")], spent(41), "payee"),
        ([spent(30, "b")], spent(31), "route"),
    ],
)
def test_each_limit_holds_to_the_unit(before, asked, limit):
    with pytest.raises(OverBudget, match=f"`{limit}`"):
        check(BUDGET, before, asked)
    check(BUDGET, before, replace(asked, amount=asked.amount - 1))


def test_a_day_later_there_is_room_again():
    before = [spent(50, time=1_000), spent(10, time=2_000)]
    with pytest.raises(OverBudget, match=f"there is room in {DAY - 2_000} s"):
        check(BUDGET, before, spent(20, time=3_000))
    with pytest.raises(OverBudget):
        check(BUDGET, before, spent(20, time=999 + DAY))
    check(BUDGET, before, spent(20, time=1_000 + DAY))


def wanted(nonce="1", amount=50, until=500, time=10):
    return DataPurchase(nonce, "0xme", "a", "r", "url", amount, until, time)


def test_a_signed_payment_counts_until_its_time_is_over_on_chain_and_it_was_not_used(tmp_path):
    book = Purchases(tmp_path / "p.db")
    for nonce in ("1", "2"):
        book.reserve(wanted(nonce, 30), BUDGET)
        book.signed(nonce, "header")
    used = {"1": True, "2": False}
    book.void_expired(499, lambda payer, nonce: pytest.fail("it may still be settled"))
    with pytest.raises(OverBudget):
        book.reserve(wanted("3", 1), BUDGET)
    book.void_expired(500, lambda payer, nonce: used[nonce])
    assert {each.nonce: each.state for each in book.all()} == {
        "1": PurchaseState.PAID,
        "2": PurchaseState.VOID,
    }
    book.reserve(wanted("3", 30), BUDGET)
    with pytest.raises(OverBudget):
        book.reserve(wanted("4", 1), BUDGET)
    again = Purchases(tmp_path / "p.db")  # another process sees the same
    with pytest.raises(OverBudget):
        again.reserve(wanted("4", 1), BUDGET)
    assert (tmp_path / "p.db").stat().st_mode & 0o077 == 0


def test_a_sale_moves_only_from_the_state_before(tmp_path):
    sales = SaleBook(tmp_path / "s.db")
    sale = Sale(Authorization("0xAa", "0xbb", 5, 0, 9, NONCE), "/paid/nav", 1, 2)
    assert sales.claim(sale) and not sales.claim(sale)
    other = replace(sale, paid=replace(sale.paid, payer="0xcc"))
    assert sales.claim(other)  # another payer's nonce is another
    assert not sales.deliver(sale, b"x") and not sales.owe(sale, "") and not sales.refund(
        sale, SettledBy("0x1", 1)
    )  # fmt: skip
    assert sales.settle(sale, SettledBy("0x1", 1)) and not sales.settle(sale, SettledBy("0x2", 1))
    assert sales.owe(sale, "why") and not sales.deliver(sale, b"x")
    assert sales.refund(sale, SettledBy("0x3", 3)) and not sales.refund(sale, SettledBy("0x4", 4))
    found = sales.find(sale.paid)
    assert (found.state, found.transaction, found.refund) == (SaleState.REFUNDED, "0x1", "0x3")
    assert sales.void(other, "late") and sales.find(other.paid).why == "late"


def test_the_annotated_examples_load():
    config = load(EXAMPLES / "serve.toml")
    assert set(ServeConfig.model_fields) - {"valid_s", "card"} <= config.model_fields_set
    assert set(config.prices) == {"nav", "curves", "radar", "audit", "signals"}
    assert config.amount("signals") == 50_000
    assert set(sources_of(config.data)) == set(config.prices)
    buyer = buying.load(EXAMPLES / "buyer.toml")
    assert buyer.budget.amounts == Budget(50_000, 1_000_000, 500_000, 250_000)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ('audit = "0.001"', "cost the same"),
        ('audit = "0"', "above 0"),
        ('audit = "0.0000005"', "6 decimals"),
        ('weather = "1"', "prices"),
    ],
)
def test_a_file_with_wrong_prices_is_refused(tmp_path, change, why):
    text = (EXAMPLES / "serve.toml").read_text().replace('audit = "0.003"', change)
    path = tmp_path / "serve.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=why):
        load(path)


def test_topics_of_an_audit_are_read_as_it_writes_them(tmp_path):
    odd = "a line's end \u2028 in a stranger's words"
    lines = [
        {"block": n, "time": n * DAY // 2, "nav_bid": n, "room": 7, "odd": odd} for n in range(5)
    ]
    text = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in lines)
    (tmp_path / "reports.jsonl").write_text(text + '{"block": 9')  # one is being written
    verdict = {"vault": "0x1", "verdict": "no difference", "to_block": 4, "checked": {"a": 1}}
    (tmp_path / "verdict.json").write_text(json.dumps(verdict))
    config = load(EXAMPLES / "serve.toml").data.model_copy(
        update={"audit": tmp_path, "journal": "", "radar": None, "curves": None}
    )
    free = FreeSection(delay_s=DAY)
    desk = TopicDesk(sources_of(config), 10, free, lambda: 2.5 * DAY)
    paid = json.loads(desk.now("nav"))["data"]
    assert [each["nav_bid"] for each in paid] == [0, 1, 2, 3, 4]
    assert "room" not in paid[0] and paid[0]["idle"] is None  # unknown is not 0
    assert [each["nav_bid"] for each in json.loads(desk.free("nav"))["data"]] == [1, 3]
    assert json.loads(desk.now("audit"))["data"] == verdict
    head = json.loads(desk.free("audit"))["data"]
    assert (head["verdict"], head["to_block"], head["chain_id"]) == ("no difference", 4, None)
    assert "checked" not in head
    (tmp_path / "verdict.json").write_text("[" * 100_000)
    with pytest.raises(TopicUnknown, match="run the audit again"):
        TopicDesk(sources_of(config), 10, free, lambda: 0).now("audit")


def test_nobody_learns_that_a_decision_is_carried_out(tmp_path, monkeypatch):
    """Neither what it is, nor that there is one; what is free is older still. One more is opened
    between two looks into the journal, whichever comes first."""
    url, now = f"sqlite:///{tmp_path / 'keeper.db'}", RECORD.time + 100
    journal = Journal(url)

    def opened(number):
        record = replace(RECORD, question=f"Is it {number}?", time=RECORD.time + number)
        journal.decide(record.id, record, task_at=record.time)
        return record.id

    names = [opened(number) for number in (0, 90)]
    for name in names:
        journal.close_task(name, "done")
    config = SoldSection(journal=url)

    def told():
        desk = TopicDesk(sources_of(config), 10, FreeSection(delay_s=50), lambda: now)
        found = [json.loads(each("signals")) for each in (desk.now, desk.free)]
        questions = [[each["question"] for each in some["data"]] for some in found]
        return questions, [some["unknown"] for some in found]

    before = told()
    assert before[0] == [["Is it 0?", "Is it 90?"], ["Is it 0?"]]
    opened(10)
    assert told() == before
    looks = []

    def opens_one_after(name):
        look = getattr(Journal, name)

        def looked(*arguments):
            found = look(*arguments)
            looks.append(name)
            if len(looks) == 1:
                opened(20)
            return found

        monkeypatch.setattr(Journal, name, looked)

    for name in ("decided_after", "open_tasks"):
        opens_one_after(name)
    assert told() == before and len(looks) >= 2


NAV_LINES = [{"time": 10 * n, "nav_bid": n} for n in range(6)]
ONE, TWO = "0x" + "01" * 32, "0x" + "02" * 32


def desk_of(topic, data, unknown=()):
    source = TopicSource(lambda at: Reading(at, data, tuple(unknown)), lambda data, until: data)
    return TopicDesk({topic: source}, 10, FreeSection(), lambda: 100.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", [0, 1, 2, 3, 4, 5]),
        ("from=20", [2, 3, 4, 5]),
        ("to=20", [0, 1, 2]),
        ("from=11&to=40", [2, 3, 4]),
        ("to=30&from=30", [3]),
        ("from=0", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_a_history_is_told_between_two_times_both_included(text, told):
    desk = desk_of("nav", NAV_LINES)
    for answer in (desk.now, desk.free):
        found = json.loads(answer("nav", read_query("nav", text)))
        assert [each["nav_bid"] for each in found["data"]] == told


def test_nothing_between_two_times_is_not_sold():
    with pytest.raises(TopicUnknown, match="nothing of nav"):
        desk_of("nav", NAV_LINES).now("nav", read_query("nav", "from=21&to=29"))


@pytest.mark.parametrize("text", ["", "from=0"])
def test_a_long_answer_has_the_newest_lines_and_says_how_to_get_the_others(text):
    lines = [{"time": n, "nav_bid": n} for n in range(MOST + 3)]
    desk = desk_of("nav", lines)
    found = json.loads(desk.now("nav", read_query("nav", text)))
    assert [each["nav_bid"] for each in found["data"]] == list(range(3, MOST + 3))
    assert found["unknown"] == ["3 older lines are left out: ask for those to 3"]
    rest = json.loads(desk.now("nav", read_query("nav", "to=3")))
    names = {each["nav_bid"] for each in (*found["data"], *rest["data"])}
    assert names == set(range(MOST + 3)) and rest["unknown"] == []


def test_a_curve_is_told_by_one_market():
    point = {"bid": 1, "ask": 3, "middle": 2}
    curves = [
        {"name": "a", "points": [{"market": ONE, **point}, {"market": TWO, **point}]},
        {"name": "b", "points": [{"market": TWO, **point}]},
        {"name": "c", "points": [{"market": ONE, "bid": None}, {"market": ONE, "bid": 7}]},
    ]
    desk = desk_of("curves", curves, [f"{ONE}: no book", f"{TWO}: gone"])
    found = json.loads(desk.now("curves", read_query("curves", f"market={ONE}")))
    assert [(each["name"], len(each["points"])) for each in found["data"]] == [("a", 1), ("c", 2)]
    assert found["unknown"] == [f"{ONE}: no book"]
    with pytest.raises(TopicUnknown, match="no curve"):
        desk.now("curves", read_query("curves", "market=0x" + "03" * 32))


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        *(("audit", each) for each in ("from=1", "x", "=")),
        *(("radar", each) for each in ("market=1",)),
        *(("nav", each) for each in (
            "since=1", "from=", "from", "from=-1", "from=1.5", "from=01", "from=+1",
            "from=1&from=1", "from=1&", "&from=1", "from=%31", "FROM=1", "from=2&to=1",
            "from=\u0661", "from=1;to=2", "from=1" + "0" * 11, "market=" + ONE, "from=1&to=2&to=3",
            "from=" + "1" * 600,
        )),
        *(("curves", each) for each in (
            "market=", "market=1", "market=" + ONE.upper(), f"market={ONE}&market={TWO}", "from=1",
            f"market={ONE}0",
        )),
    ],
)  # fmt: skip
def test_a_query_is_read_strictly(topic, text):
    with pytest.raises(BadQuery) as error:
        read_query(topic, text)
    assert "600" not in str(error.value) and len(str(error.value)) < 200


REFUSES_S = 5_000  # blocks that the node searches at once
USED_TOPIC = "0x98de503528ee59b575ef0c0a2576a82497bfc029a5685b209e9ec333479b10a5"


def test_a_settlement_is_searched_in_parts_where_a_node_wants_that():
    """It was one search from the payment to the newest block, which such a node refuses for ever:
    the sale never ended."""
    payer, payee, asked = "0x" + "aa" * 20, "0x" + "bb" * 20, []
    token, hashed, block = "0x" + "cc" * 20, "0x" + "dd" * 32, 29_999
    transfer = "0x" + keccak(text="Transfer(address,address,uint256)").hex()
    assert "0x" + keccak(text="AuthorizationUsed(address,bytes32)").hex() == USED_TOPIC

    def word(address):
        return "0x" + "00" * 12 + address[2:]

    def log(topics, data="0x"):
        return {
            "address": token, "topics": topics, "data": data, "blockNumber": hex(block),
            "transactionHash": hashed, "logIndex": "0x0", "transactionIndex": "0x0",
            "blockHash": "0x" + "ee" * 32, "removed": False,
        }  # fmt: skip

    used = log([USED_TOPIC, word(payer), NONCE])
    moved = log([transfer, word(payer), word(payee)], f"0x{5:064x}")

    def say(method, parameters):
        if method == "eth_getLogs":
            (what,) = parameters
            first = int(what["fromBlock"], 16)
            last = 30_000 if what["toBlock"] == "latest" else int(what["toBlock"], 16)
            if last - first >= REFUSES_S:
                return {"error": {"code": -32005, "message": "block range is too wide"}}
            asked.append((first, last))
            assert what["topics"] == [USED_TOPIC, word(payer), NONCE]
            return {"result": [used] if first <= block <= last else []}
        receipt = {
            "blockNumber": hex(block), "gasUsed": "0x1", "contractAddress": None, "status": "0x1",
            "logs": [used, moved],
        }  # fmt: skip
        known = {"eth_chainId": "0x89", "eth_blockNumber": hex(30_000)}
        return {"result": known.get(method, receipt)}

    with spoken_node(say) as node:
        paid = PaidToken(Contracts(node.url), token, TokenDomain("USD Coin", "2"))
        settled = Authorization(payer, payee, 5, 0, 9, NONCE)
        assert paid.settlement(settled, 100) == SettledBy(hashed, block)
        assert paid.settlement(replace(settled, amount=6), 100) is None
    assert asked[0][0] == 100 and asked[-1][1] == 30_000
    assert max(last - first for first, last in asked) < REFUSES_S


def test_what_tells_of_now_alone_is_free_once_it_is_old():
    now = [100.0]
    source = TopicSource(lambda at: Reading(at, at), lambda data, until: data, lives=True)
    desk = TopicDesk({"radar": source}, 10, FreeSection(delay_s=50), lambda: now[0])
    with pytest.raises(TopicUnknown, match="50 s old"):
        desk.free("radar")
    now[0] = 109.0
    assert json.loads(desk.now("radar"))["data"] == 100  # not asked again yet
    now[0] = 149.0
    assert json.loads(desk.now("radar"))["data"] == 149
    now[0] = 150.0
    assert json.loads(desk.free("radar"))["data"] == 100


@pytest.mark.parametrize("text", ["", "%", "W10=", "e30=", "eyJ4NDAyVmVyc2lvbiI6MX0="])
def test_a_header_that_is_none_is_refused(text):
    with pytest.raises(BadHeader):
        decoded(PaymentRequired, text)


def test_a_price_is_told_in_base_units_exactly():
    config = load(EXAMPLES / "serve.toml")
    assert [config.amount(each) for each in ("nav", "curves")] == [1_000, 2_000]
    assert config.prices["nav"] == Decimal("0.001")


def test_a_keepers_paid_source_buys_only_where_it_is_switched_on():
    bought = []

    def buys(url):
        bought.append(url)
        return json.dumps({"data": [FORECAST, {"market": "0xother"}, 7]}).encode(), 1_500

    assert PaidForecaster(None, "u", "bought").forecast([MARKET], 100) == Answers()
    found = PaidForecaster(buys, "u", "bought").forecast([MARKET], 100)
    assert bought == ["u"]
    assert [(each.market, each.chance) for each in found.given] == [(MARKET.condition_id, 0.25)]
    assert found.dollars == Decimal("0.0015")
    assert found.problems == ("bought: answer 2: '7' names no market",)


def test_what_the_budget_refuses_is_a_source_that_does_not_answer():
    def buys(url):
        raise OverBudget("too dear")

    with pytest.raises(ForecasterAway, match="bought: too dear"):
        PaidForecaster(buys, "u", "bought").forecast([MARKET], 100)
    with pytest.raises(BadForecast):
        PaidForecaster(lambda _: (b"[" * 9_000, 1), "u", "bought").forecast([MARKET], 100)


def test_a_paid_source_is_off_until_the_file_says_so(tmp_path):
    section = ForecasterSection(kind="paid", name="bought", url="http://a", path=tmp_path / "none")
    off = make_forecaster(section, None, None)
    assert off.forecast([MARKET], 100) == Answers()
    with pytest.raises(ConfigError, match="cannot be read"):
        make_forecaster(ForecasterSection(**section.model_dump() | {"enabled": True}), None, None)
    with pytest.raises(ConfigError, match="file of the wallet"):
        make_forecaster(ForecasterSection(kind="paid", name="bought", url="http://a"), None, None)
