"""A vault's terms and permissions: roles, limits, fees, classes, delays, and what changed when."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

from typing_extensions import TypeAliasType

from strongroom.audit.events import AuditedEvent

ZERO = "0x" + "00" * 20

Argument: TypeAlias = int | str  # of a view; addresses and words in hex
Answer = TypeAliasType("Answer", "bool | int | str | tuple[Answer, ...]")  # of a view


class Limit(IntEnum):
    """The vault's limits by ordinal, named as in contracts/modules/limits.vy."""

    MAX_UP_BPS = 0
    MAX_DOWN_BPS = 1
    MAX_DAY_UP_BPS = 2
    MAX_DAY_DOWN_BPS = 3
    MAX_SPREAD_BPS = 4
    MIN_REPORT_INTERVAL = 5
    SYNC_MAX_AGE = 6
    MAX_REPORT_AGE = 7
    MAX_ORDER_LIFETIME = 8
    MAX_BUY_PRICE_BPS = 9
    PRICE_BAND_BPS = 10
    MAX_DRAWDOWN_BPS = 11
    LIVENESS_PERIOD = 12
    MAX_REDEEM_DELAY = 13
    TOTAL_CAP_BPS = 14
    TOTAL_CAP = 15
    VELOCITY_LIMIT = 16


@dataclass(frozen=True)
class Difference:
    """Where the chain and the audit's arithmetic part; `what` is an event and field, or a view."""

    block: int
    transaction: str
    what: str
    expected: str
    found: str


def difference(event: AuditedEvent, what: str, expected: object, found: object) -> Difference:
    """Return a difference at an event."""
    return Difference(event.block, event.transaction, what, str(expected), str(found))


@dataclass(frozen=True)
class Caps:
    """Of one market and of the whole class: assets, and bps of NAV."""

    market: int = 0
    market_bps: int = 0
    of_class: int = 0
    of_class_bps: int = 0

    @property
    def words(self) -> tuple[int, int, int, int]:
        """As the ABI has them."""
        return self.market, self.market_bps, self.of_class, self.of_class_bps


@dataclass(frozen=True)
class MarketClass:
    """What a class of markets is traded by; `max_duration` in seconds."""

    implementation: str = ZERO
    oracle: str = ZERO
    grade: int = 1
    max_duration: int = 0
    caps: Caps = Caps()

    @property
    def words(self) -> tuple[str | int, ...]:
        """As `classOf` and `addClass` have it."""
        return (
            self.implementation, self.oracle, self.grade, *self.caps.words, self.max_duration,
        )  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """What a view must answer, since when."""

    view: str
    arguments: tuple[Argument, ...]
    value: Answer
    block: int
    transaction: str


@dataclass(frozen=True)
class PermissionChange:
    """A change of permissions, in words."""

    block: int
    what: str


@dataclass(frozen=True)
class Submission:
    """A call that was announced: when, and the function whose delay binds it."""

    time: int
    bound_by: str


@dataclass
class Permissions:
    """Who may do what, within which limits, as the events so far say."""

    limits: dict[int, int] = field(default_factory=dict)
    rates: tuple[int, int, int] = (0, 0, 0)  # management, performance, hurdle; bps
    recipients: tuple[tuple[str, int], ...] = ()
    deposit_terms: tuple[int, int] = (0, 0)  # limit, smallest deposit; assets
    allow_list: str = ZERO  # ZERO: everybody may deposit
    classes: dict[int, MarketClass] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    delays: dict[str, int] = field(default_factory=dict)  # selector -> seconds
    submitted: dict[str, Submission] = field(default_factory=dict)  # by the call's hash
    settings: dict[str, Setting] = field(default_factory=dict)  # by view and arguments
    timeline: list[PermissionChange] = field(default_factory=list)
    is_paused: bool = False
    born_in: str = ""  # the transaction that made the vault: nothing can be announced before it

    def limit(self, which: Limit) -> int:
        """Return a limit; 0 before it is set."""
        return self.limits.get(which, 0)

    def class_of(self, number: int) -> MarketClass:
        """Return a class's terms."""
        return self.classes.get(number, MarketClass())
