"""Pairs: a market here and one of another venue that somebody has compared, rule by rule.

Two questions that sound alike may settle apart. A pair counts only with an adjudication record: who
compared the two rule texts, when, what differs, and what each venue pays when it voids. The record
holds the hash of each text: when a text changes, the record no longer holds.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from strongroom.chain.ids import ConditionId
from strongroom.settings import ConfigError, HttpUrlOrNone, Section, describe, read_toml

OURS = "ours"  # the name of our own venue's section
Void = Literal["none", "half", "other", "unknown"]


def _condition(text: str) -> str:
    digits = text.removeprefix("0x").lower()
    if len(digits) != 64 or set(digits) - set("0123456789abcdef"):
        raise ValueError(f"{text!r} is no condition id: write 0x and 64 hex digits")
    return f"0x{digits}"


def _hash(text: str) -> str:
    if len(text) != 64 or set(text) - set("0123456789abcdef"):
        raise ValueError("must be a SHA-256 in hex: `strongroom study radar --rules` prints it")
    return text


RulesHash = Annotated[str, AfterValidator(_hash)]


class VenueTerms(Section):
    """What trading at a venue costs, and what may be spent there.

    Attributes:
        kind: of the service; empty for our own venue
        fee_rate: a taker's, of p * (1 - p) a contract; None: not known, and then nothing counts.
            Our own venue's markets say theirs
        fee_rounding: what a fee and its purchase together are rounded up to, units
        lot: of an order's size, contracts
        capital: the most that all plans together spend there, units
    """

    kind: Literal["", "kalshi", "limitless"] = ""
    url: HttpUrlOrNone = ""
    gamma_url: HttpUrlOrNone = ""  # of our own venue
    fee_rate: Decimal | None = Field(None, ge=0, le=1)
    fee_rounding: Decimal = Field(Decimal("0.000001"), gt=0, le=1)
    lot: Decimal = Field(Decimal("0.01"), gt=0)
    capital: Decimal = Field(Decimal(0), ge=0)


class Adjudication(Section):
    """What somebody found who compared the two rule texts.

    Attributes:
        same: both settle alike whenever neither voids
        differences: each in words, also where `same`
        our_void, their_void: what a void market pays YES: `none`: it cannot be void; `half`;
            `other`: a price that only its settlement names
    """

    reviewer: str = Field(min_length=1)
    reviewed: date
    same: bool
    differences: tuple[str, ...] = ()
    our_void: Void
    their_void: Void
    our_rules: RulesHash
    their_rules: RulesHash


class Pair(Section):
    """A market of ours and one of another venue; YES there is YES here, or NO if `inverse`.

    Attributes:
        ends: the last day on which it counts, UTC
    """

    name: str
    condition: Annotated[str, AfterValidator(_condition)]
    venue: str
    market: str = Field(min_length=1)
    inverse: bool = False
    ends: date | None = None
    adjudication: Adjudication | None = None  # None: nobody has compared the rules

    @property
    def condition_id(self) -> ConditionId:
        """Our market."""
        return ConditionId(self.condition)

    def why_not(self, our_text: str | None, their_text: str | None, now: int) -> str:
        """Return why the pair does not count; "" where it does.

        Args:
            our_text, their_text: the rules as they are now; None: not known
            now: timestamp
        """
        if self.ends is not None and datetime.fromtimestamp(now, UTC).date() > self.ends:
            return f"the pair ended on {self.ends}"
        record = self.adjudication
        if record is None:
            return "nobody has compared the rules: it has no adjudication record"
        for whose, text, reviewed in (
            ("our venue's", our_text, record.our_rules),
            (f"{self.venue}'s", their_text, record.their_rules),
        ):
            if text is None:
                return f"{whose} rules are not known now"
            if rules_hash(text) != reviewed:
                return f"{whose} rules have changed since {record.reviewed}: compare them again"
        return ""

    def why_no_forecast(self) -> str:
        """Return why a price there says nothing of the chance here, though the pair counts; ""
        where it does."""
        record = self.adjudication
        if record is None or not record.same:
            return "its record says that the two may settle differently"
        for where, void in (("here", record.our_void), (f"at {self.venue}", record.their_void)):
            if void == "unknown":
                return f"nobody knows what a void market pays {where}"
        return ""


class Pairs(Section):
    """A file of pairs."""

    venues: Mapping[str, VenueTerms]
    pairs: tuple[Pair, ...]

    @model_validator(mode="after")
    def _fits(self) -> "Pairs":
        if OURS not in self.venues:
            raise ValueError(f"[venues.{OURS}] is missing: our own venue")
        names = [pair.name for pair in self.pairs]
        for pair in self.pairs:
            if pair.venue not in self.venues or pair.venue == OURS:
                raise ValueError(f"pair {pair.name}: [venues.{pair.venue}] is missing")
            if not self.venues[pair.venue].kind:
                raise ValueError(f"[venues.{pair.venue}] needs `kind`")
            if names.count(pair.name) > 1:
                raise ValueError(f"two pairs have the name {pair.name}")
        return self


def load_pairs(path: Path) -> Pairs:
    """Read a file of pairs.

    Raises:
        ConfigError: it does not fit; the message names the place.
    """
    try:
        return Pairs.model_validate(read_toml(path), context=path.parent)
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe(error, Pairs)}") from error


def rules_hash(text: str) -> str:
    """Return the SHA-256 of a rule text; line ends and runs of blanks do not count."""
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()
