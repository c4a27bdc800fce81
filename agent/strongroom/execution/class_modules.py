"""Which classes hold tokens of Protocol V2, and of which of its modules: asked once, because a
class's implementation and oracle never change."""

from collections.abc import Sequence

from strongroom.chain.calls import Ask
from strongroom.chain.failures import CallReverted
from strongroom.chain.position_ids import Module
from strongroom.chain.terms import ClassTerms
from strongroom.errors import BadInput
from strongroom.execution.interfaces import ChainReads

ACCOUNT = "PositionAccount"
# Of each module, the id of a question that can be asked about: the module and, of an event, that
# it has two questions.
_ROOTS = {Module.BINARY: 1 << 248, Module.NEGATIVE_RISK: (2 << 248) | (2 << 104)}


def class_modules(chain: ChainReads, vault: str, classes: Sequence[int]) -> dict[int, Module]:
    """Return the module of each class whose accounts hold Protocol V2; others are not in it.

    Raises:
        BadInput: a class of such accounts has an oracle that is no module, so it can never open a
            market.
    """
    found = {}
    terms = chain.ask([Ask(vault, "Vault", "classOf", (number,)) for number in classes])
    for number, each in zip(classes, terms, strict=True):
        of = ClassTerms(*each)
        if _answers(chain, Ask(of.implementation, ACCOUNT, "POSITION_MANAGER")):
            found[number] = _module(chain, number, of)
    return found


def _module(chain: ChainReads, number: int, terms: ClassTerms) -> Module:
    for module, root in _ROOTS.items():
        given = (terms.oracle, root.to_bytes(32, "big"), 1)
        if _answers(chain, Ask(terms.implementation, ACCOUNT, "describe", given)):
            return module
    raise BadInput(
        f"class {number} holds Protocol V2, but its oracle {terms.oracle} is no module of it for "
        "questions: leave it out of `classes`"
    )


def _answers(chain: ChainReads, asked: Ask) -> bool:
    try:
        chain.ask([asked])
    except CallReverted:
        return False
    return True
