"""The properties of ERC-7540, 4626 and 20 that public suites test, over seeded lives."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.property.evm import Reverted
from tests.property.life import SCENES, Life, lived
from tests.property.world import (
    DEPOSIT,
    NOBODY,
    REDEEM,
    SHARE,
    SIDES,
    UNIT,
    USERS,
    VIRTUAL,
    World,
)
from tests.seeds import SEEDS, dice, enough

CLAIMS = (("deposit", "maxDeposit"), ("mint", "maxMint"))
CLAIMS += (("redeem", "maxRedeem"), ("withdraw", "maxWithdraw"))


@pytest.fixture(params=SEEDS)
def stages(request) -> Iterator[tuple[World, Any]]:
    """Ten states along a life, each with the chance that leads on."""

    def walk() -> Iterator[tuple[World, Any]]:
        chance = dice("standard", request.param)
        life: Life = lived(chance, 40, **SCENES[request.param % len(SCENES)])
        for _ in range(10):
            for _ in range(12):
                life.step(chance)
            yield life.world, chance

    return walk()


def undone(world: World, call: Any, *arguments: Any, sender: str) -> Any:
    """Return what a call returns, or why it reverts; and undo it."""
    point = world.snapshot()
    try:
        return call(*arguments, sender=sender)
    except Reverted as reverted:
        return str(reverted)
    finally:
        world.restore(point)


def test_conversions_stand_for_nav_and_round_down(stages):
    for world, chance in stages:
        vault = world.vault
        supply, assets = vault.totalSupply(), vault.totalAssets()
        offset = assets * VIRTUAL // (supply + VIRTUAL) + 1
        assert 0 <= assets - vault.convertToAssets(supply) <= offset
        amount = chance.randrange(1, 10**10)
        assert vault.convertToAssets(vault.convertToShares(amount)) <= amount
        shares = amount * 10**6
        assert vault.convertToShares(vault.convertToAssets(shares)) <= shares


def test_max_functions_never_revert(stages):
    for world, _ in stages:
        for who in (*world.who.values(), NOBODY, world.vault.address):
            for _, name in CLAIMS:
                getattr(world.vault, name)(who)


def test_claiming_max_succeeds_and_more_than_max_reverts(stages):
    claimed = 0
    for world, _ in stages:
        for who in map(world.who.get, USERS):
            for name, most_of in CLAIMS:
                call, most = getattr(world.vault, name), getattr(world.vault, most_of)(who)
                assert undone(world, call, most + 1, who, who, sender=who) == "exceeds claimable"
                if most:
                    assert not isinstance(undone(world, call, most, who, who, sender=who), str)
                    claimed += 1
    assert enough(claimed, 10)


def test_claims_by_assets_and_by_shares_give_the_same(stages):
    """Taken in two parts or one, by in units or out units: never more than all at once."""
    for world, chance in stages:
        for who in USERS:
            for side in SIDES:
                some_in, some_out = world.claimable(side, who)
                if some_in < 2 or not some_out:
                    continue
                point = world.snapshot()
                first = world.claim(side, who, chance.randrange(1, some_in))
                rest_in, rest_out = world.claimable(side, who)
                assert first + rest_out <= some_out
                if rest_in:
                    assert world.claim(side, who, rest_in) <= rest_out
                world.restore(point)


def test_what_is_pending_and_what_is_claimable_is_what_was_asked(stages):
    """A request's assets and shares are never counted twice, and never lost but for dust."""
    for world, _ in stages:
        vault = world.vault
        for who in USERS:
            address = world.who[who]
            for side, (pending, claimable) in (
                (DEPOSIT, (vault.pendingDepositRequest, vault.claimableDepositRequest)),
                (REDEEM, (vault.pendingRedeemRequest, vault.claimableRedeemRequest)),
            ):
                total = 0
                for epoch in vault.liveEpochs(side, address):
                    left = vault.epochOf(side, epoch)[1]
                    assert pending(epoch, address) <= left
                    total += claimable(epoch, address)
                assert total == world.claimable(side, who)[0]


def test_nothing_can_be_asked_for_that_is_not_there(stages):
    for world, _ in stages:
        vault = world.vault
        for who in map(world.who.get, USERS):
            assets, shares = world.pusd.balanceOf(who), vault.balanceOf(who)
            said = undone(world, vault.requestDeposit, assets + 1, who, who, sender=who)
            assert said in ("InsufficientBalance", "winding down", "paused")
            said = undone(world, vault.requestRedeem, shares + 1, who, who, sender=who)
            assert said == "erc20: transfer amount exceeds balance"
            assert undone(world, vault.requestRedeem, 0, who, who, sender=who) == (
                "nothing to redeem"
            )


def test_previews_of_asynchronous_flows_revert(stages):
    for world, _ in stages:
        for name in ("previewDeposit", "previewMint", "previewRedeem", "previewWithdraw"):
            for amount in (0, 1, UNIT):
                with pytest.raises(Reverted, match="asynchronous"):
                    getattr(world.vault, name)(amount)


def test_only_a_controller_or_its_operator_claims_and_takes_back(stages):
    for world, _ in stages:
        vault, mallory = world.vault, world.who["mallory"]
        for who in map(world.who.get, USERS):
            for name, most_of in CLAIMS:
                most = getattr(vault, most_of)(who)
                call = getattr(vault, name)
                said = undone(world, call, most, mallory, who, sender=mallory)
                assert said == "not authorised"
            point = world.snapshot()
            vault.setOperator(mallory, True, sender=who)
            if most := vault.maxDeposit(who):
                vault.deposit(most, mallory, who, sender=mallory)
                assert vault.balanceOf(mallory)
            vault.setOperator(mallory, False, sender=who)
            world.restore(point)


def test_shares_move_as_an_erc20s_do(stages):
    for world, chance in stages:
        vault, alice, maker = world.vault, world.who["alice"], world.who["maker"]
        before, amount = vault.balanceOf(alice), chance.randrange(1, SHARE)
        point, supply = world.snapshot(), vault.totalSupply()
        vault.approve(maker, amount, sender=alice)
        if before >= amount:
            vault.transferFrom(alice, maker, amount, sender=maker)
            assert (vault.balanceOf(alice), vault.balanceOf(maker)) == (before - amount, amount)
            assert vault.allowance(alice, maker) == 0
        with pytest.raises(Reverted):
            vault.transferFrom(alice, maker, amount, sender=maker)
        assert vault.totalSupply() == supply
        world.restore(point)


def test_interfaces_that_it_says_it_has():
    vault = World().vault
    for interface in ("01ffc9a7", "e3bc4e65", "ce3bbe50", "620ee8e4", "2f0a18c5", "f815c03d"):
        assert vault.supportsInterface(bytes.fromhex(interface))
    assert not vault.supportsInterface(bytes.fromhex("ffffffff"))
    assert vault.share() == vault.address.lower()
    assert vault.vault(vault.asset()) == vault.address.lower()
    assert vault.vault(NOBODY) == NOBODY
