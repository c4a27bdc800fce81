# pragma version 0.4.3
"""
@title A contract that signs by a key
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: the smallest contract that has orders or owns a wallet. Its EIP-1271 answer is
        yes to its key's signature (65 bytes with v 27 or 28, or EIP-2098's 64; a mirrored s is
        taken) behind a prefix of its own. It takes outcome tokens, and calls what anyone bids it.
"""

from contracts.devnet.modules import token_receiver

exports: token_receiver.__interface__

MAX_SIGNATURE: constant(uint256) = 1024  # bytes
MAX_DATA: constant(uint256) = 1024  # bytes of a call
EIP1271_MAGIC: constant(bytes4) = 0x1626ba7e

KEY: public(immutable(address))
PREFIX: public(immutable(Bytes[1]))


@deploy
def __init__(key: address, prefix: Bytes[1]):
    """
    @param key Whose signatures count
    @param prefix What every signature must begin with; may be empty
    """
    KEY = key
    PREFIX = prefix


@external
def forward(target: address, data: Bytes[MAX_DATA]):
    """
    @notice Calls `target`. Anyone may bid it.
    """
    raw_call(target, data)


@external
@view
def isValidSignature(hash: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bytes4:
    """
    @notice EIP-1271.
    """
    skip: uint256 = len(PREFIX)
    if skip != 0 and (len(signature) == 0 or slice(signature, 0, 1) != PREFIX):
        return empty(bytes4)
    v: uint256 = 0
    s: uint256 = 0
    if len(signature) == skip + 65:
        s = convert(extract32(signature, skip + 32), uint256)
        v = convert(slice(signature, skip + 64, 1), uint256)
    elif len(signature) == skip + 64:
        packed: uint256 = convert(extract32(signature, skip + 32), uint256)
        s = packed & (max_value(uint256) >> 1)
        v = 27 + (packed >> 255)
    if v != 27 and v != 28:
        return empty(bytes4)
    r: uint256 = convert(extract32(signature, skip), uint256)
    if ecrecover(hash, v, r, s) == KEY:
        return EIP1271_MAGIC
    return empty(bytes4)
