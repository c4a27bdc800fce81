# pragma version 0.4.3
"""
@title An account that calls its vault while that calls it
@license AGPL-3.0-only
@author Strongroom
@notice For proofs. It tries a function that anybody may call, and says by its refusal how that went. It is
        the asset, too, with any balances.
"""

VAULT: constant(address) = 0x0000000000000000000000000000000000060001

decimals: public(constant(uint8)) = 6
balanceOf: public(HashMap[address, uint256])


@internal
def _try():
    success: bool = raw_call(
        VAULT,
        abi_encode(self, True, method_id=method_id("setOperator(address,bool)")),
        revert_on_failure=False,
    )
    assert not success, "entered"
    raise "locked"


@external
def recall(assets: uint256) -> uint256:
    self._try()
    return 0
