"""What decisions in open markets have come to: which pack trades where, and what is left of its
purchases. Exits and the budgets of packs rest on it.

A purchase belongs to the pack that opened it. Legs that hang together (several, with moves, or
quotes on both sides) are no purchases: what one of them is worth, its others say.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from strongroom.chain.ids import MarketId, TokenId
from strongroom.chain.orders import Side
from strongroom.chain.units import MICRO
from strongroom.strategy.record import DecisionRecord


@dataclass(frozen=True)
class Traded:
    """What a decision's orders of one token have come to so far, maybe nothing.

    Attributes:
        time: of the decision
        tokens: micro-tokens
        cash: micro-units paid with fees, or received after them
        chance: that the decision claimed
        rule: the exit rule that decided; empty: a pack did
        whole: the legs hang together
    """

    pack: str
    time: int
    market: MarketId
    token: TokenId
    buys: bool
    tokens: int
    cash: int
    chance: float
    rule: str = ""
    whole: bool = False


@dataclass(frozen=True)
class Purchase:
    """What is left of what was bought of a token.

    Attributes:
        pack: that opened it
        tokens: that are left, micro-tokens; the chain may say that there are fewer
        cost: of those, fees included; micro-units
        most: micro-tokens bought since it was opened
        chance: claimed by the last purchase
        opened_at: timestamp
        left_at: when an exit rule sold of it last
    """

    pack: str
    tokens: int
    cost: int
    most: int
    chance: float
    opened_at: int
    left_at: int | None = None

    @property
    def paid(self) -> int:
        """What a token has cost, 10**-6, up."""
        return -(-self.cost * MICRO // self.tokens) if self.tokens else 0


@dataclass(frozen=True)
class Past:
    """All of it.

    Attributes:
        purchases: by token; those sold entirely too
        packs: which have decided in a market of the vault, by name
        lost_at: when an exit rule last sold below cost
    """

    purchases: Mapping[TokenId, Purchase] = field(default_factory=dict)
    packs: Mapping[MarketId, tuple[str, ...]] = field(default_factory=dict)
    lost_at: int | None = None

    def after(self, traded: Traded) -> "Past":
        """Return it with one more decision's orders, which come in the order of their times."""
        known = set(self.packs.get(traded.market, ())) | {traded.pack}
        packs = {**self.packs, traded.market: tuple(sorted(known))}
        held = self.purchases.get(traded.token)
        if traded.whole or not traded.tokens or (held is None and not traded.buys):
            return replace(self, packs=packs)
        lost_at = self.lost_at
        if traded.buys:
            new = _more(held, traded)
        else:
            assert held is not None
            new = _less(held, traded)
            if traded.rule and traded.cash * held.tokens < held.cost * traded.tokens:
                lost_at = traded.time
        return Past({**self.purchases, traded.token: new}, packs, lost_at)

    def joined(self, other: "Past") -> "Past":
        """Return it with that of other markets."""
        losses = [each for each in (self.lost_at, other.lost_at) if each is not None]
        return Past(
            {**self.purchases, **other.purchases},
            {**self.packs, **other.packs},
            max(losses, default=None),
        )


def traded_of(
    record: DecisionRecord, sums: Mapping[tuple[TokenId, Side], tuple[int, int]]
) -> Iterator[Traded]:
    """Yield what a decision's orders have come to, one of each token and side.

    Args:
        sums: micro-tokens, and micro-units paid with fees or received after them
    """
    markets = {leg.token: leg.vault_market for leg in record.legs}
    nothing = dict.fromkeys(((leg.token, leg.side) for leg in record.legs), (0, 0))
    for (token, side), (tokens, cash) in {**nothing, **sums}.items():
        yield Traded(
            record.pack,
            record.time,
            markets[token],
            token,
            side == Side.BUY,
            tokens,
            cash,
            float(record.chance),
            record.exit_rule,
            len(record.legs) > 1 or bool(record.moves) or record.resting,
        )


def _more(held: Purchase | None, traded: Traded) -> Purchase:
    if held is None or not held.tokens:
        again = held is not None and held.pack == traded.pack
        return Purchase(
            traded.pack,
            traded.tokens,
            traded.cash,
            traded.tokens,
            traded.chance,
            traded.time,
            held.left_at if again and held is not None else None,
        )
    return replace(
        held,
        tokens=held.tokens + traded.tokens,
        cost=held.cost + traded.cash,
        most=held.most + traded.tokens,
        chance=traded.chance,
    )


def _less(held: Purchase, traded: Traded) -> Purchase:
    sold = min(traded.tokens, held.tokens)
    cost = held.cost - held.cost * sold // held.tokens if held.tokens else 0
    left_at = traded.time if traded.rule else held.left_at
    return replace(held, tokens=held.tokens - sold, cost=cost, left_at=left_at)
