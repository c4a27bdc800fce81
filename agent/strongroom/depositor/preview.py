"""What a depositor asks for, in plain words before it is sent: what you get, when, by which rule,
and what is lacking. Amounts are read from the chain at that moment, rounded as the vault rounds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from strongroom.chain.notices import moment
from strongroom.chain.units import BPS, MICRO, PRICE
from strongroom.depositor.amounts import hours_text, money, shares_text, shares_text_up
from strongroom.depositor.options import DepositorPosition, RequestKind, RequestLine
from strongroom.depositor.requests import Dealing, DepositorRequest
from strongroom.depositor.vault import AccountHolding, DepositorVault
from strongroom.depositor.words import say
from strongroom.errors import Refused

ROOM_FOR_ALL = MICRO**3  # micro-units, more than there is of any asset: the owner has set no limit


class NotPossible(Refused):
    """It cannot succeed; the message says why."""


@dataclass(frozen=True)
class Preview:
    """What a command would do, the reasons why it cannot, and what comes next."""

    lines: tuple[str, ...]
    lacks: tuple[str, ...] = ()
    next: str = ""


class Depositor:
    """One depositor's view of one vault at one time."""

    def __init__(self, vault: DepositorVault, who: str, now: int) -> None:
        self._vault, self._who, self._now = vault, who, now

    def position(self) -> DepositorPosition:
        """Return what is held, waits and can be claimed, and what the owner has announced."""
        vault, who = self._vault, self._who
        dealing, shares, (bid, ask) = vault.dealing(self._now), vault.shares_of(who), vault.navs()
        found = {side: vault.requests(side, who) for side in RequestKind}
        claimable = {side: vault.claimable(side, who) for side in RequestKind}
        return DepositorPosition(
            shares,
            shares * dealing.bid // PRICE,
            sum(each.pending for each in found[RequestKind.DEPOSIT]),
            *claimable[RequestKind.DEPOSIT],
            sum(each.pending for each in found[RequestKind.REDEEM]),
            claimable[RequestKind.REDEEM][1],
            bid,
            ask,
            tuple(
                self._line(each, dealing, claimable[side][1] > 0)
                for side in RequestKind
                for each in found[side]
            ),
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

    def why_not_back(self, side: RequestKind | None, number: int | None) -> str:
        """Return why nothing can be taken back of what `to_take_back` was asked for: whose it is,
        and how far."""
        dealing = self._vault.dealing(self._now)
        mine = [each for one in RequestKind for each in self._vault.requests(one, self._who)]
        meant = [
            each for each in mine if side in (None, each.side) and number in (None, each.request_id)
        ]
        stand = "; ".join(
            f"{each.side} request {each.request_id} is {each.words(dealing)}" for each in meant
        )
        kind = f"{side} request" if side else "request"
        if number is None:
            end = f" that can be taken back now: {stand}" if stand else ""
            return f"you have no {kind}{end}"
        if stand:
            return f"this cannot be taken back now: {stand}"
        yours = ", ".join(f"{each.side} --request {each.request_id}" for each in mine)
        others = [self._others(one, number, dealing) for one in RequestKind if side in (None, one)]
        return f"{'; '.join(others)}. " + (f"Yours: {yours}" if yours else "You have no request")

    def _others(self, side: RequestKind, number: int, dealing: Dealing) -> str:
        """Say of a request of which nothing is one's own what became of it."""
        whole = self._vault.of_everybody(side, number)
        if whole is None:
            return f"there is no {side} request {number} yet"
        return (
            f"{side} request {number} ({whole.state(dealing)}) has nothing of yours: it is of "
            "others, or you claimed it or took it back"
        )

    def redemption(self, number: int) -> DepositorRequest | None:
        """Return a redemption of which something waits, by its id."""
        found = self._vault.requests(RequestKind.REDEEM, self._who)
        return next((each for each in found if each.request_id == number and each.pending), None)

    def redemptions(self) -> list[int]:
        """Return the ids of the redemptions of which something waits."""
        found = self._vault.requests(RequestKind.REDEEM, self._who)
        return [each.request_id for each in found if each.pending]

    def deposit(self, assets: int) -> Preview:
        """Preview a request to deposit."""
        dealing, lacks = self._vault.dealing(self._now), tuple(self._deposit_lacks(assets))
        if dealing.winding_down:
            return Preview((), lacks)
        shares = assets * PRICE // dealing.ask
        worth = self._money(shares * dealing.bid // PRICE)
        up = _percent(dealing.max_up_bps)
        has_allowed = self._vault.allowance(self._who) >= assets
        dealt = (
            say("deposit_price"),
            say("deposit_gets", shares=shares_text(shares), worth=worth),
            say("deposit_back", percent=up),
            self._waiting_words(dealing),
        )
        lines = (
            say("hand_over", amount=self._money(assets)),
            *(() if has_allowed else (say("two_steps", amount=self._money(assets)),)),
            *self._not_dealt(dealing),
            *(() if dealing.has_collapsed else dealt),
            self._report_words(),
            *self._announced(),
            *(() if dealing.has_collapsed else (say("deposit_cancel"),)),
        )
        return Preview(lines, lacks, say(dealing.next or "deposit_next"))

    def redeem(self, shares: int) -> Preview:
        """Preview a request to redeem."""
        vault, dealing = self._vault, self._vault.dealing(self._now)
        back, idle = _percent(dealing.max_down_bps), self._money(dealing.idle)
        has_price = not dealing.has_collapsed
        dealt = (say("redeem_back", percent=back), say("redeem_pays", idle=idle))
        lines = (
            say("redeem_hand_over", shares=shares_text(shares)),
            *self._not_dealt(dealing),
            *((say("winding_back"),) if dealing.winding_down else ()),
            *((say("redeem_price"),) if has_price else ()),
            say("redeem_worth", worth=self._money(shares * dealing.bid // PRICE)),
            *(dealt if has_price else ()),
            self._report_words(),
            say("redeem_leave"),
        )
        lacks = list(self._shares_lacks(shares, vault.shares_of(self._who)))
        lacks += [] if lacks else self._worth_lacks(shares, dealing)
        return Preview(lines, tuple(lacks), say(dealing.next or "redeem_next"))

    def claim(self) -> Preview:
        """Preview a claim."""
        lines = []
        deposited, shares = self._vault.claimable(RequestKind.DEPOSIT, self._who)
        redeemed, assets = self._vault.claimable(RequestKind.REDEEM, self._who)
        if deposited or shares:
            paid = self._money(deposited)
            lines.append(say("claim_shares", shares=shares_text(shares), assets=paid))
        if assets:
            lines.append(say("claim_assets", assets=self._money(assets)))
        elif redeemed:
            lines.append(say("claim_nothing", shares=shares_text_up(redeemed)))
        return Preview(tuple(lines), () if lines else (self._nothing_to_claim(),))

    def cancel(self, request: DepositorRequest) -> Preview:
        """Preview a cancellation."""
        amount = self._amount(request.side, request.pending)
        lines = [say("take_back", side=request.side, number=request.request_id, amount=amount)]
        if request.claimable:
            lines.append(say("take_back_more"))
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
        idle = self._money(vault.idle() * part // whole)
        lines = [] if request is None else [say("exit_request", number=request.request_id)]
        lines += [
            say(
                "exit_part",
                shares=shares_text(shares),
                part=f"{shares / whole:.6%}",
                percent=_percent(fee),
            ),
            say("exit_idle", assets=idle),
        ]
        holdings, known = vault.holdings(), {each.lower() for each in skip}
        for each in holdings:
            lines += self._part(each, part, whole, each.market.lower() in known)
        lines.append(say("exit_tokens_only"))
        lacks = [] if request else list(self._shares_lacks(shares, vault.shares_of(self._who)))
        there = {each.market.lower() for each in holdings}
        if all(there):  # else it may be that one's
            lacks += [say("no_market", market=each) for each in skip if each.lower() not in there]
        return Preview(tuple(lines), tuple(lacks))

    # words

    def _deposit_lacks(self, assets: int) -> Iterator[str]:
        vault = self._vault
        limit, least = vault.deposit_terms()
        held = vault.assets_of(self._who)
        if vault.winding_down():
            yield say("winding_down")
        elif vault.paused():
            yield say("paused")
        allowed = vault.allows(self._who)
        if not allowed:
            yield say("list_silent" if allowed is None else "not_allowed", who=self._who)
        if not assets:
            yield say("nothing")
        elif assets < least:
            yield say("least", amount=self._money(least))
        promised = vault.navs()[0] + vault.waiting_deposits()
        if promised + assets > limit:
            yield say("limit", amount=self._money(max(0, limit - promised)))
        if held < assets:
            yield say("too_little", held=self._money(held), lacking=self._money(assets - held))

    def _shares_lacks(self, shares: int, held: int) -> Iterator[str]:
        if 0 < shares <= held:
            return
        words = [say("shares_held", shares=shares_text(held))]
        to_claim = self._vault.claimable(RequestKind.DEPOSIT, self._who)[1]
        waiting = sum(each.pending for each in self._vault.requests(RequestKind.REDEEM, self._who))
        if to_claim:
            words.append(say("shares_to_claim", shares=shares_text(to_claim)))
        if waiting:
            words.append(say("shares_waiting", shares=shares_text(waiting)))
        yield ", ".join(words)

    def _worth_lacks(self, shares: int, dealing: Dealing) -> list[str]:
        """Return why a redemption would never bring anything: it is worth less than one unit."""
        if shares * dealing.bid >= PRICE:
            return []
        if not dealing.bid:
            return [say("collapsed")]
        least = -(-PRICE // dealing.bid)
        return [say("least_redeem", unit=self._money(1), least=shares_text_up(least))]

    def _not_dealt(self, dealing: Dealing) -> Iterator[str]:
        """Say why a request would not be dealt with at present, and what can be done."""
        if dealing.has_collapsed:
            yield say("collapsed_now")
            if not dealing.lets_all_back:
                yield say("collapsed_back")
        if dealing.silence:
            yield f"{self._nobody(dealing)} {say('nobody_back')}"
            if dealing.flat:
                yield say("settle")

    def _nobody(self, dealing: Dealing) -> str:
        return say("nobody_reports", why=say(dealing.silence))

    def _nothing_to_claim(self) -> str:
        dealing = self._vault.dealing(self._now)
        if not any(self._vault.requests(side, self._who) for side in RequestKind):
            return say("nothing_asked")
        words = [self._report_words()]
        words += [self._nobody(dealing)] if dealing.silence else []
        words += [say("winding_back")] if dealing.winding_down else []
        words += [say("collapsed_now")] if dealing.has_collapsed else []
        return say("nothing_to_claim", last_report=" ".join(words))

    def _waiting_words(self, dealing: Dealing) -> str:
        """Return when a deposit waits, and whether it would now."""
        percent = _percent(dealing.max_premium_bps)
        if dealing.is_dear:
            return say("dear", percent=percent)
        if dealing.flat:
            return say("waits_flat", percent=percent)
        if dealing.room >= ROOM_FOR_ALL:
            return say("waits_dear", percent=percent)
        return say("waits_room", percent=percent, room=self._money(dealing.room))

    def _announced(self) -> Iterator[str]:
        found = self._vault.announced(self._now)
        if found is None:
            yield say("no_notices")
        for each in found or ():
            yield each.sentence(self._now)

    def _line(self, request: DepositorRequest, dealing: Dealing, brings: bool) -> RequestLine:
        return RequestLine(
            request.side,
            request.request_id,
            request.pending,
            request.claimable,
            str(request.state(dealing)),
            request.words(dealing, brings),
        )

    def _part(self, held: AccountHolding, part: int, whole: int, is_skipped: bool) -> Iterator[str]:
        market = held.market[:12] or "unknown"
        if is_skipped:
            yield say("exit_skipped", market=market)
            return
        if not held.is_read:
            yield say("exit_unread", market=market)
            return
        if held.collateral:
            assets = self._money(held.collateral * part // whole)
            yield say("exit_assets", market=market, assets=assets)
        for number, outcome in enumerate(held.outcomes):
            yes, no = (tokens * part // whole for tokens in outcome)
            if yes or no:
                yield say("exit_tokens", market=market, number=number, yes=money(yes), no=money(no))
        if held.stays:
            yield say("exit_stays", market=market)

    def _amount(self, side: RequestKind, amount: int) -> str:
        if side is RequestKind.DEPOSIT:
            return self._money(amount)
        return f"{shares_text(amount)} shares"

    def _money(self, micro: int) -> str:
        return f"{money(micro)} {self._vault.symbol}"

    def _report_words(self) -> str:
        last = self._vault.last_report()
        return say("last_report", hours=hours_text(self._now - last), moment=moment(last))


def _percent(bps: int) -> str:
    return f"{bps / 100:g} %"
