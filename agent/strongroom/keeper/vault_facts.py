"""What a vault on chain says to somebody who writes the first files of its keeper: its asset, its
keepers and their Safes, the exchanges that its accounts sign for, the longest life of an order."""

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.addresses import typed_address
from strongroom.chain import abi
from strongroom.chain.artifacts import vault_abi
from strongroom.chain.codec import BadArguments
from strongroom.chain.contracts import Contract, Contracts
from strongroom.chain.failures import CallReverted
from strongroom.chain.ids import keccak
from strongroom.chain.protocols import Protocol, protocol_of_exchange
from strongroom.chain.terms import DELEGATED, ordinal
from strongroom.chain.units import DECIMALS
from strongroom.errors import BadInput
from strongroom.foreign_text import plain
from strongroom.settings import ConfigError

VERSIONS = ("2", "3", "1")  # of exchanges' EIP-712 domains
DOMAIN = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
EXCHANGE_NAME = keccak(b"Polymarket CTF Exchange")
NOT_THERE = (CallReverted, BadArguments)  # what a contract of another kind answers


@dataclass(frozen=True)
class AssetFacts:
    """A token that a vault counts in."""

    address: str
    name: str
    symbol: str
    decimals: int

    def __str__(self) -> str:
        return plain(f"{self.symbol} ({self.name}, {self.decimals} decimals)")


@dataclass(frozen=True)
class SafeFacts:
    """A Safe."""

    address: str
    owners: tuple[str, ...]
    threshold: int

    def __str__(self) -> str:
        return f"Safe {self.address}: {self.threshold} of {len(self.owners)} owners must sign"


@dataclass(frozen=True)
class ExchangeFacts:
    """An exchange that a class's accounts sign for; `oracle` is the class's."""

    address: str
    version: str
    negative_risk: bool
    oracle: str


@dataclass(frozen=True)
class VaultFacts:
    """What the chain says.

    Attributes:
        safe: keeper of the classes
        reporter: a Safe of its own; None: the keeper's Safe reports, or no Safe does
        reports: whether the reporter is a Safe
        notes: what the files cannot say yet, one sentence each
    """

    chain_id: int
    vault: str
    name: str
    asset: AssetFacts
    safe: SafeFacts
    reporter: SafeFacts | None
    reports: bool
    order_lifetime_s: int
    exchanges: tuple[ExchangeFacts, ...]
    classes: tuple[int, ...]
    notes: tuple[str, ...]

    @property
    def cosigned(self) -> bool:
        """Whether a co-signer gives the second of two signatures; more are the keeper's own."""
        return self.safe.threshold == 2


def asset_at(chain: Contracts, address: str) -> AssetFacts:
    """Return the token at an address.

    Raises:
        BadInput: none is there, or one that the program cannot count in.
        ChainAway: the node does not answer.
    """
    token = chain.at(_checked(address), abi.load("Erc20"))
    try:
        found = AssetFacts(
            token.address, str(token.name()), str(token.symbol()), int(token.decimals())
        )
    except NOT_THERE as error:
        raise BadInput(f"no token is at {address} on chain {chain.chain_id}") from error
    if found.decimals != DECIMALS:
        raise BadInput(
            f"{found} has not {DECIMALS} decimals, which keeper and audit count in: take another"
        )
    return found


def safe_at(chain: Contracts, address: str) -> SafeFacts | None:
    """Return the Safe at an address; None where there is none."""
    safe = chain.at(_checked(address), abi.load("Safe"))
    try:
        return SafeFacts(safe.address, tuple(map(str, safe.getOwners())), int(safe.getThreshold()))
    except NOT_THERE:
        return None


def keepers_of(chain: Contracts, address: str) -> list[str]:
    """Return the keepers of a vault's classes, each once; a class without one is left out.

    Raises:
        BadInput: no vault is at the address.
        ChainAway: the node does not answer.
    """
    vault = _vault(chain, address)
    keepers = dict.fromkeys(_keepers(vault))
    return [each for each in keepers if int(each, 16)]


def look(chain: Contracts, address: str, wanted: str | None = None) -> VaultFacts:
    """Return what the chain says of a vault to one of its keepers.

    Args:
        wanted: the keeper's Safe; None: the only keeper that the vault has

    Raises:
        BadInput: no vault is at the address.
        ConfigError: the vault has no such keeper or several, or the keeper is no Safe.
        ChainAway: the node does not answer.
    """
    vault = _vault(chain, address)
    reporter, keepers = str(vault.reporter()), _keepers(vault)
    keeper = _chosen(keepers, wanted)
    safe, theirs = safe_at(chain, keeper), safe_at(chain, reporter)
    if safe is None:
        raise ConfigError(f"the keeper {keeper} is not a Safe: make a Safe the keeper")
    notes = []
    if theirs is None:
        notes.append(f"the vault's reporter is {reporter}, no Safe: somebody else must report")
    exchanges: dict[str, ExchangeFacts] = {}
    classes = [number for number, each in enumerate(keepers) if each == keeper]
    for number in classes:
        exchange, note = _class_of(chain, vault, number)
        if exchange is not None:
            exchanges.setdefault(exchange.address, exchange)
        notes += [note] if note else []
    return VaultFacts(
        chain.chain_id, vault.address, str(vault.name()), asset_at(chain, str(vault.asset())),
        safe, None if reporter == keeper else theirs, theirs is not None,
        int(vault.limit(ordinal("max_order_lifetime_s"))), tuple(exchanges.values()),
        tuple(classes), tuple(notes),
    )  # fmt: skip


def version_of(chain: Contracts, exchange: str, domain: bytes) -> str:
    """Return the version in an exchange's EIP-712 domain, from the hash of that domain.

    Raises:
        ConfigError: it is none that is known.
    """
    for version in VERSIONS:
        parts = (DOMAIN, EXCHANGE_NAME, keccak(version.encode()))
        place = chain.chain_id.to_bytes(32, "big") + bytes(12) + bytes.fromhex(exchange[2:])
        if keccak(b"".join(parts) + place) == domain:
            return version
    raise ConfigError(f"the exchange {exchange} has an unknown signing domain")


def _checked(address: str) -> str:
    return typed_address(address)


def _vault(chain: Contracts, address: str) -> Contract:
    vault = chain.at(_checked(address), vault_abi())
    try:
        vault.navs(), vault.reporter(), vault.class_count()
    except NOT_THERE as error:
        raise BadInput(f"there is no Strongroom vault at {address} on this chain") from error
    return vault


def _keepers(vault: Contract) -> list[str]:
    return [str(vault.keeperOf(each)) for each in range(int(vault.class_count()))]


def _chosen(keepers: Sequence[str], wanted: str | None) -> str:
    """Return the keeper whose files are written.

    Raises:
        ConfigError: no class has this keeper, or the vault has several.
    """
    known = [each for each in dict.fromkeys(keepers) if int(each, 16)]
    chosen = [each for each in known if wanted is None or each.lower() == wanted.lower()]
    if len(chosen) == 1:
        return chosen[0]
    raise ConfigError(
        f"the keepers of the vault's classes are {', '.join(known) or 'nobody'}: "
        + ("name one of them (--safe)" if known else "name a Safe the keeper of a class first")
    )


def _class_of(chain: Contracts, vault: Contract, number: int) -> tuple[ExchangeFacts | None, str]:
    """Return the exchange of a class, if its accounts sign for one, and what else it needs."""
    terms = vault.classOf(number)
    account = chain.at(str(terms.implementation), abi.load("WalletAccount"))
    oracle = str(terms.oracle)
    exchange = _exchange(chain, account, oracle)
    if exchange is not None:
        owns = _answers(account, "WALLET_FACTORY")
        return exchange, f"class {number}'s accounts own wallets: add [venue.relayer]" * owns
    by_safe = _exchange_of_safes(chain, account.address, oracle)
    if by_safe is not None:
        more = "add [venue.relayer] and [venue.safes]"
        return by_safe, f"class {number}'s accounts own Safes: {more}"
    if int(terms.grade) == DELEGATED:
        more = "add [venue.relayer] and [[venue.wallets]]"
        return None, f"class {number} trades through deposit wallets: {more}"
    return None, f"class {number} trades with pools: add its [[venue.pools]]"


def _exchange(chain: Contracts, account: Contract, oracle: str) -> ExchangeFacts | None:
    """Return the exchange that a class's accounts sign for, if there is one."""
    try:
        address, domain = str(account.EXCHANGE()), bytes(account.EXCHANGE_DOMAIN())
    except NOT_THERE:
        return None
    version = version_of(chain, address, domain)
    v1 = protocol_of_exchange(version) is Protocol.V1  # V2 has one exchange for all
    return ExchangeFacts(address, version, v1 and bool(account.NEGATIVE_RISK()), oracle)


def _exchange_of_safes(chain: Contracts, kind: str, oracle: str) -> ExchangeFacts | None:
    """Return the exchange at which a class's Safes trade; None: its accounts own none."""
    account = chain.at(kind, abi.load("SafeAccount"))
    try:
        account.SAFE_FACTORY()
        address, negative_risk = str(account.EXCHANGE()), bool(account.NEGATIVE_RISK())
    except NOT_THERE:
        return None
    return ExchangeFacts(address, VERSIONS[0], negative_risk, oracle)


def _answers(contract: Contract, view: str) -> bool:
    try:
        return bool(getattr(contract, view)())
    except NOT_THERE:
        return False
