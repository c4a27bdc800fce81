# pragma version 0.4.3
"""
@title Probity vault desk
@license AGPL-3.0-only
@author Probity
@notice The part of a vault that its keeper, reporter, guardian and owner call: markets and their
        budgets, reports, settlement, fees and parameters. Vaults run this code on their own
        storage by delegatecall (see Vault.vy); deployed once for each asset, it holds nothing.
@custom:security Called directly it works on its own, empty storage: it has no class and no
        assets, and its owner is nobody.
"""

from ethereum.ercs import IERC20Detailed
from snekmate.auth import ownable
from snekmate.tokens import erc20

from contracts.interfaces import IMarketAccount
from contracts.modules import exposure
from contracts.modules import fees
from contracts.modules import ledger
from contracts.modules import limits
from contracts.modules import nav
from contracts.modules import requests
from contracts.modules import roles
from contracts.modules import status

initializes: ownable
initializes: erc20[ownable := ownable]
initializes: status
initializes: roles[ownable := ownable, status := status]
initializes: limits[status := status]
initializes: ledger
initializes: requests
initializes: exposure
initializes: nav[exposure := exposure, ledger := ledger]
initializes: fees

exports: (
    ledger.asset,
    roles.pending_owner,
    roles.reporter,
    roles.transferOwnership,
    roles.acceptOwnership,
    roles.setGuardian,
    roles.setKeeper,
    roles.setReporter,
    roles.pause,
    roles.unpause,
    status.fresh_until,
    limits.__interface__,
    exposure.__interface__,
    nav.__interface__,
    fees.__interface__,
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


WAD: constant(uint256) = 10**18


@deploy
def __init__(asset: address):
    """
    @param asset The stablecoin of the vaults that will use this desk
    """
    ledger.__init__(asset)
    ownable.__init__()
    erc20.__init__("", "", staticcall IERC20Detailed(asset).decimals() + 6, "", "")
    ownable._transfer_ownership(empty(address))


# Reports


@external
@nonreentrant
def report(marks: DynArray[nav.Mark, exposure.MAX_OPEN_CONDITIONS], evidence: bytes32):
    """
    @notice Marks every condition of every open market (in the order of openMarkets), takes fees
            and settles the requests made before. Reporter only.
    @dev First values every market in memory, then judges, then writes. A report outside its
         bounds only leaves its hash behind and closes the epochs, so that requests made while it
         is known wait for a later one; it takes effect when it is sent again after the guardian
         has confirmed its hash.
    @param marks Bid and ask of each outcome token, WAD
    @param evidence Hash of the document from which the marks were made
    """
    assert msg.sender == roles.reporter, "not the reporter"
    state: uint256 = status.word
    assert state & status.PAUSED == 0, "paused"
    bounds: uint256 = limits.report_limits
    elapsed: uint256 = block.timestamp - limits._last_report(state, bounds)
    assert elapsed >= limits._field(bounds, limits.MIN_REPORT_INTERVAL), "report too soon"

    bid: uint256 = ledger.total_idle
    ask: uint256 = bid
    entries: DynArray[int256, exposure.MAX_MARKETS] = []
    words: DynArray[uint256, exposure.MAX_OPEN_CONDITIONS] = []
    report_hash: bytes32 = evidence
    for market: bytes32 in exposure.open_markets:
        state_of: uint256 = exposure.markets[market]
        value_bid: uint256 = 0
        positions: DynArray[IMarketAccount.Position, nav.MAX_CONDITIONS] = []
        value_bid, positions = staticcall IMarketAccount(exposure._account(state_of)).positions()
        value_ask: uint256 = value_bid
        exclusive: uint256 = 0
        resolved: uint256 = 0
        for position: IMarketAccount.Position in positions:
            assert len(words) < len(marks), "marks missing"
            mark: nav.Mark = marks[len(words)]
            assert mark.market == market, "mark of another market"
            word: uint256 = nav._pack(mark)
            words.append(word)
            report_hash = keccak256(concat(report_hash, market, convert(word, bytes32)))
            if position.payout_denominator == 0:
                exclusive += mark.bid_yes
            else:
                resolved += 1
            position_bid: uint256 = 0
            position_ask: uint256 = 0
            position_bid, position_ask = nav._value(position, word)
            value_bid += position_bid
            value_ask += position_ask
        assert exclusive <= WAD, "bids above 1"
        if resolved != exposure._booked(state_of):
            nav._sync(market)  # so that the bounds leave resolutions out
        entries.append(nav._entry(convert(value_bid, int256), value_ask - value_bid))
        bid += value_bid
        ask += value_ask
    assert len(words) == len(marks), "too many marks"

    supply: uint256 = erc20.totalSupply
    base: uint256 = nav._nav()[0]
    anchor: uint256 = nav.anchor
    if supply == 0:
        anchor = (block.timestamp << 128) | ((bid + 1) * fees.OFFSET_PPS)
    elif block.timestamp - (anchor >> 128) >= nav.DAY:
        anchor = (block.timestamp << 128) | (base * fees.PPS_SCALE // supply)

    requests._close(requests.DEPOSIT)
    requests._close(requests.REDEEM)
    confirmed: bool = False
    if state & status.PENDING != 0:
        confirmed = report_hash == nav.confirmed_report
        nav.confirmed_report = empty(bytes32)  # good for one report, and none but the next
    if not confirmed and not nav._keeps_bounds(
        bid, ask, base, anchor & ledger.U128, supply, bounds
    ):
        nav.pending_report = report_hash
        status.word |= status.PENDING
        log nav.ReportPending(nav_bid=bid, nav_ask=ask, report_hash=report_hash, evidence=evidence)
        return

    index: uint256 = 0
    total_bid: int256 = 0
    total_spread: uint256 = 0
    for i: uint256 in range(len(entries), bound=exposure.MAX_MARKETS):
        market: bytes32 = exposure.open_markets[i]
        entry: int256 = entries[i]
        nav.book[market] = entry
        total_bid += nav._bid(entry)
        total_spread += nav._spread(entry)
        for condition: uint256 in range(
            (exposure.markets[market] >> 192) & 255, bound=nav.MAX_CONDITIONS
        ):
            nav.marks[market][condition] = words[index]
            index += 1
    if len(entries) != 0:
        nav.book_total = nav._entry(total_bid, total_spread)
    if anchor != nav.anchor:
        nav.anchor = anchor
    status._set_fresh_until(
        state & ~status.PENDING, block.timestamp + limits._field(bounds, limits.MAX_REPORT_AGE)
    )
    log nav.Reported(
        nav_bid=bid, nav_ask=ask, supply=supply, evidence=evidence, entries=entries, words=words
    )
    self._accrue(bid, supply, elapsed)
    self._settle(bid, ask)


@external
@nonreentrant
def confirmReport(report_hash: bytes32):
    """
    @notice Lets the pending report through: it takes effect when the reporter sends it again.
            Guardian only.
    @param report_hash The pending report's hash, as logged
    """
    assert msg.sender == roles.guardian, "not the guardian"
    assert status.word & status.PENDING != 0, "no report pending"
    assert report_hash == nav.pending_report, "not the pending report"
    nav.confirmed_report = report_hash
    log nav.ReportConfirmed(report_hash=report_hash)


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
    @notice Moves idle assets into the market's account, within every cap. Keeper only.
    """
    roles._check_keeper()
    status._check_dealable(status.word)
    word: uint256 = exposure._check_open(market)
    account: address = exposure._account(word)
    assert staticcall IMarketAccount(account).tradable(), "market not tradable"
    bid: uint256 = nav._nav()[0]
    exposure._allocate(market, word, assets, bid)
    idle: uint256 = ledger.total_idle
    waiting: uint256 = requests.closed[requests.REDEEM] >> 64
    owed: uint256 = 0
    if waiting != 0:
        owed = waiting * (bid + 1) // (erc20.totalSupply + ledger.VIRTUAL_SHARES) + 1  # up
    assert idle >= assets + owed, "idle too low"
    ledger.total_idle = idle - assets
    nav._move(market, convert(assets, int256), 0)
    ledger._push(account, assets)


@external
@nonreentrant
def recall(market: bytes32, assets: uint256) -> uint256:
    """
    @notice Takes up to `assets` of collateral back from the market's account. Keeper, guardian or
            owner, even while paused: it only makes things safer.
    @return The assets that came back
    """
    assert msg.sender in [status._keeper(status.word), roles.guardian, ownable.owner], "not the keeper"
    return self._recall(market, exposure._account(exposure._check_open(market)), assets)


@external
@nonreentrant
def closeMarket(market: bytes32):
    """
    @notice Ends a resolved market whose outcome tokens are redeemed, and recalls what its account
            holds. Anyone may call; a gift to the account can delay nothing.
    """
    account: address = exposure._account(exposure._check_open(market))
    nav._sync(market)  # what is left of the entry is the payout's, not a breach of bounds
    collateral: uint256 = 0
    positions: DynArray[IMarketAccount.Position, nav.MAX_CONDITIONS] = []
    collateral, positions = staticcall IMarketAccount(account).positions()
    for position: IMarketAccount.Position in positions:
        assert position.payout_denominator != 0, "market not resolved"
        assert position.yes == 0 and position.no == 0, "tokens not redeemed"
    self._recall(market, account, collateral)
    entry: int256 = nav.book[market]
    nav._move(market, -nav._bid(entry), -convert(nav._spread(entry), int256))
    exposure._close(market, exposure.markets[market])


# Parameters


@external
@nonreentrant
def addClass(new: exposure.MarketClass) -> uint256:
    """
    @notice Approves a class of markets. Owner only.
    @return The class's id
    """
    ownable._check_owner()
    return exposure._add_class(new)


@external
@nonreentrant
def lowerClassCaps(class_id: uint256, market_cap: uint256, market_cap_bps: uint256):
    """
    @notice Lowers a class's caps on one market; exposure above them is only worked off. Owner or
            guardian.
    """
    if msg.sender != roles.guardian:
        ownable._check_owner()
    exposure._lower_caps(class_id, market_cap, market_cap_bps)


@external
@nonreentrant
def tightenLimit(which: uint256, new: uint256):
    """
    @notice Makes a limit safer. Owner only; raising the risk of holders is refused.
    """
    ownable._check_owner()
    assert not limits._is_riskier(which, limits._get(which), new), "riskier limit"
    limits._set(which, new)


@external
@nonreentrant
def lowerFees(management_bps: uint256, performance_bps: uint256):
    """
    @notice Lowers the fee rates; they apply from the next report on, for the time before it too.
            Owner only.
    """
    ownable._check_owner()
    fees._lower(management_bps, performance_bps)


@external
@nonreentrant
def setDepositTerms(deposit_limit: uint256, min_deposit: uint256):
    """
    @notice Sets the most assets the vault takes and the least of one deposit. Owner only.
    """
    ownable._check_owner()
    ledger._set_deposit_terms(deposit_limit, min_deposit)


# Internal


@internal
def _recall(market: bytes32, account: address, assets: uint256) -> uint256:
    recalled: uint256 = extcall IMarketAccount(account).recall(assets)
    exposure._recall(market, recalled)
    ledger.total_idle += recalled
    nav._move(market, -convert(recalled, int256), 0)
    return recalled


@internal
def _accrue(bid: uint256, supply: uint256, elapsed: uint256):
    """
    @dev Fees of the time since the last report, as shares to the recipient.
    """
    word: uint256 = fees.fee_word
    management: uint256 = 0
    performance: uint256 = 0
    shares: uint256 = 0
    mark: uint256 = 0
    management, performance, shares, mark = fees._accrue(word, bid, supply, elapsed)
    if mark != word & ledger.U128:
        fees.fee_word = (word & ~ledger.U128) | mark
    if shares != 0:
        erc20._mint(fees.fee_recipient, shares)
    log FeesAccrued(
        management=management, performance=performance, shares=shares, high_water_mark=mark
    )


@internal
def _settle(bid: uint256, ask: uint256):
    """
    @notice Turns the closed deposit epochs into shares at the ask, then pays the closed redemption
            epochs at the bid as far as idle reaches, both at the NAV and supply of this report.
    @dev Invariant: neither lowers the bid NAV per share of those who stay.
    """
    supply: uint256 = erc20.totalSupply
    deposited: uint256 = 0
    minted: uint256 = 0
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
