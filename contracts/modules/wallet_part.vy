# pragma version 0.4.3
"""
@title What a wallet holds for an account that owns it
@license AGPL-3.0-only
@author Strongroom
@notice Counts a wallet's collateral and outcome tokens of the account's market, alone, as a part, or
        together with the account's own; and says when the account has no more use for a wallet.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IConditionalTokens
from contracts.interfaces import IMarketAccount
from contracts.interfaces import IVault
from contracts.modules import account
from contracts.modules import units

uses: account


LEAST_GAS: constant(uint256) = 300_000  # below it a failure of the wallet's could be made


@internal
@view
def _together(
    wallet: address,
) -> (uint256, DynArray[IMarketAccount.Position, units.MAX_CONDITIONS]):
    """
    @param wallet Zero: none
    @return Collateral held, and each condition's outcome tokens and payout: what the account and
            its wallet hold together.
    """
    held: uint256 = 0
    positions: DynArray[IMarketAccount.Position, units.MAX_CONDITIONS] = []
    held, positions = account._holdings(self)
    if wallet == empty(address):
        return held, positions
    away: uint256 = 0
    others: DynArray[IMarketAccount.Position, units.MAX_CONDITIONS] = []
    away, others = account._holdings(wallet)
    for i: uint256 in range(len(positions), bound=units.MAX_CONDITIONS):
        positions[i].yes += others[i].yes
        positions[i].no += others[i].no
    return held + away, positions


@internal
@view
def _worth(wallet: address) -> uint256:
    """
    @param wallet Zero: none
    @return What it holds, in assets: collateral and outcome tokens, at their payout once there is
            one, else at 1.
    """
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


@internal
@view
def _part_of(
    holder: address, part: uint256, whole: uint256
) -> (uint256, DynArray[uint256, units.MAX_TOKENS], DynArray[uint256, units.MAX_TOKENS]):
    """
    @return `part` / `whole` of the holder's collateral, and of each outcome token of which that is
            more than 0: ids and amounts.
    @dev down: what is left belongs to those who stay.
    """
    ids: DynArray[uint256, units.MAX_TOKENS] = []
    amounts: DynArray[uint256, units.MAX_TOKENS] = []
    for i: uint256 in range(2 * account._number(account.COUNT), bound=units.MAX_TOKENS):
        token: uint256 = account._token(i)
        amount: uint256 = (
            staticcall IConditionalTokens(account.CTF).balanceOf(holder, token) * part // whole
        )
        if amount != 0:
            ids.append(token)
            amounts.append(amount)
    assets: uint256 = staticcall IERC20(account.COLLATERAL).balanceOf(holder) * part // whole
    return assets, ids, amounts


@internal
@view
def _checked_token(index: uint256) -> uint256:
    """
    @param index Outcome token: 2 * condition for YES, 2 * condition + 1 for NO
    """
    assert index < 2 * account._number(account.COUNT), "unknown token"
    return account._token(index)


@internal
@view
def _stopped() -> bool:
    """
    @return Whether the account trades no more.
    """
    return (
        account._halted()
        or block.timestamp >= account._number(account.DEADLINE)
        or account._resolved() == account._number(account.COUNT)
    )


@internal
@view
def _check_may_fund():
    """
    @notice Keeper only, while neither vault nor account is stopped and something is unresolved.
    """
    account._check_may_trade()
    self._check_not_stopped()


@internal
@view
def _check_not_stopped():
    assert not self._stopped(), "not tradable"


@internal
@view
def _check_may_take_back():
    """
    @notice Keeper, guardian or owner; anyone in wind-down, and once the account does not trade.
    """
    assert account._may_make_safer() or self._stopped(), "not allowed to take back"


@internal
@view
def _is_guardian_or_owner() -> bool:
    vault: IVault = IVault(account._vault())
    return msg.sender in [staticcall vault.guardian(), staticcall vault.owner()]
