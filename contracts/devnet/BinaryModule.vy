# pragma version 0.4.3
"""
@title BinaryModule stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: the module of binary questions (VENUE d2, d3); a result may be any split of
        the whole. Leaves out migrated conditions, the proxy and its upgrade by the owner.
"""

from contracts.devnet.modules import outcome_module
from contracts.devnet.modules import venue_roles
from contracts.modules import position_ids as ids

initializes: venue_roles
initializes: outcome_module[venue_roles := venue_roles]

exports: (venue_roles.__interface__, outcome_module.__interface__)


@deploy
def __init__(position_manager: address):
    """
    @param position_manager The ledger
    """
    venue_roles.__init__()
    outcome_module.__init__(position_manager, ids.BINARY)


@external
@view
def getConditionId(data: Bytes[1024]) -> bytes31:
    """
    @return The condition that `data` names.
    """
    return ids._condition(ids._encode(ids.BINARY, keccak256(abi_encode(ids.BINARY, data)), 0))


@external
@view
def getResult(condition: bytes31) -> DynArray[uint256, outcome_module.MAX_RESULT]:
    """
    @return What YES and NO get of a million; nothing: not resolved.
    """
    return outcome_module.result[condition]


@external
@view
def getResultForBridge(condition: bytes31) -> DynArray[uint256, outcome_module.MAX_RESULT]:
    """
    @return The same.
    """
    return outcome_module.result[condition]


@external
@view
def hasResult(condition: bytes31) -> bool:
    """
    @return Whether the condition is resolved.
    """
    return len(outcome_module.result[condition]) != 0


@external
@view
def getPayout(position_id: uint256, amount: uint256) -> uint256:
    """
    @return The collateral that `amount` of a position redeems for, rounded down.
    """
    return self._payout(position_id, amount)


@external
def redeem(recipient: address, position_id: uint256, amount: uint256):
    """
    @notice Pays for a position that the module holds.
    """
    outcome_module._redeem(recipient, position_id, amount, self._payout(position_id, amount))


@external
def reportResult(condition: bytes31, reported: DynArray[uint256, outcome_module.MAX_RESULT]):
    """
    @notice Resolves a condition. Resolver or bridge.
    """
    outcome_module._check_reporter(condition)
    if outcome_module._is_repeated(condition, reported):
        return
    outcome_module._store(condition, reported)
    log outcome_module.ResultReported(resolver=msg.sender, condition=condition, result=reported)


@internal
@view
def _payout(position_id: uint256, amount: uint256) -> uint256:
    outcome_module._check_outcome(position_id)
    return outcome_module._payout(
        position_id, amount, outcome_module.result[ids._condition(position_id)]
    )
