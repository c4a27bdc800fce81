"""What the logs of exchanges, ConditionalTokens and the negative-risk adapter say, as rows.

`OrderFilled` comes once for each order of a match: for the makers', then for the taker's, whose
`against` is the exchange. So a match of one maker stands twice, once from each side. Where a
match mints or merges, the taker's own row has what he handed in, what came back included (VENUE c):
the makers' rows are exact. The first exchanges name assets (0 is collateral), the second side and
token (VENUE c). A purchase at the first exchanges pays its fee in tokens, the rest in collateral.
"""

from collections.abc import Callable, Sequence

from strongroom.chain.abi import AbiEntry, load
from strongroom.chain.codec import BadArguments, EventCodec, EventFields
from strongroom.chain.units import MICRO
from strongroom.data.importing import Row
from strongroom.data.schema import Table


class NothingTold(Exception):
    """A log says nothing that is kept; the message is the reason."""


def told(topics: Sequence[bytes], data: bytes) -> tuple[Table, Row]:
    """Return a log as a row without its time and place.

    Raises:
        NothingTold: it is of another event, cannot be decoded, or of no binary market.
    """
    known = _EVENTS.get(topics[0]) if topics else None
    if known is None:
        raise NothingTold("log: of another event")
    codec, read = known
    try:
        fields = codec.values(topics, data)
    except BadArguments as error:
        raise NothingTold(f"{codec.name}: cannot be decoded") from error
    found = read(fields)
    if found is None:
        raise NothingTold(f"{codec.name}: says nothing of a binary market")
    return found


Told = tuple[Table, Row] | None


def _filled(fields: EventFields) -> Told:
    """The second exchanges: side 0 buys."""
    making, taking = int(fields["makerAmountFilled"]), int(fields["takerAmountFilled"])
    buys = int(fields["side"]) == 0
    cash, size = (making, taking) if buys else (taking, making)
    return _trade(fields, str(fields["tokenId"]), buys, size, cash)


def _filled_first(fields: EventFields) -> Told:
    """The first exchanges: asset 0 is collateral."""
    making, taking = int(fields["makerAmountFilled"]), int(fields["takerAmountFilled"])
    gives, gets = int(fields["makerAssetId"]), int(fields["takerAssetId"])
    if (gives == 0) == (gets == 0):
        return None
    if gives == 0:
        return _trade(fields, str(gets), True, taking, making)
    return _trade(fields, str(gives), False, making, taking)


def _trade(fields: EventFields, token: str, buys: bool, size: int, cash: int) -> Told:
    if not size:  # the exchange matches such too, where the match pays more than was asked
        raise NothingTold("OrderFilled: of no tokens")
    return Table.TRADES, {
        "token": token,
        "side": "BUY" if buys else "SELL",
        "price": (2 * cash * MICRO + size) // (2 * size),
        "size": size,
        "cash": cash,
        "fee": int(fields["fee"]),
        "wallet": str(fields["maker"]).lower(),
        "against": str(fields["taker"]).lower(),
    }


def _resolved(fields: EventFields) -> Told:
    numbers = [int(each) for each in fields["payoutNumerators"]]
    if len(numbers) != 2 or not sum(numbers):
        return None
    yes = numbers[0] * MICRO // sum(numbers)
    void = numbers[0] == numbers[1]
    market = str(fields["conditionId"])
    return Table.OUTCOMES, {"market": market, "yes": yes, "void": void, "source": "ctf"}


def _operation(
    kind: str, wallet: str, market: str, amount: str, sets: str
) -> Callable[[EventFields], Told]:
    def read(fields: EventFields) -> Told:
        told = fields.get(sets)
        words = told if isinstance(told, (list, tuple)) else [] if told is None else [told]
        return Table.OPERATIONS, {
            "kind": kind,
            "wallet": str(fields[wallet]).lower(),
            "market": str(fields[market]),
            "amount": int(fields[amount]),
            "sets": " ".join(map(str, words)) or None,
        }

    return read


def _entry(name: str, inputs: str) -> AbiEntry:
    """Return an event of "type name, type name"; `!` after a type: indexed."""
    pairs = [each.split() for each in inputs.split(", ")]
    return {
        "type": "event",
        "name": name,
        "inputs": [
            {"name": word, "type": kind.rstrip("!"), "indexed": kind.endswith("!")}
            for kind, word in pairs
        ],
    }


def _abi(contract: str, name: str) -> AbiEntry:
    return next(e for e in load(contract) if e.get("type") == "event" and e["name"] == name)


_FIRST = _entry(
    "OrderFilled",
    "bytes32! orderHash, address! maker, address! taker, uint256 makerAssetId, "
    "uint256 takerAssetId, uint256 makerAmountFilled, uint256 takerAmountFilled, uint256 fee",
)
_BY_ADAPTER = "address! stakeholder, bytes32! conditionId, uint256 amount"
_split = _operation("split", "stakeholder", "conditionId", "amount", "partition")
_merge = _operation("merge", "stakeholder", "conditionId", "amount", "partition")
_redeem = _operation("redeem", "redeemer", "conditionId", "payout", "indexSets")
_convert = _operation("convert", "stakeholder", "marketId", "amount", "indexSet")
_READERS: Sequence[tuple[AbiEntry, Callable[[EventFields], Told]]] = (
    (_FIRST, _filled_first),
    (_abi("Exchange", "OrderFilled"), _filled),
    (_abi("ConditionalTokens", "ConditionResolution"), _resolved),
    (_abi("ConditionalTokens", "PositionSplit"), _split),
    (_abi("ConditionalTokens", "PositionsMerge"), _merge),
    (_abi("ConditionalTokens", "PayoutRedemption"), _redeem),
    # of the negative-risk adapter
    (_entry("PositionSplit", _BY_ADAPTER), _split),
    (_entry("PositionsMerge", _BY_ADAPTER), _merge),
    (
        _entry(
            "PayoutRedemption",
            "address! redeemer, bytes32! conditionId, uint256[] amounts, uint256 payout",
        ),
        _redeem,
    ),
    (
        _entry(
            "PositionsConverted",
            "address! stakeholder, bytes32! marketId, uint256! indexSet, uint256 amount",
        ),
        _convert,
    ),
)
_EVENTS = {codec.topic: (codec, read) for entry, read in _READERS for codec in [EventCodec(entry)]}
TOPICS = tuple(_EVENTS)
