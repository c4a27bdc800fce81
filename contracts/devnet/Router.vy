# pragma version 0.4.3
"""
@title Router stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: takes the caller's collateral or positions to the module of an id and has it
        work for him (VENUE d2, d3). Leaves out all functions for combinations beyond split, merge
        and redeem, the proxy and its upgrade by the owner.
"""

from contracts.devnet.modules import moving
from contracts.interfaces import IPositionManager
from contracts.modules import position_ids as ids


interface IModule:
    def split(recipients: DynArray[address, 2], condition: bytes31, amount: uint256): nonpayable
    def merge(recipient: address, condition: bytes31, amount: uint256): nonpayable
    def redeem(recipient: address, position_id: uint256, amount: uint256): nonpayable
    def horizontalSplit(recipient: address, event_id: bytes29, amount: uint256): nonpayable
    def horizontalMerge(recipient: address, event_id: bytes29, amount: uint256): nonpayable
    def convert(recipient: address, event_id: bytes29, index: uint256, amount: uint256): nonpayable
    def conditionCount(event_id: bytes29) -> uint256: view


event RouterPositionSplit:
    initiator: indexed(address)
    condition: indexed(bytes31)
    amount: uint256


event RouterPositionsMerged:
    initiator: indexed(address)
    condition: indexed(bytes31)
    amount: uint256


event RouterPositionRedeemed:
    initiator: indexed(address)
    position_id: indexed(uint256)
    amount: uint256


event RouterHorizontalSplit:
    initiator: indexed(address)
    event_id: indexed(bytes29)
    amount: uint256


event RouterHorizontalMerge:
    initiator: indexed(address)
    event_id: indexed(bytes29)
    amount: uint256


event RouterPositionConverted:
    initiator: indexed(address)
    event_id: indexed(bytes29)
    index: uint256
    amount: uint256


MAX_PARTS: constant(uint256) = 257  # questions of an event, and Other

POSITION_MANAGER: public(immutable(address))
COLLATERAL_TOKEN: public(immutable(address))


@deploy
def __init__(position_manager: address):
    """
    @param position_manager The ledger
    """
    POSITION_MANAGER = position_manager
    COLLATERAL_TOKEN = staticcall IPositionManager(position_manager).COLLATERAL_TOKEN()


@external
def split(condition: bytes31, amount: uint256):
    """
    @notice Turns the caller's collateral into YES and NO.
    """
    module: IModule = self._module(ids._word(condition))
    self._take_collateral(module, amount)
    extcall module.split([msg.sender, msg.sender], condition, amount)
    log RouterPositionSplit(initiator=msg.sender, condition=condition, amount=amount)


@external
def merge(condition: bytes31, amount: uint256):
    """
    @notice Turns the caller's YES and NO into collateral.
    """
    yes: uint256 = ids._word(condition)
    module: IModule = self._module(yes)
    self._take(module, yes, amount)
    self._take(module, yes | 1, amount)
    extcall module.merge(msg.sender, condition, amount)
    log RouterPositionsMerged(initiator=msg.sender, condition=condition, amount=amount)


@external
def redeem(condition: bytes31, outcome: uint256, amount: uint256):
    """
    @notice Turns `amount` of one outcome of a resolved condition into its payout.
    """
    if outcome > 1:
        raw_revert(method_id("InvalidOutcomeIndex()"))
    position_id: uint256 = ids._word(condition) | outcome
    module: IModule = self._module(position_id)
    self._take(module, position_id, amount)
    extcall module.redeem(msg.sender, position_id, amount)
    log RouterPositionRedeemed(initiator=msg.sender, position_id=position_id, amount=amount)


@external
def horizontalSplit(event_id: bytes29, amount: uint256):
    """
    @notice Turns the caller's collateral into YES of every question of an event and of Other.
    """
    module: IModule = self._module(ids._of_event(event_id, 0))
    self._take_collateral(module, amount)
    extcall module.horizontalSplit(msg.sender, event_id, amount)
    log RouterHorizontalSplit(initiator=msg.sender, event_id=event_id, amount=amount)


@external
def horizontalMerge(event_id: bytes29, amount: uint256):
    """
    @notice Turns the caller's YES of every question of an event and of Other into collateral.
    """
    module: IModule = self._module(ids._of_event(event_id, 0))
    positions: DynArray[uint256, MAX_PARTS] = []
    amounts: DynArray[uint256, MAX_PARTS] = []
    for i: uint256 in range(staticcall module.conditionCount(event_id) + 1, bound=MAX_PARTS):
        positions.append(ids._of_event(event_id, i))
        amounts.append(amount)
    extcall IPositionManager(POSITION_MANAGER).unsafeBatchTransferFrom(
        msg.sender, module.address, positions, amounts
    )
    extcall module.horizontalMerge(msg.sender, event_id, amount)
    log RouterHorizontalMerge(initiator=msg.sender, event_id=event_id, amount=amount)


@external
def convert(event_id: bytes29, index: uint16, amount: uint256):
    """
    @notice Turns the caller's NO of one question into YES of all others.
    """
    place: uint256 = convert(index, uint256)
    yes: uint256 = ids._of_event(event_id, place)
    module: IModule = self._module(yes)
    self._take(module, yes | 1, amount)
    extcall module.convert(msg.sender, event_id, place, amount)
    log RouterPositionConverted(initiator=msg.sender, event_id=event_id, index=place, amount=amount)


@internal
@view
def _module(id: uint256) -> IModule:
    return IModule(staticcall IPositionManager(POSITION_MANAGER).moduleById(ids._module(id)))


@internal
def _take(module: IModule, position_id: uint256, amount: uint256):
    extcall IPositionManager(POSITION_MANAGER).unsafeTransferFrom(
        msg.sender, module.address, position_id, amount
    )


@internal
def _take_collateral(module: IModule, amount: uint256):
    moving._pull(COLLATERAL_TOKEN, msg.sender, module.address, amount)
