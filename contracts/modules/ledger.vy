# pragma version 0.4.3
"""
@title The vault's assets
@license AGPL-3.0-only
@author Probity
@notice Which assets the vault holds for whom, and the only two functions that move them.
@custom:security Assets are counted here and in the open deposit epoch, never by balanceOf, so a
        gift changes no price. Invariant: asset.balanceOf(self) >= total_idle + pending deposits
        + claimable_assets.
"""

from ethereum.ercs import IERC20


event DepositTermsSet:
    deposit_limit: uint256
    min_deposit: uint256


U128: constant(uint256) = 2**128 - 1
# Virtual shares (and one virtual asset) make the first-depositor inflation attack a loss.
VIRTUAL_SHARES: constant(uint256) = 10**6

asset: public(immutable(address))

total_idle: public(uint256)  # assets of the holders that are not in a market account
claimable_assets: public(uint256)  # paid for redeemed shares, not yet claimed
deposit_terms: uint256  # most assets of NAV and pending deposits (128 bits) | least deposit << 128


@deploy
def __init__(asset_: address):
    assert asset_.is_contract, "asset has no code"
    asset = asset_


@external
@view
def depositTerms() -> (uint256, uint256):
    """
    @return Most assets that NAV and pending deposits may reach, and the least deposit, in assets.
    """
    word: uint256 = self.deposit_terms
    return word & U128, word >> 128


@internal
def _set_deposit_terms(deposit_limit: uint256, min_deposit: uint256):
    assert deposit_limit <= U128 and min_deposit <= U128, "amount too large"
    self.deposit_terms = deposit_limit | (min_deposit << 128)
    log DepositTermsSet(deposit_limit=deposit_limit, min_deposit=min_deposit)


@internal
def _pull(sender: address, assets: uint256):
    assert extcall IERC20(asset).transferFrom(
        sender, self, assets, default_return_value=True
    ), "transfer failed"


@internal
def _push(receiver: address, assets: uint256):
    assert receiver != empty(address), "no receiver"
    assert extcall IERC20(asset).transfer(receiver, assets, default_return_value=True), "transfer failed"
