"""The demo's life on anvil, its numbers checked against formulas written out again here."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from eth_utils import keccak
from strongroom.devnet import polymarket
from strongroom.devnet.demo import RECORDED_AT, run_life
from strongroom.devnet.deployer import devnet_chain

from tests.defaults import YEAR

VIRTUAL = 10**12  # virtual shares
SHARE = 10**18
PRICE = 10**36
BPS = 10_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("life")


@pytest.fixture(scope="module")
def evidence(folder):
    return folder / "evidence"


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def chain():
    with devnet_chain(polymarket.CHAIN_ID, timestamp=int(RECORDED_AT.timestamp()) - 600) as own:
        yield own


@pytest.fixture(scope="module")
def life(folder, told, chain):
    return run_life(lambda event, fields: told.append((event, dict(fields))), folder, chain)


def test_accounts_add_up_to_the_unit(life):
    assert life.put_in == 32_000_000_000
    assert life.adds_up
    assert life.vault_balance == life.nav + life.pending + life.claimable
    holders = sum(d.value for d in life.depositors) + life.manager.value
    assert 0 <= life.nav - holders <= 3  # floor of each holder, and the virtual shares


def test_markets_pay_what_their_tokens_promise(life):
    """A won token pays 1; a lost one nothing; the cost is price times tokens."""
    assert [m.result for m in life.markets] == ["won", "won", "lost"]
    for market in life.markets:
        assert market.allocated == Fraction(market.price) * market.tokens
        assert market.came_home == (market.tokens if market.result == "won" else 0)
    # 1 % of 30,000 buys 306.74 at .978 and 306.43 at .979; whole cents are paid for 305 and 300
    assert life.gains == 2 * 305_000_000 * 22 // 1_000
    assert life.losses == 300_000_000 * 979 // 1_000


def test_real_markets_with_their_real_questions(life):
    questions = [market.question for market in life.markets]
    assert questions == [
        "Will Ethereum dip to $1,600 February 2-8?",
        "Will Taylor Swift perform during the Super Bowl LX halftime show?",
        "Spread: Crystal Palace FC (-2.5)",
    ]


ENTRIES = {1: 30_000_000_000, 5: 2_000_000_000}  # report -> deposits that it settled


def entered(life, number):
    """Return the shares that a report gave for deposits: at the higher of two asks."""
    price = max(life.reports[number].ask, life.reports[number - 1].ask)
    return ENTRIES.get(number, 0) * PRICE // price


def test_fees_of_every_report_follow_the_formula(life, chain):
    """Management and performance fee of each report, from block times and NAV alone."""
    times = chain.times([line.block for line in life.reports])
    assert times == [line.time for line in life.reports]
    mark = (0 + 1) * SHARE // VIRTUAL  # of an empty vault
    base = supply = 0
    for number, line in enumerate(life.reports):
        assets, elapsed = line.nav_bid, times[number] - times[number - 1] if number else 0
        if supply:
            management = min(base, assets) * 200 * elapsed // (BPS * YEAR)
            price = (assets + 1 - management) * SHARE // (supply + VIRTUAL)
            gain = (price - mark) * supply // SHARE if price > mark else 0
            performance = gain * 2_000 // BPS
            taken = management + performance
            minted = taken * (supply + VIRTUAL) // (assets + 1 - taken)
            assert (line.management, line.performance) == (management, performance)
            assert line.fee_shares == minted
            supply += minted
            mark = max(mark, (assets + 1) * SHARE // (supply + VIRTUAL))
        assert (line.supply, line.high_water_mark) == (supply, mark)
        assert line.bid == (assets + 1) * PRICE // (supply + VIRTUAL)
        ask = -(-(line.nav_ask + 1) * PRICE // (supply + VIRTUAL))
        due = max(0, ask - mark * SHARE) * 2_000 // BPS  # of profit that is not home yet
        assert line.ask == ask - due
        shares = entered(life, number)
        base = assets + ENTRIES.get(number, 0)
        if shares:
            mark = max(mark, (supply * mark + ENTRIES[number] * SHARE) // (supply + shares))
        supply += shares
    assert sum(line.performance for line in life.reports) > 0
    assert life.reports[-1].performance == 0  # after the loss


def test_deposits_enter_at_the_higher_of_two_asks(life):
    """Alice's second deposit: the report that closed its epoch, and the next one."""
    closing, settling = life.reports[4:6]
    assert closing.ask > settling.ask > settling.bid, "the fee between them lowers the price"
    alice = life.depositors[0]
    exact = 20_000 * SHARE + 2_000_000_000 * PRICE // closing.ask
    assert exact - 1 <= alice.shares <= exact  # of an epoch her part is rounded down


def test_redemption_leaves_at_the_lower_of_two_bids(life):
    closing, settling = life.reports[-2:]
    bob = life.depositors[1]
    exact = 10_000 * SHARE * min(closing.bid, settling.bid) // PRICE
    assert exact - 1 <= bob.got_out <= exact
    assert bob.shares == 0


def test_evidence_documents_have_the_hash_on_chain(life, evidence):
    documents = {path.stem: path.read_bytes() for path in Path(evidence).iterdir()}
    assert {line.evidence for line in life.reports} == set(documents)
    for name, document in documents.items():
        assert "0x" + keccak(document).hex() == name
    decisions = [d for doc in documents.values() for d in json.loads(doc)["decisions"]]
    assert [d["question"] for d in decisions] == [m.question for m in life.markets]


def test_every_fill_carries_its_decision(life, evidence, chain):
    """The signed metadata of each fill is the hash of a decision record in the evidence."""
    documents = [json.loads(path.read_bytes()) for path in Path(evidence).iterdir()]
    committed = {
        keccak(text=json.dumps(decision, sort_keys=True, separators=(",", ":")))
        for document in documents
        for decision in document["decisions"]
    }
    topic = keccak(
        text="OrderFilled(bytes32,address,address,uint8,uint256,uint256,uint256,uint256,bytes32,bytes32)"
    )
    logs = chain.request("eth_getLogs", {"fromBlock": "0x0", "topics": ["0x" + topic.hex()]})
    metadata = [bytes.fromhex(log["data"][2:])[-32:] for log in logs]
    assert len(logs) == 2 * len(life.markets)
    assert {entry for entry in metadata if any(entry)} == committed


def test_the_life_is_told_step_by_step(told, life):
    events = [event for event, _ in told]
    assert events.count("decided") == events.count("task_closed") == 3
    assert events.count("reported") == len(life.reports) == 9
    assert events.index("reported") < events.index("decided") < events.index("settled")
    for event, fields in told:
        if event == "reported":  # the keeper's own NAV is the chain's
            assert (fields["difference_bid"], fields["difference_ask"]) == (0, 0)
