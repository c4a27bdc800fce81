"""Deploys the venue, Safes and vaults of the devnet, on whatever chain ape is connected to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ape
from eth_utils.crypto import keccak

from strongroom.chain.terms import TIMELOCKED, VaultTerms
from strongroom.deployment.compiled import vault_at
from strongroom.devnet.bytecode import conditional_tokens, market_maker_part, safe_part

ZERO_ADDRESS = "0x" + "00" * 20


@dataclass(frozen=True)
class SafeFactory:
    """What new Safes are made from."""

    singleton: Any
    proxy_factory: Any
    fallback_handler: Any


@dataclass(frozen=True)
class Venue:
    """The contracts of the venues; instances of ape contracts."""

    usdc: Any
    pusd: Any
    wrapped: Any  # the collateral inside negative-risk outcome tokens
    ctf: Any
    adapter: Any
    neg_risk_adapter: Any
    exchange: Any
    neg_risk_exchange: Any
    exchange_v3: Any
    wallets: Any
    safes: SafeFactory
    pools: Any  # factory of fixed-product market makers
    exchange_version: str = "2"  # in the domains of `exchange` and `neg_risk_exchange`

    def fund(self, deployer: Any, receiver: Any, amount: int) -> None:
        """Give `receiver` `amount` (6 decimals) of pUSD, wrapped from freshly minted USDC.e."""
        self.usdc.mint(deployer, amount, sender=deployer)
        self.usdc.approve(self.pusd, amount, sender=deployer)
        self.pusd.wrap(receiver, amount, sender=deployer)


# Deploys one contract: (deployer, name in Venue, container, constructor arguments) -> instance.
Deploy = Callable[..., Any]


def anywhere(deployer: Any, name: str, container: Any, *arguments: Any) -> Any:
    """Deploy where the chain puts it."""
    return deployer.deploy(container, *arguments)


def deploy_venue(deployer: Any, deploy: Deploy = anywhere) -> Venue:
    """Deploy the venues: collateral, the real ConditionalTokens, adapters, exchanges, wallets, and
    the factory of the real fixed-product market makers.

    Args:
        deploy: where to; agent/strongroom/devnet/polymarket.py puts them at its own addresses
    """
    project = ape.project

    def make(name: str, container: Any, *arguments: Any) -> Any:
        return deploy(deployer, name, container, *arguments)

    safes = deploy_safe_factory(deployer)
    usdc = make("usdc", project.UsdcE)
    pusd = make("pusd", project.PUsd, usdc)
    wrapped = make("wrapped", project.WrappedCollateral)
    ctf = make("ctf", conditional_tokens())
    adapter = make("adapter", project.CollateralAdapter, ctf, pusd, usdc)
    neg_risk_adapter = make("neg_risk_adapter", project.NegRiskAdapter, ctf, pusd, usdc, wrapped)
    wrapped.transfer_ownership(neg_risk_adapter, sender=deployer)
    wallets = make(
        "wallets",
        project.Wallets,
        deployer.deploy(project.DepositWallet),
        safes.singleton,
        safes.proxy_factory,
        safes.fallback_handler,
    )

    def exchange(name: str, its_adapter: Any, version: str) -> Any:
        return make(name, project.Exchange, ctf, pusd, its_adapter, wallets, version)

    return Venue(
        usdc=usdc,
        pusd=pusd,
        wrapped=wrapped,
        ctf=ctf,
        adapter=adapter,
        neg_risk_adapter=neg_risk_adapter,
        exchange=exchange("exchange", adapter, "2"),
        neg_risk_exchange=exchange("neg_risk_exchange", neg_risk_adapter, "2"),
        exchange_v3=exchange("exchange_v3", adapter, "3"),
        wallets=wallets,
        safes=safes,
        pools=deployer.deploy(market_maker_part("FPMMDeterministicFactory")),
    )


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
    return safe_at(event.proxy)


def safe_at(address: str) -> Any:
    """Return the Safe at `address`."""
    return safe_part("Safe").at(address, fetch_from_explorer=False)


def deploy_account_implementation(
    deployer: Any, venue: Venue, negative_risk: bool = False, version: str = "2"
) -> Any:
    """Deploy what the vault clones for each market of the venue: a PolymarketAccount.

    Args:
        negative_risk: for events of exclusive conditions
        version: of the exchange that its accounts sign for, "2" or "3"; "3" knows no negative risk
    """
    if negative_risk:
        exchange = venue.neg_risk_exchange
    else:
        exchange = venue.exchange if version == "2" else venue.exchange_v3
    return deployer.deploy(
        ape.project.PolymarketAccount,
        exchange,
        version,
        *_token_arguments(venue, negative_risk),
    )


def deploy_delegated_implementation(
    deployer: Any, venue: Venue, registry: Any, negative_risk: bool = False
) -> Any:
    """Deploy what the vault clones for markets whose budget goes to a wallet."""
    return deployer.deploy(
        ape.project.DelegatedAccount, registry, *_token_arguments(venue, negative_risk)
    )


def deploy_fpmm_implementation(deployer: Any, ctf: Any, asset: Any, pool: Any) -> Any:
    """Deploy what the vault clones for markets on fixed-product market makers.

    Args:
        asset: the pools' collateral and the vault's asset
        pool: any pool of the factory whose pools may be traded with: all have its code
    """
    code = ape.networks.provider.get_code(pool.address)
    return deployer.deploy(ape.project.FpmmAccount, ctf, asset, keccak(code))


def make_pool(
    deployer: Any, venue: Venue, asset: Any, conditions: Sequence[bytes], fee: int, funds: int
) -> Any:
    """Make a funded fixed-product market maker over `conditions`.

    Args:
        fee: WAD of what a buyer invests
        funds: collateral of `deployer` that goes into the pool
    """
    asset.approve(venue.pools, funds, sender=deployer)
    receipt = venue.pools.create2FixedProductMarketMaker(
        0, venue.ctf, asset, conditions, fee, funds, [], sender=deployer
    )
    (event,) = receipt.decode_logs(venue.pools.FixedProductMarketMakerCreation)
    return market_maker_part("FixedProductMarketMaker").at(
        event.fixedProductMarketMaker, fetch_from_explorer=False
    )


def _token_arguments(venue: Venue, negative_risk: bool) -> tuple[Any, ...]:
    if negative_risk:
        return venue.ctf, venue.pusd, venue.wrapped, venue.neg_risk_adapter, True
    return venue.ctf, venue.pusd, venue.usdc, venue.adapter, False


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


def condition_id(oracle: str, question_id: bytes) -> bytes:
    """Return ConditionalTokens' id of a binary condition."""
    return keccak(bytes.fromhex(oracle[2:]) + question_id + (2).to_bytes(32, "big"))
