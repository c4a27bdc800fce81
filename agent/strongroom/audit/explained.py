"""What explains the transfers of one account in one transaction, by token: exact amounts that must
have come, and that may have gone.

An account tells of each complete set that it makes or takes apart, of each conversion, redemption
and trade at a pool; an exchange tells of fills; the vault of what came home and of exits in kind.
A token is "" for the asset, else its contract and id.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from msgspec import Struct, field

from strongroom.audit.events import BUY, CameHome, OrderFilled, PaidInKind, RedeemedInKind
from strongroom.audit.logs import RawLog
from strongroom.audit.matches import FillWay
from strongroom.audit.movements import (
    BOUGHT,
    CONVERTED,
    EVENT_MERGED,
    EVENT_SPLIT,
    MERGED,
    REDEEMED,
    SOLD,
    SPLIT,
    WITHDRAWN,
    Moved,
    address_in,
    number_at,
    topic_of,
    words_in,
)
from strongroom.chain.ids import MarketId
from strongroom.chain.units import BPS

ASSET = ""
_OF_CONDITION = {topic_of(each): each for each in (SPLIT, MERGED, REDEEMED)}
_OF_EVENT = {topic_of(each): each for each in (EVENT_SPLIT, EVENT_MERGED)}
_AT_POOL = {topic_of(each): each for each in (BOUGHT, SOLD)}
_CONVERTED, _WITHDRAWN = topic_of(CONVERTED), topic_of(WITHDRAWN)

SUMS: Callable[[], dict[str, int]] = partial(defaultdict, int)
LISTS: Callable[[], dict[str, list[Any]]] = partial(defaultdict, list)


class Explained(Struct):
    """What explains transfers; token -> amount.

    Attributes:
        comes: what must have come
        goes: what may have gone
        got: of these, what fills say
        through: what takers' fills say that went through an exchange
        as_maker: what each maker's fill says that went to an exchange
        handed: what each says that went to a taker, or to an exchange for it; and its fee
        redeemed: tokens whose payout was taken, whatever went for it
        converted: index set and amount of each conversion; as if it cost no fee
    """

    comes: dict[str, int] = field(default_factory=SUMS)
    goes: dict[str, int] = field(default_factory=SUMS)
    got: dict[str, int] = field(default_factory=SUMS)
    through: dict[str, int] = field(default_factory=SUMS)
    as_maker: dict[str, list[int]] = field(default_factory=LISTS)
    handed: dict[str, list[tuple[str, int, int]]] = field(default_factory=LISTS)
    redeemed: set[str] = field(default_factory=set)
    converted: list[tuple[int, int]] = field(default_factory=list)

    def net(self, token: str) -> int:
        """Return what a token changes by."""
        return self.comes.get(token, 0) - self.goes.get(token, 0)

    def told(self, log: RawLog, tokens: Sequence[str]) -> None:
        """Take what an account has logged.

        Args:
            tokens: of its market: YES and NO of each condition in turn

        Raises:
            BadLog: it is not what such an account logs.
        """
        topic = log["topics"][0]
        if topic in _OF_CONDITION:
            condition, (amount,) = number_at(log, 1), words_in(log, 1)
            pair = tokens[2 * condition : 2 * condition + 2]
            if _OF_CONDITION[topic] == REDEEMED:
                self.redeemed.update(pair)
            elif pair:
                self._sets(pair, amount, _OF_CONDITION[topic] == SPLIT)
        elif topic in _OF_EVENT and tokens:
            self._sets(tokens[::2], words_in(log, 1)[0], _OF_EVENT[topic] == EVENT_SPLIT)
        elif topic == _CONVERTED:
            index_set, amount = words_in(log, 2)
            self.converted.append((index_set, amount))
            self._convert(tokens, index_set, amount)
        elif topic in _AT_POOL:
            outcome, (cash, sized) = number_at(log, 2), words_in(log, 2)
            for token in tokens[outcome : outcome + 1]:
                bought = _AT_POOL[topic] == BOUGHT
                gives, gets = (self.goes, self.comes) if bought else (self.comes, self.goes)
                gives[ASSET] += cash
                gets[token] += sized

    def filled(self, fill: OrderFilled, contract: str, way: FillWay) -> None:
        """Take a fill of an order.

        Args:
            contract: of the outcome tokens
        """
        token = f"{contract} {fill.token_id}"
        gives, gets, costs = fill.maker_amount_filled, fill.taker_amount_filled, fill.fee
        given, taken = (ASSET, token) if fill.side == BUY else (token, ASSET)
        if fill.side == BUY:
            fee = costs
        else:
            fee, gets = 0, gets - costs
        self.goes[given] += gives + fee
        if way is FillWay.THROUGH:
            self.through[given] += gives + fee
        elif way is FillWay.MAKER:
            self.as_maker[given].append(gives + fee)
        elif way is FillWay.HANDED:
            self.handed[given].append((fill.taker, gives, fee))
        self.comes[taken] += gets
        self.got[taken] += gets

    def came_home(self, it: CameHome) -> None:
        """Take what went to the vault."""
        self.goes[ASSET] += it.assets

    def cost_fee(self, tokens: Sequence[str], bps: int) -> None:
        """Take off what conversions cost: of all that they give, rounded down each."""
        for index_set, amount in self.converted:
            fee = amount * bps // BPS
            for place, token in enumerate(tokens[::2]):
                if not index_set >> place & 1:
                    self.comes[token] -= fee
            self.comes[ASSET] -= (index_set.bit_count() - 1) * fee

    def _sets(self, tokens: Iterable[str], amount: int, made: bool) -> None:
        """Take complete sets that were made of the asset, or taken apart."""
        gives, gets = (self.goes, self.comes) if made else (self.comes, self.goes)
        gives[ASSET] += amount
        for token in tokens:
            gets[token] += amount

    def _convert(self, tokens: Sequence[str], index_set: int, amount: int) -> None:
        """Take NO of some conditions that became YES of the others, and collateral."""
        if not tokens or not index_set or index_set >> len(tokens) // 2:
            return
        for place, pair in enumerate(zip(tokens[::2], tokens[1::2], strict=True)):
            if index_set >> place & 1:
                self.goes[pair[1]] += amount
            else:
                self.comes[pair[0]] += amount
        self.comes[ASSET] += (index_set.bit_count() - 1) * amount


class Leaving(Struct):
    """Exits in kind of one transaction. Each pays its part of what a holder has when it pays, once
    for each holder and token, rounded down."""

    exits: Sequence[RedeemedInKind]
    paid: Sequence[PaidInKind]
    told: Sequence[RawLog]
    _used: set[tuple[int, str, str]] = field(default_factory=set)

    def explains(self, move: Moved, market: MarketId, account: str, held: int) -> int:
        """Return how much of a transfer is a leaver's part.

        Args:
            market, account: whose transfer it is
            held: by the sender, of this token, before it
        """
        if not self._may_pay(move, market, account):
            return 0
        parts = [
            (held * each.part // each.supply, number)
            for number, each in enumerate(self.exits)
            if each.receiver == move.receiver and each.supply and market not in each.skipped
            if (number, move.sender, move.token) not in self._used
        ]
        if not parts:
            return 0
        fits = [each for each in parts if each[0] >= move.amount]
        part, number = fits[0] if fits else max(parts)
        self._used.add((number, move.sender, move.token))
        return min(part, move.amount)

    def _may_pay(self, move: Moved, market: MarketId, account: str) -> bool:
        """Delegated accounts leave outcome tokens behind; a wallet pays where its account says."""
        if move.token and any(each.market == market for each in self.paid):
            return False
        return move.sender == account or any(
            log["topics"][0] == _WITHDRAWN
            and log["address"].lower() == account
            and (address_in(log, 1), address_in(log, 2)) == (move.sender, move.receiver)
            for log in self.told
        )


def paying_wallets(told: Iterable[RawLog]) -> set[str]:
    """Return the wallets of which accounts say that they paid."""
    return {address_in(log, 1) for log in told if log["topics"][0] == _WITHDRAWN}
