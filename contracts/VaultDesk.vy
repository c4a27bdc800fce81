# pragma version 0.4.3
"""
@title Strongroom vault desk
@license AGPL-3.0-only
@author Strongroom
@notice The part of a vault that its keepers and its reporter call: markets and their budgets,
        reports, fees and settlement. Vaults run this code on their own storage by delegatecall,
        and it passes on to the exits what it does not know (see Vault.vy); deployed once for each
        asset, it holds nothing.
@dev Purpose: the daily work of a vault. A keeper opens markets of its class and moves budget into
     their accounts; the reporter says what the accounts hold is worth; a report then
     takes fees, settles the epochs that an earlier report closed, and closes the open ones.
     Roles: `report` is the reporter's; `openMarket` and `allocate` are the class's keeper's;
     `settle` of a flat vault is open to anyone.
     Units: assets (of the asset), shares (18 decimals), marks in WAD, prices in assets per share
     times PRICE, limits in bps.
     Invariants: a request is priced by the worse of two reports, both later than itself. Budget
     moves at cost, so no act of a keeper moves NAV. Settlement never lowers the bid of those who
     stay.
     Limits of use: 128 markets with 192 conditions together, unswept ones included, so that one
     report can cover all of them within a block; eight closed epochs a side wait at once.
@custom:security Called directly it works on its own storage, which is set up for nobody: it has
        no class, no assets and no owner. The delegatecall target is fixed at construction.
"""

from snekmate.tokens import erc20

from contracts.interfaces import IMarketAccount
from contracts.modules import classes
from contracts.modules import core
from contracts.modules import exposure
from contracts.modules import fees
from contracts.modules import ledger
from contracts.modules import limits
from contracts.modules import markets
from contracts.modules import nav
from contracts.modules import requests
from contracts.modules import roles
from contracts.modules import status
from contracts.modules import units

initializes: core

uses: erc20
uses: status
uses: roles
uses: limits
uses: ledger
uses: requests
uses: classes
uses: markets
uses: exposure
uses: nav
uses: fees

exports: (
    ledger.asset,
    status.freshUntil,
    status.lastReport,
    status.reportCount,
    markets.openMarkets,
    markets.accountOf,
    markets.marketOf,
    nav.bookOf,
    nav.prices,
)


# What a report or a settlement dealt at: NAV after fees and before settlement, the supply then, the
# prices published, and how much deposits may still bring in.
event Dealt:
    nav_bid: uint256
    nav_ask: uint256
    supply: uint256
    bid: uint256
    ask: uint256
    room: uint256


interface IExits:
    def asset() -> address: view


MAX_RETURN: constant(uint256) = 4160  # bytes a function of the exits returns: unsweptAccounts

EXITS: public(immutable(address))  # code of how things end, see VaultExits.vy


@deploy
def __init__(asset: address, exits: address):
    """
    @param asset The stablecoin of the vaults that will use this desk
    @param exits VaultExits for the same asset
    """
    assert staticcall IExits(exits).asset() == asset, "exits of another asset"
    EXITS = exits
    core.__init__(asset, "", "", "")
    core._leave_to_nobody()


@external
@raw_return
def __default__() -> Bytes[MAX_RETURN]:
    """
    @notice Everything else is the exits' or the governance's; answers and errors pass through.
    """
    return raw_call(EXITS, msg.data, max_outsize=MAX_RETURN, is_delegate_call=True)


# Reports


@external
@nonreentrant
def report(marks: DynArray[nav.Mark, nav.MAX_OPEN_CONDITIONS], evidence: bytes32):
    """
    @notice Marks the conditions of the open markets, takes fees, settles the epochs that an earlier
            report closed and closes the open ones. Reporter only. It replaces all marks: a
            condition without one counts 0 at the bid and 1 at the ask. Marks of closed and unknown
            markets are ignored, so nothing that others do in front of a report refuses it, but for a
            settlement of a flat vault, which does what the report would: then it is too soon, once.
    @param marks Bid and ask of YES of each condition, WAD
    @param evidence Hash of the document from which the marks were made
    """
    assert msg.sender == roles.reporter, "not the reporter"
    state: uint256 = status.word
    self._check_interval(state)
    number: uint256 = status._reports(state) + 1
    for mark: nav.Mark in marks:
        packed: uint256 = nav._pack(mark, number)
        word: uint256 = markets.words[mark.market]
        if markets._is_open(word) and mark.condition < markets._conditions(word):
            nav._mark(mark.market, mark.condition, packed)
    bid: uint256 = 0
    ask: uint256 = 0
    bid, ask = self._revalue(number, evidence)
    idle: uint256 = ledger.total_idle
    self._deal(state, idle + bid, idle + ask, core._is_flat())


@external
@nonreentrant
def settle():
    """
    @notice Deals as a report does while the vault is flat: idle is all there is, and no opinion is
            needed. Anyone may call; it counts as a report.
    """
    assert core._is_flat(), "not flat"
    state: uint256 = status.word
    self._check_interval(state)
    idle: uint256 = ledger.total_idle
    self._deal(state, idle, idle, True)


# Budget


@external
@nonreentrant
def openMarket(class_id: uint256, question_id: bytes32, count: uint256, deadline: uint256) -> bytes32:
    """
    @notice Opens a market of a class with an account of its own. The class's keeper only.
    @param question_id The question (or the event, for negative risk) at the class's oracle
    @param count Conditions: 1, or the number of outcomes of a negative-risk event
    @param deadline When its account stops signing orders, timestamp
    @return The market's id
    """
    self._check_keeper(class_id)
    return markets._open(class_id, question_id, count, deadline)


@external
@nonreentrant
def allocate(market: bytes32, assets: uint256):
    """
    @notice Moves idle assets into the market's account, within every cap and the velocity limit,
            while the vault is fresh and no drawdown stops it. The class's keeper only.
    """
    word: uint256 = markets._check_open(market)
    self._check_keeper(markets._class(word))
    assert assets != 0, "nothing to allocate"
    assert not status._is_stale(status.word), "stale NAV"
    account: address = markets._account(word)
    assert staticcall IMarketAccount(account).tradable(), "market not tradable"
    bid: uint256 = nav.bid_price
    assert not self._is_tripped(bid), "drawdown"
    exposure._allocate(market, word, assets, nav._nav())
    idle: uint256 = ledger.total_idle
    waiting: uint256 = requests._waiting(requests.REDEEM)
    owed: uint256 = 0
    if waiting != 0:
        owed = (waiting * bid + units.PRICE - 1) // units.PRICE  # up
    assert idle >= assets + owed, "idle too low"
    ledger.total_idle = idle - assets
    ledger._push(account, assets)


@external
@view
def breakerTripped() -> bool:
    """
    @return Whether the published bid is so far under its highest that no budget is allocated until
            the owner resets the breaker.
    """
    return self._is_tripped(nav.bid_price)


# Internal


@internal
@view
def _check_keeper(class_id: uint256):
    """
    @dev For what takes on risk; recalls have their own check.
    """
    keeper: address = classes._keeper(class_id)
    assert msg.sender == keeper, "not the keeper"
    status._check_running(status.word)


@internal
@view
def _is_tripped(bid: uint256) -> bool:
    drawdown: uint256 = limits._bps(
        limits.budget_limits, limits.MAX_DRAWDOWN_BPS - limits.TOTAL_CAP_BPS
    )
    return bid * units.BPS < nav.reference * (units.BPS - drawdown)


@internal
@view
def _check_interval(state: uint256):
    """
    @dev The first report may come at once.
    """
    if status._reports(state) != 0:
        interval: uint256 = limits._interval(limits.dealing_limits)
        assert block.timestamp >= status._last_report(state) + interval, "report too soon"


@internal
def _revalue(report: uint256, evidence: bytes32) -> (uint256, uint256):
    """
    @notice Values every open market at the marks of this report, and books it.
    @param report Its number
    @return Value of all at the bid, and the larger of their value at the ask and their exposure.
    """
    open: DynArray[bytes32, nav.MAX_MARKETS] = markets.open_markets
    books: DynArray[uint256, nav.MAX_MARKETS] = []
    words: DynArray[uint256, nav.MAX_OPEN_CONDITIONS] = []
    exposures: uint256 = 0
    total_bid: uint256 = 0
    total_ask: uint256 = 0
    for market: bytes32 in open:
        word: uint256 = markets.words[market]
        own: DynArray[uint256, units.MAX_CONDITIONS] = []
        for i: uint256 in range(markets._conditions(word), bound=units.MAX_CONDITIONS):
            mark: uint256 = nav._fresh_mark(market, i, report)
            own.append(mark)
            words.append(mark)
        book: uint256 = nav.books[market]
        bid: uint256 = 0
        ask: uint256 = 0
        bid, ask = nav._value(market, markets._account(word), book, own)
        books.append(nav._set_value(market, book, bid, ask))
        exposures += nav._exposure(book)
        total_bid += bid
        total_ask += ask
    nav._set_totals(exposures, total_bid)
    log nav.Reported(evidence=evidence, markets=open, books=books, words=words)
    return total_bid, max(total_ask, exposures)


@internal
def _deal(state: uint256, nav_bid: uint256, nav_ask: uint256, flat: bool):
    """
    @notice Takes fees, settles the epochs that wait, closes the open ones, publishes the prices.
    @param state status.word
    @param nav_bid NAV at the bid, assets
    @param nav_ask NAV at the ask, assets
    @param flat Whether there is no opinion in them
    """
    word: uint256 = limits.dealing_limits
    winding_down: bool = status._has(state, status.WINDING_DOWN)
    supply: uint256 = core._accrue(state, nav_bid, True)
    bid: uint256 = nav._price(nav_bid, supply)
    # not below the bid: the mark is a whole share's price, rounded, and a step of it is a fee
    ask: uint256 = max(bid, self._net(nav._price_up(nav_ask, supply), winding_down))
    day: uint256 = max(
        limits._bps(word, limits.MAX_INFLOW_BPS) * nav_bid // units.BPS, limits._floor(word)
    )
    room: uint256 = fees._room(fees.accrual)
    elapsed: uint256 = block.timestamp - status._last_report(state)
    room = min(day, room + day * elapsed // units.DAY)
    log Dealt(nav_bid=nav_bid, nav_ask=nav_ask, supply=supply, bid=bid, ask=ask, room=room)

    if not nav._collapsed(nav_bid, supply):
        if not winding_down:
            dear: uint256 = max(ask, nav.ask_price)
            most: uint256 = bid * (units.BPS + limits._bps(word, limits.MAX_PREMIUM_BPS))
            # what a closed account still holds is in no price: then the room binds in a flat vault
            open_door: bool = flat and markets.holding == 0
            room = self._settle_deposits(word, dear, dear * units.BPS > most, open_door, room, supply)
        self._settle_redemptions(word, min(bid, nav.bid_price))

    number: uint256 = status._record_report(state)
    requests._close(requests.DEPOSIT, number)
    requests._close(requests.REDEEM, number)
    requests._better(requests.DEPOSIT, ask)
    requests._better(requests.REDEEM, bid)
    nav._publish(bid, ask)
    fees._set_accrual(nav._nav(), room)


@internal
@view
def _net(price: uint256, winding_down: bool) -> uint256:
    """
    @return What a share at `price` is worth after the performance fee that is still due, rounded up.
    """
    mark: uint256 = fees._high_water_mark() * units.SHARE
    if winding_down or price <= mark:
        return price
    return price - (price - mark) * fees._performance_bps() // units.BPS


@internal
def _settle_deposits(
    limits_word: uint256, price: uint256, dear: bool, flat: bool, room: uint256, supply: uint256
) -> uint256:
    """
    @notice Turns deposit epochs into shares, oldest first, as far as the room reaches.
    @param limits_word limits.dealing_limits
    @param dear Whether too much opinion is in the price: then they wait
    @return The room left.
    """
    queue: uint256 = requests.queue[requests.DEPOSIT]
    if queue == 0:
        return room
    left_room: uint256 = room
    deposited: uint256 = 0
    minted: uint256 = 0
    rest: DynArray[uint256, requests.MAX_WAITING] = []
    most: uint256 = units.BPS + limits._bps(limits_word, limits.MAX_UP_BPS)
    epochs: DynArray[uint256, requests.MAX_WAITING] = requests._queue(queue)
    for place: uint256 in range(len(epochs), bound=requests.MAX_WAITING):
        epoch: uint256 = epochs[place]
        word: uint256 = requests.closed[requests.DEPOSIT][epoch]
        left: uint256 = requests._left(word)
        if left == 0:
            continue
        if price * units.BPS > requests.anchors[requests.DEPOSIT][place] * most:
            requests._hand_back(requests.DEPOSIT, epoch, word, price)
            continue
        taken: uint256 = 0
        if not dear:
            taken = left if flat else min(left, left_room)
        if taken != 0:
            shares: uint256 = taken * units.PRICE // price  # down: fewer shares
            left = requests._settle(requests.DEPOSIT, epoch, word, taken, shares)
            deposited += taken
            if shares != 0:
                left_room -= min(left_room, taken)
                fees._enter(supply + minted, taken, shares)
                minted += shares
        if left != 0:
            rest.append(epoch)
    requests._set_queue(requests.DEPOSIT, queue, rest)
    if minted != 0:
        erc20._mint(self, minted)
    if deposited != 0:
        ledger.total_idle += deposited
    return left_room


@internal
def _settle_redemptions(limits_word: uint256, price: uint256):
    """
    @notice Pays redemption epochs, oldest first, as far as idle reaches.
    """
    queue: uint256 = requests.queue[requests.REDEEM]
    if queue == 0:
        return
    idle: uint256 = ledger.total_idle
    before: uint256 = idle
    burned: uint256 = 0
    rest: DynArray[uint256, requests.MAX_WAITING] = []
    least: uint256 = units.BPS - limits._bps(limits_word, limits.MAX_DOWN_BPS)
    epochs: DynArray[uint256, requests.MAX_WAITING] = requests._queue(queue)
    for place: uint256 in range(len(epochs), bound=requests.MAX_WAITING):
        epoch: uint256 = epochs[place]
        word: uint256 = requests.closed[requests.REDEEM][epoch]
        left: uint256 = requests._left(word)
        if left == 0:
            continue
        if price * units.BPS < requests.anchors[requests.REDEEM][place] * least:
            requests._hand_back(requests.REDEEM, epoch, word, price)
            continue
        taken: uint256 = left
        if left * price // units.PRICE > idle:
            taken = idle * units.PRICE // price
        if taken != 0:
            paid: uint256 = taken * price // units.PRICE  # down: fewer assets
            left = requests._settle(requests.REDEEM, epoch, word, taken, paid)
            burned += taken
            idle -= paid
        if left != 0:
            rest.append(epoch)
    requests._set_queue(requests.REDEEM, queue, rest)
    if burned != 0:
        erc20._burn(self, burned)
        ledger.claimable_assets += before - idle
        ledger.total_idle = idle
