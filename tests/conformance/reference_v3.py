"""The venue's exchange V3 in plain Python, from its rules (VENUE d4), to hold others against.

It shares orders, holdings and words with the reference of exchange V2; a match goes another way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.conformance.reference import BUY, CASH, EXCHANGE, FEES, SELL, Order, Reference, Status

COMPLEMENT = {"yes": "no", "no": "yes", "oyes": "ono", "ono": "oyes"}
TOO_MUCH = "Panic 0x11"


@dataclass(frozen=True)
class CallV3:
    """What the operator sends; fills and fees as `matchOrders` has them."""

    taker: Order
    makers: Sequence[Order]
    maker_fills: Sequence[int]
    maker_fees: Sequence[int]
    taker_fill: int
    taker_receives: int
    taker_fee: int
    by_operator: bool = True

    @property
    def rows(self) -> list[tuple[Order, int, int]]:
        return list(zip(self.makers, self.maker_fills, self.maker_fees, strict=True))


@dataclass
class ReferenceV3(Reference):
    """The exchange and what everybody has."""

    def _match(self, call: CallV3) -> None:  # type: ignore[override]
        taker = call.taker
        self._need(call.by_operator, "NotOperator")
        self._need(len(call.makers) > 0, "NoMakerOrders")
        lengths = {len(call.makers), len(call.maker_fills), len(call.maker_fees)}
        self._need(len(lengths) == 1, "MismatchedArrayLengths")
        self._check_fill(taker, call.taker_fill)
        if all(maker.side != taker.side and maker.token == taker.token for maker in call.makers):
            spent = self._trade(call)
        elif taker.side == BUY:
            spent = self._buy_together(call)
        else:
            spent = self._sell_together(call)
        self._use_up(taker, spent)
        fee = call.taker_fee
        cash = spent if taker.side == BUY else call.taker_receives
        self._check_fee(cash, fee)
        if fee:
            self.events.append(("FeeCharged", (FEES, fee)))
        told = (taker.key, taker.maker, EXCHANGE, taker.side, taker.token)
        self.events.append(("OrderFilled", (*told, spent, call.taker_receives, fee)))
        matched = (taker.key, taker.maker, taker.side, taker.token, spent, call.taker_receives)
        self.events.append(("OrdersMatched", matched))

    # all makers on the other side, of the same token: wallet to wallet

    def _trade(self, call: CallV3) -> int:
        taker, spent = call.taker, 0
        fees = call.taker_fee + sum(call.maker_fees)
        for maker, fill, fee in call.rows:
            self._check_crossing(taker, maker)
            taking = self._fill(maker, fill, fee)
            spent += taking
            if taker.side == BUY:
                self._move(maker.maker, taker.maker, maker.token, fill)
                self._need(fee <= taking, "FeeExceedsProceeds")
                self._move(taker.maker, maker.maker, CASH, taking - fee)
            else:
                self._move(taker.maker, maker.maker, taker.token, taking)
                to = EXCHANGE if fees else taker.maker
                self._move(maker.maker, to, CASH, fill + fee)
            self._tell_maker(maker, taker, fill, taking, fee)
            if fee:
                self.events.append(("FeeCharged", (FEES, fee)))
        got = sum(call.maker_fills)
        self._need(spent <= call.taker_fill, "ComplementaryFillExceedsTakerFill")
        self._need(got >= spent * taker.taking // taker.making, "NotCrossing")
        self._need(got == call.taker_receives, "AssetAccountingMismatch")
        if taker.side == BUY:
            if fees:
                self._move(taker.maker, FEES, CASH, fees)
        elif fees:
            self._need(call.taker_fee <= got, "FeeExceedsProceeds")
            self._move(EXCHANGE, taker.maker, CASH, got - call.taker_fee)
            self._move(EXCHANGE, FEES, CASH, fees)
        return spent

    # some makers on the taker's side: sets are minted or merged

    def _buy_together(self, call: CallV3) -> int:
        taker, sets, spent, got = call.taker, 0, 0, 0
        takings = []
        self._move(taker.maker, EXCHANGE, CASH, call.taker_fill + call.taker_fee)
        for maker, fill, fee in call.rows:
            self._check_crossing(taker, maker)
            taking = self._fill(maker, fill, fee)
            takings.append(taking)
            if maker.side == BUY:
                self._move(maker.maker, EXCHANGE, CASH, fill + fee)
                sets, spent, got = sets + taking, spent + taking - fill, got + taking
            else:
                self._move(maker.maker, EXCHANGE, maker.token, fill)
                spent, got = spent + taking, got + fill
        self._mint_sets(taker.token, sets)
        self._pay_makers(call, takings)
        self._need(spent <= call.taker_fill, TOO_MUCH)
        self._check_received(call, spent, got)
        self._move(EXCHANGE, taker.maker, taker.token, got)
        self._move(EXCHANGE, taker.maker, CASH, call.taker_fill - spent)
        self._move(EXCHANGE, FEES, CASH, sum(call.maker_fees) + call.taker_fee)
        return spent

    def _sell_together(self, call: CallV3) -> int:
        taker, sets, used, got = call.taker, 0, 0, 0
        takings = []
        self._move(taker.maker, EXCHANGE, taker.token, call.taker_fill)
        for maker, fill, fee in call.rows:
            self._check_crossing(taker, maker)
            taking = self._fill(maker, fill, fee)
            takings.append(taking)
            if maker.side == SELL:
                self._move(maker.maker, EXCHANGE, maker.token, fill)
                sets, used, got = sets + fill, used + fill, got + fill - taking
            else:
                self._move(maker.maker, EXCHANGE, CASH, fill + fee)
                used, got = used + taking, got + fill
        self._need(used <= call.taker_fill, TOO_MUCH)
        self._need(used == call.taker_fill, "TakerFillMismatch")
        self._merge_sets(taker.token, sets)
        self._pay_makers(call, takings)
        self._check_received(call, used, got)
        self._need(call.taker_fee <= got, "FeeExceedsProceeds")
        self._move(EXCHANGE, taker.maker, CASH, got - call.taker_fee)
        self._move(EXCHANGE, FEES, CASH, sum(call.maker_fees) + call.taker_fee)
        return used

    def _pay_makers(self, call: CallV3, takings: Sequence[int]) -> None:
        """Pay them; fees are told behind all of their fills."""
        for (maker, fill, fee), taking in zip(call.rows, takings, strict=True):
            proceeds = fee if maker.side == SELL else 0
            self._need(proceeds <= taking, "FeeExceedsProceeds")
            self._move(EXCHANGE, maker.maker, maker.gets, taking - proceeds)
            self._tell_maker(maker, call.taker, fill, taking, fee)
        self.events += [("FeeCharged", (FEES, fee)) for fee in call.maker_fees if fee]

    def _check_received(self, call: CallV3, spent: int, got: int) -> None:
        taker = call.taker
        self._need(got >= spent * taker.taking // taker.making, "NotCrossing")
        self._need(got == call.taker_receives, "AssetAccountingMismatch")

    def _mint_sets(self, token: str, sets: int) -> None:
        self._need(self.balances[EXCHANGE][CASH] >= sets, "TransferFailed")
        self._change(EXCHANGE, (CASH, -sets), (token, sets), (COMPLEMENT[token], sets))

    def _merge_sets(self, token: str, sets: int) -> None:
        self._change(EXCHANGE, (CASH, sets), (token, -sets), (COMPLEMENT[token], -sets))

    # one order

    def _check_fill(self, order: Order, making: int) -> None:
        paused = self.paused_from.get(order.maker)
        self._need(paused is None or self.block < paused, "UserIsPaused")
        filled, remaining = self.status(order)
        self._need(not filled, "OrderAlreadyFilled")
        self._need(order.making > 0 and making > 0, "ZeroMakerAmount")
        self._need(order.taking > 0, "ZeroTakerAmount")
        self._need(making <= (remaining or order.making), "MakingGtRemaining")
        self._need(order.signed, "InvalidSignature")

    def _fill(self, order: Order, making: int, fee: int) -> int:
        """Check and use a maker's order; return what it takes."""
        self._check_fill(order, making)
        taking = making * order.taking // order.making
        self._check_fee(making if order.side == BUY else taking, fee)
        self._use_up(order, making)
        return taking

    def _check_fee(self, cash: int, fee: int) -> None:
        most = cash * self.max_fee_rate // 10_000
        self._need(not fee or not self.max_fee_rate or fee <= most, "FeeExceedsMaxRate")

    def _use_up(self, order: Order, making: int) -> None:
        left = (self.status(order).remaining or order.making) - making
        self.statuses[order.key] = Status(left == 0, left)

    def _check_crossing(self, taker: Order, maker: Order) -> None:
        """Prices as fractions; of two on a side the tokens are a condition's."""
        if taker.side == maker.side:
            self._need(COMPLEMENT[taker.token] == maker.token, "InvalidComplement")
        else:
            self._need(taker.token == maker.token, "InvalidComplement")
        if taker.side != maker.side:
            crossing = taker.making * maker.making >= taker.taking * maker.taking
        elif taker.side == BUY:
            both = taker.making * maker.taking + maker.making * taker.taking
            crossing = both >= taker.taking * maker.taking
        else:
            both = taker.taking * maker.making + maker.taking * taker.making
            crossing = both <= taker.making * maker.making
        self._need(crossing, "NotCrossing")

    def _tell_maker(self, order: Order, taker: Order, fill: int, taking: int, fee: int) -> None:
        told = (order.key, order.maker, taker.maker, order.side, order.token, fill, taking, fee)
        self.events.append(("OrderFilled", told))

    def _move(self, sender: str, to: str, asset: str, amount: int) -> None:
        if asset != CASH and sender != EXCHANGE:
            self._need(sender in self.approved, "NotOwnerNorApproved")
            self._need(self.balances[sender][asset] >= amount, "InsufficientBalance")
        super()._move(sender, to, asset, amount)
