# pragma version 0.4.3
"""
@title Admins that pause an asset
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: what the venue's ramps and collateral adapters share (VENUE c2): admins, of
        whom the deployer is the first, and a pause for each asset.
"""

event Paused:
    asset: indexed(address)


event Unpaused:
    asset: indexed(address)


paused: public(HashMap[address, bool])
is_admin: HashMap[address, bool]


@deploy
def __init__():
    self.is_admin[msg.sender] = True


@external
def pause(asset: address):
    """
    @notice Stops what moves `asset`. Admin only.
    """
    self._check_admin()
    self.paused[asset] = True
    log Paused(asset=asset)


@external
def unpause(asset: address):
    """
    @notice Lets `asset` move again. Admin only.
    """
    self._check_admin()
    self.paused[asset] = False
    log Unpaused(asset=asset)


@external
def addAdmin(account: address):
    """
    @notice Makes an admin. Admin only.
    """
    self._check_admin()
    self.is_admin[account] = True


@external
def removeAdmin(account: address):
    """
    @notice Removes an admin. Admin only.
    """
    self._check_admin()
    self.is_admin[account] = False


@internal
@view
def _check_unpaused(asset: address):
    if self.paused[asset]:
        raw_revert(method_id("OnlyUnpaused()"))


@internal
@view
def _check_admin():
    if not self.is_admin[msg.sender]:
        raw_revert(method_id("Unauthorized()"))
