"""A backtest's file: assumptions, runs and variations. Typed; unknown keys are refused."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, JsonValue, ValidationError, model_validator

from strongroom.backtest.quotes import Fills, Quotes
from strongroom.chain.ids import JsonObject
from strongroom.chain.terms import NO_CAP, Limits
from strongroom.chain.units import BPS, DAY, HOUR, MICRO
from strongroom.errors import nearest
from strongroom.keeper.configuration import ExecutionSection, LimitsSection, SizingSection
from strongroom.settings import ConfigError, Place, Section, describe, read_toml

UNIT = Decimal("0.000001")  # nothing smaller is counted
DRAWN = ("markets",)  # of [data]: what "fair" alone reads


class DataSection(Section):
    """The history. A price with time t is known at t + known_after_s.

    "recorded" is a folder of imported data (docs/data.md); without a path the packaged ladders.
    "fair" is drawn: markets whose price is the chance of their outcome at every hour, so that
    nothing can earn more than minus its costs; a control, not a history.
    """

    kind: Literal["recorded", "fair"] = "recorded"
    path: Place | None = None  # of "recorded": the folder; by default the packaged ladders
    markets: int = Field(400, gt=0)  # of "fair"
    start: datetime | None = None  # of resolution times, UTC
    end: datetime | None = None
    tickers: tuple[str, ...] = ()  # empty: all
    known_after_s: int = Field(0, ge=0)
    last_h: int | None = Field(None, gt=0)  # only prices so long before a market's end
    prices_from: datetime | None = None  # only prices from then on

    @model_validator(mode="after")
    def _is_read(self) -> "DataSection":
        known = type(self).model_fields
        others = [name for name in known if name not in ("kind", *DRAWN)]
        unread = others if self.kind == "fair" else DRAWN
        given = [name for name in unread if getattr(self, name) != known[name].default]
        if given:
            raise ValueError(
                f'kind = "{self.kind}" does not read {", ".join(given)}: leave that out, or change '
                "the kind"
            )
        return self


class QuotesSection(Section):
    """Assumed quotes around a last price (quotes.py); prices of a token, sizes in tokens."""

    half_spread: Decimal = Field(Decimal("0.01"), ge=0, lt=1)
    depth: Decimal = Field(Decimal(200), ge=UNIT)
    levels: int = Field(5, ge=1)
    impact: Decimal = Field(Decimal("0.005"), ge=0, lt=1)
    tick: Decimal = Field(Decimal("0.001"), ge=UNIT, lt=1)
    feed_ms: int = Field(0, ge=0)  # from the venue to the keeper
    insert_ms: int = Field(2_000, ge=0)  # from an order's sending to its match
    cancel_ms: int = Field(500, ge=0)  # from asking for its end to its end
    print_size: Decimal = Field(Decimal(100), ge=0)
    cancelled_ahead_pct: int = Field(50, ge=0, le=100)
    rebate_bps: int = Field(0, ge=0, le=BPS)  # of the taker's fee, to the maker
    stale_s: int = Field(6 * HOUR, gt=0)  # an older last price makes no book
    fee_rate: Decimal = Field(Decimal("0.04"), ge=0)
    fee_exponent: int = Field(1, ge=0)

    def quotes(self) -> Quotes:
        """Return the market model."""
        return Quotes(
            half_spread=int(self.half_spread * MICRO),
            depth=int(self.depth * MICRO),
            levels=self.levels,
            impact=int(self.impact * MICRO),
            tick=int(self.tick * MICRO),
            feed_ms=self.feed_ms,
            insert_ms=self.insert_ms,
            cancel_ms=self.cancel_ms,
            print_size=int(self.print_size * MICRO),
            cancelled_ahead=self.cancelled_ahead_pct,
            rebate_bps=self.rebate_bps,
        )


class ResolutionSection(Section):
    """From a market's end to its payout; capital is locked until then."""

    delay_s: int = Field(7_200, ge=0)
    disputed: float = Field(0.0, ge=0, le=1)  # part of the markets, drawn by the seed
    dispute_delay_s: int = Field(3 * DAY, ge=0)


class VaultSection(Section):
    """The vault's terms; money in units. `limits` by name as in agent/strongroom/chain/terms.py,
    those in assets apart."""

    management_bps: int = Field(200, ge=0, le=500)
    performance_bps: int = Field(2_000, ge=0, le=5_000)
    hurdle_bps: int = Field(0, ge=0)
    market_cap: Decimal = Field(NO_CAP, gt=0)
    market_cap_bps: int = Field(1_500, gt=0, le=BPS)
    class_cap: Decimal = Field(NO_CAP, gt=0)
    class_cap_bps: int = Field(6_000, gt=0, le=BPS)
    total_cap: Decimal = Field(NO_CAP, gt=0)
    velocity: Decimal = Field(NO_CAP, gt=0)
    inflow_floor: Decimal = Field(Decimal(10_000), ge=0)
    max_duration_s: int = Field(14 * DAY, gt=0)
    limits: Mapping[str, int] = {}


class PersonSection(Section):
    """A depositor's action: deposits units, redeems a percentage of the shares, or leaves in kind
    with one."""

    at_h: float = Field(ge=0)  # hours from the first price
    who: str
    deposit: Decimal | None = Field(None, ge=UNIT)
    redeem_pct: int | None = Field(None, gt=0, le=100)
    in_kind_pct: int | None = Field(None, gt=0, le=100)


class ForecastSection(Section):
    """The null forecaster: the market's own earlier price. It must not win."""

    name: str = "lagged"
    lag_s: int = Field(HOUR, gt=0)


class ReportsSection(Section):
    """When the vault reports and how it marks."""

    every_s: int = Field(6 * HOUR, gt=0)
    when_asked_s: int = Field(HOUR, gt=0)
    reference_size: Decimal = Field(Decimal(100), ge=UNIT)


class RunSection(Section):
    """How the backtest runs."""

    every_s: int = Field(HOUR, gt=0)  # the keeper looks so often
    seed: int = 7
    capacity: tuple[int, ...] = ()  # multiples of the deposits to run as well


Swept = Annotated[tuple[JsonValue, ...], Field(min_length=1)]


class BacktestConfig(Section):
    """A backtest's file."""

    name: str
    data: DataSection = DataSection()
    quotes: QuotesSection = QuotesSection()
    fills: tuple[Fills, ...] = Field(("pessimistic", "realistic", "optimistic"), min_length=1)
    resolution: ResolutionSection = ResolutionSection()
    vault: VaultSection = VaultSection()
    people: tuple[PersonSection, ...] = (
        PersonSection(at_h=0, who="alice", deposit=Decimal(100_000)),
    )
    packs: Mapping[str, Mapping[str, JsonValue]]
    counted: Mapping[str, datetime] = {}  # pack -> until when its given parameters were counted
    ladder_relations: bool = False  # gives the bundle pack what ladders say, too
    sizing: SizingSection = SizingSection()
    limits: LimitsSection = LimitsSection()
    execution: ExecutionSection = ExecutionSection()
    reports: ReportsSection = ReportsSection()
    forecast: ForecastSection | None = None
    run: RunSection = RunSection()
    sweep: Mapping[str, Swept] = {}  # "section.key" -> values; all combinations

    def limits_of_vault(self) -> Limits:
        """Return the vault's limits.

        Raises:
            ConfigError: one is unknown, or stands in [vault].
        """
        section = self.vault
        in_assets = {
            name: int(getattr(section, name) * MICRO)
            for name in ("total_cap", "velocity", "inflow_floor")
        }
        known = {each.name for each in fields(Limits)}
        for name in section.limits:
            if name in in_assets:
                raise ConfigError(f"[vault.limits] {name}: give it in [vault], in units")
            if name not in known:
                raise ConfigError(f"[vault.limits] {name}: no such limit{nearest(name, known)}")
        return Limits(**in_assets, **dict(section.limits))


def load(path: Path) -> BacktestConfig:
    """Read a backtest's file; paths in it are relative to its folder.

    Raises:
        ConfigError: it cannot be used; the message says where.
    """
    return parse(read_toml(path), str(path), path.parent)


def parse(data: JsonObject, place: str = "backtest", folder: Path | None = None) -> BacktestConfig:
    """Return the configuration of a mapping.

    Args:
        folder: what relative paths are relative to; None: the current one

    Raises:
        ConfigError: it cannot be used.
    """
    try:
        return BacktestConfig.model_validate(data, context=folder)
    except ValidationError as error:
        raise ConfigError(f"{place}: {describe(error, BacktestConfig)}") from error


def varied(config: BacktestConfig, changes: Mapping[str, JsonValue]) -> BacktestConfig:
    """Return the configuration with some values changed.

    Args:
        changes: "section.key" -> value

    Raises:
        ConfigError: there is no such place.
    """
    data = config.model_dump(mode="json", exclude={"sweep"})
    for path, value in changes.items():
        *sections, key = path.split(".")
        inside: JsonValue = data
        for section in sections:
            if not isinstance(inside, dict) or section not in inside:
                raise ConfigError(f"[sweep] {path}: unknown section {section!r}")
            inside = inside[section]
        if not isinstance(inside, dict):
            raise ConfigError(f"[sweep] {path}: {sections[-1]!r} is not a section")
        inside[key] = value
    return parse(data, "[sweep]")
