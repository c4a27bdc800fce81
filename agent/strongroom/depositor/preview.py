"""What a depositor asks for, said in plain words before it is sent: what you get, when, by which
rule. Amounts are read from the chain at that moment and rounded as the vault rounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from strongroom.chain.terms import ordinal
from strongroom.chain.units import MICRO
from strongroom.chain.units import format_units as money

DEPOSIT, REDEEM = 0, 1
VIRTUAL = 10**6
SHARE = 10**12  # base units of a share: six decimals more than assets
LOOK_BACK = 32  # epochs


class NotPossible(ValueError):
    """It cannot be done; the message says why and what to do instead."""


@dataclass(frozen=True)
class Position:
    """Somebody's part of a vault; assets in micro-units, shares in base units."""

    shares: int
    worth: int  # at the bid
    waiting_deposit: int  # assets that wait for a report
    claimable_deposit: int  # assets whose shares wait for them
    claimable_shares: int
    waiting_redeem: int  # shares that wait
    claimable_assets: int


class Dealing:
    """One depositor's view of one vault (ape contracts)."""

    def __init__(self, vault: Any, who: Any, now: int) -> None:
        self._vault, self._who, self._now = vault, who, now

    def position(self) -> Position:
        """Return what is held, waits and can be claimed."""
        vault, who = self._vault, self._who
        shares = vault.balanceOf(who)
        deposit, redeem = vault.epochs()

        def waiting(read: Any, newest: int) -> int:
            return sum(read(epoch, who) for epoch in range(max(1, newest - LOOK_BACK), newest + 1))

        return Position(
            shares,
            self._worth(shares),
            waiting(vault.pendingDepositRequest, deposit),
            vault.maxDeposit(who),
            vault.maxMint(who),
            waiting(vault.pendingRedeemRequest, redeem),
            vault.maxWithdraw(who),
        )

    def preview_deposit(self, assets: int) -> list[str]:
        """Say what a request to deposit comes to.

        Raises:
            NotPossible: the vault would refuse it.
        """
        vault = self._vault
        limit, least = vault.depositTerms()
        bid, ask = vault.navs()
        if vault.windingDown():
            raise NotPossible("the vault is winding down: it takes no deposits any more")
        if assets < least:
            raise NotPossible(f"the least deposit is {money(least, 2)}")
        promised = bid + self._waiting_deposits()
        if promised + assets > limit:
            raise NotPossible(f"the vault takes {money(max(0, limit - promised), 2)} more at most")
        supply = vault.totalSupply()
        shares = assets * (supply + VIRTUAL) // (ask + 1)
        return [
            f"You hand over {money(assets, 2)} now.",
            "The first report after your request prices it, at the ask: nobody knows it yet.",
            f"At the last report's ask you would get {shares / SHARE:,.6f} shares, worth "
            f"{money(shares * (bid + 1) // (supply + VIRTUAL), 2)} at the bid.",
            self._report_words(),
            "Until then you can take it back (cancelDepositRequest). Afterwards `ape run claim`.",
        ]

    def preview_redeem(self, shares: int) -> list[str]:
        """Say what a request to redeem comes to.

        Raises:
            NotPossible: there are not so many shares.
        """
        vault = self._vault
        held = vault.balanceOf(self._who)
        if not 0 < shares <= held:
            raise NotPossible(f"you hold {held / SHARE:,.6f} shares")
        idle = vault.total_idle()
        delay = vault.limit(ordinal("max_redeem_delay_s"))
        return [
            f"You hand over {shares / SHARE:,.6f} shares now.",
            "The first report after your request prices them, at the bid: nobody knows that yet.",
            f"At the last report's bid they are worth {money(self._worth(shares), 2)}.",
            f"Oldest requests are paid first, as far as idle assets reach ({money(idle, 2)} now); "
            "the rest at later reports, each at its own bid.",
            self._report_words(),
            f"Waits it longer than {delay / 86_400:g} days, `ape run exit_in_kind` is open to you.",
        ]

    def preview_claim(self) -> list[str]:
        """Say what can be claimed.

        Raises:
            NotPossible: nothing can.
        """
        found = self.position()
        words = []
        if found.claimable_deposit:
            words.append(
                f"{found.claimable_shares / SHARE:,.6f} shares for the "
                f"{money(found.claimable_deposit, 2)} that you deposited."
            )
        if found.claimable_assets:
            words.append(f"{money(found.claimable_assets, 2)} for the shares that you redeemed.")
        if not words:
            raise NotPossible(f"nothing can be claimed yet. {self._report_words()}")
        return words

    def preview_exit(self, shares: int) -> list[str]:
        """Say what leaving in kind comes to, holding by holding.

        Raises:
            NotPossible: there are not so many shares, or the way is not open.
        """
        vault = self._vault
        if not vault.windingDown():
            waiting = self.position().waiting_redeem
            if not waiting:
                raise NotPossible(
                    "exit in kind is open in wind-down, or when your redemption request is overdue"
                )
            if shares > waiting:
                raise NotPossible(f"your request is of {waiting / SHARE:,.6f} shares")
        elif not 0 < shares <= vault.balanceOf(self._who):
            raise NotPossible(f"you hold {vault.balanceOf(self._who) / SHARE:,.6f} shares")
        whole = vault.totalSupply() + VIRTUAL
        words = [
            f"Your {shares / SHARE:,.6f} shares are {shares / whole:.6%} of everything.",
            f"From idle: {money(vault.total_idle() * shares // whole, 6)}.",
        ]
        for market in vault.openMarkets():
            account = vault.accountOf(market)
            words += self._part(bytes(market), account, shares, whole)
        words.append("Outcome tokens come as they are: no price, no report, no keeper is needed.")
        return words

    def _part(self, market: bytes, account: str, shares: int, whole: int) -> list[str]:
        import ape

        from strongroom.chain import abi

        contract = ape.Contract(account, abi=abi.load("DelegatedAccount"))
        collateral, positions = contract.holdings(False)
        name = f"0x{market.hex()[:10]}..."
        words = []
        if collateral:
            words.append(f"From market {name}: {money(collateral * shares // whole, 6)}.")
        for place, held in enumerate(positions):
            yes, no = held[0] * shares // whole, held[1] * shares // whole
            if yes or no:
                words.append(
                    f"From market {name}, outcome {place}: {yes / MICRO:,.6f} YES, "
                    f"{no / MICRO:,.6f} NO."
                )
        if contract.grade() == 2 and contract.outstanding():
            words.append(f"Out of reach in a wallet: {money(contract.outstanding(), 2)} at cost.")
        return words

    def _worth(self, shares: int) -> int:
        bid, supply = self._vault.navs()[0], self._vault.totalSupply()
        return int(shares * (bid + 1) // (supply + VIRTUAL))

    def _waiting_deposits(self) -> int:
        """Return what waits in all deposit epochs: the vault counts it towards its limit."""
        newest = self._vault.epochs()[0]
        found = (
            self._vault.epochOf(DEPOSIT, epoch)
            for epoch in range(max(1, newest - LOOK_BACK), newest + 1)
        )
        return sum(asked - settled for asked, settled, _ in found)

    def _report_words(self) -> str:
        last = self._vault.lastReport()
        moment = datetime.fromtimestamp(last, UTC)
        age = (self._now - last) / 3_600
        return f"The last report was {age:.1f} hours ago ({moment:%Y-%m-%d %H:%M} UTC)."


def to_micro(text: str) -> int:
    """Return an amount of units in micro-units.

    Raises:
        NotPossible: it is no positive amount of at most six decimals.
    """
    return _scaled(text, MICRO)


def to_shares(text: str, held: int) -> int:
    """Return a number of shares in base units; "all" is what is held.

    Raises:
        NotPossible: it is none.
    """
    return held if text == "all" else _scaled(text, SHARE)


def _scaled(text: str, unit: int) -> int:
    try:
        value = Decimal(text) * unit
    except InvalidOperation as error:
        raise NotPossible(f"{text!r} is no number") from error
    if not value.is_finite() or value <= 0 or value != int(value):
        raise NotPossible(f"{text!r} is no positive amount that the token can show")
    return int(value)


def said(words: Sequence[str]) -> str:
    """Return a preview as lines."""
    return "\n".join(f"- {line}" for line in words)
