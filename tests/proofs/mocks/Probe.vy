# pragma version 0.4.3
"""
@title A fifth piece of a vault's code
@license AGPL-3.0-only
@author Strongroom
@notice For proofs. Initialises core.vy as the four do, hence has their storage layout, and says what
        is in it.
"""

from snekmate.auth import ownable
from snekmate.tokens import erc20

from contracts.modules import classes
from contracts.modules import core
from contracts.modules import exposure
from contracts.modules import fees
from contracts.modules import ledger
from contracts.modules import limits
from contracts.modules import losses as lost
from contracts.modules import markets
from contracts.modules import nav
from contracts.modules import requests
from contracts.modules import roles
from contracts.modules import status
from contracts.modules import timelock
from contracts.modules import velocity

initializes: core

uses: ownable
uses: erc20
uses: status
uses: roles
uses: timelock
uses: limits
uses: ledger
uses: requests
uses: nav
uses: classes
uses: lost
uses: velocity
uses: markets
uses: exposure
uses: fees

exports: (
    ownable.owner,
    roles.guardian,
    roles.reporter,
    roles.pending_owner,
    classes.keeperOf,
    classes.class_count,
    markets.marketOf,
    classes.classOf,
    markets.openMarkets,
    velocity.recentAllocation,
    markets.questionOf,
    nav.bookOf,
    nav.prices,
    timelock.delayOf,
    timelock.submittedAt,
    timelock.submittableFrom,
    timelock.abdicated,
    limits.limit,
    fees.feeRates,
    fees.highWaterMark,
    erc20.balanceOf,
    erc20.totalSupply,
    erc20.allowance,
    ledger.total_idle,
    ledger.claimable_assets,
    requests.pendingDepositRequest,
    requests.pendingRedeemRequest,
    requests.isOperator,
)


@deploy
def __init__(asset: address):
    core.__init__(asset, "", "", "")


@external
@view
def word() -> uint256:
    """
    @return The status word.
    """
    return status.word


@external
@view
def terms() -> uint256[10]:
    """
    @return What only the owner sets: owner, guardian, fees and their recipients, limits, terms of
            deposits.
    """
    return [
        convert(ownable.owner, uint256),
        convert(roles.guardian, uint256),
        convert(roles.pending_owner, uint256),
        fees.fee_word,
        fees.recipients[0],
        limits.dealing_limits,
        limits.budget_limits,
        ledger.deposit_terms,
        convert(ledger.allow_list, uint256),
        nav.reference,
    ]


@external
@view
def books() -> uint256[8]:
    """
    @return Amounts: of all holders together, of the queues, of what is owed, and the prices.
    """
    return [
        ledger.total_idle,
        ledger.claimable_assets,
        erc20.totalSupply,
        nav.totals,
        requests.open[0],
        requests.open[1],
        nav.bid_price,
        nav.ask_price,
    ]


@external
@view
def class_words(class_id: uint256) -> uint256[4]:
    """
    @return A class's keeper and flags, its caps, exposure, and losses per share.
    """
    return [
        classes.class_words[class_id],
        classes.class_caps[class_id],
        exposure.class_exposures[class_id],
        lost.class_losses[class_id],
    ]


@external
@view
def losses() -> uint256:
    """
    @return Per share, of all classes.
    """
    return lost.total


@external
def record_report():
    """
    @notice What a report does to the status word.
    """
    status._record_report(status.word)


@external
def value(market: bytes32, account: address, book: uint256, words: DynArray[uint256, 32]) -> (uint256, uint256):
    """
    @return What a report books of an account, at the bid and at the ask.
    """
    bid: uint256 = 0
    ask: uint256 = 0
    bid, ask = nav._value(market, account, book, words)
    return bid, ask


@external
@nonreentrant
def during(code: address, data: Bytes[2176]) -> (bool, uint256):
    """
    @notice Runs a piece of the vault's code while the lock is held.
    @return Whether it succeeded, and how many bytes it returned.
    """
    success: bool = False
    said: Bytes[64] = b""
    success, said = raw_call(
        code, data, max_outsize=64, is_delegate_call=True, revert_on_failure=False
    )
    return success, len(said)
