"""DelegatedAccount: budget out to a wallet, counted at cost by whoever deals, taken back."""

from types import SimpleNamespace

import ape
import pytest
from eth_account import Account
from strongroom.devnet import contracts as devnet
from strongroom.devnet.deposit_wallets import make_deposit_wallet, send_batch
from strongroom.signing.deposit_wallet import WalletBatch, WalletCall

from tests.ape_devnet import ApeDeployer
from tests.defaults import DAY, FOREVER, UNIT, a_class
from tests.signing import key_of

ENFORCED, DELEGATED = 1, 2
QUOTES = ("0.50", "0.50")  # no spread: what is left is the custody's


@pytest.fixture(scope="session")
def registry(deployer, venue):
    return deployer.deploy(ape.project.WalletRegistry, venue.pusd)


@pytest.fixture(scope="session")
def delegated_implementation(deployer, venue, registry):
    return devnet.deploy_delegated_implementation(ApeDeployer(deployer), venue, registry)


@pytest.fixture
def wallet(venue, deployer, chain):
    """Make deposit wallets of fresh EOAs; `run` sends a batch that the owner signed."""
    count = iter(range(1, 1_000))

    def make():
        key = key_of(f"wallet {next(count)}")
        address = make_deposit_wallet(venue.wallet_factory, key.address, deployer)
        contract = ape.project.DepositWallet.at(address)

        def run(*calls):
            nonce = contract.call_view_method("nonce")
            inside = [WalletCall(str(to), 0, data) for to, data in calls]
            batch = WalletBatch(address, nonce, chain.pending_timestamp + 100, inside)
            return send_batch(venue.wallet_factory, batch, key, chain.chain_id, deployer)

        return SimpleNamespace(address=address, contract=contract, key=key, run=run)

    return make


@pytest.fixture
def market(make_vault, people, invest, delegated_implementation, wallet, venue, deployer, chain):
    """A vault of 10,000 pUSD, 1,000 in a delegated account, its wallet bound."""
    vault = make_vault()
    invest(vault, people.alice, 10_000 * UNIT)
    vault.addClass(
        a_class(delegated_implementation, people.oracle, people.keeper, grade=DELEGATED),
        sender=people.owner,
    )
    question = chain.pending_timestamp.to_bytes(32, "big")
    venue.ctf.prepareCondition(people.oracle, question, 2, sender=deployer)
    vault.openMarket(0, question, 1, chain.pending_timestamp + 30 * DAY, sender=people.keeper)
    condition = devnet.condition_id(people.oracle.address, question)
    id_ = bytes(vault.marketId(0, condition))
    vault.allocate(id_, 1_000 * UNIT, sender=people.keeper)
    account = ape.project.DelegatedAccount.at(vault.accountOf(id_))
    its = wallet()
    its.run((venue.pusd.address, venue.pusd.approve.encode_input(account, FOREVER)))
    account.setWallet(its.address, sender=people.keeper)
    return SimpleNamespace(
        vault=vault,
        id=id_,
        condition=condition,
        question=question,
        account=account,
        wallet=its,
    )


@pytest.fixture
def pay(venue):
    """Let a market's wallet send its collateral somewhere, as its key's holder may."""

    def send(market, to, amount):
        market.wallet.run((venue.pusd.address, venue.pusd.transfer.encode_input(to, amount)))

    return send


def test_budget_goes_out_and_comes_back(market, people, venue):
    account, wallet = market.account, market.wallet
    assert account.grade() == DELEGATED
    account.forward(600 * UNIT, sender=people.keeper)
    assert venue.pusd.balanceOf(wallet.address) == 600 * UNIT
    assert account.outstanding() == 600 * UNIT
    assert account.positions()[0] == 1_000 * UNIT  # the wallet's part included
    assert account.away() == 600 * UNIT
    assert market.vault.recall(market.id, FOREVER, sender=people.keeper)
    assert venue.pusd.balanceOf(account) == 0, "recall takes what has arrived, nothing else"
    assert account.takeBack(250 * UNIT, sender=people.keeper)
    assert account.outstanding() == 350 * UNIT
    account.takeBack(FOREVER, sender=people.guardian)  # as much as is there
    assert account.outstanding() == 0
    market.vault.recall(market.id, FOREVER, sender=people.keeper)
    assert market.vault.total_idle() == 10_000 * UNIT


def test_who_may_do_what(market, people):
    account = market.account
    for stranger in (people.stranger, people.guardian, people.owner):
        with ape.reverts("not the keeper"):
            account.forward(1, sender=stranger)
        with ape.reverts("not the keeper"):
            account.setWallet(people.mallory, sender=stranger)
    with ape.reverts("wallet set"):
        account.setWallet(people.mallory, sender=people.keeper)
    with ape.reverts("not allowed to take back"):
        account.takeBack(1, sender=people.stranger)
    with ape.reverts("not allowed to take back"):
        account.takeBackTokens(0, 1, sender=people.stranger)
    with ape.reverts("not the vault"):
        account.recall(1, sender=people.keeper)
    with ape.reverts("market open"):
        account.releaseWallet(sender=people.keeper)
    market.vault.pause(sender=people.guardian)
    with ape.reverts("paused"):
        account.forward(1, sender=people.keeper)
    market.vault.unpause(sender=people.guardian)
    account.halt(sender=people.guardian)
    with ape.reverts("not tradable"):
        account.forward(1, sender=people.keeper)


def test_nobody_but_the_vault_initializes(market, people):
    with ape.reverts("not the vault"):
        market.account.initialize(sender=people.keeper)


def test_no_more_is_outstanding_than_the_markets_exposure(market, people, venue, deployer):
    """A gain comes back, is recalled and allocated anew before it trades."""
    account, vault = market.account, market.vault
    account.forward(1_000 * UNIT, sender=people.keeper)
    venue.fund(deployer, market.wallet.address, 300 * UNIT)
    account.takeBack(FOREVER, sender=people.keeper)
    with ape.reverts("over budget"):
        account.forward(1_000 * UNIT + 1, sender=people.keeper)
    vault.recall(market.id, FOREVER, sender=people.keeper)
    assert vault.profitOf(0) == 300 * UNIT
    vault.allocate(market.id, 1_300 * UNIT, sender=people.keeper)
    account.forward(1_300 * UNIT, sender=people.keeper)
    assert account.outstanding() == vault.bookOf(market.id)[0] == 1_300 * UNIT


def test_no_budget_goes_to_a_resolved_market(market, people, resolve):
    resolve(market, 1, 0)
    with ape.reverts("not tradable"):
        market.account.forward(1, sender=people.keeper)


def test_wallet_must_consent_and_serves_one_account(
    market, people, wallet, registry, venue, delegated_implementation, deployer, chain
):
    question = b"\x99" * 32
    venue.ctf.prepareCondition(people.oracle, question, 2, sender=deployer)
    soon = chain.pending_timestamp + DAY
    market.vault.openMarket(0, question, 1, soon, sender=people.keeper)
    second = ape.project.DelegatedAccount.at(
        market.vault.accountOf(
            market.vault.marketId(0, devnet.condition_id(people.oracle.address, question))
        )
    )
    with ape.reverts("no wallet"):
        second.forward(0, sender=people.keeper)
    with ape.reverts("wallet does not consent"):
        second.setWallet(wallet().address, sender=people.keeper)
    market.wallet.run((venue.pusd.address, venue.pusd.approve.encode_input(second, FOREVER)))
    with ape.reverts("wallet serves another"):
        second.setWallet(market.wallet.address, sender=people.keeper)
    assert registry.accountOf(market.wallet.address) == market.account
    with ape.reverts("not this account's wallet"):
        registry.release(market.wallet.address, sender=people.mallory)


def test_classes_say_which_grade_they_admit(vault, people, delegated_implementation):
    for grade in (0, ENFORCED, 3):
        with ape.reverts("custody grade differs"):
            vault.addClass(
                a_class(delegated_implementation, people.oracle, people.keeper, grade=grade),
                sender=people.owner,
            )


def test_a_loss_in_the_wallet_lowers_the_bid_and_not_the_ask(
    market, people, report, pay, make_vault
):
    """Who leaves gets at most what is there, who comes pays at least what it cost."""
    market.account.forward(1_000 * UNIT, sender=people.keeper)
    report(market.vault, QUOTES)
    assert market.vault.navs() == (10_000 * UNIT, 10_000 * UNIT)
    pay(market, people.mallory, 400 * UNIT)
    report(market.vault, QUOTES)
    assert market.vault.navs() == (9_600 * UNIT, 10_000 * UNIT)
    assert market.vault.custody() == (9_000 * UNIT, 0, 600 * UNIT)


def test_a_gain_in_the_wallet_counts_once_it_is_home(market, people, report, venue, deployer):
    account, vault = market.account, market.vault
    account.forward(1_000 * UNIT, sender=people.keeper)
    venue.fund(deployer, market.wallet.address, 300 * UNIT)
    report(vault, QUOTES)
    assert vault.navs() == (10_000 * UNIT, 10_300 * UNIT)
    account.takeBack(FOREVER, sender=people.keeper)
    assert account.outstanding() == 0
    report(vault, QUOTES)
    assert vault.navs() == (10_000 * UNIT, 10_300 * UNIT)
    vault.harvest(market.id, sender=people.stranger)
    assert vault.navs() == (10_300 * UNIT, 10_300 * UNIT)


def test_outcome_tokens_in_the_wallet_count_at_the_marks(
    market, people, report, venue, deployer, give_tokens
):
    market.account.forward(1_000 * UNIT, sender=people.keeper)
    # the wallet spends 300 on 500 YES at .60
    market.wallet.run((venue.pusd.address, venue.pusd.transfer.encode_input(deployer, 300 * UNIT)))
    send_tokens(venue, deployer, market, 500 * UNIT, market.wallet.address)
    report(market.vault, ("0.55", "0.65"))
    # there: 700 and 500 at .55 = 975; at the ask 700 + 325 = 1,025
    assert market.vault.navs() == (9_975 * UNIT, 10_025 * UNIT)
    report(market.vault, ("0.70", "0.80"))
    assert market.vault.navs() == (10_000 * UNIT, 10_100 * UNIT)  # at most 1,000 at the bid


def send_tokens(venue, deployer, market, amount, to):
    """Give YES tokens of a market to an address."""
    venue.fund(deployer, deployer, amount)
    venue.pusd.approve(venue.adapter, amount, sender=deployer)
    venue.adapter.splitPosition(
        venue.pusd, b"\0" * 32, market.condition, [1, 2], amount, sender=deployer
    )
    yes, _ = market.account.tokenIds()
    venue.ctf.safeTransferFrom(deployer, to, yes, amount, b"", sender=deployer)


def test_what_is_away_counts_the_wallets_tokens_at_their_payout(
    market, people, resolve, venue, deployer
):
    """Before a payout each token counts whole: nobody calls the market empty. After it, down."""
    account, wallet = market.account, market.wallet
    account.forward(100 * UNIT, sender=people.keeper)
    venue.fund(deployer, deployer, 60 * UNIT)
    venue.pusd.approve(venue.adapter, 60 * UNIT, sender=deployer)
    venue.adapter.splitPosition(
        venue.pusd, b"\0" * 32, market.condition, [1, 2], 60 * UNIT, sender=deployer
    )
    for token, amount in zip(account.tokenIds(), (31 * UNIT + 1, 53 * UNIT + 1), strict=True):
        venue.ctf.safeTransferFrom(deployer, wallet.address, token, amount, b"", sender=deployer)
    assert account.away() == (100 + 31 + 53) * UNIT + 2
    resolve(market, 2, 3)
    # 100, two fifths of 31.000001 and three fifths of 53.000001
    assert account.away() == 100 * UNIT + 12_400_000 + 31_800_000


def test_tokens_come_back_from_a_wallet_that_made_the_account_its_operator(
    market, people, venue, deployer
):
    send_tokens(venue, deployer, market, 50 * UNIT, market.wallet.address)
    with ape.reverts():
        market.account.takeBackTokens(0, 50 * UNIT, sender=people.keeper)
    approve = venue.ctf.setApprovalForAll.encode_input(market.account, True)
    market.wallet.run((venue.ctf.address, approve))
    market.account.takeBackTokens(0, 50 * UNIT, sender=people.keeper)
    _, (position,) = market.account.positions()
    assert position.yes == 50 * UNIT


def test_stuffing_the_wallet_around_a_report_earns_nothing(
    market, people, report, venue, invest, pay, deployer
):
    """The holder of the wallet's key owns shares, empties the wallet to come in cheap and fills
    it to leave dear, five times. Entry at cost or more, exit at cost or less: no profit."""
    market.account.forward(1_000 * UNIT, sender=people.keeper)
    report(market.vault, QUOTES)
    vault, mallory = market.vault, people.mallory
    venue.fund(deployer, mallory, 5_000 * UNIT)
    venue.pusd.approve(vault, FOREVER, sender=mallory)
    start = 5_000 * UNIT
    for _ in range(5):
        pay(market, mallory, 1_000 * UNIT)
        vault.requestDeposit(4_000 * UNIT, mallory, mallory, sender=mallory)
        report(vault, QUOTES)
        report(vault, QUOTES)
        vault.deposit(4_000 * UNIT, mallory, sender=mallory)
        venue.pusd.transfer(market.wallet.address, 1_000 * UNIT, sender=mallory)
        shares = vault.balanceOf(mallory)
        vault.requestRedeem(shares, mallory, mallory, sender=mallory)
        report(vault, QUOTES)
        report(vault, QUOTES)
        vault.redeem(shares, mallory, mallory, sender=mallory)
        assert venue.pusd.balanceOf(mallory) <= start


def test_closing_waits_for_the_budget(market, people, resolve, pay, registry):
    account, vault = market.account, market.vault
    account.forward(1_000 * UNIT, sender=people.keeper)
    resolve(market, 0, 1)
    for who in (people.stranger, people.keeper, people.guardian):
        with ape.reverts("not to be closed"):
            vault.closeMarket(market.id, sender=who)
    pay(market, people.mallory, 400 * UNIT)
    account.takeBack(FOREVER, sender=people.keeper)
    assert account.outstanding() == 400 * UNIT
    vault.closeMarket(market.id, sender=people.stranger)  # nothing is left in the wallet
    assert vault.total_idle() == 9_600 * UNIT
    assert vault.totalExposure() == 0
    assert 0 <= vault.totalLosses() - 400 * UNIT <= 1
    account.releaseWallet(sender=people.stranger)
    assert int(registry.accountOf(market.wallet.address), 16) == 0
    assert (account.away(), account.outstanding()) == (0, 0)


def test_what_comes_back_after_closing_is_the_holders_again(market, people, resolve, venue):
    """V28: the owner closes it with 1,000 away; whoever sees it come brings it home."""
    account, vault = market.account, market.vault
    account.forward(1_000 * UNIT, sender=people.keeper)
    resolve(market, 0, 1)
    vault.closeMarket(market.id, sender=people.owner)
    assert vault.totalAssets() == 9_000 * UNIT
    assert vault.remainsOf(account) == (True, 1_000 * UNIT)
    assert not vault.isFlat()
    with ape.reverts("budget away"):
        account.releaseWallet(sender=people.keeper)
    with ape.reverts("not tradable"):
        account.forward(0, sender=people.keeper)
    account.takeBack(FOREVER, sender=people.stranger)
    vault.sweep(account, sender=people.stranger)
    assert vault.totalAssets() == 10_000 * UNIT
    assert vault.profitOf(0) == 0
    assert vault.totalLosses() <= 1
    assert vault.isFlat()
    assert vault.unsweptAccounts() == []


def test_exit_in_kind_pays_what_is_here(market, people, venue):
    market.account.forward(600 * UNIT, sender=people.keeper)
    shares = market.vault.balanceOf(people.alice) // 2
    market.vault.redeemInKind(shares, people.alice, [], sender=people.alice)
    assert venue.pusd.balanceOf(people.alice) == 4_500 * UNIT + 200 * UNIT
    assert market.vault.bookOf(market.id)[0] == 800 * UNIT, "what a wallet holds stays in it"
    # in wind-down anybody brings back what the wallet lets go
    market.vault.windDown(sender=people.guardian)
    market.account.takeBack(FOREVER, sender=people.stranger)
    market.vault.recall(market.id, FOREVER, sender=people.stranger)
    assert market.account.outstanding() == 0


def test_a_wallet_is_bound_with_its_own_consent_alone(registry, people, venue):
    """V30: the allowance that counts is of the collateral, and to the caller."""
    for who in (people.mallory, people.carol):
        with ape.reverts("wallet does not consent"):
            registry.bind(people.trader, sender=who)
    venue.pusd.approve(people.mallory, FOREVER - 1, sender=people.trader)
    with ape.reverts("wallet does not consent"):
        registry.bind(people.trader, sender=people.mallory)
    with ape.reverts("address has no code"):
        ape.accounts.test_accounts[0].deploy(ape.project.WalletRegistry, people.alice)


def test_a_registry_of_another_asset_is_refused(venue, deployer):
    other = deployer.deploy(ape.project.WalletRegistry, venue.usdc)
    with ape.reverts("registry of another asset"):
        devnet.deploy_delegated_implementation(ApeDeployer(deployer), venue, other)


def test_a_safe_of_an_eoa_serves_as_well(market, people, venue, deployer, chain):
    """Signature type 2: the Safe is real, its owner one EOA."""
    key = key_of("safe owner")
    venue.wallets.makeSafe(key.address, sender=deployer)
    safe = devnet.safe_at(ApeDeployer(deployer), venue.wallets.safeOf(key.address))
    assert safe.getOwners() == [key.address]
    question = b"\x98" * 32
    venue.ctf.prepareCondition(people.oracle, question, 2, sender=deployer)
    market.vault.openMarket(0, question, 1, chain.pending_timestamp + DAY, sender=people.keeper)
    condition = devnet.condition_id(people.oracle.address, question)
    id_ = market.vault.marketId(0, condition)
    account = ape.project.DelegatedAccount.at(market.vault.accountOf(id_))
    zero = "0x" + "00" * 20
    approve = venue.pusd.approve.encode_input(account, FOREVER)
    call = (venue.pusd.address, 0, approve, 0, 0, 0, 0, zero, zero)
    digest = bytes(safe.getTransactionHash(*call, safe.call_view_method("nonce")))
    signature = bytes(Account.unsafe_sign_hash(digest, key.key).signature)
    safe.execTransaction(*call, signature, sender=deployer)
    account.setWallet(safe, sender=people.keeper)
    market.vault.allocate(id_, 100 * UNIT, sender=people.keeper)
    account.forward(100 * UNIT, sender=people.keeper)
    assert account.outstanding() == account.away() == 100 * UNIT
    account.takeBack(FOREVER, sender=people.keeper)
    assert account.outstanding() == 0
