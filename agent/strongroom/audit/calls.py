"""Calls of the vault beside the events that they must have logged: who sent them, with what.

A node gives a transaction's sender and its call. Where it calls the vault itself, the event must
say the same: `sender` fields, receivers of nothing, settings that were so before. Who acts for
others must have been appointed. What a contract in between has called is in no transaction.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from eth_utils.abi import collapse_if_tuple

from strongroom.audit.abi_data import abi_values
from strongroom.audit.columns import canonical_values
from strongroom.audit.events import (
    Abdicated,
    Allocated,
    AllowListSet,
    Approval,
    AuditedEvent,
    ClassAdded,
    ClassCapsSet,
    ClassRetired,
    DelaySet,
    Deposit,
    DepositRequest,
    DepositRequestCancelled,
    DepositTermsSet,
    FeeRecipientsSet,
    FeesSet,
    KeeperSet,
    LimitSet,
    LossesForgiven,
    MarketClosed,
    MarketOpened,
    OperatorSet,
    OwnershipTransferStarted,
    Paused,
    RedeemedInKind,
    RedeemRequest,
    RedeemRequestCancelled,
    Reported,
    RoleSet,
    Swept,
    Transfer,
    Unpaused,
    WindDown,
    Withdraw,
)
from strongroom.audit.permissions import Answer, Difference, difference
from strongroom.audit.view_checks import LOW64, plain
from strongroom.audit.wording import selector_of
from strongroom.chain import abi

_WORDS: Mapping[str, Callable[[str], object]] = {  # types of one word, from hex
    "address": lambda word: "0x" + word[24:],
    "uint256": lambda word: int(word, 16),
    "bool": lambda word: int(word, 16) == 1,
    "bytes32": lambda word: "0x" + word,
    "bytes4": lambda word: "0x" + word[:8],
}
SENDER = "@sender"
CAPS = {name: name for name in ("market_cap", "market_cap_bps", "class_cap", "class_cap_bps")}
_REQUEST = {"controller": "controller", "owner": "owner", "sender": SENDER}
_BACK = {"controller": "controller", "receiver": "receiver", "request_id": "requestId"}
_CLAIM = {"sender": "controller", "owner": "receiver"}
_PAID = {"sender": SENDER, "receiver": "receiver", "owner": "controller"}
# Claims: the amount that is asked for, and the event's field that is 0, too, where that is.
CLAIMS: Mapping[str, tuple[str, str]] = {
    "deposit": ("assets", "shares"),
    "mint": ("shares", "assets"),
    "redeem": ("shares", "assets"),
    "withdraw": ("assets", "shares"),
}
# function -> its main event, and the arguments that are the event's fields
LOGGED: Mapping[str, tuple[type[AuditedEvent], Mapping[str, str]]] = {
    "requestDeposit": (DepositRequest, {**_REQUEST, "assets": "assets"}),
    "requestRedeem": (RedeemRequest, {**_REQUEST, "shares": "shares"}),
    "cancelDepositRequest": (DepositRequestCancelled, _BACK),
    "cancelRedeemRequest": (RedeemRequestCancelled, _BACK),
    "deposit": (Deposit, {**_CLAIM, "assets": "assets"}),
    "mint": (Deposit, {**_CLAIM, "shares": "shares"}),
    "redeem": (Withdraw, {**_PAID, "shares": "shares"}),
    "withdraw": (Withdraw, {**_PAID, "assets": "assets"}),
    "redeemInKind": (
        RedeemedInKind,
        {"owner": SENDER, "receiver": "receiver", "shares": "shares", "skipped": "skip"},
    ),
    "redeemRequestInKind": (
        RedeemedInKind,
        {"owner": "controller", "receiver": "receiver", "skipped": "skip"},
    ),
    "setOperator": (
        OperatorSet,
        {"controller": SENDER, "operator": "operator", "approved": "approved"},
    ),
    "approve": (Approval, {"owner": SENDER, "spender": "spender", "value": "amount"}),
    "transfer": (Transfer, {"sender": SENDER, "receiver": "to", "value": "amount"}),
    "transferFrom": (Transfer, {"sender": "owner", "receiver": "to", "value": "amount"}),
    "report": (Reported, {"evidence": "evidence"}),
    "openMarket": (
        MarketOpened,
        {
            "class_id": "class_id",
            "question_id": "question_id",
            "conditions": "count",
            "deadline": "deadline",
        },
    ),
    "allocate": (Allocated, {"market": "market"}),
    "closeMarket": (MarketClosed, {"market": "market"}),
    "sweep": (Swept, {"account": "account"}),
    "windDown": (WindDown, {"account": SENDER}),
    "transferOwnership": (
        OwnershipTransferStarted,
        {"previous_owner": SENDER, "new_owner": "new_owner"},
    ),
    "pause": (Paused, {"account": SENDER}),
    "unpause": (Unpaused, {"account": SENDER}),
    "increaseDelay": (DelaySet, {"selector": "selector", "delay": "delay"}),
    "decreaseDelay": (DelaySet, {"selector": "selector", "delay": "delay"}),
    "abdicate": (Abdicated, {"selector": "selector"}),
    "setGuardian": (RoleSet, {"account": "account"}),
    "setReporter": (RoleSet, {"account": "account"}),
    "setKeeper": (KeeperSet, {"class_id": "class_id", "keeper": "account"}),
    "setLimit": (LimitSet, {"limit": "which", "new_value": "new"}),
    "setFees": (
        FeesSet,
        {name: name for name in ("management_bps", "performance_bps", "hurdle_bps")},
    ),
    "setFeeRecipients": (FeeRecipientsSet, {"recipients": "new"}),
    "setDepositTerms": (
        DepositTermsSet,
        {"deposit_limit": "deposit_limit", "min_deposit": "min_deposit"},
    ),
    "setAllowList": (
        AllowListSet,
        {"allow_list": "new", "covers_transfers": "covers_transfers"},
    ),
    "addClass": (
        ClassAdded,
        {name: name for name in ("implementation", "oracle", "grade", "max_duration")},
    ),
    "setClassCaps": (ClassCapsSet, {"class_id": "class_id", **CAPS}),
    "retireClass": (ClassRetired, {"class_id": "class_id"}),
    "forgiveLosses": (LossesForgiven, {"class_id": "class_id", "assets": "assets"}),
}
ACTS_FOR = {  # function -> for whom its sender acts: somebody who has appointed him, if another
    "requestDeposit": "owner",
    **dict.fromkeys(
        ("cancelDepositRequest", "cancelRedeemRequest", "redeemRequestInKind"), "controller"
    ),
    **dict.fromkeys(("deposit", "mint", "redeem", "withdraw"), "controller"),
}


@dataclass(frozen=True)
class VaultCall:
    """A function of the vault that a transaction calls itself.

    Attributes:
        arguments: by name, members of a structure among them; as events have them
    """

    sender: str
    function: str
    arguments: Mapping[str, Answer]

    def value(self, name: str) -> object:
        """Return an argument, or the sender; a controller that is not named is the sender."""
        if name == SENDER:
            return self.sender
        return self.arguments.get(name, self.sender if name == "controller" else None)


def vault_call(sender: str, data: str) -> VaultCall | None:
    """Return what calldata calls; `accept` is the call inside it. None: no function that logs, or
    `accept` inside itself: no vault has taken that, whatever a node says.

    Args:
        data: hex
    """
    known = functions().get(data[:10])
    if known is None:
        return None
    name, types, names = known
    try:
        if all(type_ in _WORDS for type_ in types):
            words = [data[at : at + 64] for at in range(10, 10 + 64 * len(types), 64)]
            values: tuple[Any, ...] = tuple(
                _WORDS[type_](word) for type_, word in zip(types, words, strict=True)
            )
        else:
            given = bytes.fromhex(data[10:])
            canonical = canonical_values(tuple(types), given)
            values = abi_values(types, given) if canonical is None else canonical
            if name == "accept":
                inside = "0x" + values[0].hex()
                return None if functions().get(inside[:10]) == known else vault_call(sender, inside)
            if canonical is None:
                values = cast("tuple[Any, ...]", plain(values))
    except ValueError:
        return None
    arguments: dict[str, Answer] = {}
    for named, value in zip(names, values, strict=True):
        if isinstance(named, tuple):
            arguments |= dict(zip(named, value, strict=True))
        else:
            arguments[named] = value
    return VaultCall(sender, name, arguments)


def call_differences(
    call: VaultCall, events: Sequence[AuditedEvent], operators: Mapping[str, bool]
) -> Iterator[Difference]:
    """Yield where a transaction's events are not what it has called."""
    at = events[0].block, events[0].transaction
    whom = call.value(ACTS_FOR[call.function]) if call.function in ACTS_FOR else call.sender
    if whom != call.sender and not operators.get(f"{whom} {call.sender}", False):
        yield Difference(*at, f"{call.function}: by an operator of {whom}", "appointed", "nobody")
    if call.function not in LOGGED:
        return
    kind, fields = LOGGED[call.function]
    there = [each for each in events if type(each) is kind]
    if not there:
        yield Difference(*at, f"{kind.__name__}: logged, as it was called", "one", "none")
        return
    if isinstance(there[0], Reported):
        yield from _marked(call, there[0])
    asked, other = CLAIMS.get(call.function, ("", ""))
    if asked and not call.value(asked) and getattr(there[0], other):
        what = f"{kind.__name__}.{other}: for nothing"
        yield difference(there[0], what, 0, getattr(there[0], other))
    wrong = [
        [name for name, of in fields.items() if getattr(each, name) != call.value(of)]
        for each in there
    ]
    if all(wrong):
        name = wrong[0][0]
        yield Difference(
            *at, f"{kind.__name__}.{name}: as it was called",
            str(call.value(fields[name])), str(getattr(there[0], name)),
        )  # fmt: skip


def _marked(call: VaultCall, it: Reported) -> Iterator[Difference]:
    """Yield whether a report's marks are others than those that were sent."""
    marks = call.arguments["marks"]
    rows = [each for each in marks if isinstance(each, tuple)] if isinstance(marks, tuple) else []
    sent, told = marks_sent(rows), marks_told(it.words)
    if sent != told:
        yield difference(it, "Reported.words: as it was called", sent, told)


def marks_sent(rows: Iterable[Sequence[Answer]]) -> list[tuple[Answer, Answer]]:
    """Return the bids and asks that a report was called with."""
    return sorted([(each[2], each[3]) for each in rows])


def marks_told(words: Iterable[int]) -> list[tuple[Answer, Answer]]:
    """Return the bids and asks that a report logged."""
    return sorted([(word & LOW64, (word >> 64) & LOW64) for word in words if word])


@cache
def functions() -> dict[str, tuple[str, list[str], list[str | tuple[str, ...]]]]:
    """Return selector -> name, types and names of arguments, of what may log."""
    found = {}
    for entry in abi.load("Vault"):
        if entry["type"] != "function" or entry["stateMutability"] == "view":
            continue
        types = [collapse_if_tuple(dict(each)) for each in entry["inputs"]]
        names: list[str | tuple[str, ...]] = [
            tuple(member["name"] for member in each["components"])
            if each["type"] == "tuple"
            else each["name"]
            for each in entry["inputs"]
        ]
        signature = f"{entry['name']}({','.join(types)})"
        found[selector_of(signature)] = (entry["name"], types, names)
    return found
