# pragma version 0.4.3
"""
@title Re-entrant receiver
@license AGPL-3.0-only
@author Strongroom
@notice Tests only: takes ERC-1155 tokens, and calls somebody whenever some arrive.
"""

MAX_CALL: constant(uint256) = 1024

target: address
call: Bytes[MAX_CALL]
calls: public(uint256)
reason_seen: public(Bytes[128])  # what the last call that failed answered


@external
def set_hook(target: address, call: Bytes[MAX_CALL]):
    self.target = target
    self.call = call


@external
def run(target: address, call: Bytes[MAX_CALL]):
    """
    @notice Makes a call as this contract; a failure fails.
    """
    raw_call(target, call)


@external
def onERC1155Received(
    operator: address, sender: address, id: uint256, amount: uint256, data: Bytes[1024]
) -> bytes4:
    self._call_back()
    return method_id("onERC1155Received(address,address,uint256,uint256,bytes)", output_type=bytes4)


@external
def onERC1155BatchReceived(
    operator: address,
    sender: address,
    ids: DynArray[uint256, 64],
    amounts: DynArray[uint256, 64],
    data: Bytes[1024],
) -> bytes4:
    self._call_back()
    return method_id(
        "onERC1155BatchReceived(address,address,uint256[],uint256[],bytes)", output_type=bytes4
    )


@external
@view
def supportsInterface(interface_id: bytes4) -> bool:
    return interface_id in [0x01ffc9a7, 0x4e2312e0]


@internal
def _call_back():
    self.calls += 1
    if self.target != empty(address):
        done: bool = False
        answer: Bytes[128] = b""
        done, answer = raw_call(self.target, self.call, max_outsize=128, revert_on_failure=False)
        self.reason_seen = answer if not done else b"no error"
