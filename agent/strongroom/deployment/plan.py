"""The file that a vault is deployed from: typed, with units and safe defaults."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, JsonValue, ValidationError

from strongroom.addresses import typed_address
from strongroom.chain.artifacts import artifact
from strongroom.chain.codec import BadArguments
from strongroom.chain.ids import keccak
from strongroom.chain.terms import NO_CAP, UNLIMITED_ASSETS, ClassTerms, Limits, VaultTerms
from strongroom.chain.units import BPS, DAY, MICRO
from strongroom.errors import BadInput, nearest
from strongroom.settings import ConfigError, Section, describe, read_toml

Implementation = Literal["polymarket", "wallet", "safe", "delegated", "fpmm", "position"]
CONTRACTS = {
    "polymarket": "PolymarketAccount",
    "wallet": "WalletAccount",
    "safe": "SafeAccount",
    "delegated": "DelegatedAccount",
    "fpmm": "FpmmAccount",
    "position": "PositionAccount",
}
ROLES = ("owner", "guardian", "reporter", "fee_recipient")
IN_UNITS = ("total_cap", "velocity", "inflow_floor")  # limits that are money: named in [vault]
NONE = "none"  # no limit in units
Cap = Annotated[Decimal, Field(gt=0)] | Literal["none"]
Floor = Annotated[Decimal, Field(ge=0)] | Literal["none"]


class TermsSection(Section):
    """The vault's terms; money in units, times in seconds.

    Attributes:
        total_cap: most exposure and losses together; "none": no limit in units
        velocity: most net allocation of a rolling day; "none": likewise
        inflow_floor: at least so much may be deposited a day; "none": whatever comes
        limits: all others, by their names in chain/terms.py
    """

    name: str
    symbol: str
    owner: str
    guardian: str
    reporter: str
    fee_recipient: str
    total_cap: Cap
    velocity: Cap
    inflow_floor: Floor = Decimal(10_000)
    management_bps: int = Field(200, ge=0, le=500)
    performance_bps: int = Field(2_000, ge=0, le=5_000)
    hurdle_bps: int = Field(0, ge=0)
    deposit_limit: Decimal = Field(NO_CAP, gt=0)
    min_deposit: Decimal = Field(Decimal(1), gt=0)
    timelock_s: int = Field(3 * DAY, ge=0)
    limits: Mapping[str, int] = {}


class ClassSection(Section):
    """A strategy; `arguments` are the account implementation's constructor's. A cap of "none" is no
    limit in units."""

    account: Implementation
    arguments: tuple[JsonValue, ...]
    oracle: str
    keeper: str
    market_cap: Cap = NO_CAP
    market_cap_bps: int = Field(1_500, gt=0, le=BPS)
    class_cap: Cap = NO_CAP
    class_cap_bps: int = Field(6_000, gt=0, le=BPS)
    max_duration_s: int = Field(30 * DAY, gt=0)

    def terms(self, implementation: str) -> ClassTerms:
        """Return what addClass takes."""
        return ClassTerms(
            implementation,
            self.oracle,
            self.keeper,
            2 if self.account in ("safe", "delegated") else 1,
            _base_units(self.market_cap),
            self.market_cap_bps,
            _base_units(self.class_cap),
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

    @property
    def limits(self) -> Limits:
        """The vault's limits."""
        section = self.vault
        return Limits(
            total_cap=_base_units(section.total_cap),
            velocity=_base_units(section.velocity),
            inflow_floor=_base_units(section.inflow_floor),
            **dict(section.limits),
        )

    def dangers(self) -> Iterator[str]:
        """Say what of it gives up a protection that every holder should have."""
        section = self.vault
        for number, each in enumerate(self.classes):
            if each.keeper.lower() == section.reporter.lower():
                yield (
                    f"the reporter {section.reporter} is the keeper of class {number}: one key "
                    "trades and says what the trades are worth"
                )
            if each.account == "position" and each.class_cap in (NO_CAP, NONE):
                yield (
                    f"class {number} has no class_cap: who owns the ledger of Protocol V2 can make "
                    "all of it worthless, and that cap alone bounds it"
                )
        if not section.timelock_s:
            yield "timelock_s is 0: whatever raises risk or cost takes effect at once"
        if section.total_cap == NONE:
            yield "total_cap has no limit in units: a large NAV can all be put at risk"
        if section.velocity == NONE:
            yield "velocity has no limit in units: all that the caps admit can go out in a day"

    def check(self, path: Path) -> None:
        """Check what the types do not say: limits' names, addresses, constructors' arguments.

        Raises:
            ConfigError: one does not fit; nothing was sent.
        """
        section = self.vault
        known = [each for each in Limits.__dataclass_fields__ if each not in IN_UNITS]
        for name in section.limits:
            if name in IN_UNITS:
                raise ConfigError(f"{path}: [vault.limits] {name!r} is money: say it in [vault]")
            if name not in known:
                raise ConfigError(
                    f"{path}: [vault.limits] unknown limit {name!r}{nearest(name, known)}"
                )
        places = {"asset": self.asset} | {
            f"vault.{role}": str(getattr(section, role)) for role in ROLES
        }
        for number, each in enumerate(self.classes):
            places[f"classes.{number}.oracle"] = each.oracle
            places[f"classes.{number}.keeper"] = each.keeper
        for place, address in places.items():
            try:
                typed_address(address)
            except BadInput as error:
                raise ConfigError(f"{path}: [{place}] {error}") from error
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
            section.reporter,
            section.fee_recipient,
            self.limits,
            section.management_bps,
            section.performance_bps,
            section.hurdle_bps,
            int(section.deposit_limit * MICRO),
            int(section.min_deposit * MICRO),
            0,
        )


def _base_units(cap: Decimal | str) -> int:
    return UNLIMITED_ASSETS if isinstance(cap, str) else int(cap * MICRO)


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
