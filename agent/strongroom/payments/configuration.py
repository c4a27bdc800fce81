"""A buyer's file: which wallet pays in what, and how much it may spend over time."""

from decimal import Decimal
from pathlib import Path

from pydantic import Field, ValidationError, field_validator

from strongroom.chain.contracts import Contracts
from strongroom.chain.units import MICRO
from strongroom.payments.budget import Budget
from strongroom.payments.mandated import BuyerMandate
from strongroom.payments.token import PaidToken, TokenDomain
from strongroom.settings import (
    Address,
    ConfigError,
    HttpUrl,
    Place,
    Section,
    describe,
    read_toml,
)


class NodeSection(Section):
    """The node that has the last word on payments."""

    rpc_url: HttpUrl
    chain_id: int
    timeout_s: float = Field(10.0, gt=0)


class TokenSection(Section):
    """What is paid in: a token of 6 decimals that takes signed transfers (ERC-3009)."""

    address: Address
    name: str = "USD Coin"  # of its EIP-712 domain
    version: str = "2"


class WalletKeySection(Section):
    """The wallet that pays: a small one of its own, never a keeper's or an owner's."""

    keystore: Place
    passphrase_env: str = "STRONGROOM_BUYER_PASSPHRASE"


class BudgetSection(Section):
    """What may be spent, in units of the token; of any 24 hours but for `payment`."""

    payment: Decimal = Field(gt=0)
    day: Decimal = Field(gt=0)
    payee: Decimal = Field(gt=0)
    route: Decimal = Field(gt=0)

    @field_validator("*")
    @classmethod
    def _is_whole(cls, units: Decimal) -> Decimal:
        if units * MICRO != int(units * MICRO):
            raise ValueError("has more than 6 decimals: round it")
        return units

    @property
    def amounts(self) -> Budget:
        """In base units."""
        each = (self.payment, self.day, self.payee, self.route)
        payment, day, payee, route = (int(units * MICRO) for units in each)
        return Budget(payment, day, payee, route)


class BuyerConfig(Section):
    """Everything of one buyer."""

    journal: Place = Field(Path("purchases.db"), validate_default=True)
    payees: tuple[Address, ...] = ()  # who may be paid; empty: anybody, within the budget
    chain: NodeSection
    token: TokenSection
    wallet: WalletKeySection
    budget: BudgetSection
    mandate: BuyerMandate | None = None  # of a vault's owner; the tighter of both holds


def load(path: Path) -> BuyerConfig:
    """Read a buyer's file; relative paths in it are relative to the file.

    Raises:
        ConfigError: it cannot be used.
    """
    try:
        return BuyerConfig.model_validate(read_toml(path), context=path.parent)
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe(error, BuyerConfig)}") from error


def open_token(node: NodeSection, told: TokenSection) -> PaidToken:
    """Return a token, on a node of the right chain.

    Raises:
        ConfigError: the node is of another chain, or the token is not there.
        ChainAway: the node does not answer.
    """
    chain = Contracts(node.rpc_url, node.timeout_s)
    if chain.chain_id != node.chain_id:
        raise ConfigError(
            f"[chain.chain_id] the node is on chain {chain.chain_id}, the file says {node.chain_id}"
        )
    if not chain.code(told.address):
        raise ConfigError(f"[token.address] {told.address} has no code on chain {node.chain_id}")
    return PaidToken(chain, told.address, TokenDomain(told.name, told.version))
