"""Deploys the venue, Safes and vaults of the devnet, on whatever chain the deployer is of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from strongroom.chain.artifacts import MAKERS, TOKENS, artifact, gnosis, safe
from strongroom.chain.contracts import Contract, Sender
from strongroom.chain.ids import keccak
from strongroom.chain.terms import TIMELOCKED, VaultTerms
from strongroom.chain.units import MAX_UINT256
from strongroom.devnet.deployer import Deployer, vault_kind
from strongroom.devnet.deposit_wallets import TIMELOCK_DELAY
from strongroom.devnet.positions import PositionProtocol, deploy_positions

ZERO_ADDRESS = "0x" + "00" * 20
VERSION = "2"  # of the exchanges of the first protocol


@dataclass(frozen=True)
class SafeFactory:
    """What new Safes are made from."""

    singleton: Contract
    proxy_factory: Contract
    fallback_handler: Contract


@dataclass(frozen=True)
class Venue:
    """The contracts of the venues."""

    usdc: Contract
    pusd: Contract
    onramp: Contract  # USDC.e to pUSD
    offramp: Contract  # and back
    wrapped: Contract  # the collateral inside negative-risk outcome tokens
    ctf: Contract
    adapter: Contract  # between pUSD and outcome tokens
    neg_risk_adapter: Contract  # the ledger of negative-risk events, oracle of their conditions
    neg_risk_collateral_adapter: Contract  # between pUSD and their outcome tokens
    exchange: Contract
    neg_risk_exchange: Contract
    positions: PositionProtocol
    wallet_factory: Contract  # of deposit wallets
    wallets: Contract  # the service's register of them and of Safes
    safes: SafeFactory
    exchange_version: str = VERSION  # in the domains of `exchange` and `neg_risk_exchange`

    def fund(self, sender: Sender, receiver: Sender | Contract | str, amount: int) -> None:
        """Give `receiver` `amount` (6 decimals) of pUSD, wrapped from freshly minted USDC.e."""
        self.usdc.mint(sender, amount, sender=sender)
        self.usdc.approve(self.onramp, amount, sender=sender)
        self.onramp.wrap(self.usdc, receiver, amount, sender=sender)


ANYWHERE: Mapping[str, str] = MappingProxyType({})


def deploy_venue(deployer: Deployer, addresses: Mapping[str, str] = ANYWHERE) -> Venue:
    """Deploy the venues: collateral, the real ConditionalTokens, adapters, exchanges and wallets.

    Args:
        addresses: of contracts by their names in Venue; the others go where the chain puts them
    """

    def make(name: str, kind: str, *arguments: object) -> Contract:
        return deployer.deploy(artifact(kind), *arguments, at=addresses.get(name, ""))

    safes = deploy_safe_factory(deployer)
    usdc = make("usdc", "UsdcE")
    vault = make("vault", "CollateralVault")
    pusd = make("pusd", "PUsd", ZERO_ADDRESS, usdc, vault)
    vault.approve(usdc, pusd, MAX_UINT256, sender=deployer.sender)
    onramp = make("onramp", "CollateralOnramp", pusd)
    offramp = make("offramp", "CollateralOfframp", pusd)
    ctf = deployer.deploy(gnosis(TOKENS, "ConditionalTokens"), at=addresses.get("ctf", ""))
    adapter = make("adapter", "CollateralAdapter", ctf, pusd, usdc)
    wrapped = make("wrapped", "WrappedCollateral", usdc)
    fees = make("neg_risk_vault", "CollateralVault")
    neg_risk_adapter = make("neg_risk_adapter", "NegRiskAdapter", ctf, usdc, wrapped, fees)
    wrapped.transfer_ownership(neg_risk_adapter, sender=deployer.sender)
    neg_risk_collateral_adapter = make(
        "neg_risk_collateral_adapter",
        "NegRiskCollateralAdapter",
        *(ctf, pusd, usdc, neg_risk_adapter),
    )
    for wrapper in (onramp, offramp, adapter, neg_risk_collateral_adapter):
        pusd.addWrapper(wrapper, sender=deployer.sender)
    admin = deployer.sender
    wallet = make("wallet", "DepositWallet")
    beacon = make("wallet_beacon", "DepositWalletBeacon", admin, wallet)
    wallet_factory = make("wallet_factory", "DepositWalletFactory", admin, beacon, TIMELOCK_DELAY)
    parts = (safes.singleton, safes.proxy_factory, safes.fallback_handler)
    wallets = make("wallets", "Wallets", wallet_factory, *parts)
    # no factory of wallets of type 1; the register makes those of type 2
    derived = (ZERO_ADDRESS, wallets, bytes(32), wallets.SAFE_CODE_HASH())

    def exchange(name: str, inside: Contract, its_adapter: Contract, version: str) -> Contract:
        tokens = (ctf, inside, pusd, its_adapter)
        return make(name, "Exchange", *tokens, *derived, version)

    return Venue(
        usdc=usdc,
        pusd=pusd,
        onramp=onramp,
        offramp=offramp,
        wrapped=wrapped,
        ctf=ctf,
        adapter=adapter,
        neg_risk_adapter=neg_risk_adapter,
        neg_risk_collateral_adapter=neg_risk_collateral_adapter,
        exchange=exchange("exchange", usdc, adapter, "2"),
        neg_risk_exchange=exchange("neg_risk_exchange", wrapped, neg_risk_collateral_adapter, "2"),
        positions=deploy_positions(deployer, pusd, addresses),
        wallet_factory=wallet_factory,
        wallets=wallets,
        safes=safes,
    )


def deploy_safe_factory(deployer: Deployer) -> SafeFactory:
    """Deploy the real Safe 1.4.1 singleton, proxy factory and fallback handler."""
    return SafeFactory(
        singleton=deployer.deploy(safe("Safe")),
        proxy_factory=deployer.deploy(safe("ProxyFactory")),
        fallback_handler=deployer.deploy(safe("CompatibilityFallbackHandler")),
    )


def deploy_safe(
    deployer: Deployer, factory: SafeFactory, owners: Sequence[str], threshold: int, nonce: int = 0
) -> Contract:
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
        factory.singleton, setup, nonce, sender=deployer.sender
    )
    return safe_at(deployer, deployer.event(receipt, factory.proxy_factory, "ProxyCreation").proxy)


def safe_at(deployer: Deployer, address: str) -> Contract:
    """Return the Safe at `address`."""
    return deployer.contract(address, safe("Safe"))


def deploy_account_implementation(
    deployer: Deployer, venue: Venue, negative_risk: bool = False
) -> Contract:
    """Deploy what the vault clones for each market of the venue: a PolymarketAccount.

    Args:
        negative_risk: for events of exclusive conditions
    """
    exchange = venue.neg_risk_exchange if negative_risk else venue.exchange
    tokens = _token_arguments(venue, negative_risk)
    return deployer.deploy(artifact("PolymarketAccount"), exchange, VERSION, *tokens)


def deploy_wallet_implementation(
    deployer: Deployer, venue: Venue, negative_risk: bool = False
) -> Contract:
    """Deploy what the vault clones for markets whose accounts own deposit wallets: a
    WalletAccount."""
    exchange = venue.neg_risk_exchange if negative_risk else venue.exchange
    factory = venue.wallet_factory
    parts = (exchange, "2", factory, factory.BEACON(), *_token_arguments(venue, negative_risk))
    return deployer.deploy(artifact("WalletAccount"), *parts)


def deploy_position_implementation(deployer: Deployer, venue: Venue) -> Contract:
    """Deploy what the vault clones for markets of Protocol V2."""
    protocol = venue.positions
    return deployer.deploy(
        artifact("PositionAccount"), protocol.exchange_v3, protocol.position_manager
    )


def deploy_safe_account_implementation(
    deployer: Deployer, venue: Venue, negative_risk: bool = False
) -> Contract:
    """Deploy what the vault clones for markets whose accounts own Safes that a key trades: a
    SafeAccount."""
    exchange = venue.neg_risk_exchange if negative_risk else venue.exchange
    wallets = venue.wallets
    parts = (wallets, wallets.SAFE_CODE_HASH(), *_token_arguments(venue, negative_risk))
    return deployer.deploy(artifact("SafeAccount"), exchange, *parts)


def deploy_delegated_implementation(
    deployer: Deployer, venue: Venue, registry: Contract, negative_risk: bool = False
) -> Contract:
    """Deploy what the vault clones for markets whose budget goes to a wallet."""
    tokens = _token_arguments(venue, negative_risk)
    return deployer.deploy(artifact("DelegatedAccount"), registry, *tokens)


def deploy_fpmm_implementation(
    deployer: Deployer, ctf: Contract, asset: Contract, pool: Contract
) -> Contract:
    """Deploy what the vault clones for markets on fixed-product market makers.

    Args:
        asset: the pools' collateral and the vault's asset
        pool: any pool of the factory whose pools may be traded with: all have its code
    """
    code = deployer.code(pool.address)
    return deployer.deploy(artifact("FpmmAccount"), ctf, asset, keccak(code))


def deploy_pool_factory(deployer: Deployer) -> Contract:
    """Deploy the factory of the real fixed-product market makers. All pools of one factory have
    the same code.

    Raises:
        ArtifactMissing: the npm package that ships them is not installed.
    """
    return deployer.deploy(gnosis(MAKERS, "FPMMDeterministicFactory"))


def make_pool(
    deployer: Deployer,
    factory: Contract,
    venue: Venue,
    conditions: Sequence[bytes],
    fee: int,
    funds: int,
) -> Contract:
    """Make a funded fixed-product market maker over `conditions`, for pUSD.

    Args:
        fee: WAD of what a buyer invests
        funds: pUSD of the deployer that goes into the pool
    """
    venue.pusd.approve(factory, funds, sender=deployer.sender)
    receipt = factory.create2FixedProductMarketMaker(
        0, venue.ctf, venue.pusd, conditions, fee, funds, [], sender=deployer.sender
    )
    made = deployer.event(receipt, factory, "FixedProductMarketMakerCreation")
    return deployer.contract(
        made.fixedProductMarketMaker, gnosis(MAKERS, "FixedProductMarketMaker")
    )


def _token_arguments(venue: Venue, negative_risk: bool) -> tuple[Contract | bool, ...]:
    if negative_risk:
        return venue.ctf, venue.pusd, venue.wrapped, venue.neg_risk_collateral_adapter, True
    return venue.ctf, venue.pusd, venue.usdc, venue.adapter, False


def deploy_vault_factory(deployer: Deployer, asset: Contract) -> Contract:
    """Deploy governance, exits, desk, blueprint and factory for vaults of `asset`."""
    governance = deployer.deploy(artifact("VaultGovernance"), asset)
    exits = deployer.deploy(artifact("VaultExits"), asset, governance)
    desk = deployer.deploy(artifact("VaultDesk"), asset, exits)
    blueprint = deployer.declare(artifact("Vault"))
    return deployer.deploy(artifact("VaultFactory"), blueprint, desk)


def deploy_vault(deployer: Deployer, factory: Contract, terms: VaultTerms, salt: bytes) -> Contract:
    """Deploy a vault through its factory."""
    receipt = factory.deploy(terms.arguments(), salt, sender=deployer.sender)
    return vault_at(deployer, deployer.event(receipt, factory, "VaultDeployed").vault)


def vault_at(deployer: Deployer, address: str) -> Contract:
    """Return the vault at `address`."""
    return deployer.contract(address, vault_kind())


def raise_delays(vault: Contract, owner: Sender, seconds: int) -> None:
    """Give every timelocked function of a vault its delay, once it is set up."""
    for signature in TIMELOCKED:
        vault.increaseDelay(keccak(signature.encode())[:4], seconds, sender=owner)


def condition_id(oracle: str, question_id: bytes) -> bytes:
    """Return ConditionalTokens' id of a binary condition."""
    return keccak(bytes.fromhex(oracle[2:]) + question_id + (2).to_bytes(32, "big"))
