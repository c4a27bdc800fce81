"""Shares and those who wait: transfers, requests, claims, and whoever leaves in kind."""

from collections.abc import Callable, Mapping, Sequence

from strongroom.audit.booking import Booking
from strongroom.audit.events import (
    Approval,
    AuditedEvent,
    Deposit,
    DepositRequest,
    DepositRequestCancelled,
    OperatorSet,
    PaidInKind,
    RedeemedInKind,
    RedeemRequest,
    RedeemRequestCancelled,
    Transfer,
    Withdraw,
)
from strongroom.audit.ledger import NotInLedger
from strongroom.audit.permissions import ZERO, Limit
from strongroom.audit.queues import (
    DEPOSITS,
    MOST_LIVE,
    REDEMPTIONS,
    Planned,
    claim_plan,
)
from strongroom.audit.totals import request_wrong
from strongroom.audit.transactions import on
from strongroom.chain.terms import UNLIMITED_DEPOSITS
from strongroom.chain.units import BPS


def _transfer(b: Booking, it: Transfer) -> None:
    ledger, sender, receiver, value = b.ledger, it.sender, it.receiver, it.value
    if sender == ZERO:
        ledger.supply += value
        if not b.is_due:
            b.minted[receiver] = b.minted.get(receiver, 0) + value
    else:
        left = ledger.holders.get(sender, 0) - value
        if left < 0:
            b.need(it, "Transfer.value: a holder's shares", False, value, left + value)
        ledger.holders[sender] = left
        if not left:
            del ledger.holders[sender]
    if receiver == ZERO:
        ledger.supply -= value
        if not b.is_due:
            b.burned.append((sender, value))
    elif value:
        ledger.holders[receiver] = ledger.holders.get(receiver, 0) + value
        if sender == ledger.vault and not b.is_due:
            b.expect(it, "Transfer.value: out of the vault for nothing", 0, value)


def _approval(b: Booking, it: Approval) -> None:
    key = f"{it.owner} {it.spender}"
    b.governance.replaced(it, "allowance", (it.owner, it.spender), b.ledger.allowances.get(key, 0))
    b.ledger.allowances[key] = it.value
    if not it.value:
        del b.ledger.allowances[key]


def _operator_set(b: Booking, it: OperatorSet) -> None:
    key, was = f"{it.controller} {it.operator}", b.ledger.operators
    b.governance.replaced(it, "isOperator", (it.controller, it.operator), was.get(key, False))
    b.ledger.operators[key] = it.approved
    if not it.approved:
        del b.ledger.operators[key]


# requests


def _request(b: Booking, it: DepositRequest | RedeemRequest, side: int, amount: int) -> None:
    ledger, who = b.ledger, it.controller
    number = ledger.open_epoch[side]
    if it.request_id != number:
        b.expect(it, f"{it.name}.requestId", number, it.request_id)
    queue = ledger.queue(side, number)
    if not queue.total:
        ledger.best[side] = ledger.prices[(1, 0)[side]]
    queue.ask(who, amount, b.now)
    queues = ledger.queues[side].values()
    live = sum(who in each.asked for each in queues) if len(queues) > MOST_LIVE else 0
    if live > MOST_LIVE:
        b.need(it, f"{it.name}: live epochs of its controller", False, live, MOST_LIVE)


def _deposit_request(b: Booking, it: DepositRequest) -> None:
    ledger = b.ledger
    most, least = ledger.permissions.deposit_terms
    stopped = ledger.permissions.is_paused or ledger.is_winding_down
    if stopped:
        b.need(it, "DepositRequest: while nothing stops", False, it.assets, 0)
    if it.assets < max(1, least):
        b.need(it, "DepositRequest.assets: the least", False, -it.assets, -least)
    if most != UNLIMITED_DEPOSITS:
        after = ledger.nav[0] + ledger.not_settled(DEPOSITS) + it.assets
        b.need(it, "DepositRequest.assets: the deposit limit", after <= most, after, most)
    _request(b, it, DEPOSITS, it.assets)


def _redeem_request(b: Booking, it: RedeemRequest) -> None:
    _request(b, it, REDEMPTIONS, it.shares)
    why = "shares of a request"
    b.follows(Transfer, why, sender=it.owner, receiver=b.ledger.vault, value=it.shares)


def _leave(
    b: Booking, it: DepositRequestCancelled | RedeemRequestCancelled, side: int, anyway: bool
) -> tuple[int, int, int]:
    """Take a request out of its epoch, if that may be now."""
    ledger, queue = b.ledger, b.ledger.queue(side, it.request_id)
    may = (
        anyway
        or not queue.is_closed
        or queue.is_back
        or ledger.reports > queue.closed_by
        or ledger.is_winding_down
        or ledger.is_stale(b.now)
        or ledger.permissions.roles.get("reporter", ZERO) == ZERO
    )
    b.expect(it, f"{it.name}: after the next report", True, may)
    standing = queue.standing(it.controller)
    for words in request_wrong(queue, it.controller, standing):
        b.expect(it, f"{it.name}: of the request, from totals", "", words)
    b.may_forget = True
    return queue.leave(it.controller)


def _deposit_request_cancelled(b: Booking, it: DepositRequestCancelled) -> None:
    back, taken, shares = _leave(b, it, DEPOSITS, False)
    b.expect(it, "DepositRequestCancelled.assets", back, it.assets)
    if taken or shares:
        who, receiver = it.controller, it.receiver
        b.follows(Deposit, "", sender=who, owner=receiver, assets=taken, shares=shares)
        b.follows(Transfer, "", sender=b.ledger.vault, receiver=receiver, value=shares)


def _redeem_request_cancelled(b: Booking, it: RedeemRequestCancelled) -> None:
    """Taken back, the shares follow; with whoever leaves in kind they are burned later."""
    vault, after = b.ledger.vault, b.beside(1)
    there = (after.sender, after.receiver) if isinstance(after, Transfer) else None
    returned = there == (vault, it.receiver)
    shares, taken, assets = _leave(b, it, REDEMPTIONS, not returned)
    b.expect(it, "RedeemRequestCancelled.shares", shares, it.shares)
    if returned:
        b.follows(Transfer, "", sender=vault, receiver=it.receiver, value=it.shares)
        if taken or assets:
            b.follows(Withdraw, "", owner=it.controller, shares=taken, assets=assets)
    else:
        b.expect(it, "RedeemRequestCancelled.receiver", it.controller, it.receiver)
        b.leaving = (it.controller, it.shares)
        b.parting = (it.controller, taken, assets) if taken or assets else None


# claims


def _deposit(b: Booking, it: Deposit) -> None:
    if b.is_due:
        return  # what was settled of a request that was taken back
    _claim(b, it, DEPOSITS, it.sender, (it.assets, it.shares))
    vault = b.ledger.vault
    b.follows(Transfer, "a claim", sender=vault, receiver=it.owner, value=it.shares)


def _withdraw(b: Booking, it: Withdraw) -> None:
    if b.parting is not None and not b.is_due:
        b.expect(it, "Withdraw: of the request", b.parting, (it.owner, it.shares, it.assets))
        b.parting = None
    elif not b.is_due:
        _claim(b, it, REDEMPTIONS, it.owner, (it.shares, it.assets))
    b.ledger.claimable -= it.assets
    b.need(it, "Withdraw.assets: claimable", b.ledger.claimable >= 0, it.assets, "what is there")


def _claim(b: Booking, it: AuditedEvent, side: int, who: str, wanted: tuple[int, int]) -> None:
    """Take from the oldest epoch first; by in units or by out units."""
    queues = b.ledger.queues[side]
    plan, first = claim_plan(queues, who, wanted[0], False), None
    if (comes_to := _sums(plan)) != wanted:
        first, plan = comes_to, claim_plan(queues, who, wanted[1], True)
    if first is not None and _sums(plan) != wanted:
        b.expect(it, ("Deposit.shares", "Withdraw.assets")[side], first, wanted)
        return
    for queue, standing, some_in, some_out in plan:
        for words in request_wrong(queue, who, standing):
            b.expect(it, f"{it.name}: of the request, from totals", "", words)
        queue.take(who, standing, some_in, some_out)
        if not queue.asked:
            b.may_forget = True
        if queue.claimed > queue.given:
            what = f"{it.name}: claimed of an epoch"
            b.need(it, what, False, queue.claimed, queue.given)


def _sums(plan: Sequence[Planned]) -> tuple[int, int]:
    given, got = 0, 0
    for _, _, some_in, some_out in plan:
        given += some_in
        got += some_out
    return given, got


# exit in kind


def _paid_in_kind(b: Booking, it: PaidInKind) -> None:
    b.paid.append(it)


def _redeemed_in_kind(b: Booking, it: RedeemedInKind) -> None:
    ledger, shares = b.ledger, it.shares
    holder = it.owner if b.leaving is None else ledger.vault
    if b.leaving is not None:
        b.expect(it, "RedeemedInKind: of the request", b.leaving, (it.owner, shares))
    b.expect(it, "RedeemedInKind.shares: burned", b.burned, [(holder, shares)])
    b.expect(it, "FeesAccrued: logged before an exit", True, b.fees is not None)
    b.burned, b.leaving, b.fees = [], None, None

    fee = ledger.permissions.limit(Limit.EXIT_FEE_BPS)
    part, supply = shares + (-shares * fee // BPS), ledger.supply + shares
    if not supply:
        raise NotInLedger("there were no shares to leave with")
    b.expect(it, "RedeemedInKind.part", part, it.part)
    b.expect(it, "RedeemedInKind.supply", supply, it.supply)
    b.expect(it, "RedeemedInKind.assets", ledger.idle * part // supply, it.assets)
    ledger.idle -= it.assets
    left = [(name, ledger.market(name)) for name in ledger.order if name not in it.skipped]
    delegated = [name for name, market in left if market.is_delegated]
    b.expect(it, "PaidInKind.market", delegated, [paid.market for paid in b.paid])
    for paid in b.paid:
        _pay_from(b, paid, part, supply)
    for _, market in left:
        if not market.is_delegated:
            market.exposure -= market.exposure * part // supply
            market.bid = min(market.bid - market.bid * part // supply, market.exposure)
            market.ask -= market.ask * part // supply
    b.paid = []


def _pay_from(b: Booking, it: PaidInKind, part: int, supply: int) -> None:
    """Only collateral of a delegated account leaves, as cost at most the leaver's part of it."""
    market = b.ledger.market(it.market)
    cost = min(it.assets, market.exposure * part // supply)
    b.expect(it, "PaidInKind.cost", cost, it.cost)
    market.exposure -= cost
    bid = market.bid - min(it.assets, market.bid * part // supply)
    market.bid = min(bid, market.exposure)
    market.ask -= min(it.assets, market.ask * part // supply)


SHARES: Mapping[type[AuditedEvent], Callable[[Booking, AuditedEvent], None]] = dict(
    (
        on(Transfer, _transfer),
        on(Approval, _approval),
        on(OperatorSet, _operator_set),
        on(DepositRequest, _deposit_request),
        on(RedeemRequest, _redeem_request),
        on(DepositRequestCancelled, _deposit_request_cancelled),
        on(RedeemRequestCancelled, _redeem_request_cancelled),
        on(Deposit, _deposit),
        on(Withdraw, _withdraw),
        on(PaidInKind, _paid_in_kind),
        on(RedeemedInKind, _redeemed_in_kind),
    )
)
