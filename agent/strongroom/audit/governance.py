"""Takes the events that change permissions.

Whatever raises holders' risk or cost must have been announced, by a hash of exactly this call, for
as long as its function's delay says.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from eth_abi.abi import encode

from strongroom.audit.events import (
    Abdicated,
    AllowListSet,
    AuditedEvent,
    CallExecuted,
    CallRevoked,
    CallSubmitted,
    ClassAdded,
    ClassCapsSet,
    DelaySet,
    DepositTermsSet,
    FeeRecipientsSet,
    FeesSet,
    LimitSet,
    OwnershipTransferred,
    OwnershipTransferStarted,
    Paused,
    RoleSet,
    Transaction,
    Unpaused,
    on,
)
from strongroom.audit.permissions import (
    ZERO,
    Answer,
    Argument,
    Caps,
    Difference,
    Limit,
    MarketClass,
    PermissionChange,
    Permissions,
    Setting,
    Submission,
    difference,
)
from strongroom.audit.wording import (
    bps_words,
    caps_words,
    function_name,
    limit_words,
    selector_of,
    time_words,
)
from strongroom.chain.ids import keccak
from strongroom.chain.terms import GRACE_S
from strongroom.chain.units import BPS

ROLES = {
    "0x" + keccak(name.encode()).hex(): name for name in ("keeper", "reporter", "guardian", "owner")
}
DECREASE_DELAY = "decreaseDelay(bytes4,uint256)"
SET_LIMIT = "setLimit(uint256,uint256)"
SET_FEES = "setFees(uint256,uint256,uint256)"
ADD_CLASS = "addClass((address,address,uint256,uint256,uint256,uint256,uint256,uint256))"
SET_CLASS_CAPS = "setClassCaps(uint256,(uint256,uint256,uint256,uint256))"


class Governance:
    """Books permissions by their events, and finds calls that were not announced in time."""

    def __init__(self, permissions: Permissions) -> None:
        """Go on from permissions, which change with the events."""
        self.permissions = permissions
        self._transaction = Transaction(0, ())
        self._found: list[Difference] = []

    def take(self, event: AuditedEvent, transaction: Transaction) -> list[Difference]:
        """Take an event of a transaction; return what differs."""
        handler = _HANDLERS.get(type(event))
        if handler is None:
            return []
        self._transaction, self._found = transaction, []
        handler(self, event)
        return self._found

    def _differ(self, at: AuditedEvent, what: str, expected: object, found: object) -> None:
        self._found.append(difference(at, what, expected, found))

    def _set(
        self, at: AuditedEvent, view: str, arguments: tuple[Argument, ...], value: Answer
    ) -> None:
        key = " ".join([view, *map(str, arguments)])
        setting = Setting(view, arguments, value, at.block, at.transaction)
        self.permissions.settings[key] = setting

    def _note(self, at: AuditedEvent, words: str) -> None:
        self.permissions.timeline.append(PermissionChange(at.block, words))

    def _expect_announced(
        self, at: AuditedEvent, signature: str, *arguments: object, bound_by: str = ""
    ) -> None:
        """Expect that a call was announced, if its function has a delay."""
        selector, permissions = selector_of(signature), self.permissions
        if at.transaction == permissions.born_in:
            return
        if not permissions.delays.get(bound_by or selector):
            return
        data = encode(_argument_types(signature), arguments)
        call_hash = "0x" + keccak(bytes.fromhex(selector[2:]) + data).hex()
        executed = [each.call_hash for each in self._transaction.of(CallExecuted)]
        if call_hash not in executed:
            name = signature.partition("(")[0]
            self._differ(at, f"{at.name}: announced by submit({name})", call_hash, executed)

    # roles

    def _role_set(self, it: RoleSet) -> None:
        role, account = ROLES.get(it.role, it.role), it.account
        if role == "guardian" or (role in ("keeper", "reporter") and account != ZERO):
            self._expect_announced(it, f"set{role.title()}(address)", account)
        self.permissions.roles[role] = account
        self._set(it, role, (), account)
        self._note(it, f"{role} is {account}")

    def _ownership_transferred(self, it: OwnershipTransferred) -> None:
        self.permissions.roles["owner"] = it.new_owner
        self._set(it, "owner", (), it.new_owner)
        self._set(it, "pending_owner", (), ZERO)
        self._note(it, f"owner is {it.new_owner}")

    def _ownership_transfer_started(self, it: OwnershipTransferStarted) -> None:
        self._set(it, "pending_owner", (), it.new_owner)
        self._note(it, f"ownership offered to {it.new_owner}")

    def _paused(self, it: Paused) -> None:
        self.permissions.is_paused = True
        self._set(it, "paused", (), True)
        self._note(it, f"paused by {it.account}")

    def _unpaused(self, it: Unpaused) -> None:
        self.permissions.is_paused = False
        self._set(it, "paused", (), False)
        self._note(it, f"unpaused by {it.account}")

    # numbers

    def _limit_set(self, it: LimitSet) -> None:
        which, new, old = it.limit, it.new_value, self.permissions.limits.get(it.limit, 0)
        riskier = new > old
        if which == Limit.MIN_REPORT_INTERVAL:
            riskier = new < old
        elif which == Limit.PRICE_BAND_BPS:  # none at all is the widest
            riskier = old != 0 and (new == 0 or new > old)
        if riskier:
            self._expect_announced(it, SET_LIMIT, which, new)
        self.permissions.limits[which] = new
        self._set(it, "limit", (which,), new)
        self._note(it, limit_words(which, new))

    def _fees_set(self, it: FeesSet) -> None:
        rates = (it.management_bps, it.performance_bps, it.hurdle_bps)
        old = self.permissions.rates
        if rates[0] > old[0] or rates[1] > old[1] or rates[2] < old[2]:
            self._expect_announced(it, SET_FEES, *rates)
        self.permissions.rates = rates
        self._set(it, "feeRates", (), rates)
        management, performance, hurdle = map(bps_words, rates)
        self._note(
            it, f"fees: {management} a year, {performance} of profit above a hurdle of {hurdle}"
        )

    def _fee_recipients_set(self, it: FeeRecipientsSet) -> None:
        whole = sum(bps for _, bps in it.recipients)
        if whole != BPS:
            self._differ(it, "FeeRecipientsSet: parts", BPS, whole)
        self.permissions.recipients = it.recipients
        self._set(it, "feeRecipients", (), it.recipients)

    def _deposit_terms_set(self, it: DepositTermsSet) -> None:
        terms = self.permissions.deposit_terms = (it.deposit_limit, it.min_deposit)
        self._set(it, "depositTerms", (), terms)

    def _allow_list_set(self, it: AllowListSet) -> None:
        self.permissions.allow_list = it.allow_list
        self._set(it, "allow_list", (), it.allow_list)
        who = "everybody may deposit" if it.allow_list == ZERO else f"allow list {it.allow_list}"
        self._note(it, who)

    def _class_added(self, it: ClassAdded) -> None:
        number = it.class_id
        caps = [each for each in self._transaction.of(ClassCapsSet) if each.class_id == number]
        new = MarketClass(
            it.implementation, it.oracle, it.grade, it.max_duration,
            _caps(caps[0]) if caps else Caps(),
        )  # fmt: skip
        self._expect_announced(it, ADD_CLASS, new.words)
        self.permissions.classes[number] = new
        self._set(it, "classOf", (number,), new.words)
        grade = "delegated" if it.grade == 2 else "enforced"
        self._note(it, f"class {number} added: {grade}, oracle {it.oracle}")

    def _class_caps_set(self, it: ClassCapsSet) -> None:
        number, caps, old = it.class_id, _caps(it), self.permissions.class_of(it.class_id)
        added = any(each.class_id == number for each in self._transaction.of(ClassAdded))
        raised = any(a > b for a, b in zip(caps.words, old.caps.words, strict=True))
        if raised and not added:
            self._expect_announced(it, SET_CLASS_CAPS, number, caps.words)
        new = self.permissions.classes[number] = replace(old, caps=caps)
        self._set(it, "classOf", (number,), new.words)
        self._note(it, f"caps of class {number}: {caps_words(caps)}")

    # timelock

    def _delay_set(self, it: DelaySet) -> None:
        selector, delay, delays = it.selector, it.delay, self.permissions.delays
        if delay < delays.get(selector, 0):
            function = bytes.fromhex(selector[2:])
            self._expect_announced(it, DECREASE_DELAY, function, delay, bound_by=selector)
        delays[selector] = delay
        self._set(it, "delayOf", (selector,), delay)
        self._note(it, f"{function_name(selector)} must be announced {time_words(delay)} before")

    def _abdicated(self, it: Abdicated) -> None:
        self._set(it, "abdicated", (it.selector,), True)
        self._note(it, f"{function_name(it.selector)} abdicated")

    def _call_submitted(self, it: CallSubmitted) -> None:
        head = "0x" + it.call[:4].hex()
        bound_by = "0x" + it.call[4:8].hex() if head == selector_of(DECREASE_DELAY) else head
        call_hash = "0x" + keccak(it.call).hex()
        delay = self.permissions.delays.get(bound_by, 0)
        if call_hash != it.call_hash:
            self._differ(it, "CallSubmitted.call_hash", call_hash, it.call_hash)
        if delay != it.delay:
            self._differ(it, "CallSubmitted.delay", delay, it.delay)
        now = self._transaction.time
        self.permissions.submitted[it.call_hash] = Submission(now, bound_by)
        self._note(it, f"submitted {function_name(head)}, ready at {now + delay}")

    def _call_revoked(self, it: CallRevoked) -> None:
        if self.permissions.submitted.pop(it.call_hash, None) is None:
            self._differ(it, "CallRevoked.call_hash", "a submitted call", it.call_hash)
        self._note(it, f"revoked {it.call_hash}")

    def _call_executed(self, it: CallExecuted) -> None:
        """The delay that counts is the one of now, not of when the call was submitted."""
        known = self.permissions.submitted.pop(it.call_hash, None)
        if known is None:
            self._differ(it, "CallExecuted.call_hash", "a submitted call", it.call_hash)
            return
        ready, now = known.time + self.permissions.delays.get(known.bound_by, 0), self._transaction
        if not ready <= now.time <= ready + GRACE_S:
            self._differ(it, "CallExecuted: time", f"{ready} to {ready + GRACE_S}", now.time)


def _caps(it: ClassCapsSet) -> Caps:
    return Caps(it.market_cap, it.market_cap_bps, it.class_cap, it.class_cap_bps)


def _argument_types(signature: str) -> list[str]:
    """Return the types of a signature's arguments; a tuple is one."""
    found, depth = [""], 0
    for letter in signature.partition("(")[2][:-1]:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return found


_HANDLERS: Mapping[type[AuditedEvent], Callable[[Governance, AuditedEvent], None]] = dict(
    (
        on(RoleSet, Governance._role_set),
        on(OwnershipTransferred, Governance._ownership_transferred),
        on(OwnershipTransferStarted, Governance._ownership_transfer_started),
        on(Paused, Governance._paused),
        on(Unpaused, Governance._unpaused),
        on(LimitSet, Governance._limit_set),
        on(FeesSet, Governance._fees_set),
        on(FeeRecipientsSet, Governance._fee_recipients_set),
        on(DepositTermsSet, Governance._deposit_terms_set),
        on(AllowListSet, Governance._allow_list_set),
        on(ClassAdded, Governance._class_added),
        on(ClassCapsSet, Governance._class_caps_set),
        on(DelaySet, Governance._delay_set),
        on(Abdicated, Governance._abdicated),
        on(CallSubmitted, Governance._call_submitted),
        on(CallRevoked, Governance._call_revoked),
        on(CallExecuted, Governance._call_executed),
    )
)
