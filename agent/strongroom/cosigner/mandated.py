"""A policy within a mandate: the tighter of both, line by line. Pure.

The co-signer's own policy is asked first and by itself. Each line of the mandate is then a policy
of its own: the co-signer's with that line's key narrowed, judged by the very same rules. So a line
means what the key means, it can never widen anything, and the line that refuses is found by asking
each alone.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from strongroom.chain.calls import Call
from strongroom.chain.decision_records import is_records
from strongroom.chain.ids import to_hex
from strongroom.chain.units import MICRO
from strongroom.cosigner.policy import (
    ACCOUNT_CALLS,
    VAULT_CALLS,
    OrderRules,
    Policy,
    PolicyRefuses,
    TransactionRules,
    calls_in,
    decoded,
)
from strongroom.mandates.digest import digest
from strongroom.mandates.mandate import Mandate, MandateLine
from strongroom.mandates.vocabulary import (
    CLASS,
    DATA,
    EVERY_CLASS,
    LISTS,
    NONE,
    NUMBERS,
    NumberLine,
    Tighter,
)
from strongroom.signing.safe import batch
from strongroom.signing.signers import TransactionRequest

# What brings money home, or risks nothing: signed without a mandate, so that one that has ended
# locks nothing in. By name, of the functions that policy.py admits.
HOMEWARD_VAULT = ("recall", "report", "harvest", "closeMarket", "sweep")
HOMEWARD_ACCOUNT = (
    *("merge", "redeem", "redeemResolved", "halt", "bumpEpoch", "takeBack", "takeBackTokens"),
    *("releaseWallet", "admitReturn", "pauseWallet", "withdraw"),
)
# Lists that a decision's record and its exchange answer to: a trade at a pool has neither, and what
# nobody can say is not admitted.
RECORDED = ("orders.packs", "orders.exchanges")


_Part = Policy | OrderRules | TransactionRules


@dataclass(frozen=True)
class _Group:
    """Lines that are judged together: one limit, or all entries of a list."""

    numbers: tuple[int, ...]  # as people count them, from 1
    lines: tuple[MandateLine, ...]

    @property
    def code(self) -> str:
        plural = "s" if len(self.numbers) > 1 else ""
        return f"mandate line{plural} {', '.join(map(str, self.numbers))}"


class MandatedPolicy:
    """What a policy admits within a mandate."""

    def __init__(self, policy: Policy, mandate: Mandate) -> None:
        self.mandate, self.digest = mandate, digest(mandate)
        self._policy, self._groups = policy, tuple(_groups(mandate))
        self._narrowed: dict[int, Policy] = {}

    def check(self, class_id: int, judge: Callable[[Policy], object]) -> None:
        """Refuse what a line does not admit.

        Args:
            class_id: whose lines apply beside those of the whole vault; -1: only the latter
            judge: raises PolicyRefuses where a policy does not admit the request; it admits it by
                the co-signer's own

        Raises:
            PolicyRefuses: `code` names the line.
        """
        if class_id not in self._narrowed:
            self._narrowed[class_id] = self._within(self._of(class_id))
        try:
            judge(self._narrowed[class_id])
        except PolicyRefuses as refusal:
            for group in self._of(class_id):
                self._check_alone(group, judge)
            raise PolicyRefuses("mandate", f"its lines together: {refusal}") from refusal

    def _check_alone(self, group: _Group, judge: Callable[[Policy], object]) -> None:
        try:
            judge(self._within([group]))
        except PolicyRefuses as refusal:
            raise PolicyRefuses(
                group.code,
                f"{group.lines[0].name} of version {self.mandate.version} "
                f"({to_hex(self.digest)}): {refusal}",
            ) from refusal

    def _of(self, class_id: int) -> list[_Group]:
        """Return the lines that apply to a class; entries of lists always do."""
        return [
            group
            for group in self._groups
            if group.lines[0].name in LISTS or group.lines[0].class_id in (EVERY_CLASS, class_id)
        ]

    def _within(self, groups: list[_Group]) -> Policy:
        policy = self._policy
        for group in groups:
            policy = _narrow(policy, group.lines)
        return policy


def _groups(mandate: Mandate) -> Iterator[_Group]:
    lists: dict[str, list[tuple[int, MandateLine]]] = {}
    for number, line in enumerate(mandate.lines, 1):
        if line.name in DATA:
            continue
        if line.name in NUMBERS or not LISTS[line.name].admits:
            yield _Group((number,), (line,))
        else:
            lists.setdefault(line.name, []).append((number, line))
    for found in lists.values():
        numbers, lines = zip(*found, strict=True)
        yield _Group(numbers, lines)


def _narrow(policy: Policy, lines: tuple[MandateLine, ...]) -> Policy:
    """Return the policy with the key of these lines as narrow as they say, or as it is."""
    name = lines[0].name
    kind = NUMBERS.get(name)
    if kind:
        after: object = _number(kind, _number_in(policy, name), lines[0].number)
    else:
        after = _entries(_list_in(policy, name), lines)
    inside, field = _at(policy, name)
    update = {field: after}
    if name in RECORDED:
        update["pools"] = False
    changed = inside.model_copy(update=update)
    return (
        changed
        if isinstance(changed, Policy)
        else policy.model_copy(update={name.split(".")[0]: changed})
    )


def _number(kind: NumberLine, before: Decimal | int, number: int) -> Decimal | int:
    value = Decimal(number) / MICRO if kind.is_decimal else number
    return max(before, value) if kind.tighter == Tighter.LARGER else min(before, value)


def _entries(before: tuple[object, ...], lines: tuple[MandateLine, ...]) -> tuple[object, ...]:
    named = {_entry(each) for each in lines if each.unit != NONE}
    if not LISTS[lines[0].name].admits:
        return (*before, *named)
    return tuple(each for each in before if each in named)


def _entry(line: MandateLine) -> object:
    """Return what a line means in the policy's list."""
    return line.class_id if line.name == "classes" else line.unit


def lines_of(policy: Policy) -> tuple[MandateLine, ...]:
    """Return the lines that say what a policy says; a number that is larger than a line's largest
    is cut to it.

    Raises:
        BadMandate: it has an entry that no line can name.
    """
    found = []
    for name, kind in NUMBERS.items():
        if name in DATA:
            continue
        value = _number_in(policy, name)
        number = int(value * MICRO if kind.is_decimal else value)
        found.append({"name": name, "number": min(number, kind.most), "unit": kind.unit})
    for name, listed in LISTS.items():
        entries = _list_in(policy, name)
        for entry in entries:
            of = {"class": entry, "unit": CLASS} if name == "classes" else {"unit": entry}
            found.append({"name": name, "number": 1} | of)
        if listed.admits and not entries:
            found.append({"name": name, "number": 0, "unit": NONE})
    return tuple(map(MandateLine.model_validate, found))


def _at(policy: Policy, name: str) -> tuple[_Part, str]:
    """Return the part of a policy that has a line's key, and the key."""
    section, _, field = name.rpartition(".")
    parts: Mapping[str, _Part] = {
        "": policy,
        "orders": policy.orders,
        "transactions": policy.transactions,
    }
    return parts[section], field


def _number_in(policy: Policy, name: str) -> Decimal | int:
    number: Decimal | int = getattr(*_at(policy, name))
    return number


def _list_in(policy: Policy, name: str) -> tuple[str | int, ...]:
    entries: tuple[str | int, ...] = getattr(*_at(policy, name))
    return entries


def beyond_home(
    policy: Policy, request: TransactionRequest, safe: str
) -> TransactionRequest | None:
    """Return the calls of a transaction that need a mandate, as a transaction; None: all of them
    bring money home.

    Args:
        safe: whose transaction it is
    """
    calls = [each for each in calls_in(policy, request) if not _is_homeward(policy, each, safe)]
    if not calls:
        return None
    carried = batch(calls, policy.multi_send)
    return TransactionRequest(
        carried.to, carried.data, carried.operation, request.nonce, request.safe
    )


def _is_homeward(policy: Policy, call: Call, safe: str) -> bool:
    if is_records(call) or (call.data == "0x" and call.to.lower() == safe.lower()):
        return True
    to_vault = call.to.lower() == policy.vault.lower()
    found = decoded(call, VAULT_CALLS if to_vault else ACCOUNT_CALLS)
    return found is not None and found[0] in (HOMEWARD_VAULT if to_vault else HOMEWARD_ACCOUNT)
