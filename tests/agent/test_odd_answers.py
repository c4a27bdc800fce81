"""Answers that have their form and mean nothing: a foreign account's code and views, text that
begins beyond all data, a time without a date. None ends an audit by a defect of ours."""

import pytest
from strongroom.audit.abi_data import NotAbi, abi_values
from strongroom.audit.answers import BadAnswer, in_one_form
from strongroom.audit.command import AuditOptions, run_audit
from strongroom.audit.contracts import OddAnswer, Views
from strongroom.audit.node import Node
from strongroom.audit.valuation import positions_within
from strongroom.audit.wording import selector_of

from tests.agent.test_audit_refusals import Telling
from tests.property.recorded import RecordingNode, SteadyLife
from tests.property.token_ledger import THIEF, VAULT, TokenLedger, audited, reported


def word(number):
    return number.to_bytes(32, "big")


def half(code):
    """A condition with its id and YES alone."""
    return code[:-32]


def twice(code):
    """YES is NO, too."""
    return code[:-32] + code[-64:-32]


def longer(code):
    return code + b"\x00"


@pytest.mark.parametrize("change", [half, twice, longer])
def test_code_with_other_tokens_than_pairs_has_none_that_are_known(change):
    """A theft from such an account is named all the same, and so is that nothing is known of it."""
    chain = TokenLedger()
    account = chain.open("PolymarketAccount", 1)
    chain._codes[account.address] = change(chain._codes[account.address])
    chain.held["", VAULT] = 1_000
    chain.move("", VAULT, account.address, 1_000)
    chain.next_block()
    chain.move("", account.address, THIEF, 10)
    first = chain.block
    chain.next_block()
    reported(chain)
    found = {each.what: each for each in audited(chain).differences}
    unknown = found.pop(f"account {account.address}: its outcome tokens")
    assert (unknown.expected, unknown.found) == ("2", "unknown")
    theft = found.pop(f"account {account.address}: asset that nothing explains")
    assert (theft.block, theft.found) == (first, "-10")


def test_an_account_with_other_conditions_after_a_block_than_before_says_nothing():
    one = (0, 0, 0, 0, 0)
    assert list(positions_within((5, [one]), (5, [one, one]), [0, 0, 0])) == []
    assert list(positions_within((5, [one, one]), (5, [one]), [0, 0, 0, 0, 0])) == []
    assert len(list(positions_within((5, [one]), (5, [one]), [0, 0, 0]))) == 2


@pytest.mark.parametrize("offset", [2**255, 2**64, 2**63, 32])
@pytest.mark.parametrize("length", [2**255, 2**63, 2**40])
def test_text_beyond_all_data_is_none(offset, length):
    data = word(offset) + word(length)
    for type_ in ("string", "bytes"):
        with pytest.raises(NotAbi, match="is no "):
            abi_values([type_], data)
    with pytest.raises(OddAnswer, match="name another node"):
        Views(Node("http://x")).decoded("name", "0x" + data.hex())


def test_a_time_without_a_date_is_refused():
    block = {"number": "0x7", "hash": "0x" + "11" * 32, "parentHash": "0x" + "22" * 32}
    asked = [("eth_getBlockByNumber", ["0x7", False])]
    last = 253_402_300_799  # 9999-12-31 23:59:59
    in_one_form(asked, [block | {"timestamp": hex(last)}])
    for time in (last + 1, 2**63 - 1):
        with pytest.raises(BadAnswer, match="after the year 9999"):
            in_one_form(asked, [block | {"timestamp": hex(time)}])


def test_an_asset_with_more_decimals_than_shares_is_the_nodes():
    life = SteadyLife(people=0)

    def told(method, parameters, answer):
        is_decimals = method == "eth_call" and parameters[0]["data"] == selector_of("decimals()")
        return {"result": f"0x{77:064x}"} if is_decimals else answer

    with pytest.raises(OddAnswer, match="has 77 decimals"):
        run_audit(AuditOptions(life.vault), Telling(RecordingNode(life), told))
