# pragma version 0.4.3
"""
@title The ledger of Protocol V2
@license AGPL-3.0-only
@author Strongroom
@notice For proofs. Balances, approvals, and whether a module is still there, may be anything.
"""

COLLATERAL_TOKEN: public(immutable(address))
MODULE: immutable(address)
removed: HashMap[uint256, bool]
balances: HashMap[address, HashMap[uint256, uint256]]
isApprovedForAll: public(HashMap[address, HashMap[address, bool]])


@deploy
def __init__(collateral: address, module: address):
    COLLATERAL_TOKEN = collateral
    MODULE = module


@external
@view
def moduleById(module_id: uint256) -> address:
    return empty(address) if self.removed[module_id] else MODULE


@external
@view
def balanceOf(owner: address, id: uint256) -> uint256:
    return self.balances[owner][id]


@external
def setApprovalForAll(operator: address, approved: bool):
    self.isApprovedForAll[msg.sender][operator] = approved


@external
def unsafeTransferFrom(sender: address, receiver: address, id: uint256, amount: uint256):
    assert msg.sender == sender or self.isApprovedForAll[sender][msg.sender], "not approved"
    self.balances[sender][id] -= amount
    self.balances[receiver][id] += amount


@external
def unsafeBatchTransferFrom(
    sender: address,
    receiver: address,
    positions: DynArray[uint256, 257],
    amounts: DynArray[uint256, 257],
):
    assert msg.sender == sender or self.isApprovedForAll[sender][msg.sender], "not approved"
    index: uint256 = 0
    for id: uint256 in positions:
        self.balances[sender][id] -= amounts[index]
        self.balances[receiver][id] += amounts[index]
        index += 1
