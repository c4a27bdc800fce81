"""A wallet's consent to be an agent's: EIP-712, by the wallet's key, or by owners of a Safe."""

from collections.abc import Sequence

from strongroom.chain.contracts import Key
from strongroom.chain.ids import keccak
from strongroom.errors import BadInput
from strongroom.identity.registries import Registries
from strongroom.signing.hashing import address_word, domain_separator, safe_message_hash, word
from strongroom.signing.keys import sign_as_owners, sign_hash

_TYPE = keccak(b"AgentWalletSet(uint256 agentId,address newWallet,address owner,uint256 deadline)")
_NAME = "ERC8004IdentityRegistry"


def consent_digest(
    registry: str, chain_id: int, agent: int, wallet: str, owner: str, deadline: int
) -> bytes:
    """Return what a new wallet signs.

    Args:
        registry: address of the identity registry
        owner: of the agent
        deadline: timestamp, at most five minutes ahead
    """
    words = word(agent) + address_word(wallet) + address_word(owner) + word(deadline)
    domain = domain_separator(_NAME, "1", chain_id, registry)
    return keccak(b"\x19\x01" + domain + keccak(_TYPE + words))


def consent(
    registries: Registries, agent: int, wallet: str, deadline: int, keys: Sequence[Key]
) -> bytes:
    """Return a new wallet's signature.

    Args:
        keys: the wallet's own, or of enough owners of the Safe that it is

    Raises:
        BadInput: nobody signs.
    """
    if not keys:
        raise BadInput("name who signs for the new wallet by --consent: its key, or Safe owners")
    identity, chain = registries.identity, registries.chain
    digest = consent_digest(
        identity.address, chain.chain_id, agent, wallet, identity.ownerOf(agent), deadline
    )
    if not chain.code(wallet):
        return sign_hash(keys[0].account, digest)
    message = safe_message_hash(wallet, chain.chain_id, digest)
    return sign_as_owners([each.account for each in keys], message)
