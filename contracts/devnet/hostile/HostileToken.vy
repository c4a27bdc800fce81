# pragma version 0.4.3
"""
@title Hostile token
@license AGPL-3.0-only
@author Strongroom
@notice Tests only: an ERC-20 that can take a fee of every transfer, and can call somebody in the
        middle of one, as ERC-777 hooks do.
"""

event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    amount: uint256


decimals: public(constant(uint8)) = 6
MAX_CALL: constant(uint256) = 1024

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
fee: public(uint256)  # taken of every transfer, units
target: address  # called in every transfer, if set
call: Bytes[MAX_CALL]
reason_seen: public(Bytes[128])  # what the last call that failed answered


@external
def mint(account: address, amount: uint256):
    self.balanceOf[account] += amount


@external
def set_fee(fee: uint256):
    self.fee = fee


@external
def set_hook(target: address, call: Bytes[MAX_CALL]):
    """
    @notice From now on every transfer calls `target`; what it answers is ignored.
    """
    self.target = target
    self.call = call


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@external
def transfer(receiver: address, amount: uint256) -> bool:
    self._move(msg.sender, receiver, amount)
    return True


@external
def transferFrom(sender: address, receiver: address, amount: uint256) -> bool:
    self.allowance[sender][msg.sender] -= amount
    self._move(sender, receiver, amount)
    return True


@internal
def _move(sender: address, receiver: address, amount: uint256):
    self.balanceOf[sender] -= amount
    self.balanceOf[receiver] += amount - self.fee
    log Transfer(sender=sender, receiver=receiver, amount=amount)
    if self.target != empty(address):
        done: bool = False
        answer: Bytes[128] = b""
        done, answer = raw_call(
            self.target, self.call, max_outsize=128, revert_on_failure=False
        )
        self.reason_seen = answer if not done else b"no error"
