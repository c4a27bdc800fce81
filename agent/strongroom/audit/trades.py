"""Trades of a vault's accounts, made of fills and of what accounts log at pools."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from strongroom.audit.events import BUY, OrderFilled
from strongroom.audit.logs import RawLog, bad_log
from strongroom.audit.losses import AccountTrade
from strongroom.audit.movements import (
    BOUGHT,
    SOLD,
    MovementReader,
    Movements,
    address_in,
    place_of,
    topic_of,
)
from strongroom.audit.wallets import AccountsOfHolders

_POOLS = {topic_of(each): each == BOUGHT for each in (BOUGHT, SOLD)}


class TradeReader:
    """Reads the trades of some blocks."""

    def __init__(self, reader: MovementReader, last: int) -> None:
        """Take who knows the accounts' tokens, and the audit's last block."""
        self._reader, self._last = reader, last

    def read(self, movements: Movements, holders: AccountsOfHolders) -> Iterator[AccountTrade]:
        """Yield the trades of a piece of blocks; each fill of an order of an account is one.

        Raises:
            NodeAway, BadLog: see Auditor.run.
        """
        met: dict[tuple[str, str], list[OrderFilled]] = defaultdict(list)
        for fill in movements.fills:
            met[fill.transaction, fill.taker].append(fill)
        for fill in movements.fills:
            if account := holders.at(fill.maker, (fill.block, fill.index)):
                yield self._filled(movements, account, fill, met[fill.transaction, fill.maker])
        for log in movements.told:
            buys = _POOLS.get(log["topics"][0])
            if buys is not None:
                yield self._at_pool(movements, log, buys)

    def _filled(
        self, movements: Movements, account: str, fill: OrderFilled, met: Sequence[OrderFilled]
    ) -> AccountTrade:
        """Args: met: the orders that the account's order met, where it was the taker's."""
        buys = fill.side == BUY
        gave, got = fill.maker_amount_filled, fill.taker_amount_filled
        cash, tokens = (gave, got) if buys else (got, gave)
        parties: dict[str, int] = defaultdict(int)
        for each in met:
            bought = each.side == BUY
            parties[each.maker] += each.taker_amount_filled if bought else each.maker_amount_filled
        if not parties:
            parties[fill.taker] = tokens
        return self._trade(
            movements, account, (fill.block, fill.transaction), str(fill.token_id),
            (buys, cash, tokens, fill.fee), parties,
        )  # fmt: skip

    def _at_pool(self, movements: Movements, log: RawLog, buys: bool) -> AccountTrade:
        pool, account = address_in(log, 1), log["address"].lower()
        market, class_id = movements.owners[account]
        try:
            outcome = int(log["topics"][2], 16)
            cash, tokens = (int(log["data"][at : at + 64], 16) for at in (2, 66))
        except (IndexError, ValueError) as error:
            raise bad_log(log, "a trade at a pool") from error
        return AccountTrade(
            place_of(log)[0], log["transactionHash"], account, class_id, market, 0, outcome == 0,
            buys, cash, tokens, 0, {pool: tokens},
        )  # fmt: skip

    def _trade(
        self,
        movements: Movements,
        account: str,
        at: tuple[int, str],
        token: str,
        amounts: tuple[bool, int, int, int],
        parties: Mapping[str, int],
    ) -> AccountTrade:
        market, class_id = movements.owners[account]
        known = [each.rpartition(" ")[2] for each in self._reader.tokens_of(account, self._last)]
        place = known.index(token) if token in known else None
        condition, is_yes = (None, True) if place is None else (place // 2, place % 2 == 0)
        buys, cash, sized, fee = amounts
        return AccountTrade(
            *at, account, class_id, market, condition, is_yes, buys, cash, sized, fee, parties
        )
