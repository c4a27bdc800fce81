"""The three registries of ERC-8004: where they are, and which shape of the standard they have.

The standard exists in two shapes that exclude each other. The present one (text and reference of
2026-08-15) has signed numbers and text tags; the first had scores, authorisations and tags of 32
bytes. The first is recognised and refused.
"""

from dataclasses import dataclass
from functools import cached_property

from strongroom.chain import abi
from strongroom.chain.codec import FunctionCodec
from strongroom.chain.contracts import Contract, Contracts
from strongroom.chain.failures import CallReverted
from strongroom.chain.ids import to_hex
from strongroom.chain.rpc import Chain
from strongroom.errors import BadInput, Refused

IDENTITY = "0x8004A169FB4a3325136EB29fA0ceB6D2e539a432"
REPUTATION = "0x8004BAa17C55a88189AE136b182e5fdA19dE9b63"
TEST_IDENTITY = "0x8004A818BFB912233c491871b3d84c89A494BD9e"
TEST_REPUTATION = "0x8004B663056A597Dffe9eCcC1965A193B7388713"
# Proxies: their owner can change what they do. No validation registry is deployed on any chain.
MAINNETS = (1, 10, 56, 100, 137, 8_453, 42_161, 42_220)
TESTNETS = (11_155_111, 84_532, 80_002)
KNOWN = dict.fromkeys(MAINNETS, (IDENTITY, REPUTATION)) | dict.fromkeys(
    TESTNETS, (TEST_IDENTITY, TEST_REPUTATION)
)
NAMES = ("IdentityRegistry", "ReputationRegistry", "ValidationRegistry")


class FirstShape(Refused):
    """The registry or the file has the first shape of the standard, which is not read here."""


class NoRegistry(BadInput):
    """There is no such registry; the message says what to name."""


@dataclass(frozen=True)
class RegistryAddresses:
    """Where the registries are; "": as known for the chain, or none."""

    identity: str = ""
    reputation: str = ""
    validation: str = ""


class Registries:
    """The registries of one chain, each looked at when it is first used."""

    def __init__(self, chain: Contracts, at: RegistryAddresses, first_block: int = 0) -> None:
        """Take the addresses.

        Args:
            first_block: from which on events are looked for

        Raises:
            ChainAway: the node does not answer.
        """
        identity, reputation = KNOWN.get(chain.chain_id, ("", ""))
        self.chain, self.first_block = chain, first_block
        self._at = (at.identity or identity, at.reputation or reputation, at.validation)

    @cached_property
    def reads(self) -> Chain:
        """The chain, for its events."""
        return Chain(self.chain)

    @property
    def name(self) -> str:
        """What files call the identity registry: eip155:<chain>:<address>."""
        return f"eip155:{self.chain.chain_id}:{self.identity.address}"

    @cached_property
    def identity(self) -> Contract:
        """The identity registry; raises NoRegistry."""
        return self._contract(0)

    @cached_property
    def reputation(self) -> Contract:
        """The reputation registry.

        Raises:
            NoRegistry: it is none, or of another identity registry.
            FirstShape: see the class.
        """
        found = self._bound(self._contract(1))
        if not self._answers(found.address, "string"):
            if self._answers(found.address, "bytes32"):
                raise FirstShape(
                    f"{found.address} has the first shape of ERC-8004 (scores and tags of 32 "
                    "bytes): name a registry of the present one"
                )
            raise NoRegistry(f"{found.address} is no reputation registry: name one")
        return found

    @cached_property
    def validation(self) -> Contract:
        """The validation registry; raises NoRegistry."""
        return self._bound(self._contract(2))

    @property
    def has_reputation(self) -> bool:
        """Whether one is named or known."""
        return bool(self._at[1])

    @property
    def has_validation(self) -> bool:
        """Whether one is named."""
        return bool(self._at[2])

    def _contract(self, number: int) -> Contract:
        what, option = NAMES[number], f"--{NAMES[number].removesuffix('Registry').lower()}"
        if not self._at[number]:
            raise NoRegistry(
                f"no {what} is known for chain {self.chain.chain_id}: name one by {option}"
            )
        if not self.chain.code(self._at[number]):
            raise NoRegistry(f"{self._at[number]} has no code: name a registry by {option}")
        return self.chain.at(self._at[number], abi.load(what))

    def _bound(self, found: Contract) -> Contract:
        try:
            of = found.getIdentityRegistry()
        except (CallReverted, BadInput) as error:
            raise NoRegistry(f"{found.address} is no registry of ERC-8004: name one") from error
        if of != self.identity.address:
            raise NoRegistry(
                f"{found.address} is of the identity registry {of}, not of "
                f"{self.identity.address}: name registries that belong together"
            )
        return found

    def _answers(self, address: str, tag: str) -> bool:
        """Whether a reputation registry reads with tags of this type."""
        kinds = ("uint256", "address[]", tag, tag, "bool")
        codec = FunctionCodec(
            {"name": "readAllFeedback", "inputs": [{"type": each} for each in kinds]}
        )
        empty = "" if tag == "string" else to_hex(bytes(32))
        data = codec.selector + codec.encode((0, [], empty, empty, True))
        try:
            return bool(self.chain.call(address, data))
        except CallReverted:
            return False
