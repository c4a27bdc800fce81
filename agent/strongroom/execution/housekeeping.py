"""What must be done whatever the strategy: settle what is resolved, sweep what was closed, merge
complete sets, take back idle budgets. Each in one Safe transaction, tried again until it is done.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from strongroom.chain.calls import Call, make_call
from strongroom.chain.ids import MarketId, TransactionKey, canonical, transaction_key
from strongroom.chain.rpc import Position
from strongroom.chain.units import MICRO
from strongroom.execution.closed_accounts import ClosedAccounts
from strongroom.execution.holdings import Holdings, LeftBehind
from strongroom.execution.interfaces import Listener, SafeSender
from strongroom.execution.vault_asks import ACCOUNT
from strongroom.execution.vault_reader import VaultReader
from strongroom.execution.wallet_desk import WalletDesk
from strongroom.journal import Journal
from strongroom.journal.states import TransactionState
from strongroom.strategy.view import MarketState, VaultState

LEAST_MERGE = MICRO  # micro-tokens: a smaller set is not worth the gas
# Micro-units that are brought home: a harvest, recall or sweep takes some 200,000 gas, about a cent
# on Polygon, so this is a hundred times its price; and nobody makes us pay by sending dust. What
# is less comes home with what follows it, or when its market is closed.
LEAST_HOME = MICRO
SWEPT_AT_ONCE = 16  # accounts of one transaction
_CLOSING = "closings under way"  # of the journal's facts: transaction -> what it closes


@dataclass(frozen=True)
class _Closing:
    """A market that a transaction closes: what it has cost and will bring home, micro-units."""

    market: MarketId
    at_cost: int
    recalled: int


_CLOSINGS = TypeAdapter(dict[TransactionKey, _Closing])
_UNDER_WAY = (TransactionState.PLANNED, TransactionState.SIGNED, TransactionState.SENT)


class Duties:
    """The vault's housekeeping."""

    def __init__(
        self,
        journal: Journal,
        transactor: SafeSender,
        vault: VaultReader,
        wallets: WalletDesk,
        now: Callable[[], int],
        on_event: Listener = lambda event, fields: None,
    ) -> None:
        """Take the parts; `on_event` is called with what is done."""
        self._journal, self._transactor, self._vault = journal, transactor, vault
        self._wallets, self._now, self._on_event = wallets, now, on_event
        self._closed = ClosedAccounts(journal, vault, now)

    def settle(self, state: VaultState, busy: frozenset[MarketId]) -> None:
        """Close markets that are resolved entirely, which redeems and brings home what is there; of
        others redeem what is resolved and harvest what is above cost.

        Raises:
            NotSigned: a signature is missing.
        """
        self._note_closed()
        for market, each in state.markets.items():
            whole = len(each.resolved) == len(each.positions)
            held = [
                place
                for place, (condition, (yes, no)) in enumerate(each.positions.items())
                if condition in each.resolved and (yes or no)
            ]
            if not each.resolved or (market in busy and not whole) or not (held or whole):
                continue
            (now,) = self._vault.holdings([market])
            calls, collateral = self._fetch_resolved(now, held, whole), _after_redeeming(now)
            if calls is None:
                continue
            if whole:
                calls.append(self._call("closeMarket", market))
                if now.delegated and now.wallet:
                    calls.append(make_call(each.account, "DelegatedAccount", "releaseWallet"))
            else:
                calls.append(self._redemption(now, each))
            closing = _Closing(market, each.exposure, collateral) if whole else None
            self._run(f"settle {market}", market, calls, closing)
        self._note_closed()

    def sweep(self, state: VaultState) -> None:
        """Bring home what closed accounts and their wallets hold, also of those that were empty.

        Raises:
            NotSigned: a signature is missing.
        """
        accounts, calls = list[str](), list[Call]()
        for each in self._closed.left_behind(state, _is_worth_sweeping)[:SWEPT_AT_ONCE]:
            fetched = self._wallets.fetch_closed(each)
            if fetched or each.collateral or _redeemable(each.here):
                calls += fetched or []
                accounts.append(each.account)
        if accounts:
            # redeemed by itself: a sweep goes on without, and an estimate of its gas leaves none
            calls += [make_call(each, ACCOUNT, "redeemResolved") for each in accounts]
            calls += [make_call(self._vault.address, "Vault", "sweep", each) for each in accounts]
            self._run("sweep", ",".join(accounts), calls)

    def _redemption(self, held: Holdings, state: MarketState) -> Call:
        """Return the call that redeems what is resolved, and harvests where that leaves more than
        cost. A harvest leaves the cost, which orders must not exceed."""
        inside = held.collateral + _paid(held.here)
        if inside - held.exposure >= LEAST_HOME and held.exposure >= state.reserved:
            return self._call("harvest", held.market)
        return make_call(held.account, ACCOUNT, "redeemResolved")

    def tidy(self, state: VaultState, busy: frozenset[MarketId]) -> None:
        """Merge complete sets and recall budgets, where nothing is under way; elsewhere harvest
        what is above cost and no order may take: income beside trades, as a rule.

        Raises:
            NotSigned: a signature is missing.
        """
        calls: list[Call] = []
        for market, each in state.markets.items():
            if market not in busy and not each.reserved:
                calls += self._tidying(market, each)
            elif _may_harvest(each):
                calls.append(self._call("harvest", market))
        if calls:
            self._run("tidy", str(self._now()), calls)

    def _tidying(self, market: MarketId, each: MarketState) -> list[Call]:
        """Return the calls that merge a market's complete sets and recall its budget."""
        sets = {
            place: min(pair)
            for place, (condition, pair) in enumerate(each.positions.items())
            if min(pair) >= LEAST_MERGE and condition not in each.resolved
        }
        free = each.free + sum(sets.values())
        if free < LEAST_HOME:
            return []
        fetched: list[Call] | None = []
        if each.wallet:
            (held,) = self._vault.holdings([market])
            tokens = {
                place: (max(0, pairs - held.here[place].yes), max(0, pairs - held.here[place].no))
                for place, pairs in sets.items()
            }
            money = held.collateral_away if each.free else 0
            fetched = self._wallets.fetch(held, money, tokens)
        if fetched is None:
            return []
        merges = [
            make_call(each.account, ACCOUNT, "merge", place, pairs) for place, pairs in sets.items()
        ]
        return [*fetched, *merges, self._call("recall", market, free)]

    def _fetch_resolved(
        self, held: Holdings, places: Sequence[int], whole: bool
    ) -> list[Call] | None:
        """Return the calls that bring a wallet's tokens of resolved conditions into the account,
        and its collateral if all are resolved; None: they are on their way."""
        if not held.wallet:
            return []
        tokens = {place: (held.away[place].yes, held.away[place].no) for place in places}
        return self._wallets.fetch(held, held.collateral_away if whole else 0, tokens)

    def _call(self, function: str, market: MarketId, *arguments: int) -> Call:
        """Return a call of the vault."""
        return make_call(self._vault.address, "Vault", function, market, *arguments)

    def _run(
        self, purpose: str, subject: str, calls: list[Call], closing: _Closing | None = None
    ) -> None:
        """Carry it out unless the same is under way."""
        if any(each.purpose == purpose for each in self._journal.transactions.open()):
            self._transactor.advance()
            return
        what = [[call.to, call.data] for call in calls]
        key = transaction_key(canonical([purpose, subject, self._now(), what]))
        if closing is not None:
            self._keep_closings(self._closings() | {key: closing})
        state, why = self._transactor.run(key, purpose, calls)
        if state == TransactionState.DROPPED:
            self._on_event("duty_refused", {"purpose": purpose, "why": why})

    def _closings(self) -> dict[TransactionKey, _Closing]:
        text = self._journal.fact(_CLOSING)
        return _CLOSINGS.validate_json(text) if text else {}

    def _keep_closings(self, closings: dict[TransactionKey, _Closing]) -> None:
        self._journal.keep(_CLOSING, _CLOSINGS.dump_json(closings).decode())

    def _note_closed(self) -> None:
        """Note the markets whose closing is on chain, at whatever tick that is."""
        left = closings = self._closings()
        for key, each in closings.items():
            state, _ = self._transactor.state(key)
            if state in (TransactionState.MINED, TransactionState.DONE):
                self._settled(each)
            if state not in _UNDER_WAY:
                left = {other: kept for other, kept in left.items() if other != key}
        if left != closings:
            self._keep_closings(left)

    def _settled(self, closed: _Closing) -> None:
        profit = closed.recalled - closed.at_cost
        if profit < 0:
            self._journal.keep("last_loss_at", str(self._now()))
        self._on_event(
            "settled",
            {
                "market": closed.market,
                "at_cost": closed.at_cost,
                "recalled": closed.recalled,
                "profit": profit,
            },
        )


def _may_harvest(state: MarketState) -> bool:
    """Say whether enough is above cost, and the cost, which a harvest leaves, covers all orders.
    What is in a wallet comes home once nothing is under way."""
    above = state.collateral - state.exposure
    return above >= LEAST_HOME and state.exposure >= state.reserved and not state.wallet


def _is_worth_sweeping(left: LeftBehind) -> bool:
    """Say whether it pays, or frees a place of the vault's list."""
    worth = left.collateral + left.collateral_away + _paid((*left.here, *left.away))
    return worth >= LEAST_HOME or (left.listed and _redeemable((*left.here, *left.away)))


def _redeemable(positions: Iterable[Position]) -> bool:
    return any(each.resolved and (each.yes or each.no) for each in positions)


def _after_redeeming(held: Holdings) -> int:
    """Return the collateral that an account and its wallet will hold, micro-units."""
    return held.total + _paid(held.positions.values())


def _paid(positions: Iterable[Position]) -> int:
    """Return what resolved positions pay, micro-units."""
    return sum(
        each.yes * each.payout_yes // each.payout_denominator
        + each.no * each.payout_no // each.payout_denominator
        for each in positions
        if each.resolved
    )
