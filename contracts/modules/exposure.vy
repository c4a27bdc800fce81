# pragma version 0.4.3
"""
@title Exposure: what is at risk in markets, at cost, and its caps
@license AGPL-3.0-only
@author Strongroom
@notice Exposure is at cost: sent - returned, never below 0. Budget goes out to a market's account
        within the caps of market, question, class and vault, and comes home from it.
@dev Why caps at cost: an account pays for orders from its own balance only, so what entered it is
     the most that can be lost through it, whatever the marks say. Losses count against the caps of
     class and vault (losses.vy). Caps in assets and in bps of NAV both hold: the first against a
     large NAV, the second against a small one.
     Roles: a class's keeper allocates. The vault calls the functions below; this module checks what
     is asked for, not who asks.
     Invariants: after every allocation all caps hold, and the net allocation of any 24 hours is
     within the velocity limit. The exposures of a class's open markets sum to the class's, and
     those of all classes to the total.
     Units: assets; caps in bps of NAV at the bid.
"""

from contracts.modules import classes
from contracts.modules import ledger
from contracts.modules import limits
from contracts.modules import losses
from contracts.modules import markets
from contracts.modules import nav
from contracts.modules import units
from contracts.modules import velocity

uses: limits
uses: ledger
uses: nav
uses: classes
uses: losses
uses: velocity
uses: markets


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


class_exposures: HashMap[uint256, uint256]  # class -> assets


@external
@view
def classBook(class_id: uint256) -> (uint256, uint256, int256, bool):
    """
    @return Exposure of the class's markets, its losses, its proven profit (all assets), and whether
            it is retired.
    """
    return (
        self.class_exposures[class_id],
        losses._of_class(class_id),
        losses.profitOf[class_id],
        classes._is_retired(class_id),
    )


@external
@view
def totalExposure() -> uint256:
    """
    @return Exposure of all open markets, assets.
    """
    return nav._total_exposure()


@external
@view
def writtenOff() -> uint256:
    """
    @return What closed accounts stood for, until swept, as it counts for the shares there are,
            assets.
    """
    return self._for_all(markets.written_off)


@external
@view
def remainsOf(account: address) -> (bool, uint256):
    """
    @return Whether the account is closed, and what it stood for then, as it counts for the shares
            there are, assets (0: nothing, or swept since).
    """
    return markets.ended[account] != 0, self._for_all(markets._remains(markets.remains[account]))


@internal
@view
def _for_all(per_share: uint256) -> uint256:
    """
    @param per_share Assets per share, times losses.LOSS
    @return What that is for all shares, assets, rounded down.
    """
    return per_share * nav._shares() // losses.LOSS


@internal
def _allocate(market: bytes32, word: uint256, assets: uint256, nav_bid: uint256):
    """
    @dev Invariant: after an allocation market, question, class and total are within their caps and
         the rolling day's net allocation is within the velocity limit.
    """
    class_id: uint256 = markets._class(word)
    classes._check_active(class_id)
    caps: classes.Caps = classes._caps(class_id)
    limits_word: uint256 = limits.budget_limits
    book: uint256 = nav.books[market]

    exposure: uint256 = nav._exposure(book) + assets
    assert exposure <= caps.market_cap, "market cap"
    assert exposure * units.BPS <= caps.market_cap_bps * nav_bid, "market cap bps"
    cap: uint256 = limits._bps(limits_word, limits.QUESTION_CAP_BPS - limits.TOTAL_CAP_BPS)
    on_question: uint256 = exposure + self._elsewhere(class_id, market)
    assert on_question * units.BPS <= cap * nav_bid, "question cap"
    of_class: uint256 = self.class_exposures[class_id] + assets
    with_losses: uint256 = of_class + losses._of_class(class_id)
    assert with_losses <= caps.class_cap, "class cap"
    assert with_losses * units.BPS <= caps.class_cap_bps * nav_bid, "class cap bps"
    total: uint256 = nav._total_exposure() + assets + losses._of_all()
    assert total <= limits._cap(limits_word), "total cap"
    assert total * units.BPS <= limits._bps(limits_word, 0) * nav_bid, "total cap bps"
    day: uint256 = velocity._recent_allocation() + assets
    assert day <= limits._velocity(limits_word), "velocity"
    cap = limits._bps(limits_word, limits.VELOCITY_BPS - limits.TOTAL_CAP_BPS)
    assert day * units.BPS <= cap * nav_bid, "velocity bps"

    nav._rewrite(market, exposure, nav._bid(book) + assets, nav._ask(book) + assets)
    self.class_exposures[class_id] = of_class
    velocity._count(assets)
    log Allocated(market=market, assets=assets, exposure=exposure)


@internal
@view
def _elsewhere(class_id: uint256, market: bytes32) -> uint256:
    """
    @return Exposure to the market's question in all other classes than its own, assets.
    """
    count: uint256 = classes.class_count
    if count == 1:
        return 0
    question: bytes32 = markets.questionOf[market]
    total: uint256 = 0
    for other: uint256 in range(count, bound=classes.MAX_CLASSES):
        if other != class_id:
            total += nav._exposure(nav.books[markets._market_id(other, question)])
    return total


@internal
def _come_home(market: bytes32, word: uint256, assets: uint256, cost: uint256):
    """
    @notice Books assets that an account has sent: `cost` of them as what had been sent to it, the
            rest as profit, which pays off losses.
    @dev Cost leaves at cost; profit takes along what was booked above cost. A closed account has
         no book any more.
    """
    class_id: uint256 = markets._class(word)
    book: uint256 = nav.books[market]
    exposure: uint256 = nav._exposure(book) - cost
    ledger.total_idle += assets
    if not markets._is_closed(word):
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
        velocity._credit(cost)
    profit: uint256 = assets - cost
    if profit != 0:
        losses._earn(class_id, profit)
    log CameHome(
        market=market, account=markets._account(word), assets=assets, cost=cost, exposure=exposure
    )


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
        self.class_exposures[markets._class(word)] -= cost


@internal
def _write_off(market: bytes32, word: uint256) -> uint256:
    """
    @notice A market is closed: it has no book any more, and what it has not returned is a loss.
    @return The loss, assets.
    """
    loss: uint256 = nav._exposure(nav.books[market])
    if loss != 0:
        class_id: uint256 = markets._class(word)
        self.class_exposures[class_id] -= loss
        losses._lose(class_id, loss)
    nav._rewrite(market, 0, 0, 0)
    return loss
