"""The venue's own exchange in the stand-in's place, where somebody has compiled it.

STRONGROOM_EXCHANGE_ARTIFACTS names a folder with CTFExchange.json, as Foundry or Hardhat write it;
then players, random matches and the tests on a devnet of their own run on that. Nothing of it is in
this repository. Wallets of types 1 and 2 are the venue's own then, so the devnet's Safes are none.
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
    abi = [each for each in found["abi"] if each["type"] != "error"]  # ours have none either
    return Artifact(name, abi, to_bytes(code if isinstance(code, str) else code["object"]))


def replaced(
    deployer: Any, kind: Artifact, arguments: tuple[Any, ...]
) -> tuple[Artifact, tuple[Any, ...]]:
    """Return what to deploy instead of the stand-in of exchange V2, and with which arguments.

    Args:
        deployer: deploys what the real exchange asks at its start; is its admin
    """
    if not FOLDER or kind.name != "Exchange" or arguments[-1] != "2":
        return kind, arguments
    ctf, inside, pusd, adapter = arguments[:4]
    runtime = _answer(PROXIES[POLYGON.safe])
    initcode = bytes.fromhex(f"60{len(runtime):02x}600a5f3960{len(runtime):02x}5ff3") + runtime
    wallets = deployer.deploy(Artifact("OlderWallets", (), initcode))
    terms = (deployer.address, pusd, ctf, inside, adapter, wallets, wallets, deployer.address)
    return real_artifact("CTFExchange"), (tuple(getattr(e, "address", e) for e in terms),)


def _answer(address: str) -> bytes:
    """Return code that says one address, whatever it is asked."""
    return bytes.fromhex("73" + address[2:] + "5f5260205ff3")


def deploy_real_exchange(evm: Evm, ctf: str, inside: str, pusd: str, adapter: str) -> Contract:
    """Deploy the real exchange; `evm.deployer` is its admin, operator and fee receiver."""
    for factory, wallet in PROXIES.items():
        evm.set_code(factory, _answer(wallet))
    admin = evm.address("exchange admin")
    terms = (admin, pusd, ctf, inside, adapter, POLYGON.proxy, POLYGON.safe, admin)
    exchange = evm.deploy(real_artifact("CTFExchange"), terms)
    evm.deployer = admin
    return exchange
