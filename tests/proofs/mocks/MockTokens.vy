# pragma version 0.4.3
"""
@title Outcome tokens
@license AGPL-3.0-only
@author Strongroom
@notice For proofs. Stands for ConditionalTokens: payouts, balances and approvals may be anything;
        what is asked of it is counted.
"""

from ethereum.ercs import IERC20

payoutDenominator: public(HashMap[bytes32, uint256])
payoutNumerators: public(HashMap[bytes32, HashMap[uint256, uint256]])
balances: HashMap[address, HashMap[uint256, uint256]]
isApprovedForAll: public(HashMap[address, HashMap[address, bool]])


@external
@view
def balanceOf(owner: address, id: uint256) -> uint256:
    return self.balances[owner][id]


@external
def setApprovalForAll(operator: address, approved: bool):
    self.isApprovedForAll[msg.sender][operator] = approved


@external
def splitPosition(
    collateral: address, parent: bytes32, condition: bytes32, partition: DynArray[uint256, 2], amount: uint256
):
    assert extcall IERC20(collateral).transferFrom(msg.sender, self, amount)


@external
@payable
def __default__():
    pass


@external
def safeTransferFrom(sender: address, receiver: address, id: uint256, amount: uint256, data: Bytes[32]):
    assert msg.sender == sender or self.isApprovedForAll[sender][msg.sender], "not approved"
    self.balances[sender][id] -= amount
    self.balances[receiver][id] += amount


@external
def safeBatchTransferFrom(
    sender: address,
    receiver: address,
    ids: DynArray[uint256, 64],
    amounts: DynArray[uint256, 64],
    data: Bytes[32],
):
    assert msg.sender == sender or self.isApprovedForAll[sender][msg.sender], "not approved"
    index: uint256 = 0
    for id: uint256 in ids:
        self.balances[sender][id] -= amounts[index]
        self.balances[receiver][id] += amounts[index]
        index += 1
