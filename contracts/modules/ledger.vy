# pragma version 0.4.3
"""
@title The vault's assets
@license AGPL-3.0-only
@author Strongroom
@notice Which assets the vault holds for whom, and the only two functions that move them.
@dev Purpose: each unit of the asset in the vault belongs to somebody: to the holders together
     (total_idle), to depositors who wait (the deposit epochs, see requests.vy), or to redeemers
     who have not claimed yet (claimable_assets).
     Roles: owner for terms and allow-list; anyone else only through the vault's flows.
     Units: assets of the asset; shares have 18 decimals.
     Limits of use: a token that takes a fee on transfer is refused; one that changes balances by
     itself (rebasing) must not be used. One of more than 12 decimals is refused: there would be too
     few virtual shares to make an emptied vault safe for whoever comes next. Deposit limit and least
     deposit fit 128 and 120 bits.
@custom:security Assets are counted here and in the open deposit epoch, never by balanceOf: what
        is sent here unasked is nobody's and counts for nothing. Invariant: asset.balanceOf(self)
        >= total_idle + pending deposits + claimable_assets.
"""

from ethereum.ercs import IERC20
from ethereum.ercs import IERC20Detailed

from contracts.interfaces import IAllowList
from contracts.modules import units


event Withdraw:
    sender: indexed(address)
    receiver: indexed(address)
    owner: indexed(address)
    assets: uint256
    shares: uint256


event DepositTermsSet:
    deposit_limit: uint256
    min_deposit: uint256


event AllowListSet:
    allow_list: indexed(address)
    covers_transfers: bool


ALLOW_LIST: constant(uint256) = 1 << 255
TRANSFERS: constant(uint256) = 1 << 254
LISTED: constant(uint256) = ALLOW_LIST | TRANSFERS
UNLIMITED: constant(uint256) = units.U128  # the deposit limit that is none
DECIMALS: constant(uint8) = 18  # of the shares
MOST_DECIMALS: constant(uint8) = 12  # of the asset: at least a million virtual shares

asset: public(immutable(address))  # the stablecoin that is deposited and traded with
# Virtual shares, met by one virtual unit of the asset, make the first-depositor inflation attack a
# loss: 10 ** (18 - decimals of the asset).
VIRTUAL_SHARES: immutable(uint256)

total_idle: public(uint256)  # assets of the holders that are not in a market account
claimable_assets: public(uint256)  # paid for redeemed shares, not yet claimed
# most assets of NAV and pending deposits (128 bits) | least deposit << 128 (120 bits) | TRANSFERS,
# whether the list is asked for those, too | ALLOW_LIST, whether there is one
deposit_terms: uint256
allow_list: public(address)  # zero: everybody may deposit


@deploy
def __init__(asset_: address):
    assert asset_.is_contract, "asset has no code"
    asset = asset_
    decimals: uint8 = staticcall IERC20Detailed(asset_).decimals()
    assert decimals <= MOST_DECIMALS, "asset decimals"
    VIRTUAL_SHARES = 10 ** convert(DECIMALS - decimals, uint256)


@external
@view
def coversTransfers() -> bool:
    """
    @return Whether whoever gets shares from somebody else must be on the allow-list.
    """
    return self.deposit_terms & TRANSFERS != 0


@external
@view
def depositTerms() -> (uint256, uint256):
    """
    @return Most assets that NAV and pending deposits may reach, and the least deposit, in assets.
    """
    return self._terms(self.deposit_terms)


@internal
def _set_deposit_terms(deposit_limit: uint256, min_deposit: uint256):
    assert deposit_limit <= units.U128 and min_deposit <= units.U120, "amount too large"
    self.deposit_terms = (self.deposit_terms & LISTED) | deposit_limit | (min_deposit << 128)
    log DepositTermsSet(deposit_limit=deposit_limit, min_deposit=min_deposit)


@internal
def _set_allow_list(new: address, covers_transfers: bool):
    assert new == empty(address) or new.is_contract, "address has no code"
    assert new != empty(address) or not covers_transfers, "no allow-list"
    self.allow_list = new
    word: uint256 = self.deposit_terms & ~LISTED
    if new != empty(address):
        word |= ALLOW_LIST
    if covers_transfers:
        word |= TRANSFERS
    self.deposit_terms = word
    log AllowListSet(allow_list=new, covers_transfers=covers_transfers)


@internal
@pure
def _terms(word: uint256) -> (uint256, uint256):
    """
    @return Deposit limit and least deposit, assets.
    """
    return word & units.U128, (word >> 128) & units.U120


@internal
@view
def _check_allowed(word: uint256, account: address):
    if word & ALLOW_LIST != 0:
        assert staticcall IAllowList(self.allow_list).isAllowed(account), "not on the allow-list"


@internal
@view
def _check_transfer(account: address):
    """
    @dev Shares that change hands: asked only where the list covers transfers.
    """
    if self.deposit_terms & TRANSFERS != 0:
        assert staticcall IAllowList(self.allow_list).isAllowed(account), "not on the allow-list"


@internal
def _pull(sender: address, assets: uint256):
    """
    @dev An asset that takes a fee of its transfers would let newcomers be paid for by the others.
         That the asset has code was checked when this code was deployed.
    """
    before: uint256 = self._balance()
    assert extcall IERC20(asset).transferFrom(
        sender, self, assets, default_return_value=True, skip_contract_check=True
    ), "transfer failed"
    assert self._balance() == before + assets, "asset takes a fee"


@internal
@view
def _balance() -> uint256:
    return staticcall IERC20(asset).balanceOf(self, skip_contract_check=True)


@internal
def _pay_claim(controller: address, receiver: address, shares: uint256, assets: uint256):
    self.claimable_assets -= assets
    log Withdraw(
        sender=msg.sender, receiver=receiver, owner=controller, assets=assets, shares=shares
    )
    self._push(receiver, assets)


@internal
def _push(receiver: address, assets: uint256):
    assert receiver != empty(address), "no receiver"
    assert extcall IERC20(asset).transfer(receiver, assets, default_return_value=True), "transfer failed"
