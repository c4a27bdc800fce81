"""A gate's allocations against its rule: what a node may have told instead.

Numbers by hand: of a token of payout 1 whose forecast is .75, at .5 the edge is .25, and Kelly's
part of 1,000 is 1,000 * .25 / .5 = 500.
"""

from itertools import count

import pytest
from eth_abi import encode
from eth_utils import keccak
from msgspec.structs import replace
from strongroom.audit.events import Allocated
from strongroom.audit.gate_events import Admitted, Committed
from strongroom.audit.gates import GateBooks, GateCode
from strongroom.audit.ledger import Ledger, OpenMarket
from strongroom.audit.permissions import MarketClass
from strongroom.audit.telling import gate_lines

from tests.defaults import UNIT, WAD

GATE, SAFE, REPORTER = ("0x" + each * 20 for each in ("aa", "bb", "cc"))
MARKET, OTHER = "0x" + "01" * 32, "0x" + "02" * 32
FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617
CODE = GateCode(
    class_id=1, keeper=SAFE, verifier="0x" + "dd" * 20, verifier_hash="0x" + "11" * 32,
    model_hash="0x" + "22" * 32, inputs=2, scale_bits=2, edge_bps=200, stake=1_000 * UNIT,
    min_age=600, max_age=3_600,
)  # fmt: skip
ROW = (3, FIELD - 1)
HASH = "0x" + keccak(encode(["uint256[]"], [list(ROW)])).hex()
SINCE = 1_700_000_000


class Model:
    """Says .75 of the one row, whatever else it is asked."""

    model_hash = CODE.model_hash

    def another(self, inputs, output, bits):
        assert tuple(inputs) == ROW
        return "" if output * 4 == 3 << bits else "0.750000"


@pytest.fixture
def books():
    ledger = Ledger("0x" + "ee" * 20)
    ledger.permissions.roles["reporter"] = REPORTER
    for number, keeper in ((0, SAFE), (1, GATE)):
        ledger.permissions.classes[number] = MarketClass(keeper=keeper)
    for market, number in ((MARKET, 1), (OTHER, 0)):
        ledger.markets[market] = OpenMarket(
            "0x" + "03" * 20, number, "", 1, 0, False, exposure=100 * UNIT
        )
    return GateBooks(ledger, GATE, CODE, Model())


INDEX = count()


def event(kind, *values, transaction="0x1"):
    return kind(7, transaction, next(INDEX), GATE, *values)


def committed(**changes):
    return replace(event(Committed, MARKET, REPORTER, ROW, transaction="0x0"), **changes)


def admitted(**changes):
    """Of a forecast of .75 for YES at .5; 500 less the 100 that are at risk already."""
    values = (MARKET, HASH, 3, 0, WAD // 2, 400 * UNIT, SINCE + 3_600)
    return replace(event(Admitted, *values), **changes)


def allocated(**changes):
    return replace(event(Allocated, MARKET, 400 * UNIT, 500 * UNIT), **changes)


def told(books, commitment, admission, allocation, after=600):
    """Return what the books name, once these are booked in their order; None is left out."""
    if commitment is not None:
        books.book(commitment, SINCE)
    if admission is not None:
        books.book(admission, SINCE + after)
    if allocation is not None:
        books.meet(allocation)
    books.end()
    return [each.what for each in books.differences]


def test_an_allocation_by_its_rule_is_no_difference(books):
    assert told(books, committed(), admitted(), allocated()) == []
    said = books.statement()
    assert (said.proofs, said.assets, said.commitments, said.others) == (1, str(400 * UNIT), 1, 0)
    assert (said.is_keeper, said.recomputed) == (True, 1)
    lines = list(gate_lines([said], "pUSD"))
    assert "400.00 pUSD by 1 proofs for 1 rows of inputs; 0 without the gate" in lines[1]
    assert "no proof says that inputs are true" in lines[-1]


def test_the_last_second_counts_and_the_no_side_has_the_rest(books):
    """Of NO the forecast is .25, at .2 the edge is .05: 1,000 * .05 / .8 = 62.5; at risk is 100."""
    assert told(books, committed(), admitted(), allocated(), after=3_600) == []
    no = {"side": 1, "price": WAD // 5, "assets": 0}
    assert told(books, committed(), admitted(**no), allocated(assets=0)) == []


WRONG = {
    "a unit more than the proof admits": (
        {}, {"assets": 400 * UNIT + 1}, {"assets": 400 * UNIT + 1}, "Admitted.assets"),
    "another amount than was admitted": ({}, {}, {"assets": 1}, "Admitted: what was allocated"),
    "another market than was admitted": (
        {"market": OTHER}, {"market": OTHER, "assets": 0}, {"assets": 0},
        "Admitted: what was allocated"),
    "another transaction": ({}, {}, {"transaction": "0x9"}, "Admitted: what was allocated"),
    "a side without an edge": ({}, {"side": 1}, {}, "Admitted.assets"),
    "no side": ({}, {"side": 2}, {}, "Admitted.assets"),
    "a price above the edge": ({}, {"price": WAD * 3 // 4}, {}, "Admitted.assets"),
    "an edge below 200 bps": ({}, {"price": WAD * 74 // 100}, {}, "Admitted.assets"),
    "a price of one": ({}, {"price": WAD}, {}, "Admitted.assets"),
    "no edge, and nothing asked for": (
        {}, {"price": WAD * 3 // 4, "assets": 0}, {"assets": 0}, "Admitted.assets"),
    "an output above one": ({}, {"output": 5}, {}, "Admitted.assets"),
    "other inputs": ({}, {"inputs_hash": "0x" + "33" * 32}, {}, "Admitted.inputs_hash"),
    "a longer admission": ({}, {"until": SINCE + 3_601}, {}, "Admitted.until"),
    "an output that is not the model's": (
        {}, {"output": 4, "assets": UNIT}, {"assets": UNIT}, "Admitted.output: by the model"),
    "inputs of somebody else": ({"reporter": SAFE}, {}, {}, "Committed.reporter"),
    "too few inputs": ({"inputs": ROW[:1]}, None, None, "Committed.inputs: how many"),
    "an input beyond the field": (
        {"inputs": (3, FIELD)}, None, None, "Committed.inputs: beyond the field"),
    "nothing committed": (None, {}, {}, "Admitted: inputs of the market that wait"),
    "an allocation without a proof": ({}, None, {}, "Allocated: by a proof"),
    "a proof without an allocation": ({}, {}, None, "Admitted: what was allocated"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_by_the_rule_is_named(books, name):
    *changes, what = WRONG[name]
    made = [
        None if change is None else make(**change)
        for make, change in zip((committed, admitted, allocated), changes, strict=True)
    ]
    assert what in told(books, *made)


@pytest.mark.parametrize("after", [599, 3_601])
def test_inputs_too_new_or_too_old_are_named(books, after):
    assert told(books, committed(), admitted(), allocated(), after) == [
        "Admitted: time of its block"
    ]


def test_a_commitment_is_used_once_and_the_last_one_counts(books):
    books.book(committed(inputs=(1, 2)), SINCE - 9)
    assert told(books, committed(), admitted(), allocated()) == []
    assert "Admitted: inputs of the market that wait" in told(books, None, admitted(), allocated())


def test_a_keeper_beside_the_gate_is_counted_and_another_class_is_none_of_its(books):
    books.ledger.permissions.classes[1] = MarketClass(keeper=SAFE)
    assert told(books, None, None, allocated()) == []
    assert told(books, None, None, allocated(market=OTHER)) == []
    said = books.statement()
    assert (said.others, said.is_keeper, said.proofs) == (1, False, 0)


def test_without_the_model_no_forecast_is_made_again(books):
    books.model = None
    assert told(books, committed(), admitted(output=4), allocated()) == []
    assert books.statement().recomputed is None
