"""The venue's second protocol on the devnet: its ledger, modules, router and exchange (VENUE d)."""

from collections.abc import Mapping
from dataclasses import dataclass

from strongroom.chain.artifacts import artifact
from strongroom.chain.contracts import Contract
from strongroom.chain.ids import JsonObject
from strongroom.chain.orders import NO, YES
from strongroom.chain.position_ids import PositionCondition, binary_condition, position_of
from strongroom.devnet.clob.markets import Listing
from strongroom.devnet.deployer import Deployer

VERSION = "3"  # in the domain of its exchange
MAX_FEE_BPS = 500
# Wallets of types 1 and 2 at Exchange V3: factories and creation codes on Polygon (VENUE 0). Those
# of the devnet are others, so such wallets cannot trade there.
PROXY_FACTORY = "0xaB45c5A4B0c941a2F231C04C3f49182e1A254052"
PROXY_CODE = bytes.fromhex("d21df8dc65880a8606f09fe0ce3df9b8869287ab0b058be05aa9e8af6330a00b")
SAFE_FACTORY = "0xaacFeEa03eb1561C4e67d661e40682Bd20E3541b"
SAFE_CODE = bytes.fromhex("2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf")


@dataclass(frozen=True)
class PositionProtocol:
    """Its contracts."""

    position_manager: Contract  # the ledger
    binary_module: Contract
    neg_risk_module: Contract
    combinatorial_module: Contract
    router: Contract
    exchange_v3: Contract


def deploy_positions(
    deployer: Deployer, pusd: Contract, addresses: Mapping[str, str]
) -> PositionProtocol:
    """Deploy it; its modules mint and burn pUSD.

    Args:
        addresses: of contracts by name; the others go where the chain puts them
    """

    def make(name: str, kind: str, *arguments: object) -> Contract:
        return deployer.deploy(artifact(kind), *arguments, at=addresses.get(name, ""))

    manager = make("position_manager", "PositionManager", pusd)
    binary = make("binary_module", "BinaryModule", manager)
    negative_risk = make("neg_risk_module", "NegRiskModule", manager)
    combinatorial = make("combinatorial_module", "CombinatorialModule", manager)
    for module in (binary, negative_risk, combinatorial):
        manager.addModule(module, sender=deployer.sender)
        pusd.addMinter(module, sender=deployer.sender)
    manager.setCrossModuleAuth(combinatorial, True, sender=deployer.sender)
    exchange = make(
        "exchange_v3",
        "ExchangeV3",
        *(manager, combinatorial, deployer.sender, MAX_FEE_BPS),
        *(PROXY_FACTORY, SAFE_FACTORY, PROXY_CODE, SAFE_CODE),
    )
    router = make("router", "Router", manager)
    return PositionProtocol(manager, binary, negative_risk, combinatorial, router, exchange)


def list_binary(protocol: PositionProtocol, data: bytes, question: str) -> Listing:
    """Return a listing of the binary question that `data` names; nothing has to be prepared."""
    condition = binary_condition(data)
    return Listing(
        condition_id=padded(condition),
        token_ids=(str(position_of(condition, YES)), str(position_of(condition, NO))),
        question=question,
        outcomes=("Yes", "No"),
        exchange=protocol.exchange_v3.address,
        exchange_version=VERSION,
        negative_risk=False,
        protocol="v2",
    )


def record_of(listing: Listing, number: int) -> JsonObject:
    """Return a market's record as Gamma has those of this protocol (VENUE d5)."""
    return {
        "id": str(number),
        "slug": f"position-market-{number}",
        "question": listing.question,
        "conditionId": listing.condition_id,
        "outcomes": '["Yes", "No"]',
        "positionIds": list(listing.token_ids),
        "version": listing.protocol,
        "requestId": listing.condition_id,
        "resolutionStatus": "active",
        "active": True,
        "negRisk": False,
        "events": [{"id": str(number), "slug": f"position-market-{number}"}],
    }


def padded(condition: PositionCondition) -> str:
    """Return a condition's id as the services write it: 64 digits, the outcome's 0."""
    return condition + "00"
