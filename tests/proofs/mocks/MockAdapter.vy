# pragma version 0.4.3
"""
@title An adapter that takes what it was asked to split
@license AGPL-3.0-only
@author Strongroom
@notice For proofs. What it pays for tokens is nobody's concern there.
"""

from ethereum.ercs import IERC20


@external
def splitPosition(
    collateral: address, parent: bytes32, condition: bytes32, partition: DynArray[uint256, 2], amount: uint256
):
    assert extcall IERC20(collateral).transferFrom(msg.sender, self, amount)


@external
@payable
def __default__():
    pass
