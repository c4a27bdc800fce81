"""The file of a server that sells data: what it knows, who is paid, what each route costs."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from strongroom.chain.units import HOUR, MICRO
from strongroom.payments.configuration import NodeSection, TokenSection
from strongroom.settings import (
    Address,
    ConfigError,
    DatabaseUrl,
    HttpUrl,
    Place,
    Section,
    describe,
    read_toml,
)

Topic = Literal["nav", "curves", "radar", "audit", "signals"]


class FacilitatorSection(Section):
    """Who checks and settles payments."""

    url: HttpUrl
    timeout_s: float = Field(30.0, gt=0)


class CurveSection(Section):
    """Markets whose chances are one curve, e.g. the strikes of a ladder, in their order."""

    name: str = Field(min_length=1)
    markets: tuple[str, ...] = Field(min_length=1)  # condition ids


class CurvesSection(Section):
    """Where the curves' books are read."""

    clob_url: HttpUrl
    gamma_url: HttpUrl
    curves: tuple[CurveSection, ...] = Field(min_length=1)


class SoldSection(Section):
    """What is known; what is not named is not served."""

    audit: Place | None = None  # folder that `strongroom audit --out` writes: nav and audit
    journal: DatabaseUrl = ""  # a keeper's: signals
    radar: Place | None = None  # file of pairs with other venues
    curves: CurvesSection | None = None
    fresh_s: int = Field(10, ge=0)  # venues are not asked again within


class FreeSection(Section):
    """What everybody gets."""

    requests_a_minute: int = Field(30, gt=0)  # of one address
    delay_s: int = Field(HOUR, ge=0)  # how old it is at least


class RefundsSection(Section):
    """A small wallet that refunds are paid from, and for its gas; it holds nothing else."""

    keystore: Place
    passphrase_env: str = "STRONGROOM_REFUNDS_PASSPHRASE"


class ServeConfig(Section):
    """Everything of one server."""

    listen: str = "127.0.0.1:8700"
    proxies: tuple[str, ...] = ()  # addresses whose X-Forwarded-For is believed
    store: Place = Field(Path("serve.db"), validate_default=True)
    payee: Address
    card: Place | None = None  # an agent's, with its entry: served where it proves this domain
    chain: NodeSection
    token: TokenSection
    facilitator: FacilitatorSection
    prices: Mapping[Topic, Decimal]  # units of the token a call
    valid_s: int = Field(300, ge=30, le=HOUR)  # how long a payment may be settled
    data: SoldSection
    free: FreeSection = FreeSection()
    refunds: RefundsSection | None = None

    @model_validator(mode="after")
    def _prices_tell_routes_apart(self) -> "ServeConfig":
        """x402 binds a payment to payee, token and amount alone: routes of one price could be
        bought by one another's payments."""
        amounts: dict[int, str] = {}
        for topic, price in self.prices.items():
            amount = price * MICRO
            if amount != int(amount) or amount <= 0:
                raise ValueError(f"[prices.{topic}] {price}: give a price above 0, 6 decimals")
            other = amounts.setdefault(int(amount), topic)
            if other != topic:
                raise ValueError(
                    f"[prices] {other} and {topic} cost the same, and a payment for one would "
                    "buy the other: give each its own price"
                )
        return self

    def amount(self, topic: Topic) -> int:
        """Return what a call costs, base units."""
        return int(self.prices[topic] * MICRO)


def load(path: Path) -> ServeConfig:
    """Read a server's file; relative paths in it are relative to the file.

    Raises:
        ConfigError: it cannot be used.
    """
    try:
        return ServeConfig.model_validate(read_toml(path), context=path.parent)
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe(error, ServeConfig)}") from error
