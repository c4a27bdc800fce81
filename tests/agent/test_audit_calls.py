"""Events beside the calls that logged them, and what an account says of its halt: canned nodes."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode
from msgspec import convert
from msgspec.structs import fields
from msgspec.structs import replace as but
from strongroom.audit.answers import AnsweredTransaction, BadAnswer, in_one_form
from strongroom.audit.call_checks import calls_from
from strongroom.audit.calls import (
    ACTS_FOR,
    LOGGED,
    SENDER,
    VaultCall,
    call_differences,
    vault_call,
)
from strongroom.audit.contracts import Views
from strongroom.audit.events import (
    ClassCapsSet,
    Deposit,
    DepositRequest,
    MarketClosed,
    OperatorSet,
    Reported,
    Withdraw,
)
from strongroom.audit.node import Node
from strongroom.audit.spot_checks import closed_wrongly
from strongroom.audit.wording import selector_of
from strongroom.chain import abi
from strongroom.chain.failures import CallReverted

VAULT, ANN, BEN, OTHER = ("0x" + each * 40 for each in "abcd")
AT = {"address": VAULT, "block": 7, "transaction": "0x" + "11" * 32, "index": 0}
OF_THEIR_OWN = {  # they log what the books say: settlement, what comes home, the timelock's events
    *("settle", "recall", "harvest", "submit", "revoke", "accept", "acceptOwnership"),
    *("resetBreaker", "setUp", "permit"),
}


def data(signature, *arguments):
    """Return the calldata of a call, hex."""
    types = signature[signature.index("(") + 1 : -1]
    kinds = [types] if types.startswith("(") else types.split(",") if types else []
    return selector_of(signature) + encode(kinds, arguments).hex()


def wrong(call, *events, operators=()):
    return [each.what for each in call_differences(call, events, dict.fromkeys(operators, True))]


def test_every_function_of_the_vault_has_its_event():
    functions = {
        each["name"]: {i["name"]: i for i in each["inputs"]}
        for each in abi.load("Vault")
        if each["type"] == "function" and each["stateMutability"] == "nonpayable"
    }
    assert functions.keys() == LOGGED.keys() | OF_THEIR_OWN
    for name, (kind, named) in LOGGED.items():
        given = set(functions[name]) | {
            member["name"]
            for each in functions[name].values()
            for member in each.get("components", [])
        }
        assert set(named) <= {each.name for each in fields(kind)}, name
        assert {each for each in named.values() if each != SENDER} <= given | {"controller"}, name
    assert ACTS_FOR.keys() <= LOGGED.keys()


def test_a_request_is_of_whom_its_transaction_says():
    sent = data("requestDeposit(uint256,address,address)", 5, BEN, ANN)
    call = vault_call(ANN, sent)
    event = DepositRequest(**AT, controller=BEN, owner=ANN, request_id=1, sender=ANN, assets=5)
    assert wrong(call, event) == []
    for name, value in (("sender", OTHER), ("owner", BEN), ("controller", ANN), ("assets", 6)):
        (what,) = wrong(call, but(event, **{name: value}))
        assert what == f"DepositRequest.{name}: as it was called"
    for_ann = replace(call, sender=OTHER)
    theirs = but(event, sender=OTHER)
    assert wrong(for_ann, theirs) == [f"requestDeposit: by an operator of {ANN}"]
    assert wrong(for_ann, theirs, operators=[f"{ANN} {OTHER}"]) == []


def test_a_claim_of_nothing_has_its_receiver_and_its_owner():
    event = Withdraw(**AT, sender=ANN, receiver=BEN, owner=ANN, assets=0, shares=0)
    for sent in (
        data("redeem(uint256,address)", 0, BEN),
        data("redeem(uint256,address,address)", 0, BEN, ANN),
    ):
        call = vault_call(ANN, sent)
        assert wrong(call, event) == []
        assert wrong(call, but(event, receiver=OTHER)) == ["Withdraw.receiver: as it was called"]
        assert wrong(call, but(event, owner=OTHER)) == ["Withdraw.owner: as it was called"]


@pytest.mark.parametrize(
    ("signature", "kind", "other"),
    [
        ("deposit(uint256,address,address)", Deposit, "shares"),
        ("mint(uint256,address,address)", Deposit, "assets"),
        ("redeem(uint256,address,address)", Withdraw, "assets"),
        ("withdraw(uint256,address,address)", Withdraw, "shares"),
    ],
)
def test_for_nothing_a_claim_takes_nothing(signature, kind, other):
    """Of what settled at nothing `withdraw(0)` leaves a share unit, `redeem(1)` claims it."""
    call = vault_call(ANN, data(signature, 0, BEN, ANN))
    paid = {"receiver": BEN, "owner": ANN} if kind is Withdraw else {"owner": BEN}
    event = kind(**AT, sender=ANN, **paid, assets=0, shares=0)
    assert wrong(call, event) == []
    (what,) = wrong(call, but(event, **{other: 1}))
    assert what == f"{kind.__name__}.{other}: for nothing"


def test_an_event_that_was_called_and_is_not_there_is_named():
    call = vault_call(ANN, data("setOperator(address,bool)", BEN, True))
    event = OperatorSet(**AT, controller=ANN, operator=BEN, approved=True)
    other = Withdraw(**AT, sender=ANN, receiver=BEN, owner=ANN, assets=0, shares=0)
    assert wrong(call, event) == []
    assert wrong(call, but(event, approved=False)) == ["OperatorSet.approved: as it was called"]
    assert wrong(call, other) == ["OperatorSet: logged, as it was called"]


def test_what_is_accepted_is_the_call_inside():
    caps = encode(["uint256", "(uint256,uint256,uint256,uint256)"], (3, (1, 2, 3, 4)))
    inner = selector_of("setClassCaps(uint256,(uint256,uint256,uint256,uint256))") + caps.hex()
    call = vault_call(ANN, data("accept(bytes)", bytes.fromhex(inner[2:])))
    event = ClassCapsSet(
        **AT, class_id=3, market_cap=1, market_cap_bps=2, class_cap=3, class_cap_bps=4
    )
    assert wrong(call, event) == []
    assert wrong(call, but(event, class_id=4)) == ["ClassCapsSet.class_id: as it was called"]


def test_what_is_accepted_accepts_nothing():
    """1,200 of them, one in the other, ended the audit by its own defect; fewer took long."""
    inside = data("setOperator(address,bool)", BEN, True)
    once = data("accept(bytes)", bytes.fromhex(inside[2:]))
    twice = data("accept(bytes)", bytes.fromhex(once[2:]))
    assert vault_call(ANN, once).function == "setOperator"
    assert vault_call(ANN, twice) is None


def test_a_report_has_the_marks_that_were_sent():
    sent = (
        selector_of("report((bytes32,uint256,uint256,uint256)[],bytes32)")
        + encode(
            ["(bytes32,uint256,uint256,uint256)[]", "bytes32"],
            ([(bytes(32), 0, 48, 52), (bytes(32), 2, 10, 20)], b"\x01" * 32),
        ).hex()
    )
    call = vault_call(ANN, sent)
    words = (48 | 52 << 64 | 9 << 128, 0, 10 | 20 << 64 | 9 << 128)
    event = Reported(**AT, evidence="0x" + "01" * 32, markets=(), books=(), words=words)
    assert wrong(call, event) == []
    for other in ((words[0], 0, words[2] + 1), (words[0], 0, 0)):
        assert wrong(call, but(event, words=other)) == ["Reported.words: as it was called"]
    late = but(event, evidence="0x" + "02" * 32)
    assert wrong(call, late) == ["Reported.evidence: as it was called"]


@pytest.mark.parametrize("sent", ["0x", "0x12345678", selector_of("totalSupply()"), "0xa9059cbb"])
def test_what_calls_no_function_that_logs_is_none(sent):
    assert vault_call(ANN, sent) is None


class Canned(Node):
    """Gives transactions as a test says, and an account's halts by block."""

    def __init__(self, answers=None, halted=None, halts=(), code="0x01"):
        super().__init__("")
        self.answers, self.halted, self.halts = answers or {}, halted or {}, halts
        self.code = code

    def ask_each(self, asked):
        return [self._one(*each) for each in asked]

    def _one(self, method, parameters):
        if method == "eth_getTransactionByHash":
            answer = self.answers.get(parameters[0])
            return answer and convert(answer, AnsweredTransaction)
        if method == "eth_getCode":
            return self.code
        if method == "eth_call":
            known = {6: 1} if parameters[0]["to"] == VAULT else self.halted
            found = known[int(parameters[1], 16)]
            if found is None:
                return CallReverted("no")
            return f"0x{found:064x}"
        raise AssertionError(method)

    def logs(self, addresses, first, last, topics=()):
        yield (
            last,
            [
                {
                    "address": addresses[0],
                    "blockNumber": hex(last),
                    "logIndex": hex(index),
                    "topics": ["0x", padded(who)],
                }
                for index, who in self.halts
            ],
        )


def test_a_node_gives_the_transaction_that_was_asked_for():
    sent = data("setOperator(address,bool)", BEN, True)
    right = {"hash": AT["transaction"], "from": ANN, "to": VAULT, "input": sent}
    asked = [AT["transaction"]]
    (call,) = calls_from(Canned({asked[0]: right}), VAULT, asked).values()
    assert call == VaultCall(ANN, "setOperator", {"operator": BEN, "approved": True})
    for other in (None, right | {"to": BEN}, right | {"to": None}, right | {"input": "0x"}):
        assert calls_from(Canned({asked[0]: other}), VAULT, asked) == {}
    for none in ("0x", {}, right | {"from": None}, right | {"hash": "0x" + "22" * 32}):
        with pytest.raises(BadAnswer, match="to eth_getTransactionByHash"):
            in_one_form([("eth_getTransactionByHash", asked)], [none])


INDEX = 5  # of a closing's log


def padded(address):
    return "0x" + "00" * 12 + address[2:]


@pytest.mark.parametrize(
    ("told", "before", "after", "halts", "found"),
    [
        (False, 0, 1, (), False),
        (True, 1, 1, (), False),
        (True, 0, 1, ((INDEX - 1, VAULT),), True),  # by its closing
        (False, 0, 1, ((INDEX - 1, VAULT),), False),
        (False, 1, 1, (), True),
        (True, 0, 1, ((INDEX - 2, ANN), (INDEX - 1, VAULT)), False),  # in front of its closing
        (False, 0, 1, ((INDEX - 2, ANN), (INDEX - 1, VAULT)), True),
        (True, 0, 1, ((INDEX - 1, VAULT), (INDEX + 1, ANN)), True),  # behind it
        (True, 0, 0, (), False),  # it failed to halt
        (True, None, 1, (), False),  # it does not answer
    ],
)
def test_a_halt_before_the_closing_is_as_the_account_says(told, before, after, halts, found):
    event = MarketClosed(
        **AT | {"index": INDEX}, market="0x" + "01" * 32, account=BEN, loss=0, written_off=0,
        halted=told, holds=False, listed=False,
    )  # fmt: skip
    node = Canned(halted={6: before, 7: after}, halts=halts)
    assert bool(list(closed_wrongly(node, Views(node), [event]))) is found


def test_closings_that_are_asked_about_at_once_do_not_lend_each_other_their_halts():
    """Two accounts are closed in one block: the halt in front of both is of the first."""
    closings = [
        MarketClosed(
            **AT | {"index": INDEX + after}, market="0x" + "01" * 32, account=account, loss=0,
            written_off=0, halted=halted, holds=False, listed=False,
        )
        for after, (account, halted) in enumerate(((BEN, True), (ANN, False), (ANN, True)))
    ]  # fmt: skip
    node = Canned(halted={6: 0, 7: 1}, halts=[(INDEX - 2, ANN)])
    node.logs = lambda accounts, *about: Canned.logs(node, [BEN], *about)
    found = list(closed_wrongly(node, Views(node), closings))
    assert [(each.expected, each.found) for each in found] == [("False", "True")]


@pytest.mark.parametrize(("code", "found"), [("0x", False), ("0x01", True)])
def test_an_account_that_does_not_say_was_halted_for_the_vault_unless_it_was_not_there(code, found):
    """The vault counts an account without an answer as halted; one that is opened and closed in one
    block was nothing before."""
    event = MarketClosed(
        **AT | {"index": INDEX}, market="0x" + "01" * 32, account=BEN, loss=0, written_off=0,
        halted=False, holds=False, listed=False,
    )  # fmt: skip
    node = Canned(halted={6: None, 7: 1}, code=code)
    assert bool(list(closed_wrongly(node, Views(node), [event]))) is found
