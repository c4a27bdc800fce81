"""What the chain says of a vault, in a constant number of requests; nothing is remembered but what
cannot change. What is answered as before is the same object as before: it is made once.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Generic, NamedTuple, TypeVar

from strongroom.chain.calls import Ask, Head
from strongroom.chain.ids import ConditionId, MarketId, Question
from strongroom.chain.rpc import Position, checksum
from strongroom.chain.terms import DELEGATED, ClassTerms, ordinal
from strongroom.chain.units import BPS, MICRO, PRICE, WAD
from strongroom.execution.account_kinds import OWNING, AccountKind, ServedClasses
from strongroom.execution.held_away import HeldAway
from strongroom.execution.holdings import Holdings, LeftBehind
from strongroom.execution.interfaces import ChainReads
from strongroom.execution.payouts import Payouts
from strongroom.execution.vault_asks import ACCOUNT, marks_of, of_accounts, of_markets
from strongroom.execution.venues.wallets import Wallets
from strongroom.strategy.view import ClassState, MarketState, VaultState

DEPOSIT, REDEEM = 0, 1
NAMES = (
    *("totalAssets", "totalSupply", "total_idle"),
    *("totalExposure", "totalLosses", "recentAllocation", "prices"),
)
LIMITS = (
    *("total_cap", "total_cap_bps", "velocity", "velocity_bps", "question_cap_bps"),
    *("max_buy_price_bps", "max_order_lifetime_s", "price_band_bps", "marks_required"),
)
FLAGS = ("paused", "windingDown", "breakerTripped", "freshUntil", "reportCount")
_MICRO_WAD = WAD // MICRO

_Question = tuple[object, ...]  # a function of the vault, and its arguments
_Parts = Sequence[Sequence[int]]  # positions as an account answers them
_Marks = Mapping[ConditionId, tuple[int, int]]
_Answer = TypeVar("_Answer")
_Made = TypeVar("_Made")


class _Known(Generic[_Answer, _Made]):
    """What was made of an answer, by what it is about: made again where the answer is another."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[_Answer, _Made]] = {}

    def of(self, name: str, answer: _Answer, make: Callable[[_Answer], _Made]) -> _Made:
        known = self._known.get(name)
        if known is None or known[0] != answer:
            known = self._known[name] = answer, make(answer)
        return known[1]


class _Listed(NamedTuple):
    """What the vault itself says of an open market."""

    market: MarketId
    account: str
    class_id: int
    question: Question
    exposure: int


class _Held(NamedTuple):
    """What one account holds, and its wallet."""

    collateral: int
    here: tuple[Position, ...]
    tradable: bool
    wallet: str = ""
    collateral_away: int = 0
    away: tuple[Position, ...] = ()
    outstanding: int = 0
    wallet_open: bool = False


@dataclass(frozen=True)
class ReportState:
    """What says when the next report is due.

    Attributes:
        last: time of the last report or settlement; 0: there was none
        interval_s: that the vault demands between two
        requests_wait: whether epochs hold requests, open or closed
    """

    last: int
    interval_s: int
    requests_wait: bool


class VaultReader:
    """Reads one vault."""

    def __init__(
        self,
        chain: ChainReads,
        address: str,
        classes: Sequence[int] = (),
        wallets: Wallets | None = None,
        served: ServedClasses = ServedClasses(),  # noqa: B008 - frozen
    ) -> None:
        """Take the chain, the vault, the classes that the keeper serves, the wallets that delegated
        accounts may use, and which accounts the classes have (served_classes)."""
        self.chain, self.address = chain, checksum(address)
        self.classes, self.wallets = tuple(classes), wallets or Wallets(chain, ())
        self._served = served
        self.owning = not OWNING.isdisjoint(served.kinds.values())  # some accounts own wallets
        self._conditions: dict[str, tuple[ConditionId, ...]] = {}
        self._delegated: dict[int, bool] = {}  # by class: whether of DelegatedAccounts
        self.payouts = Payouts(chain, self.address, self.classes, served).of
        self._questions: dict[MarketId, Question] = {}
        self._positions = _Known[_Parts, tuple[Position, ...]]()
        self._kept = _Known[tuple[_Listed, _Held, bool], Holdings]()
        self._states = _Known[tuple[Holdings, int, _Marks], MarketState]()
        self._when: tuple[int, ...] = ()  # the block to read at; empty: the newest one

    def read(self, reserved: Mapping[str, int]) -> VaultState:
        """Return the vault's state now.

        Args:
            reserved: account -> collateral that orders may still take, micro-units
        """
        asked: list[_Question] = [(name,) for name in NAMES]
        asked += [("limit", ordinal(name)) for name in LIMITS]
        asked += [(name,) for name in FLAGS]
        asked += [("epochs",), ("waitingEpochs", REDEEM), ("openMarkets",)]
        head, found = self.chain.at_head(self._asks(asked))
        limits = dict(zip(LIMITS, found[len(NAMES) :], strict=False))
        nav, supply, idle, exposure, losses, recent, (bid, _) = found[: len(NAMES)]
        *flags, fresh_until, reports = found[len(NAMES) + len(LIMITS) :][: len(FLAGS)]
        (_, epoch), waiting, open_markets = found[-3:]
        fresh = fresh_until >= head.timestamp
        classes, implementations, shares = self._parts(epoch, waiting)
        own, elsewhere = self._told_apart([MarketId(market) for market in open_markets])
        marks = self._marks(own, reports if fresh else 0)
        return VaultState(
            address=self.address,
            nav=nav,
            supply=supply,
            idle=idle,
            owed=_assets(shares[0], bid),
            asked=_assets(shares[1], bid),
            total_exposure=exposure,
            total_losses=losses,
            total_cap=limits["total_cap"],
            total_cap_bps=limits["total_cap_bps"],
            velocity=limits["velocity"],
            velocity_bps=limits["velocity_bps"],
            recent=recent,
            question_cap_bps=limits["question_cap_bps"],
            max_buy_price=limits["max_buy_price_bps"] * MICRO // BPS,
            max_order_lifetime=limits["max_order_lifetime_s"],
            price_band=limits["price_band_bps"] * MICRO // BPS,
            marks_required=bool(limits["marks_required"]),
            dealable=fresh and not any(flags),
            classes=classes,
            markets={
                each.market: self._states.of(
                    each.account,
                    (each, reserved.get(each.account, 0), marks[each.market]),
                    _state,
                )
                for each in own
            },
            elsewhere=elsewhere,
            free_wallets=self._free_wallets(classes, implementations),
        )

    def ask(self, *asked: _Question) -> list[Any]:
        """Return the answers of functions of the vault, each with its arguments."""
        return self.chain.ask(self._asks(asked), *self._when)

    def at(self, block: int) -> "VaultReader":
        """Return a reader of what a recent block left, by anything but `read` and `payouts`."""
        other = copy(self)
        other._when = (block,)
        return other

    def holdings(self, markets: Sequence[MarketId]) -> list[Holdings]:
        """Return what the accounts of open markets hold, in the order of the markets."""
        return self._holdings(self._listed(markets))

    def _listed(self, markets: Sequence[MarketId]) -> list[_Listed]:
        questions = self._questions_of(markets)
        asked = of_markets(self.address, tuple(markets), ("marketOf", "bookOf"))
        found = self.chain.ask(asked, *self._when)
        return [
            _Listed(market, str(checksum(account)), number, questions[market], exposure)
            for market, (account, number, *_), (exposure, *_) in zip(
                markets, found[::2], found[1::2], strict=True
            )
        ]

    def _holdings(self, listed: Sequence[_Listed]) -> list[Holdings]:
        self._learn_classes([each.class_id for each in listed])
        delegated = [self._delegated[each.class_id] for each in listed]
        held = self._held([(each.account, each.class_id) for each in listed])
        return [
            self._kept.of(each.account, (each, there, is_away), self._joined)
            for each, there, is_away in zip(listed, held, delegated, strict=True)
        ]

    def _joined(self, found: tuple[_Listed, _Held, bool]) -> Holdings:
        each, there, delegated = found
        return Holdings(
            each.market,
            each.account,
            each.class_id,
            each.question,
            self._conditions[each.account],
            there.collateral,
            there.here,
            there.tradable,
            each.exposure,
            delegated,
            there.wallet,
            there.collateral_away,
            there.away,
            there.outstanding,
            there.wallet_open,
        )

    def open_and_idle(self) -> tuple[Head, list[MarketId], int]:
        """Return the newest block; the vault's open markets, of all classes, in its order; the
        assets that are in no account, micro-units."""
        asked = self._asks([("openMarkets",), ("total_idle",)])
        head, (markets, idle) = self.chain.at_head(asked, *self._when)
        return head, [MarketId(market) for market in markets], int(idle)

    def left_behind(self, late: Sequence[str] = ()) -> list[LeftBehind]:
        """Return what closed accounts of the keeper's classes hold, empty ones too.

        Args:
            late: accounts besides those that the vault lists
        """
        listed = [str(checksum(each)) for each in self.ask(("unsweptAccounts",))[0]]
        accounts = list(dict.fromkeys([*listed, *late]))
        numbers = self.chain.ask([Ask(each, ACCOUNT, "classId") for each in accounts], *self._when)
        own = [
            (account, number)
            for account, number in zip(accounts, numbers, strict=True)
            if number in self.classes
        ]
        self._learn_classes([number for _, number in own])
        return [
            LeftBehind(
                account,
                account in listed,
                each.collateral,
                each.here,
                self._delegated[number],
                each.wallet,
                each.collateral_away,
                each.away,
                each.wallet_open,
            )
            for (account, number), each in zip(own, self._held(own), strict=True)
        ]

    def reports(self) -> ReportState:
        """Return what says when the next report is due."""
        limit = ordinal("min_report_interval_s")
        (opened, count, last, interval, *waiting) = self.ask(
            ("epochs",), ("reportCount",), ("lastReport",), ("limit", limit),
            ("waitingEpochs", DEPOSIT), ("waitingEpochs", REDEEM),
        )  # fmt: skip
        found = self.ask(*(("epochOf", side, epoch) for side, epoch in enumerate(opened)))
        asked = any(amount for amount, *_ in found)
        return ReportState(last if count else 0, interval if count else 0, asked or any(waiting))

    def is_delegated(self, market: MarketId) -> bool:
        """Whether an open market's account hands its budget to a wallet."""
        number = int(self.ask(("marketOf", market))[0][1])
        self._learn_classes([number])
        return self._delegated[number]

    def owns_wallet(self, market: MarketId) -> bool:
        """Whether an open market's account trades by a wallet or Safe that it owns."""
        return self.owning and self.kind_of(market) in OWNING

    def kind_of(self, market: MarketId) -> AccountKind | None:
        """Return the kind of an open market's account; None: another keeper serves its class."""
        return self._kind(int(self.ask(("marketOf", market))[0][1]))

    def conditions(self, account: str) -> tuple[ConditionId, ...]:
        """Return the conditions of an account, in its order."""
        self._learn_conditions([account])
        return self._conditions[account]

    def closed(self, markets: Sequence[MarketId]) -> frozenset[MarketId]:
        """Return those of some markets that the vault had and closed: the keeper opens none of them
        again."""
        found = self.ask(*(("marketOf", market) for market in markets))
        return frozenset(
            market for market, (*_, closed) in zip(markets, found, strict=True) if closed
        )

    def account_of(self, market: MarketId) -> str | None:
        """Return a market's account, or None where the vault has none."""
        account = self.ask(("accountOf", market))[0]
        return None if int(account, 16) == 0 else checksum(account)

    def _asks(self, asked: Sequence[_Question]) -> list[Ask]:
        return [Ask(self.address, "Vault", str(each[0]), each[1:]) for each in asked]

    def _parts(
        self, epoch: int, waiting: Sequence[int]
    ) -> tuple[dict[int, ClassState], dict[int, str], tuple[int, int]]:
        """Return the served classes and their implementations; and the shares in waiting and open
        redemption epochs that are not settled."""
        count = len(self.classes)
        asked: list[_Question] = [("classOf", number) for number in self.classes]
        asked += [("classBook", number) for number in self.classes]
        asked += [("epochOf", REDEEM, number) for number in (epoch, *waiting)]
        found = self.ask(*asked)
        classes, implementations = {}, {}
        for place, number in enumerate(self.classes):
            terms = ClassTerms(*found[place])
            exposure, losses, _, retired = found[count + place]
            classes[number] = ClassState(
                oracle=terms.oracle,
                market_cap=terms.market_cap,
                market_cap_bps=terms.market_cap_bps,
                class_cap=terms.class_cap,
                class_cap_bps=terms.class_cap_bps,
                max_duration=terms.max_duration_s,
                exposure=exposure,
                losses=losses,
                retired=retired,
                delegated=terms.grade == DELEGATED,
                owns_wallets=self._kind(number) in OWNING,
                module=self._served.modules.get(number),
            )
            implementations[number] = str(terms.implementation)
            self._learn_class(number, terms)
        asked_now, *older = found[2 * count :]
        return classes, implementations, (sum(each[1] for each in older), asked_now[1])

    def _told_apart(
        self, markets: Sequence[MarketId]
    ) -> tuple[list[Holdings], dict[Question, int]]:
        """Return what the served classes' markets hold, and the exposure of the others' by
        question."""
        own, elsewhere = [], dict[Question, int]()
        for each in self._listed(markets):
            if each.class_id in self.classes:
                own.append(each)
            else:
                elsewhere[each.question] = elsewhere.get(each.question, 0) + each.exposure
        return self._holdings(own), elsewhere

    def _marks(
        self, held: Sequence[Holdings], reports: int
    ) -> dict[MarketId, dict[ConditionId, tuple[int, int]]]:
        """Return the marks of the last report, 10**-6: the bid up, the ask down.

        Args:
            reports: how many there were; 0: no mark is fresh
        """
        if not reports:
            return {each.market: {} for each in held}
        asked = marks_of(self.address, tuple((each.market, len(each.conditions)) for each in held))
        found, place = self.chain.ask(asked, *self._when), 0
        marks: dict[MarketId, dict[ConditionId, tuple[int, int]]] = {}
        for each in held:
            of_market = marks[each.market] = {}
            for condition in each.conditions:
                bid, ask, number = found[place]
                place += 1
                if number == reports:
                    of_market[condition] = -(-bid // _MICRO_WAD), ask // _MICRO_WAD
        return marks

    def _held(self, given: Sequence[tuple[str, int]]) -> list[_Held]:
        """Return what accounts hold, each given with its class; their wallets' part apart."""
        accounts = [account for account, _ in given]
        self._learn_conditions(accounts)
        found = self.chain.ask(of_accounts(tuple(accounts)), *self._when)
        reads = HeldAway(self.chain, self._when)
        away = reads.delegated([account for account, number in given if self._delegated[number]])
        away |= reads.owned(
            [account for account, number in given if self._kind(number) is AccountKind.WALLET]
        )
        away |= reads.in_safes(
            [account for account, number in given if self._kind(number) is AccountKind.SAFE]
        )
        result = []
        for account, (collateral, parts), tradable in zip(
            accounts, found[::2], found[1::2], strict=True
        ):
            whole = self._positions.of(account, parts, _positions)
            if account not in away:
                result.append(_Held(collateral, whole, tradable))
                continue
            there = away[account]
            outside = tuple(
                replace(each, yes=yes, no=no)
                for each, yes, no in zip(whole, there.tokens[::2], there.tokens[1::2], strict=True)
            )
            inside = tuple(
                replace(each, yes=each.yes - of.yes, no=each.no - of.no)
                for each, of in zip(whole, outside, strict=True)
            )
            result.append(
                _Held(
                    collateral - there.collateral,
                    inside,
                    tradable,
                    there.wallet,
                    there.collateral,
                    outside,
                    there.outstanding,
                    there.is_open,
                )
            )
        return result

    def _kind(self, number: int) -> AccountKind | None:
        """Return the kind of a class's accounts; None: the class is another keeper's."""
        return self._served.kinds.get(number)

    def _free_wallets(
        self, classes: Mapping[int, ClassState], implementations: Mapping[int, str]
    ) -> int:
        delegated = [number for number, each in classes.items() if each.names_wallets]
        if not delegated or not self.wallets.all():
            return 0
        return len(self.wallets.free(implementations[delegated[0]]))

    def _learn_conditions(self, accounts: Sequence[str]) -> None:
        """Read the conditions of accounts that were not seen before; they never change."""
        new = [account for account in accounts if account not in self._conditions]
        found = self.chain.ask([Ask(each, ACCOUNT, "conditions") for each in new], *self._when)
        for account, conditions in zip(new, found, strict=True):
            self._conditions[account] = tuple(ConditionId(each) for each in conditions)

    def _questions_of(self, markets: Sequence[MarketId]) -> Mapping[MarketId, Question]:
        """Return what markets are about; their ids are made of it, so it is read once."""
        new = [market for market in markets if market not in self._questions]
        found = dict(zip(new, self.ask(*(("questionOf", each) for each in new)), strict=True))
        self._questions |= {
            market: Question(question) for market, question in found.items() if int(question, 16)
        }
        return {market: Question(question) for market, question in found.items()} | self._questions

    def _learn_classes(self, numbers: Sequence[int]) -> None:
        """Read the grades of classes that were not seen before; they never change."""
        new = sorted(set(numbers) - set(self._delegated))
        found = self.ask(*(("classOf", number) for number in new))
        for number, terms in zip(new, found, strict=True):
            self._learn_class(number, ClassTerms(*terms))

    def _learn_class(self, number: int, terms: ClassTerms) -> None:
        """Keep whether a class's accounts hand their budgets to wallets of others: a SafeAccount,
        of the same grade, owns its Safe."""
        named = self._kind(number) is not AccountKind.SAFE
        self._delegated[number] = terms.grade == DELEGATED and named


def _positions(parts: _Parts) -> tuple[Position, ...]:
    return tuple(Position(*each) for each in parts)


def _state(about: tuple[Holdings, int, _Marks]) -> MarketState:
    held, reserved, marks = about
    positions = held.positions
    return MarketState(
        account=held.account,
        class_id=held.class_id,
        exposure=held.exposure,
        collateral=held.total,
        reserved=reserved,
        positions={name: (each.yes, each.no) for name, each in positions.items()},
        question=held.question,
        marks=marks,
        resolved=frozenset(name for name, each in positions.items() if each.resolved),
        tradable=held.tradable,
        wallet=held.wallet,
    )


def _assets(shares: int, price: int) -> int:
    """Return what shares are worth at a price of the vault, up."""
    return -(-shares * price // PRICE)
