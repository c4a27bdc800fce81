# pragma version 0.4.3
"""
@title Collateral adapter stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: splits, merges and redeems outcome tokens of USDC.e against pUSD, with
        ConditionalTokens' own function signatures (the collateral, parent and index arguments are
        ignored, as on the venue). Leaves out pausing and negative risk.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import ICollateralAdapter
from contracts.interfaces import IConditionalTokens

implements: ICollateralAdapter


interface IPUsd:
    def wrap(to: address, amount: uint256): nonpayable
    def unwrap(to: address, amount: uint256): nonpayable


CTF: public(immutable(address))
COLLATERAL: public(immutable(address))
TOKEN_COLLATERAL: public(immutable(address))


@deploy
def __init__(ctf: address, collateral: address, token_collateral: address):
    """
    @param ctf ConditionalTokens
    @param collateral pUSD
    @param token_collateral USDC.e
    """
    CTF = ctf
    COLLATERAL = collateral
    TOKEN_COLLATERAL = token_collateral
    extcall IERC20(token_collateral).approve(ctf, max_value(uint256))
    extcall IERC20(token_collateral).approve(collateral, max_value(uint256))


@external
@nonreentrant
def splitPosition(
    collateral: address, parent_collection_id: bytes32, condition_id: bytes32, partition: DynArray[uint256, 2], amount: uint256
):
    """
    @notice Takes `amount` of pUSD and gives as much of both outcome tokens.
    """
    extcall IERC20(COLLATERAL).transferFrom(msg.sender, self, amount)
    extcall IPUsd(COLLATERAL).unwrap(self, amount)
    extcall IConditionalTokens(CTF).splitPosition(TOKEN_COLLATERAL, empty(bytes32), condition_id, [1, 2], amount)
    for index_set: uint256 in range(1, 3):
        extcall IConditionalTokens(CTF).safeTransferFrom(
            self, msg.sender, self._position_id(condition_id, index_set), amount, b""
        )


@external
@nonreentrant
def mergePositions(
    collateral: address, parent_collection_id: bytes32, condition_id: bytes32, partition: DynArray[uint256, 2], amount: uint256
):
    """
    @notice Takes `amount` of both outcome tokens and gives as much pUSD.
    """
    for index_set: uint256 in range(1, 3):
        extcall IConditionalTokens(CTF).safeTransferFrom(
            msg.sender, self, self._position_id(condition_id, index_set), amount, b""
        )
    extcall IConditionalTokens(CTF).mergePositions(TOKEN_COLLATERAL, empty(bytes32), condition_id, [1, 2], amount)
    extcall IPUsd(COLLATERAL).wrap(msg.sender, amount)


@external
@nonreentrant
def redeemPositions(
    collateral: address, parent_collection_id: bytes32, condition_id: bytes32, index_sets: DynArray[uint256, 2]
):
    """
    @notice Takes all of the caller's outcome tokens of a resolved condition and gives the payout.
    """
    for index_set: uint256 in range(1, 3):
        id: uint256 = self._position_id(condition_id, index_set)
        extcall IConditionalTokens(CTF).safeTransferFrom(
            msg.sender, self, id, staticcall IConditionalTokens(CTF).balanceOf(msg.sender, id), b""
        )
    before: uint256 = staticcall IERC20(TOKEN_COLLATERAL).balanceOf(self)
    extcall IConditionalTokens(CTF).redeemPositions(TOKEN_COLLATERAL, empty(bytes32), condition_id, [1, 2])
    extcall IPUsd(COLLATERAL).wrap(
        msg.sender, staticcall IERC20(TOKEN_COLLATERAL).balanceOf(self) - before
    )


@external
@view
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice ERC-165: itself and the ERC-1155 receiver.
    """
    return interface_id in [0x01ffc9a7, 0x4e2312e0]


@external
def onERC1155Received(
    operator: address, sender: address, id: uint256, amount: uint256, data: Bytes[32]
) -> bytes4:
    """
    @notice Accepts outcome tokens from ConditionalTokens.
    """
    assert msg.sender == CTF, "foreign token"
    return method_id("onERC1155Received(address,address,uint256,uint256,bytes)", output_type=bytes4)


@external
def onERC1155BatchReceived(
    operator: address,
    sender: address,
    ids: DynArray[uint256, 2],
    amounts: DynArray[uint256, 2],
    data: Bytes[32],
) -> bytes4:
    """
    @notice Accepts outcome tokens from ConditionalTokens.
    """
    assert msg.sender == CTF, "foreign token"
    return method_id(
        "onERC1155BatchReceived(address,address,uint256[],uint256[],bytes)", output_type=bytes4
    )


@internal
@view
def _position_id(condition_id: bytes32, index_set: uint256) -> uint256:
    collection: bytes32 = staticcall IConditionalTokens(CTF).getCollectionId(empty(bytes32), condition_id, index_set)
    return convert(keccak256(concat(convert(TOKEN_COLLATERAL, bytes20), collection)), uint256)
