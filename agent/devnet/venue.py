"""Deploys the venue, Safes and vaults of the devnet, on whatever chain ape is connected to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ape
from eth_utils.crypto import keccak

from agent.devnet.parts import conditional_tokens, safe_part
from agent.terms import TIMELOCKED, VaultTerms

ZERO_ADDRESS = "0x" + "00" * 20


@dataclass(frozen=True)
class Venue:
    """The contracts of a venue; instances of ape contracts."""

    usdc: Any
    pusd: Any
    ctf: Any
    adapter: Any
    exchange: Any
    exchange_version: str

    def fund(self, deployer: Any, receiver: Any, amount: int) -> None:
        """Give `receiver` `amount` (6 decimals) of pUSD, wrapped from freshly minted USDC.e."""
        self.usdc.mint(deployer, amount, sender=deployer)
        self.usdc.approve(self.pusd, amount, sender=deployer)
        self.pusd.wrap(receiver, amount, sender=deployer)


@dataclass(frozen=True)
class SafeFactory:
    """What new Safes are made from."""

    singleton: Any
    proxy_factory: Any
    fallback_handler: Any


def deploy_venue(deployer: Any, exchange_version: str = "2") -> Venue:
    """Deploy collateral, the real ConditionalTokens, the adapter and the exchange."""
    project = ape.project
    usdc = deployer.deploy(project.UsdcE)
    pusd = deployer.deploy(project.PUsd, usdc)
    ctf = deployer.deploy(conditional_tokens())
    adapter = deployer.deploy(project.CollateralAdapter, ctf, pusd, usdc)
    exchange = deployer.deploy(project.Exchange, ctf, pusd, adapter, exchange_version)
    return Venue(usdc, pusd, ctf, adapter, exchange, exchange_version)


def deploy_safe_factory(deployer: Any) -> SafeFactory:
    """Deploy the real Safe 1.4.1 singleton, proxy factory and fallback handler."""
    return SafeFactory(
        *(
            deployer.deploy(safe_part(name))
            for name in ("Safe", "ProxyFactory", "CompatibilityFallbackHandler")
        )
    )


def deploy_safe(
    deployer: Any, factory: SafeFactory, owners: Sequence[str], threshold: int, nonce: int = 0
) -> Any:
    """Deploy a Safe of `owners` that needs `threshold` signatures."""
    setup = factory.singleton.setup.encode_input(
        list(owners),
        threshold,
        ZERO_ADDRESS,
        b"",
        factory.fallback_handler,
        ZERO_ADDRESS,
        0,
        ZERO_ADDRESS,
    )
    receipt = factory.proxy_factory.createProxyWithNonce(
        factory.singleton, setup, nonce, sender=deployer
    )
    (event,) = receipt.decode_logs(factory.proxy_factory.ProxyCreation)
    return safe_part("Safe").at(event.proxy, fetch_from_explorer=False)


def deploy_account_implementation(deployer: Any, venue: Venue, negative_risk: bool = False) -> Any:
    """Deploy the implementation that the vault clones for each market of the venue."""
    return deployer.deploy(
        ape.project.PolymarketAccount,
        venue.exchange,
        venue.exchange_version,
        venue.ctf,
        venue.pusd,
        venue.usdc,
        venue.adapter,
        negative_risk,
    )


def deploy_vault_factory(deployer: Any, asset: Any) -> Any:
    """Deploy governance, desk, blueprint and factory for vaults of `asset`."""
    project = ape.project
    governance = deployer.deploy(project.VaultGovernance, asset)
    desk = deployer.deploy(project.VaultDesk, asset, governance)
    blueprint = deployer.declare(project.Vault)  # ERC-5202
    return deployer.deploy(project.VaultFactory, blueprint.contract_address, desk)


def deploy_vault(deployer: Any, factory: Any, terms: VaultTerms, salt: bytes) -> Any:
    """Deploy a vault through its factory."""
    receipt = factory.deploy(terms.arguments(), salt, sender=deployer)
    (event,) = receipt.decode_logs(factory.VaultDeployed)
    return vault_at(event.vault)


def raise_delays(vault: Any, owner: Any, seconds: int) -> None:
    """Give every timelocked function of a vault its delay, once it is set up."""
    for signature in TIMELOCKED:
        vault.increaseDelay(keccak(text=signature)[:4], seconds, sender=owner)


def vault_at(address: str) -> Any:
    """Return the vault at `address` with the ABI of all parts of its code."""
    return ape.Contract(address, contract_type=vault_type())


def vault_type() -> Any:
    """Return the contract type of a vault: the functions and events of its three parts."""
    merged = ape.project.Vault.contract_type.model_copy(deep=True)
    known = {entry.selector for entry in merged.abi if hasattr(entry, "selector")}
    for part in (ape.project.VaultDesk, ape.project.VaultGovernance):
        for entry in part.contract_type.abi:
            if entry.type in ("function", "event") and entry.selector not in known:
                merged.abi.append(entry)
                known.add(entry.selector)
    return merged


def condition_id(oracle: str, question_id: bytes) -> bytes:
    """Return ConditionalTokens' id of a binary condition."""
    return keccak(bytes.fromhex(oracle[2:]) + question_id + (2).to_bytes(32, "big"))
