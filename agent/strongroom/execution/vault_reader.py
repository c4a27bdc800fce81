"""What the chain says of a vault, read in one go; nothing here is remembered or guessed."""

from collections.abc import Mapping, Sequence
from typing import Any

from strongroom.chain.calls import Ask
from strongroom.chain.rpc import Chain, Position
from strongroom.chain.terms import DELEGATED, ClassTerms, ordinal
from strongroom.chain.units import BPS, MICRO
from strongroom.execution.venues.wallets import Wallets
from strongroom.strategy.view import ClassState, MarketState, VaultState

REDEEM = 1
VIRTUAL = 10**6  # shares, see docs/contracts/Vault.md
LOOK_BACK = 32  # epochs, for redemptions that wait


class VaultReader:
    """Reads one vault."""

    def __init__(self, chain: Chain, address: str, wallets: Wallets | None = None) -> None:
        """Take the chain, the vault, and the wallets that delegated accounts may use."""
        self.chain, self.address = chain, chain.checksum(address)
        self.wallets = wallets or Wallets(chain, (), ())
        self.contract = chain.contract(address, "Vault")
        self._conditions: dict[str, list[str]] = {}
        self._delegated: dict[bytes, bool] = {}

    def read(self, reserved: Mapping[str, int]) -> VaultState:
        """Return the vault's state now.

        Args:
            reserved: account -> collateral that orders may still take, micro-units
        """
        names = ("totalAssets", "totalSupply", "total_idle", "total_exposure", "recentAllocation")
        limits = (
            *("total_cap", "total_cap_bps", "velocity_limit"),
            *("max_buy_price_bps", "max_order_lifetime_s"),
        )
        flags = ("paused", "windingDown", "breakerTripped", "freshUntil")
        found = self.ask(
            *((name,) for name in names),
            *(("limit", ordinal(name)) for name in limits),
            *((name,) for name in flags),
            ("class_count",),
            ("epochs",),
            ("openMarkets",),
        )
        nav, supply, idle, exposure, recent = found[:5]
        cap, cap_bps, velocity, max_buy_price, lifetime = found[5:10]
        paused, winding_down, tripped, fresh_until = found[10:14]
        class_count, (_, epoch), open_markets = found[14:]
        owed, asked = self._redemptions(nav, supply, epoch)
        fresh = fresh_until >= self.chain.now()
        classes, implementations = self._classes(class_count)
        markets = self._markets(open_markets, reserved, classes)
        return VaultState(
            address=self.address,
            nav=nav,
            supply=supply,
            idle=idle,
            owed=owed,
            asked=asked,
            total_exposure=exposure,
            total_cap=cap,
            total_cap_bps=cap_bps,
            velocity_left=velocity - recent,
            max_buy_price=max_buy_price * MICRO // BPS,
            max_order_lifetime=lifetime,
            dealable=fresh and not (paused or winding_down or tripped),
            classes=classes,
            markets=markets,
            free_wallets=self._free_wallets(classes, implementations),
        )

    def ask(self, *asked: tuple[Any, ...]) -> list[Any]:
        """Return the answers of functions of the vault, each with its arguments."""
        return self.chain.ask(
            [Ask(self.address, "Vault", name, tuple(rest)) for name, *rest in asked]
        )

    def _markets(
        self,
        markets: Sequence[bytes],
        reserved: Mapping[str, int],
        classes: Mapping[int, ClassState],
    ) -> dict[str, MarketState]:
        count = len(markets)
        found = self.ask(
            *(("accountOf", market) for market in markets),
            *(("marketOf", market) for market in markets),
            *(("exposureOf", market) for market in markets),
        )
        accounts = [self.chain.checksum(account) for account in found[:count]]
        numbers, exposures = [each[0] for each in found[count : 2 * count]], found[2 * count :]
        self._learn(accounts)
        states = self.chain.ask(
            [
                Ask(account, "PolymarketAccount", name)
                for name in ("positions", "tradable")
                for account in accounts
            ]
        )
        result = {}
        for number, (market, account) in enumerate(zip(markets, accounts, strict=True)):
            collateral, held = states[number]
            places, wallet = [Position(*each) for each in held], ""
            if classes[numbers[number]].delegated:
                wallet, collateral, places = self._with_wallet(account, collateral, places)
            conditions = self._conditions[account]
            result["0x" + market.hex()] = MarketState(
                account=account,
                class_id=numbers[number],
                exposure=exposures[number],
                collateral=collateral,
                reserved=reserved.get(account, 0),
                positions={
                    name: (each.yes, each.no) for name, each in zip(conditions, places, strict=True)
                },
                resolved=frozenset(
                    name for name, each in zip(conditions, places, strict=True) if each.resolved
                ),
                tradable=states[count + number],
                wallet=wallet,
            )
        return result

    def _with_wallet(
        self, account: str, collateral: int, places: list[Position]
    ) -> tuple[str, int, list[Position]]:
        """Return a delegated account's wallet, and what both hold."""
        wallet = self.chain.ask_one(account, "DelegatedAccount", "wallet")
        if int(wallet, 16) == 0:
            return "", collateral, places
        away, theirs = self.chain.positions_away(account)
        both = [mine + other for mine, other in zip(places, theirs, strict=True)]
        return self.chain.checksum(wallet), collateral + away, both

    def _free_wallets(
        self, classes: Mapping[int, ClassState], implementations: Mapping[int, str]
    ) -> int:
        delegated = [number for number, each in classes.items() if each.delegated]
        if not delegated or not self.wallets.all():
            return 0
        return len(self.wallets.free(implementations[delegated[0]]))

    def _learn(self, accounts: Sequence[str]) -> None:
        """Read the conditions of accounts that were not seen before; they never change."""
        new = [account for account in accounts if account not in self._conditions]
        found = self.chain.ask([Ask(each, "PolymarketAccount", "conditions") for each in new])
        for account, conditions in zip(new, found, strict=True):
            self._conditions[account] = ["0x" + each.hex() for each in conditions]

    def is_delegated(self, market: bytes) -> bool:
        """Whether an open market's account hands its budget to a wallet; it never changes."""
        if market not in self._delegated:
            (number, *_), *_ = self.ask(("marketOf", market))
            grade = ClassTerms(*self.ask(("classOf", number))[0]).grade
            self._delegated[market] = grade == DELEGATED
        return self._delegated[market]

    def positions(self, market: bytes) -> tuple[int, list[tuple[str, Position]]]:
        """Return a market's collateral, and (condition, position) in the account's order; a
        wallet's included."""
        collateral, held = self.here(market)
        if self.is_delegated(market):
            account = self.chain.checksum(self.ask(("accountOf", market))[0])
            _, collateral, held = self._with_wallet(account, collateral, held)
        return collateral, list(zip(self.market_conditions(market), held, strict=True))

    def here(self, market: bytes) -> tuple[int, list[Position]]:
        """Return what a market's account itself holds."""
        return self.chain.positions(self.ask(("accountOf", market))[0])

    def away(self, market: bytes) -> tuple[int, list[Position], int]:
        """Return what a delegated market's wallet holds, and what is outstanding at cost; an
        enforced market has nothing away."""
        if not self.is_delegated(market):
            return 0, [], 0
        account = self.ask(("accountOf", market))[0]
        collateral, held = self.chain.positions_away(account)
        return collateral, held, self.chain.ask_one(account, "DelegatedAccount", "outstanding")

    def room_away(self, market: bytes) -> int:
        """Return how much more of a delegated market's budget its wallet may hold, micro-units."""
        exposure: int = self.ask(("exposureOf", market))[0]
        return max(0, exposure - self.away(market)[2])

    def market_conditions(self, market: bytes) -> list[str]:
        """Return the conditions of a market."""
        return self.conditions(self.chain.checksum(self.ask(("accountOf", market))[0]))

    def conditions(self, account: str) -> list[str]:
        """Return the conditions of an account."""
        self._learn([account])
        return self._conditions[account]

    def closed(self, markets: Sequence[bytes]) -> frozenset[str]:
        """Return those of some markets that the vault had and closed: never opened again."""
        found = self.ask(*(("marketOf", market) for market in markets))
        return frozenset(
            "0x" + market.hex()
            for market, (*_, closed) in zip(markets, found, strict=True)
            if closed
        )

    def account_of(self, market: str) -> str | None:
        """Return a market's account, or None where the vault has none."""
        account = self.ask(("accountOf", bytes.fromhex(market[2:])))[0]
        return None if int(account, 16) == 0 else self.chain.checksum(account)

    def _classes(self, count: int) -> tuple[dict[int, ClassState], dict[int, str]]:
        found = self.ask(
            *(("classOf", number) for number in range(count)),
            *(("classExposureOf", number) for number in range(count)),
        )
        classes, implementations = {}, {}
        for number in range(count):
            terms = ClassTerms(*found[number])
            classes[number] = ClassState(
                oracle=terms.oracle,
                market_cap=terms.market_cap,
                market_cap_bps=terms.market_cap_bps,
                class_cap=terms.class_cap,
                class_cap_bps=terms.class_cap_bps,
                max_duration=terms.max_duration_s,
                exposure=found[count + number],
                delegated=terms.grade == DELEGATED,
            )
            implementations[number] = terms.implementation
        return classes, implementations

    def _redemptions(self, nav: int, supply: int, epoch: int) -> tuple[int, int]:
        """Return what closed and open redemption epochs are worth at today's price, up."""

        def assets(shares: int) -> int:
            return -(-shares * (nav + 1) // (supply + VIRTUAL)) if shares else 0

        waiting = 0
        asked, *older = self.ask(
            *(
                ("epochOf", REDEEM, number)
                for number in range(epoch, max(-1, epoch - 1 - LOOK_BACK), -1)
            )
        )
        for requested, settled, _ in older:
            waiting += requested - settled
        return assets(waiting), assets(asked[0])
