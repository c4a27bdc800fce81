"""Gas of closing on a chain where a transaction finds nothing warm."""

import pytest
from eth_utils import keccak
from strongroom.chain.artifacts import artifact
from strongroom.chain.failures import TransactionRefused
from strongroom.devnet import contracts as devnet
from strongroom.devnet.deposit_wallets import make_deposit_wallet

from scripts.bench.gas import CHAIN_ID, DAY, MICRO, Bench, devnet_chain

TRANSACTION_GAS = 2**24  # the most of one transaction (EIP-7825)


@pytest.fixture(scope="module")
def bench():
    """A vault with a class of events whose accounts own wallets."""
    with devnet_chain(CHAIN_ID) as chain:
        made = Bench(chain)
        made.deploy()
        made.fill()
        made.add_class(devnet.deploy_wallet_implementation(made.deployer, made.venue, True))
        yield made


def resolved(bench, count):
    """An event of so many conditions, resolved: a unit of each token is in the wallet, which is
    open. Return the market and its account."""
    venue, deployer, people = bench.venue, bench.deployer, bench.people
    market = bench.open_market(count)
    account = deployer.contract(bench.vault.accountOf(market), artifact("WalletAccount"))
    wallet = make_deposit_wallet(venue.wallet_factory, account.address, deployer)
    account.adopt(sender=deployer)
    adapter = venue.neg_risk_collateral_adapter
    venue.fund(deployer, deployer, (count + 1) * MICRO)
    venue.pusd.approve(adapter, count * MICRO, sender=deployer)
    for condition in account.conditions():
        split = (venue.pusd, bytes(32), condition, [1, 2], MICRO)
        adapter.splitPosition(*split, sender=deployer)
    tokens = account.tokenIds()
    moved = (deployer, wallet, tokens, [MICRO] * len(tokens), b"")
    venue.ctf.safeBatchTransferFrom(*moved, sender=deployer)
    venue.pusd.transfer(wallet, MICRO, sender=deployer)
    account.pauseWallet(sender=people["guardian"])
    question = keccak(text=f"question {len(bench.counts) - 1}")[:31]
    for i in range(count):
        payout = [1, 0] if i == 0 else [0, 1]
        venue.ctf.reportPayouts(question + bytes([i]), payout, sender=people["oracle"])
    bench.later(DAY)
    return market, account


@pytest.mark.parametrize("count", [2, 11, 20])
def test_anyone_closes_an_event_in_one_transaction(bench, count):
    market, _ = resolved(bench, count)
    idle = bench.vault.total_idle()
    bench.vault.closeMarket(market, sender=bench.people["trader"], gas=TRANSACTION_GAS)
    assert bench.vault.total_idle() == idle + (count + 1) * MICRO


def test_the_largest_event_is_redeemed_first_and_then_closed(bench):
    market, account = resolved(bench, 32)
    idle, stranger = bench.vault.total_idle(), bench.people["trader"]
    close = {"sender": stranger, "gas": TRANSACTION_GAS}
    with pytest.raises(TransactionRefused):
        bench.vault.closeMarket(market, **close)
    account.redeemResolved(**close)
    bench.vault.closeMarket(market, **close)
    assert bench.vault.total_idle() == idle + 33 * MICRO
