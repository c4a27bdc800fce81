"""The file that a vault is deployed from: typed, with units and safe defaults."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Literal

from eth_utils.address import is_address
from pydantic import Field, JsonValue, ValidationError

from strongroom.chain.artifacts import artifact
from strongroom.chain.codec import BadArguments
from strongroom.chain.ids import keccak
from strongroom.chain.terms import NO_CAP, ClassTerms, Limits, VaultTerms
from strongroom.chain.units import BPS, DAY, MICRO
from strongroom.errors import nearest
from strongroom.settings import ConfigError, Section, describe, read_toml

Implementation = Literal["polymarket", "delegated", "fpmm"]
CONTRACTS = {
    "polymarket": "PolymarketAccount",
    "delegated": "DelegatedAccount",
    "fpmm": "FpmmAccount",
}
ROLES = ("owner", "guardian", "keeper", "reporter", "fee_recipient")


class TermsSection(Section):
    """The vault's terms; money in units, times in seconds."""

    name: str
    symbol: str
    owner: str
    guardian: str
    keeper: str
    reporter: str
    fee_recipient: str
    management_bps: int = Field(200, ge=0, le=500)
    performance_bps: int = Field(2_000, ge=0, le=5_000)
    hurdle_bps: int = Field(0, ge=0)
    deposit_limit: Decimal = Field(NO_CAP, gt=0)
    min_deposit: Decimal = Field(Decimal(1), gt=0)
    timelock_s: int = Field(3 * DAY, ge=0)
    limits: Mapping[str, int] = {}


class ClassSection(Section):
    """A kind of market; `arguments` are the account implementation's constructor's."""

    account: Implementation
    arguments: tuple[JsonValue, ...]
    oracle: str
    market_cap: Decimal = Field(NO_CAP, gt=0)
    market_cap_bps: int = Field(1_500, gt=0, le=BPS)
    class_cap: Decimal = Field(NO_CAP, gt=0)
    class_cap_bps: int = Field(9_000, gt=0, le=BPS)
    max_duration_s: int = Field(30 * DAY, gt=0)

    def terms(self, implementation: str) -> ClassTerms:
        """Return what addClass takes."""
        return ClassTerms(
            implementation,
            self.oracle,
            2 if self.account == "delegated" else 1,
            int(self.market_cap * MICRO),
            self.market_cap_bps,
            int(self.class_cap * MICRO),
            self.class_cap_bps,
            self.max_duration_s,
        )


class Plan(Section):
    """A deployment's file."""

    asset: str
    vault: TermsSection
    classes: tuple[ClassSection, ...] = ()

    @property
    def salt(self) -> bytes:
        """What makes the vault's address its own."""
        return keccak(f"{self.vault.name} {self.vault.symbol}".encode())

    def check(self, path: Path) -> None:
        """Check what the types do not say: limits' names, addresses, constructors' arguments.

        Raises:
            ConfigError: one does not fit; nothing was sent.
        """
        section, known = self.vault, list(Limits.__dataclass_fields__)
        for name in section.limits:
            if name not in known:
                raise ConfigError(
                    f"{path}: [vault.limits] unknown limit {name!r}{nearest(name, known)}"
                )
        places = {"asset": self.asset} | {
            f"vault.{role}": str(getattr(section, role)) for role in ROLES
        }
        places |= {f"classes.{n}.oracle": each.oracle for n, each in enumerate(self.classes)}
        for place, address in places.items():
            if not is_address(address):
                raise ConfigError(f"{path}: [{place}] {address!r} is not an address")
        for number, each in enumerate(self.classes):
            try:
                artifact(CONTRACTS[each.account]).initcode(*each.arguments)
            except BadArguments as error:
                raise ConfigError(f"{path}: [classes.{number}.arguments] {error}") from error

    def terms(self, deployer: str) -> VaultTerms:
        """Return the terms it is made with: the deployer owns it until the hand-over, without
        delays until the end."""
        section = self.vault
        return VaultTerms(
            section.name,
            section.symbol,
            deployer,
            section.guardian,
            section.keeper,
            section.reporter,
            section.fee_recipient,
            section.management_bps,
            section.performance_bps,
            section.hurdle_bps,
            int(section.deposit_limit * MICRO),
            int(section.min_deposit * MICRO),
            0,
            Limits(**dict(section.limits)),
        )


def load(path: Path) -> Plan:
    """Read a deployment's file.

    Raises:
        ConfigError: it cannot be used; the message says where.
    """
    try:
        plan = Plan.model_validate(read_toml(path))
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe(error, Plan)}") from error
    plan.check(path)
    return plan
