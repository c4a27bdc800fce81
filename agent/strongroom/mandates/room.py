"""What a vault admits by contract, read from the chain: no line of a mandate needs to be wider.

A limit that the contract enforces anyway is no promise of the owner's: a draft is cut to it and
says so, and a mandate that claims more is not signed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from strongroom.chain.calls import Ask
from strongroom.chain.failures import CallReverted
from strongroom.chain.rpc import Chain
from strongroom.chain.terms import ordinal
from strongroom.mandates.mandate import MandateLine
from strongroom.mandates.standing import MandateRefused
from strongroom.mandates.vocabulary import EVERY_CLASS, NONE


@dataclass(frozen=True)
class VaultRoom:
    """What the contract admits.

    Attributes:
        market_caps: of each class that is not retired, micro-units
        velocity: net allocation of a day, micro-units
        lifetime: of an order, seconds
    """

    market_caps: Mapping[int, int]
    velocity: int
    lifetime: int

    def most(self, line: MandateLine, classes: Sequence[int]) -> int | None:
        """Return the largest number that a line can mean here; None: the contract has none.

        Args:
            classes: that the mandate admits
        """
        caps = [self.market_caps[each] for each in classes if each in self.market_caps]
        if line.class_id != EVERY_CLASS:
            caps = [self.market_caps.get(line.class_id, 0)]
        most = {
            "orders.max_order": max(caps, default=0),
            "transactions.max_allocation": max(caps, default=0),
            "transactions.max_allocation_per_day": self.velocity,
            "orders.max_lifetime_s": self.lifetime,
        }
        return most.get(line.name)


def room_of(chain: Chain, vault: str) -> VaultRoom:
    """Return what a vault admits now.

    Raises:
        MandateRefused: there is no vault.
        ChainAway: the node does not answer.
    """
    head = chain.head()

    def ask(*asked: tuple[str, tuple[int, ...]]) -> list[object]:
        asks = [Ask(vault, "Vault", name, arguments) for name, arguments in asked]
        return chain.ask(asks, head.number)

    limits = [("limit", (ordinal(name),)) for name in ("velocity", "max_order_lifetime_s")]
    try:
        count, velocity, lifetime = (int(str(each)) for each in ask(("class_count", ()), *limits))
        found = [ask(("classOf", (each,)), ("classBook", (each,))) for each in range(count)]
    except CallReverted as error:
        raise MandateRefused(f"{vault} is no vault on this chain: name one ({error})") from error
    caps = {}
    for class_id, (terms, book) in enumerate(found):
        assert isinstance(terms, Sequence) and isinstance(book, Sequence)
        if not book[3]:
            caps[class_id] = int(terms[4])
    return VaultRoom(caps, velocity, lifetime)


def classes_in(lines: Sequence[MandateLine], room: VaultRoom) -> list[int]:
    """Return the classes that lines admit: those that they name, else all that are open."""
    if not any(each.name == "classes" for each in lines):
        return list(room.market_caps)
    return [each.class_id for each in lines if each.name == "classes" and each.unit != NONE]


def cut(
    lines: Sequence[MandateLine], room: VaultRoom
) -> tuple[tuple[MandateLine, ...], tuple[str, ...]]:
    """Return lines that are no wider than the vault, and a sentence for each that was cut."""
    classes, kept, said = classes_in(lines, room), [], []
    for line in lines:
        if line.name == "classes" and line.unit != NONE and line.class_id not in room.market_caps:
            said.append(f"the vault has no open class {line.class_id}: the line is left out")
            continue
        most = room.most(line, classes)
        if most is not None and line.number > most:
            shorter = line.model_copy(update={"number": most})
            said.append(f"the vault admits no more: {line.words} -> {shorter.words}")
            line = shorter
        kept.append(line)
    names = [{each.name for each in some} for some in (lines, kept)]
    if "classes" in names[0] and "classes" not in names[1]:
        kept.append(MandateLine(name="classes", number=0, unit=NONE))
    return tuple(kept), tuple(said)


def too_wide(lines: Sequence[MandateLine], room: VaultRoom) -> Iterator[str]:
    """Yield a sentence for each line that claims more than the vault admits."""
    yield from cut(lines, room)[1]
