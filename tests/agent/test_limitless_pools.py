"""Limitless' AMM markets speak as the pools that FpmmAccount trades with.

FACTS are names and types of the ABI by which that venue's own front end calls its pools
(limitless-labs-group/Limitless-Exchange, b7b1068): an oracle that is neither ours nor Gnosis'. Not
known from it: whether all its pools are clones of one master, which FpmmAccount asks for.
"""

import re
from pathlib import Path

import pytest
from strongroom.chain.artifacts import MAKERS, gnosis

from tests.property.evm import canonical

# function: what it returns
FACTS = {
    "conditionalTokens()": ("address",),
    "collateralToken()": ("address",),
    "conditionIds(uint256)": ("bytes32",),
    "fee()": ("uint256",),
    "calcBuyAmount(uint256,uint256)": ("uint256",),
    "calcSellAmount(uint256,uint256)": ("uint256",),
    "buy(uint256,uint256,uint256)": (),
    "sell(uint256,uint256,uint256)": (),
    "addFunding(uint256,uint256[])": (),
    "removeFunding(uint256)": (),
    "collectedFees()": ("uint256",),
    "feesWithdrawableBy(address)": ("uint256",),
    "withdrawFees(address)": (),
}
# event: which of its arguments are indexed
EVENTS = {
    "FPMMBuy(address,uint256,uint256,uint256,uint256)": (0, 3),
    "FPMMSell(address,uint256,uint256,uint256,uint256)": (0, 3),
    "FPMMFundingAdded(address,uint256[],uint256)": (0,),
    "FPMMFundingRemoved(address,uint256[],uint256,uint256)": (0,),
}
ABI = gnosis(MAKERS, "FixedProductMarketMaker").abi
INTERFACE = Path(__file__).parents[2] / "contracts/interfaces/IFixedProductMarketMaker.vyi"


def named(kind):
    return {
        f"{each['name']}({','.join(canonical(one) for one in each['inputs'])})": each
        for each in ABI
        if each["type"] == kind
    }


@pytest.mark.parametrize("function", FACTS)
def test_the_pools_that_we_test_with_answer_as_limitless(function):
    outputs = named("function")[function]["outputs"]
    assert tuple(map(canonical, outputs)) == FACTS[function]


@pytest.mark.parametrize("event", EVENTS)
def test_their_events_are_those_of_limitless(event):
    inputs = named("event")[event]["inputs"]
    assert tuple(at for at, each in enumerate(inputs) if each["indexed"]) == EVENTS[event]


def test_the_account_asks_nothing_that_limitless_pools_do_not_have():
    found = re.findall(r"def (\w+)\((.*?)\)(?: -> (\w+))?:", INTERFACE.read_text())
    assert len(found) == 5
    for name, arguments, returned in found:
        kinds = ",".join(each.split(": ")[1] for each in arguments.split(", ") if each)
        assert FACTS[f"{name}({kinds})"] == ((returned,) if returned else ())
