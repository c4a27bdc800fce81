# pragma version 0.4.3
"""
@title Strongroom vault exits
@license AGPL-3.0-only
@author Strongroom
@notice How money comes home and how things end: recalls, harvests, closing and sweeping of
        markets, the exit in kind, wind-down. Vaults run this code on their own storage by
        delegatecall, behind the desk, and it passes on to the governance what it does not know (see
        Vault.vy); deployed once for each asset, it holds nothing.
@dev Roles: `recall` is open to keeper, guardian and owner, since it only makes things safer;
     `harvest`, `sweep` and, of what is over, `closeMarket` are open to anyone; the exit in kind is
     every holder's; `accept` is the owner's, here since `closeMarket` is one of the announced calls.
     Invariants: what an account is said to have sent is read from the token. Losses rise by what a
     closed market has not returned. Whoever leaves in kind gets at most his part, and no account
     can hold him up.
     Units: assets (of the asset), shares (18 decimals).
     Limits of use: 128 open markets and unswept accounts together, so that an exit in kind fits a
     block. An account that burns what it is given is closed by the owner all the same: each call
     that may fail gets a fixed gas.
@custom:security Only the exit in kind moves assets out, to who burned shares for them. Called
        directly it works on its own storage, which is set up for nobody. The delegatecall target is
        fixed at construction.
"""

from snekmate.auth import ownable
from snekmate.tokens import erc20

from contracts.interfaces import IMarketAccount
from contracts.modules import classes
from contracts.modules import core
from contracts.modules import exposure
from contracts.modules import fees
from contracts.modules import ledger
from contracts.modules import limits
from contracts.modules import losses
from contracts.modules import markets
from contracts.modules import nav
from contracts.modules import requests
from contracts.modules import roles
from contracts.modules import status
from contracts.modules import timelock
from contracts.modules import units
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
uses: classes
uses: losses
uses: velocity
uses: markets
uses: exposure
uses: nav
uses: fees

exports: (
    ledger.asset,
    classes.classOf,
    exposure.classBook,
    classes.class_count,
    losses.profitOf,
    markets.marketId,
    markets.questionOf,
    exposure.totalExposure,
    losses.totalLosses,
    markets.open_conditions,
    markets.unsweptAccounts,
    exposure.writtenOff,
    exposure.remainsOf,
    nav.markOf,
    velocity.recentAllocation,
)


event RedeemedInKind:
    owner: indexed(address)
    receiver: indexed(address)
    shares: uint256  # burned
    part: uint256  # of them, what was paid for: less the exit fee
    supply: uint256  # of which they were a part
    assets: uint256  # out of idle
    skipped: DynArray[bytes32, MAX_VISITED]  # markets whose part was given up


# What of a delegated account's market left with a holder in kind: collateral, at cost.
event PaidInKind:
    market: indexed(bytes32)
    assets: uint256
    cost: uint256


event Swept:
    account: indexed(address)
    emptied: bool  # it holds nothing any more, and need not be visited
    remains: uint256  # what it stood for when it was closed, as far as that still counts


interface IGovernance:
    def asset() -> address: view


MAX_VISITED: constant(uint256) = nav.MAX_MARKETS  # accounts that an exit in kind visits
# What a call that may fail is given, and must find: more than an honest account uses, and not all
# there is, or one that burns it could not be closed. An account that owns a wallet, with all tokens of
# all outcomes inside, in a transaction that touches each first: 4.9 M for 11 conditions, 11.2 M for 24,
# 15.1 M for 32. So above 20 `redeemResolved` or `redeem` may have to come first, in a transaction of its
# own. Not more than this: of 32 conditions a transaction of 2 ** 24, less what two delegatecalls keep
# back, must still bring it.
REDEEM_GAS: constant(uint256) = 200_000
REDEEM_GAS_PER_CONDITION: constant(uint256) = 470_000
MOVE_GAS: constant(uint256) = 500_000  # to halt, or to send collateral home
MAX_RETURN: constant(uint256) = 576  # bytes a governance function returns at most: liveEpochs

CODE: immutable(address)  # this contract, also while its code runs for a vault
GOVERNANCE: public(immutable(address))  # code of owner and guardian, see VaultGovernance.vy


@deploy
def __init__(asset: address, governance: address):
    """
    @param asset The stablecoin of the vaults that will use this code
    @param governance VaultGovernance for the same asset
    """
    assert staticcall IGovernance(governance).asset() == asset, "governance of another asset"
    CODE = self
    GOVERNANCE = governance
    core.__init__(asset, "", "", "")
    core._leave_to_nobody()


@external
@raw_return
def __default__() -> Bytes[MAX_RETURN]:
    """
    @notice Everything else is the governance's; its answer and its errors pass through.
    """
    return raw_call(GOVERNANCE, msg.data, max_outsize=MAX_RETURN, is_delegate_call=True)


@external
@view
def navs() -> (uint256, uint256):
    """
    @return NAV at the bid and at the ask as last booked, in assets.
    """
    ask: uint256 = 0
    for market: bytes32 in markets.open_markets:
        ask += nav._ask(nav.books[market])
    return nav._nav(), ledger.total_idle + max(ask, nav._total_exposure())


@external
@view
def custody() -> (uint256, uint256, uint256):
    """
    @return What NAV at the bid consists of, in assets: idle, what accounts of enforced custody
            hold, what those of delegated custody and their wallets do.
    """
    held: uint256[2] = [0, 0]
    for market: bytes32 in markets.open_markets:
        delegated: bool = markets._is_delegated(markets.words[market])
        held[1 if delegated else 0] += nav._bid(nav.books[market])
    return ledger.total_idle, held[0], held[1]


@external
@view
def isFlat() -> bool:
    """
    @return Whether anyone may settle: no open market, and nothing but dust in closed accounts.
    """
    return core._is_flat()


@external
@view
def inflowRoom() -> uint256:
    """
    @return How many assets of deposits the last report left room for.
    """
    return fees._room(fees.accrual)


# Markets


@external
@nonreentrant
def recall(market: bytes32, assets: uint256) -> uint256:
    """
    @notice Takes up to `assets` of collateral back from the market's account; what is above cost is
            profit. Keeper, guardian or owner, even while paused: it only makes things safer. Anyone
            in wind-down.
    @return The assets that came back
    """
    word: uint256 = markets._check_open(market)
    assert (
        status._has(status.word, status.WINDING_DOWN)
        or msg.sender in [classes._keeper(markets._class(word)), roles.guardian, ownable.owner]
    ), "not the keeper"
    came: uint256 = core._fetch(markets._account(word), assets)
    assert came != 0, "nothing there"
    exposure._come_home(market, word, came, min(came, nav._exposure(nav.books[market])))
    return came


@external
@nonreentrant
def harvest(market: bytes32) -> uint256:
    """
    @notice Brings home what the market's account holds above cost, in collateral, after redeeming
            what is resolved. Anyone may call: this is how profit comes to count.
    @return The profit that came home
    """
    word: uint256 = markets._check_open(market)
    account: address = markets._account(word)
    self._redeem(account, markets._conditions(word))
    held: uint256 = core._collateral(account)
    cost: uint256 = nav._exposure(nav.books[market])
    assert held > cost, "no profit there"
    came: uint256 = core._fetch(account, held - cost)
    exposure._come_home(market, word, came, 0)
    return came


@external
@nonreentrant
def closeMarket(market: bytes32):
    """
    @notice Ends a market: its account is halted for ever, what it holds comes home, and what it has
            not returned is a loss. Anyone, once every condition is resolved, its tokens are
            redeemed and no budget is away; its keeper, once there are no tokens and no budget is
            away; the guardian, where what would be written off, with what stands written off, is at most 0.1 % of NAV; the owner,
            after the timelock, anything.
    """
    word: uint256 = markets._check_open(market)
    account: address = markets._account(word)
    by_owner: bool = msg.sender == ownable.owner
    count: uint256 = markets._conditions(word)
    settled: bool = self._redeem(account, count)  # if it fails, only owner and guardian dispose of it
    resolved: bool = False
    empty_handed: bool = False
    if settled:  # so no resolved token is left inside
        resolved, empty_handed = self._state_of(account, count)
    held: uint256 = core._collateral(account)
    book: uint256 = nav.books[market]
    cost: uint256 = nav._exposure(book)
    stood: uint256 = max(cost, nav._ask(book))
    off: uint256 = stood - min(stood, held)
    may: bool = empty_handed and (
        resolved or msg.sender == classes._keeper(markets._class(word))
    )
    if msg.sender == roles.guardian:
        may = may or core._is_dust(markets.written_off + losses._per_share(off), nav._nav())
    assert may or by_owner, "not to be closed"
    halted: bool = self._halt(account, count, by_owner)
    came: uint256 = 0
    if held != 0:
        came = self._bring_home(account, held, by_owner)
    if came != 0:
        exposure._come_home(market, word, came, min(came, cost))
    stays: bool = came < held  # of an account that fails
    if not may or stays:
        timelock._consume(
            timelock.CLOSE_MARKET, abi_encode(market, method_id=method_id("closeMarket(bytes32)"))
        )
    holds: bool = not empty_handed or stays
    off = stood - min(stood, came) if holds else 0
    per_share: uint256 = losses._per_share(off)
    loss: uint256 = exposure._write_off(market, word)
    markets._close(market, word, loss, halted, off, per_share, holds, not may or stays)


@external
@nonreentrant
def sweep(account: address) -> uint256:
    """
    @notice Brings home what a closed account holds, after redeeming what is resolved, and halts it
            if it failed to halt when it was closed. Anyone may call, for ever; it pays off losses.
    @return The assets that came home
    """
    word: uint256 = markets.ended[account]
    assert word != 0, "not a closed account"
    empty_handed: bool = False
    count: uint256 = markets._conditions(word)
    halted: bool = self._halt(account, count, True)
    if self._redeem(account, count):  # if it fails, what is inside comes home all the same
        empty_handed = self._state_of(account, count)[1]
    came: uint256 = 0
    if core._collateral(account) != 0:
        came = core._fetch(account, max_value(uint256))
        exposure._come_home(markets.ended_market[account], word, came, 0)
    if empty_handed:
        markets._forget(account)
    log Swept(
        account=account,
        emptied=empty_handed,
        remains=exposure._for_all(markets._remains(markets.remains[account])),
    )
    return came


# The end of a vault, and of a holding


@external
@nonreentrant
def windDown():
    """
    @notice Ends the vault, for ever: no deposits, allocations, orders and fees; anyone may halt,
            merge, redeem and recall. Owner or guardian; anyone once there are shares and no report
            has come for the liveness period.
    """
    state: uint256 = status.word
    assert not status._has(state, status.WINDING_DOWN), "winding down"
    silent: uint256 = block.timestamp - status._last_report(state)
    if erc20.totalSupply == 0 or silent <= limits._liveness(limits.dealing_limits):
        roles._check_guardian_or_owner()
    status._wind_down()


@external
@nonreentrant
def redeemInKind(
    shares: uint256, receiver: address, skip: DynArray[bytes32, MAX_VISITED]
) -> uint256:
    """
    @notice Burns the caller's shares for their part of idle assets and of every open or unswept
            account's collateral and outcome tokens. Open at any time; needs no keeper, reporter or
            price. The management fee since the last report is taken first, and the exit fee of the
            shares stays with the others.
    @param receiver Gets assets and tokens; a contract must take ERC-1155 transfers
    @param skip Markets whose part the caller gives up, so that no account can hold him up
    @return The assets out of idle
    """
    return self._leave(msg.sender, msg.sender, shares, receiver, skip)


@external
@nonreentrant
def redeemRequestInKind(
    requestId: uint256, controller: address, receiver: address, skip: DynArray[bytes32, MAX_VISITED]
) -> uint256:
    """
    @notice The same with the shares of a redemption request that waits; it leaves the queue whole,
            and what was settled of it is claimed. The controller or its operator.
    @return The assets out of idle
    """
    requests._check_authorised(controller)
    shares: uint256 = 0
    taken: uint256 = 0
    assets: uint256 = 0
    shares, taken, assets = requests._take_back(requests.REDEEM, controller, requestId, True, 0)
    log requests.RedeemRequestCancelled(
        controller=controller, receiver=controller, requestId=requestId, shares=shares
    )
    left: uint256 = self._leave(controller, self, shares, receiver, skip)
    if taken != 0 or assets != 0:
        ledger._pay_claim(controller, receiver, taken, assets)
    return left


# Timelock


@external
def accept(call: Bytes[timelock.MAX_CALL]):
    """
    @notice Makes a submitted call whose delay has passed; calling the function itself with the
            same arguments does the same. Owner only.
    @dev The call runs this very code, or the governance's behind it, for the same caller, which
         they check; so this is no way around any check, and takes no lock of its own.
    """
    timelock._check_listed(convert(slice(call, 0, 4), bytes4))
    raw_call(CODE, call, is_delegate_call=True)


# Internal


@internal
def _redeem(account: address, count: uint256) -> bool:
    """
    @param count Of the account's conditions
    @return Whether the account has turned what is resolved into its payout. One that fails keeps
            its tokens and counts as not settled.
    @dev Whoever calls must bring the gas: a failure that is tolerated must not be his.
    """
    bound: uint256 = nav._check_gas(REDEEM_GAS + REDEEM_GAS_PER_CONDITION * count)
    return raw_call(
        account, method_id("redeemResolved()"), gas=bound, revert_on_failure=False
    )


@internal
@view
def _number_of(account: address, count: uint256, question: Bytes[4]) -> (bool, uint256):
    """
    @param count Of the account's conditions
    @return Whether the account answers a question with one word, and the word.
    """
    bound: uint256 = nav._check_gas(nav.GAS + nav.GAS_PER_CONDITION * count)
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        account,
        question,
        max_outsize=32,
        gas=bound,
        is_static_call=True,
        revert_on_failure=False,
    )
    if not success or len(answer) != 32:
        return False, 0
    return True, extract32(answer, 0, output_type=uint256)


@internal
@view
def _nothing_away(account: address, count: uint256) -> bool:
    success: bool = False
    away: uint256 = 0
    success, away = self._number_of(account, count, method_id("away()"))
    return success and away == 0


@internal
@view
def _state_of(account: address, count: uint256) -> (bool, bool):
    """
    @param count Of the account's conditions
    @return Whether all conditions of an account are resolved, and whether it holds no unresolved
            token and has no budget away. Resolved ones have been redeemed; what a wallet has of them
            counts as budget away. Neither is so of an account that does not answer.
    """
    bound: uint256 = nav._check_gas(nav.GAS + nav.GAS_PER_CONDITION * count)
    success: bool = False
    answer: Bytes[nav.ANSWER] = b""
    success, answer = raw_call(
        account,
        method_id("positions()"),
        max_outsize=nav.ANSWER,
        gas=bound,
        is_static_call=True,
        revert_on_failure=False,
    )
    if not success or len(answer) != nav.ANSWER_HEAD + nav.POSITION * count:
        return False, False
    resolved: bool = True
    tokens: bool = False
    place: uint256 = nav.ANSWER_HEAD
    for i: uint256 in range(count, bound=units.MAX_CONDITIONS):
        if extract32(answer, place + 128, output_type=uint256) == 0:
            resolved = False
            yes: uint256 = extract32(answer, place, output_type=uint256)
            no: uint256 = extract32(answer, place + 32, output_type=uint256)
            tokens = tokens or yes != 0 or no != 0
        place += nav.POSITION
    return resolved, not tokens and self._nothing_away(account, count)


@internal
def _halt(account: address, count: uint256, anyway: bool) -> bool:
    """
    @param count Of the account's conditions
    @param anyway Whether an account that fails may stay as it is
    @return Whether it had been halted before, or has failed.
    """
    if not anyway:
        halted: bool = staticcall IMarketAccount(account).halted()
        extcall IMarketAccount(account).halt()
        return halted
    success: bool = False
    before: uint256 = 0
    success, before = self._number_of(account, count, method_id("halted()"))
    if success and before != 0:
        return True
    stopped: bool = raw_call(
        account, method_id("halt()"), gas=nav._check_gas(MOVE_GAS), revert_on_failure=False
    )
    return not success or not stopped


@internal
def _bring_home(account: address, assets: uint256, anyway: bool) -> uint256:
    """
    @param anyway Whether an account that fails may keep what it has
    """
    if not anyway:
        return core._fetch(account, assets)
    before: uint256 = ledger._balance()
    success: bool = raw_call(
        account,
        abi_encode(assets, method_id=method_id("recall(uint256)")),
        gas=nav._check_gas(MOVE_GAS),
        revert_on_failure=False,
    )
    return ledger._balance() - before


@internal
def _leave(
    owner: address,
    holder: address,
    shares: uint256,
    receiver: address,
    skip: DynArray[bytes32, MAX_VISITED],
) -> uint256:
    """
    @param owner Whose shares they are
    @param holder Where they lie
    @dev down: whoever leaves gets at most his part. All books are written before a token moves that
         calls its receiver.
    """
    assert shares != 0, "nothing to redeem"
    assert receiver != self and receiver != empty(address), "no receiver"
    supply: uint256 = core._accrue(status.word, nav._nav(), False)
    erc20._burn(holder, shares)
    fee: uint256 = limits._bps(limits.dealing_limits, limits.EXIT_FEE_BPS)
    part: uint256 = shares - (shares * fee + units.BPS - 1) // units.BPS
    assets: uint256 = ledger.total_idle * part // supply
    ledger.total_idle -= assets
    accounts: DynArray[address, MAX_VISITED] = []
    for market: bytes32 in markets.open_markets:
        if market in skip:
            continue
        word: uint256 = markets.words[market]
        account: address = markets._account(word)
        book: uint256 = nav.books[market]
        if markets._is_delegated(word):
            self._pay_delegated(market, word, receiver, part, supply)
            continue
        exposure._leave_in_kind(
            market,
            word,
            nav._exposure(book) * part // supply,
            nav._bid(book) * part // supply,
            nav._ask(book) * part // supply,
        )
        accounts.append(account)
    for account: address in markets.unswept:
        if markets.ended_market[account] not in skip:
            accounts.append(account)
    log RedeemedInKind(
        owner=owner,
        receiver=receiver,
        shares=shares,
        part=part,
        supply=supply,
        assets=assets,
        skipped=skip,
    )
    for account: address in accounts:
        extcall IMarketAccount(account).payInKind(receiver, part, supply)
    ledger._push(receiver, assets)
    return assets


@internal
def _pay_delegated(
    market: bytes32, word: uint256, receiver: address, part: uint256, supply: uint256
):
    """
    @dev Of collateral alone, which calls nobody. What is paid above his part of the cost was
         profit, or a gift that he may have made himself: it frees no budget.
    """
    paid: uint256 = extcall IMarketAccount(markets._account(word)).payInKind(
        receiver, part, supply
    )
    book: uint256 = nav.books[market]
    cost: uint256 = min(paid, nav._exposure(book) * part // supply)
    exposure._leave_in_kind(
        market,
        word,
        cost,
        min(paid, nav._bid(book) * part // supply),
        min(paid, nav._ask(book) * part // supply),
    )
    log PaidInKind(market=market, assets=paid, cost=cost)
