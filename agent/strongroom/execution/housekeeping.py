"""What must be done whatever the strategy: settle what is resolved, merge complete sets, take back
idle budgets. Each in one Safe transaction; each tried again until it is done."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from strongroom.chain.calls import Call, make_call
from strongroom.chain.ids import canonical, keccak
from strongroom.execution.transactions import Transactor
from strongroom.execution.vault_reader import VaultReader
from strongroom.execution.venues.wallets import take_back
from strongroom.journal import Journal
from strongroom.journal.states import Sending
from strongroom.strategy.view import MarketState, VaultState

ALL = 2**256 - 1
ACCOUNT = "PolymarketAccount"  # the functions that all grades share
LEAST_MERGE = 10**6  # micro-tokens: a smaller set is not worth the gas


class Duties:
    """The vault's housekeeping."""

    def __init__(
        self,
        journal: Journal,
        transactor: Transactor,
        vault: VaultReader,
        now: Callable[[], int],
        told: Callable[[str, Mapping[str, Any]], None] = lambda event, fields: None,
    ) -> None:
        """Take the parts; `told` hears of what is done."""
        self._journal, self._transactor, self._vault = journal, transactor, vault
        self._now, self._told = now, told

    def settle(self, state: VaultState, busy: frozenset[str]) -> None:
        """Redeem what is resolved; recall and close markets that are resolved entirely.

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
            name = bytes.fromhex(market[2:])
            calls = [self._call("sync", name)]
            calls += self._fetch(market, each, held, whole)
            calls += [make_call(each.account, ACCOUNT, "redeem", place) for place in held]
            if whole:
                collateral = self._after_redeeming(market, each)
                if collateral:
                    calls.append(self._call("recall", name, ALL))
                calls.append(self._call("closeMarket", name))
                if each.wallet:
                    calls.append(make_call(each.account, "DelegatedAccount", "releaseWallet"))
            done = self._run(f"settle {market}", market, calls)
            if done and whole:
                self._settled(market, each, collateral)

    def tidy(self, state: VaultState, busy: frozenset[str]) -> None:
        """Merge complete sets and recall budgets, where nothing is under way.

        Raises:
            NotSigned: a signature is missing.
        """
        calls: list[Call] = []
        for market, each in state.markets.items():
            if market in busy or each.reserved:
                continue
            free = each.free
            sets = [
                place
                for place, (condition, pair) in enumerate(each.positions.items())
                if min(pair) >= LEAST_MERGE and condition not in each.resolved
            ]
            calls += self._fetch(market, each, sets, bool(free))
            for place, (condition, (yes, no)) in enumerate(each.positions.items()):
                pairs = min(yes, no)
                if pairs >= LEAST_MERGE and condition not in each.resolved:
                    calls.append(make_call(each.account, ACCOUNT, "merge", place, pairs))
                    free += pairs
            if free:
                calls.append(self._call("recall", bytes.fromhex(market[2:]), free))
        if calls:
            self._run("tidy", str(self._now()), calls)

    def _call(self, function: str, *arguments: Any) -> Call:
        """Return a call of the vault."""
        return make_call(self._vault.address, "Vault", function, *arguments)

    def _run(self, purpose: str, subject: str, calls: list[Call]) -> bool:
        """Carry it out unless the same is under way; return whether it is done."""
        if any(row.purpose == purpose for row in self._journal.transactions.open()):
            self._transactor.advance()
            return False
        what = [[call.to, call.data] for call in calls]
        key = keccak(canonical([purpose, subject, self._now(), what]))
        state, why = self._transactor.run(key, purpose, calls)
        if state == Sending.DROPPED:
            self._told("duty_refused", {"purpose": purpose, "why": why})
        return state in (Sending.MINED, Sending.DONE)

    def _fetch(
        self, market: str, state: MarketState, places: Sequence[int], money: bool
    ) -> list[Call]:
        """Return the calls that bring a wallet's tokens of some conditions, and its collateral,
        into the account."""
        if not state.wallet:
            return []
        collateral, away, _ = self._vault.away(bytes.fromhex(market[2:]))
        tokens = {place: (away[place].yes, away[place].no) for place in places}
        there = collateral if money else 0
        return take_back(state.account, (there, tokens))

    def _after_redeeming(self, market: str, state: MarketState) -> int:
        """Return the collateral that the account will hold, micro-units."""
        collateral, held = self._vault.positions(bytes.fromhex(market[2:]))
        for _, position in held:
            if position.resolved:
                collateral += position.yes * position.payout_yes // position.payout_denominator
                collateral += position.no * position.payout_no // position.payout_denominator
        return collateral

    def _settled(self, market: str, state: MarketState, recalled: int) -> None:
        profit = recalled - state.exposure
        if profit < 0:
            self._journal.keep("last_loss_at", str(self._now()))
        self._told(
            "settled",
            {
                "market": market,
                "at_cost": state.exposure,
                "recalled": recalled,
                "profit": profit,
            },
        )
