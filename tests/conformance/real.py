"""The venue's own exchange in the stand-in's place, where somebody has compiled it.

STRONGROOM_EXCHANGE_ARTIFACTS names a folder with CTFExchange.json, as Foundry or Hardhat write it;
then the players and the random matches run on that. Nothing of it is in this repository.
"""

import json
import os
from pathlib import Path
from typing import Any

from strongroom.chain.artifacts import Artifact
from strongroom.chain.ids import to_bytes
from strongroom.chain.wallet_addresses import POLYGON

from tests.property.evm import Contract, Evm

FOLDER = os.environ.get("STRONGROOM_EXCHANGE_ARTIFACTS", "")
# what wallets of types 1 and 2 are proxies of (VENUE 0; exchange_signatures.json)
PROXIES = {
    POLYGON.proxy: "0x44e999d5c2F66Ef0861317f9A4805AC2e90aEB4f",
    POLYGON.safe: "0xE51abdf814f8854941b9Fe8e3A4F65CAB4e7A4a8",
}


def real_artifact(name: str) -> Artifact:
    """Return a compiled contract of the folder."""
    found: dict[str, Any] = json.loads((Path(FOLDER) / f"{name}.json").read_text())
    code = found["bytecode"]
    return Artifact(name, found["abi"], to_bytes(code if isinstance(code, str) else code["object"]))


def deploy_real_exchange(evm: Evm, ctf: str, inside: str, pusd: str, adapter: str) -> Contract:
    """Deploy the real exchange; `evm.deployer` is its admin, operator and fee receiver."""
    for factory, wallet in PROXIES.items():  # whatever they are asked, they say what theirs are
        answer = "73" + wallet[2:] + "5f5260205ff3"
        evm.set_code(factory, bytes.fromhex(answer))
    admin = evm.address("exchange admin")
    terms = (admin, pusd, ctf, inside, adapter, POLYGON.proxy, POLYGON.safe, admin)
    exchange = evm.deploy(real_artifact("CTFExchange"), terms)
    evm.deployer = admin
    return exchange
