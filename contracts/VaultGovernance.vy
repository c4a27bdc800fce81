# pragma version 0.4.3
"""
@title Strongroom vault governance
@license AGPL-3.0-only
@author Strongroom
@notice The part of a vault that its owner and guardian call: roles, limits, classes, fees, the
        timelock; and how a vault ends: wind-down and exit in kind, which need neither. Vaults run
        this code on their own storage by delegatecall, behind the desk (see Vault.vy); deployed
        once for each asset, it holds nothing.
@custom:security Whatever makes holders safer takes effect at once; whatever raises their risk or
        cost must have been submitted for its function's delay (see timelock.vy). Only a holder's
        exit in kind moves assets. Called directly it works on its own storage, which is set up for nobody.
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
from contracts.modules import terms
from contracts.modules import timelock
from contracts.modules import units

initializes: core

uses: ownable
uses: erc20
uses: status
uses: roles
uses: timelock
uses: limits
uses: breaker
uses: ledger
uses: requests
uses: exposure
uses: nav
uses: fees

exports: (
    roles.pending_owner,
    roles.reporter,
    roles.transferOwnership,
    roles.acceptOwnership,
    roles.pause,
    roles.unpause,
    timelock.__interface__,
    limits.__interface__,
    ledger.asset,
    ledger.allow_list,
    ledger.depositTerms,
    requests.epochs,
    requests.epochOf,
    nav.pending_report,
    nav.confirmed_report,
    fees.__interface__,
)


event RedeemedInKind:
    owner: indexed(address)
    receiver: indexed(address)
    shares: uint256
    supply: uint256  # virtual shares included
    assets: uint256


CODE: immutable(address)  # this contract, also while its code runs for a vault


@deploy
def __init__(asset: address):
    """
    @param asset The stablecoin of the vaults that will use this code
    """
    CODE = self
    core.__init__(asset, "", "", "")
    core._leave_to_nobody()


@external
@view
def navs() -> (uint256, uint256):
    """
    @return NAV at the bid and at the ask, in assets.
    """
    return nav._nav()


@external
@view
def custody() -> (uint256, int256, int256):
    """
    @return What NAV at the bid consists of, in assets: idle, what accounts of enforced custody
            hold, what those of delegated custody and their wallets do.
    """
    held: int256[2] = [0, 0]
    for market: bytes32 in exposure.open_markets:
        delegated: bool = exposure._is_delegated(exposure.markets[market])
        held[1 if delegated else 0] += nav._bid(nav.book[market])
    return ledger.total_idle, held[0], held[1]


@external
@nonreentrant
def setUp(new: terms.Terms):
    """
    @notice Gives a vault its terms; its constructor calls this, and nobody after it can.
    """
    assert not requests._is_set_up(), "set up already"
    assert new.owner != empty(address), "no owner"
    ownable._transfer_ownership(new.owner)
    roles._set_up(new.guardian, new.keeper, new.reporter)
    timelock._set_up(new.timelock)
    limits._set_up(new.limits)
    requests._set_up()
    nav._set_up()
    fees._set_up(new.management_bps, new.performance_bps, new.hurdle_bps, new.fee_recipient)
    ledger._set_deposit_terms(new.deposit_limit, new.min_deposit)


# Timelock


@external
def accept(call: Bytes[timelock.MAX_CALL]):
    """
    @notice Makes a submitted call whose delay has passed; calling the function itself with the
            same arguments does the same. Owner only.
    @dev The call runs this very code for the same caller, which checks it; so this is no way
         around any check, and takes no lock of its own.
    """
    timelock._check_listed(convert(slice(call, 0, 4), bytes4))
    raw_call(CODE, call, is_delegate_call=True)


# Roles


@external
@nonreentrant
def setGuardian(account: address):
    """
    @notice Names the guardian. Owner, after the timelock: whoever vetoes is not replaced at once.
    """
    ownable._check_owner()
    timelock._consume(
        timelock.SET_GUARDIAN, abi_encode(account, method_id=method_id("setGuardian(address)"))
    )
    roles._set_guardian(account)


@external
@nonreentrant
def setKeeper(account: address):
    """
    @notice Names the keeper's Safe. Owner, after the timelock; zero, which revokes it, at once
            and by the guardian too.
    """
    if account == empty(address):
        roles._check_guardian_or_owner()
    else:
        ownable._check_owner()
        timelock._consume(
            timelock.SET_KEEPER, abi_encode(account, method_id=method_id("setKeeper(address)"))
        )
    roles._set_keeper(account)


@external
@nonreentrant
def setReporter(account: address):
    """
    @notice Names the reporter. Owner, after the timelock; zero, for nobody, at once and by the
            guardian too.
    """
    if account == empty(address):
        roles._check_guardian_or_owner()
    else:
        ownable._check_owner()
        timelock._consume(
            timelock.SET_REPORTER, abi_encode(account, method_id=method_id("setReporter(address)"))
        )
    roles._set_reporter(account)


# Limits and classes


@external
@nonreentrant
def setLimit(which: uint256, new: uint256):
    """
    @notice Sets a limit. Owner; to a riskier value only after the timelock.
    @param which The ordinal of the limit (see docs/contracts/Vault.md)
    """
    ownable._check_owner()
    if limits._is_riskier(which, limits._get(which), new):
        timelock._consume(
            timelock.SET_LIMIT,
            abi_encode(which, new, method_id=method_id("setLimit(uint256,uint256)")),
        )
    limits._set(which, new)


@external
@nonreentrant
def addClass(new: exposure.MarketClass) -> uint256:
    """
    @notice Approves a class of markets. Owner, after the timelock.
    @return The class's id
    """
    ownable._check_owner()
    timelock._consume(
        timelock.ADD_CLASS,
        abi_encode(
            new,
            method_id=method_id(
                "addClass((address,address,uint256,uint256,uint256,uint256,uint256,uint256))"
            ),
        ),
    )
    return exposure._add_class(new)


@external
@nonreentrant
def setClassCaps(class_id: uint256, new: exposure.Caps):
    """
    @notice Sets a class's caps; exposure above them is only worked off, and no market of a class
            whose market cap is 0 is opened. Owner; raised only after the timelock, lowered at
            once and by the guardian too.
    """
    if exposure._is_cap_raised(class_id, new):
        ownable._check_owner()
        timelock._consume(
            timelock.SET_CLASS_CAPS,
            abi_encode(
                class_id,
                new,
                method_id=method_id("setClassCaps(uint256,(uint256,uint256,uint256,uint256))"),
            ),
        )
    else:
        roles._check_guardian_or_owner()
    exposure._set_caps(class_id, new)


@external
@nonreentrant
def resetBreaker():
    """
    @notice Lets the keeper allocate again after a drawdown, which counts from here on. Owner only.
    """
    ownable._check_owner()
    supply: uint256 = erc20.totalSupply
    price: uint256 = 0
    if supply != 0:
        price = nav._nav()[0] * units.PPS_SCALE // supply
    breaker._reset(price, fees._high_water_mark())


# Dealing


@external
@nonreentrant
def setFees(management_bps: uint256, performance_bps: uint256, hurdle_bps: uint256):
    """
    @notice Sets the fee rates; they apply from the next report on, for the time since the last
            one too. Owner; to the cost of holders only after the timelock and while the vault is
            fresh, so that the time since the last report is short.
    """
    ownable._check_owner()
    if fees._is_raise(management_bps, performance_bps, hurdle_bps):
        assert block.timestamp <= status._fresh_until(status.word), "stale NAV"
        timelock._consume(
            timelock.SET_FEES,
            abi_encode(
                management_bps,
                performance_bps,
                hurdle_bps,
                method_id=method_id("setFees(uint256,uint256,uint256)"),
            ),
        )
    fees._set_rates(management_bps, performance_bps, hurdle_bps)


@external
@nonreentrant
def setFeeRecipients(new: DynArray[fees.Recipient, fees.MAX_RECIPIENTS]):
    """
    @notice Says who gets which part of the fees. Owner only; it costs holders nothing.
    """
    ownable._check_owner()
    fees._set_recipients(new)


@external
@nonreentrant
def setDepositTerms(deposit_limit: uint256, min_deposit: uint256):
    """
    @notice Sets the most assets the vault takes and the least of one deposit. Owner only.
    """
    ownable._check_owner()
    ledger._set_deposit_terms(deposit_limit, min_deposit)


@external
@nonreentrant
def setAllowList(new: address):
    """
    @notice Names the contract that says who may deposit; zero lets everybody. Owner only. Shares
            move freely all the same.
    """
    ownable._check_owner()
    ledger._set_allow_list(new)


@external
@nonreentrant
def confirmReport(report_hash: bytes32):
    """
    @notice Lets the pending report through: it takes effect when the reporter sends it again.
            Guardian; or the owner, after the timelock.
    @param report_hash The pending report's hash, as logged
    """
    if msg.sender != roles.guardian:
        ownable._check_owner()
        timelock._consume(
            timelock.CONFIRM_REPORT,
            abi_encode(report_hash, method_id=method_id("confirmReport(bytes32)")),
        )
    assert status._has(status.word, status.PENDING), "no report pending"
    assert report_hash == nav.pending_report, "not the pending report"
    nav.confirmed_report = report_hash
    log nav.ReportConfirmed(report_hash=report_hash)


# The end


@external
@nonreentrant
def windDown():
    """
    @notice Ends the vault, for ever: no deposits, allocations, orders and fees; anyone may halt,
            merge, redeem, recall and sync, and exit in kind is open. Owner or guardian; anyone
            once no report has come for the liveness period.
    """
    state: uint256 = status.word
    assert not status._has(state, status.WINDING_DOWN), "winding down"
    last: uint256 = limits._last_report(state, limits.report_limits)
    if block.timestamp <= last + limits._guard(limits.LIVENESS_PERIOD):
        roles._check_guardian_or_owner()
    status._wind_down()


@external
@nonreentrant
def redeemInKind(shares: uint256, receiver: address) -> uint256:
    """
    @notice Burns the caller's shares for their part of idle assets and of every account's
            collateral and outcome tokens. Needs no keeper, reporter or price. Open in wind-down;
            before it to a controller whose oldest redemption request has waited longer than
            max_redeem_delay: that leaves its queue whole, what of it was settled is claimed, and
            what is not redeemed here goes back to the caller as shares.
    @param receiver Gets assets and tokens; a contract must take ERC-1155 transfers
    @return The assets out of idle
    @dev down: whoever leaves gets at most his part. All books are written before anything moves.
    """
    assert shares != 0, "nothing to redeem"
    assert receiver != self, "no receiver"
    claimed: uint256 = 0
    paid: uint256 = 0
    if not status._has(status.word, status.WINDING_DOWN):
        request_id: uint256 = 0
        waiting: uint256 = 0
        latest: uint256 = block.timestamp - limits._guard(limits.MAX_REDEEM_DELAY) - 1
        request_id, waiting, claimed, paid = requests._leave(requests.REDEEM, msg.sender, latest)
        assert shares <= waiting, "exceeds the request"
        log requests.RedeemRequestCancelled(
            controller=msg.sender, receiver=msg.sender, requestId=request_id, shares=waiting
        )
        erc20._transfer(self, msg.sender, waiting)
    supply: uint256 = erc20.totalSupply + ledger.VIRTUAL_SHARES
    erc20._burn(msg.sender, shares)
    assets: uint256 = ledger.total_idle * shares // supply
    ledger.total_idle -= assets
    for market: bytes32 in exposure.open_markets:
        nav._leave_in_kind(market, shares, supply)
        exposure._leave_in_kind(market, exposure.markets[market], shares, supply)
    log RedeemedInKind(
        owner=msg.sender, receiver=receiver, shares=shares, supply=supply, assets=assets
    )
    for market: bytes32 in exposure.open_markets:
        account: address = exposure._account(exposure.markets[market])
        extcall IMarketAccount(account).payInKind(receiver, shares, supply)
    if claimed != 0 or paid != 0:
        ledger._pay_claim(msg.sender, receiver, claimed, paid)
    ledger._push(receiver, assets)
    return assets
