"""Addresses of the venue's wallets, which follow from their owners (VENUE 0, a1, c).

All are CREATE2 addresses: of a factory, a salt of the owner, and the code that makes the wallet.
"""

from dataclasses import dataclass

from eth_utils.address import to_checksum_address

from strongroom.chain.ids import keccak, to_bytes

# code that makes a beacon proxy, and a plain one, with 64 bytes of arguments behind it
_BEACON_HEAD = to_bytes("0x6100923d8160233d3973")
_BEACON_TAIL = to_bytes(
    "0x60195155f3363d3d373d3d363d602036600436635c60da1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335"
    "a9a72aeaee59ff6cb3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"
)
_PLAIN_HEAD = to_bytes("0x61007d3d8160233d3973")
_PLAIN_TAIL = to_bytes(
    "0x60095155f3363d3d373d3d363d7f360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc54"
    "5af43d6000803e6038573d6000fd5b3d6000f3"
)


@dataclass(frozen=True)
class WalletFactories:
    """Where the venue's wallets come from.

    Attributes:
        deposit: factory of deposit wallets (signature type 3)
        beacon: of the deposit wallets
        legacy: implementation behind deposit wallets made before 2026-06-29
        proxy: factory of wallets of signature type 1
        proxy_code_hash: of the code that makes one
        safe: factory of Safes (signature type 2)
        safe_code_hash: of the code that makes one
    """

    deposit: str
    beacon: str
    legacy: str
    proxy: str
    proxy_code_hash: str
    safe: str
    safe_code_hash: str

    def deposit_wallet(self, wallet_id: bytes) -> str:
        """Return the deposit wallet of an id; the service's id is the owner's address, padded."""
        code = _BEACON_HEAD + to_bytes(self.beacon) + _BEACON_TAIL
        return self._with_arguments(code, wallet_id)

    def legacy_deposit_wallet(self, wallet_id: bytes) -> str:
        """Return the deposit wallet that an id had before beacons."""
        code = _PLAIN_HEAD + to_bytes(self.legacy) + _PLAIN_TAIL
        return self._with_arguments(code, wallet_id)

    def proxy_wallet(self, owner: str) -> str:
        """Return an EOA's wallet of signature type 1."""
        return create2(self.proxy, keccak(to_bytes(owner)), to_bytes(self.proxy_code_hash))

    def safe_wallet(self, owner: str) -> str:
        """Return an EOA's Safe of signature type 2."""
        salt = keccak(bytes(12) + to_bytes(owner))
        return create2(self.safe, salt, to_bytes(self.safe_code_hash))

    def _with_arguments(self, code: bytes, wallet_id: bytes) -> str:
        arguments = bytes(12) + to_bytes(self.deposit) + wallet_id
        return create2(self.deposit, keccak(arguments), keccak(code + arguments))


POLYGON = WalletFactories(
    deposit="0x00000000000Fb5C9ADea0298D729A0CB3823Cc07",
    beacon="0x7A18EDfe055488A3128f01F563e5B479D92ffc3a",
    legacy="0x58CA52ebe0DadfdF531Cde7062e76746de4Db1eB",
    proxy="0xaB45c5A4B0c941a2F231C04C3f49182e1A254052",
    proxy_code_hash="0xd21df8dc65880a8606f09fe0ce3df9b8869287ab0b058be05aa9e8af6330a00b",
    safe="0xaacFeEa03eb1561C4e67d661e40682Bd20E3541b",
    safe_code_hash="0x2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf",
)


def create2(factory: str, salt: bytes, code_hash: bytes) -> str:
    """Return where a factory makes a contract (EIP-1014)."""
    found = keccak(b"\xff" + to_bytes(factory) + salt + code_hash)
    return to_checksum_address(found[-20:])
