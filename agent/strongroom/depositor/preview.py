"""What a depositor asks for, in plain words before it is sent: what you get, when, by which rule,
and what is lacking. Amounts are read from the chain at that moment, rounded as the vault rounds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from strongroom.chain.units import DAY, HOUR, VIRTUAL_SHARES
from strongroom.depositor.amounts import money, shares_text
from strongroom.depositor.options import DepositorPosition, RequestKind
from strongroom.depositor.vault import AccountHolding, DepositorVault
from strongroom.errors import Refused


class NotPossible(Refused):
    """It cannot succeed; the message says why."""


@dataclass(frozen=True)
class Preview:
    """What a command would do, and the reasons why it cannot."""

    lines: tuple[str, ...]
    lacks: tuple[str, ...] = ()


class Depositor:
    """One depositor's view of one vault at one time."""

    def __init__(self, vault: DepositorVault, who: str, now: int) -> None:
        self._vault, self._who, self._now = vault, who, now

    def position(self) -> DepositorPosition:
        """Return what is held, waits and can be claimed."""
        vault, who = self._vault, self._who
        shares, (bid, ask) = vault.shares_of(who), vault.navs()
        return DepositorPosition(
            shares,
            self._worth(shares),
            vault.waiting(RequestKind.DEPOSIT, who),
            *vault.claimable(RequestKind.DEPOSIT, who),
            vault.waiting(RequestKind.REDEEM, who),
            vault.claimable(RequestKind.REDEEM, who)[1],
            bid,
            ask,
        )

    def deposit(self, assets: int) -> Preview:
        """Preview a request to deposit."""
        vault, (bid, ask) = self._vault, self._vault.navs()
        supply = vault.supply()
        shares = assets * (supply + VIRTUAL_SHARES) // (ask + 1)
        worth = shares * (bid + 1) // (supply + VIRTUAL_SHARES)
        lines = (
            f"You hand over {self._money(assets)} now.",
            "The first report after your request sets the price, at the ask. Nobody knows it yet.",
            f"At the last report's ask you would get {shares_text(shares)} shares, worth "
            f"{self._money(worth)} at the bid.",
            self._report_words(),
            *self._announced(),
            "Until that report you can cancel the request with `strongroom cancel deposit`. "
            "After it, take your shares with `strongroom claim`.",
        )
        return Preview(lines, tuple(self._deposit_lacks(assets)))

    def redeem(self, shares: int) -> Preview:
        """Preview a request to redeem."""
        vault = self._vault
        days = vault.limit("max_redeem_delay_s") / DAY
        lines = (
            f"You hand over {shares_text(shares)} shares now.",
            "The first report after your request sets the price, at the bid. Nobody knows it yet.",
            f"At the last report's bid they are worth {self._money(self._worth(shares))}.",
            "The vault pays the oldest requests first, out of idle assets "
            f"({self._money(vault.idle())} now). It pays the rest at later reports, at their bids.",
            self._report_words(),
            f"If your request waits longer than {days:g} days, you can leave in kind with "
            "`strongroom exit`.",
        )
        return Preview(lines, tuple(self._shares_lacks(shares, vault.shares_of(self._who))))

    def claim(self) -> Preview:
        """Preview a claim."""
        found, lines = self.position(), []
        if found.claimable_deposit:
            lines.append(
                f"You get {shares_text(found.claimable_shares)} shares for the "
                f"{self._money(found.claimable_deposit)} that you deposited."
            )
        if found.claimable_assets:
            lines.append(
                f"You get {self._money(found.claimable_assets)} for the shares that you redeemed."
            )
        lacks = () if lines else (f"nothing can be claimed yet. {self._report_words()}",)
        return Preview(tuple(lines), lacks)

    def cancel(self, side: RequestKind) -> Preview:
        """Preview a cancellation."""
        waiting = self._vault.waiting(side, self._who)
        if not waiting:
            return Preview((), (f"no {side} request waits for a report",))
        back = (
            self._money(waiting)
            if side is RequestKind.DEPOSIT
            else f"{shares_text(waiting)} shares"
        )
        return Preview((f"You cancel your {side} request and get {back} back.",))

    def exit(self, shares: int) -> Preview:
        """Preview leaving in kind, holding by holding."""
        vault = self._vault
        if vault.winding_down():
            lacks = list(self._shares_lacks(shares, vault.shares_of(self._who)))
        elif waiting := vault.waiting(RequestKind.REDEEM, self._who):
            asked = f"your redemption request is of {shares_text(waiting)} shares"
            lacks = [asked] if shares > waiting else []
        else:
            lacks = ["you can leave in kind in wind-down, or when your redemption is overdue"]
        whole = vault.supply() + VIRTUAL_SHARES
        lines = [
            f"Your {shares_text(shares)} shares are {shares / whole:.6%} of the vault.",
            f"From idle assets you get {self._money(vault.idle() * shares // whole)}.",
        ]
        for each in vault.holdings():
            lines += self._part(each, shares, whole)
        lines.append("You get outcome tokens, not their price; no report and no keeper is needed.")
        return Preview(tuple(lines), tuple(lacks))

    # words

    def _deposit_lacks(self, assets: int) -> Iterator[str]:
        vault = self._vault
        limit, least = vault.deposit_terms()
        held = vault.assets_of(self._who)
        if vault.winding_down():
            yield "the vault is winding down: it accepts no deposits"
        elif vault.paused():
            yield "the vault is paused: it accepts no deposits until it is unpaused"
        if not vault.allows(self._who):
            yield f"{self._who} is not on the vault's allow-list"
        if not assets:
            yield "the amount is 0"
        elif assets < least:
            yield f"the smallest deposit is {self._money(least)}"
        promised = vault.navs()[0] + vault.waiting_deposits()
        if promised + assets > limit:
            yield f"the vault accepts at most {self._money(max(0, limit - promised))} more"
        if held < assets:
            yield f"you have {self._money(held)}, {self._money(assets - held)} too little"

    def _shares_lacks(self, shares: int, held: int) -> Iterator[str]:
        if not 0 < shares <= held:
            yield f"you hold {shares_text(held)} shares"

    def _announced(self) -> Iterator[str]:
        found = self._vault.announced(self._now)
        if found is None:
            yield "This node does not show announced changes of the owner: use another node."
        for each in found or ():
            when = (
                f"until {_moment(each.lapses)}"
                if each.ready <= self._now
                else f"from {_moment(each.ready)} on"
            )
            yield f"The owner has announced {each.words} and can make this call {when}."

    def _part(self, held: AccountHolding, shares: int, whole: int) -> Iterator[str]:
        name = f"From market 0x{held.market.hex()[:10]}..."
        if held.collateral:
            yield f"{name}: {self._money(held.collateral * shares // whole)}."
        for number, outcome in enumerate(held.outcomes):
            yes, no = (tokens * shares // whole for tokens in outcome)
            if yes or no:
                yield f"{name}, outcome {number}: {money(yes)} YES, {money(no)} NO."
        if held.away:
            yield f"{name}: {self._money(held.away)} at cost stays in a wallet, out of reach."

    def _money(self, micro: int) -> str:
        return f"{money(micro)} {self._vault.symbol}"

    def _worth(self, shares: int) -> int:
        return shares * (self._vault.navs()[0] + 1) // (self._vault.supply() + VIRTUAL_SHARES)

    def _report_words(self) -> str:
        last = self._vault.last_report()
        return f"The last report was {(self._now - last) / HOUR:.1f} hours ago ({_moment(last)})."


def _moment(timestamp: int) -> str:
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M} UTC"
