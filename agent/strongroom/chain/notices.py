"""What the owner of a vault has announced, in plain words: who, from when, what it would change.

A call that raises holders' risk or cost is submitted as its exact bytes, can be made once its
function's delay is over, and lapses a week later (contracts/modules/timelock.vy). A reader who does
not know the contracts gets one sentence a call, with what holds today beside it where that is
known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import Any

from eth_utils.address import to_checksum_address

from strongroom.chain import abi
from strongroom.chain.codec import BadArguments, FunctionCodec
from strongroom.chain.contracts import Contract, ContractEvent
from strongroom.chain.failures import ChainAway
from strongroom.chain.ids import keccak, to_bytes, to_hex
from strongroom.chain.terms import DELEGATED, GRACE_S, TIMELOCKED, UNLIMITED_ASSETS, Limits
from strongroom.chain.units import DAY, HOUR, format_units

SENTENCE = (
    "The owner {by} announced on {submitted}: to {words}. This can be done {when}, until {lapses}."
)
DECREASE_DELAY = keccak(b"decreaseDelay(bytes4,uint256)")[:4]
NOBODY = "0x" + "00" * 20
# What each limit is, in the order of their ordinals.
LIMITS = (
    "how much dearer than when it was asked for a deposit may be dealt",
    "how much cheaper than when it was asked for a redemption may be dealt",
    "how much above the bid a deposit may pay",
    "how much deposits may bring in a day, of NAV",
    "the fee of leaving in kind, of the shares",
    "the least time between two reports",
    "how long no report may come before anyone may wind down",
    "how much deposits may bring in a day at least",
    "how old a report may be",
    "how long an order may stay signed",
    "the highest price of a purchase",
    "how far from its marks an order's price may be",
    "that an order needs a fresh mark",
    "the cap of all exposure and losses, of NAV",
    "how much may be allocated in a day, of NAV",
    "the cap of the exposure to one question, of NAV",
    "the drawdown that stops allocations",
    "the cap of all exposure and losses",
    "how much may be allocated in a day",
)


@dataclass(frozen=True)
class Present:
    """What holds today, as far as the caller knows it; words then say what it changes from.

    Attributes:
        limits: ordinal -> value
        rates: management, performance and hurdle, bps
        caps: class -> market cap, its bps, class cap, its bps
        keepers: class -> account
        roles: guardian, reporter -> account
        delays: selector (0x and eight digits) -> seconds
    """

    limits: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    rates: tuple[int, int, int] | None = None
    caps: Mapping[int, tuple[int, int, int, int]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    keepers: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    roles: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    delays: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Notice:
    """An announced call; times are timestamps.

    Attributes:
        by: who submitted it: the owner then
        ready: from when it can be made
        lapses: until when; the same call can then be submitted again after another delay
        words: what it would change
    """

    call: bytes
    by: str
    submitted: int
    ready: int
    lapses: int
    words: str

    def is_ready(self, now: int) -> bool:
        """Whether it can be made now, without any further notice."""
        return self.ready <= now <= self.lapses

    def has_lapsed(self, now: int) -> bool:
        """Whether it can be made no more: its week is over, or will be before the delay is."""
        return max(now, self.ready) > self.lapses

    def sentence(self, now: int) -> str:
        """Return it as a reader takes it in: who, when, what, from when until when."""
        when = "now" if self.is_ready(now) else f"from {moment(self.ready)} on"
        return SENTENCE.format(
            by=self.by,
            submitted=moment(self.submitted),
            words=self.words,
            when=when,
            lapses=moment(self.lapses),
        )


def moment(timestamp: int) -> str:
    """Return a time as people read it."""
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M} UTC"


def announced(vault: Contract, now: int) -> list[Notice] | None:
    """Return the calls that a vault's owner has announced and can still make, the oldest first;
    None where the node does not hand out their logs.

    Raises:
        CallReverted, ChainAway: of the views.
    """
    try:
        heard = vault.events_of(["CallSubmitted", "OwnershipTransferred"])
    except ChainAway:
        return None
    logs = [each for each in heard if each.name == "CallSubmitted"]
    owners = [each for each in heard if each.name == "OwnershipTransferred"]
    if not owners or owners[0].previous_owner != NOBODY:
        return None  # old logs are left out: each vault begins with its first owner
    newest = {bytes(each.call): each for each in logs}
    found: list[Notice] = []
    present = None
    for call, log in newest.items():
        submitted = int(vault.submittedAt(keccak(call)))
        delay = int(vault.delayOf(bound_by(call)))
        if not submitted:
            continue
        present = present or present_of(vault)
        delays = int(log.delay), delay
        notice = notice_of(call, _owner_at(owners, log), submitted, delays, present)
        if not notice.has_lapsed(now):
            found.append(notice)
    return sorted(found, key=lambda each: each.submitted)


def present_of(vault: Contract) -> Present:
    """Return what holds in a vault today.

    Raises:
        CallReverted, ChainAway: see the classes.
    """
    selectors = [keccak(each.encode())[:4] for each in TIMELOCKED]
    asked = [vault.limit.encode_input(which) for which in range(len(LIMITS))]
    asked += [vault.delayOf.encode_input(selector) for selector in selectors]
    found = vault.chain.call_all([(vault.address, each) for each in asked])
    numbers = [int.from_bytes(each) for each in found]
    classes = {number: vault.classOf(number) for number in range(vault.class_count())}
    return Present(
        limits=dict(enumerate(numbers[: len(LIMITS)])),
        rates=tuple(vault.feeRates()),
        caps={number: tuple(each[4:8]) for number, each in classes.items()},
        keepers={number: str(each[2]) for number, each in classes.items()},
        roles={"guardian": str(vault.guardian()), "reporter": str(vault.reporter())},
        delays={
            to_hex(selector): delay
            for selector, delay in zip(selectors, numbers[len(LIMITS) :], strict=True)
        },
    )


def _owner_at(owners: list[ContractEvent], log: ContractEvent) -> str:
    """Return who owned the vault when something was submitted."""
    place = log.block_number, log.log_index
    before = [each for each in owners if (each.block_number, each.log_index) < place]
    return str(before[-1].new_owner) if before else NOBODY


def bound_by(call: bytes) -> bytes:
    """Return the selector whose delay binds a call: one that lowers a delay waits for that one."""
    return call[4:8] if call[:4] == DECREASE_DELAY else call[:4]


def notice_of(
    call: bytes, by: str, submitted: int, delays: tuple[int, int], present: Present
) -> Notice:
    """Return the notice of a submitted call.

    Args:
        delays: of the function that binds it, as it was then and as it is now: that of now must
            have passed, and the week is that of the shorter
    """
    ready, lapses = submitted + delays[1], submitted + min(delays) + GRACE_S
    return Notice(call, by, submitted, ready, lapses, call_words(call, present))


def call_words(call: bytes, present: Present | None = None) -> str:
    """Return what a call of the owner's would change, as the end of "The owner will"."""
    codec = _functions().get(call[:4])
    if codec is None:
        return f"call the function {to_hex(call[:4])}, which this package does not know"
    try:
        arguments = codec.arguments(call[4:])
    except BadArguments:
        return f"call {codec.name} with arguments that do not fit: this call can never be made"
    words = _WORDS.get(codec.name)
    if words is None:
        return f"call {codec.name}, which needs no announcement"
    return words(present or Present(), *arguments)


@cache
def _functions() -> Mapping[bytes, FunctionCodec]:
    codecs = [FunctionCodec(each) for each in abi.load("Vault") if each["type"] == "function"]
    return {each.selector: each for each in codecs}


def _assets(amount: int) -> str:
    return "unlimited" if amount >= UNLIMITED_ASSETS else format_units(amount, 2)


def _percent(bps: int) -> str:
    return f"{bps / 100:g} %"


def _time(seconds: int) -> str:
    for length, name in ((DAY, "day"), (HOUR, "hour"), (60, "minute")):
        if seconds and seconds % length == 0:
            count = seconds // length
            return f"{count:,} {name}{'' if count == 1 else 's'}"
    return f"{seconds:,} seconds"


def _change(new: str, old: str | None) -> str:
    """Return "to NEW", and from what where that is known."""
    return f"to {new}" if old is None else f"from {old} to {new}"


def _instead(old: str | None) -> str:
    if old is None:
        return ""
    return ", where there is nobody now" if old == NOBODY else f", in place of {old}"


def _set_role(role: str, what: str) -> Callable[..., str]:
    def words(present: Present, account: str) -> str:
        old = _instead(present.roles.get(role))
        return f"make {to_checksum_address(account)} the {role}, who {what}{old}"

    return words


def _set_keeper(present: Present, class_id: int, account: str) -> str:
    old, account = _instead(present.keepers.get(class_id)), to_checksum_address(account)
    return f"make {account} the keeper of class {class_id}, who trades its budget{old}"


def _limit_value(which: int, value: int) -> str:
    name = list(Limits.__dataclass_fields__)[which]
    if name.endswith("_bps"):
        return "none" if name == "price_band_bps" and value == 0 else _percent(value)
    if name.endswith("_s"):
        return _time(value)
    return ("yes" if value else "no") if name == "marks_required" else _assets(value)


def _set_limit(present: Present, which: int, new: int) -> str:
    if which >= len(LIMITS):
        return f"set limit {which}, which does not exist: this call can never be made"
    old = present.limits.get(which)
    before = None if old is None else _limit_value(which, old)
    name = list(Limits.__dataclass_fields__)[which].removesuffix("_bps").removesuffix("_s")
    change = _change(_limit_value(which, new), before)
    return f"set {name.replace('_', ' ')} ({LIMITS[which]}) {change}"


def _rates(management: int, performance: int, hurdle: int) -> str:
    more = f" above a hurdle of {_percent(hurdle)} a year" if hurdle else ""
    return f"{_percent(management)} a year and {_percent(performance)} of new profit{more}"


def _set_fees(present: Present, *rates: int) -> str:
    old = None if present.rates is None else _rates(*present.rates)
    return f"set the fees {_change(_rates(*rates), old)}"


def _caps(market: int, market_bps: int, of_class: int, class_bps: int) -> str:
    return (
        f"{_assets(market)} and {_percent(market_bps)} of NAV a market, "
        f"{_assets(of_class)} and {_percent(class_bps)} of NAV in all"
    )


def _add_class(_: Present, new: Any) -> str:
    *addresses, grade = new[:4]
    implementation, oracle, keeper = map(to_checksum_address, addresses)
    *caps, duration = new[4:]
    custody = (
        "delegated: whoever holds a wallet's key can take its budget"
        if grade == DELEGATED
        else "enforced"
    )
    return (
        f"add a class with the keeper {keeper}, capped at {_caps(*caps)}, for markets of at most "
        f"{_time(duration)}, by the oracle {oracle}; its accounts' code is {implementation}, "
        f"custody is {custody}"
    )


def _set_caps(present: Present, class_id: int, new: Any) -> str:
    old = present.caps.get(class_id)
    change = _change(_caps(*new), None if old is None else _caps(*old))
    return f"set the caps of class {class_id} {change}"


def _forgive(_: Present, class_id: int, assets: int) -> str:
    return (
        f"let {_assets(assets)} of the losses of class {class_id} and of the vault count no more: "
        "as much more can be allocated"
    )


def _reset(_: Present) -> str:
    return "let keepers allocate again after a drawdown, which counts from then on"


def _close(_: Present, market: str) -> str:
    return (
        f"close market {market} whatever its account still holds: "
        "what does not come home is a loss until it is swept"
    )


def _set_allow_list(_: Present, account: str, covers_transfers: bool) -> str:
    what = "let only those whom {} has deposit" + (
        " or be given shares by others; own claims, cancellations and exits in kind stay free"
        if covers_transfers
        else ""
    )
    return what.format(to_checksum_address(account))


def _lower_delay(present: Present, selector: str, delay: int) -> str:
    codec = _functions().get(to_bytes(selector))
    name = selector if codec is None else codec.name
    old = present.delays.get(selector)
    change = _change(_time(delay), None if old is None else _time(old))
    return f"lower the notice of {name} {change}"


_WORDS: Mapping[str, Callable[..., str]] = {
    "setGuardian": _set_role("guardian", "pauses and vetoes"),
    "setKeeper": _set_keeper,
    "setReporter": _set_role("reporter", "marks what the vault holds"),
    "setLimit": _set_limit,
    "setFees": _set_fees,
    "addClass": _add_class,
    "setClassCaps": _set_caps,
    "forgiveLosses": _forgive,
    "resetBreaker": _reset,
    "closeMarket": _close,
    "setAllowList": _set_allow_list,
    "decreaseDelay": _lower_delay,
}
