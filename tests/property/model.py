"""The backtest's vault with the acts that a backtest has no use for.

These are synchronous dealing, leaving in kind, winding down and the breaker's reset.
"""

import copy

from strongroom.backtest.simulated_vault import (
    REDEEM,
    SHARE_PRICE,
    Name,
    Value,
    Vault,
    need,
)
from strongroom.chain.units import VIRTUAL_SHARES


class WholeVault(Vault[Name]):
    """Every act of the contract."""

    def sync_deposit(self, who: str, assets: int, payouts: dict[Name, Value]) -> int:
        need(assets > 0, "below the least deposit")
        self._check_sync(payouts)
        bid, ask = self.nav
        supply = self.supply
        need(supply <= (bid + 1) * VIRTUAL_SHARES * 10**4, "shares are worthless")
        shares = assets * (supply + VIRTUAL_SHARES) // (ask + 1)
        need(shares > 0, "too few shares out")
        self._keep_mark(bid, ask, supply, assets, shares)
        self.idle += assets
        self.put_in += assets
        self.mint(who, shares)
        return shares

    def sync_redeem(self, who: str, shares: int, payouts: dict[Name, Value]) -> int:
        need(shares > 0, "nothing to redeem")
        self._check_sync(payouts)
        need(self.waiting_shares == 0, "redemptions wait")
        assets = shares * (self.nav[0] + 1) // (self.supply + VIRTUAL_SHARES)
        need(assets <= self.idle, "idle too low")
        self.burn(who, shares)
        self.idle -= assets
        self.got_out += assets
        return assets

    def _check_sync(self, payouts: dict[Name, Value]) -> None:
        self._check_dealable()
        need(self.now - self.reported <= self.limits["sync_max_age"], "stale NAV")
        for market, value in payouts.items():
            self.sync(market, value)

    def redeem_in_kind(self, who: str, shares: int) -> tuple[int, int]:
        """Return the fraction of everything that leaves: shares, and supply with the offset."""
        need(shares > 0, "nothing to redeem")
        if not self.winding_down:
            saved = copy.deepcopy(vars(self))
            left, _ = self._leave(REDEEM, who, self.now - self.limits["max_redeem_delay"] - 1)
            if shares > left:
                vars(self).update(saved)  # what is refused leaves nothing changed
            need(shares <= left, "exceeds the request")
            self.move("vault", who, left)
        whole = self.supply + VIRTUAL_SHARES
        self.burn(who, shares)
        before = self.nav[0]
        self.idle -= self.idle * shares // whole
        for market in (self.markets[m] for m in self.open):
            bid, ask = market.book
            left_bid = bid - bid * shares // whole
            market.book = left_bid, left_bid + (ask - bid) - (ask - bid) * shares // whole
            market.exposure -= market.exposure * shares // whole
        self.got_out += before - self.nav[0]
        return shares, whole

    def wind_down(self, who: str) -> None:
        need(not self.winding_down, "winding down")
        if self.now <= self.reported + self.limits["liveness_period"]:
            need(who in ("owner", "guardian"), "ownable: caller is not the owner")
        self.winding_down = True

    def reset_breaker(self) -> None:
        price = self.nav[0] * SHARE_PRICE // self.supply if self.supply else 0
        self.tripped = False
        self.reference = price if 0 < price < self.mark else None
