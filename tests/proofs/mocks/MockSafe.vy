# pragma version 0.4.3
"""
@title A keeper's Safe
@license AGPL-3.0-only
@author Strongroom
@notice For proofs. It has signed whatever its storage says.
"""

signed: public(HashMap[bytes32, bool])


@external
@view
def isValidSignature(hash: bytes32, signature: Bytes[520]) -> bytes4:
    return 0x1626ba7e if self.signed[hash] else 0xffffffff
