"""A vault's terms and permissions: roles, limits, fees, classes, delays, and what changed when."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

from typing_extensions import TypeAliasType

from strongroom.audit.events import AuditedEvent
from strongroom.chain.terms import GRACE_S

ZERO = "0x" + "00" * 20

Argument: TypeAlias = int | str  # of a view; addresses and words in hex
Answer = TypeAliasType("Answer", "bool | int | str | tuple[Answer, ...]")  # of a view


class Limit(IntEnum):
    """The vault's limits by ordinal, named as in contracts/modules/limits.vy."""

    MAX_UP_BPS = 0
    MAX_DOWN_BPS = 1
    MAX_PREMIUM_BPS = 2
    MAX_INFLOW_BPS = 3
    EXIT_FEE_BPS = 4
    MIN_REPORT_INTERVAL = 5
    LIVENESS_PERIOD = 6
    INFLOW_FLOOR = 7
    MAX_REPORT_AGE = 8
    MAX_ORDER_LIFETIME = 9
    MAX_BUY_PRICE_BPS = 10
    PRICE_BAND_BPS = 11
    MARKS_REQUIRED = 12
    TOTAL_CAP_BPS = 13
    VELOCITY_BPS = 14
    QUESTION_CAP_BPS = 15
    MAX_DRAWDOWN_BPS = 16
    TOTAL_CAP = 17
    VELOCITY = 18


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
    """A strategy: what its markets are traded by, who does, within which caps.

    Attributes:
        keeper: opens its markets and moves its budget; ZERO: nobody
        max_duration: seconds
        is_retired: it opens no market and gets no budget any more
    """

    implementation: str = ZERO
    oracle: str = ZERO
    keeper: str = ZERO
    grade: int = 1
    max_duration: int = 0
    caps: Caps = Caps()
    is_retired: bool = False

    @property
    def words(self) -> tuple[str | int, ...]:
        """As `classOf` and `addClass` have it."""
        return (
            self.implementation, self.oracle, self.keeper, self.grade, *self.caps.words,
            self.max_duration,
        )  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """What a view must answer, since when."""

    view: str
    arguments: tuple[Argument, ...]
    value: Answer
    block: int
    transaction: str


def setting_key(view: str, arguments: tuple[Argument, ...]) -> str:
    """Return what settings of a view are kept by."""
    return " ".join([view, *map(str, arguments)])


@dataclass(frozen=True)
class PermissionChange:
    """A change of permissions, in words."""

    block: int
    what: str


@dataclass(frozen=True)
class Submission:
    """A call that was announced: when, at what delay, the function it is of, the one whose delay
    binds it."""

    time: int
    delay: int
    selector: str
    bound_by: str

    def lapses(self, delay: int) -> int:
        """Return the last second at which it can be made. A raise since then revives nothing.

        Args:
            delay: that binds it now, seconds
        """
        return self.time + min(self.delay, delay) + GRACE_S


@dataclass
class Permissions:
    """Who may do what, within which limits, as the events so far say."""

    limits: dict[int, int] = field(default_factory=dict)
    rates: tuple[int, int, int] = (0, 0, 0)  # management, performance, hurdle; bps
    recipients: tuple[tuple[str, int], ...] = ()
    deposit_terms: tuple[int, int] = (0, 0)  # limit, smallest deposit; assets
    allow_list: str = ZERO  # ZERO: everybody may deposit
    covers_transfers: bool = False  # whether it is asked for them, too
    classes: dict[int, MarketClass] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    delays: dict[str, int] = field(default_factory=dict)  # selector -> seconds
    abdicated: set[str] = field(default_factory=set)  # selectors
    submitted: dict[str, Submission] = field(default_factory=dict)  # by the call's hash
    submittable: dict[str, int] = field(default_factory=dict)  # call's hash -> from when again
    settings: dict[str, Setting] = field(default_factory=dict)  # by view and arguments
    timeline: list[PermissionChange] = field(default_factory=list)
    paused_by: set[str] = field(default_factory=set)  # guardian, owner
    born_in: str = ""  # the transaction that made the vault: nothing can be announced before it

    @property
    def is_paused(self) -> bool:
        """Whether anybody's pause stands."""
        return bool(self.paused_by)

    def limit(self, which: Limit) -> int:
        """Return a limit; 0 before it is set."""
        return self.limits.get(which, 0)

    def class_of(self, number: int) -> MarketClass:
        """Return a class's terms."""
        return self.classes.get(number, MarketClass())
