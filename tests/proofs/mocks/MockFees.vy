# pragma version 0.4.3
"""
@title What a splitter asks its vault
@license AGPL-3.0-only
@author Strongroom
@notice For proofs. One class; profit, fee rate, the price of shares and balances may be anything. Its
        shares move as they are told.
"""

CLASSES: constant(uint256) = 1

profitOf: public(HashMap[uint256, int256])
fees: uint256[3]
worth: HashMap[uint256, uint256]
balanceOf: public(HashMap[address, uint256])


@external
@view
def class_count() -> uint256:
    return CLASSES


@external
@view
def feeRates() -> (uint256, uint256, uint256):
    return self.fees[0], self.fees[1], self.fees[2]


@external
@view
def convertToShares(assets: uint256) -> uint256:
    return self.worth[assets]


@external
def transfer(receiver: address, amount: uint256) -> bool:
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[receiver] += amount
    return True


@external
def redeemInKind(shares: uint256, receiver: address, skip: DynArray[bytes32, 128]) -> uint256:
    self.balanceOf[msg.sender] -= shares
    return 0
