"""An agent's registration file ("card"): written, read, and checked both ways.

A file proves nothing until it names back the agent that names it. Old files call services
`endpoints` and have a wallet inside: both are read, `services` is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strongroom.addresses import typed_address
from strongroom.chain.ids import Json, JsonObject
from strongroom.errors import BadInput

TYPE = "https://eips.ethereum.org/EIPS/eip-8004#registration-v1"
WELL_KNOWN = ".well-known/agent-registration.json"  # of a domain, which proves it so
ROLES = {
    "keeper": "Keeper of a Strongroom vault: trades prediction markets inside limits that "
    "contracts enforce. The vault's books can be rebuilt by anyone from its logs.",
    "auditor": "Auditor of Strongroom vaults: rebuilds the books from logs alone. Each answer "
    "names the command, the blocks and the hashes, so that a reader runs it again.",
}


class _Read(BaseModel):
    model_config = ConfigDict(extra="allow", populate_by_name=True)


class CardService(_Read):
    """A way to reach the agent."""

    name: str
    endpoint: str = ""
    version: str | None = None


class CardRegistration(_Read):
    """An agent that the file says it belongs to."""

    agent_id: int = Field(alias="agentId", strict=True)
    registry: str = Field(alias="agentRegistry")


class AgentCard(_Read):
    """What is read of a registration file."""

    type: str = ""
    name: str
    description: str = ""
    services: tuple[CardService, ...] | None = None
    endpoints: tuple[CardService, ...] | None = None  # of the first shape
    x402: bool = Field(False, alias="x402Support")
    active: bool = True
    registrations: tuple[CardRegistration, ...] = ()
    trust: tuple[str, ...] = Field((), alias="supportedTrust")


class _Domain(_Read):
    registrations: tuple[CardRegistration, ...] = ()


@dataclass(frozen=True)
class CardTerms:
    """What a card of ours says.

    Attributes:
        role: keeper or auditor
        vault: the keeper's, with its chain
        services: (name, endpoint) pairs
        trust: reputation, crypto-economic, tee-attestation; none: discovery only
    """

    role: str
    name: str
    chain_id: int
    vault: str = ""
    services: Sequence[tuple[str, str]] = ()
    image: str = ""
    x402: bool = False
    trust: Sequence[str] = field(default=("reputation",))


def make_card(terms: CardTerms, registrations: Sequence[tuple[int, str]] = ()) -> JsonObject:
    """Return a registration file.

    Args:
        registrations: (agentId, agentRegistry) that it belongs to

    Raises:
        BadInput: a keeper without a vault, or a role or a vault that is none.
    """
    if terms.role not in ROLES:
        raise BadInput(f"{terms.role!r} is no role: name {' or '.join(ROLES)}")
    if terms.role == "keeper" and not terms.vault:
        raise BadInput("a keeper's card names its vault: add --vault")
    services = [{"name": name, "endpoint": endpoint} for name, endpoint in terms.services]
    if terms.vault:
        vault = f"eip155:{terms.chain_id}:{typed_address(terms.vault)}"
        services.append({"name": "strongroom-vault", "endpoint": vault})
    return {
        "type": TYPE,
        "name": terms.name,
        "description": ROLES[terms.role],
        "image": terms.image,
        "services": services,
        "x402Support": terms.x402,
        "active": True,
        "registrations": registered(registrations),
        "supportedTrust": list(terms.trust),
    }


def registered(registrations: Sequence[tuple[int, str]]) -> list[Json]:
    """Return what a card says of the agents that it belongs to."""
    return [{"agentId": number, "agentRegistry": name} for number, name in registrations]


def read_card(content: JsonObject) -> AgentCard:
    """Return a registration file.

    Raises:
        BadInput: it is none.
    """
    try:
        return AgentCard.model_validate(content)
    except ValidationError as error:
        first: Any = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadInput(f"the card's {where}: {first['msg']}: write it anew") from error


def card_faults(card: AgentCard, agent: int, registry: str) -> list[str]:
    """Return why a card is not an agent's; none: it names the agent back.

    Args:
        registry: eip155:<chain>:<address>
    """
    faults = [] if card.type == TYPE else [f"its type is {card.type!r}, not {TYPE!r}"]
    named = {(each.agent_id, each.registry.lower()) for each in card.registrations}
    if (agent, registry.lower()) not in named:
        faults.append(f"it does not name agent {agent} of {registry} back: it proves nothing")
    if card.services is None and card.endpoints is not None:
        faults.append("it has `endpoints`, as the first shape: write `services`")
    return faults


def domain_faults(content: JsonObject, agent: int, registry: str) -> list[str]:
    """Return why what a domain serves at WELL_KNOWN does not prove it an agent's; none: it has the
    agent's entry. It may be a whole card, or the entries alone.

    Args:
        registry: eip155:<chain>:<address>
    """
    try:
        named = _Domain.model_validate(content).registrations
    except ValidationError:
        named = ()
    if (agent, registry.lower()) in {(each.agent_id, each.registry.lower()) for each in named}:
        return []
    return [f"the domain's file does not name agent {agent} of {registry}: it is not proven"]
