# pragma version 0.4.3
"""
@title Exposure: market classes, markets and their caps
@license AGPL-3.0-only
@author Strongroom
@notice The owner approves a class once; the keeper opens markets of it, each with an account of
        its own, within the class's limits. Exposure is at cost: allocated - recalled, never
        below 0, and 0 once the market is closed. It is capped by market, by class and in total,
        and what a rolling day may allocate net of recalls is limited.
@dev Why caps at cost: an account pays for orders from its own balance only, so what entered it is
     the most that can be lost through it, whatever the marks say. Caps in assets and in bps of
     NAV both hold: the first against a large NAV, the second against a small one.
     Roles: the owner adds classes and raises caps (after the timelock); owner and guardian lower
     them at once; the keeper opens markets and allocates. The vault calls the functions below;
     this module checks what is asked for, not who asks.
     Invariants: after every allocation the exposure of market, class and total is within its
     caps, and the net allocation of any 24 hours within the velocity limit. The exposures of a
     class's markets sum to the class's, and those of all classes to the total.
     The rolling day is counted in periods of eight hours, the present one and three before: any
     24 hours lie within four periods. An allocation counts for 24 to 32 hours.
     Units: assets; caps in bps of NAV at the bid; durations in seconds.
     Limits of use: 64 open markets and 96 conditions (one report visits all). A market cannot be
     opened twice. A cap below the present exposure only stops further allocation.
@custom:security The market's id and its token ids follow from the class's oracle and the
        question, computed by the class's implementation: the owner approves code and oracle, the
        keeper chooses only the question.
"""

from contracts.interfaces import IMarketAccount
from contracts.modules import limits
from contracts.modules import units

uses: limits


# What the owner approves for a kind of market.
struct MarketClass:
    implementation: address  # of the accounts; each market gets a clone
    oracle: address  # that resolves the class's conditions
    grade: uint256  # custody grade of the accounts: 1 enforced, 2 delegated
    market_cap: uint256  # exposure of one market, assets
    market_cap_bps: uint256  # the same, of NAV at the bid
    class_cap: uint256  # exposure of all markets of the class, assets
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
    grade: uint256
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


event MarketOpened:
    market: indexed(bytes32)
    account: indexed(address)
    class_id: indexed(uint256)
    question_id: bytes32
    conditions: uint256
    deadline: uint256


event MarketClosed:
    market: indexed(bytes32)


event Allocated:
    market: indexed(bytes32)
    assets: uint256
    exposure: uint256


event Recalled:
    market: indexed(bytes32)
    assets: uint256
    exposure: uint256


GRADE_DELEGATED: constant(uint256) = 2
MAX_MARKETS: constant(uint256) = 64  # open at once: a report visits each (see gas.report in the bench)
MAX_OPEN_CONDITIONS: constant(uint256) = 96  # of all open markets: what one report can mark
MAX_ARGUMENTS: constant(uint256) = 3136  # bytes: 32 conditions of 96 each, and ABI encoding
PERIOD: constant(uint256) = 8 * 3_600  # seconds
PERIODS: constant(uint256) = 4  # any 24 hours lie within four periods
DELEGATED: constant(uint256) = 1 << 254  # the account's custody grade is 2
CLOSED: constant(uint256) = 1 << 255


class_count: public(uint256)  # classes are numbered from 0
class_terms: HashMap[uint256, ClassTerms]
# market_cap (96 bits) | class_cap << 96 (96) | market_cap_bps << 192 (16) | class_cap_bps << 208 (16)
class_caps: HashMap[uint256, uint256]
class_exposures: HashMap[uint256, uint256]  # class -> assets
total_exposure: public(uint256)  # assets
# allocated less recalled in a period (224 bits, assets) | the period's number << 224
periods: uint256[PERIODS]
# market -> account | class << 160 | conditions << 192 | payouts booked << 200 | index << 208
# | DELEGATED | CLOSED
markets: HashMap[bytes32, uint256]
exposures: HashMap[bytes32, uint256]  # market -> assets
open_markets: DynArray[bytes32, MAX_MARKETS]
open_conditions: public(uint256)  # of all open markets


@external
@view
def classOf(class_id: uint256) -> MarketClass:
    """
    @return The class as approved, with its present caps.
    """
    terms: ClassTerms = self.class_terms[class_id]
    caps: Caps = self._caps(class_id)
    return MarketClass(
        implementation=terms.implementation,
        oracle=terms.oracle,
        grade=terms.grade,
        market_cap=caps.market_cap,
        market_cap_bps=caps.market_cap_bps,
        class_cap=caps.class_cap,
        class_cap_bps=caps.class_cap_bps,
        max_duration=terms.max_duration,
    )


@external
@view
def openMarkets() -> DynArray[bytes32, MAX_MARKETS]:
    """
    @return The open markets, in the order in which a report must mark them.
    """
    return self.open_markets


@external
@view
def accountOf(market: bytes32) -> address:
    """
    @return The account that holds the market's budget; zero for an unknown market.
    """
    return self._account(self.markets[market])


@external
@view
def exposureOf(market: bytes32) -> uint256:
    """
    @return The market's exposure at cost, in assets.
    """
    return self.exposures[market]


@external
@view
def classExposureOf(class_id: uint256) -> uint256:
    """
    @return Exposure at cost of all the class's markets, in assets.
    """
    return self.class_exposures[class_id]


@external
@view
def recentAllocation() -> uint256:
    """
    @return What the velocity limit counts: allocations less recalls of the last 24 to 32 hours.
    """
    return self._recent_allocation()


@external
@view
def marketOf(market: bytes32) -> (uint256, uint256, uint256, bool):
    """
    @return Class, conditions, payouts already booked, and whether the market is closed.
    """
    word: uint256 = self.markets[market]
    return self._class(word), self._conditions(word), self._booked(word), word & CLOSED != 0


@internal
@pure
def _account(word: uint256) -> address:
    return convert(word & units.U160, address)


@internal
@pure
def _class(word: uint256) -> uint256:
    return (word >> 160) & units.U32


@internal
@pure
def _conditions(word: uint256) -> uint256:
    return (word >> 192) & units.U8


@internal
@pure
def _is_delegated(word: uint256) -> bool:
    """
    @return Whether the account's custody grade is 2.
    """
    return word & DELEGATED != 0


@internal
@pure
def _booked(word: uint256) -> uint256:
    return (word >> 200) & units.U8


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
    self.class_terms[class_id] = ClassTerms(
        implementation=new.implementation,
        oracle=new.oracle,
        grade=new.grade,
        max_duration=new.max_duration,
    )
    self.class_count = class_id + 1
    log ClassAdded(
        class_id=class_id,
        implementation=new.implementation,
        oracle=new.oracle,
        grade=new.grade,
        max_duration=new.max_duration,
    )
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


@internal
def _open(class_id: uint256, question_id: bytes32, count: uint256, deadline: uint256) -> bytes32:
    """
    @notice Opens a market of the class with a fresh account.
    @dev The account derives the market's id from oracle and question, so a market can neither be
         of another oracle nor be opened twice (which would double its cap).
    """
    assert class_id < self.class_count, "unknown class"
    assert self.class_caps[class_id] & units.U96 != 0, "class closed"  # its market cap is 0
    terms: ClassTerms = self.class_terms[class_id]
    assert deadline > block.timestamp, "deadline passed"
    assert deadline <= block.timestamp + terms.max_duration, "deadline too far"
    market: bytes32 = empty(bytes32)
    described: Bytes[MAX_ARGUMENTS] = b""
    market, described = staticcall IMarketAccount(terms.implementation).describe(
        terms.oracle, question_id, count
    )
    assert self.markets[market] == 0, "market known"
    account: address = self._clone(
        terms.implementation,
        concat(
            convert(self, bytes20),
            convert(deadline, bytes32),
            market,
            convert(count, bytes32),
            described,
        ),
    )
    extcall IMarketAccount(account).initialize()
    index: uint256 = len(self.open_markets)
    assert index < MAX_MARKETS, "too many markets"
    self.open_conditions += count
    assert self.open_conditions <= MAX_OPEN_CONDITIONS, "too many conditions"
    self.markets[market] = (
        convert(account, uint256)
        | (class_id << 160)
        | (count << 192)
        | (index << 208)
        | (DELEGATED if terms.grade == GRADE_DELEGATED else 0)
    )
    self.open_markets.append(market)
    log MarketOpened(
        market=market,
        account=account,
        class_id=class_id,
        question_id=question_id,
        conditions=count,
        deadline=deadline,
    )
    return market


@internal
def _clone(implementation: address, arguments: Bytes[MAX_ARGUMENTS + 116]) -> address:
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
def _allocate(market: bytes32, word: uint256, assets: uint256, nav: uint256):
    """
    @dev Invariant: after an allocation market, class and total exposure are within their caps
         and the rolling day's net allocation is within the velocity limit.
    """
    class_id: uint256 = self._class(word)
    caps: Caps = self._caps(class_id)
    total_cap_bps: uint256 = 0
    total_cap: uint256 = 0
    velocity: uint256 = 0
    total_cap_bps, total_cap, velocity = limits._budget(limits.budget_limits)

    exposure: uint256 = self.exposures[market] + assets
    assert exposure <= caps.market_cap, "market cap"
    assert exposure * units.BPS <= caps.market_cap_bps * nav, "market cap bps"
    of_class: uint256 = self.class_exposures[class_id] + assets
    assert of_class <= caps.class_cap, "class cap"
    assert of_class * units.BPS <= caps.class_cap_bps * nav, "class cap bps"
    total: uint256 = self.total_exposure + assets
    assert total <= total_cap, "total cap"
    assert total * units.BPS <= total_cap_bps * nav, "total cap bps"
    assert self._recent_allocation() + assets <= velocity, "velocity limit"

    self.exposures[market] = exposure
    self.class_exposures[class_id] = of_class
    self.total_exposure = total
    number: uint256 = block.timestamp // PERIOD
    place: uint256 = number % PERIODS
    period: uint256 = self.periods[place]
    if period >> 224 != number:
        period = number << 224
    self.periods[place] = period + assets
    log Allocated(market=market, assets=assets, exposure=exposure)


@internal
def _recall(market: bytes32, word: uint256, assets: uint256):
    """
    @dev Frees as much of the rolling day's allocation, the latest first.
    """
    exposure: uint256 = self._release(market, word, assets)
    left: uint256 = assets
    number: uint256 = block.timestamp // PERIOD
    for age: uint256 in range(PERIODS):
        place: uint256 = (number - age) % PERIODS
        period: uint256 = self.periods[place]
        if left == 0:
            break
        if period >> 224 == number - age:
            freed: uint256 = min(left, period & units.U224)
            if freed != 0:
                self.periods[place] = period - freed
                left -= freed
    log Recalled(market=market, assets=assets, exposure=exposure)


@internal
def _release(market: bytes32, word: uint256, assets: uint256) -> uint256:
    """
    @notice Takes up to `assets` out of the exposure of the market, its class and the total.
    @return The market's exposure left.
    """
    exposure: uint256 = self.exposures[market]
    freed: uint256 = min(exposure, assets)
    if freed != 0:
        self.exposures[market] = exposure - freed
        self.class_exposures[self._class(word)] -= freed
        self.total_exposure -= freed
    return exposure - freed


@internal
def _leave_in_kind(market: bytes32, word: uint256, shares: uint256, supply: uint256):
    """
    @dev A part of the market leaves with a holder, and that part of its cost with it; but what a
         wallet holds stays, so under delegated custody the whole cost does.
    """
    if self._is_delegated(word):
        return
    self._release(market, word, self.exposures[market] * shares // supply)


@internal
@view
def _recent_allocation() -> uint256:
    number: uint256 = block.timestamp // PERIOD
    total: uint256 = 0
    for period: uint256 in self.periods:
        if (period >> 224) + PERIODS > number:
            total += period & units.U224
    return total


@internal
def _set_booked(market: bytes32, word: uint256, resolved: uint256):
    self.markets[market] = (word & ~(units.U8 << 200)) | (resolved << 200)


@internal
def _close(market: bytes32, word: uint256):
    """
    @dev The last market takes the closed one's place in the list.
    """
    index: uint256 = (word >> 208) & units.U8
    last: bytes32 = self.open_markets.pop()
    if last != market:
        self.open_markets[index] = last
        self.markets[last] = (self.markets[last] & ~(units.U8 << 208)) | (index << 208)
    self.markets[market] = word | CLOSED
    self.open_conditions -= self._conditions(word)
    self._release(market, word, max_value(uint256))
    log MarketClosed(market=market)
