"""What a depositor asks for, in plain words before it is sent: what you get, when, by which rule,
and what is lacking. Amounts are read from the chain at that moment, rounded as the vault rounds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from strongroom.chain.notices import moment
from strongroom.chain.units import BPS, HOUR, PRICE
from strongroom.depositor.amounts import money, shares_text
from strongroom.depositor.options import DepositorPosition, RequestKind, RequestLine
from strongroom.depositor.requests import Dealing, DepositorRequest
from strongroom.depositor.vault import AccountHolding, DepositorVault
from strongroom.errors import Refused

NO_NOTICES = "This node does not show announced changes of the owner: use another node."


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
        """Return what is held, waits and can be claimed, and what the owner has announced."""
        vault, who = self._vault, self._who
        dealing, shares, (bid, ask) = vault.dealing(self._now), vault.shares_of(who), vault.navs()
        found = {side: vault.requests(side, who) for side in RequestKind}
        return DepositorPosition(
            shares,
            shares * dealing.bid // PRICE,
            sum(each.pending for each in found[RequestKind.DEPOSIT]),
            *vault.claimable(RequestKind.DEPOSIT, who),
            sum(each.pending for each in found[RequestKind.REDEEM]),
            vault.claimable(RequestKind.REDEEM, who)[1],
            bid,
            ask,
            tuple(self._line(each, dealing) for side in RequestKind for each in found[side]),
            tuple(self._announced()),
        )

    def to_take_back(
        self, side: RequestKind | None = None, number: int | None = None
    ) -> list[DepositorRequest]:
        """Return the requests that can be taken back now, oldest first.

        Args:
            side: of this side only
            number: with this id only
        """
        dealing = self._vault.dealing(self._now)
        return [
            each
            for one in RequestKind
            if side in (None, one)
            for each in self._vault.requests(one, self._who)
            if number in (None, each.request_id) and each.can_be_taken_back(dealing)
        ]

    def redemption(self, number: int) -> DepositorRequest | None:
        """Return a redemption of which something waits, by its id."""
        found = self._vault.requests(RequestKind.REDEEM, self._who)
        return next((each for each in found if each.request_id == number and each.pending), None)

    def deposit(self, assets: int) -> Preview:
        """Preview a request to deposit."""
        dealing = self._vault.dealing(self._now)
        shares = assets * PRICE // dealing.ask
        worth = shares * dealing.bid // PRICE
        lines = (
            f"You hand over {self._money(assets)} now.",
            *self._approval_words(assets),
            "The next report closes your request, one after it sets the price: the higher of its "
            "ask and of the ask before it. Nobody knows it yet.",
            f"At the last ask you would get {shares_text(shares)} shares, worth "
            f"{self._money(worth)} at the bid.",
            "If the price is then more than "
            f"{_percent(dealing.max_up_bps)} above the lowest ask until your request is closed, "
            "the vault hands your request back, and you take it back.",
            self._waiting_words(dealing),
            self._report_words(),
            *self._announced(),
            "You can cancel the request until a report has closed it, and again once a later "
            "report has left it over. When it is dealt with, take your shares with "
            "`strongroom claim`.",
        )
        return Preview(lines, tuple(self._deposit_lacks(assets)))

    def redeem(self, shares: int) -> Preview:
        """Preview a request to redeem."""
        vault, dealing = self._vault, self._vault.dealing(self._now)
        lines = (
            f"You hand over {shares_text(shares)} shares now.",
            "The next report closes your request, one after it sets the price: the lower of its "
            "bid and of the bid before it. Nobody knows it yet.",
            f"At the last bid they are worth {self._money(shares * dealing.bid // PRICE)}. A "
            "profit that is not home yet is not in it: who wants his part of it leaves in kind "
            "with `strongroom exit`.",
            f"If the price is then more than {_percent(dealing.max_down_bps)} below the highest "
            "bid until your request is closed, the vault hands your request back, and you take it "
            "back.",
            "The vault pays the oldest requests first, out of idle assets "
            f"({self._money(dealing.idle)} now). It pays the rest at later reports.",
            self._report_words(),
            "You can leave in kind at any time with `strongroom exit`, also with a request that "
            "waits.",
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

    def cancel(self, request: DepositorRequest) -> Preview:
        """Preview a cancellation."""
        amount = self._amount(request.side, request.pending)
        lines = [f"You take {request.side} request {request.request_id} back and get {amount}."]
        if request.claimable:
            lines.append("What reports have settled of it comes with it.")
        return Preview(tuple(lines))

    def exit(
        self, shares: int, request: DepositorRequest | None, skip: Sequence[str] = ()
    ) -> Preview:
        """Preview leaving in kind, holding by holding.

        Args:
            request: whose shares they are; None: they are held
            skip: ids of markets whose part is given up
        """
        vault, fee = self._vault, self._vault.limit("exit_fee_bps")
        part, whole = shares - -(-shares * fee // BPS), max(1, vault.supply())
        lines = []
        if request is not None:
            lines.append(f"Redemption request {request.request_id} leaves the queue whole.")
        lines += [
            f"Your {shares_text(shares)} shares are {shares / whole:.6%} of the vault. "
            f"{_percent(fee)} of them are the exit fee, for those who stay.",
            f"From idle assets you get {self._money(vault.idle() * part // whole)}, less the "
            "management fee since the last report.",
        ]
        holdings, known = vault.holdings(), {each.lower() for each in skip}
        for each in holdings:
            lines += self._part(each, part, whole, each.market.lower() in known)
        lines.append("You get outcome tokens, not their price; no report and no keeper is needed.")
        lacks = [] if request else list(self._shares_lacks(shares, vault.shares_of(self._who)))
        there = {each.market.lower() for each in holdings}
        lacks += [f"no open market is {each}" for each in skip if each.lower() not in there]
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

    def _approval_words(self, assets: int) -> Iterator[str]:
        if self._vault.allowance(self._who) < assets:
            yield (
                f"Two transactions do it: the first lets the vault take {self._money(assets)}, the "
                "second requests the deposit."
            )

    def _waiting_words(self, dealing: Dealing) -> str:
        """Return when a deposit waits, and whether it would now."""
        if dealing.is_dear:
            return (
                "Deposits wait at present: the ask is more than "
                f"{_percent(dealing.max_premium_bps)} above the bid, too much in it is not proven."
            )
        words = f"It waits while the ask is more than {_percent(dealing.max_premium_bps)} above bid"
        if dealing.flat:
            return f"{words}. No market is open: all deposits are dealt with at once."
        return (
            f"{words}, and as far as the day's room for deposits does not reach "
            f"({self._money(dealing.room)} was left at the last report)."
        )

    def _announced(self) -> Iterator[str]:
        found = self._vault.announced(self._now)
        if found is None:
            yield NO_NOTICES
        for each in found or ():
            yield each.sentence(self._now)

    def _line(self, request: DepositorRequest, dealing: Dealing) -> RequestLine:
        return RequestLine(
            request.side,
            request.request_id,
            request.pending,
            request.claimable,
            str(request.state(dealing)),
            request.words(dealing),
        )

    def _part(self, held: AccountHolding, part: int, whole: int, is_skipped: bool) -> Iterator[str]:
        name = f"From market {held.market[:12]}..."
        if is_skipped:
            yield f"{name}: nothing, you give your part up."
            return
        if held.collateral:
            yield f"{name}: {self._money(held.collateral * part // whole)}."
        for number, outcome in enumerate(held.outcomes):
            yes, no = (tokens * part // whole for tokens in outcome)
            if yes or no:
                yield f"{name}, outcome {number}: {money(yes)} YES, {money(no)} NO."
        if held.stays:
            yield f"{name}: what its wallet holds stays behind, out of the vault's reach."

    def _amount(self, side: RequestKind, amount: int) -> str:
        if side is RequestKind.DEPOSIT:
            return self._money(amount)
        return f"{shares_text(amount)} shares"

    def _money(self, micro: int) -> str:
        return f"{money(micro)} {self._vault.symbol}"

    def _report_words(self) -> str:
        last = self._vault.last_report()
        return f"The last report was {(self._now - last) / HOUR:.1f} hours ago ({moment(last)})."


def _percent(bps: int) -> str:
    return f"{bps / 100:g} %"
