# pragma version 0.4.3
"""
@title Fixed-product market maker account
@license AGPL-3.0-only
@author Strongroom
@notice Holds one market's budget and outcome tokens and trades them with on-chain pools of that
        market (Gnosis FixedProductMarketMaker, as Omen uses it). The keeper says what to trade;
        this code holds every trade against the vault's price bounds. Custody grade: enforced.
@dev An implementation that vaults clone, see contracts/modules/account.vy. The collateral is the
     outcome tokens' own, so ConditionalTokens is the adapter.
@custom:security A pool is called only if it is a clone of the approved master over this market's
        only condition. Its word is not taken all the same: what a trade cost and brought is read
        off this account's balances, and approvals last no longer than the call.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IConditionalTokens
from contracts.interfaces import IFixedProductMarketMaker
from contracts.interfaces import IMarketAccount
from contracts.interfaces import IVault
from contracts.modules import account
from contracts.modules import units

implements: IMarketAccount

initializes: account

exports: account.__interface__


event Bought:
    pool: indexed(address)
    outcome: indexed(uint256)
    assets: uint256
    tokens: uint256


event Sold:
    pool: indexed(address)
    outcome: indexed(uint256)
    assets: uint256
    tokens: uint256



# An answer takes 4,000. Where there is no second condition, the pool burns all that it is given: it
# is of a Solidity whose failed checks do.
SECOND_GAS: constant(uint256) = 20_000

POOL_CODEHASH: public(immutable(bytes32))  # of a clone of the approved master


@deploy
def __init__(ctf: address, collateral: address, pool_codehash: bytes32):
    """
    @param ctf ConditionalTokens
    @param collateral The vault's asset, which is the outcome tokens' collateral, too
    @param pool_codehash Code hash of the pools that may be traded with: of a clone that the
           venue's factory made
    """
    account.__init__(ctf, collateral, collateral, ctf, False)
    assert pool_codehash != empty(bytes32), "no pool code"
    POOL_CODEHASH = pool_codehash


# Views


@external
@view
def grade() -> uint256:
    """
    @return 1: enforced, only what this code admits can trade the budget.
    """
    return 1


@external
@view
def isPool(pool: address) -> bool:
    """
    @return Whether the account may trade with `pool`.
    """
    return self._is_pool(pool)


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
    @notice Nothing to grant: a pool is approved only while it is called.
    """
    assert msg.sender == account._vault(), "not the vault"


@external
@nonreentrant
def halt():
    """
    @notice Stops trading for ever. Keeper, guardian or owner; the vault when the market is closed;
            anyone in wind-down.
    """
    account._halt()


# Trades


@external
@nonreentrant
def buy(
    pool: address, outcome: uint256, assets: uint256, min_tokens: uint256, deadline: uint256
) -> uint256:
    """
    @notice Buys outcome tokens for `assets` of collateral from a pool. Keeper only, while tradable.
    @param outcome 0 YES, 1 NO
    @param min_tokens Fewer revert
    @param deadline Last second at which the trade may happen, timestamp
    @return The outcome tokens that came in
    """
    terms: IVault.OrderTerms = self._check_trade(pool, outcome, deadline)
    token: uint256 = account._token(outcome)
    assets_before: uint256 = staticcall IERC20(account.COLLATERAL).balanceOf(self)
    tokens_before: uint256 = staticcall IConditionalTokens(account.CTF).balanceOf(self, token)
    assert extcall IERC20(account.COLLATERAL).approve(pool, assets, default_return_value=True), "approve failed"
    extcall IFixedProductMarketMaker(pool).buy(assets, outcome, min_tokens)
    assert extcall IERC20(account.COLLATERAL).approve(pool, 0, default_return_value=True), "approve failed"

    spent: uint256 = assets_before - staticcall IERC20(account.COLLATERAL).balanceOf(self)
    bought: uint256 = (
        staticcall IConditionalTokens(account.CTF).balanceOf(self, token) - tokens_before
    )
    assert bought >= min_tokens and bought != 0, "too few tokens"
    # prices cross-multiplied, so nothing is rounded
    assert spent * units.WAD <= bought * terms.highest_buy, "price too high"
    log Bought(pool=pool, outcome=outcome, assets=spent, tokens=bought)
    return bought


@external
@nonreentrant
def sell(
    pool: address, outcome: uint256, assets: uint256, max_tokens: uint256, deadline: uint256
) -> uint256:
    """
    @notice Sells outcome tokens to a pool for `assets` of collateral. Keeper only, while tradable.
    @param outcome 0 YES, 1 NO
    @param max_tokens More revert
    @param deadline Last second at which the trade may happen, timestamp
    @return The outcome tokens that went out
    """
    terms: IVault.OrderTerms = self._check_trade(pool, outcome, deadline)
    token: uint256 = account._token(outcome)
    other: uint256 = account._token(1 - outcome)
    assets_before: uint256 = staticcall IERC20(account.COLLATERAL).balanceOf(self)
    tokens_before: uint256 = staticcall IConditionalTokens(account.CTF).balanceOf(self, token)
    others_before: uint256 = staticcall IConditionalTokens(account.CTF).balanceOf(self, other)
    extcall IConditionalTokens(account.CTF).setApprovalForAll(pool, True)
    extcall IFixedProductMarketMaker(pool).sell(assets, outcome, max_tokens)
    extcall IConditionalTokens(account.CTF).setApprovalForAll(pool, False)

    received: uint256 = staticcall IERC20(account.COLLATERAL).balanceOf(self) - assets_before
    sold: uint256 = (
        tokens_before - staticcall IConditionalTokens(account.CTF).balanceOf(self, token)
    )
    assert (
        staticcall IConditionalTokens(account.CTF).balanceOf(self, other) >= others_before
    ), "other tokens taken"
    assert sold <= max_tokens and sold != 0, "too many tokens"
    assert received >= assets and received * units.WAD >= sold * terms.lowest_sell, "price too low"
    log Sold(pool=pool, outcome=outcome, assets=received, tokens=sold)
    return sold


# Internal


@internal
@view
def _check_trade(pool: address, outcome: uint256, deadline: uint256) -> IVault.OrderTerms:
    """
    @return The vault's price bounds for the outcome token.
    @dev A vault that is paused or winding down names no keeper.
    """
    assert outcome < account.OUTCOMES, "unknown outcome"
    terms: IVault.OrderTerms = staticcall IVault(account._vault()).orderTerms(
        account._number(account.CLASS_ID), account._word(account.MARKET), outcome
    )
    assert msg.sender == terms.keeper, "not the keeper"
    assert block.timestamp <= deadline, "trade expired"
    assert not account._halted() and block.timestamp < account._number(account.DEADLINE), "not tradable"
    assert account._resolved() == 0, "not tradable"
    assert self._is_pool(pool), "foreign pool"
    return terms


@internal
@view
def _is_pool(pool: address) -> bool:
    """
    @dev A clone's storage may have been filled by anybody's constructor, hence the questions. With
         too little gas for an answer to the last one, nothing is left for the trade.
    """
    if pool.codehash != POOL_CODEHASH:
        return False
    amm: IFixedProductMarketMaker = IFixedProductMarketMaker(pool)
    if staticcall amm.conditionalTokens() != account.CTF:
        return False
    if staticcall amm.collateralToken() != account.COLLATERAL:
        return False
    if staticcall amm.conditionIds(0) != account._condition(0):
        return False
    second: bool = raw_call(
        pool,
        abi_encode(convert(1, uint256), method_id=method_id("conditionIds(uint256)")),
        is_static_call=True,
        gas=SECOND_GAS,
        revert_on_failure=False,
    )
    return not second
