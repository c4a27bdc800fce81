# pragma version 0.4.3
"""
@title Delegated market account
@license AGPL-3.0-only
@author Strongroom
@notice Hands one market's budget to a wallet that the venue admits (a deposit wallet, an older
        Safe), reads that wallet's balances and takes back what it leaves here. Whoever holds the
        wallet's key can trade or take what was handed out. Custody grade: delegated.
@dev An implementation that vaults clone, see contracts/modules/account.vy. The vault counts what
     is away with what is here, at most at the market's cost for whoever leaves and at least at its
     cost for whoever comes, so that money moved in and out of the wallet around a report earns
     nothing (nav.vy).
@custom:security What is away is bounded by the budget that the caps let in, by nothing else: what
        came back beyond it cannot go out again as budget, or the holder of the wallet's key could
        have his own gift counted as cost, leave at that value and take the gift back. Nothing here
        can pull what is away against the wallet's will.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IConditionalTokens
from contracts.interfaces import IMarketAccount
from contracts.interfaces import IVault
from contracts.modules import account
from contracts.modules import units

implements: IMarketAccount

initializes: account

exports: (
    account.vault,
    account.market,
    account.question,
    account.classId,
    account.deadline,
    account.halted,
    account.tradable,
    account.conditions,
    account.tokenIds,
    account.resolved,
    account.describe,
    account.recall,
    account.split,
    account.merge,
    account.convertPositions,
    account.redeem,
    account.redeemResolved,
    account.onERC1155Received,
    account.onERC1155BatchReceived,
    account.CTF,
    account.COLLATERAL,
    account.TOKEN_COLLATERAL,
    account.ADAPTER,
    account.NEGATIVE_RISK,
)


interface IWalletRegistry:
    def COLLATERAL() -> address: view
    def bind(wallet: address): nonpayable
    def release(wallet: address): nonpayable


interface IMarkets:
    def bookOf(market: bytes32) -> (uint256, uint256, uint256): view
    def remainsOf(account: address) -> (bool, uint256): view


event WalletSet:
    wallet: indexed(address)


event Forwarded:
    wallet: indexed(address)
    assets: uint256
    outstanding: uint256


event TakenBack:
    wallet: indexed(address)
    assets: uint256
    outstanding: uint256


event TokensTakenBack:
    wallet: indexed(address)
    token: indexed(uint256)
    amount: uint256


REGISTRY: public(immutable(address))  # see WalletRegistry.vy

wallet: public(address)  # that trades this market; zero: none
outstanding: public(uint256)  # handed out and not come back, at cost, in assets


@deploy
def __init__(
    registry: address,
    ctf: address,
    collateral: address,
    token_collateral: address,
    adapter: address,
    negative_risk: bool,
):
    """
    @param registry One for all delegated accounts of a venue
    @param ctf ConditionalTokens
    @param collateral What trades are paid in: the vault's asset
    @param token_collateral The collateral of the outcome tokens
    @param adapter Splits, merges and redeems between the two
    @param negative_risk Whether a market is an event of several exclusive conditions
    """
    account.__init__(ctf, collateral, token_collateral, adapter, negative_risk)
    assert staticcall IWalletRegistry(registry).COLLATERAL() == collateral, "registry of another asset"
    REGISTRY = registry


# Views


@external
@view
def grade() -> uint256:
    """
    @return 2: delegated, whoever holds the wallet's key trades the budget.
    """
    return 2


@external
@view
def positions() -> (uint256, DynArray[IMarketAccount.Position, units.MAX_CONDITIONS]):
    """
    @return Collateral held, and each condition's outcome tokens and payout: what the account and
            its wallet hold together.
    """
    held: uint256 = 0
    positions: DynArray[IMarketAccount.Position, units.MAX_CONDITIONS] = []
    held, positions = account._holdings(self)
    if self.wallet == empty(address):
        return held, positions
    away: uint256 = 0
    others: DynArray[IMarketAccount.Position, units.MAX_CONDITIONS] = []
    away, others = account._holdings(self.wallet)
    for i: uint256 in range(len(positions), bound=units.MAX_CONDITIONS):
        positions[i].yes += others[i].yes
        positions[i].no += others[i].no
    return held + away, positions


@external
@view
def away() -> uint256:
    """
    @return What the wallet holds, in assets: collateral and outcome tokens, at their payout once
            there is one, else at 1. What was gained there and did not come home counts, too, so
            that nobody closes the market over it.
    """
    return self._away()


@external
@view
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice ERC-165: itself and the ERC-1155 receiver.
    """
    return interface_id in [0x01ffc9a7, 0x4e2312e0]


# The switch


@external
def initialize():
    """
    @notice Nothing to grant: the venue knows the wallet, not the account.
    """
    assert msg.sender == account._vault(), "not the vault"


@external
@nonreentrant
def halt():
    """
    @notice Stops handing out budget, for ever. Orders of the wallet live on: they are not this
            account's. Keeper, guardian or owner; the vault when the market is closed; anyone in
            wind-down.
    """
    account._halt()


# The wallet


@external
@nonreentrant
def setWallet(wallet: address):
    """
    @notice Names the wallet that will trade this market. It must serve no other account and allow
            this one to take all of its collateral back. Keeper only.
    """
    account._check_may_trade()
    assert self.wallet == empty(address), "wallet set"
    self.wallet = wallet
    log WalletSet(wallet=wallet)
    extcall IWalletRegistry(REGISTRY).bind(wallet)


@external
@nonreentrant
def releaseWallet():
    """
    @notice Frees the wallet for another market, once this account is closed and nothing is away.
            Anyone may call.
    """
    assert self._is_closed(), "market open"
    assert self._away() == 0, "budget away"
    wallet: address = self.wallet
    self.wallet = empty(address)
    self.outstanding = 0
    log WalletSet(wallet=empty(address))
    extcall IWalletRegistry(REGISTRY).release(wallet)


@external
@nonreentrant
def forward(assets: uint256):
    """
    @notice Hands `assets` of the budget to the wallet: what is outstanding stays within the
            market's exposure, so a gain is recalled and allocated anew before it trades. Keeper
            only, while tradable.
    """
    account._check_may_trade()
    assert account._resolved() < account._number(account.COUNT), "not tradable"
    wallet: address = self.wallet
    assert wallet != empty(address), "no wallet"
    outstanding: uint256 = self.outstanding + assets
    exposure: uint256 = (staticcall IMarkets(account._vault()).bookOf(account._word(account.MARKET)))[0]
    assert outstanding <= exposure, "over budget"
    self.outstanding = outstanding
    log Forwarded(wallet=wallet, assets=assets, outstanding=outstanding)
    assert extcall IERC20(account.COLLATERAL).transfer(wallet, assets, default_return_value=True), "transfer failed"


@external
@nonreentrant
def takeBack(assets: uint256) -> uint256:
    """
    @notice Takes up to `assets` of collateral from the wallet, as far as it lets the account. What
            comes back beyond what was handed out is gain. Keeper, guardian or owner; anyone in
            wind-down, and once the market is resolved or closed.
    @return The assets taken
    """
    self._check_may_take_back()
    wallet: address = self.wallet
    assert wallet != empty(address), "no wallet"
    before: uint256 = staticcall IERC20(account.COLLATERAL).balanceOf(self)
    asked: uint256 = min(assets, staticcall IERC20(account.COLLATERAL).balanceOf(wallet))
    assert extcall IERC20(account.COLLATERAL).transferFrom(
        wallet, self, asked, default_return_value=True
    ), "transfer failed"
    taken: uint256 = staticcall IERC20(account.COLLATERAL).balanceOf(self) - before
    outstanding: uint256 = self.outstanding
    outstanding -= min(outstanding, taken)
    self.outstanding = outstanding
    log TakenBack(wallet=wallet, assets=taken, outstanding=outstanding)
    return taken


@external
@nonreentrant
def takeBackTokens(index: uint256, amount: uint256):
    """
    @notice Takes outcome tokens from a wallet that has made the account its operator. Their cost
            stays outstanding. Keeper, guardian or owner; anyone in wind-down, and once the market is
            resolved or closed.
    @param index Outcome token: 2 * condition for YES, 2 * condition + 1 for NO
    """
    self._check_may_take_back()
    wallet: address = self.wallet
    token: uint256 = account._token(index)
    log TokensTakenBack(wallet=wallet, token=token, amount=amount)
    extcall IConditionalTokens(account.CTF).safeTransferFrom(wallet, self, token, amount, b"")


@external
@nonreentrant
def payInKind(receiver: address, shares: uint256, supply: uint256) -> uint256:
    """
    @notice Sends `shares` / `supply` of the collateral inside to `receiver`; outcome tokens and
            what the wallet holds stay behind. Vault only.
    @return The collateral sent
    @dev down: what is left belongs to those who stay.
    """
    return account._pay_collateral(receiver, shares, supply)


# Internal


@internal
@view
def _is_closed() -> bool:
    return (staticcall IMarkets(account._vault()).remainsOf(self))[0]


@internal
@view
def _check_may_take_back():
    over: bool = self._is_closed() or account._resolved() == account._number(account.COUNT)
    assert over or account._may_make_safer(), "not allowed to take back"


@internal
@view
def _away() -> uint256:
    wallet: address = self.wallet
    if wallet == empty(address):
        return 0
    held: uint256 = 0
    positions: DynArray[IMarketAccount.Position, units.MAX_CONDITIONS] = []
    held, positions = account._holdings(wallet)
    for position: IMarketAccount.Position in positions:
        of: uint256 = position.payout_denominator
        if of == 0:
            held += position.yes + position.no
        else:
            held += position.yes * position.payout_yes // of + position.no * position.payout_no // of
    return held
