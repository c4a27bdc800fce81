"""What the chain says of a vault, in a constant number of requests; nothing is remembered but what
cannot change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strongroom.chain.calls import Ask
from strongroom.chain.ids import ConditionId, MarketId
from strongroom.chain.rpc import Position, checksum
from strongroom.chain.terms import DELEGATED, ClassTerms, ordinal
from strongroom.chain.units import BPS, MICRO, VIRTUAL_SHARES
from strongroom.execution.interfaces import ChainReads
from strongroom.execution.venues.wallets import Wallets
from strongroom.strategy.view import ClassState, MarketState, VaultState

REDEEM = 1
LOOK_BACK = 32  # epochs, for redemptions that wait
NAMES = ("totalAssets", "totalSupply", "total_idle", "total_exposure", "recentAllocation")
LIMITS = (
    *("total_cap", "total_cap_bps", "velocity_limit"),
    *("max_buy_price_bps", "max_order_lifetime_s"),
)
FLAGS = ("paused", "windingDown", "breakerTripped", "freshUntil")

_Question = tuple[object, ...]  # a function of the vault, and its arguments


@dataclass(frozen=True)
class Holdings:
    """What a market's account holds, and its wallet; micro-units.

    Attributes:
        conditions: in the account's order, as `here` and `away`
        wallet: that a delegated account has named; empty: none
        exposure: of the vault in the market, at cost; outstanding: the part that is away
    """

    market: MarketId
    account: str
    class_id: int
    conditions: tuple[ConditionId, ...]
    collateral: int
    here: tuple[Position, ...]
    tradable: bool
    exposure: int = 0
    delegated: bool = False
    wallet: str = ""
    collateral_away: int = 0
    away: tuple[Position, ...] = ()
    outstanding: int = 0

    @property
    def room_away(self) -> int:
        """How much more of a delegated market's budget its wallet may hold."""
        return max(0, self.exposure - self.outstanding)

    @property
    def total(self) -> int:
        """The collateral in both places."""
        return self.collateral + (self.collateral_away if self.wallet else 0)

    @property
    def positions(self) -> dict[ConditionId, Position]:
        """The tokens in both places, by condition, in the account's order."""
        held = self.here
        if self.wallet:
            held = tuple(mine + away for mine, away in zip(self.here, self.away, strict=True))
        return dict(zip(self.conditions, held, strict=True))


class VaultReader:
    """Reads one vault."""

    def __init__(self, chain: ChainReads, address: str, wallets: Wallets | None = None) -> None:
        """Take the chain, the vault, and the wallets that delegated accounts may use."""
        self.chain, self.address = chain, checksum(address)
        self.wallets = wallets or Wallets(chain, (), ())
        self._conditions: dict[str, tuple[ConditionId, ...]] = {}
        self._delegated: dict[int, bool] = {}  # by class

    def read(self, reserved: Mapping[str, int]) -> VaultState:
        """Return the vault's state now.

        Args:
            reserved: account -> collateral that orders may still take, micro-units
        """
        asked: list[_Question] = [(name,) for name in NAMES]
        asked += [("limit", ordinal(name)) for name in LIMITS]
        asked += [(name,) for name in (*FLAGS, "class_count", "epochs", "openMarkets")]
        head, found = self.chain.at_head(self._asks(asked))
        nav, supply, idle, exposure, recent = found[:5]
        cap, cap_bps, velocity, max_buy_price, lifetime = found[5:10]
        paused, winding_down, tripped, fresh_until = found[10:14]
        class_count, (_, epoch), open_markets = found[14:]
        classes, implementations, waiting = self._parts(class_count, epoch)
        owed, to_come = (_assets(shares, nav, supply) for shares in waiting)
        held = self.holdings([MarketId(market) for market in open_markets])
        return VaultState(
            address=self.address,
            nav=nav,
            supply=supply,
            idle=idle,
            owed=owed,
            asked=to_come,
            total_exposure=exposure,
            total_cap=cap,
            total_cap_bps=cap_bps,
            velocity_left=velocity - recent,
            max_buy_price=max_buy_price * MICRO // BPS,
            max_order_lifetime=lifetime,
            dealable=fresh_until >= head.timestamp and not (paused or winding_down or tripped),
            classes=classes,
            markets={each.market: _state(each, reserved.get(each.account, 0)) for each in held},
            free_wallets=self._free_wallets(classes, implementations),
        )

    def ask(self, *asked: _Question) -> list[Any]:
        """Return the answers of functions of the vault, each with its arguments."""
        return self.chain.ask(self._asks(asked))

    def holdings(self, markets: Sequence[MarketId]) -> list[Holdings]:
        """Return what the accounts of open markets hold, in the order of the markets."""
        found = self.ask(
            *(("accountOf", market) for market in markets),
            *(("marketOf", market) for market in markets),
            *(("exposureOf", market) for market in markets),
        )
        count = len(markets)
        accounts = [str(checksum(account)) for account in found[:count]]
        numbers = [int(each[0]) for each in found[count : 2 * count]]
        exposures = found[2 * count :]
        self._learn_classes(numbers)
        delegated = [self._delegated[number] for number in numbers]
        self._learn_conditions(accounts)
        here = self.chain.ask(
            [
                Ask(account, "PolymarketAccount", name)
                for account in accounts
                for name in ("positions", "tradable")
            ]
        )
        away = self._away([a for a, is_away in zip(accounts, delegated, strict=True) if is_away])
        result = []
        for place, (market, account) in enumerate(zip(markets, accounts, strict=True)):
            (collateral, held), tradable = here[2 * place : 2 * place + 2]
            wallet, (collateral_away, held_away), outstanding = away.get(account, ("", (0, ()), 0))
            result.append(
                Holdings(
                    market,
                    account,
                    numbers[place],
                    self._conditions[account],
                    collateral,
                    tuple(Position(*each) for each in held),
                    tradable,
                    exposures[place],
                    delegated[place],
                    wallet,
                    collateral_away,
                    tuple(Position(*each) for each in held_away),
                    outstanding,
                )
            )
        return result

    def open_markets(self) -> list[MarketId]:
        """Return the vault's open markets, in its order."""
        return [MarketId(market) for market in self.ask(("openMarkets",))[0]]

    def idle(self) -> int:
        """Return the assets that are in no account, micro-units."""
        return int(self.ask(("total_idle",))[0])

    def reported_at(self) -> int:
        """Return when the last report took effect; 0: never."""
        return int(self.ask(("lastReport",))[0])

    def requests_wait(self) -> bool:
        """Whether the open epochs hold requests."""
        (epochs,) = self.ask(("epochs",))
        found = self.ask(*(("epochOf", side, epoch) for side, epoch in enumerate(epochs)))
        return any(requested for requested, *_ in found)

    def is_delegated(self, market: MarketId) -> bool:
        """Whether an open market's account hands its budget to a wallet."""
        number = int(self.ask(("marketOf", market))[0][0])
        self._learn_classes([number])
        return self._delegated[number]

    def conditions(self, account: str) -> tuple[ConditionId, ...]:
        """Return the conditions of an account, in its order."""
        self._learn_conditions([account])
        return self._conditions[account]

    def closed(self, markets: Sequence[MarketId]) -> frozenset[MarketId]:
        """Return those of some markets that the vault had and closed: never opened again."""
        found = self.ask(*(("marketOf", market) for market in markets))
        return frozenset(
            market for market, (*_, closed) in zip(markets, found, strict=True) if closed
        )

    def account_of(self, market: MarketId) -> str | None:
        """Return a market's account, or None where the vault has none."""
        account = self.ask(("accountOf", market))[0]
        return None if int(account, 16) == 0 else checksum(account)

    def _asks(self, asked: Sequence[_Question]) -> list[Ask]:
        return [Ask(self.address, "Vault", str(name), tuple(rest)) for name, *rest in asked]

    def _parts(
        self, class_count: int, epoch: int
    ) -> tuple[dict[int, ClassState], dict[int, str], tuple[int, int]]:
        """Return the classes and their implementations; and the shares in closed and open
        redemption epochs that are not settled."""
        epochs = range(epoch, max(-1, epoch - 1 - LOOK_BACK), -1)
        asked: list[_Question] = [("classOf", number) for number in range(class_count)]
        asked += [("classExposureOf", number) for number in range(class_count)]
        asked += [("epochOf", REDEEM, number) for number in epochs]
        found = self.ask(*asked)
        classes, implementations = {}, {}
        for number in range(class_count):
            terms = ClassTerms(*found[number])
            classes[number] = ClassState(
                oracle=terms.oracle,
                market_cap=terms.market_cap,
                market_cap_bps=terms.market_cap_bps,
                class_cap=terms.class_cap,
                class_cap_bps=terms.class_cap_bps,
                max_duration=terms.max_duration_s,
                exposure=found[class_count + number],
                delegated=terms.grade == DELEGATED,
            )
            implementations[number] = str(terms.implementation)
            self._delegated[number] = terms.grade == DELEGATED
        asked_now, *older = found[2 * class_count :]
        waiting = sum(requested - settled for requested, settled, _ in older)
        return classes, implementations, (waiting, asked_now[0])

    def _away(
        self, accounts: Sequence[str]
    ) -> dict[str, tuple[str, tuple[int, Sequence[Sequence[int]]], int]]:
        """Return the wallets of delegated accounts that have one, what they hold, and what is
        outstanding at cost."""
        found = self.chain.ask(
            [
                Ask(account, "DelegatedAccount", name, arguments)
                for account in accounts
                for name, arguments in (("wallet", ()), ("holdings", (True,)), ("outstanding", ()))
            ]
        )
        return {
            account: (str(checksum(wallet)), held, outstanding)
            for account, wallet, held, outstanding in zip(
                accounts, found[::3], found[1::3], found[2::3], strict=True
            )
            if int(wallet, 16)
        }

    def _free_wallets(
        self, classes: Mapping[int, ClassState], implementations: Mapping[int, str]
    ) -> int:
        delegated = [number for number, each in classes.items() if each.delegated]
        if not delegated or not self.wallets.all():
            return 0
        return len(self.wallets.free(implementations[delegated[0]]))

    def _learn_conditions(self, accounts: Sequence[str]) -> None:
        """Read the conditions of accounts that were not seen before; they never change."""
        new = [account for account in accounts if account not in self._conditions]
        found = self.chain.ask([Ask(each, "PolymarketAccount", "conditions") for each in new])
        for account, conditions in zip(new, found, strict=True):
            self._conditions[account] = tuple(ConditionId(each) for each in conditions)

    def _learn_classes(self, numbers: Sequence[int]) -> None:
        """Read the grades of classes that were not seen before; they never change."""
        new = sorted(set(numbers) - set(self._delegated))
        found = self.ask(*(("classOf", number) for number in new))
        for number, terms in zip(new, found, strict=True):
            self._delegated[number] = ClassTerms(*terms).grade == DELEGATED


def _state(held: Holdings, reserved: int) -> MarketState:
    positions = held.positions
    return MarketState(
        account=held.account,
        class_id=held.class_id,
        exposure=held.exposure,
        collateral=held.total,
        reserved=reserved,
        positions={name: (each.yes, each.no) for name, each in positions.items()},
        resolved=frozenset(name for name, each in positions.items() if each.resolved),
        tradable=held.tradable,
        wallet=held.wallet,
    )


def _assets(shares: int, nav: int, supply: int) -> int:
    """Return what shares are worth at today's price, up."""
    return -(-shares * (nav + 1) // (supply + VIRTUAL_SHARES)) if shares else 0
