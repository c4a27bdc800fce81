# pragma version 0.4.3
"""
@title Scripted verifier
@license AGPL-3.0-only
@author Strongroom
@notice Tests only: a verifier of proofs that says what it is told to, and calls somebody first.
        It also calls as it is told, and lets a revert through: a keeper.
"""

MAX_CALL: constant(uint256) = 8192

answer: Bytes[96]
refuses: bool
target: address
call: Bytes[MAX_CALL]


@external
def set_answer(answer: Bytes[96], refuses: bool):
    self.answer = answer
    self.refuses = refuses


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
@raw_return
def __default__() -> Bytes[96]:
    if self.target != empty(address):
        done: bool = raw_call(self.target, self.call, revert_on_failure=False)
    if self.refuses:
        raw_revert(self.answer)
    return self.answer
