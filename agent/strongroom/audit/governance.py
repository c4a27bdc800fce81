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
    ClassRetired,
    DelaySet,
    DepositTermsSet,
    FeeRecipientsSet,
    FeesSet,
    KeeperSet,
    LimitSet,
    OwnershipTransferred,
    OwnershipTransferStarted,
    Paused,
    RoleMinterChanged,
    RoleSet,
    Unpaused,
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
    setting_key,
)
from strongroom.audit.transactions import Transaction, on
from strongroom.audit.wording import (
    bps_words,
    caps_words,
    function_name,
    limit_words,
    selector_of,
    time_words,
)
from strongroom.chain.ids import keccak
from strongroom.chain.terms import DELEGATED
from strongroom.chain.units import BPS, DECIMALS

ROLES = {"0x" + keccak(name.encode()).hex(): name for name in ("reporter", "guardian")}
# What a view says that no event has set yet.
_UNSET: Mapping[str, Answer] = {
    **dict.fromkeys(("limit", "delayOf"), 0),
    **dict.fromkeys(("reporter", "guardian", "pending_owner", "allow_list"), ZERO),
    **dict.fromkeys(("paused", "abdicated", "coversTransfers"), False),
}
DECREASE_DELAY = "decreaseDelay(bytes4,uint256)"
SET_KEEPER = "setKeeper(uint256,address)"
SET_LIMIT = "setLimit(uint256,uint256)"
SET_FEES = "setFees(uint256,uint256,uint256)"
ADD_CLASS = "addClass((address,address,address,uint256,uint256,uint256,uint256,uint256,uint256))"
SET_CLASS_CAPS = "setClassCaps(uint256,(uint256,uint256,uint256,uint256))"
FORGIVE_LOSSES = "forgiveLosses(uint256,uint256)"
RESET_BREAKER = "resetBreaker()"
CLOSE_MARKET = "closeMarket(bytes32)"
SET_ALLOW_LIST = "setAllowList(address,bool)"


class Governance:
    """Books permissions by their events, and finds calls that were not announced in time."""

    def __init__(self, permissions: Permissions, decimals: int = DECIMALS) -> None:
        """Go on from permissions, which change with the events; amounts are of an asset with so
        many decimals.

        `before` fills with settings as they were before the first event of a block changed them,
        each of the last block in which its view must still have said so.
        """
        self.permissions, self._decimals = permissions, decimals
        self.before: dict[tuple[int, str], Setting] = {}
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
        key = setting_key(view, arguments)
        old = self.permissions.settings.get(key)
        if old is None and view in _UNSET:
            self.replaced(at, view, arguments, _UNSET[view])
        elif old is not None and old.block < at.block:
            self.replaced(at, view, arguments, old.value)
        setting = Setting(view, arguments, value, at.block, at.transaction)
        self.permissions.settings[key] = setting

    def replaced(
        self, at: AuditedEvent, view: str, arguments: tuple[Argument, ...], value: Answer
    ) -> None:
        """Note what a view must have said before an event's block."""
        if at.transaction != self.permissions.born_in:
            place = at.block, setting_key(view, arguments)
            was = Setting(view, arguments, value, at.block - 1, at.transaction)
            self.before.setdefault(place, was)

    def _note(self, at: AuditedEvent, words: str) -> None:
        self.permissions.timeline.append(PermissionChange(at.block, words))

    def announced(
        self, at: AuditedEvent, transaction: Transaction, signature: str, *arguments: object
    ) -> list[Difference]:
        """Return what differs unless a call was announced, if its function has a delay."""
        self._transaction, self._found = transaction, []
        self._expect_announced(at, signature, *arguments)
        return self._found

    def _expect_announced(
        self, at: AuditedEvent, signature: str, *arguments: object, bound_by: str = ""
    ) -> None:
        """Expect that a call was announced, if its function has a delay, and is not given up."""
        selector, permissions = selector_of(signature), self.permissions
        if at.transaction == permissions.born_in:
            return
        name = signature.partition("(")[0]
        if selector in permissions.abdicated:
            self._differ(at, f"{at.name}: {name} was abdicated", "no call", at.name)
        if not permissions.delays.get(bound_by or selector):
            return
        data = encode(_argument_types(signature), arguments)
        call_hash = "0x" + keccak(bytes.fromhex(selector[2:]) + data).hex()
        executed = [each.call_hash for each in self._transaction.of(CallExecuted)]
        if call_hash not in executed:
            self._differ(at, f"{at.name}: announced by submit({name})", call_hash, executed)

    # roles

    def _role_set(self, it: RoleSet) -> None:
        role, account = ROLES.get(it.role), it.account
        if role is None:
            self._differ(it, "RoleSet.role", list(ROLES.values()), it.role)
            return
        if role == "guardian" or account != ZERO:
            self._expect_announced(it, f"set{role.title()}(address)", account)
        self.permissions.roles[role] = account
        self._set(it, role, (), account)
        self._note(it, f"{role} is {account}")

    def _role_minter_changed(self, it: RoleMinterChanged) -> None:
        """Once, at the birth, of who makes the vault; no call of the vault lets anybody mint."""
        born_in, owner = self.permissions.born_in, self.permissions.roles.get("owner", ZERO)
        found = (it.transaction, it.minter, it.status)
        if found != (born_in, owner, True):
            self._differ(it, "RoleMinterChanged", (born_in, owner, True), found)

    def _expect_owner(self, it: OwnershipTransferred | OwnershipTransferStarted) -> None:
        owner = self.permissions.roles.get("owner", ZERO)
        if it.previous_owner != owner:
            self._differ(it, f"{it.name}.previous_owner", owner, it.previous_owner)

    def _ownership_transferred(self, it: OwnershipTransferred) -> None:
        self._expect_owner(it)
        if it.transaction != self.permissions.born_in:
            offered = self.permissions.settings.get("pending_owner")
            to = ZERO if offered is None else offered.value
            if to != it.new_owner:
                self._differ(it, "OwnershipTransferred.new_owner", to, it.new_owner)
            self._set(it, "pending_owner", (), ZERO)
        self.permissions.roles["owner"] = it.new_owner
        self._set(it, "owner", (), it.new_owner)
        self._note(it, f"owner is {it.new_owner}")

    def _ownership_transfer_started(self, it: OwnershipTransferStarted) -> None:
        self._expect_owner(it)
        self._set(it, "pending_owner", (), it.new_owner)
        self._note(it, f"ownership offered to {it.new_owner}")

    def _paused(self, it: Paused) -> None:
        """What the owner paused, only the owner unpauses."""
        permissions = self.permissions
        permissions.paused_by.add(self._who_pauses(it, it.account))
        self._set(it, "paused", (), True)
        self._note(it, f"paused by {it.account}")

    def _unpaused(self, it: Unpaused) -> None:
        who, permissions = self._who_pauses(it, it.account), self.permissions
        if not permissions.paused_by:
            self._differ(it, "Unpaused: while paused", "a pause", "none")
        if who == "guardian" and "owner" in permissions.paused_by:
            self._differ(it, "Unpaused: paused by the owner", "the owner", it.account)
        permissions.paused_by.clear()
        self._set(it, "paused", (), False)
        self._note(it, f"unpaused by {it.account}")

    def _who_pauses(self, it: AuditedEvent, account: str) -> str:
        roles = self.permissions.roles
        if account == roles.get("guardian"):
            return "guardian"
        if account != roles.get("owner"):
            self._differ(it, f"{it.name}.account", "guardian or owner", account)
        return "owner"

    # numbers

    def is_raise(self, it: FeesSet) -> bool:
        """Whether holders would ever pay more than at the rates so far."""
        management, performance, hurdle = self.permissions.rates
        return (
            it.management_bps > management
            or it.performance_bps > performance
            or it.hurdle_bps < hurdle
        )

    def _limit_set(self, it: LimitSet) -> None:
        which, new, old = it.limit, it.new_value, self.permissions.limits.get(it.limit, 0)
        riskier = new > old
        if which in (Limit.MIN_REPORT_INTERVAL, Limit.MARKS_REQUIRED):
            riskier = new < old
        elif which in (Limit.MAX_DOWN_BPS, Limit.MAX_REPORT_AGE):
            riskier = new != old
        elif which == Limit.PRICE_BAND_BPS:  # none at all is the widest
            riskier = old != 0 and (new == 0 or new > old)
        if riskier:
            self._expect_announced(it, SET_LIMIT, which, new)
        self.permissions.limits[which] = new
        self._set(it, "limit", (which,), new)
        self._note(it, limit_words(which, new, self._decimals))

    def _fees_set(self, it: FeesSet) -> None:
        rates = (it.management_bps, it.performance_bps, it.hurdle_bps)
        if self.is_raise(it):
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
        if it.covers_transfers:
            self._expect_announced(it, SET_ALLOW_LIST, it.allow_list, True)
        self.permissions.allow_list = it.allow_list
        self.permissions.covers_transfers = it.covers_transfers
        self._set(it, "allow_list", (), it.allow_list)
        self._set(it, "coversTransfers", (), it.covers_transfers)
        who = "everybody may deposit" if it.allow_list == ZERO else f"allow list {it.allow_list}"
        self._note(it, who + (", for transfers, too" if it.covers_transfers else ""))

    def _class_added(self, it: ClassAdded) -> None:
        """Its keeper and its caps follow; the call that was announced has all of them."""
        number, there = it.class_id, len(self.permissions.classes)
        if number != there:
            self._differ(it, "ClassAdded.class_id", there, number)
        keepers = [each for each in self._transaction.of(KeeperSet) if each.class_id == number]
        caps = [each for each in self._transaction.of(ClassCapsSet) if each.class_id == number]
        new = MarketClass(
            it.implementation, it.oracle, keepers[0].keeper if keepers else ZERO, it.grade,
            it.max_duration, _caps(caps[0]) if caps else Caps(),
        )  # fmt: skip
        self._expect_announced(it, ADD_CLASS, new.words)
        self._set(it, "class_count", (), number + 1)
        self._set_class(it, number, new)
        grade = "delegated" if it.grade == DELEGATED else "enforced"
        self._note(it, f"class {number} added: {grade}, oracle {it.oracle}")

    def _keeper_set(self, it: KeeperSet) -> None:
        number, keeper = it.class_id, it.keeper
        if keeper != ZERO and not self._is_added(number):
            self._expect_announced(it, SET_KEEPER, number, keeper)
        self._set_class(it, number, replace(self.permissions.class_of(number), keeper=keeper))
        self._set(it, "keeperOf", (number,), keeper)
        self._note(it, f"keeper of class {number} is {keeper}")

    def _class_caps_set(self, it: ClassCapsSet) -> None:
        number, caps, old = it.class_id, _caps(it), self.permissions.class_of(it.class_id)
        raised = any(a > b for a, b in zip(caps.words, old.caps.words, strict=True))
        if raised and not self._is_added(number):
            self._expect_announced(it, SET_CLASS_CAPS, number, caps.words)
        self._set_class(it, number, replace(old, caps=caps))
        self._note(it, f"caps of class {number}: {caps_words(caps, self._decimals)}")

    def _class_retired(self, it: ClassRetired) -> None:
        old = self.permissions.class_of(it.class_id)
        if old.is_retired:
            self._differ(it, "ClassRetired.class_id", "an active class", it.class_id)
        self._set_class(it, it.class_id, replace(old, is_retired=True))
        self._note(it, f"class {it.class_id} retired")

    def _is_added(self, number: int) -> bool:
        return any(each.class_id == number for each in self._transaction.of(ClassAdded))

    def _set_class(self, it: AuditedEvent, number: int, new: MarketClass) -> None:
        if number not in self.permissions.classes and not isinstance(it, ClassAdded):
            self._differ(it, f"{it.name}.class_id", "a class", number)
        self.permissions.classes[number] = new
        self._set(it, "classOf", (number,), new.words)

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
        self.permissions.abdicated.add(it.selector)
        self._set(it, "abdicated", (it.selector,), True)
        self._note(it, f"{function_name(it.selector)} abdicated")

    def _call_submitted(self, it: CallSubmitted) -> None:
        """The same call again waits for another delay after it was made, revoked or lapsed."""
        permissions, head, now = self.permissions, "0x" + it.call[:4].hex(), self._transaction.time
        bound_by = "0x" + it.call[4:8].hex() if head == selector_of(DECREASE_DELAY) else head
        call_hash = "0x" + keccak(it.call).hex()
        delay = permissions.delays.get(bound_by, 0)
        if call_hash != it.call_hash:
            self._differ(it, "CallSubmitted.call_hash", call_hash, it.call_hash)
        if delay != it.delay:
            self._differ(it, "CallSubmitted.delay", delay, it.delay)
        if head in permissions.abdicated or bound_by in permissions.abdicated:
            self._differ(it, "CallSubmitted.call: abdicated", "no call", function_name(head))
        again = permissions.submittable.get(it.call_hash, 0)
        before = permissions.submitted.get(it.call_hash)
        if before is not None:
            again = max(again, before.lapses(delay) + delay)
        if now < again:
            self._differ(it, "CallSubmitted: time", f"from {again} on", now)
        permissions.submitted[it.call_hash] = Submission(now, delay, head, bound_by)
        self._set(it, "submittedAt", (it.call_hash,), now)
        self._note(it, f"submitted {function_name(head)}, ready at {now + delay}")

    def _call_revoked(self, it: CallRevoked) -> None:
        if self._end(it, it.call_hash) is None:
            self._differ(it, "CallRevoked.call_hash", "a submitted call", it.call_hash)
        self._note(it, f"revoked {it.call_hash}")

    def _call_executed(self, it: CallExecuted) -> None:
        """The delay of now must have passed; the week is that of the shorter of now and then."""
        known = self._end(it, it.call_hash)
        if known is None:
            self._differ(it, "CallExecuted.call_hash", "a submitted call", it.call_hash)
            return
        delay, now = self.permissions.delays.get(known.bound_by, 0), self._transaction
        ready, lapses = known.time + delay, known.lapses(delay)
        if not ready <= now.time <= lapses:
            self._differ(it, "CallExecuted: time", f"{ready} to {lapses}", now.time)

    def _end(self, it: AuditedEvent, call_hash: str) -> Submission | None:
        """A submission is used up; return it. Those that lapse long ago are forgotten too."""
        permissions, now = self.permissions, self._transaction.time
        known = permissions.submitted.pop(call_hash, None)
        if known is None:
            return None
        for old in [each for each, time in permissions.submittable.items() if time < now]:
            del permissions.submittable[old]
            permissions.settings.pop(f"submittableFrom {old}", None)
            if old not in permissions.submitted:
                permissions.settings.pop(f"submittedAt {old}", None)
        again = permissions.submittable[call_hash] = now + permissions.delays.get(known.bound_by, 0)
        self._set(it, "submittedAt", (call_hash,), 0)
        self._set(it, "submittableFrom", (call_hash,), again)
        return known


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
    return [each for each in found if each]


_HANDLERS: Mapping[type[AuditedEvent], Callable[[Governance, AuditedEvent], None]] = dict(
    (
        on(RoleSet, Governance._role_set),
        on(RoleMinterChanged, Governance._role_minter_changed),
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
        on(ClassRetired, Governance._class_retired),
        on(KeeperSet, Governance._keeper_set),
        on(DelaySet, Governance._delay_set),
        on(Abdicated, Governance._abdicated),
        on(CallSubmitted, Governance._call_submitted),
        on(CallRevoked, Governance._call_revoked),
        on(CallExecuted, Governance._call_executed),
    )
)
GOVERNED = frozenset(_HANDLERS)  # events that change permissions
