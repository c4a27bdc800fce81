# pragma version 0.4.3
"""
@title A deposit wallet
@license AGPL-3.0-only
@author Strongroom
@notice For proofs. Whose it is, what it has signed so far and since when it is paused may be
        anything. It does what its owner says, at any time, and nobody else's word.
"""

from ethereum.ercs import IERC20


interface ITokens:
    def setApprovalForAll(operator: address, approved: bool): nonpayable
    def safeBatchTransferFrom(
        sender: address,
        receiver: address,
        ids: DynArray[uint256, 64],
        amounts: DynArray[uint256, 64],
        data: Bytes[32],
    ): nonpayable


owner: public(address)
nonce: public(uint256)
pendingOwnerNonce: public(uint256)
paused: public(uint256)


@internal
@view
def _check_owner():
    assert msg.sender == self.owner, "not the owner"


@external
def pause():
    self._check_owner()
    self.paused = block.timestamp


@external
def unpause():
    self._check_owner()
    self.paused = 0


@external
def withdrawERC20(token: address, to: address, amount: uint256):
    self._check_owner()
    extcall IERC20(token).transfer(to, amount)


@external
def withdrawERC1155(
    token: address, to: address, ids: DynArray[uint256, 64], amounts: DynArray[uint256, 64]
):
    self._check_owner()
    extcall ITokens(token).safeBatchTransferFrom(self, to, ids, amounts, b"")


@external
def revokeAllowance(token: address, spender: address):
    self._check_owner()
    extcall IERC20(token).approve(spender, 0)


@external
def revokeApprovalForAll(token: address, operator: address):
    self._check_owner()
    extcall ITokens(token).setApprovalForAll(operator, False)
