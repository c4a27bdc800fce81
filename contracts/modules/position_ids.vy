# pragma version 0.4.3
"""
@title Ids of Protocol V2
@license AGPL-3.0-only
@author Strongroom
@notice The venue's second protocol names a position by one word whose fields say all about it,
        from the highest bits down: module (8), base hash (128), arity (16), nothing (64), chain
        that resolves it (16), question's index (16), outcome (8). A condition is the word's first
        31 bytes, an event its first 29.
@dev Module 1 is a binary question: arity and index 0. Module 2 is a question of an event of
     exclusive ones: arity says how many there are, and index `arity` is "Other", which no data
     names. Module 3 is a combination of both.
"""

from contracts.modules import units

BINARY: constant(uint256) = 1
NEGATIVE_RISK: constant(uint256) = 2
COMBINATORIAL: constant(uint256) = 3


@internal
@pure
def _module(id: uint256) -> uint256:
    return id >> 248


@internal
@pure
def _arity(id: uint256) -> uint256:
    return (id >> 104) & units.U16


@internal
@pure
def _chain(id: uint256) -> uint256:
    return (id >> 24) & units.U16


@internal
@pure
def _index(id: uint256) -> uint256:
    return (id >> 8) & units.U16


@internal
@pure
def _outcome(id: uint256) -> uint256:
    return id & units.U8


@internal
@pure
def _word(condition: bytes31) -> uint256:
    """
    @return The condition as the word of its YES.
    """
    return convert(convert(condition, bytes32), uint256)


@internal
@pure
def _condition(id: uint256) -> bytes31:
    """
    @return The condition that a position belongs to.
    """
    return convert(convert((id >> 8) << 8, bytes32), bytes31)


@internal
@pure
def _event(id: uint256) -> bytes29:
    """
    @return The event that a position belongs to.
    """
    return convert(convert((id >> 24) << 24, bytes32), bytes29)


@internal
@pure
def _of_event(event_id: bytes29, index: uint256) -> uint256:
    """
    @return YES of the event's question at `index`, of which 16 bits count.
    """
    return convert(convert(event_id, bytes32), uint256) | ((index & units.U16) << 8)


@internal
@pure
def _encode(module: uint256, base: bytes32, arity: uint256) -> uint256:
    """
    @param base Keccak of module and data, of which the low 128 bits count
    @return YES of index 0
    """
    return (module << 248) | ((convert(base, uint256) & units.U128) << 120) | (arity << 104)


@internal
@pure
def _is_root(id: uint256) -> bool:
    """
    @return Whether nothing but module, hash and arity stands in it: the first question's YES,
            resolved on this chain, no reserved bit set.
    """
    return (id >> 104) << 104 == id
