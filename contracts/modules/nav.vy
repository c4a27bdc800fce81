# pragma version 0.4.3
"""
@title Net asset value: marks, book and report bounds
@license AGPL-3.0-only
@author Strongroom
@notice Values positions at reported marks (or at payouts, once there are any), keeps what each
        market was last valued at, and says whether a report keeps its bounds.
@dev Roles: the reporter brings the marks, by a report; anyone books payouts.
     Invariants: a position is worth at most its marks' bids to those who leave and at least their
     asks to those who come; complete sets are worth 1, resolved tokens their payout. NAV moves by
     reports, payouts, dealing and exits, never by a transfer of budget.
     Units: values in assets; marks in WAD; NAV per share in PPS_SCALE (units.vy).
     Limits of use: values below 2**120; a market of at most 32 conditions.
     A book entry is one int256: the bid value in the high 128 bits, signed, and the spread
     (ask value - bid value, never negative) in the low 128. Between reports budget moves between
     idle and a market at cost, so NAV does not move: a market that gives back more than it was
     booked at has a negative entry until it is revalued.
"""

from contracts.interfaces import IDelegatedAccount
from contracts.interfaces import IMarketAccount
from contracts.modules import exposure
from contracts.modules import ledger
from contracts.modules import limits
from contracts.modules import units

uses: exposure
uses: ledger


# One condition's marks, WAD (1e18 = one unit of collateral for one outcome token).
struct Mark:
    market: bytes32
    bid_yes: uint256
    ask_yes: uint256
    bid_no: uint256
    ask_no: uint256


event Reported:
    nav_bid: uint256
    nav_ask: uint256
    supply: uint256
    evidence: indexed(bytes32)
    entries: DynArray[int256, exposure.MAX_MARKETS]  # books, in the order of openMarkets
    words: DynArray[uint256, exposure.MAX_OPEN_CONDITIONS]  # marks, in the order of their conditions


event ReportPending:
    nav_bid: uint256
    nav_ask: uint256
    report_hash: indexed(bytes32)
    evidence: indexed(bytes32)


event ReportConfirmed:
    report_hash: indexed(bytes32)


event Synced:
    market: indexed(bytes32)
    value_bid: int256
    value_ask: int256


# A vault whose share is worth less than the COLLAPSE-th part of its first price is beyond dealing:
# more shares than words can hold would be due for a deposit.
COLLAPSE: constant(uint256) = 10**4

book_total: int256  # sum of the entries of all open markets
book: HashMap[bytes32, int256]  # market -> entry
# market -> condition -> bid_yes | ask_yes << 64 | bid_no << 128 | ask_no << 192; 0 = no mark
marks: HashMap[bytes32, HashMap[uint256, uint256]]
# NAV per share from which the day's move is measured (128 bits, PPS_SCALE) | since when << 128
anchor: uint256
pending_report: public(bytes32)  # hash of the last report outside its bounds
confirmed_report: public(bytes32)  # hash of the one the guardian let through


@external
@view
def dayAnchor() -> (uint256, uint256):
    """
    @return NAV per whole share (WAD) from which the day's move is measured, and since when.
    """
    return self.anchor & units.U128, self.anchor >> 128


@external
@view
def bookOf(market: bytes32) -> (int256, int256):
    """
    @return The market's value at the bid and at the ask, as last booked, in assets.
    """
    entry: int256 = self.book[market]
    return self._bid(entry), self._ask(entry)


@external
@view
def markOf(market: bytes32, condition: uint256) -> (uint256, uint256, uint256, uint256):
    """
    @return bid and ask of YES, bid and ask of NO (WAD) as last reported; all 0: none yet.
    """
    word: uint256 = self.marks[market][condition]
    return word & units.U64, (word >> 64) & units.U64, (word >> 128) & units.U64, word >> 192


@internal
@pure
def _entry(bid: int256, spread: uint256) -> int256:
    """
    @dev Spread and bid are kept inside 127 bits, so an entry or a sum of 64 never overflows.
    """
    assert spread < 2**120 and bid < 2**120 and bid > -2**120, "value too large"
    return (bid << 128) | convert(spread, int256)


@internal
@pure
def _bid(entry: int256) -> int256:
    return entry >> 128


@internal
@pure
def _spread(entry: int256) -> uint256:
    return convert(entry & convert(units.U128, int256), uint256)


@internal
@pure
def _ask(entry: int256) -> int256:
    return (entry >> 128) + (entry & convert(units.U128, int256))


@internal
@view
def _quote(market: bytes32, index: uint256) -> (uint256, uint256):
    """
    @param index Outcome token: 2 * condition for YES, 2 * condition + 1 for NO
    @return Its bid and ask as last reported, WAD; an ask of 0: none yet.
    """
    word: uint256 = self.marks[market][index >> 1] >> ((index & 1) << 7)
    return word & units.U64, (word >> 64) & units.U64


@internal
@view
def _nav() -> (uint256, uint256):
    """
    @return NAV at the bid and at the ask, in assets. Invariant: never negative, since only
            transfers between idle and a market make an entry negative, and they sum to 0.
    """
    total: int256 = self.book_total
    bid: uint256 = convert(convert(ledger.total_idle, int256) + self._bid(total), uint256)
    return bid, bid + self._spread(total)


@internal
def _move(market: bytes32, bid: int256, spread: int256):
    """
    @dev Changes the market's entry and the total alike.
    """
    entry: int256 = self.book[market]
    self.book[market] = self._entry(
        self._bid(entry) + bid, convert(convert(self._spread(entry), int256) + spread, uint256)
    )
    total: int256 = self.book_total
    self.book_total = self._entry(
        self._bid(total) + bid, convert(convert(self._spread(total), int256) + spread, uint256)
    )


@internal
@pure
def _collapsed(bid: uint256, supply: uint256) -> bool:
    return supply > (bid + 1) * ledger.VIRTUAL_SHARES * COLLAPSE


@internal
def _leave_in_kind(market: bytes32, shares: uint256, supply: uint256):
    """
    @notice Takes the part of a holder who leaves in kind out of the market's entry.
    @dev down, away from 0 where negative: so NAV stays at least the part of those who stay.
    """
    entry: int256 = self.book[market]
    part: int256 = self._bid(entry) * convert(shares, int256)
    whole: int256 = convert(supply, int256)
    if part < 0:
        part -= whole - 1
    self._move(
        market, -(part // whole), -convert(self._spread(entry) * shares // supply, int256)
    )


@internal
@pure
def _pack(mark: Mark) -> uint256:
    """
    @dev Checks one condition's marks: bid <= ask <= 1, and the two exclusive bids sum to <= 1.
    """
    assert mark.ask_yes <= units.WAD and mark.ask_no <= units.WAD, "ask above 1"
    assert mark.bid_yes <= mark.ask_yes and mark.bid_no <= mark.ask_no, "bid above ask"
    assert mark.bid_yes + mark.bid_no <= units.WAD, "bids above 1"
    return mark.bid_yes | (mark.ask_yes << 64) | (mark.bid_no << 128) | (mark.ask_no << 192)


@internal
@pure
def _value(position: IMarketAccount.Position, word: uint256) -> (uint256, uint256):
    """
    @notice Bid and ask value of one condition's outcome tokens, in assets.
    @dev Complete sets count exactly 1 each; a payout, once there, replaces the marks.
         down at the bid, up at the ask.
    """
    if position.payout_denominator != 0:
        paid: uint256 = (
            position.yes * position.payout_yes // position.payout_denominator
            + position.no * position.payout_no // position.payout_denominator
        )
        return paid, paid
    pairs: uint256 = min(position.yes, position.no)
    rest: uint256 = position.yes - pairs
    prices: uint256 = word
    if rest == 0:
        rest = position.no - pairs
        prices = word >> 128
    return (
        pairs + rest * (prices & units.U64) // units.WAD,
        pairs + (rest * ((prices >> 64) & units.U64) + units.WAD - 1) // units.WAD,
    )


@internal
@pure
def _within(new: uint256, base: uint256, up_bps: uint256, down_bps: uint256) -> bool:
    return (
        new * units.BPS <= base * (units.BPS + up_bps)
        and new * units.BPS >= base * (units.BPS - min(down_bps, units.BPS))
    )


@internal
@pure
def _keeps_bounds(
    bid: uint256, ask: uint256, base: uint256, anchor: uint256, supply: uint256, word: uint256
) -> bool:
    """
    @notice Whether a report keeps its bounds.
    @param bid NAV at the bid that the report gives, assets
    @param ask NAV at the ask that it gives, assets
    @param base NAV at the bid before it, payouts already in: resolution moves are left out
    @param anchor The day's anchor, moved by the day's payouts
    @param supply Shares
    @param word limits.report_limits
    """
    if (ask - bid) * units.BPS > bid * limits._field(word, limits.MAX_SPREAD_BPS):
        return False
    if supply == 0:
        return True
    return (
        self._within(
            bid, base, limits._field(word, limits.MAX_UP_BPS), limits._field(word, limits.MAX_DOWN_BPS)
        )
        and self._within(
            bid * units.PPS_SCALE // supply,
            anchor & units.U128,
            limits._field(word, limits.MAX_DAY_UP_BPS),
            limits._field(word, limits.MAX_DAY_DOWN_BPS),
        )
    )


@internal
@view
def _anchor_at(first: uint256, base: uint256, supply: uint256) -> uint256:
    """
    @param first NAV per share of a vault without shares, PPS_SCALE
    @param base NAV at the bid before the report, payouts already in
    @return The day's anchor for a report now: anew without shares and when its day is over.
    """
    anchor: uint256 = self.anchor
    if supply == 0:
        return (block.timestamp << 128) | first
    if block.timestamp - (anchor >> 128) >= units.DAY:
        return (block.timestamp << 128) | (base * units.PPS_SCALE // supply)
    return anchor


@internal
def _write(
    entries: DynArray[int256, exposure.MAX_MARKETS],
    words: DynArray[uint256, exposure.MAX_OPEN_CONDITIONS],
    anchor: uint256,
):
    """
    @notice Books a report.
    @param entries Of the open markets, in their order
    @param words Marks of their conditions, in the order of the markets
    """
    index: uint256 = 0
    total_bid: int256 = 0
    total_spread: uint256 = 0
    for i: uint256 in range(len(entries), bound=exposure.MAX_MARKETS):
        market: bytes32 = exposure.open_markets[i]
        entry: int256 = entries[i]
        self.book[market] = entry
        total_bid += self._bid(entry)
        total_spread += self._spread(entry)
        for condition: uint256 in range(
            exposure._conditions(exposure.markets[market]), bound=units.MAX_CONDITIONS
        ):
            self.marks[market][condition] = words[index]
            index += 1
    if len(entries) != 0:
        self.book_total = self._entry(total_bid, total_spread)
    if anchor != self.anchor:
        self.anchor = anchor


@internal
def _set_up():
    self.anchor = (block.timestamp << 128) | units.WAD


@internal
@view
def _clamp_away(account: address, bid: uint256, ask: uint256) -> (uint256, uint256):
    """
    @notice What a delegated account has handed to its wallet counts at most at its cost at the
            bid, at least at its cost at the ask: whoever moves money in and out of the wallet
            around a report can neither leave dear nor come cheap by it.
    """
    outstanding: uint256 = staticcall IDelegatedAccount(account).outstanding()
    return min(bid, outstanding), max(ask, outstanding)


@internal
@view
def _value_account(
    word: uint256, words: DynArray[uint256, units.MAX_CONDITIONS]
) -> (uint256, uint256, uint256, uint256):
    """
    @notice Values what a market's account holds and what its wallet holds for it.
    @param word exposure.markets[market]
    @param words Marks of its conditions
    @return Bid and ask value, assets; the YES bids of conditions without a payout, summed, WAD;
            how many conditions have a payout.
    """
    account: address = exposure._account(word)
    total_bid: uint256 = 0
    total_ask: uint256 = 0
    exclusive: uint256 = 0
    resolved: uint256 = 0
    for away: bool in [False, True]:
        if away and not exposure._is_delegated(word):
            break
        bid: uint256 = 0
        positions: DynArray[IMarketAccount.Position, units.MAX_CONDITIONS] = []
        bid, positions = staticcall IMarketAccount(account).holdings(away)
        ask: uint256 = bid
        exclusive = 0
        resolved = 0
        index: uint256 = 0
        for position: IMarketAccount.Position in positions:
            mark: uint256 = words[index]
            value_bid: uint256 = 0
            value_ask: uint256 = 0
            value_bid, value_ask = self._value(position, mark)
            bid += value_bid
            ask += value_ask
            if position.payout_denominator == 0:
                exclusive += mark & units.U64
            else:
                resolved += 1
            index += 1
        if away:
            bid, ask = self._clamp_away(account, bid, ask)
        total_bid += bid
        total_ask += ask
    return total_bid, total_ask, exclusive, resolved


@internal
def _sync(market: bytes32):
    """
    @notice Books what the chain has paid out for the market's conditions since the last time.
    @dev Moves the day's anchor along: a resolution is no breach of bounds. Where there is
         nothing new it changes nothing, so nobody can revalue positions at will.
    """
    word: uint256 = exposure.markets[market]
    resolved: uint256 = staticcall IMarketAccount(exposure._account(word)).resolved()
    if resolved == exposure._booked(word):
        return
    words: DynArray[uint256, units.MAX_CONDITIONS] = []
    for condition: uint256 in range(exposure._conditions(word), bound=units.MAX_CONDITIONS):
        words.append(self.marks[market][condition])
    bid: uint256 = 0
    ask: uint256 = 0
    exclusive: uint256 = 0
    bid, ask, exclusive, resolved = self._value_account(word, words)
    entry: int256 = self.book[market]
    before: uint256 = self._nav()[0]
    self._move(
        market,
        convert(bid, int256) - self._bid(entry),
        convert(ask - bid, int256) - convert(self._spread(entry), int256),
    )
    exposure._set_booked(market, word, resolved)
    if before != 0:
        anchor: uint256 = self.anchor
        self.anchor = ((anchor >> 128) << 128) | ((anchor & units.U128) * self._nav()[0] // before)
    log Synced(market=market, value_bid=convert(bid, int256), value_ask=convert(ask, int256))


@internal
def _sync_all() -> (uint256, uint256):
    """
    @notice Books every payout that the chain has.
    @return NAV at the bid and at the ask; without an open market there is no book to read.
    """
    if len(exposure.open_markets) == 0:
        return ledger.total_idle, ledger.total_idle
    for market: bytes32 in exposure.open_markets:
        self._sync(market)
    return self._nav()
