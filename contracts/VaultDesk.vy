# pragma version 0.4.3
"""
@title Strongroom vault desk
@license AGPL-3.0-only
@author Strongroom
@notice The part of a vault that its keeper and reporter call: markets and their budgets, reports,
        fees and settlement. Vaults run this code on their own storage by delegatecall, and it
        passes on to the governance what it does not know (see Vault.vy); deployed once for each
        asset, it holds nothing.
@dev Purpose: the daily work of a vault. The keeper opens markets and moves budget in and out of
     their accounts; the reporter says what the accounts hold is worth; a report then takes fees
     and settles requests.
     Roles: `report` is the reporter's; `openMarket` and `allocate` are the keeper's; `recall` is
     open to keeper, guardian and owner, since it only makes things safer; `sync` and, of what has
     ended, `closeMarket` are open to anyone.
     A report works in three steps. It values every account in memory, it judges what it found,
     and only then it writes; a report that reverts, or that is judged not to take effect, leaves
     no value behind.
     Units: assets (of the asset, 6 decimals), shares (12 decimals), marks in WAD, limits in bps.
     Invariants: no request is priced by a report that was known when it was made. Budget moves
     at cost, so no act of the keeper moves NAV. Settlement never lowers the bid NAV per share of
     those who stay.
     Limits of use: 64 open markets with 96 conditions together, so that one report can cover all
     of them within a block; eight closed epochs a side are settled by one report.
@custom:security Called directly it works on its own storage, which is set up for nobody: it has
        no class, no assets and no owner. The delegatecall target is fixed at construction.
"""

from snekmate.auth import ownable
from snekmate.tokens import erc20

from contracts.interfaces import IMarketAccount
from contracts.modules import breaker
from contracts.modules import core
from contracts.modules import exposure
from contracts.modules import fees
from contracts.modules import ledger
from contracts.modules import limits
from contracts.modules import nav
from contracts.modules import requests
from contracts.modules import roles
from contracts.modules import status
from contracts.modules import units

initializes: core

uses: ownable
uses: erc20
uses: status
uses: roles
uses: limits
uses: breaker
uses: ledger
uses: requests
uses: exposure
uses: nav
uses: fees

exports: (
    ledger.asset,
    status.freshUntil,
    status.breakerTripped,
    exposure.__interface__,
    nav.dayAnchor,
    nav.bookOf,
    nav.markOf,
)


event Settled:
    deposited_assets: uint256
    minted_shares: uint256
    redeemed_shares: uint256
    paid_assets: uint256


event FeesAccrued:
    management: uint256
    performance: uint256
    shares: uint256
    high_water_mark: uint256


interface IGovernance:
    def asset() -> address: view


MAX_RETURN: constant(uint256) = 512  # bytes a governance function returns at most: feeRecipients

GOVERNANCE: public(immutable(address))  # code of owner and guardian, see VaultGovernance.vy


@deploy
def __init__(asset: address, governance: address):
    """
    @param asset The stablecoin of the vaults that will use this desk
    @param governance VaultGovernance for the same asset
    """
    assert staticcall IGovernance(governance).asset() == asset, "governance of another asset"
    GOVERNANCE = governance
    core.__init__(asset, "", "", "")
    core._leave_to_nobody()


@external
@raw_return
def __default__() -> Bytes[MAX_RETURN]:
    """
    @notice Everything else is the governance's; its answer and its errors pass through.
    """
    return raw_call(GOVERNANCE, msg.data, max_outsize=MAX_RETURN, is_delegate_call=True)


# Reports


@external
@nonreentrant
def report(marks: DynArray[nav.Mark, exposure.MAX_OPEN_CONDITIONS], evidence: bytes32):
    """
    @notice Marks every condition of every open market (in the order of openMarkets), takes fees
            and settles the requests made before. Reporter only; in wind-down it settles
            redemptions, without fees.
    @dev First values every market in memory, then judges, then writes.
    @param marks Bid and ask of each outcome token, WAD
    @param evidence Hash of the document from which the marks were made
    """
    assert msg.sender == roles.reporter, "not the reporter"
    state: uint256 = status.word
    assert not status._has(state, status.PAUSED), "paused"
    winding_down: bool = status._has(state, status.WINDING_DOWN)
    bounds: uint256 = limits.report_limits
    elapsed: uint256 = block.timestamp - limits._last_report(state, bounds)
    assert elapsed >= limits._field(bounds, limits.MIN_REPORT_INTERVAL), "report too soon"

    bid: uint256 = ledger.total_idle
    ask: uint256 = bid
    entries: DynArray[int256, exposure.MAX_MARKETS] = []
    words: DynArray[uint256, exposure.MAX_OPEN_CONDITIONS] = []
    report_hash: bytes32 = evidence
    for market: bytes32 in exposure.open_markets:
        market_word: uint256 = exposure.markets[market]
        own: DynArray[uint256, units.MAX_CONDITIONS] = []
        for i: uint256 in range(exposure._conditions(market_word), bound=units.MAX_CONDITIONS):
            assert len(words) < len(marks), "marks missing"
            mark: nav.Mark = marks[len(words)]
            assert mark.market == market, "mark of another market"
            word: uint256 = nav._pack(mark)
            own.append(word)
            words.append(word)
            report_hash = keccak256(concat(report_hash, market, convert(word, bytes32)))
        value_bid: uint256 = 0
        value_ask: uint256 = 0
        value_bid, value_ask = self._value(market, market_word, own)
        entries.append(nav._entry(convert(value_bid, int256), value_ask - value_bid))
        bid += value_bid
        ask += value_ask
    assert len(words) == len(marks), "too many marks"

    supply: uint256 = erc20.totalSupply
    base: uint256 = nav._nav()[0]
    anchor: uint256 = nav._anchor_at((bid + 1) * fees.OFFSET_PPS, base, supply)
    keeps_bounds: bool = nav._keeps_bounds(bid, ask, base, anchor, supply, bounds)
    if not self._takes_effect(report_hash, keeps_bounds, state):
        log nav.ReportPending(nav_bid=bid, nav_ask=ask, report_hash=report_hash, evidence=evidence)
        return

    nav._write(entries, words, anchor)
    status._refresh(state, block.timestamp + limits._field(bounds, limits.MAX_REPORT_AGE))
    log nav.Reported(
        nav_bid=bid, nav_ask=ask, supply=supply, evidence=evidence, entries=entries, words=words
    )
    if not winding_down and nav._collapsed(bid, supply):
        winding_down = True
        status._wind_down()
    if not winding_down:
        self._accrue(bid, supply, elapsed)
    self._settle(bid, ask, winding_down)


@external
@nonreentrant
def sync(market: bytes32):
    """
    @notice Books the payouts that the chain has for the market's conditions. Anyone may call.
    """
    exposure._check_open(market)
    nav._sync(market)


# Budget


@external
@nonreentrant
def openMarket(class_id: uint256, question_id: bytes32, count: uint256, deadline: uint256) -> bytes32:
    """
    @notice Opens a market of an approved class with an account of its own. Keeper only.
    @param question_id The question (or the event, for negative risk) at the class's oracle
    @param count Conditions: 1, or the number of outcomes of a negative-risk event
    @param deadline When its account stops signing orders, timestamp
    @return The market's id
    """
    roles._check_keeper()
    return exposure._open(class_id, question_id, count, deadline)


@external
@nonreentrant
def allocate(market: bytes32, assets: uint256):
    """
    @notice Moves idle assets into the market's account, within every cap and the velocity limit,
            while no drawdown stops it. Keeper only.
    """
    roles._check_keeper()
    status._check_dealable(status.word)
    word: uint256 = exposure._check_open(market)
    account: address = exposure._account(word)
    assert staticcall IMarketAccount(account).tradable(), "market not tradable"
    bid: uint256 = nav._nav()[0]
    supply: uint256 = erc20.totalSupply
    if supply != 0:
        breaker._check(bid * units.PPS_SCALE // supply, fees._high_water_mark())
    exposure._allocate(market, word, assets, bid)
    idle: uint256 = ledger.total_idle
    waiting: uint256 = requests._waiting(requests.REDEEM)
    owed: uint256 = 0
    if waiting != 0:
        owed = waiting * (bid + 1) // (supply + ledger.VIRTUAL_SHARES) + 1  # up
    assert idle >= assets + owed, "idle too low"
    ledger.total_idle = idle - assets
    nav._move(market, convert(assets, int256), 0)
    ledger._push(account, assets)


@external
@nonreentrant
def recall(market: bytes32, assets: uint256) -> uint256:
    """
    @notice Takes up to `assets` of collateral back from the market's account. Keeper, guardian or
            owner, even while paused: it only makes things safer. Anyone in wind-down.
    @return The assets that came back
    """
    state: uint256 = status.word
    assert (
        status._has(state, status.WINDING_DOWN)
        or msg.sender in [status._keeper(state), roles.guardian, ownable.owner]
    ), "not the keeper"
    return self._recall(market, exposure._check_open(market), assets)


@external
@nonreentrant
def closeMarket(market: bytes32):
    """
    @notice Ends a market that holds no outcome tokens, and recalls what its account holds. Anyone
            may call once it is resolved and no budget is away any more; guardian and owner before
            that too, which writes off what is away. A gift of collateral to the account can delay
            nothing.
    """
    word: uint256 = exposure._check_open(market)
    account: address = exposure._account(word)
    early: bool = msg.sender in [roles.guardian, ownable.owner]
    nav._sync(market)  # what is left of the entry is the payout's, not a breach of bounds
    recalled: uint256 = 0
    for away: bool in [False, True]:
        if away and (early or not exposure._is_delegated(word)):
            break
        held: uint256 = 0
        positions: DynArray[IMarketAccount.Position, units.MAX_CONDITIONS] = []
        held, positions = staticcall IMarketAccount(account).holdings(away)
        for position: IMarketAccount.Position in positions:
            if away:
                held += nav._value(position, 0)[0]
                continue
            assert early or position.payout_denominator != 0, "market not resolved"
            assert position.yes == 0 and position.no == 0, "tokens not redeemed"
        if away:
            assert nav._clamp_away(account, held, 0)[0] == 0, "budget not returned"
        else:
            recalled = held
    self._recall(market, word, recalled)
    entry: int256 = nav.book[market]
    nav._move(market, -nav._bid(entry), -convert(nav._spread(entry), int256))
    exposure._close(market, exposure.markets[market])


# Internal


@internal
def _value(
    market: bytes32, market_word: uint256, words: DynArray[uint256, units.MAX_CONDITIONS]
) -> (uint256, uint256):
    """
    @return Bid and ask value of the market at a report's marks, assets.
    @dev Payouts since the last report are booked first, so that the bounds leave them out.
    """
    bid: uint256 = 0
    ask: uint256 = 0
    exclusive: uint256 = 0
    resolved: uint256 = 0
    bid, ask, exclusive, resolved = nav._value_account(market_word, words)
    assert exclusive <= units.WAD, "bids above 1"
    if resolved != exposure._booked(market_word):
        nav._sync(market)
    return bid, ask


@internal
def _takes_effect(report_hash: bytes32, keeps_bounds: bool, state: uint256) -> bool:
    """
    @notice Judges a report and closes the epochs.
    @return Whether it takes effect; else it waits for its hash to be confirmed.
    @dev A report outside its bounds closes the epochs too, so that requests made while it is
         known wait for a later one; sent again once confirmed it closes none. While one is
         pending, another outside closes none either: a reporter cannot fill the queue with epochs.
    """
    pending: bool = status._has(state, status.PENDING)
    confirmed: bool = pending and report_hash == nav.confirmed_report
    if pending:
        nav.confirmed_report = empty(bytes32)  # good for one report, and none but the next
    if confirmed:
        return True
    if keeps_bounds or not pending:
        requests._close(requests.REDEEM)
        if not status._has(state, status.WINDING_DOWN):
            requests._close(requests.DEPOSIT)
    if not keeps_bounds:
        nav.pending_report = report_hash
        status._set(status.PENDING)
    return keeps_bounds


@internal
def _recall(market: bytes32, word: uint256, assets: uint256) -> uint256:
    recalled: uint256 = extcall IMarketAccount(exposure._account(word)).recall(assets)
    exposure._recall(market, word, recalled)
    ledger.total_idle += recalled
    nav._move(market, -convert(recalled, int256), 0)
    return recalled


@internal
def _accrue(bid: uint256, supply: uint256, elapsed: uint256):
    """
    @dev Fees of the time since the last report, as shares to the recipients; and the breaker's
         judgement on what is left for a share.
    """
    word: uint256 = fees.fee_word
    management: uint256 = 0
    performance: uint256 = 0
    shares: uint256 = 0
    mark: uint256 = 0
    management, performance, shares, mark = fees._accrue(word, bid, supply, elapsed)
    fees._set_mark(word, mark)
    if shares != 0:
        left: uint256 = shares
        for recipient: uint256 in fees.recipients:
            part: uint256 = shares * fees._part(recipient) // units.BPS
            if part != 0:
                erc20._mint(fees._account(recipient), part)
                left -= part
            if left == 0:
                break
        if left != 0:
            erc20._mint(fees._account(fees.recipients[0]), left)  # what rounding left
    log FeesAccrued(
        management=management, performance=performance, shares=shares, high_water_mark=mark
    )
    if supply != 0:
        breaker._judge(bid * units.PPS_SCALE // (supply + shares), mark)
    else:
        breaker._start_anew()


@internal
def _settle(bid: uint256, ask: uint256, winding_down: bool):
    """
    @notice Turns the closed deposit epochs into shares at the ask, then pays the closed redemption
            epochs at the bid as far as idle reaches, both at the NAV and supply of this report.
            In wind-down no deposits: they are taken back by cancelling.
    @dev Invariant: neither lowers the bid NAV per share of those who stay.
    """
    supply: uint256 = erc20.totalSupply
    deposited: uint256 = 0
    minted: uint256 = 0
    if not winding_down:
        deposited, minted = requests._settle(
            requests.DEPOSIT, supply + ledger.VIRTUAL_SHARES, ask + 1, max_value(uint256)
        )
    idle: uint256 = ledger.total_idle + deposited
    if deposited != 0:
        fees._keep_mark(bid, ask, supply, deposited, minted)
        erc20._mint(self, minted)
    redeemed: uint256 = 0
    paid: uint256 = 0
    redeemed, paid = requests._settle(requests.REDEEM, bid + 1, supply + ledger.VIRTUAL_SHARES, idle)
    if redeemed != 0:
        erc20._burn(self, redeemed)
        ledger.claimable_assets += paid
        idle -= paid
    if deposited != 0 or redeemed != 0:
        ledger.total_idle = idle
        log Settled(
            deposited_assets=deposited,
            minted_shares=minted,
            redeemed_shares=redeemed,
            paid_assets=paid,
        )
