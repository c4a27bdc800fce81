# pragma version 0.4.3
"""
@title A pool of a fixed-product market maker
@license AGPL-3.0-only
@author Strongroom
@notice For proofs. Its storage says what it is of; it takes as much as storage says of what it was
        allowed, and gives as storage says.
"""

from ethereum.ercs import IERC20


interface ITokens:
    def safeTransferFrom(sender: address, receiver: address, id: uint256, amount: uint256, data: Bytes[32]): nonpayable


conditionalTokens: public(address)
collateralToken: public(address)
conditions: HashMap[uint256, bytes32]
ids: HashMap[uint256, uint256]
takes: uint256
gives: uint256


@external
@view
def conditionIds(index: uint256) -> bytes32:
    assert index == 0
    return self.conditions[index]


@external
def buy(assets: uint256, outcome: uint256, least: uint256):
    assert extcall IERC20(self.collateralToken).transferFrom(msg.sender, self, self.takes)
    extcall ITokens(self.conditionalTokens).safeTransferFrom(self, msg.sender, self.ids[outcome], self.gives, b"")


@external
def sell(assets: uint256, outcome: uint256, most: uint256):
    extcall ITokens(self.conditionalTokens).safeTransferFrom(msg.sender, self, self.ids[outcome], self.takes, b"")
    assert extcall IERC20(self.collateralToken).transfer(msg.sender, self.gives)
