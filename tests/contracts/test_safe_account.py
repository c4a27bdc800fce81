"""SafeAccount: a market's account that owns a Safe; a key trades it and cannot withdraw."""

import pytest

from tests.contracts.wallet_stage import CAP, DEPOSITS, SafeStage, refused, undone
from tests.property.world import FOREVER, NOBODY, UNIT
from tests.signing import BUY, SELL, key_of, struct

BOUGHT = 1_000 * UNIT  # YES, for 500 of the 10,000
ALL = sum(DEPOSITS.values())


@pytest.fixture
def stage():
    """The Safe has the whole cap."""
    with undone(SafeStage) as stage:
        yield stage


@pytest.fixture
def fresh():
    """The account is there, its Safe is not."""
    with undone(SafeStage, funded=False) as fresh:
        yield fresh


def test_the_key_trades_what_the_safe_holds(stage):
    stage.buy(BOUGHT)
    assert (stage.cash("wallet"), stage.held("wallet")) == (CAP - 500 * UNIT, BOUGHT)
    sale = stage.ours(stage.order(400 * UNIT, 51, SELL))
    stage.match(stage.theirs(400 * UNIT, 51, BUY), sale, 204 * UNIT, 400 * UNIT)
    assert (stage.cash("wallet"), stage.held("wallet")) == (CAP - 296 * UNIT, 600 * UNIT)


def test_the_account_is_the_only_owner_and_the_key_moves_nothing(stage):
    """What the key signs as an owner is worth nothing to the Safe any more."""
    assert [each.lower() for each in stage.wallet.getOwners()] == [stage.account.address.lower()]
    thief = stage.who["thief"]
    for contract, name, *arguments in (
        (stage.pusd, "transfer", thief, CAP),
        (stage.pusd, "approve", thief, FOREVER),
        (stage.wallet, "enableModule", thief),
        (stage.wallet, "addOwnerWithThreshold", thief, 1),
    ):
        data = contract.data(name, *arguments)
        signature = stage.by_key(contract, name, *arguments, nonce=stage.wallet.nonce())
        call = (contract.address, 0, data, 0, 0, 0, 0, NOBODY, NOBODY, signature)
        assert refused(lambda c=call: stage.wallet.execTransaction(*c, sender=thief)) == "GS026"
    assert stage.worth() == ALL


def test_a_safe_is_adopted_by_the_keeper_and_its_first_transaction_alone(fresh):
    account, other = fresh.account, key_of("somebody")

    def refuses(signature, key=fresh.key):
        call = ("adopt", key.address, signature)
        return refused(lambda: fresh.by_keeper(account, *call)) == "GS013"

    assert refuses(fresh.hand_over()), "it is not there yet"
    fresh.make_safe()
    assert refuses(fresh.hand_over(to=fresh.who["mallory"]))
    assert refuses(fresh.hand_over(), key=other)
    assert refuses(bytes(65))
    fresh.by_keeper(account, "adopt", fresh.key.address, fresh.hand_over())
    assert (account.safe(), account.key()) == (
        fresh.wallet_address.lower(),
        fresh.key.address.lower(),
    )
    assert refuses(fresh.hand_over()), "once"


def test_nobody_but_the_keeper_says_whose_key_trades(fresh):
    """A stranger's Safe would trade the budget at the stranger's prices."""
    fresh.make_safe()
    for who in ("mallory", "guardian", "owner"):
        adopt = lambda who=who: fresh.account.adopt(  # noqa: E731
            fresh.key.address, fresh.hand_over(), sender=fresh.who[who]
        )
        assert refused(adopt) == "not the keeper"


@pytest.mark.parametrize("before", ["approval", "module", "owner"])
def test_a_safe_that_has_done_anything_is_never_adopted(fresh, before):
    fresh.make_safe()
    thief = fresh.who["thief"]
    contract, name, *arguments = {
        "approval": (fresh.pusd, "approve", thief, FOREVER),
        "module": (fresh.wallet, "enableModule", thief),
        "owner": (fresh.wallet, "addOwnerWithThreshold", thief, 1),
    }[before]
    signature = fresh.by_key(contract, name, *arguments)
    data = contract.data(name, *arguments)
    call = (contract.address, 0, data, 0, 0, 0, 0, NOBODY, NOBODY, signature)
    fresh.wallet.execTransaction(*call, sender=thief)
    adopt = ("adopt", fresh.key.address, fresh.hand_over(nonce=1))
    assert refused(lambda: fresh.by_keeper(fresh.account, *adopt)) == "GS013"


def test_nobody_but_the_vault_initializes(fresh):
    initialize = lambda: fresh.account.initialize(sender=fresh.who["mallory"])  # noqa: E731
    assert refused(initialize) == "not the vault"


def test_nothing_goes_out_before_a_safe_is_adopted(fresh):
    fresh.by_keeper(fresh.vault, "allocate", fresh.id, CAP)
    for call in (("fund", CAP), ("approveExchange",), ("fundTokens", 0, 1)):
        assert refused(lambda c=call: fresh.by_keeper(fresh.account, *c)) == "GS013"
    assert refused(lambda: fresh.account.withdraw(sender=fresh.who["guardian"])) == "no wallet"


def test_all_comes_home_at_once_without_the_venue(stage):
    stage.buy(BOUGHT)
    mallory = stage.who["mallory"]
    take = lambda: stage.account.withdraw(sender=mallory)  # noqa: E731
    assert refused(take) == "not allowed to take back"
    stage.account.withdraw(sender=stage.who["guardian"])
    assert (stage.cash("account"), stage.held("account")) == (9_500 * UNIT, BOUGHT)
    assert stage.pusd.allowance(stage.wallet_address, stage.exchange.address) == FOREVER


def test_a_halt_ends_pre_approved_orders_at_once(stage):
    order = stage.ours(stage.order(BOUGHT, 50))
    stage.exchange.preapproveOrder(order, sender=stage.operator)
    stage.account.halt(sender=stage.who["guardian"])
    assert (stage.cash("account"), stage.cash("wallet")) == (CAP, 0)
    stage.pusd.transfer(stage.wallet_address, CAP, sender=stage.who["maker"])
    sale = stage.theirs(BOUGHT, 50, SELL)
    for signature in (order[-1], b""):
        signed = (*order[:-1], signature)
        assert refused(lambda s=signed: stage.match(s, sale, 500 * UNIT, BOUGHT))
    assert stage.cash("wallet") == CAP
    assert stage.account.withdraw(sender=stage.who["mallory"]) == CAP


def test_prices_are_not_enforced(stage):
    """What the class says: the key buys at .99 what is worth .50, and nobody's rule refuses it."""
    order, sale = stage.order(BOUGHT, 99), stage.theirs(BOUGHT, 99, SELL)
    stage.match(stage.ours(order), sale, 990 * UNIT, BOUGHT)
    assert ALL - stage.worth() == 490 * UNIT


def test_who_holds_key_keeper_relayer_and_exchange_takes_at_most_the_cap(stage):
    """He buys for all that there is what is worth nothing; more does not come."""
    size = CAP * 100 // 99 // UNIT * UNIT
    stage.match(
        stage.ours(stage.order(size, 99)),
        stage.theirs(size, 99, SELL),
        size * 99 // 100,
        size,
    )
    stage.report(0, 1)
    assert CAP * 99 // 100 < ALL - stage.worth(cents=0) <= CAP
    assert refused(lambda: stage.by_keeper(stage.vault, "allocate", stage.id, UNIT)) == "GS013"


def test_the_orders_of_another_key_are_refused(stage):
    made = stage.ours(stage.order(BOUGHT, 50))
    other = key_of("somebody")
    forged = (made[0], made[1], other.address, *made[3:])
    sale = stage.theirs(BOUGHT, 50, SELL)
    assert refused(lambda: stage.match(forged, sale, 500 * UNIT, BOUGHT)) == "InvalidSignature"
    assert refused(lambda: stage.match(struct(stage.order(BOUGHT, 50)), sale, 1, 1))


def test_the_vault_counts_what_the_safe_holds(stage):
    stage.buy(BOUGHT)
    stage.report(48, 52)
    held, ((yes, no, *_),) = stage.account.positions()
    assert (held, yes, no) == (9_500 * UNIT, BOUGHT, 0)
    assert stage.account.away() == 9_500 * UNIT + BOUGHT
    assert stage.vault.custody() == (90_000 * UNIT, 0, 9_980 * UNIT)


def test_who_leaves_in_kind_gets_his_part_of_all_collateral(stage):
    stage.buy(BOUGHT)
    before = stage.cash("alice")
    stage.world.leave("alice", stage.world.shares("alice"))
    assert stage.cash("alice") - before == (90_000 + 9_500) * UNIT * 60 // 100
    assert stage.held("alice") == 0
    assert stage.held("wallet") == BOUGHT


def test_a_resolved_market_is_closed_by_anyone_at_once(stage):
    """YES pays 1: 9,500 and 1,000; a late return comes home by a sweep."""
    stage.buy(BOUGHT)
    stage.ctf.reportPayouts(stage.question_id, [1, 0], sender=stage.who["oracle"])
    stage.vault.closeMarket(stage.id, sender=stage.who["mallory"])
    assert stage.pusd.balanceOf(stage.vault.address) == (90_000 + 10_500) * UNIT
    stage.pusd.transfer(stage.wallet_address, 7 * UNIT, sender=stage.who["maker"])
    assert stage.vault.sweep(stage.account.address, sender=stage.who["mallory"]) == 7 * UNIT


def test_while_it_trades_nobody_empties_the_safe_by_a_redemption(stage):
    stage.account.redeemResolved(sender=stage.who["mallory"])
    assert stage.cash("wallet") == CAP


def test_an_events_safe_brings_home_each_of_its_tokens():
    stage = SafeStage(negative_risk=True)
    stage.fund()
    stage.buy(BOUGHT)
    for index in (2, 5):
        half = (stage.pusd.address, bytes(32), stage.conditions[index // 2], [1, 2])
        stage.adapter.splitPosition(*half, 50 * UNIT, sender=stage.mm.address)
        moved = (stage.mm.address, stage.wallet_address, stage.tokens[index], 50 * UNIT, b"")
        stage.ctf.safeTransferFrom(*moved, sender=stage.mm.address)
    stage.account.halt(sender=stage.who["guardian"])
    held = [stage.held("account", index) for index in range(6)]
    assert held == [BOUGHT, 0, 50 * UNIT, 0, 0, 50 * UNIT]
