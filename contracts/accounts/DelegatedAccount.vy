# pragma version 0.4.3
"""
@title Delegated market account
@license AGPL-3.0-only
@author Strongroom
@notice Hands one market's budget to a wallet that the venue admits (a deposit wallet, an older
        Safe), reads that wallet's balances and takes back what it leaves here. Whoever holds the
        wallet's key can trade or take what was handed out. Custody grade: delegated.
@dev An implementation that vaults clone, see contracts/modules/account.vy. The vault counts what
     is away at most at its cost for whoever leaves and at least at its cost for whoever comes, so
     that money moved in and out of the wallet around a report earns nothing (nav.vy).
@custom:security What is away is bounded by the budget that the caps let in, by nothing else: what
        came back beyond it cannot go out again as budget, or the holder of the wallet's key could
        have his own gift counted as cost, leave at that value and take the gift back. Nothing here
        can pull what is away against the wallet's will.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IConditionalTokens
from contracts.interfaces import IDelegatedAccount
from contracts.interfaces import IMarketAccount
from contracts.interfaces import IVault
from contracts.modules import account
from contracts.modules import units

implements: IMarketAccount
implements: IDelegatedAccount

initializes: account

exports: (
    account.vault,
    account.market,
    account.deadline,
    account.halted,
    account.tradable,
    account.conditions,
    account.tokenIds,
    account.resolved,
    account.positions,
    account.describe,
    account.recall,
    account.split,
    account.merge,
    account.convertPositions,
    account.redeem,
    account.onERC1155Received,
    account.onERC1155BatchReceived,
    account.CTF,
    account.COLLATERAL,
    account.TOKEN_COLLATERAL,
    account.ADAPTER,
    account.NEGATIVE_RISK,
)


interface IWalletRegistry:
    def bind(wallet: address, collateral: address): nonpayable
    def release(wallet: address): nonpayable


interface IMarkets:
    def marketOf(market: bytes32) -> (uint256, uint256, uint256, bool): view
    def exposureOf(market: bytes32) -> uint256: view


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


# What a holder who left in kind had a part in and could not be given: `outstanding` at cost.
event OutOfReach:
    receiver: indexed(address)
    shares: uint256
    supply: uint256
    outstanding: uint256


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
    assert registry.is_contract, "address has no code"
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
def holdings(away: bool) -> (uint256, DynArray[IMarketAccount.Position, units.MAX_CONDITIONS]):
    """
    @param away What the wallet holds, instead of the account itself; no wallet holds nothing
    @return Collateral, and each condition's outcome tokens and payout.
    """
    holder: address = self.wallet if away else self
    if holder == empty(address):
        return 0, []
    return account._holdings(holder)


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
    @notice Stops handing out budget. Orders of the wallet live on: they are not this account's.
            Keeper, guardian or owner; anyone in wind-down.
    """
    account._halt()


@external
@nonreentrant
def resume():
    """
    @notice Lets the account hand out budget again. Owner only, and not in wind-down.
    """
    account._resume()


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
    extcall IWalletRegistry(REGISTRY).bind(wallet, account.COLLATERAL)


@external
@nonreentrant
def releaseWallet():
    """
    @notice Frees the wallet for another market, once this one is closed. Anyone may call.
    """
    closed: bool = (staticcall IMarkets(account._vault()).marketOf(account._word(account.MARKET)))[3]
    assert closed, "market open"
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
    exposure: uint256 = staticcall IMarkets(account._vault()).exposureOf(account._word(account.MARKET))
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
            wind-down.
    @return The assets taken
    """
    assert account._may_make_safer(), "not allowed to take back"
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
            stays outstanding. Keeper, guardian or owner; anyone in wind-down.
    @param index Outcome token: 2 * condition for YES, 2 * condition + 1 for NO
    """
    assert account._may_make_safer(), "not allowed to take back"
    wallet: address = self.wallet
    token: uint256 = account._token(index)
    log TokensTakenBack(wallet=wallet, token=token, amount=amount)
    extcall IConditionalTokens(account.CTF).safeTransferFrom(wallet, self, token, amount, b"")


@external
@nonreentrant
def payInKind(receiver: address, shares: uint256, supply: uint256):
    """
    @notice Sends `shares` / `supply` of what the account itself holds to `receiver`, and says what
            it cannot reach. Vault only.
    @dev down: what is left belongs to those who stay.
    """
    account._pay_in_kind(receiver, shares, supply)
    if self.outstanding != 0:
        log OutOfReach(
            receiver=receiver, shares=shares, supply=supply, outstanding=self.outstanding
        )
