# pragma version 0.4.3
"""
@title Exposure: strategies, markets, their caps and their losses
@license AGPL-3.0-only
@author Strongroom
@notice A strategy is a class: code and oracle of its markets, a keeper, caps, and what it has lost
        and earned. Its keeper opens markets, each with an account of its own. Exposure is at cost:
        sent - returned, never below 0. What a closed market has not returned is a loss, and counts
        against the caps for ever, until money comes home or the owner forgives it.
@dev Why caps at cost: an account pays for orders from its own balance only, so what entered it is
     the most that can be lost through it, whatever the marks say. Why losses count: else whoever
     holds a keeper's key opens, loses and closes again. Caps in assets and in bps of NAV both
     hold: the first against a large NAV, the second against a small one.
     Roles: the owner adds classes, raises caps and forgives losses (after the timelock); owner and
     guardian lower caps and retire classes at once; a class's keeper opens its markets and
     allocates. The vault calls the functions below; this module checks what is asked for, not who
     asks.
     Invariants: after every allocation all caps hold, and the net allocation of any 24 hours is
     within the velocity limit. The exposures of a class's open markets sum to the class's, and
     those of all classes to the total. Losses are kept per share, so that no entry or exit washes
     them; they fall only by money that came home or by the owner's act.
     The rolling day is counted in periods of eight hours, the present one and three before: any
     24 hours lie within four periods. An allocation counts for 24 to 32 hours; a recall's credit
     ends with the allocation that it answers.
     Units: assets; caps in bps of NAV at the bid; durations in seconds.
     Limits of use: 32 classes; 128 open markets and 192 open conditions (one report visits all);
     32 closed accounts that still hold tokens, of 48 conditions. A cap below the present exposure only stops
     further allocation.
@custom:security The token ids of a market follow from the class's oracle and the question,
        computed by the class's implementation: the owner approves code and oracle, the keeper
        chooses only the question.
"""

from snekmate.tokens import erc20

from contracts.interfaces import IMarketAccount
from contracts.modules import ledger
from contracts.modules import limits
from contracts.modules import nav
from contracts.modules import units

uses: limits
uses: ledger
uses: nav
uses: erc20


# What the owner approves for a strategy.
struct MarketClass:
    implementation: address  # of the accounts; each market gets a clone
    oracle: address  # that resolves the class's conditions
    keeper: address  # opens its markets, signs its orders, moves its budget
    grade: uint256  # custody grade of the accounts: 1 enforced, 2 delegated
    market_cap: uint256  # exposure of one market, assets
    market_cap_bps: uint256  # the same, of NAV at the bid
    class_cap: uint256  # exposure and losses of the class, assets
    class_cap_bps: uint256  # the same, of NAV at the bid
    max_duration: uint256  # seconds from opening to the trading deadline


struct Caps:
    market_cap: uint256
    market_cap_bps: uint256
    class_cap: uint256
    class_cap_bps: uint256


# What of a class does not change.
struct ClassTerms:
    implementation: address
    oracle: address
    max_duration: uint256


event ClassAdded:
    class_id: indexed(uint256)
    implementation: indexed(address)
    oracle: indexed(address)
    grade: uint256
    max_duration: uint256


event ClassCapsSet:
    class_id: indexed(uint256)
    market_cap: uint256
    market_cap_bps: uint256
    class_cap: uint256
    class_cap_bps: uint256


event ClassRetired:
    class_id: indexed(uint256)


event KeeperSet:
    class_id: indexed(uint256)
    keeper: indexed(address)


event LossesForgiven:
    class_id: indexed(uint256)
    assets: uint256


event MarketOpened:
    market: indexed(bytes32)
    account: indexed(address)
    class_id: indexed(uint256)
    question: bytes32
    question_id: bytes32
    conditions: uint256
    deadline: uint256


event MarketClosed:
    market: indexed(bytes32)
    account: indexed(address)
    loss: uint256  # exposure that did not come home
    written_off: uint256  # what its tokens and wallet stood for
    halted: bool  # had been halted before: it is never opened again
    listed: bool  # the account still holds something: it waits to be swept


event Allocated:
    market: indexed(bytes32)
    assets: uint256
    exposure: uint256


event CameHome:
    market: indexed(bytes32)
    account: indexed(address)
    assets: uint256
    cost: uint256  # of the assets, what had been sent; the rest is profit
    exposure: uint256


GRADE_DELEGATED: constant(uint256) = 2
MAX_CLASSES: constant(uint256) = 32  # an allocation looks at the question's exposure in each
MAX_ENDED: constant(uint256) = 32  # closed accounts that hold tokens: an exit in kind visits each
MAX_ENDED_CONDITIONS: constant(uint256) = 48  # of all of them
MAX_ARGUMENTS: constant(uint256) = 3136  # bytes: 32 conditions of 96 each, and ABI encoding
PERIOD: constant(uint256) = 8 * 3_600  # seconds
PERIODS: constant(uint256) = 4  # any 24 hours lie within four periods
LOSS: constant(uint256) = 96  # bits behind the point of losses per share
# In a word of `class_words`.
RETIRED: constant(uint256) = 1 << 160
DELEGATED_CLASS: constant(uint256) = 1 << 161
# In a word of `markets` and of `ended`.
DELEGATED: constant(uint256) = 1 << 253  # the account's custody grade is 2
HALTED_BEFORE: constant(uint256) = 1 << 254  # it had been halted before it was closed
CLOSED: constant(uint256) = 1 << 255

class_count: public(uint256)  # classes are numbered from 0
class_terms: HashMap[uint256, ClassTerms]
# keeper (160 bits) | RETIRED | DELEGATED_CLASS
class_words: HashMap[uint256, uint256]
# market_cap (96 bits) | class_cap << 96 (96) | market_cap_bps << 192 (16) | class_cap_bps << 208 (16)
class_caps: HashMap[uint256, uint256]
class_exposures: HashMap[uint256, uint256]  # class -> assets
class_losses: HashMap[uint256, uint256]  # class -> assets per share, LOSS bits behind the point
losses: uint256  # of all classes together, likewise
profitOf: public(HashMap[uint256, int256])  # class -> assets home above cost, less what never came
# of two periods each, by their numbers: allocated less recalled (96 bits, assets) | number << 96 (32)
periods: uint256[PERIODS // 2]
# market -> account | class << 160 (8) | conditions << 168 (8) | index in open_markets << 176 (8) |
# DELEGATED | HALTED_BEFORE | CLOSED
markets: HashMap[bytes32, uint256]
questionOf: public(HashMap[bytes32, bytes32])  # market -> its question (of negative risk: the event)
open_markets: DynArray[bytes32, nav.MAX_MARKETS]
open_conditions: public(uint256)  # of all open markets
# closed account -> its word in `markets`, with CLOSED; 0: it is not closed
ended: HashMap[address, uint256]
ended_market: HashMap[address, bytes32]  # closed account -> its market
# closed account -> what its tokens and wallet stood for when it was closed, assets (128 bits) |
# its place in `unswept` + 1 << 128 (0: it is not listed)
remains: HashMap[address, uint256]
unswept: DynArray[address, MAX_ENDED]  # closed accounts that hold tokens
unswept_conditions: uint256  # of all of them
written_off: public(uint256)  # sum of what closed accounts stood for, until swept, assets


@external
@view
def classOf(class_id: uint256) -> MarketClass:
    """
    @return The class as approved, with its present keeper and caps.
    """
    terms: ClassTerms = self.class_terms[class_id]
    caps: Caps = self._caps(class_id)
    word: uint256 = self.class_words[class_id]
    return MarketClass(
        implementation=terms.implementation,
        oracle=terms.oracle,
        keeper=self._keeper_in(word),
        grade=GRADE_DELEGATED if word & DELEGATED_CLASS != 0 else 1,
        market_cap=caps.market_cap,
        market_cap_bps=caps.market_cap_bps,
        class_cap=caps.class_cap,
        class_cap_bps=caps.class_cap_bps,
        max_duration=terms.max_duration,
    )


@external
@view
def classBook(class_id: uint256) -> (uint256, uint256, int256, bool):
    """
    @return Exposure of the class's markets, its losses, its proven profit (all assets), and whether
            it is retired.
    """
    return (
        self.class_exposures[class_id],
        self._losses(self.class_losses[class_id]),
        self.profitOf[class_id],
        self.class_words[class_id] & RETIRED != 0,
    )


@external
@view
def keeperOf(class_id: uint256) -> address:
    """
    @return The Safe that signs the class's orders and moves its budget; zero when revoked.
    """
    return self._keeper(class_id)


@external
@view
def totalExposure() -> uint256:
    """
    @return Exposure of all open markets, assets.
    """
    return nav._total_exposure()


@external
@view
def totalLosses() -> uint256:
    """
    @return What closed markets have not returned, as it counts against the total cap, assets.
    """
    return self._losses(self.losses)


@external
@view
def openMarkets() -> DynArray[bytes32, nav.MAX_MARKETS]:
    """
    @return The open markets.
    """
    return self.open_markets


@external
@view
def unsweptAccounts() -> DynArray[address, MAX_ENDED]:
    """
    @return Closed accounts that still hold tokens or have some in a wallet.
    """
    return self.unswept


@external
@pure
def marketId(class_id: uint256, question: bytes32) -> bytes32:
    """
    @param question The condition id; of negative risk the event's id
    @return The id of the class's market on the question.
    """
    return self._market_id(class_id, question)


@external
@view
def accountOf(market: bytes32) -> address:
    """
    @return The account that holds the market's budget, or held it last; zero for an unknown market.
    """
    return self._account(self.markets[market])


@external
@view
def marketOf(market: bytes32) -> (address, uint256, uint256, bool):
    """
    @return Account, class, conditions, and whether the market is closed.
    """
    word: uint256 = self.markets[market]
    return self._account(word), self._class(word), self._conditions(word), self._is_closed(word)


@external
@view
def remainsOf(account: address) -> (bool, uint256):
    """
    @return Whether the account is closed, and what it stood for then (0: nothing, or swept since).
    """
    return self.ended[account] != 0, self._remains(self.remains[account])


@external
@view
def recentAllocation() -> uint256:
    """
    @return What the velocity limit counts: allocations less recalls of the last 24 to 32 hours.
    """
    return self._recent_allocation()


@internal
@pure
def _market_id(class_id: uint256, question: bytes32) -> bytes32:
    return keccak256(concat(convert(class_id, bytes32), question))


@internal
@pure
def _account(word: uint256) -> address:
    return convert(word & units.U160, address)


@internal
@pure
def _class(word: uint256) -> uint256:
    return (word >> 160) & units.U8


@internal
@pure
def _conditions(word: uint256) -> uint256:
    return (word >> 168) & units.U8


@internal
@pure
def _index(word: uint256) -> uint256:
    return (word >> 176) & units.U8


@internal
@pure
def _is_delegated(word: uint256) -> bool:
    """
    @return Whether the account's custody grade is 2.
    """
    return word & DELEGATED != 0


@internal
@pure
def _is_closed(word: uint256) -> bool:
    return word & CLOSED != 0


@internal
@pure
def _is_open(word: uint256) -> bool:
    return word != 0 and word & CLOSED == 0


@internal
@pure
def _remains(word: uint256) -> uint256:
    return word & units.U128


@internal
@view
def _check_open(market: bytes32) -> uint256:
    """
    @return The market's word.
    """
    word: uint256 = self.markets[market]
    assert word != 0, "unknown market"
    assert word & CLOSED == 0, "market closed"
    return word


@internal
@pure
def _keeper_in(word: uint256) -> address:
    return convert(word & units.U160, address)


@internal
@view
def _keeper(class_id: uint256) -> address:
    return self._keeper_in(self.class_words[class_id])


@internal
def _set_keeper(class_id: uint256, account: address):
    assert class_id < self.class_count, "unknown class"
    word: uint256 = self.class_words[class_id]
    self.class_words[class_id] = (word & ~units.U160) | convert(account, uint256)
    log KeeperSet(class_id=class_id, keeper=account)


@internal
def _retire(class_id: uint256):
    """
    @dev Its markets are worked off; no budget goes out any more.
    """
    assert class_id < self.class_count, "unknown class"
    word: uint256 = self.class_words[class_id]
    assert word & RETIRED == 0, "class retired"
    self.class_words[class_id] = word | RETIRED
    log ClassRetired(class_id=class_id)


@internal
@view
def _check_active(class_id: uint256):
    assert self.class_words[class_id] & RETIRED == 0, "class retired"


@internal
@view
def _caps(class_id: uint256) -> Caps:
    word: uint256 = self.class_caps[class_id]
    return Caps(
        market_cap=word & units.U96,
        market_cap_bps=(word >> 192) & units.U16,
        class_cap=(word >> 96) & units.U96,
        class_cap_bps=word >> 208,
    )


@internal
def _set_caps(class_id: uint256, new: Caps):
    assert new.market_cap <= units.U96 and new.class_cap <= units.U96, "amount too large"
    assert new.market_cap_bps <= units.BPS and new.class_cap_bps <= units.BPS, "cap above 100 %"
    self.class_caps[class_id] = (
        new.market_cap
        | (new.class_cap << 96)
        | (new.market_cap_bps << 192)
        | (new.class_cap_bps << 208)
    )
    log ClassCapsSet(
        class_id=class_id,
        market_cap=new.market_cap,
        market_cap_bps=new.market_cap_bps,
        class_cap=new.class_cap,
        class_cap_bps=new.class_cap_bps,
    )


@internal
@view
def _is_cap_raised(class_id: uint256, new: Caps) -> bool:
    assert class_id < self.class_count, "unknown class"
    old: Caps = self._caps(class_id)
    return (
        new.market_cap > old.market_cap
        or new.market_cap_bps > old.market_cap_bps
        or new.class_cap > old.class_cap
        or new.class_cap_bps > old.class_cap_bps
    )


@internal
def _add_class(new: MarketClass) -> uint256:
    assert new.implementation.is_contract, "implementation has no code"
    assert new.oracle != empty(address), "no oracle"
    assert staticcall IMarketAccount(new.implementation).grade() == new.grade, "custody grade differs"
    class_id: uint256 = self.class_count
    assert class_id < MAX_CLASSES, "too many classes"
    self.class_terms[class_id] = ClassTerms(
        implementation=new.implementation, oracle=new.oracle, max_duration=new.max_duration
    )
    self.class_count = class_id + 1
    self.class_words[class_id] = DELEGATED_CLASS if new.grade == GRADE_DELEGATED else 0
    log ClassAdded(
        class_id=class_id,
        implementation=new.implementation,
        oracle=new.oracle,
        grade=new.grade,
        max_duration=new.max_duration,
    )
    self._set_keeper(class_id, new.keeper)
    self._set_caps(
        class_id,
        Caps(
            market_cap=new.market_cap,
            market_cap_bps=new.market_cap_bps,
            class_cap=new.class_cap,
            class_cap_bps=new.class_cap_bps,
        ),
    )
    return class_id


# Markets


@internal
def _open(class_id: uint256, question_id: bytes32, count: uint256, deadline: uint256) -> bytes32:
    """
    @notice Opens a market of the class with a fresh account.
    @dev The implementation derives question and tokens from oracle and question id. A class has
         one open market of a question, else its cap would double; once that is closed it may be
         opened again, unless it was halted.
    """
    self._check_active(class_id)
    terms: ClassTerms = self.class_terms[class_id]
    assert deadline > block.timestamp, "deadline passed"
    assert deadline <= block.timestamp + terms.max_duration, "deadline too far"
    question: bytes32 = empty(bytes32)
    described: Bytes[MAX_ARGUMENTS] = b""
    question, described = staticcall IMarketAccount(terms.implementation).describe(
        terms.oracle, question_id, count
    )
    market: bytes32 = self._market_id(class_id, question)
    word: uint256 = self.markets[market]
    assert word == 0 or word & CLOSED != 0, "market open"
    assert word & HALTED_BEFORE == 0, "market was halted"
    account: address = self._clone(
        terms.implementation,
        concat(
            convert(self, bytes20),
            convert(deadline, bytes32),
            market,
            question,
            convert(class_id, bytes32),
            convert(count, bytes32),
            described,
        ),
    )
    extcall IMarketAccount(account).initialize()
    index: uint256 = len(self.open_markets)
    assert index < nav.MAX_MARKETS, "too many markets"
    self.open_conditions += count
    assert self.open_conditions <= nav.MAX_OPEN_CONDITIONS, "too many conditions"
    self.markets[market] = (
        convert(account, uint256)
        | (class_id << 160)
        | (count << 168)
        | (index << 176)
        | (DELEGATED if self.class_words[class_id] & DELEGATED_CLASS != 0 else 0)
    )
    self.open_markets.append(market)
    if word == 0:
        self.questionOf[market] = question
    log MarketOpened(
        market=market,
        account=account,
        class_id=class_id,
        question=question,
        question_id=question_id,
        conditions=count,
        deadline=deadline,
    )
    return market


@internal
def _clone(implementation: address, arguments: Bytes[MAX_ARGUMENTS + 180]) -> address:
    """
    @dev EIP-1167 proxy with its arguments behind the code, where the account reads them with
         EXTCODECOPY: cheaper than storage, and nothing to initialize twice or by a stranger.
    """
    size: uint256 = 45 + len(arguments)
    return raw_create(
        concat(
            x"61",
            slice(convert(size, bytes32), 30, 2),
            x"3d81600a3d39f3",  # return the `size` bytes that follow
            x"363d3d373d3d3d363d73",
            convert(implementation, bytes20),
            x"5af43d82803e903d91602b57fd5bf3",
            arguments,
        )
    )


@internal
def _close(market: bytes32, word: uint256, halted: bool, written_off: uint256, holds: bool):
    """
    @notice Takes a market off the list; what it has not returned is a loss.
    @param halted Whether it had been halted before
    @param written_off What its tokens and wallet stand for, assets
    @param holds Whether it still holds something
    @dev The last market takes the closed one's place in the list. What stands for nothing is not
         listed where the list is full, so that junk keeps no market open.
    """
    loss: uint256 = nav._exposure(nav.books[market])
    class_id: uint256 = self._class(word)
    account: address = self._account(word)
    if loss != 0:
        self.class_exposures[class_id] -= loss
        if erc20.totalSupply != 0:  # without shares it is nobody's loss
            part: uint256 = self._per_share_up(loss)
            self.class_losses[class_id] += part
            self.losses += part
        self.profitOf[class_id] -= convert(loss, int256)
    nav._rewrite(market, 0, 0, 0)
    last: bytes32 = self.open_markets.pop()
    if last != market:
        self.open_markets[self._index(word)] = last
        self.markets[last] = (self.markets[last] & ~(units.U8 << 176)) | (self._index(word) << 176)
    self.open_conditions -= self._conditions(word)
    new: uint256 = word | CLOSED | (HALTED_BEFORE if halted else 0)
    self.markets[market] = new
    self.ended[account] = new
    self.ended_market[account] = market
    conditions: uint256 = self.unswept_conditions + self._conditions(word)
    listed: bool = (
        holds and len(self.unswept) < MAX_ENDED and conditions <= MAX_ENDED_CONDITIONS
    )
    assert listed or not holds or written_off == 0, "too many unswept accounts"
    if listed:
        self.unswept_conditions = conditions
        self.unswept.append(account)
        self.remains[account] = written_off | (len(self.unswept) << 128)
        self.written_off += written_off
    log MarketClosed(
        market=market,
        account=account,
        loss=loss,
        written_off=written_off,
        halted=halted,
        listed=listed,
    )


@internal
def _forget(account: address, emptied: bool):
    """
    @notice What a closed account stood for when it was closed counts no more.
    @param emptied Whether it holds nothing any more, and need not be visited
    """
    word: uint256 = self.remains[account]
    self.written_off -= self._remains(word)
    place: uint256 = word >> 128
    if emptied and place != 0:
        last: address = self.unswept.pop()
        if last != account:
            self.unswept[place - 1] = last
            self.remains[last] = self._remains(self.remains[last]) | (place << 128)
        self.unswept_conditions -= self._conditions(self.ended[account])
        place = 0
    self.remains[account] = place << 128


# Budget


@internal
def _allocate(market: bytes32, word: uint256, assets: uint256, nav_bid: uint256):
    """
    @dev Invariant: after an allocation market, question, class and total are within their caps and
         the rolling day's net allocation is within the velocity limit.
    """
    class_id: uint256 = self._class(word)
    self._check_active(class_id)
    caps: Caps = self._caps(class_id)
    limits_word: uint256 = limits.budget_limits
    book: uint256 = nav.books[market]

    exposure: uint256 = nav._exposure(book) + assets
    assert exposure <= caps.market_cap, "market cap"
    assert exposure * units.BPS <= caps.market_cap_bps * nav_bid, "market cap bps"
    cap: uint256 = limits._bps(limits_word, limits.QUESTION_CAP_BPS - limits.TOTAL_CAP_BPS)
    on_question: uint256 = exposure + self._elsewhere(class_id, market)
    assert on_question * units.BPS <= cap * nav_bid, "question cap"
    of_class: uint256 = self.class_exposures[class_id] + assets
    with_losses: uint256 = of_class + self._losses(self.class_losses[class_id])
    assert with_losses <= caps.class_cap, "class cap"
    assert with_losses * units.BPS <= caps.class_cap_bps * nav_bid, "class cap bps"
    total: uint256 = nav._total_exposure() + assets + self._losses(self.losses)
    assert total <= limits._cap(limits_word), "total cap"
    assert total * units.BPS <= limits._bps(limits_word, 0) * nav_bid, "total cap bps"
    day: uint256 = self._recent_allocation() + assets
    assert day <= limits._velocity(limits_word), "velocity"
    cap = limits._bps(limits_word, limits.VELOCITY_BPS - limits.TOTAL_CAP_BPS)
    assert day * units.BPS <= cap * nav_bid, "velocity bps"

    nav._rewrite(market, exposure, nav._bid(book) + assets, nav._ask(book) + assets)
    self.class_exposures[class_id] = of_class
    number: uint256 = block.timestamp // PERIOD
    self._set_period(number, self._in_period(number) + assets)
    log Allocated(market=market, assets=assets, exposure=exposure)


@internal
@view
def _elsewhere(class_id: uint256, market: bytes32) -> uint256:
    """
    @return Exposure to the market's question in all other classes than its own, assets.
    """
    classes: uint256 = self.class_count
    if classes == 1:
        return 0
    question: bytes32 = self.questionOf[market]
    total: uint256 = 0
    for other: uint256 in range(classes, bound=MAX_CLASSES):
        if other != class_id:
            total += nav._exposure(nav.books[self._market_id(other, question)])
    return total


@internal
def _come_home(market: bytes32, word: uint256, assets: uint256, cost: uint256):
    """
    @notice Books assets that an account has sent: `cost` of them as what had been sent to it, the
            rest as profit, which pays off losses.
    @dev Cost leaves at cost; profit takes along what was booked above cost. A closed account has
         no book any more.
    """
    class_id: uint256 = self._class(word)
    book: uint256 = nav.books[market]
    exposure: uint256 = nav._exposure(book) - cost
    ledger.total_idle += assets
    if not self._is_closed(word):
        bid: uint256 = nav._bid(book)
        ask: uint256 = nav._ask(book)
        nav._rewrite(
            market,
            exposure,
            bid - min(bid, cost),
            max(ask - min(ask, assets), min(ask - min(ask, cost), exposure)),
        )
    if cost != 0:
        self.class_exposures[class_id] -= cost
        self._credit(cost)
    profit: uint256 = assets - cost
    if profit != 0:
        self._pay_off(class_id, profit)
        self.profitOf[class_id] += convert(profit, int256)
    log CameHome(
        market=market, account=self._account(word), assets=assets, cost=cost, exposure=exposure
    )


@internal
def _credit(assets: uint256):
    """
    @dev Frees as much of the rolling day's allocation, the latest first.
    """
    left: uint256 = assets
    number: uint256 = block.timestamp // PERIOD
    for age: uint256 in range(PERIODS):
        if left == 0:
            break
        allocated: uint256 = self._in_period(number - age)
        freed: uint256 = min(left, allocated)
        if freed != 0:
            self._set_period(number - age, allocated - freed)
            left -= freed


@internal
def _leave_in_kind(market: bytes32, word: uint256, cost: uint256, bid: uint256, ask: uint256):
    """
    @notice Takes what left with a holder out of the market's book and out of the exposures.
    @param cost At most its exposure
    """
    book: uint256 = nav.books[market]
    exposure: uint256 = nav._exposure(book) - cost
    nav._rewrite(market, exposure, min(nav._bid(book) - bid, exposure), nav._ask(book) - ask)
    if cost != 0:
        self.class_exposures[self._class(word)] -= cost


@internal
@view
def _recent_allocation() -> uint256:
    number: uint256 = block.timestamp // PERIOD
    total: uint256 = 0
    for word: uint256 in self.periods:
        rest: uint256 = word
        for i: uint256 in range(2):
            if ((rest >> 96) & units.U32) + PERIODS > number:
                total += rest & units.U96
            rest >>= 128
    return total


@internal
@view
def _in_period(number: uint256) -> uint256:
    """
    @return Allocated less recalled in the period, assets.
    """
    word: uint256 = self.periods[(number % PERIODS) // 2] >> (128 * (number % 2))
    return word & units.U96 if (word >> 96) & units.U32 == number else 0


@internal
def _set_period(number: uint256, assets: uint256):
    """
    @param assets At most the velocity limit, which 96 bits hold
    """
    place: uint256 = (number % PERIODS) // 2
    bits: uint256 = 128 * (number % 2)
    new: uint256 = (assets | (number << 96)) << bits
    self.periods[place] = (self.periods[place] & ~(units.U128 << bits)) | new


# Losses


@internal
@view
def _losses(per_share: uint256) -> uint256:
    """
    @return Losses in assets, rounded up.
    """
    whole: uint256 = nav._shares()
    return (per_share * whole + (1 << LOSS) - 1) >> LOSS


@internal
@view
def _per_share_up(assets: uint256) -> uint256:
    whole: uint256 = nav._shares()
    return ((assets << LOSS) + whole - 1) // whole


@internal
def _pay_off(class_id: uint256, assets: uint256):
    """
    @dev down: losses fall by at most what came.
    """
    part: uint256 = (assets << LOSS) // nav._shares()
    own: uint256 = self.class_losses[class_id]
    if own != 0:
        self.class_losses[class_id] = own - min(own, part)
    all: uint256 = self.losses
    if all != 0:
        self.losses = all - min(all, part)


@internal
def _forgive(class_id: uint256, assets: uint256):
    assert class_id < self.class_count, "unknown class"
    self._pay_off(class_id, assets)
    log LossesForgiven(class_id=class_id, assets=assets)
