"""Which accounts a class's markets get: told by what their implementation's own code answers, once,
because a class's implementation and oracle never change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from strongroom.chain.calls import Ask
from strongroom.chain.failures import CallReverted
from strongroom.chain.position_ids import Module
from strongroom.chain.terms import ClassTerms
from strongroom.errors import BadInput
from strongroom.execution.interfaces import ChainReads


class AccountKind(StrEnum):
    """A contract in contracts/accounts/; the value is its name."""

    POSITION = "PositionAccount"
    DELEGATED = "DelegatedAccount"
    WALLET = "WalletAccount"
    SAFE = "SafeAccount"
    POOL = "FpmmAccount"
    STANDARD = "PolymarketAccount"


@dataclass(frozen=True)
class ServedClasses:
    """The accounts of a keeper's classes.

    Attributes:
        modules: of classes of Protocol V2; those of V1 are not in it
    """

    kinds: Mapping[int, AccountKind] = field(default_factory=dict)
    modules: Mapping[int, Module] = field(default_factory=dict)


# A view that only this kind has; the last one's all with an exchange have, so it is asked last.
_MARKS = {
    AccountKind.POSITION: "POSITION_MANAGER",
    AccountKind.DELEGATED: "REGISTRY",
    AccountKind.WALLET: "WALLET_FACTORY",
    AccountKind.SAFE: "SAFE_FACTORY",
    AccountKind.POOL: "POOL_CODEHASH",
    AccountKind.STANDARD: "EXCHANGE",
}
OWNING = frozenset({AccountKind.WALLET, AccountKind.SAFE})  # trade by wallets that they own
# Of each module, the id of a question that can be asked about: the module and, of an event, that
# it has two questions.
_ROOTS = {Module.BINARY: 1 << 248, Module.NEGATIVE_RISK: (2 << 248) | (2 << 104)}


def classes_of(chain: ChainReads, vault: str, classes: Sequence[int]) -> dict[int, ClassTerms]:
    """Return the terms of some classes of a vault."""
    found = chain.ask([Ask(vault, "Vault", "classOf", (number,)) for number in classes])
    return {number: ClassTerms(*each) for number, each in zip(classes, found, strict=True)}


def kind_of(chain: ChainReads, implementation: str) -> AccountKind:
    """Return the kind of a class's accounts.

    Raises:
        BadInput: it is none of ours.
    """
    if _answers(chain, Ask(implementation, AccountKind.STANDARD, "grade")):
        for kind, mark in _MARKS.items():
            if _answers(chain, Ask(implementation, kind, mark)):
                return kind
    raise BadInput(f"{implementation} is no account of a known kind")


def module_of(chain: ChainReads, number: int, terms: ClassTerms) -> Module:
    """Return the module of Protocol V2 whose questions a class of PositionAccounts holds.

    Raises:
        BadInput: its oracle is no module of questions, so it can never open a market.
    """
    for module, root in _ROOTS.items():
        given = (terms.oracle, root.to_bytes(32, "big"), 1)
        if _answers(chain, Ask(terms.implementation, AccountKind.POSITION, "describe", given)):
            return module
    raise BadInput(
        f"class {number} holds Protocol V2, but its oracle {terms.oracle} is no module of it for "
        "questions: leave it out of `classes`"
    )


def served_classes(chain: ChainReads, vault: str, classes: Sequence[int]) -> ServedClasses:
    """Return which accounts the classes of a keeper have.

    Raises:
        BadInput: the keeper cannot trade for a class; the message says why.
    """
    terms = classes_of(chain, vault, classes)
    kinds = {number: kind_of(chain, each.implementation) for number, each in terms.items()}
    modules = {
        number: module_of(chain, number, terms[number])
        for number, kind in kinds.items()
        if kind is AccountKind.POSITION
    }
    return ServedClasses(kinds, modules)


def _answers(chain: ChainReads, asked: Ask) -> bool:
    try:
        chain.ask([asked])
    except CallReverted:
        return False
    return True
