# pragma version 0.4.3
"""
@title Exposure: market classes, markets and their caps
@license AGPL-3.0-only
@author Probity
@notice The owner approves a class once; the keeper opens markets of it, each with an account of
        its own, within the class's limits. Exposure is at cost: allocated - recalled, never
        below 0, and 0 once the market is closed.
"""

from contracts.interfaces import IMarketAccount


# What the owner approves for a kind of market.
struct MarketClass:
    implementation: address  # of the accounts; each market gets a clone
    oracle: address  # that resolves the class's conditions
    market_cap: uint256  # exposure of one market, assets
    market_cap_bps: uint256  # the same, of NAV at the bid
    max_duration: uint256  # seconds from opening to the trading deadline


event ClassAdded:
    class_id: indexed(uint256)
    implementation: indexed(address)
    oracle: indexed(address)
    market_cap: uint256
    market_cap_bps: uint256
    max_duration: uint256


event ClassCapsLowered:
    class_id: indexed(uint256)
    market_cap: uint256
    market_cap_bps: uint256


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


BPS: constant(uint256) = 10_000
MAX_MARKETS: constant(uint256) = 64  # open at once: a report visits each (see gas.report in the bench)
ADDRESS_MASK: constant(uint256) = 2**160 - 1
MAX_OPEN_CONDITIONS: constant(uint256) = 96  # of all open markets: what one report can mark
MAX_ARGUMENTS: constant(uint256) = 3136  # bytes: 32 conditions of 96 each, and ABI encoding
U32: constant(uint256) = 2**32 - 1
CLOSED: constant(uint256) = 1 << 255

class_count: public(uint256)
classes: HashMap[uint256, MarketClass]
# market -> account | class << 160 | conditions << 192 | payouts booked << 200 | index << 208 | CLOSED
markets: HashMap[bytes32, uint256]
exposures: HashMap[bytes32, uint256]  # market -> assets
open_markets: DynArray[bytes32, MAX_MARKETS]
open_conditions: public(uint256)  # of all open markets


@external
@view
def classOf(class_id: uint256) -> MarketClass:
    """
    @return The class as approved.
    """
    return self.classes[class_id]


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
def marketOf(market: bytes32) -> (uint256, uint256, uint256, bool):
    """
    @return Class, conditions, payouts already booked, and whether the market is closed.
    """
    word: uint256 = self.markets[market]
    return (word >> 160) & U32, (word >> 192) & 255, self._booked(word), word & CLOSED != 0


@internal
@pure
def _account(word: uint256) -> address:
    return convert(word & ADDRESS_MASK, address)


@internal
@pure
def _booked(word: uint256) -> uint256:
    return (word >> 200) & 255


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
def _add_class(new: MarketClass) -> uint256:
    assert new.implementation.is_contract, "implementation has no code"
    assert new.oracle != empty(address), "no oracle"
    assert new.market_cap_bps <= BPS, "cap above 100 %"
    class_id: uint256 = self.class_count
    self.classes[class_id] = new
    self.class_count = class_id + 1
    log ClassAdded(
        class_id=class_id,
        implementation=new.implementation,
        oracle=new.oracle,
        market_cap=new.market_cap,
        market_cap_bps=new.market_cap_bps,
        max_duration=new.max_duration,
    )
    return class_id


@internal
def _lower_caps(class_id: uint256, market_cap: uint256, market_cap_bps: uint256):
    assert class_id < self.class_count, "unknown class"
    assert market_cap <= self.classes[class_id].market_cap, "cap raised"
    assert market_cap_bps <= self.classes[class_id].market_cap_bps, "cap raised"
    self.classes[class_id].market_cap = market_cap
    self.classes[class_id].market_cap_bps = market_cap_bps
    log ClassCapsLowered(class_id=class_id, market_cap=market_cap, market_cap_bps=market_cap_bps)


@internal
def _open(class_id: uint256, question_id: bytes32, count: uint256, deadline: uint256) -> bytes32:
    """
    @notice Opens a market of the class with a fresh account.
    @dev The account derives the market's id from oracle and question, so a market can neither be
         of another oracle nor be opened twice (which would double its cap).
    """
    assert class_id < self.class_count, "unknown class"
    terms: MarketClass = self.classes[class_id]
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
        convert(account, uint256) | (class_id << 160) | (count << 192) | (index << 208)
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
    @dev Invariant: after an allocation the market's exposure is within both of its caps.
    """
    class_id: uint256 = (word >> 160) & U32
    exposure: uint256 = self.exposures[market] + assets
    assert exposure <= self.classes[class_id].market_cap, "market cap"
    assert exposure * BPS <= self.classes[class_id].market_cap_bps * nav, "market cap bps"
    self.exposures[market] = exposure
    log Allocated(market=market, assets=assets, exposure=exposure)


@internal
def _recall(market: bytes32, assets: uint256):
    exposure: uint256 = self.exposures[market]
    exposure -= min(exposure, assets)
    self.exposures[market] = exposure
    log Recalled(market=market, assets=assets, exposure=exposure)


@internal
def _set_booked(market: bytes32, word: uint256, resolved: uint256):
    self.markets[market] = (word & ~(255 << 200)) | (resolved << 200)


@internal
def _close(market: bytes32, word: uint256):
    """
    @dev The last market takes the closed one's place in the list.
    """
    index: uint256 = (word >> 208) & 255
    last: bytes32 = self.open_markets.pop()
    if last != market:
        self.open_markets[index] = last
        self.markets[last] = (self.markets[last] & ~(255 << 208)) | (index << 208)
    self.markets[market] = word | CLOSED
    self.open_conditions -= (word >> 192) & 255
    self.exposures[market] = 0
    log MarketClosed(market=market)
