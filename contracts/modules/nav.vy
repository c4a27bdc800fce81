# pragma version 0.4.3
"""
@title Net asset value: marks, books and prices
@license AGPL-3.0-only
@author Strongroom
@notice Values what market accounts hold, keeps what each market was last valued at, and turns NAV
        into prices. Nothing counts above its cost at the bid before it is home, and nothing
        below its cost at the ask.
@dev Roles: the reporter brings the marks, by a report. Quantities and payouts come from the
     accounts, never from a report.
     Invariants: at the bid a market is worth at most its exposure. Complete sets are worth 1,
     resolved tokens their payout. NAV moves by reports, by harvests above the booked value, by
     dealing and by exits, never by a transfer of budget.
     Units: values in assets; marks in WAD; prices in assets per share times PRICE (units.vy).
     Limits of use: a market's exposure fits 85 bits, balances and payouts 120. A market of at most
     32 conditions. An account that does not answer within its gas, or not in range, counts 0 at
     the bid and the larger of cost and its last value at the ask.
"""

from snekmate.tokens import erc20

from contracts.modules import ledger
from contracts.modules import units

uses: ledger
uses: erc20


# One condition's marks of YES, WAD (1e18 = one unit of collateral for one outcome token). NO
# follows: its bid is 1 - ask, its ask is 1 - bid.
struct Mark:
    market: bytes32
    condition: uint256
    bid: uint256
    ask: uint256


event Reported:
    evidence: indexed(bytes32)
    markets: DynArray[bytes32, MAX_MARKETS]  # the open ones
    books: DynArray[uint256, MAX_MARKETS]  # exposure, bid and ask of each
    words: DynArray[uint256, MAX_OPEN_CONDITIONS]  # marks, in the order of their conditions


event Unanswered:
    market: indexed(bytes32)
    account: indexed(address)


MAX_MARKETS: constant(uint256) = 128  # open at once: a report visits each (gas.report in the bench)
MAX_OPEN_CONDITIONS: constant(uint256) = 192  # of all open markets: what one report can mark
# A share worth less than the COLLAPSE-th part of its first price is beyond dealing: more shares
# than words can hold would be due for a deposit.
COLLAPSE: constant(uint256) = 10**4
BID: constant(uint256) = 85  # place of the bid in a book
ASK: constant(uint256) = 170  # place of the ask in a book
MAX_ASK: constant(uint256) = 2**86 - 1  # more than that counts as that
# What reading an account may burn, and what its answer looks like: collateral, the offset and the
# length of its positions, five words each.
GAS: constant(uint256) = 60_000
GAS_PER_CONDITION: constant(uint256) = 30_000
CALL_GAS: constant(uint256) = 10_000  # of the call itself and its answer in memory
ANSWER_HEAD: constant(uint256) = 96
POSITION: constant(uint256) = 160
ANSWER: constant(uint256) = ANSWER_HEAD + POSITION * units.MAX_CONDITIONS

# market -> exposure (85 bits, assets) | value at the bid << 85 (85) | value at the ask << 170 (86)
books: HashMap[bytes32, uint256]
# exposure of all open markets (128 bits) | their value at the bid << 128
totals: uint256
# market -> condition -> bid of YES (64 bits, WAD) | its ask << 64 (64) | number of the report << 128
marks: HashMap[bytes32, HashMap[uint256, uint256]]
bid_price: uint256  # as published last
ask_price: uint256
reference: public(uint256)  # the drawdown breaker's: the highest bid published, or the one at its reset


@external
@view
def bookOf(market: bytes32) -> (uint256, uint256, uint256):
    """
    @return The market's exposure, and its value at the bid and at the ask as last booked, assets.
    """
    word: uint256 = self.books[market]
    return self._exposure(word), self._bid(word), self._ask(word)


@external
@view
def markOf(market: bytes32, condition: uint256) -> (uint256, uint256, uint256):
    """
    @return Bid and ask of YES (WAD) as last reported, and the number of that report; all 0: none.
    """
    word: uint256 = self.marks[market][condition]
    return word & units.U64, (word >> 64) & units.U64, word >> 128


@external
@view
def prices() -> (uint256, uint256):
    """
    @return Bid and ask as last published: assets per share, times 1e36.
    """
    return self.bid_price, self.ask_price


@internal
@pure
def _book(exposure: uint256, bid: uint256, ask: uint256) -> uint256:
    """
    @param bid At most the exposure
    """
    assert exposure <= units.U85, "exposure too large"
    return exposure | (bid << BID) | (min(ask, MAX_ASK) << ASK)


@internal
@pure
def _exposure(book: uint256) -> uint256:
    return book & units.U85


@internal
@pure
def _bid(book: uint256) -> uint256:
    return (book >> BID) & units.U85


@internal
@pure
def _ask(book: uint256) -> uint256:
    return book >> ASK


@internal
@view
def _total_exposure() -> uint256:
    return self.totals & units.U128


@internal
@view
def _nav() -> uint256:
    """
    @return NAV at the bid, assets.
    """
    return ledger.total_idle + (self.totals >> 128)


@internal
@view
def _shares() -> uint256:
    """
    @return Shares, virtual ones included: never 0.
    """
    return erc20.totalSupply + ledger.VIRTUAL_SHARES


@internal
def _rewrite(market: bytes32, exposure: uint256, bid: uint256, ask: uint256):
    """
    @notice Changes a market's book, and the totals alike.
    """
    old: uint256 = self.books[market]
    self.books[market] = self._book(exposure, bid, ask)
    self.totals = (
        self.totals + exposure + (bid << 128) - self._exposure(old) - (self._bid(old) << 128)
    )


@internal
def _set_value(market: bytes32, book: uint256, bid: uint256, ask: uint256) -> uint256:
    """
    @param book As it is; its exposure stays
    @return The new book. The totals are the caller's.
    """
    new: uint256 = (book & units.U85) | (bid << BID) | (min(ask, MAX_ASK) << ASK)
    if new != book:
        self.books[market] = new
    return new


@internal
@view
def _fresh_mark(market: bytes32, condition: uint256, report: uint256) -> uint256:
    """
    @return The condition's word if the report with that number marked it, else 0.
    """
    word: uint256 = self.marks[market][condition]
    return word if word >> 128 == report else 0


@internal
def _mark(market: bytes32, condition: uint256, word: uint256):
    """
    @param word Of `_pack`
    """
    self.marks[market][condition] = word


@internal
def _set_totals(exposure: uint256, bid: uint256):
    self.totals = exposure | (bid << 128)


@internal
def _publish(bid: uint256, ask: uint256):
    if self.bid_price != bid:
        self.bid_price = bid
    if self.ask_price != ask:
        self.ask_price = ask
    if bid > self.reference:
        self.reference = bid


@internal
@view
def _price(assets: uint256, supply: uint256) -> uint256:
    """
    @return What a share is worth when `supply` shares stand for `assets`, rounded down.
    """
    return (assets + 1) * units.PRICE // (supply + ledger.VIRTUAL_SHARES)


@internal
@view
def _price_up(assets: uint256, supply: uint256) -> uint256:
    """
    @return The same, rounded up.
    """
    whole: uint256 = supply + ledger.VIRTUAL_SHARES
    return ((assets + 1) * units.PRICE + whole - 1) // whole


@internal
@view
def _collapsed(assets: uint256, supply: uint256) -> bool:
    """
    @param assets NAV at the bid
    """
    return supply > (assets + 1) * ledger.VIRTUAL_SHARES * COLLAPSE


@internal
@view
def _quote(market: bytes32, index: uint256, report: uint256) -> (bool, uint256, uint256):
    """
    @param index Outcome token: 2 * condition for YES, 2 * condition + 1 for NO
    @param report The number that a fresh mark carries; 0: none is fresh
    @return Whether it has a fresh mark; its bid and ask, WAD.
    """
    word: uint256 = self.marks[market][index >> 1]
    if report == 0 or word >> 128 != report:
        return False, 0, 0
    bid: uint256 = word & units.U64
    ask: uint256 = (word >> 64) & units.U64
    if index & 1 == 1:
        return True, units.WAD - ask, units.WAD - bid
    return True, bid, ask


@internal
@pure
def _pack(mark: Mark, report: uint256) -> uint256:
    """
    @param report Its number
    @return The mark's word.
    """
    assert mark.bid <= mark.ask and mark.ask <= units.WAD, "marks out of order"
    return mark.bid | (mark.ask << 64) | (report << 128)


@internal
def _value(
    market: bytes32,
    account: address,
    book: uint256,
    words: DynArray[uint256, units.MAX_CONDITIONS],
) -> (uint256, uint256):
    """
    @notice Values what a market's account holds, its wallet's part included.
    @param book As it is before the report
    @param words Marks of its conditions; 0: none
    @return Value at the bid, at most the exposure, and at the ask, assets.
    @dev down at the bid, up at the ask.
    """
    count: uint256 = len(words)
    bound: uint256 = self._check_gas(GAS + GAS_PER_CONDITION * count)
    success: bool = False
    answer: Bytes[ANSWER] = b""
    success, answer = raw_call(
        account,
        method_id("positions()"),
        max_outsize=ANSWER,
        gas=bound,
        is_static_call=True,
        revert_on_failure=False,
    )
    bid: uint256 = 0
    ask: uint256 = 0
    success = success and len(answer) == ANSWER_HEAD + POSITION * count
    if success:
        success, bid, ask = self._value_answer(answer, words)
    exposure: uint256 = self._exposure(book)
    if not success:
        log Unanswered(market=market, account=account)
        return 0, max(exposure, self._ask(book))
    return min(bid, exposure), ask


@internal
@view
def _check_gas(bound: uint256) -> uint256:
    """
    @return What a call that may fail is given, `bound`. Whoever calls must bring it, or he could make
            the failure.
    """
    assert msg.gas > bound + bound // 32 + CALL_GAS, "too little gas"
    return bound


@internal
@pure
def _value_answer(
    answer: Bytes[ANSWER], words: DynArray[uint256, units.MAX_CONDITIONS]
) -> (bool, uint256, uint256):
    """
    @return Whether the answer is in range, and its value at the bid and at the ask.
    """
    bid: uint256 = extract32(answer, 0, output_type=uint256)
    seen: uint256 = bid  # all numbers or-ed: whether any is out of range
    ask: uint256 = bid
    by_bids: uint256 = 0  # what of the bid rests on bids of YES
    more: uint256 = 0  # what the ask would be higher were they 0
    exclusive: uint256 = 0  # payouts and bids of YES, summed
    resolved: bool = False
    place: uint256 = ANSWER_HEAD
    for word: uint256 in words:
        yes: uint256 = extract32(answer, place, output_type=uint256)
        no: uint256 = extract32(answer, place + 32, output_type=uint256)
        of: uint256 = extract32(answer, place + 128, output_type=uint256)
        seen |= yes | no | of
        if seen > units.U120:
            return False, 0, 0
        if of != 0:
            for_yes: uint256 = extract32(answer, place + 64, output_type=uint256)
            for_no: uint256 = extract32(answer, place + 96, output_type=uint256)
            if for_yes > of or for_no > of:
                return False, 0, 0
            paid: uint256 = yes * for_yes // of + no * for_no // of
            bid += paid
            ask += paid
            exclusive += units.WAD * for_yes // of
            resolved = True
        else:
            low: uint256 = 0
            high: uint256 = units.WAD
            if word != 0:
                low = word & units.U64
                high = (word >> 64) & units.U64
            exclusive += low
            sets: uint256 = min(yes, no)
            bid += sets
            ask += sets
            if yes > no:
                by_bids += (yes - no) * low // units.WAD
                ask += ((yes - no) * high + units.WAD - 1) // units.WAD
            else:
                bid += (no - yes) * (units.WAD - high) // units.WAD
                part: uint256 = ((no - yes) * (units.WAD - low) + units.WAD - 1) // units.WAD
                ask += part
                more += no - yes - part
        place += POSITION
    if seen > units.U120:
        return False, 0, 0
    if len(words) != 1 and exclusive > units.WAD:
        # a payout may come in front of a report, and contradict its marks without its fault
        assert resolved, "exclusive bids above 1"
        return True, bid, ask + more
    return True, bid + by_bids, ask


@internal
def _set_up():
    first: uint256 = self._price(0, 0)
    self.bid_price = first
    self.ask_price = first
    self.reference = first
