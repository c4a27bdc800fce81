# pragma version 0.4.3
"""
@title What the modules of binary and of exclusive questions share
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: splits, merges and redeems what already lies in the module, for whoever calls
        and to whomever he names; keeps results; knows who may report one (VENUE d2, d3). Leaves
        out the migration of the first protocol's tokens.
"""

from contracts.devnet.modules import venue_roles
from contracts.interfaces import IPositionManager
from contracts.modules import position_ids as ids

uses: venue_roles


interface ICollateral:
    def mint(receiver: address, amount: uint256): nonpayable
    def burn(amount: uint256): nonpayable


event PositionsSplit:
    initiator: indexed(address)
    condition: indexed(bytes31)
    recipient0: indexed(address)
    recipient1: address
    amount: uint256


event PositionsMerged:
    initiator: indexed(address)
    condition: indexed(bytes31)
    recipient: indexed(address)
    amount: uint256


event PositionRedeemed:
    initiator: indexed(address)
    position_id: indexed(uint256)
    recipient: indexed(address)
    amount: uint256
    payout: uint256


event ConditionResolved:
    condition: indexed(bytes31)
    result: DynArray[uint256, MAX_RESULT]


event ResultReported:
    resolver: indexed(address)
    condition: indexed(bytes31)
    result: DynArray[uint256, MAX_RESULT]


event BridgePositionMinted:
    receiver: indexed(address)
    position_id: indexed(uint256)
    amount: uint256


event BridgePositionsBurned:
    positions: DynArray[uint256, MAX_BATCH]
    amounts: DynArray[uint256, MAX_BATCH]


event ResolverPaused:
    resolver: indexed(address)
    timestamp: uint256


event ResolverUnpaused:
    resolver: indexed(address)


event ResolutionPaused:
    id: indexed(bytes29)
    timestamp: uint256


event ResolutionUnpaused:
    id: indexed(bytes29)


WHOLE: constant(uint256) = 1_000_000  # what a result's two numbers add up to
POLYGON: constant(uint256) = 0  # the chain whose resolver may report
MAX_RESULT: constant(uint256) = 8  # numbers that a report may bring; two are right
MAX_RECIPIENTS: constant(uint256) = 8  # likewise
MAX_BATCH: constant(uint256) = 257

POSITION_MANAGER: public(immutable(address))
COLLATERAL_TOKEN: public(immutable(address))
MODULE_ID: immutable(uint256)

result: public(HashMap[bytes31, DynArray[uint256, MAX_RESULT]])  # what was reported
resolverPausedAt: public(HashMap[address, uint256])
resolutionPausedAt: public(HashMap[bytes29, uint256])


@deploy
def __init__(position_manager: address, module_id: uint256):
    POSITION_MANAGER = position_manager
    COLLATERAL_TOKEN = staticcall IPositionManager(position_manager).COLLATERAL_TOKEN()
    MODULE_ID = module_id


@external
@view
def moduleId() -> uint256:
    """
    @return The module's number, the highest byte of its ids.
    """
    return MODULE_ID


@external
@view
def RESOLUTION_CHAIN() -> uint256:
    """
    @return The chain whose ids a resolver may report.
    """
    return POLYGON


# Complete sets


@external
def split(recipients: DynArray[address, MAX_RECIPIENTS], condition: bytes31, amount: uint256):
    """
    @notice Makes YES for the first and NO for the second recipient out of the module's collateral.
            No condition has to exist.
    """
    if len(recipients) != 2:
        raw_revert(method_id("InvalidArrayLength()"))
    yes: uint256 = ids._word(condition)
    extcall IPositionManager(POSITION_MANAGER).mint(recipients[0], yes, amount)
    extcall IPositionManager(POSITION_MANAGER).mint(recipients[1], yes | 1, amount)
    extcall ICollateral(COLLATERAL_TOKEN).burn(amount)
    log PositionsSplit(
        initiator=msg.sender,
        condition=condition,
        recipient0=recipients[0],
        recipient1=recipients[1],
        amount=amount,
    )


@external
def merge(recipient: address, condition: bytes31, amount: uint256):
    """
    @notice Makes collateral out of YES and NO that the module holds.
    """
    yes: uint256 = ids._word(condition)
    extcall ICollateral(COLLATERAL_TOKEN).mint(recipient, amount)
    extcall IPositionManager(POSITION_MANAGER).burn(yes, amount)
    extcall IPositionManager(POSITION_MANAGER).burn(yes | 1, amount)
    log PositionsMerged(initiator=msg.sender, condition=condition, recipient=recipient, amount=amount)


# Bridges and admins


@external
def mintFromBridge(receiver: address, position_id: uint256, amount: uint256):
    """
    @notice Makes a position that nothing backs here. Bridge only.
    """
    venue_roles._check(venue_roles.BRIDGE)
    if amount != 0:
        extcall IPositionManager(POSITION_MANAGER).mint(receiver, position_id, amount)
        log BridgePositionMinted(receiver=receiver, position_id=position_id, amount=amount)


@external
def burnFromBridge(positions: DynArray[uint256, MAX_BATCH], amounts: DynArray[uint256, MAX_BATCH]):
    """
    @notice Destroys positions that the module holds. Bridge only.
    """
    venue_roles._check(venue_roles.BRIDGE)
    extcall IPositionManager(POSITION_MANAGER).batchBurn(positions, amounts)
    log BridgePositionsBurned(positions=positions, amounts=amounts)


@external
def pauseResolver(resolver: address):
    """
    @notice Stops one reporter. Admin only.
    """
    venue_roles._check(venue_roles.ADMIN)
    self.resolverPausedAt[resolver] = block.timestamp
    log ResolverPaused(resolver=resolver, timestamp=block.timestamp)


@external
def unpauseResolver(resolver: address):
    """
    @notice Lets him report again. Admin only.
    """
    venue_roles._check(venue_roles.ADMIN)
    self.resolverPausedAt[resolver] = 0
    log ResolverUnpaused(resolver=resolver)


@external
def pauseResolution(id: bytes29):
    """
    @notice Stops all reports on one event. Admin only.
    """
    venue_roles._check(venue_roles.ADMIN)
    self.resolutionPausedAt[id] = block.timestamp
    log ResolutionPaused(id=id, timestamp=block.timestamp)


@external
def unpauseResolution(id: bytes29):
    """
    @notice Lets them go on. Admin only.
    """
    venue_roles._check(venue_roles.ADMIN)
    self.resolutionPausedAt[id] = 0
    log ResolutionUnpaused(id=id)


# Internal


@internal
def _redeem(recipient: address, position_id: uint256, amount: uint256, payout: uint256):
    extcall ICollateral(COLLATERAL_TOKEN).mint(recipient, payout)
    extcall IPositionManager(POSITION_MANAGER).burn(position_id, amount)
    log PositionRedeemed(
        initiator=msg.sender, position_id=position_id, recipient=recipient, amount=amount, payout=payout
    )


@internal
@pure
def _payout(position_id: uint256, amount: uint256, found: DynArray[uint256, MAX_RESULT]) -> uint256:
    """
    @param found The condition's result, of two numbers or of none
    """
    if len(found) == 0:
        raw_revert(method_id("ConditionNotResolved()"))
    return amount * found[ids._outcome(position_id)] // WHOLE


@internal
@pure
def _check_outcome(position_id: uint256):
    if ids._outcome(position_id) > 1:
        raw_revert(method_id("InvalidOutcomeIndex()"))


@internal
@view
def _check_reporter(condition: bytes31):
    """
    @notice A bridge or a resolver, neither stopped; a resolver only for ids of this chain and of
            this module.
    """
    id: uint256 = ids._word(condition)
    venue_roles._check(venue_roles.BRIDGE | venue_roles.RESOLVER)
    if venue_roles._has(msg.sender, venue_roles.RESOLVER) and ids._chain(id) != POLYGON:
        raw_revert(method_id("InvalidResolutionChain()"))
    if self.resolverPausedAt[msg.sender] != 0:
        raw_revert(method_id("ResolverIsPaused()"))
    if self.resolutionPausedAt[ids._event(id)] != 0:
        raw_revert(method_id("ResolutionIsPaused()"))
    if ids._module(id) != MODULE_ID:
        raw_revert(method_id("InvalidEventId()"))


@internal
@view
def _is_repeated(condition: bytes31, reported: DynArray[uint256, MAX_RESULT]) -> bool:
    """
    @return Whether the result is there already: a bridge may say it again, a resolver may not.
    """
    stored: DynArray[uint256, MAX_RESULT] = self.result[condition]
    if len(stored) == 0:
        return False
    if len(reported) != 2 or reported[0] != stored[0] or reported[1] != stored[1]:
        raw_revert(method_id("ExistingPayoutMismatch()"))
    if venue_roles._has(msg.sender, venue_roles.RESOLVER):
        raw_revert(method_id("ConditionAlreadyResolved()"))
    return True


@internal
def _store(condition: bytes31, reported: DynArray[uint256, MAX_RESULT]):
    if len(reported) != 2:
        raw_revert(method_id("InvalidArrayLength()"))
    if reported[0] > WHOLE or reported[1] != WHOLE - reported[0]:
        raw_revert(method_id("InvalidResults()"))
    self.result[condition] = reported
    log ConditionResolved(condition=condition, result=reported)
