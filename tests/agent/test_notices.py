"""What the owner has announced, in plain words."""

import pytest
from eth_utils.address import to_checksum_address
from strongroom.chain import abi
from strongroom.chain.codec import FunctionCodec
from strongroom.chain.ids import keccak
from strongroom.chain.notices import LIMITS, Present, bound_by, call_words, notice_of
from strongroom.chain.terms import TIMELOCKED, Limits

from tests.defaults import DAY, UNIT

ANN, BEN, CODE = (to_checksum_address("0x" + each * 20) for each in ("aa", "bb", "cc"))
MARKET = "0x" + "12" * 32


def call(name, *arguments):
    (entry,) = [each for each in abi.load("Vault") if each.get("name") == name]
    codec = FunctionCodec(entry)
    return codec.selector + codec.encode(arguments)


def selector(signature):
    return keccak(signature.encode())[:4]


NOW = Present(
    limits={17: 300_000 * UNIT, 11: 300},
    rates=(200, 2_000, 0),
    caps={1: (UNIT, 100, 2 * UNIT, 200)},
    keepers={0: ANN, 1: "0x" + "00" * 20},
    roles={"reporter": ANN},
    delays={"0x" + selector("setFees(uint256,uint256,uint256)").hex(): 3 * DAY},
)
TRADES = "who trades its budget"
CALLS = [
    (call("setGuardian", BEN), f"make {BEN} the guardian, who pauses and vetoes"),
    (
        call("setReporter", BEN),
        f"make {BEN} the reporter, who marks what the vault holds, in place of {ANN}",
    ),
    (
        call("setKeeper", 0, BEN),
        f"make {BEN} the keeper of class 0, {TRADES}, in place of {ANN}",
    ),
    (
        call("setKeeper", 1, BEN),
        f"make {BEN} the keeper of class 1, {TRADES}, where there is nobody now",
    ),
    (
        call("setLimit", 17, 500_000 * UNIT),
        "set total cap (the cap of all exposure and losses) from 300,000.00 to 500,000.00",
    ),
    (
        call("setLimit", 11, 0),
        "set price band (how far from its marks an order's price may be) from 3 % to none",
    ),
    (
        call("setLimit", 5, 1_800),
        "set min report interval (the least time between two reports) to 30 minutes",
    ),
    (call("setLimit", 12, 0), "set marks required (that an order needs a fresh mark) to no"),
    (call("setLimit", 19, 0), "set limit 19, which does not exist: this call can never be made"),
    (
        call("setFees", 300, 2_500, 100),
        "set the fees from 2 % a year and 20 % of new profit to 3 % a year and 25 % of new "
        "profit above a hurdle of 1 % a year",
    ),
    (
        call("addClass", (CODE, ANN, BEN, 2, 5_000 * UNIT, 1_500, 2**96 - 1, 6_000, 30 * DAY)),
        f"add a class with the keeper {BEN}, capped at 5,000.00 and 15 % of NAV a market, "
        "unlimited and 60 % of NAV in all, for markets of at most 30 days, by the oracle "
        f"{ANN}; its accounts' code is {CODE}, custody is delegated: whoever holds a wallet's "
        "key can take its budget",
    ),
    (
        call("setClassCaps", 1, (2 * UNIT, 100, 2 * UNIT, 200)),
        "set the caps of class 1 from 1.00 and 1 % of NAV a market, 2.00 and 2 % of NAV in all "
        "to 2.00 and 1 % of NAV a market, 2.00 and 2 % of NAV in all",
    ),
    (
        call("forgiveLosses", 0, 10 * UNIT),
        "let 10.00 of the losses of class 0 and of the vault count no more: as much more can "
        "be allocated",
    ),
    (
        call("resetBreaker"),
        "let keepers allocate again after a drawdown, which counts from then on",
    ),
    (
        call("closeMarket", MARKET),
        f"close market {MARKET} whatever its account still holds: what does not come home is a "
        "loss until it is swept",
    ),
    (
        call("setAllowList", ANN, True),
        f"let only those whom {ANN} has deposit or be given shares by others; own claims, "
        "cancellations and exits in kind stay free",
    ),
    (call("setAllowList", ANN, False), f"let only those whom {ANN} has deposit"),
    (
        call("decreaseDelay", selector("setFees(uint256,uint256,uint256)"), DAY),
        "lower the notice of setFees from 3 days to 1 day",
    ),
]


@pytest.mark.parametrize(("data", "words"), CALLS, ids=[words[:30] for _, words in CALLS])
def test_a_call_in_words(data, words):
    assert call_words(data, NOW) == words


def test_every_timelocked_function_has_words():
    assert {selector(each) for each in TIMELOCKED} <= {data[:4] for data, _ in CALLS}
    assert len(LIMITS) == len(Limits.__dataclass_fields__)


def test_a_call_that_can_never_be_made_says_so():
    assert "can never be made" in call_words(call("setFees", 1, 2, 3) + b"\0")
    assert "can never be made" in call_words(call("setFees", 1, 2, 3)[:40])
    assert call_words(b"\1\2\3\4") == (
        "call the function 0x01020304, which this package does not know")  # fmt: skip
    assert call_words(call("pause")) == "call pause, which needs no announcement"


def test_a_notice_has_three_times():
    """A delay of three days: from day 3 to day 10."""
    found = notice_of(call("resetBreaker"), ANN, 1_000, (3 * DAY, 3 * DAY), Present())
    assert (found.ready, found.lapses) == (1_000 + 3 * DAY, 1_000 + 10 * DAY)
    assert [found.is_ready(1_000 + day * DAY) for day in (2, 3, 10, 11)] == [
        False,
        True,
        True,
        False,
    ]
    assert [found.has_lapsed(1_000 + day * DAY) for day in (2, 10, 11)] == [False, False, True]


def test_a_notice_follows_a_delay_that_has_changed():
    """A raise makes it wait longer and revives nothing; after a fall it has its week."""
    for then, now, ready, lapses in ((3, 5, 5, 10), (3, 30, 30, 10), (3, 1, 1, 8)):
        found = notice_of(call("resetBreaker"), ANN, 0, (then * DAY, now * DAY), Present())
        assert (found.ready, found.lapses) == (ready * DAY, lapses * DAY)
        assert not any(found.is_ready(day * DAY) for day in (ready - 1, lapses + 1, 30, 37))
        assert found.has_lapsed(9 * DAY) == (now != 5)


def test_a_lower_delay_waits_for_the_delay_itself():
    data = call("decreaseDelay", selector("resetBreaker()"), 1)
    assert bound_by(data) == selector("resetBreaker()")
    assert bound_by(call("resetBreaker")) == selector("resetBreaker()")
