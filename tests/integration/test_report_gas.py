"""The gas that the doctor reckons for a report is enough for the real one, by a real Safe."""

import pytest
from eth_account import Account
from eth_utils import keccak
from strongroom.chain.artifacts import artifact
from strongroom.chain.calls import Call
from strongroom.chain.ids import to_bytes, to_hex
from strongroom.chain.rpc import Chain
from strongroom.chain.units import SHARE, WAD
from strongroom.devnet import contracts as devnet
from strongroom.devnet.deposit_wallets import make_deposit_wallet
from strongroom.setup.report_gas import gas_of_report
from strongroom.signing.safe import batch, execution
from strongroom.signing.signers import OwnKeys, TransactionRequest

from scripts.bench.gas import CHAIN_ID, HOUR, MICRO, Bench, devnet_chain

OWNERS = [Account.from_key(keccak(text=f"owner {number}")) for number in range(3)]


@pytest.fixture(scope="module")
def bench():
    """A vault whose reporter is a Safe of which three owners sign; its third class has wallets."""
    with devnet_chain(CHAIN_ID) as chain:
        made = Bench(chain)
        made.deploy()
        made.fill()
        made.add_class(made.event_implementation)
        owners = [each.address for each in OWNERS]
        made.safe = devnet.deploy_safe(made.deployer, made.venue.safes, owners, 3)
        made.vault.setReporter(made.safe, sender=made.people["owner"])
        yield made


def fill(bench, binary, events):
    """Open markets with budget; ask on both sides."""
    keeper, alice = bench.people["keeper"], bench.people["alice"]
    for count in [1] * binary + events:
        market = bench.open_market(count)
        bench.vault.allocate(market, 100 * MICRO, sender=keeper)
    bench.vault.requestDeposit(100 * MICRO, alice, alice, sender=alice)
    bench.vault.requestRedeem(10 * SHARE, alice, alice, sender=alice)


def report(bench, gas):
    """Report by the Safe with so much gas; return what it used."""
    marks = [
        (market, place, WAD // 100 * 2, WAD // 100 * 3)
        for market in map(bytes, bench.vault.openMarkets())
        for place in range(bench.counts[market])
    ]
    data = bench.vault.report.encode_input(marks, keccak(text=str(gas)))
    sent = batch([Call(bench.vault.address, to_hex(data))], "")
    request = TransactionRequest(sent.to, sent.data, sent.operation, int(bench.safe.nonce()))
    signatures = OwnKeys(bench.safe.address, CHAIN_ID, OWNERS).sign_transaction(request)
    call = execution(bench.safe.address, sent, signatures)
    before = bench.vault.reportCount()
    sender = bench.people["trader"]
    receipt = bench.chain.send(sender, call.to, to_bytes(call.data), gas=gas)
    assert bench.vault.reportCount() == before + 1
    return receipt.gas_used


FULLER = {"no market": (0, []), "a few": (5, []), "many, and events": (10, [4, 17])}


@pytest.mark.parametrize("case", FULLER)
def test_what_is_estimated_is_enough_and_not_far_off(bench, case):
    """The first report of new markets, then one more of the same. One that comes too soon is
    reckoned, and no report needs more than that."""
    fill(bench, *FULLER[case])
    chain = Chain(bench.chain.url)
    for _ in range(2):
        reckoned = gas_of_report(chain, bench.vault.address)
        assert "report too soon" in reckoned.how
        bench.later(HOUR)
        bench.chain.request("evm_mine")
        found = gas_of_report(chain, bench.vault.address)
        assert found.how.startswith("estimated")
        used = report(bench, found.gas)
        assert used < found.gas < 2 * used + 150_000
        assert found.gas < reckoned.gas < 5 * used


def test_with_wallets_it_is_reckoned_high_enough_too(bench):
    implementation = devnet.deploy_wallet_implementation(bench.deployer, bench.venue, True)
    bench.add_class(implementation)
    before = len(bench.counts)
    number = int(bench.vault.class_count()) - 1
    question = keccak(text=f"question {before}")[:31]
    oracle, keeper = bench.people["oracle"], bench.people["keeper"]
    for each in range(17):
        id_ = question + bytes([each])
        bench.venue.ctf.prepareCondition(oracle, id_, 2, sender=bench.deployer)
    deadline = bench.chain.now() + 86_400
    bench.vault.openMarket(number, question + b"\0", 17, deadline, sender=keeper)
    market = bytes(bench.vault.openMarkets()[-1])
    bench.counts[market] = 17
    account = bench.deployer.contract(bench.vault.accountOf(market), artifact("WalletAccount"))
    make_deposit_wallet(bench.venue.wallet_factory, account.address, bench.deployer)
    account.adopt(sender=bench.deployer)
    bench.vault.allocate(market, 100 * MICRO, sender=keeper)
    chain = Chain(bench.chain.url)
    reckoned = gas_of_report(chain, bench.vault.address)
    bench.later(HOUR)
    bench.chain.request("evm_mine")
    found = gas_of_report(chain, bench.vault.address)
    assert report(bench, found.gas) < found.gas < reckoned.gas
