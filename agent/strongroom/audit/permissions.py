"""A vault's terms and permissions as its logs tell them: roles, limits, fees, classes, delays.

Whatever raises holders' risk or cost must have been announced, by a hash of exactly this call, for
as long as its function's delay says.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from eth_abi.abi import encode

from strongroom.audit.logs import Event
from strongroom.chain.ids import keccak

ZERO = "0x" + "00" * 20
BPS = 10_000
GRACE = 7 * 86_400  # seconds a matured call may be made in


class Limit(IntEnum):
    """Limits by the ordinals that LimitSet names them by."""

    MAX_UP = 0
    MAX_DOWN = 1
    MAX_DAY_UP = 2
    MAX_DAY_DOWN = 3
    MAX_SPREAD = 4
    MIN_INTERVAL = 5
    SYNC_AGE = 6
    REPORT_AGE = 7
    ORDER_LIFETIME = 8
    BUY_PRICE = 9
    BAND = 10
    DRAWDOWN = 11
    LIVENESS = 12
    REDEEM_DELAY = 13
    TOTAL_BPS = 14
    TOTAL_CAP = 15
    VELOCITY = 16


@dataclass(frozen=True)
class Difference:
    """Where the chain and the books part."""

    block: int
    transaction: str
    what: str  # event and field, or view
    expected: Any
    found: Any


@dataclass
class ClassTerms:
    """A class of markets."""

    implementation: str = ZERO
    oracle: str = ZERO
    grade: int = 1
    max_duration: int = 0
    caps: tuple[int, int, int, int] = (0, 0, 0, 0)

    @property
    def struct(self) -> tuple[Any, ...]:
        """As `classOf` and `addClass` have it."""
        return (self.implementation, self.oracle, self.grade, *self.caps, self.max_duration)


@dataclass(frozen=True)
class Setting:
    """What a view must answer, since when."""

    view: str
    arguments: tuple[Any, ...]
    value: Any
    block: int
    transaction: str


@dataclass
class Terms:
    """The terms. `hear` takes the events that change them."""

    limits: dict[int, int] = field(default_factory=dict)
    rates: tuple[int, int, int] = (0, 0, 0)
    recipients: list[tuple[str, int]] = field(default_factory=list)
    classes: dict[int, ClassTerms] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    delays: dict[str, int] = field(default_factory=dict)  # selector -> seconds
    submitted: dict[str, tuple[int, str]] = field(default_factory=dict)  # hash -> time, bound by
    settings: dict[str, Setting] = field(default_factory=dict)  # by view and arguments
    timeline: list[tuple[int, str]] = field(default_factory=list)  # block, words
    paused: bool = False
    born: str = ""  # the transaction that made the vault: nothing can be announced before it

    def hear(self, event: Event, now: int, transaction: Sequence[Event]) -> list[Difference]:
        """Take an event of a transaction; return what differs."""
        handler = _HANDLERS.get(event.name)
        if handler is None:
            return []
        self._at, self._now, self._tx = event, now, transaction
        self._found: list[Difference] = []
        handler(self, event.fields)
        return self._found

    def limit(self, which: Limit) -> int:
        """Return a limit; 0 before it is set."""
        return self.limits.get(which, 0)

    def class_of(self, number: int) -> ClassTerms:
        """Return a class's terms."""
        return self.classes.get(number, ClassTerms())

    def _differ(self, what: str, expected: Any, found: Any) -> None:
        at = self._at
        self._found.append(Difference(at.block, at.transaction, what, expected, found))

    def _set(self, view: str, arguments: tuple[Any, ...], value: Any) -> None:
        key = " ".join([view, *map(str, arguments)])
        at = self._at
        self.settings[key] = Setting(view, arguments, value, at.block, at.transaction)

    def _tell(self, words: str) -> None:
        self.timeline.append((self._at.block, words))

    def _announced(self, signature: str, *arguments: Any, bound_by: str = "") -> None:
        """Expect that a call was announced, if its function has a delay."""
        selector = _selector(signature)
        if self._at.transaction == self.born or not self.delays.get(bound_by or selector):
            return
        types = signature.partition("(")[2][:-1]
        data = encode(_split(types), arguments)
        call_hash = "0x" + keccak(bytes.fromhex(selector[2:]) + data).hex()
        executed = [e.fields["call_hash"] for e in self._tx if e.name == "CallExecuted"]
        if call_hash not in executed:
            name = signature.partition("(")[0]
            self._differ(f"{self._at.name}: announced by submit({name})", call_hash, executed)

    # roles

    def _on_role_set(self, it: Mapping[str, Any]) -> None:
        role, account = _ROLES.get(it["role"], it["role"]), it["account"]
        if role == "guardian" or (role in ("keeper", "reporter") and account != ZERO):
            self._announced(f"set{role.title()}(address)", account)
        self.roles[role] = account
        self._set(role, (), account)
        self._tell(f"{role} is {account}")

    def _on_ownership_transferred(self, it: Mapping[str, Any]) -> None:
        self.roles["owner"] = it["new_owner"]
        self._set("owner", (), it["new_owner"])
        self._set("pending_owner", (), ZERO)
        self._tell(f"owner is {it['new_owner']}")

    def _on_ownership_transfer_started(self, it: Mapping[str, Any]) -> None:
        self._set("pending_owner", (), it["new_owner"])
        self._tell(f"ownership offered to {it['new_owner']}")

    def _on_paused(self, it: Mapping[str, Any]) -> None:
        self.paused = True
        self._set("paused", (), True)
        self._tell(f"paused by {it['account']}")

    def _on_unpaused(self, it: Mapping[str, Any]) -> None:
        self.paused = False
        self._set("paused", (), False)
        self._tell(f"unpaused by {it['account']}")

    # numbers

    def _on_limit_set(self, it: Mapping[str, Any]) -> None:
        which, new, old = it["limit"], it["new_value"], self.limits.get(it["limit"], 0)
        riskier = new > old
        if which == Limit.MIN_INTERVAL:
            riskier = new < old
        elif which == Limit.BAND:  # none at all is the widest
            riskier = old != 0 and (new == 0 or new > old)
        if riskier:
            self._announced("setLimit(uint256,uint256)", which, new)
        self.limits[which] = new
        self._set("limit", (which,), new)
        self._tell(f"limit {which} = {new}")

    def _on_fees_set(self, it: Mapping[str, Any]) -> None:
        rates = (it["management_bps"], it["performance_bps"], it["hurdle_bps"])
        old = self.rates
        if rates[0] > old[0] or rates[1] > old[1] or rates[2] < old[2]:
            self._announced("setFees(uint256,uint256,uint256)", *rates)
        self.rates = rates
        self._set("feeRates", (), rates)
        self._tell(f"fees {rates} bps")

    def _on_fee_recipients_set(self, it: Mapping[str, Any]) -> None:
        self.recipients = [(str(who).lower(), bps) for who, bps in it["recipients"]]
        whole = sum(bps for _, bps in self.recipients)
        if whole != BPS:
            self._differ("FeeRecipientsSet: parts", BPS, whole)
        self._set("feeRecipients", (), tuple(self.recipients))

    def _on_deposit_terms_set(self, it: Mapping[str, Any]) -> None:
        self._set("depositTerms", (), (it["deposit_limit"], it["min_deposit"]))

    def _on_allow_list_set(self, it: Mapping[str, Any]) -> None:
        self._set("allow_list", (), it["allow_list"])
        self._tell(f"allow list {it['allow_list']}")

    def _on_class_added(self, it: Mapping[str, Any]) -> None:
        number = it["class_id"]
        caps = next((_caps(e.fields) for e in self._tx if e.name == "ClassCapsSet"
                     and e.fields["class_id"] == number), (0, 0, 0, 0))  # fmt: skip
        new = ClassTerms(it["implementation"], it["oracle"], it["grade"], it["max_duration"], caps)
        types = "address,address,uint256,uint256,uint256,uint256,uint256,uint256"
        self._announced(f"addClass(({types}))", new.struct)
        self.classes[number] = new
        self._set("classOf", (number,), new.struct)
        self._tell(f"class {number}: grade {it['grade']}, oracle {it['oracle']}")

    def _on_class_caps_set(self, it: Mapping[str, Any]) -> None:
        number, caps = it["class_id"], _caps(it)
        kind = self.classes.setdefault(number, ClassTerms())
        added = any(e.name == "ClassAdded" and e.fields["class_id"] == number for e in self._tx)
        if not added and any(new > old for new, old in zip(caps, kind.caps, strict=True)):
            types = "uint256,(uint256,uint256,uint256,uint256)"
            self._announced(f"setClassCaps({types})", number, caps)
        kind.caps = caps
        self._set("classOf", (number,), kind.struct)
        self._tell(f"caps of class {number}: {caps}")

    # timelock

    def _on_delay_set(self, it: Mapping[str, Any]) -> None:
        selector, delay = it["selector"][:10], it["delay"]
        if delay < self.delays.get(selector, 0):
            self._announced("decreaseDelay(bytes4,uint256)", bytes.fromhex(selector[2:]), delay,
                            bound_by=selector)  # fmt: skip
        self.delays[selector] = delay
        self._set("delayOf", (selector,), delay)
        self._tell(f"delay of {selector}: {delay} s")

    def _on_abdicated(self, it: Mapping[str, Any]) -> None:
        self._set("abdicated", (it["selector"][:10],), True)
        self._tell(f"{it['selector'][:10]} given up for ever")

    def _on_call_submitted(self, it: Mapping[str, Any]) -> None:
        call = bytes(it["call"])
        bound_by = "0x" + (call[4:8] if call[:4] == _DECREASE else call[:4]).hex()
        call_hash, delay = "0x" + keccak(call).hex(), self.delays.get(bound_by, 0)
        if call_hash != it["call_hash"]:
            self._differ("CallSubmitted.call_hash", call_hash, it["call_hash"])
        if delay != it["delay"]:
            self._differ("CallSubmitted.delay", delay, it["delay"])
        self.submitted[it["call_hash"]] = (self._now, bound_by)
        self._tell(f"submitted {'0x' + call[:4].hex()}, ready at {self._now + delay}")

    def _on_call_revoked(self, it: Mapping[str, Any]) -> None:
        if self.submitted.pop(it["call_hash"], None) is None:
            self._differ("CallRevoked.call_hash", "a submitted call", it["call_hash"])
        self._tell(f"revoked {it['call_hash']}")

    def _on_call_executed(self, it: Mapping[str, Any]) -> None:
        """The delay that counts is the one of now, not of when the call was submitted."""
        known = self.submitted.pop(it["call_hash"], None)
        if known is None:
            self._differ("CallExecuted.call_hash", "a submitted call", it["call_hash"])
            return
        ready = known[0] + self.delays.get(known[1], 0)
        if not ready <= self._now <= ready + GRACE:
            self._differ("CallExecuted: time", f"{ready} to {ready + GRACE}", self._now)


def _caps(it: Mapping[str, Any]) -> tuple[int, int, int, int]:
    return it["market_cap"], it["market_cap_bps"], it["class_cap"], it["class_cap_bps"]


def _split(types: str) -> list[str]:
    """Return the types of an argument list; a tuple is one."""
    found, depth = [""], 0
    for letter in types:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return found


def _selector(signature: str) -> str:
    return "0x" + keccak(signature.encode())[:4].hex()


_DECREASE = bytes.fromhex(_selector("decreaseDelay(bytes4,uint256)")[2:])
_ROLES = {
    "0x" + keccak(name.encode()).hex(): name for name in ("keeper", "reporter", "guardian", "owner")
}


def handlers(of: type) -> dict[str, Callable[[Any, Mapping[str, Any]], None]]:
    """Return event name -> the method of a class that takes its fields: `_on_` and its words."""
    return {
        "".join(part.title() for part in name[4:].split("_")): function
        for name, function in vars(of).items()
        if name.startswith("_on_")
    }


_HANDLERS = handlers(Terms)
