"""Accounts that can be made to fail: an implementation that first asks a switch.

Written in EVM assembly: no compiler, no constructor. The switch keeps a number for each account:
0 as it should be, UNANSWERED (`positions()` burns its gas), DEAD (every call does).
"""

from eth_utils import keccak

UNANSWERED, DEAD = 1, 2

# 64 bytes of calldata: store the second word under the first; 32 bytes: return what is there
_SWITCH = bytes.fromhex("366040146013576000355460005260206000f35b602035600035550000")


def _creation(runtime: bytes) -> bytes:
    return b"\x61" + len(runtime).to_bytes(2, "big") + bytes.fromhex("80600a3d393df3") + runtime


def _jump_if(place: int) -> bytes:
    return bytes([0x60, place, 0x57])


def switch() -> bytes:
    """Return the switch's creation code."""
    return _creation(_SWITCH)


def forwarder(implementation: str, switch: str) -> bytes:
    """Return the creation code of an implementation that passes calls on to another, unless the
    switch says that the account fails."""
    ask = "30600052" + "6020600060206000" + "73" + switch[2:] + "5afa50" + "600051"
    positions = keccak(text="positions()")[:4].hex()

    def assembled(ok: int, good: int, dead: int) -> tuple[bytes, int, int, int]:
        code = bytes.fromhex(ask + "8015") + _jump_if(ok)
        code += bytes.fromhex("600214") + _jump_if(dead)
        code += bytes.fromhex("60003560e01c63" + positions + "14") + _jump_if(dead)
        at_ok = len(code) + 2
        code += bytes.fromhex("6000" + "5b50" + "366000600037" + "6000600036" + "6000")
        code += bytes.fromhex("73" + implementation[2:] + "5af4" + "3d600060003e")
        code += _jump_if(good) + bytes.fromhex("3d6000fd")
        at_good = len(code)
        code += bytes.fromhex("5b3d6000f3")
        at_dead = len(code)
        return code + bytes.fromhex("5bfe"), at_ok, at_good, at_dead

    _, ok, good, dead = assembled(0, 0, 0)
    return _creation(assembled(ok, good, dead)[0])
