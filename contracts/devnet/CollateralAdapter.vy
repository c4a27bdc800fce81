# pragma version 0.4.3
"""
@title Collateral adapter stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: splits, merges and redeems outcome tokens of USDC.e against pUSD, with
        ConditionalTokens' own function signatures (VENUE c2). Collateral, parent, partition and
        index sets are ignored: it is always both outcomes of a binary condition. Redeeming takes
        all of the caller's tokens. An admin may pause USDC.e.
"""

from ethereum.ercs import IERC20

from contracts.devnet.modules import asset_pause
from contracts.devnet.modules import collateral_front as front
from contracts.devnet.modules import token_receiver
from contracts.interfaces import ICollateralAdapter
from contracts.interfaces import IConditionalTokens

implements: ICollateralAdapter

initializes: asset_pause
initializes: front

exports: (asset_pause.__interface__, front.__interface__, token_receiver.__interface__)


CONDITIONAL_TOKENS: public(immutable(address))


@deploy
def __init__(ctf: address, collateral: address, usdce: address):
    """
    @param ctf ConditionalTokens
    @param collateral pUSD, whose wrapper this contract must be
    @param usdce USDC.e
    """
    asset_pause.__init__()
    front.__init__(collateral, usdce)
    CONDITIONAL_TOKENS = ctf
    extcall IERC20(usdce).approve(ctf, max_value(uint256))


@external
def splitPosition(
    collateral: address, parent_collection_id: bytes32, condition_id: bytes32, partition: DynArray[uint256, 2], amount: uint256
):
    """
    @notice Takes `amount` of pUSD and gives as much of both outcome tokens.
    """
    asset_pause._check_unpaused(front.USDCE)
    front._take(msg.sender, amount)
    extcall IConditionalTokens(CONDITIONAL_TOKENS).splitPosition(
        front.USDCE, empty(bytes32), condition_id, [1, 2], amount
    )
    self._send(self, msg.sender, condition_id, [amount, amount])


@external
def mergePositions(
    collateral: address, parent_collection_id: bytes32, condition_id: bytes32, partition: DynArray[uint256, 2], amount: uint256
):
    """
    @notice Takes `amount` of both outcome tokens and gives as much pUSD.
    """
    asset_pause._check_unpaused(front.USDCE)
    self._send(msg.sender, self, condition_id, [amount, amount])
    extcall IConditionalTokens(CONDITIONAL_TOKENS).mergePositions(
        front.USDCE, empty(bytes32), condition_id, [1, 2], amount
    )
    front._give(msg.sender, amount)


@external
def redeemPositions(
    collateral: address, parent_collection_id: bytes32, condition_id: bytes32, index_sets: DynArray[uint256, 2]
):
    """
    @notice Takes all of the caller's outcome tokens of a resolved condition and gives the payout.
    """
    asset_pause._check_unpaused(front.USDCE)
    tokens: IConditionalTokens = IConditionalTokens(CONDITIONAL_TOKENS)
    self._send(
        msg.sender,
        self,
        condition_id,
        [
            staticcall tokens.balanceOf(msg.sender, self._position_id(condition_id, 1)),
            staticcall tokens.balanceOf(msg.sender, self._position_id(condition_id, 2)),
        ],
    )
    extcall tokens.redeemPositions(front.USDCE, empty(bytes32), condition_id, [1, 2])
    front._give_all(msg.sender)


@internal
def _send(sender: address, to: address, condition_id: bytes32, amounts: DynArray[uint256, 2]):
    ids: DynArray[uint256, 2] = [
        self._position_id(condition_id, 1), self._position_id(condition_id, 2)
    ]
    extcall IConditionalTokens(CONDITIONAL_TOKENS).safeBatchTransferFrom(
        sender, to, ids, amounts, b""
    )


@internal
@view
def _position_id(condition_id: bytes32, index_set: uint256) -> uint256:
    collection: bytes32 = staticcall IConditionalTokens(CONDITIONAL_TOKENS).getCollectionId(
        empty(bytes32), condition_id, index_set
    )
    return convert(keccak256(concat(convert(front.USDCE, bytes20), collection)), uint256)
