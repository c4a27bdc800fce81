"""The venue's exchange V2 in plain Python, from its rules (VENUE c), to hold others against.

Assets are "pUSD", "yes" and "no"; people are names. Orders are what is matched of them: nothing is
hashed or signed, an order says whether it counts as signed.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import NamedTuple

CASH = "pUSD"
BPS = 10_000
EXCHANGE = "ex"
FEES = "fee"
BUY, SELL = 0, 1
TOO_LITTLE = "SafeMath: subtraction overflow"  # ConditionalTokens' own words
NOT_ALLOWED = "ERC1155: need operator approval for 3rd party transfers."


class Refused(Exception):
    """The match is refused; the message is the error's name."""


@dataclass(frozen=True)
class Order:
    """One order.

    Attributes:
        key: tells it from all others
        token: what is traded; a token of another condition is any other name
        signed: its signature counts, or it is pre-approved and has none
    """

    key: str
    maker: str
    token: str
    making: int
    taking: int
    side: int
    signed: bool = True

    @property
    def gives(self) -> str:
        return self.token if self.side == SELL else CASH

    @property
    def gets(self) -> str:
        return CASH if self.side == SELL else self.token


@dataclass(frozen=True)
class Call:
    """What the operator sends; fills and fees as `matchOrders` has them."""

    taker: Order
    makers: Sequence[Order]
    taker_fill: int
    maker_fills: Sequence[int]
    taker_fee: int
    maker_fees: Sequence[int]
    tokens: tuple[str, str] = ("yes", "no")  # of the condition that it names
    by_operator: bool = True


class Status(NamedTuple):
    """As the exchange keeps it; nothing left and not filled is untouched."""

    filled: bool
    remaining: int


@dataclass
class Reference:
    """The exchange and what everybody has.

    Attributes:
        balances: by person and asset
        approved: who lets the exchange take pUSD and tokens
        paused_from: block from which a person's pause works
        events: of the last match, as name and arguments
    """

    balances: dict[str, dict[str, int]]
    approved: set[str]
    max_fee_rate: int = 500
    block: int = 1
    paused_from: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, Status] = field(default_factory=dict)
    events: list[tuple[str, tuple[object, ...]]] = field(default_factory=list)

    def match(self, call: Call) -> None:
        """Settle a match, whole or not at all.

        Raises:
            Refused: see the class.
        """
        before = deepcopy((self.balances, self.statuses))
        self.events = []
        try:
            self._match(call)
        except Refused:
            self.balances, self.statuses = before
            raise

    def status(self, order: Order) -> Status:
        return self.statuses.get(order.key, Status(False, 0))

    def _match(self, call: Call) -> None:
        taker, makers = call.taker, call.makers
        self._need(call.by_operator, "NotOperator")
        self._need(len(makers) > 0, "NoMakerOrders")
        lengths = {len(makers), len(call.maker_fills), len(call.maker_fees)}
        self._need(len(lengths) == 1, "MismatchedArrayLengths")
        for order in (taker, *makers):
            self._need(order.token in call.tokens, "MismatchedTokenIds")
        if all(maker.side != taker.side for maker in makers):
            self._trade(call)
        else:
            self._through_the_exchange(call)

    # all makers on the other side: wallet to wallet

    def _trade(self, call: Call) -> None:
        taker = call.taker
        self._check(taker)
        given = 0
        for maker, fill, fee in zip(call.makers, call.maker_fills, call.maker_fees, strict=True):
            self._check_pair(taker, maker)
            taking = self._use(maker, fill, fee)
            if taker.side == BUY:
                self._move(maker.maker, taker.maker, maker.token, fill)
                self._need(fee <= taking, "FeeExceedsProceeds")
                self._move(taker.maker, maker.maker, CASH, taking - fee)
            else:
                self._move(taker.maker, maker.maker, taker.token, taking)
                self._move(maker.maker, EXCHANGE, CASH, fill + fee)
            self._tell(maker, taker.maker, fill, taking, fee)
            given += taking
        got = sum(call.maker_fills)
        self._need(given <= call.taker_fill, "ComplementaryFillExceedsTakerFill")
        least = self._taking(taker, given, call.taker_fee)
        self._need(got >= least, "TooLittleTokensReceived")
        self._use_up(taker, given)
        if taker.side == SELL:
            self._need(call.taker_fee <= got, "FeeExceedsProceeds")
            self._move(EXCHANGE, taker.maker, CASH, got - call.taker_fee)
        self._tell_match(taker, given, got, call.taker_fee)
        fees = call.taker_fee + sum(call.maker_fees)
        if fees:
            self._move(taker.maker if taker.side == BUY else EXCHANGE, FEES, CASH, fees)

    # some makers on the taker's side: sets are minted or merged

    def _through_the_exchange(self, call: Call) -> None:
        taker, rows = (
            call.taker,
            list(zip(call.makers, call.maker_fills, call.maker_fees, strict=True)),
        )
        least = self._use(taker, call.taker_fill, call.taker_fee)
        on_top = call.taker_fee if taker.side == BUY else 0
        self._move(taker.maker, EXCHANGE, taker.gives, call.taker_fill + on_top)
        before = self.balances[EXCHANGE][taker.gets]
        takings, sets = [], 0
        for maker, fill, fee in rows:
            self._check_pair(taker, maker)
            takings.append(self._use(maker, fill, fee))
            self._move(maker.maker, EXCHANGE, maker.gives, fill + (fee if maker.side == BUY else 0))
            if maker.side == taker.side:
                sets += takings[-1] if taker.side == BUY else fill
        if sets:
            self._mint(sets) if taker.side == BUY else self._merge(sets)
        for (maker, fill, fee), taking in zip(rows, takings, strict=True):
            if maker.side == SELL:
                self._need(fee <= taking, "FeeExceedsProceeds")
            self._move(
                EXCHANGE, maker.maker, maker.gets, taking - (fee if maker.side == SELL else 0)
            )
            self._tell(maker, taker.maker, fill, taking, fee)
        self._move(EXCHANGE, FEES, CASH, sum(call.maker_fees) + on_top)
        got = self.balances[EXCHANGE][taker.gets] - before
        self._need(got >= least, "TooLittleTokensReceived")
        if taker.side == SELL:
            self._need(call.taker_fee <= got, "FeeExceedsProceeds")
        out = call.taker_fee if taker.side == SELL else 0
        self._move(EXCHANGE, taker.maker, taker.gets, got - out)
        self._move(EXCHANGE, taker.maker, taker.gives, self.balances[EXCHANGE][taker.gives])
        self._tell_match(taker, call.taker_fill, got, call.taker_fee)
        self._move(EXCHANGE, FEES, CASH, out)

    def _mint(self, sets: int) -> None:
        self._need(self.balances[EXCHANGE][CASH] >= sets, "TransferFromFailed")
        self._change(EXCHANGE, (CASH, -sets), ("yes", sets), ("no", sets))

    def _merge(self, sets: int) -> None:
        least = min(self.balances[EXCHANGE][each] for each in ("yes", "no"))
        self._need(least >= sets, TOO_LITTLE)
        self._change(EXCHANGE, (CASH, sets), ("yes", -sets), ("no", -sets))

    # one order

    def _check(self, order: Order) -> None:
        self._need(order.making > 0, "ZeroMakerAmount")
        self._need(order.signed, "InvalidSignature")
        paused = self.paused_from.get(order.maker)
        self._need(paused is None or self.block < paused, "UserIsPaused")

    def _use(self, order: Order, making: int, fee: int) -> int:
        self._check(order)
        self._use_up(order, making)
        return self._taking(order, making, fee)

    def _use_up(self, order: Order, making: int) -> None:
        filled, remaining = self.status(order)
        self._need(not filled, "OrderAlreadyFilled")
        left = remaining or order.making
        self._need(making <= left, "MakingGtRemaining")
        self.statuses[order.key] = Status(left == making, left - making)

    def _taking(self, order: Order, making: int, fee: int) -> int:
        taking = making * order.taking // order.making
        cash = making if order.side == BUY else taking
        most = cash * self.max_fee_rate // BPS
        self._need(not fee or not self.max_fee_rate or fee <= most, "FeeExceedsMaxRate")
        return taking

    def _check_pair(self, a: Order, b: Order) -> None:
        """Prices as fractions: what a buyer pays, what a seller asks, what two of a side make."""
        self._need((a.side != b.side) == (a.token == b.token), "MismatchedTokenIds")
        if a.side != b.side:
            crossing = a.making * b.making >= a.taking * b.taking
        elif a.side == BUY:  # making / taking is a buyer's price
            crossing = a.making * b.taking + b.making * a.taking >= a.taking * b.taking
        else:  # taking / making is a seller's price
            crossing = a.taking * b.making + b.taking * a.making <= a.making * b.making
        self._need(crossing, "NotCrossing")

    # holdings and events

    def _move(self, sender: str, to: str, asset: str, amount: int) -> None:
        have = self.balances[sender][asset]
        allowed = sender == EXCHANGE or sender in self.approved
        if asset == CASH:
            error = "TransferFailed" if sender == EXCHANGE else "TransferFromFailed"
            # an allowance of nothing still lets nothing move
            self._need((allowed or amount == 0) and have >= amount, error)
        else:
            self._need(allowed, NOT_ALLOWED)
            self._need(have >= amount, TOO_LITTLE)
        self._change(sender, (asset, -amount))
        self._change(to, (asset, amount))

    def _change(self, who: str, *changes: tuple[str, int]) -> None:
        for asset, amount in changes:
            self.balances[who][asset] += amount

    def _tell(self, order: Order, taker: str, making: int, taking: int, fee: int) -> None:
        if fee:
            self.events.append(("FeeCharged", (FEES, fee)))
        told = (order.key, order.maker, taker, order.side, order.token, making, taking, fee)
        self.events.append(("OrderFilled", told))

    def _tell_match(self, order: Order, making: int, taking: int, fee: int) -> None:
        self._tell(order, EXCHANGE, making, taking, fee)
        told = (order.key, order.maker, order.side, order.token, making, taking)
        self.events.append(("OrdersMatched", told))

    @staticmethod
    def _need(true: bool, error: str) -> None:
        if not true:
            raise Refused(error)
