# pragma version 0.4.3
"""
@title NegRiskModule stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: the module of events of exclusive questions and "Other" (VENUE d2, d3). A YES
        makes every other question NO, and all questions NO make Other YES, without a report.
        Leaves out migrated conditions, the proxy and its upgrade by the owner, and events of more
        than 256 questions.
"""

from contracts.devnet.modules import outcome_module
from contracts.devnet.modules import venue_roles
from contracts.interfaces import IPositionManager
from contracts.modules import position_ids as ids
from contracts.modules import units

initializes: venue_roles
initializes: outcome_module[venue_roles := venue_roles]

exports: (venue_roles.__interface__, outcome_module.__interface__)


event HorizontalSplit:
    initiator: indexed(address)
    event_id: indexed(bytes29)
    recipient: indexed(address)
    amount: uint256


event HorizontalMerge:
    initiator: indexed(address)
    event_id: indexed(bytes29)
    recipient: indexed(address)
    amount: uint256


event PositionConverted:
    initiator: indexed(address)
    event_id: indexed(bytes29)
    recipient: indexed(address)
    index: uint256
    amount: uint256


event RemainingConditionsDerivableAsNo:
    event_id: indexed(bytes29)


event SyntheticConditionDerivableAsYes:
    event_id: indexed(bytes29)
    condition: indexed(bytes31)


MAX_PARTS: constant(uint256) = 257  # questions of an event, and Other

resultsSum: public(HashMap[bytes29, uint256])  # a million once a question of the event is YES
conditionsResolved: public(HashMap[bytes29, uint256])  # questions with a report, without Other


@deploy
def __init__(position_manager: address):
    """
    @param position_manager The ledger
    """
    venue_roles.__init__()
    outcome_module.__init__(position_manager, ids.NEGATIVE_RISK)


# Views


@external
@view
def getEventId(count: uint256, data: Bytes[1024]) -> bytes29:
    """
    @return The event of `count` questions that `data` names.
    """
    if count < 2 or count > units.U16:
        raw_revert(method_id("InvalidConditionCount()"))
    return ids._event(
        ids._encode(ids.NEGATIVE_RISK, keccak256(abi_encode(ids.NEGATIVE_RISK, data)), count)
    )


@external
@view
def conditionCount(event_id: bytes29) -> uint256:
    """
    @return The event's questions without Other; 0 if it is no event.
    """
    return self._count(event_id)


@external
@view
def getResult(condition: bytes31) -> DynArray[uint256, outcome_module.MAX_RESULT]:
    """
    @return What YES and NO get of a million, reported or derived; nothing: not resolved.
    """
    return self._result(condition)


@external
@view
def getResultForBridge(condition: bytes31) -> DynArray[uint256, outcome_module.MAX_RESULT]:
    """
    @return The same.
    """
    return self._result(condition)


@external
@view
def hasResult(condition: bytes31) -> bool:
    """
    @return Whether the condition is resolved.
    """
    return len(self._result(condition)) != 0


@external
@view
def getPayout(position_id: uint256, amount: uint256) -> uint256:
    """
    @return The collateral that `amount` of a position redeems for.
    """
    return self._payout(position_id, amount)


# Holders


@external
def redeem(recipient: address, position_id: uint256, amount: uint256):
    """
    @notice Pays for a position that the module holds.
    """
    outcome_module._redeem(recipient, position_id, amount, self._payout(position_id, amount))


@external
def horizontalSplit(recipient: address, event_id: bytes29, amount: uint256):
    """
    @notice Makes YES of every question and of Other out of the module's collateral.
    """
    positions: DynArray[uint256, MAX_PARTS] = self._all_yes(event_id)
    extcall IPositionManager(outcome_module.POSITION_MANAGER).batchMint(
        recipient, positions, self._repeat(amount, len(positions))
    )
    extcall outcome_module.ICollateral(outcome_module.COLLATERAL_TOKEN).burn(amount)
    log HorizontalSplit(initiator=msg.sender, event_id=event_id, recipient=recipient, amount=amount)


@external
def horizontalMerge(recipient: address, event_id: bytes29, amount: uint256):
    """
    @notice Makes collateral out of YES of every question and of Other that the module holds.
    """
    positions: DynArray[uint256, MAX_PARTS] = self._all_yes(event_id)
    extcall outcome_module.ICollateral(outcome_module.COLLATERAL_TOKEN).mint(recipient, amount)
    extcall IPositionManager(outcome_module.POSITION_MANAGER).batchBurn(
        positions, self._repeat(amount, len(positions))
    )
    log HorizontalMerge(initiator=msg.sender, event_id=event_id, recipient=recipient, amount=amount)


@external
def convert(recipient: address, event_id: bytes29, index: uint256, amount: uint256):
    """
    @notice Turns NO of one question that the module holds into YES of all others.
    @param index The question; the event's count for Other
    """
    positions: DynArray[uint256, MAX_PARTS] = self._all_yes(event_id)
    if index >= len(positions):
        raw_revert(method_id("InvalidConditionIndex()"))
    for i: uint256 in range(len(positions), bound=MAX_PARTS):
        if i != index:
            extcall IPositionManager(outcome_module.POSITION_MANAGER).mint(recipient, positions[i], amount)
    extcall IPositionManager(outcome_module.POSITION_MANAGER).burn(positions[index] | 1, amount)
    log PositionConverted(
        initiator=msg.sender, event_id=event_id, recipient=recipient, index=index, amount=amount
    )


# Reporters


@external
def reportResult(condition: bytes31, reported: DynArray[uint256, outcome_module.MAX_RESULT]):
    """
    @notice Resolves a question. Resolver or bridge; Other only a bridge.
    """
    outcome_module._check_reporter(condition)
    if outcome_module._is_repeated(condition, reported):
        return
    event_id: bytes29 = ids._event(ids._word(condition))
    count: uint256 = self._checked_count(event_id)
    index: uint256 = ids._index(ids._word(condition))
    if index > count or (index == count and not venue_roles._has(msg.sender, venue_roles.BRIDGE)):
        raw_revert(method_id("InvalidConditionIndex()"))
    outcome_module._store(condition, reported)
    if reported[0] not in [0, outcome_module.WHOLE]:
        raw_revert(method_id("InvalidResults()"))

    decided: bool = self.resultsSum[event_id] != 0
    if reported[0] != 0:
        if decided:
            raw_revert(method_id("InvalidResults()"))
        self.resultsSum[event_id] = outcome_module.WHOLE
        log RemainingConditionsDerivableAsNo(event_id=event_id)
    if index < count:
        self.conditionsResolved[event_id] += 1
    if not decided and reported[0] == 0 and self.conditionsResolved[event_id] == count:
        # all questions are NO: Other is YES, and may not have been reported NO
        other: bytes31 = ids._condition(ids._of_event(event_id, count))
        if len(outcome_module.result[other]) != 0:
            raw_revert(method_id("InvalidResults()"))
        log SyntheticConditionDerivableAsYes(event_id=event_id, condition=other)
    log outcome_module.ResultReported(resolver=msg.sender, condition=condition, result=reported)


# Internal


@internal
@pure
def _count(event_id: bytes29) -> uint256:
    id: uint256 = ids._of_event(event_id, 0)
    if ids._module(id) != ids.NEGATIVE_RISK or ids._arity(id) < 2:
        return 0
    return ids._arity(id)


@internal
@pure
def _checked_count(event_id: bytes29) -> uint256:
    count: uint256 = self._count(event_id)
    if count == 0:
        raw_revert(method_id("InvalidEventId()"))
    return count


@internal
@pure
def _all_yes(event_id: bytes29) -> DynArray[uint256, MAX_PARTS]:
    positions: DynArray[uint256, MAX_PARTS] = []
    for i: uint256 in range(self._checked_count(event_id) + 1, bound=MAX_PARTS):
        positions.append(ids._of_event(event_id, i))
    return positions


@internal
@pure
def _repeat(amount: uint256, times: uint256) -> DynArray[uint256, MAX_PARTS]:
    amounts: DynArray[uint256, MAX_PARTS] = []
    for i: uint256 in range(times, bound=MAX_PARTS):
        amounts.append(amount)
    return amounts


@internal
@view
def _result(condition: bytes31) -> DynArray[uint256, outcome_module.MAX_RESULT]:
    stored: DynArray[uint256, outcome_module.MAX_RESULT] = outcome_module.result[condition]
    id: uint256 = ids._word(condition)
    event_id: bytes29 = ids._event(id)
    count: uint256 = self._count(event_id)
    if len(stored) != 0 or count == 0 or ids._index(id) > count:
        return stored
    if self.resultsSum[event_id] != 0:
        return [0, outcome_module.WHOLE]
    if ids._index(id) == count and self.conditionsResolved[event_id] == count:
        return [outcome_module.WHOLE, 0]
    return stored


@internal
@view
def _payout(position_id: uint256, amount: uint256) -> uint256:
    outcome_module._check_outcome(position_id)
    return outcome_module._payout(position_id, amount, self._result(ids._condition(position_id)))
