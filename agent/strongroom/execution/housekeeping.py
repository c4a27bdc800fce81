"""What must be done whatever the strategy: settle what is resolved, sweep what was closed, merge
complete sets, take back idle budgets. Each in one Safe transaction, tried again until it is done.
"""

from collections.abc import Callable, Iterable, Sequence

from strongroom.chain.calls import Call, make_call
from strongroom.chain.ids import MarketId, canonical, transaction_key
from strongroom.chain.rpc import Position
from strongroom.chain.units import MICRO
from strongroom.execution.interfaces import Listener, SafeSender
from strongroom.execution.vault_reader import ACCOUNT, Holdings, VaultReader
from strongroom.execution.wallet_desk import WalletDesk
from strongroom.journal import Journal
from strongroom.journal.states import TransactionState
from strongroom.strategy.view import MarketState, VaultState

LEAST_MERGE = MICRO  # micro-tokens: a smaller set is not worth the gas


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

    def settle(self, state: VaultState, busy: frozenset[MarketId]) -> None:
        """Close markets that are resolved entirely, which redeems and brings home what is there; of
        others redeem what is resolved and harvest what is above cost.

        Raises:
            NotSigned: a signature is missing.
        """
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
            done = self._run(f"settle {market}", market, calls)
            if done and whole:
                self._settled(market, each, collateral)

    def sweep(self) -> None:
        """Bring home what closed accounts hold, and the wallets that they own.

        Raises:
            NotSigned: a signature is missing.
        """
        accounts, calls = self._vault.to_sweep(), list[Call]()
        for each in self._vault.left_in_wallets():
            fetched = self._wallets.fetch_closed(each)
            if fetched:
                calls += fetched
                accounts.append(each.account)
        accounts = list(dict.fromkeys(accounts))
        if accounts:
            # redeemed by itself: a sweep goes on without, and an estimate of its gas leaves none
            calls += [make_call(each, ACCOUNT, "redeemResolved") for each in accounts]
            calls += [make_call(self._vault.address, "Vault", "sweep", each) for each in accounts]
            self._run("sweep", ",".join(accounts), calls)

    def _redemption(self, held: Holdings, state: MarketState) -> Call:
        """Return the call that redeems what is resolved, and harvests where that leaves more than
        cost and orders take."""
        inside = held.collateral + _paid(held.here)
        if inside > max(held.exposure, state.reserved):
            return self._call("harvest", held.market)
        return make_call(held.account, ACCOUNT, "redeemResolved")

    def tidy(self, state: VaultState, busy: frozenset[MarketId]) -> None:
        """Merge complete sets and recall budgets, where nothing is under way.

        Raises:
            NotSigned: a signature is missing.
        """
        calls: list[Call] = []
        for market, each in state.markets.items():
            if market not in busy and not each.reserved:
                calls += self._tidying(market, each)
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
        fetched: list[Call] | None = []
        if each.wallet and free:
            (held,) = self._vault.holdings([market])
            tokens = {
                place: (max(0, pairs - held.here[place].yes), max(0, pairs - held.here[place].no))
                for place, pairs in sets.items()
            }
            money = held.collateral_away if each.free else 0
            fetched = self._wallets.fetch(held, money, tokens)
        if not free or fetched is None:
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

    def _run(self, purpose: str, subject: str, calls: list[Call]) -> bool:
        """Carry it out unless the same is under way; return whether it is done."""
        if any(each.purpose == purpose for each in self._journal.transactions.open()):
            self._transactor.advance()
            return False
        what = [[call.to, call.data] for call in calls]
        key = transaction_key(canonical([purpose, subject, self._now(), what]))
        state, why = self._transactor.run(key, purpose, calls)
        if state == TransactionState.DROPPED:
            self._on_event("duty_refused", {"purpose": purpose, "why": why})
        return state in (TransactionState.MINED, TransactionState.DONE)

    def _settled(self, market: MarketId, state: MarketState, recalled: int) -> None:
        profit = recalled - state.exposure
        if profit < 0:
            self._journal.keep("last_loss_at", str(self._now()))
        self._on_event(
            "settled",
            {
                "market": market,
                "at_cost": state.exposure,
                "recalled": recalled,
                "profit": profit,
            },
        )


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
