"""What the auditor names as income beside trades: a node that is played, logs written by hand."""

from types import SimpleNamespace

import pytest
from strongroom.audit.checkpoint import Progress
from strongroom.audit.income import IncomeFinder, IncomeKind
from strongroom.audit.logs import BadLog
from strongroom.audit.movements import TOLD, MovementReader
from strongroom.audit.readers import order_filled_reader
from strongroom.audit.wallets import AccountsOfHolders
from strongroom.chain import abi
from strongroom.chain.failures import CallReverted
from strongroom.chain.ids import keccak

VAULT, ASSET, EXCHANGE, ACCOUNT, WALLET, OTHER, PAYER, ZERO = (
    "0x" + each * 20 for each in ("11", "22", "33", "44", "55", "66", "77", "00")
)
MARKET = "0x" + "ab" * 32
GIFT, REWARD, RETURN = IncomeKind.GIFT, IncomeKind.REWARD, IncomeKind.RETURN


def topic(signature):
    return "0x" + keccak(signature.encode()).hex()


def word(value):
    return f"{value:064x}" if isinstance(value, int) else value[2:].rjust(64, "0")


class PlayedChain:
    """Logs in order; one a call, each in a transaction that is named."""

    def __init__(self):
        self.written, self.named = [], {EXCHANGE}  # by the vault's classes

    def log(self, address, signature, topics, *data, tx=1):
        self.written.append(
            {
                "address": address,
                "topics": [topic(signature), *("0x" + word(each) for each in topics)],
                "data": "0x" + "".join(map(word, data)),
                "blockNumber": "0x5",
                "logIndex": hex(len(self.written)),
                "transactionHash": f"0x{tx:064x}",
            }
        )

    def pay(self, payer, receiver, amount, tx=1):
        self.log(ASSET, "Transfer(address,address,uint256)", [payer, receiver], amount, tx=tx)

    def fill(self, maker, taker, tx=1):
        self.log(EXCHANGE, FILLED, ["0x1", maker, taker], *[0] * 7, tx=tx)

    # as the finder asks

    def logs(self, addresses, first, last, topics=()):
        def fits(log):
            for wanted, there in zip(topics, log["topics"], strict=False):
                if wanted is not None and there not in (
                    wanted if isinstance(wanted, list) else [wanted]
                ):
                    return False
            return len(log["topics"]) >= len(topics) and log["address"] in addresses

        assert first == last == 5
        yield last, [log for log in self.written if fits(log)]

    def ask_all(self, asked):
        return ["0x" for _ in asked]  # accounts' code, which no income needs

    def times(self, blocks):
        return {each: 1_000 + each for each in blocks}

    def call(self, address, name, arguments, block):
        if name != "asset":
            raise CallReverted("no such view")
        return ASSET

    def found(self, progress=None, exchanges=(), payers=()):
        accounts = {ACCOUNT: SimpleNamespace(market=MARKET, class_id=0)}
        ledger = SimpleNamespace(accounts=accounts)
        self.progress = progress or Progress(ledger, 5)
        reader = MovementReader(self, self, VAULT, exchanges)
        reader.exchanges |= self.named
        finder = IncomeFinder(self, reader, VAULT, dict(payers))
        movements = reader.read({ACCOUNT: (MARKET, 0)}, self.progress.wallets, 5, 5)
        holders = AccountsOfHolders(self.progress.wallets, movements)
        self.progress.wallets = holders.at_end
        return [
            (each.payer, each.receiver, each.amount, each.kind)
            for each in finder.find(self.progress, movements, holders)
        ]


FILLED = (
    "OrderFilled(bytes32,address,address,uint8,uint256,uint256,uint256,uint256,bytes32,bytes32)"
)


@pytest.fixture
def chain():
    return PlayedChain()


def test_the_signatures_are_those_of_the_contracts():
    known = set()
    for name in ("PolymarketAccount", "PositionAccount", "FpmmAccount", "DelegatedAccount",
                 "WalletAccount", "SafeAccount"):  # fmt: skip
        for each in abi.load(name):
            if each["type"] == "event":
                known.add(f"{each['name']}({','.join(at['type'] for at in each['inputs'])})")
    assert set(TOLD) <= known
    assert order_filled_reader().record.__name__ == "OrderFilled"


def test_budget_and_trades_are_no_income(chain):
    chain.pay(VAULT, ACCOUNT, 100)
    chain.fill(ACCOUNT, OTHER, tx=2)  # we rest, he takes
    chain.pay(OTHER, ACCOUNT, 40, tx=2)
    chain.fill(OTHER, ACCOUNT, tx=3)  # he rests, we take; the exchange gives the rest back
    chain.fill(ACCOUNT, EXCHANGE, tx=3)
    chain.pay(OTHER, ACCOUNT, 30, tx=3)
    chain.pay(EXCHANGE, ACCOUNT, 2, tx=3)
    assert chain.found() == []


def test_the_same_people_without_a_trade_are(chain):
    chain.fill(ACCOUNT, OTHER, tx=2)
    chain.pay(OTHER, ACCOUNT, 40, tx=3)
    chain.pay(EXCHANGE, ACCOUNT, 5, tx=3)
    assert chain.found() == [(OTHER, ACCOUNT, 40, GIFT), (EXCHANGE, ACCOUNT, 5, RETURN)]


def test_payouts_and_sets_explain_as_much_as_they_say(chain):
    """100 paid out, 20 merged; 7 more come in the same transaction."""
    chain.pay(ZERO, ACCOUNT, 100)
    chain.log(ACCOUNT, "Redeemed(uint256,uint256)", [0], 100)
    chain.pay(ZERO, ACCOUNT, 20)
    chain.log(ACCOUNT, "Merged(uint256,uint256)", [0], 20)
    chain.pay(OTHER, ACCOUNT, 7)
    assert chain.found() == [(OTHER, ACCOUNT, 7, GIFT)]


def test_a_gift_beside_a_conversion_is_one(chain):
    """50 of NO of three questions bring 100; 101 more are a gift."""
    chain.pay(ZERO, ACCOUNT, 100)
    chain.log(ACCOUNT, "Converted(uint256,uint256)", [], 0b111, 50)
    chain.pay(OTHER, ACCOUNT, 101)
    assert chain.found() == [(OTHER, ACCOUNT, 101, GIFT)]


def test_what_an_account_says_explains_no_other_transaction_and_no_other_account(chain):
    chain.log(ACCOUNT, "Redeemed(uint256,uint256)", [0], 100, tx=1)
    chain.log(OTHER, "Redeemed(uint256,uint256)", [0], 100, tx=2)
    chain.pay(ZERO, ACCOUNT, 100, tx=2)
    assert chain.found() == [(ZERO, ACCOUNT, 100, GIFT)]


def test_payers_that_were_told_have_names(chain):
    chain.pay(PAYER, ACCOUNT, 3)
    chain.pay(PAYER, ACCOUNT, 4, tx=2)
    chain.pay(PAYER, ACCOUNT, 0, tx=3)
    chain.pay(PAYER, OTHER, 9)
    assert chain.found(payers=[(PAYER.upper().replace("0X", "0x"), REWARD)]) == [
        (PAYER, ACCOUNT, 3, REWARD),
        (PAYER, ACCOUNT, 4, REWARD),
    ]
    assert chain.progress.income == {"reward": 7}


def test_a_wallet_counts_while_it_is_the_accounts(chain):
    chain.pay(OTHER, WALLET, 1)
    chain.log(ACCOUNT, "WalletSet(address)", [WALLET])
    chain.pay(ACCOUNT, WALLET, 50)
    chain.pay(OTHER, WALLET, 2)
    chain.pay(WALLET, ACCOUNT, 52)
    chain.fill(WALLET, OTHER, tx=4)
    chain.pay(OTHER, WALLET, 10, tx=4)
    chain.log(ACCOUNT, "WalletSet(address)", [ZERO], tx=5)
    chain.pay(OTHER, WALLET, 3, tx=6)
    assert chain.found() == [(OTHER, WALLET, 2, GIFT)]
    assert chain.progress.wallets == {}


def test_a_wallet_is_remembered_from_one_piece_of_blocks_to_the_next(chain):
    chain.log(ACCOUNT, "Adopted(address)", [WALLET])
    assert chain.found() == []
    assert chain.progress.wallets == {WALLET: ACCOUNT}
    chain.written = []
    chain.pay(OTHER, WALLET, 8)
    assert chain.found(chain.progress) == [(OTHER, WALLET, 8, GIFT)]


def test_without_an_exchange_of_its_own_the_audits_count(chain):
    chain.named = set()
    chain.fill(ACCOUNT, OTHER)
    chain.pay(OTHER, ACCOUNT, 40)
    assert chain.found(exchanges=[EXCHANGE]) == []


@pytest.mark.parametrize("wrong", [{"data": "0x"}, {"data": None}, {"topics": [topic("x()")]}])
def test_what_is_no_transfer_is_refused(chain, wrong):
    chain.pay(OTHER, ACCOUNT, 1)
    chain.written[0] |= wrong
    if "topics" in wrong:
        chain.written[0]["topics"] = [topic("Transfer(address,address,uint256)"), "0x12", "0x12"]
        chain.logs = lambda addresses, *rest: iter([(5, chain.written * (ASSET in addresses))])
    with pytest.raises(BadLog, match="a transfer or an account"):
        chain.found()
