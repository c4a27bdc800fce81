# pragma version 0.4.3
"""
@title Receiver of outcome tokens
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: takes any ERC-1155 tokens, as the venue's contracts do.
"""

MAX_IDS: constant(uint256) = 256  # in one move: as many as an event may have questions


@external
@view
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice ERC-165: itself and the ERC-1155 receiver.
    """
    return interface_id in [0x01ffc9a7, 0x4e2312e0]


@external
def onERC1155Received(
    operator: address, sender: address, id: uint256, amount: uint256, data: Bytes[1024]
) -> bytes4:
    """
    @notice Accepts any token.
    """
    return method_id("onERC1155Received(address,address,uint256,uint256,bytes)", output_type=bytes4)


@external
def onERC1155BatchReceived(
    operator: address,
    sender: address,
    ids: DynArray[uint256, MAX_IDS],
    amounts: DynArray[uint256, MAX_IDS],
    data: Bytes[1024],
) -> bytes4:
    """
    @notice Accepts any tokens.
    """
    return method_id(
        "onERC1155BatchReceived(address,address,uint256[],uint256[],bytes)", output_type=bytes4
    )
