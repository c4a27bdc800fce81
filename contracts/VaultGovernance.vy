# pragma version 0.4.3
"""
@title Strongroom vault governance
@license AGPL-3.0-only
@author Strongroom
@notice The part of a vault that its owner and guardian call: roles, limits, classes, fees, the
        timelock. Vaults run this code on their own storage by delegatecall, behind desk and exits
        (see Vault.vy); deployed once for each asset, it holds nothing.
@custom:security Whatever makes holders safer takes effect at once; whatever raises their risk or
        cost must have been submitted for its function's delay (see timelock.vy). Nothing here moves
        assets. Called directly it works on its own storage, which is set up for nobody.
"""

from snekmate.auth import ownable

from contracts.modules import classes
from contracts.modules import core
from contracts.modules import fees
from contracts.modules import ledger
from contracts.modules import limits
from contracts.modules import losses
from contracts.modules import nav
from contracts.modules import requests
from contracts.modules import roles
from contracts.modules import status
from contracts.modules import terms
from contracts.modules import timelock
from contracts.modules import units

initializes: core

uses: ownable
uses: status
uses: roles
uses: timelock
uses: limits
uses: ledger
uses: requests
uses: classes
uses: losses
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
    ledger.coversTransfers,
    ledger.depositTerms,
    requests.epochs,
    requests.epochOf,
    requests.waitingEpochs,
    requests.liveEpochs,
    nav.reference,
    fees.__interface__,
)


event BreakerReset:
    reference: uint256


@deploy
def __init__(asset: address):
    """
    @param asset The stablecoin of the vaults that will use this code
    """
    core.__init__(asset, "", "", "")
    core._leave_to_nobody()


@external
@nonreentrant
def setUp(new: terms.Terms):
    """
    @notice Gives a vault its terms; its constructor calls this, and nobody after it can.
    """
    assert not requests._is_set_up(), "set up already"
    assert new.owner != empty(address), "no owner"
    ownable._transfer_ownership(new.owner)
    roles._set_up(new.guardian, new.reporter)
    status._set_up()
    timelock._set_up(new.timelock)
    limits._set_up(new.limits)
    requests._set_up()
    nav._set_up()
    fees._set_up(
        units.SHARE // ledger.VIRTUAL_SHARES,
        new.management_bps,
        new.performance_bps,
        new.hurdle_bps,
        new.fee_recipient,
    )
    ledger._set_deposit_terms(new.deposit_limit, new.min_deposit)


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
def setKeeper(class_id: uint256, account: address):
    """
    @notice Names a class's keeper, a Safe. Owner, after the timelock; zero, which drops it, at once
            and by the guardian too.
    """
    if account == empty(address):
        roles._check_guardian_or_owner()
    else:
        ownable._check_owner()
        timelock._consume(
            timelock.SET_KEEPER,
            abi_encode(class_id, account, method_id=method_id("setKeeper(uint256,address)")),
        )
    classes._set_keeper(class_id, account)


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
def addClass(new: classes.MarketClass) -> uint256:
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
                "addClass((address,address,address,uint256,uint256,uint256,uint256,uint256,uint256))"
            ),
        ),
    )
    return classes._add_class(new)


@external
@nonreentrant
def setClassCaps(class_id: uint256, new: classes.Caps):
    """
    @notice Sets a class's caps; exposure above them is only worked off. Owner; raised only after
            the timelock, lowered at once and by the guardian too.
    """
    if classes._is_cap_raised(class_id, new):
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
    classes._set_caps(class_id, new)


@external
@nonreentrant
def retireClass(class_id: uint256):
    """
    @notice Lets no market of the class be opened and no budget go out any more, for ever; its
            markets are worked off. Owner or guardian.
    """
    roles._check_guardian_or_owner()
    classes._retire(class_id)


@external
@nonreentrant
def forgiveLosses(class_id: uint256, assets: uint256):
    """
    @notice Lets losses count no more, of the class and of the vault. Owner, after the timelock.
    """
    ownable._check_owner()
    timelock._consume(
        timelock.FORGIVE_LOSSES,
        abi_encode(class_id, assets, method_id=method_id("forgiveLosses(uint256,uint256)")),
    )
    losses._forgive(class_id, assets)


@external
@nonreentrant
def resetBreaker():
    """
    @notice Lets keepers allocate again after a drawdown, which counts from here on. Owner, after
            the timelock.
    """
    ownable._check_owner()
    timelock._consume(timelock.RESET_BREAKER, method_id("resetBreaker()"))
    nav.reference = nav.bid_price
    log BreakerReset(reference=nav.bid_price)


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
        assert not status._is_stale(status.word), "stale NAV"
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
def setAllowList(new: address, covers_transfers: bool):
    """
    @notice Names the contract that says who may deposit; zero lets everybody. Owner; after the
            timelock where it says who may be given shares, too. Whoever has shares or requests
            claims, cancels and leaves for itself, listed or not.
    @param covers_transfers Whether shares go from one account to another only if the list has the
                            other
    """
    ownable._check_owner()
    if covers_transfers:
        timelock._consume(
            timelock.SET_ALLOW_LIST,
            abi_encode(new, covers_transfers, method_id=method_id("setAllowList(address,bool)")),
        )
    ledger._set_allow_list(new, covers_transfers)
