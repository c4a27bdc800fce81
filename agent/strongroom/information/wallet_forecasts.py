"""What followed wallets have bought since the last look, as signals: they lift confidence only.

Which wallets are followed is in a file that `strongroom study wallets --out` writes. A file that is
old, or of another kind, gives no signal. Wallets that buy both outcomes of a market say nothing.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.chain.calls import LogReads
from strongroom.chain.ids import Json, TokenId, read_json
from strongroom.chain.orders import NO, YES
from strongroom.chain.units import DAY
from strongroom.errors import Away
from strongroom.information.forecast import Answers, BadForecast, ForecasterAway, Given
from strongroom.information.gamma import Market

SCHEMA = 1
BUY = 0  # VENUE c1: of an order's side in the exchange's events
MOST = 50  # wallets that are asked for
OLDEST_S = 14 * DAY  # of the file: skill decays
FURTHEST = 1_000  # blocks that one look goes back
PRIOR = 20  # events without an edge that are added to each wallet's record
TOP = 0.99


@dataclass(frozen=True)
class Followed:
    """Followed wallets: address -> return that a follower may expect, shrunk towards 0.

    Attributes:
        as_of: the newest trade that the choice knows, timestamp
    """

    wallets: Mapping[str, float]
    as_of: int


@dataclass
class WalletForecaster:
    """A feed of followed wallets' purchases on some exchanges."""

    chain: LogReads
    exchanges: Sequence[str]
    path: Path
    name: str = "wallets"
    _next: int | None = field(default=None, repr=False)  # block

    def forecast(self, markets: Sequence[Market], now: int) -> Answers:
        """Return a signal for each market in which followed wallets have bought since the last
        look; the first look only remembers where it stands.

        Raises:
            BadForecast: the file is none, or old.
            ForecasterAway: the node does not answer.
        """
        followed = read_followed(self.path)
        if now - followed.as_of > OLDEST_S:
            days = (now - followed.as_of) // DAY
            raise BadForecast(
                f"{self.name}: {self.path} is {days} days old: run `strongroom study wallets` again"
            )
        problems = []
        try:
            head, first = self.chain.head(), self._next
            if first is not None and head.number - first > FURTHEST:
                problems.append(
                    f"{self.name}: blocks {first} to {head.number - FURTHEST} are left out"
                )
                first = head.number - FURTHEST
            last = head.number
            bought = {} if first is None else self._bought(followed, first, last)
        except Away as error:  # what was not read now is read by the next look
            raise ForecasterAway(f"{self.name}: {error}") from error
        self._next = last + 1
        found = []
        for market in markets:
            given = self._given(market, bought, followed, now, head.timestamp)
            if isinstance(given, str):
                problems.append(f"{self.name}: {given}")
            elif given is not None:
                found.append(given)
        return Answers(tuple(found), tuple(problems))

    def _bought(
        self, followed: Followed, first: int, last: int
    ) -> dict[TokenId, list[tuple[str, int, int]]]:
        """Return wallet, cash and tokens of each purchase, by token."""
        found: dict[TokenId, list[tuple[str, int, int]]] = defaultdict(list)
        for wallet in followed.wallets:
            for exchange in self.exchanges:
                matching = {"maker": wallet}
                for log in self.chain.logs(
                    exchange, "Exchange", "OrderFilled", first, last, matching
                ):
                    cash, tokens = log.args["makerAmountFilled"], log.args["takerAmountFilled"]
                    if log.args["side"] != BUY or not cash or not tokens:
                        continue  # a sale, or dust, which has no price
                    token = TokenId(int(log.args["tokenId"]))
                    found[token].append((wallet, int(cash), int(tokens)))
        return found

    def _given(
        self,
        market: Market,
        bought: Mapping[TokenId, Sequence[tuple[str, int, int]]],
        followed: Followed,
        now: int,
        seen: int,
    ) -> Given | str | None:
        """Return a market's signal, None where nobody bought, or why there is none."""
        yes, no = (bought.get(market.token_ids[outcome], ()) for outcome in (YES, NO))
        if not yes and not no:
            return None
        if yes and no:
            return f"followed wallets bought both outcomes of {market.question[:60]!r}"
        fills = yes or no
        cash, tokens = sum(each[1] for each in fills), sum(each[2] for each in fills)
        edge = sum(followed.wallets[wallet] * paid for wallet, paid, _ in fills) / cash
        chance = min(TOP, cash / tokens * (1 + edge))
        detail: dict[str, Json] = {
            "wallets": sorted({wallet for wallet, _, _ in fills}),
            "tokens": f"{tokens}",
            "cash": f"{cash}",
        }
        frozen = chance if yes else 1 - chance
        return Given(self.name, market.condition_id, frozen, now, seen, detail)


def read_followed(path: Path) -> Followed:
    """Read a file of followed wallets.

    Raises:
        BadForecast: it is none.
    """
    try:
        found = read_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadForecast(f"{path}: no file of followed wallets: {str(error)[:80]}") from error
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise BadForecast(f"{path}: no file of followed wallets: `strongroom study wallets --out`")
    rows, as_of = found.get("followed"), found.get("as_of")
    if not isinstance(rows, list) or not isinstance(as_of, int) or len(rows) > MOST:
        raise BadForecast(f"{path}: no list of at most {MOST} followed wallets")
    wallets = {}
    for row in rows:
        try:
            wallet, events, mean = str(row["wallet"]), int(row["events"]), float(row["mean"])
        except (KeyError, TypeError, ValueError) as error:
            raise BadForecast(f"{path}: no wallet: {str(row)[:60]}") from error
        if events < 0 or not -1 <= mean <= 100:
            raise BadForecast(f"{path}: no wallet: {str(row)[:60]}")
        wallets[wallet] = max(0.0, mean) * events / (events + PRIOR)
    return Followed(wallets, as_of)
