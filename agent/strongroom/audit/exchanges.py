"""Where the accounts of a vault's classes trade, as the code says that they are cloned from. It is
known before anything is read: an account of one class may have traded at the exchange of another,
long before that class was there."""

from strongroom.audit.contracts import OddAnswer, Views
from strongroom.audit.kinds import constants_of, kind_of
from strongroom.audit.node import Node
from strongroom.chain.ids import to_bytes

MOST_CLASSES = 32  # of a vault: contracts/modules/classes.vy
_EXCHANGE = "EXCHANGE"


def named_exchanges(node: Node, views: Views, vault: str, block: int) -> set[str]:
    """Return the exchanges that the classes of a vault name at a block, in lower case.

    Raises:
        NodeAway: the node does not answer, or not as a vault does.
        CallReverted: code of ours refuses what it always answers.
    """
    count = views.call(vault, "class_count", (), block)
    if count > MOST_CLASSES:
        raise OddAnswer(f"class_count(): no vault has {count} classes: name another node")
    classes = views.call_all(vault, [("classOf", (each,)) for each in range(count)], block)
    places = list(dict.fromkeys(str(each[0]).lower() for each in classes))
    codes = node.ask_shared([("eth_getCode", [each, hex(block)]) for each in places])
    kinds = {place: kind_of(to_bytes(code)) for place, code in zip(places, codes, strict=True)}
    naming = [each for each, kind in kinds.items() if kind and _EXCHANGE in constants_of(kind)]
    data = views.data(_EXCHANGE, ())
    asked = [("eth_call", [{"to": each, "data": data}, hex(block)]) for each in naming]
    answers = node.ask_shared(asked)
    return {str(views.decoded(_EXCHANGE, each)).lower() for each in answers}
