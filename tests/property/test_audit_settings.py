"""Every view of the vault is compared or says why not; where no event was seen that set something,
that is a difference (cases A4)."""

import random

import pytest
from strongroom.audit.contracts import Asked
from strongroom.audit.view_checks import view_differences
from strongroom.chain import abi

from tests.property.audited import audit, events_of, found_at_last, read_of
from tests.property.governed import governed_world, with_holders_say
from tests.property.life import WORLDS, lived
from tests.seeds import SEED

LIVES, STEPS = 6, 300
CODE = "audit/code.py compares the constructed code"
RECKONED = "reckoned from what is compared"
CONSTANT = "of the code alone"
NOT_COMPARED = {
    **dict.fromkeys(("DESK", "EXITS", "GOVERNANCE", "asset", "name", "symbol"), CODE),
    **dict.fromkeys(
        ("DOMAIN_SEPARATOR", "eip712Domain", "decimals", "supportsInterface"), CONSTANT
    ),
    **dict.fromkeys(("share", "vault", "marketId"), CONSTANT),
    **dict.fromkeys(("convertToAssets", "convertToShares", "accountOf", "orderTerms"), RECKONED),
    **dict.fromkeys(
        ("previewDeposit", "previewMint", "previewRedeem", "previewWithdraw"), "always refused"
    ),
    "nonces": "of signed allowances: their events say what they allow",
}
SETTING = (
    *("OwnershipTransferred", "RoleSet", "LimitSet", "FeesSet", "FeeRecipientsSet"),
    *("DepositTermsSet", "AllowListSet", "DelaySet", "Abdicated", "ClassAdded", "ClassCapsSet"),
    *("KeeperSet", "ClassRetired", "Paused"),
)


def world_of(number):
    """Return a world that has lived."""
    chance = random.Random(SEED + number)
    return lived(chance, STEPS, watched=False, **WORLDS[number]).world


@pytest.fixture(scope="module")
def governed():
    return with_holders_say(governed_world())


def test_every_view_is_compared_or_says_why_not(governed):
    views = {
        each["name"]
        for each in abi.load("Vault")
        if each["type"] == "function" and each["stateMutability"] in ("view", "pure")
    }
    asked = set()
    for world in (governed, *map(world_of, range(LIVES))):
        read = read_of(world)

        def noted(some: list[Asked], read=read):
            asked.update(name for name, _ in some)
            return read(some)

        assert view_differences(audit(world), world.now, noted) == []
    if SEED == 0:  # with others a life may lack a request, or an account to be swept
        assert views - asked == set(NOT_COMPARED)
    assert views - asked >= set(NOT_COMPARED)


@pytest.mark.parametrize("name", SETTING)
def test_a_setting_without_its_events_is_a_difference(governed, name):
    """All that have set it are hidden: the chain shows what no event explains."""
    whole = events_of(governed)
    left = [(time, [event for event in group if event.name != name]) for time, group in whole]
    assert sum(len(group) for _, group in left) < sum(len(group) for _, group in whole)
    ledger = audit(governed, [(time, group) for time, group in left if group])
    at_last = [each.what for each in found_at_last(governed, ledger)]
    assert ledger.differences or at_last
