"""The decision record: what is to be done and why, as a frozen type, and its one JSON form.

The canonical JSON is what a decision's id is the keccak of, what the journal keeps, what the
co-signer judges by and what a report's evidence reveals. It is written and read here alone.

A record that has grounds says its schema, `strongroom-decision/2`. Those without, of before and of
who publishes nothing, have neither: their bytes are what they always were.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from strongroom.chain.ids import (
    ConditionId,
    DecisionId,
    Json,
    MarketId,
    TokenId,
    canonical,
    decision_id,
    keccak,
    to_hex,
)
from strongroom.chain.orders import MoveKind, OnFailure, OrderKind, Side
from strongroom.errors import BadInput


class BadRecord(BadInput):
    """The text is no decision record; the message says where."""


@dataclass(frozen=True)
class DecidedLeg:
    """One order of a decision: `size` micro-tokens at `price` or better.

    Attributes:
        rest_at: where it rests first, for `rest_s` seconds, before the rest of it takes; None: it
            takes at once
    """

    vault_market: MarketId
    condition: ConditionId
    question: str
    token: TokenId
    outcome: str  # in the market's own words
    side: Side
    price: Decimal
    size: int
    tick: Decimal
    exchange: str  # address, or the pool's
    kind: OrderKind
    rest_at: Decimal | None = None
    rest_s: int = 0


@dataclass(frozen=True)
class DecidedMove:
    """A split, merge or conversion of a decision, micro-tokens."""

    kind: MoveKind
    vault_market: MarketId
    condition: ConditionId
    amount: int


@dataclass(frozen=True)
class Opening:
    """What the vault's openMarket takes, for a market that it does not have yet."""

    vault_market: MarketId
    class_id: Annotated[int, Field(validation_alias="class")]
    question_id: str  # of the condition, or the event's id
    count: int  # questions
    deadline: int  # timestamp


@dataclass(frozen=True)
class SizingNote:
    """How the size came about; limits in micro-units, None where a plan says it all."""

    rule: str
    binding: str
    limits: Mapping[str, int] | None = None


SCHEMA = "strongroom-decision/2"


@dataclass(frozen=True)
class Grounds:
    """What a stranger decides again from.

    Attributes:
        view, settings: hashes of the published documents (published.py)
        reveal_by: timestamp by which a report has revealed the record; 0: the next one does
    """

    view: str
    settings: str
    reveal_by: int = 0


@dataclass(frozen=True)
class DecisionRecord:
    """What is done and why.

    Attributes:
        time: timestamp of the view that was decided on
        budgets: collateral that each vault market's account needs beyond what is free in it
        openings: of the markets that must be opened first
        edge, chance, cost: of a token of the first leg, six decimals
        numbers: the pack's own
        nav: at the bid, micro-units
        snapshot: hash of the books that the decision saw
        salt: keeps the id unguessable until the record is revealed
        grounds: None where the operator publishes no views
    """

    pack: str
    code_version: str
    vault: str
    time: int
    question: str
    legs: tuple[DecidedLeg, ...]
    moves: tuple[DecidedMove, ...]
    budgets: Mapping[MarketId, int]
    openings: Annotated[tuple[Opening, ...], Field(validation_alias="open")]
    resting: bool
    on_failure: OnFailure
    sure: bool
    edge: str
    chance: str
    cost: str
    evidence: tuple[str, ...]
    sizing: SizingNote
    numbers: Mapping[str, Json]
    nav: int
    snapshot: str
    salt: str = ""
    grounds: Grounds | None = None

    @property
    def exit_rule(self) -> str:
        """The exit rule that decided; empty: a pack did."""
        rule = self.numbers.get("exit", "")
        return rule if isinstance(rule, str) else ""

    @property
    def sold_of(self) -> DecisionId | None:
        """The plan that an exit sells of, by the decision that bought it."""
        plan = self.numbers.get("plan")
        return DecisionId(plan) if self.exit_rule and isinstance(plan, str) else None

    @property
    def worst(self) -> int | None:
        """What the tokens of a certified plan pay in its worst state, micro-units: the worst
        outcome beside what was locked for it. None: it is not known."""
        outcome, locked = self.numbers.get("worst_outcome"), self.numbers.get("locked")
        if not isinstance(outcome, int) or not isinstance(locked, int):
            return None
        return outcome + locked

    @property
    def reveal_by(self) -> int:
        """Timestamp by which a report has revealed it; 0: the next one does."""
        return 0 if self.grounds is None else self.grounds.reveal_by

    @property
    def id(self) -> DecisionId:
        """Keccak of the canonical JSON; an order's signed `metadata`."""
        return decision_id(record_json(self))


_ADAPTER = TypeAdapter(DecisionRecord)


def salted(record: DecisionRecord, secret: str) -> DecisionRecord:
    """Return a record with the salt that follows from it and a secret of the operator's."""
    plain = {name: value for name, value in record_json(record).items() if name != "salt"}
    return replace(record, salt=to_hex(keccak(secret.encode() + canonical(plain))))


def encode(record: DecisionRecord) -> bytes:
    """Return the canonical JSON."""
    return canonical(record_json(record))


@lru_cache(256)
def decode(text: str) -> DecisionRecord:
    """Return the record of a JSON text.

    Raises:
        BadRecord: see the class.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise BadRecord(f"no decision record: {place}: {first['msg']}") from error


def record_json(record: DecisionRecord) -> dict[str, Json]:
    """Return the record as JSON has it: tokens and prices as text."""
    found: dict[str, Json] = {
        "pack": record.pack,
        "code_version": record.code_version,
        "vault": record.vault,
        "time": record.time,
        "question": record.question,
        "legs": [_leg(leg) for leg in record.legs],
        "moves": [
            {
                "kind": move.kind,
                "vault_market": move.vault_market,
                "condition": move.condition,
                "amount": move.amount,
            }
            for move in record.moves
        ],
        "budgets": {str(market): assets for market, assets in record.budgets.items()},
        "open": [
            {
                "vault_market": each.vault_market,
                "class": each.class_id,
                "question_id": each.question_id,
                "count": each.count,
                "deadline": each.deadline,
            }
            for each in record.openings
        ],
        "resting": record.resting,
        "on_failure": record.on_failure,
        "sure": record.sure,
        "edge": record.edge,
        "chance": record.chance,
        "cost": record.cost,
        "evidence": list(record.evidence),
        "sizing": _sizing(record.sizing),
        "numbers": dict(record.numbers),
        "nav": record.nav,
        "snapshot": record.snapshot,
        "salt": record.salt,
    }
    if record.grounds is not None:
        found |= {"schema": SCHEMA, "grounds": {**vars(record.grounds)}}
    return found


def _leg(leg: DecidedLeg) -> dict[str, Json]:
    found: dict[str, Json] = {
        "vault_market": leg.vault_market,
        "condition": leg.condition,
        "question": leg.question,
        "token": str(leg.token),
        "outcome": leg.outcome,
        "side": leg.side,
        "price": str(leg.price),
        "size": leg.size,
        "tick": str(leg.tick),
        "exchange": leg.exchange,
        "kind": leg.kind,
    }
    if leg.rest_at is not None:
        found |= {"rest_at": str(leg.rest_at), "rest_s": leg.rest_s}
    return found


def _sizing(note: SizingNote) -> dict[str, Json]:
    found: dict[str, Json] = {"rule": note.rule, "binding": note.binding}
    if note.limits is not None:
        found["limits"] = {name: str(limit) for name, limit in note.limits.items()}
    return found
