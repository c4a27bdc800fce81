"""Money to try with on a running practice: pUSD and gas for any address."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from strongroom.addresses import typed_address
from strongroom.chain.artifacts import artifact
from strongroom.chain.contracts import Contracts
from strongroom.chain.units import ETHER, MICRO
from strongroom.devnet.deployer import devnet_keys
from strongroom.errors import BadInput

FILE = "practice.json"
GAS_WEI = 10 * ETHER


class NoFaucet(BadInput):
    """No practice runs in the folder, or the address is not an address; the message says which."""


@dataclass(frozen=True)
class Purse:
    """Where a practice's money comes from; addresses."""

    rpc_url: str
    usdc: str
    pusd: str
    onramp: str
    vault: str

    def write(self, folder: Path) -> None:
        """Write it into a practice's folder."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1) + "\n")


@dataclass(frozen=True)
class FaucetOptions:
    """Who gets what: micro-units of pUSD, and gas besides."""

    receiver: str
    assets: int = 1_000 * MICRO
    folder: Path = Path("build") / "practice"


def run_faucet(options: FaucetOptions) -> int:
    """Give money to an address; return its pUSD now, micro-units.

    Raises:
        NoFaucet: see the class.
        ChainAway: the practice has ended.
    """
    try:
        receiver = typed_address(options.receiver)
    except BadInput as error:
        raise NoFaucet(str(error)) from error
    if options.assets <= 0:
        raise NoFaucet("an amount must be more than 0")
    path = options.folder / FILE
    try:
        purse = TypeAdapter(Purse).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise NoFaucet(f"no practice in {options.folder}: start `strongroom practice`") from error
    chain, giver = Contracts(purse.rpc_url), devnet_keys()[0]
    chain.request("anvil_setBalance", receiver, hex(GAS_WEI))
    usdc = chain.at(purse.usdc, artifact("UsdcE").abi)
    pusd = chain.at(purse.pusd, artifact("PUsd").abi)
    onramp = chain.at(purse.onramp, artifact("CollateralOnramp").abi)
    usdc.mint(giver, options.assets, sender=giver)
    usdc.approve(onramp, options.assets, sender=giver)
    onramp.wrap(usdc, receiver, options.assets, sender=giver)
    return int(pusd.balanceOf(receiver))
