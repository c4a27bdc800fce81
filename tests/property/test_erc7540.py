"""The properties of ERC-7540, 4626 and 20 that public suites test, over seeded lives."""

import pytest
from strongroom.backtest.simulated_vault import DEPOSIT, REDEEM
from strongroom.chain.units import VIRTUAL_SHARES

from tests.defaults import UNIT
from tests.property.evm import Reverted
from tests.property.lives import lived
from tests.property.world import USERS, World
from tests.seeds import SEEDS, enough

NOBODY = "0x" + "00" * 20
CLAIMS = (("deposit", "maxDeposit", DEPOSIT), ("mint", "maxMint", DEPOSIT))
CLAIMS += (("redeem", "maxRedeem", REDEEM), ("withdraw", "maxWithdraw", REDEEM))


@pytest.fixture(params=SEEDS)
def stages(request, project):
    """Twenty states along a life, each with the chance that leads on."""

    def walk():
        world, chance = lived(project, request.param, 60)
        for _ in range(20):
            for _ in range(15):
                world.step(chance)
            yield world, chance
            world.claim_all()

    return walk()


def undone(world: World, call, *arguments, sender: str):
    """Return what a call returns, and the state after it, or why it reverts; and undo it."""
    point = world.evm.snapshot()
    kept = len(world.evm.transactions)
    try:
        return call(*arguments, sender=sender), _state(world)
    except Reverted as reverted:
        return str(reverted)
    finally:
        world.evm.revert(point)
        del world.evm.transactions[kept:]


def _state(world: World) -> tuple:
    vault, owner = world.vault, world.who["alice"]
    return (
        vault.navs(),
        vault.totalSupply(),
        vault.balanceOf(owner),
        vault.allowance(owner, world.who["maker"]),
        world.pusd.balanceOf(owner),
        *(getattr(vault, most)(owner) for _, most, _ in CLAIMS),
    )


def test_convert_to_assets_of_total_supply_is_total_assets_within_the_offset(stages):
    for world, _ in stages:
        supply, assets = world.vault.totalSupply(), world.vault.totalAssets()
        offset = assets * VIRTUAL_SHARES // (supply + VIRTUAL_SHARES) + 1
        assert 0 <= assets - world.vault.convertToAssets(supply) <= offset
        shares_offset = (supply + VIRTUAL_SHARES) // (assets + 1) + VIRTUAL_SHARES
        assert abs(supply - world.vault.convertToShares(assets)) <= shares_offset


def test_conversions_round_down(stages):
    for world, chance in stages:
        amount = chance.randrange(1, 10**10)
        assert world.vault.convertToAssets(world.vault.convertToShares(amount)) <= amount
        shares = amount * 10**6
        assert world.vault.convertToShares(world.vault.convertToAssets(shares)) <= shares


def test_max_functions_never_revert(stages):
    for world, _ in stages:
        for who in (*world.who.values(), NOBODY, world.vault.address):
            for name in ("maxDeposit", "maxMint", "maxRedeem", "maxWithdraw"):
                getattr(world.vault, name)(who)


def test_claiming_max_succeeds_and_more_than_max_reverts(stages):
    claimed = 0
    for world, _ in stages:
        for who in map(world.who.get, USERS):
            for name, most_of, _side in CLAIMS:
                call, most = getattr(world.vault, name), getattr(world.vault, most_of)(who)
                assert undone(world, call, most + 1, who, who, sender=who) == "exceeds claimable"
                if most:
                    assert not isinstance(undone(world, call, most, who, who, sender=who), str)
                    claimed += 1
    assert enough(claimed, 21)


def test_no_shares_are_free(stages):
    """Synchronous dealing, both ways: nothing for nothing, and rounding against the dealer."""
    for world, chance in stages:
        vault, who = world.vault, world.who["alice"]
        assert undone(world, vault.syncDeposit, 0, who, sender=who) == "below the least deposit"
        assert undone(world, vault.syncRedeem, 0, who, who, sender=who) == "nothing to redeem"
        world.sync_all()
        (bid, ask), whole = vault.navs(), vault.totalSupply() + VIRTUAL_SHARES
        for assets in (1, 2, chance.randrange(3, 10**10)):
            got = undone(world, vault.syncDeposit, assets, who, sender=who)
            if not isinstance(got, str):
                assert got[0] * (ask + 1) <= assets * whole
        for shares in (1, chance.randrange(2, 10**16)):
            got = undone(world, vault.syncRedeem, shares, who, who, sender=who)
            if not isinstance(got, str):
                assert got[0] * whole <= shares * (bid + 1)


def test_requesting_more_than_the_balance_reverts(stages):
    for world, _ in stages:
        for who in map(world.who.get, USERS):
            assets, shares = world.pusd.balanceOf(who), world.vault.balanceOf(who)
            for call, most in (
                (world.vault.requestDeposit, assets),
                (world.vault.requestRedeem, shares),
            ):
                got = undone(world, call, most + 1, who, who, sender=who)
                assert got in ("erc20: transfer amount exceeds balance", "winding down")


def test_previews_of_asynchronous_flows_revert(stages):
    for world, _ in stages:
        for name in ("previewDeposit", "previewMint", "previewRedeem", "previewWithdraw"):
            for amount in (0, 1, UNIT):
                with pytest.raises(Reverted, match="asynchronous"):
                    getattr(world.vault, name)(amount)


def test_pending_and_claimable_and_claimed_is_what_was_requested(stages):
    """For every controller and request, a rounding of one unit apart."""
    seen = 0
    for world, _ in stages:
        vault = world.vault
        for side, pending, claimable in (
            (DEPOSIT, vault.pendingDepositRequest, vault.claimableDepositRequest),
            (REDEEM, vault.pendingRedeemRequest, vault.claimableRedeemRequest),
        ):
            for number, epoch in enumerate(world.model.epochs[side], start=1):
                for who, asked in epoch.asked.items():
                    address, claimed = world.who[who], epoch.claimed_in.get(who, 0)
                    if epoch.closed and epoch.settled_in == epoch.total and claimed == asked:
                        continue  # claimed entirely and forgotten
                    total = pending(number, address) + claimable(number, address) + claimed
                    assert 0 <= asked - total <= 1
                    seen += 1
    assert enough(seen, 21)


def test_operators_can_do_exactly_what_owners_can(stages):
    """Each act by the owner and by an operator: the same state, or the same refusal."""
    same = 0
    for world, _ in stages:
        vault, owner, operator = world.vault, world.who["alice"], world.who["maker"]
        shares = vault.balanceOf(owner)
        acts = [
            ("requestDeposit", (UNIT, owner, owner)),
            ("requestRedeem", (shares // 2 + 1, owner, owner)),
            ("syncRedeem", (shares // 3 + 1, owner, owner)),
            ("cancelDepositRequest", (owner, owner)),
            ("cancelRedeemRequest", (owner, owner)),
            *((name, (getattr(vault, most)(owner), owner, owner)) for name, most, _ in CLAIMS),
        ]
        for name, arguments in acts:
            call = getattr(vault, name)
            vault.setOperator(operator, True, sender=owner)
            by_owner = undone(world, call, *arguments, sender=owner)
            assert undone(world, call, *arguments, sender=operator) == by_owner
            vault.setOperator(operator, False, sender=owner)
            refused = undone(world, call, *arguments, sender=operator)
            assert refused in ("not authorised", "erc20: insufficient allowance")
            same += not isinstance(by_owner, str)
    assert enough(same, 51)


def test_a_redemption_by_allowance_spends_it(stages):
    for world, _ in stages:
        vault, owner, spender = world.vault, world.who["alice"], world.who["maker"]
        shares = vault.balanceOf(owner) // 2
        if shares == 0:
            continue
        vault.approve(spender, shares, sender=owner)
        call = vault.requestRedeem
        more = undone(world, call, shares + 1, owner, owner, sender=spender)
        assert more == "erc20: insufficient allowance"
        _, state = undone(world, call, shares, owner, owner, sender=spender)
        assert state[2:4] == (vault.balanceOf(owner) - shares, 0)  # nothing allowed any more
        vault.approve(spender, 0, sender=owner)


def test_interfaces_are_declared(project):
    world, _ = lived(project, 0, 1)
    for interface in ("01ffc9a7", "e3bc4e65", "ce3bbe50", "620ee8e4", "2f0a18c5", "f815c03d"):
        assert world.vault.supportsInterface(bytes.fromhex(interface))
    assert not world.vault.supportsInterface(b"\xff" * 4)
    assert world.vault.share() == world.vault.address.lower()
    assert world.vault.vault(world.pusd.address) == world.vault.address.lower()
    assert world.vault.vault(NOBODY) == NOBODY
