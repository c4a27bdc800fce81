"""The theft table of WalletAccount: who holds which key, what is refused, what is lost.

Holders have 100,000; one class may have 10,000 at risk, and all of it lies in the wallet. YES is
worth 50 cents, in truth.

| thief | gets | is refused |
|---|---|---|
| a session key | nothing | there is none: no batch that names one is admitted |
| the relayer's operator | nothing, but delay | each batch that the account has not put together |
| the exchange's operator | its capped fee: 5 % of what an honest order pays | the rest |
| two of the keeper's owners | at most the cap, by bad prices in the band | any transfer |
| all of them | at most the cap | the rest |
"""

from dataclasses import replace

import pytest
from strongroom.signing.deposit_wallet import WalletBatch, WalletCall, session_signature
from strongroom.signing.hashing import address_word
from strongroom.signing.keys import sign_hash

from tests.contracts.wallet_stage import (
    CAP,
    CHAIN_ID,
    DELAY,
    DEPOSITS,
    WalletStage,
    refused,
    undone,
)
from tests.property.world import DAY, FOREVER, UNIT
from tests.signing import BUY, SELL, key_of, struct

ALL = sum(DEPOSITS.values())
FEE_BPS = 500  # the exchange's own cap


@pytest.fixture
def stage():
    """The wallet has the whole cap."""
    with undone(WalletStage) as stage:
        yield stage


def thefts(stage, thief):
    """Return batches of the wallet's that would take what it holds, or open a way to."""
    wallet, pusd, ctf, vault = stage.wallet, stage.pusd, stage.ctf, stage.vault
    return [
        stage.batch((pusd, "transfer", thief, CAP)),
        stage.batch((pusd, "approve", thief, FOREVER)),
        stage.batch((ctf, "setApprovalForAll", thief, True)),
        stage.batch((ctf, "safeTransferFrom", wallet.address, thief, stage.yes, 1, b"")),
        stage.batch((wallet, "authorizeSessionSigner", thief, FOREVER)),
        stage.batch((wallet, "transferOwnership", thief, FOREVER)),
        stage.batch((vault, "requestDeposit", CAP, thief, wallet.address)),
        stage.batch((stage.exchange, "pauseUser")),
        WalletBatch(
            wallet.address, wallet.nonce(), FOREVER, [WalletCall(stage.who["thief"], 0, b"")]
        ),
    ]


def test_no_session_key_can_be(stage):
    """Neither the key itself nor an envelope of it moves anything or signs an order."""
    thief = key_of("session thief")
    for batch in thefts(stage, thief.address):
        digest = batch.digest(CHAIN_ID)
        for signature in (
            session_signature(thief.address, sign_hash(thief, digest)),
            session_signature(stage.account.address, bytes(65)),
            session_signature(stage.owners[0].address, sign_hash(stage.owners[0], digest)),
        ):
            call = lambda b=batch, s=signature: stage.carry(b, s)  # noqa: E731
            assert refused(call) == "InvalidSignature"
    order = stage.order(100 * UNIT, 50)
    inner = sign_hash(thief, stage.nested(order))
    signed = session_signature(thief.address, stage.trailed(order, inner))
    sale = stage.theirs(100 * UNIT, 50, SELL)
    match = lambda: stage.match(struct(order, signed), sale, 50 * UNIT, 100 * UNIT)  # noqa: E731
    assert refused(match) == "InvalidSignature"
    assert stage.worth() == ALL


def test_the_relayers_operator_takes_nothing(stage):
    thief = key_of("relayer thief")
    old = stage.approvals()
    stage.by_keeper(stage.account, "admitReturn", 1, [], [], stage.world.now + DAY)
    for batch in (*thefts(stage, thief.address), replace(old, nonce=0)):
        for signature in (b"", bytes(65), sign_hash(thief, batch.digest(CHAIN_ID)), bytes(447)):
            call = lambda b=batch, s=signature: stage.carry(b, s)  # noqa: E731
            assert refused(call) in ("InvalidSignature", "InvalidNonce")
    # he makes himself a wallet under the account's id, and one of the account's under another
    again = ([thief.address], [address_word(stage.account.address)])
    deploy = lambda: stage.factory.deploy(*again, sender=stage.who["relayer"])  # noqa: E731
    assert refused(deploy) == "DeploymentFailed"
    # he carries nothing in any more: the money comes home without him
    stage.account.halt(sender=stage.who["guardian"])
    stage.world.wait(DELAY + 1)
    stage.account.withdraw(sender=stage.who["mallory"])
    assert stage.cash("account") == CAP
    assert stage.worth() == ALL


def test_an_admin_of_the_venue_delays_and_takes_nothing(stage):
    stage.account.halt(sender=stage.who["guardian"])
    stage.factory.setTimelockDelay(7 * DAY, sender=stage.who["venue"])
    stage.world.wait(7 * DAY)
    assert refused(lambda: stage.account.withdraw(sender=stage.who["mallory"])) == "wallet not open"
    stage.world.wait(1)
    stage.account.withdraw(sender=stage.who["mallory"])
    assert stage.worth() == ALL


def test_the_exchanges_operator_gets_the_fee_that_the_exchange_caps(stage):
    """One honest order, 1,000 YES at .50: 500, and at most 25 of fee on top."""
    order, sale = stage.order(1_000 * UNIT, 50), stage.theirs(1_000 * UNIT, 50, SELL)
    for forged in (
        struct(order),
        struct(order, stage.signed_by_keeper(order)),
        struct(order, stage.trailed(order, bytes(448))),
        struct(replace(order, makerAmount=str(510 * UNIT)), stage.ours(order)[-1]),
        struct(replace(order, salt="8"), stage.ours(order)[-1]),
        struct(replace(order, maker=stage.account.address), stage.ours(order)[-1]),
    ):
        assert refused(lambda f=forged: stage.match(f, sale, 500 * UNIT, 1_000 * UNIT))
    fee = 500 * UNIT * FEE_BPS // 10_000
    signed = stage.ours(order)
    more = lambda: stage.match(signed, sale, 500 * UNIT, 1_000 * UNIT, fee + 1)  # noqa: E731
    assert refused(more) == "FeeExceedsMaxRate"
    stage.match(signed, sale, 500 * UNIT, 1_000 * UNIT, fee)
    assert ALL - stage.worth() == 25 * UNIT
    again = lambda: stage.match(signed, sale, 500 * UNIT, 1_000 * UNIT)  # noqa: E731
    assert refused(again) == "OrderAlreadyFilled"


def churn(stage, fee_bps):
    """Buy dear and sell cheap inside the band, against the thief's own orders, to the last unit."""
    for turn in range(200):
        stage.report()
        cash = stage.cash("wallet")
        size = cash * 10_000 * 100 // ((10_000 + fee_bps) * 57) // UNIT * UNIT
        if size < UNIT:
            break
        paid, salt = size * 57 // 100, str(1_000 + turn)
        fee = paid * fee_bps // 10_000
        bought = stage.ours(stage.order(size, 57, BUY, salt=salt))
        stage.match(bought, stage.theirs(size, 57, SELL, salt=salt), paid, size, fee)
        sold = stage.ours(stage.order(size, 43, SELL, salt=salt))
        got = size * 43 // 100
        stage.match(
            sold, stage.theirs(size, 43, BUY, salt=salt), size, got, got * fee_bps // 10_000
        )


def test_two_of_the_keepers_owners_lose_at_most_the_cap(stage):
    thief = key_of("keeper thief")
    for call in (
        (stage.pusd, "transfer", thief.address, 1),
        (stage.wallet, "pause"),
        (stage.wallet, "withdrawERC20", stage.pusd.address, thief.address, 1),
        (stage.account, "payInKind", thief.address, 1, 1),
        (stage.account, "recall", 1),
        (stage.vault, "allocate", stage.id, 1),
        (stage.vault, "report", [], bytes(32)),
    ):
        assert refused(lambda c=call: stage.by_keeper(*c)) == "GS013"
    for batch in thefts(stage, thief.address):
        digest = batch.digest(CHAIN_ID)
        envelope = stage.signed_by_keeper(stage.order(UNIT, 50))
        for signature in (sign_hash(stage.owners[0], digest), envelope):
            call = lambda b=batch, s=signature: stage.carry(b, s)  # noqa: E731
            assert refused(call) == "InvalidSignature"
    churn(stage, 0)
    assert ALL - stage.worth() > CAP * 99 // 100, "he needs but the patience"
    assert ALL - stage.worth() <= CAP
    more = lambda: stage.by_keeper(stage.vault, "allocate", stage.id, 1)  # noqa: E731
    assert refused(more) == "GS013"


def test_all_of_them_together_lose_at_most_the_cap(stage):
    """Keeper, relayer, exchange and the venue's admin are one; the guardian halts too late."""
    thief = key_of("all of them").address
    stage.factory.setTimelockDelay(7 * DAY, sender=stage.who["venue"])
    order = stage.order(1_000 * UNIT, 57, BUY, salt="99")
    stage.exchange.preapproveOrder(stage.ours(order), sender=stage.operator)
    for batch in thefts(stage, thief):
        assert refused(lambda b=batch: stage.carry(b)) == "InvalidSignature"
    stage.account.halt(sender=stage.who["guardian"])
    # one pre-approved order lives on until the allowances are gone
    sale = stage.theirs(1_000 * UNIT, 57, SELL)
    fee = 570 * UNIT * FEE_BPS // 10_000
    stage.match(struct(order), sale, 570 * UNIT, 1_000 * UNIT, fee)
    assert ALL - stage.worth() == 70 * UNIT + fee
    stage.world.wait(7 * DAY + 1)
    stage.account.withdraw(sender=stage.who["mallory"])
    assert stage.cash("wallet") == 0
    assert ALL - stage.worth() == 70 * UNIT + fee


def test_all_of_them_together_without_a_halt_lose_at_most_the_cap(stage):
    churn(stage, FEE_BPS)
    assert CAP * 99 // 100 < ALL - stage.worth() <= CAP
    alice = stage.cash("alice")
    stage.world.leave("alice", stage.world.shares("alice"))
    assert stage.cash("alice") - alice == (ALL - CAP) * DEPOSITS["alice"] // ALL
