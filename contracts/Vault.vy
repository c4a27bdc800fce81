# pragma version 0.4.3
"""
@title Strongroom vault
@license AGPL-3.0-only
@author Strongroom
@notice A managed vault for prediction markets. Depositors request and claim (ERC-7540): a request
        is dealt with by the second report after it, at the worse of two prices. Keepers move budget
        into market accounts within caps; a reporter marks their positions, but nothing counts above
        its cost before it is home; nobody but the holders takes assets out, and in kind they can
        leave at any time.
@dev One vault, four pieces of code (the whole is above the size limit): this one holds what
     depositors and accounts call, VaultDesk.vy what keepers and reporter call, VaultExits.vy how
     things end, VaultGovernance.vy what owner and guardian call. Calls that this code does not know
     go to the desk by delegatecall, on this contract's storage, from there to the exits and on to
     the governance. All four initialise core.vy and nothing else, hence one storage layout and one
     re-entrancy lock. The addresses are immutable: no upgrade.
@custom:security Invariant: asset.balanceOf(self) >= total_idle + pending deposits +
        claimable_assets. The delegatecall target is fixed at construction and never chosen by a
        caller.
"""

from snekmate.auth import ownable
from snekmate.tokens import erc20

from contracts.interfaces import IVault
from contracts.modules import classes
from contracts.modules import core
from contracts.modules import ledger
from contracts.modules import markets
from contracts.modules import nav
from contracts.modules import requests
from contracts.modules import roles
from contracts.modules import status
from contracts.modules import terms
from contracts.modules import units

implements: IVault

initializes: core

uses: ownable
uses: erc20
uses: status
uses: roles
uses: ledger
uses: requests
uses: nav
uses: classes
uses: markets

exports: (
    erc20.approve,
    erc20.permit,
    erc20.balanceOf,
    erc20.allowance,
    erc20.totalSupply,
    erc20.name,
    erc20.symbol,
    erc20.decimals,
    erc20.nonces,
    erc20.DOMAIN_SEPARATOR,
    erc20.eip712Domain,
    ownable.owner,
    roles.guardian,
    classes.keeperOf,
    status.paused,
    status.windingDown,
    ledger.asset,
    ledger.total_idle,
    ledger.claimable_assets,
    requests.setOperator,
    requests.isOperator,
    requests.pendingDepositRequest,
    requests.claimableDepositRequest,
    requests.pendingRedeemRequest,
    requests.claimableRedeemRequest,
)


event DepositRequest:
    controller: indexed(address)
    owner: indexed(address)
    requestId: indexed(uint256)
    sender: address
    assets: uint256


event RedeemRequest:
    controller: indexed(address)
    owner: indexed(address)
    requestId: indexed(uint256)
    sender: address
    shares: uint256


event DepositRequestCancelled:
    controller: indexed(address)
    receiver: indexed(address)
    requestId: indexed(uint256)
    assets: uint256


event Deposit:
    sender: indexed(address)
    owner: indexed(address)
    assets: uint256
    shares: uint256


interface IDesk:
    def asset() -> address: view


WAD_PER_BPS: constant(uint256) = 10**14
MAX_RETURN: constant(uint256) = 4160  # bytes a desk function returns at most: openMarkets

DESK: public(immutable(address))  # code of keeper and reporter, see VaultDesk.vy


@deploy
def __init__(desk: address, new: terms.Terms):
    """
    @param desk VaultDesk for the asset that is deposited and traded with
    @param new What the vault starts with, see terms.vy
    """
    asset: address = staticcall IDesk(desk).asset()
    DESK = desk
    core.__init__(asset, new.name, new.symbol, "1")
    raw_call(
        desk,
        abi_encode(new, method_id=method_id(
                "setUp((string,string,address,address,address,address,uint256,uint256,uint256,uint256,uint256,uint256,uint256[19]))"
            )),
        is_delegate_call=True,
    )


@external
@raw_return
def __default__() -> Bytes[MAX_RETURN]:
    """
    @notice Everything else is the desk's, the exits' or the governance's; answers and errors
            pass through.
    """
    return raw_call(DESK, msg.data, max_outsize=MAX_RETURN, is_delegate_call=True)


# Views of ERC-4626, ERC-7540 and ERC-7575


@external
@view
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice ERC-165: ERC-165 itself, ERC-7540 operators, asynchronous deposits and redemptions,
            ERC-7575 vault and share.
    """
    return interface_id in [0x01ffc9a7, 0xe3bc4e65, 0xce3bbe50, 0x620ee8e4, 0x2f0a18c5, 0xf815c03d]


@external
@view
def share() -> address:
    """
    @return The share token (ERC-7575): this contract.
    """
    return self


@external
@view
def vault(asset_: address) -> address:
    """
    @return The vault of the share token for `asset_` (ERC-7575): this contract for its asset.
    """
    if asset_ != ledger.asset:
        return empty(address)
    return self


@external
@view
def totalAssets() -> uint256:
    """
    @return NAV at the bid, in assets: idle and what the open markets were last booked at.
    """
    return nav._nav()


@external
@view
def convertToShares(assets: uint256) -> uint256:
    """
    @return Shares worth `assets` at the bid NAV, rounded down.
    """
    return assets * nav._shares() // (nav._nav() + 1)


@external
@view
def convertToAssets(shares: uint256) -> uint256:
    """
    @return Assets that `shares` are worth at the bid NAV, rounded down.
    """
    return shares * (nav._nav() + 1) // nav._shares()


@external
@view
def maxDeposit(controller: address) -> uint256:
    """
    @return Assets of settled deposits that one claim of `controller` can take.
    """
    return requests._claimable_total(requests.DEPOSIT, controller)[0]


@external
@view
def maxMint(controller: address) -> uint256:
    """
    @return Shares that one claim of `controller` can take.
    """
    return requests._claimable_total(requests.DEPOSIT, controller)[1]


@external
@view
def maxRedeem(controller: address) -> uint256:
    """
    @return Shares of settled redemptions that one claim of `controller` can take.
    """
    return requests._claimable_total(requests.REDEEM, controller)[0]


@external
@view
def maxWithdraw(controller: address) -> uint256:
    """
    @return Assets that one claim of `controller` can take.
    """
    return requests._claimable_total(requests.REDEEM, controller)[1]


@external
@pure
def previewDeposit(assets: uint256) -> uint256:
    """
    @notice Always reverts: the price of a request is not known before its report (ERC-7540).
    """
    raise "asynchronous"


@external
@pure
def previewMint(shares: uint256) -> uint256:
    """
    @notice Always reverts, as previewDeposit.
    """
    raise "asynchronous"


@external
@pure
def previewRedeem(shares: uint256) -> uint256:
    """
    @notice Always reverts, as previewDeposit.
    """
    raise "asynchronous"


@external
@pure
def previewWithdraw(assets: uint256) -> uint256:
    """
    @notice Always reverts, as previewDeposit.
    """
    raise "asynchronous"


@external
@view
def orderTerms(class_id: uint256, market: bytes32, index: uint256) -> IVault.OrderTerms:
    """
    @notice What an account must hold an order against. The keeper is nobody once the market is
            closed. The price band is around the market's marks while they are fresh. Without a fresh mark no order is admitted, or, where the
            vault does not require marks, only the highest buying price binds.
    @param class_id The account's class
    @param market The account's market
    @param index Outcome token: 2 * condition for YES, 2 * condition + 1 for NO
    """
    admitted: bool = False
    lifetime: uint256 = 0
    highest: uint256 = 0
    band: uint256 = 0
    required: bool = False
    fresh: uint256 = 0
    admitted, lifetime, highest, band, required, fresh = status._order_terms(status.word)
    highest = unsafe_mul(highest, WAD_PER_BPS)  # of 16 bits: no overflow
    lowest: uint256 = 0
    if band != 0 or required:
        bid: uint256 = 0
        ask: uint256 = 0
        marked: bool = False
        marked, bid, ask = nav._quote(market, index, fresh)
        if marked and band != 0:
            band = unsafe_mul(band, WAD_PER_BPS)
            lowest = unsafe_sub(bid, min(bid, band))
            highest = min(highest, unsafe_add(ask, band))
        if required and not marked:
            admitted = False
    keeper: address = empty(address)
    if admitted and markets._is_open(markets.words[market]):
        keeper = classes._keeper(class_id)
    return IVault.OrderTerms(
        keeper=keeper, max_lifetime=lifetime, highest_buy=highest, lowest_sell=lowest
    )


# Requests, claims and cancellations


@external
@nonreentrant
def requestDeposit(assets: uint256, controller: address, owner: address) -> uint256:
    """
    @notice Hands over `assets` of `owner`. The next report closes the request's epoch; one after it
            turns them into shares, at the higher of two asks.
    @param controller Who may claim the shares
    @return The request id: the open deposit epoch
    """
    requests._check_authorised(owner)
    status._check_running(status.word)
    self._check_deposit(assets, controller)
    request_id: uint256 = requests._request(requests.DEPOSIT, controller, assets, nav.ask_price)
    log DepositRequest(
        controller=controller, owner=owner, requestId=request_id, sender=msg.sender, assets=assets
    )
    ledger._pull(owner, assets)
    return request_id


@external
@nonreentrant
def requestRedeem(shares: uint256, controller: address, owner: address) -> uint256:
    """
    @notice Hands over `shares` of `owner`. The next report closes the request's epoch; those after
            it turn them into assets, at the lower of two bids, oldest epoch first, as far as idle
            assets reach. Open even while paused.
    @param controller Who may claim the assets: the owner, or who has named the caller its operator
    @return The request id: the open redemption epoch
    """
    assert shares != 0, "nothing to redeem"
    if controller != owner:
        requests._check_authorised(controller)
        ledger._check_transfer(controller)  # which may take the shares back
    self._spend(owner, shares)
    request_id: uint256 = requests._request(requests.REDEEM, controller, shares, nav.bid_price)
    log RedeemRequest(
        controller=controller, owner=owner, requestId=request_id, sender=msg.sender, shares=shares
    )
    erc20._transfer(owner, self, shares)
    return request_id


@external
@nonreentrant
def cancelDepositRequest(requestId: uint256, controller: address, receiver: address) -> uint256:
    """
    @notice Takes a request back: while its epoch is open, once it was handed back, and once a
            report after the closing one has left it over; at any time while there is no reporter,
            the vault is stale or winds down. What was settled of it is claimed.
    @return The assets sent to `receiver`
    """
    assets: uint256 = 0
    taken: uint256 = 0
    shares: uint256 = 0
    assets, taken, shares = self._take_back(requests.DEPOSIT, controller, requestId)
    log DepositRequestCancelled(
        controller=controller, receiver=receiver, requestId=requestId, assets=assets
    )
    if shares != 0 or taken != 0:
        log Deposit(sender=controller, owner=receiver, assets=taken, shares=shares)
        self._hand_out(controller, receiver, shares)
    ledger._push(receiver, assets)
    return assets


@external
@nonreentrant
def cancelRedeemRequest(requestId: uint256, controller: address, receiver: address) -> uint256:
    """
    @notice Takes a request back, as cancelDepositRequest does.
    @return The shares sent to `receiver`
    """
    shares: uint256 = 0
    taken: uint256 = 0
    assets: uint256 = 0
    shares, taken, assets = self._take_back(requests.REDEEM, controller, requestId)
    log requests.RedeemRequestCancelled(
        controller=controller, receiver=receiver, requestId=requestId, shares=shares
    )
    self._hand_out(controller, receiver, shares)
    if taken != 0 or assets != 0:
        ledger._pay_claim(controller, receiver, taken, assets)
    return shares


@external
@nonreentrant
def deposit(assets: uint256, receiver: address, controller: address = msg.sender) -> uint256:
    """
    @notice Claims the shares of `assets` of settled deposits.
    @return The shares sent to `receiver`
    """
    return self._claim_shares(assets, False, receiver, controller)[1]


@external
@nonreentrant
def mint(shares: uint256, receiver: address, controller: address = msg.sender) -> uint256:
    """
    @notice Claims `shares` of settled deposits.
    @return The assets they took
    """
    return self._claim_shares(shares, True, receiver, controller)[0]


@external
@nonreentrant
def redeem(shares: uint256, receiver: address, controller: address = msg.sender) -> uint256:
    """
    @notice Claims the assets of `shares` of settled redemptions.
    @return The assets sent to `receiver`
    """
    return self._claim_assets(shares, False, receiver, controller)[1]


@external
@nonreentrant
def withdraw(assets: uint256, receiver: address, controller: address = msg.sender) -> uint256:
    """
    @notice Claims `assets` of settled redemptions.
    @return The shares they took
    """
    return self._claim_assets(assets, True, receiver, controller)[0]


# Shares


@external
def transfer(to: address, amount: uint256) -> bool:
    """
    @notice Gives shares; where the allow-list covers transfers, only to whom it has.
    """
    ledger._check_transfer(to)
    erc20._transfer(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    """
    @notice Gives shares of `owner`, who approved it; where the allow-list covers transfers, only
            to whom it has.
    """
    ledger._check_transfer(to)
    erc20._spend_allowance(owner, msg.sender, amount)
    erc20._transfer(owner, to, amount)
    return True


# Internal


@internal
def _hand_out(controller: address, receiver: address, shares: uint256):
    """
    @dev Its own shares everybody may claim; those for somebody else are a transfer.
    """
    if receiver != controller and shares != 0:
        ledger._check_transfer(receiver)
    erc20._transfer(self, receiver, shares)


@internal
def _spend(owner: address, shares: uint256):
    """
    @dev The owner, its operator, or whoever it approved for the shares.
    """
    if msg.sender != owner and not requests.isOperator[owner][msg.sender]:
        erc20._spend_allowance(owner, msg.sender, shares)


@internal
@view
def _check_deposit(assets: uint256, holder: address):
    """
    @dev An unlimited vault does not pay for reading its NAV.
    """
    word: uint256 = ledger.deposit_terms
    limit: uint256 = 0
    least: uint256 = 0
    limit, least = ledger._terms(word)
    assert assets != 0 and assets >= least, "below the least deposit"
    ledger._check_allowed(word, holder)
    if limit != ledger.UNLIMITED:
        pending: uint256 = requests._not_settled(requests.DEPOSIT)
        assert nav._nav() + pending + assets <= limit, "deposit limit"


@internal
def _claim_shares(amount: uint256, by_out: bool, receiver: address, controller: address) -> (uint256, uint256):
    requests._check_authorised(controller)
    assets: uint256 = 0
    shares: uint256 = 0
    assets, shares = requests._claim(requests.DEPOSIT, controller, amount, by_out)
    log Deposit(sender=controller, owner=receiver, assets=assets, shares=shares)
    self._hand_out(controller, receiver, shares)
    return assets, shares


@internal
def _claim_assets(amount: uint256, by_out: bool, receiver: address, controller: address) -> (uint256, uint256):
    requests._check_authorised(controller)
    shares: uint256 = 0
    assets: uint256 = 0
    shares, assets = requests._claim(requests.REDEEM, controller, amount, by_out)
    ledger._pay_claim(controller, receiver, shares, assets)
    return shares, assets


@internal
def _take_back(side: uint256, controller: address, epoch: uint256) -> (uint256, uint256, uint256):
    requests._check_authorised(controller)
    state: uint256 = status.word
    anyway: bool = (
        status._has(state, status.WINDING_DOWN)
        or status._is_stale(state)
        or roles.reporter == empty(address)
    )
    return requests._take_back(side, controller, epoch, anyway, status._reports(state))
