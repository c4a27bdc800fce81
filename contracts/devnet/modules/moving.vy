# pragma version 0.4.3
"""
@title Moving ERC-20 tokens as the venue does
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: the venue's contracts hide a token's own reason behind their library's error:
        TransferFailed or TransferFromFailed.
"""


@internal
def _pay(token: address, to: address, amount: uint256):
    if not self._may_pay(token, to, amount):
        raw_revert(method_id("TransferFailed()"))


@internal
def _pull(token: address, sender: address, to: address, amount: uint256):
    if not self._may_pull(token, sender, to, amount):
        raw_revert(method_id("TransferFromFailed()"))


@internal
def _may_pay(token: address, to: address, amount: uint256) -> bool:
    return self._call(
        token, abi_encode(to, amount, method_id=method_id("transfer(address,uint256)"))
    )


@internal
def _may_pull(token: address, sender: address, to: address, amount: uint256) -> bool:
    return self._call(
        token,
        abi_encode(
            sender, to, amount, method_id=method_id("transferFrom(address,address,uint256)")
        ),
    )


@internal
def _call(token: address, data: Bytes[100]) -> bool:
    done: bool = False
    answer: Bytes[32] = b""
    done, answer = raw_call(token, data, max_outsize=32, revert_on_failure=False)
    if not done:
        return False
    return convert(answer, uint256) == 1 if len(answer) == 32 else token.is_contract
