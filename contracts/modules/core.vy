# pragma version 0.4.3
"""
@title What the four pieces of a vault's code are composed of
@license AGPL-3.0-only
@author Strongroom
@notice A vault has one storage and four pieces of code that run on it (Vault.vy, VaultDesk.vy,
        VaultExits.vy, VaultGovernance.vy). Each initialises this module and nothing else, so all
        have the same modules in the same order: the same variable at the same slot, and one
        re-entrancy lock. Here too is what more than one piece does: taking fees, bringing assets
        home.
@custom:security A module that one piece initialised by itself would shift its slots against the
        others'. The order below is the storage layout.
"""

from ethereum.ercs import IERC20
from snekmate.auth import ownable
from snekmate.tokens import erc20

from contracts.interfaces import IMarketAccount
from contracts.modules import classes
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

initializes: ownable
initializes: erc20[ownable := ownable]
initializes: status
initializes: roles[ownable := ownable, status := status]
initializes: timelock[ownable := ownable, roles := roles]
initializes: limits[status := status]
initializes: ledger
initializes: requests
initializes: nav[ledger := ledger, erc20 := erc20]
initializes: classes
initializes: losses[classes := classes, nav := nav, erc20 := erc20]
initializes: velocity
initializes: markets[classes := classes]
initializes: exposure[
    limits := limits,
    ledger := ledger,
    nav := nav,
    classes := classes,
    losses := losses,
    velocity := velocity,
    markets := markets,
]
initializes: fees

# What may be written off without the owner: a thousandth, of assets per share times losses.LOSS.
DUST: constant(uint256) = losses.LOSS // 1_000


@deploy
def __init__(asset: address, name: String[25], symbol: String[5], version: String[20]):
    """
    @param asset The stablecoin that is deposited and traded with
    @param name Of the share token, also in its EIP-712 domain
    @param symbol Of the share token
    @param version In the share token's EIP-712 domain
    """
    ledger.__init__(asset)
    ownable.__init__()
    erc20.__init__(name, symbol, ledger.DECIMALS, name, version)


@internal
def _accrue(state: uint256, assets: uint256, performing: bool) -> uint256:
    """
    @notice Takes the fees of the time since they were taken last, as shares to the recipients.
    @param state status.word
    @param assets NAV at the bid
    @param performing Whether the performance fee is taken, too, and the high-water mark moves
    @return The supply after it. No fee in wind-down.
    """
    word: uint256 = fees.fee_word
    accrual: uint256 = fees.accrual
    rates: uint256 = word
    if status._has(state, status.WINDING_DOWN):
        rates = fees._without_rates(word)
    supply: uint256 = erc20.totalSupply
    management: uint256 = 0
    performance: uint256 = 0
    shares: uint256 = 0
    mark: uint256 = 0
    management, performance, shares, mark = fees._due(
        rates,
        fees._base(accrual),
        assets,
        supply,
        ledger.VIRTUAL_SHARES,
        block.timestamp - fees._taken_at(accrual),
        block.timestamp - status._last_report(state) if performing else 0,
        performing,
    )
    fees._set_mark(word, mark)
    fees._set_accrual(fees._base(accrual), fees._room(accrual))
    if shares != 0:
        left: uint256 = shares
        for recipient: uint256 in fees.recipients:
            part: uint256 = shares * fees._part(recipient) // units.BPS
            if part != 0:
                erc20._mint(fees._account(recipient), part)
                left -= part
            if left == 0:
                break
        if left != 0:
            erc20._mint(fees._account(fees.recipients[0]), left)  # what rounding left
    log fees.FeesAccrued(
        management=management, performance=performance, shares=shares, high_water_mark=mark
    )
    return supply + shares


@internal
@view
def _collateral(account: address) -> uint256:
    """
    @return What a market account holds of the asset.
    """
    return staticcall IERC20(ledger.asset).balanceOf(account, skip_contract_check=True)


@internal
def _fetch(account: address, assets: uint256) -> uint256:
    """
    @notice Has a market account send up to `assets` to the vault.
    @return What has arrived: of the token, not the account's word.
    """
    before: uint256 = ledger._balance()
    extcall IMarketAccount(account).recall(assets)
    return ledger._balance() - before


@internal
@view
def _is_flat() -> bool:
    """
    @return Whether idle is all there is: no open market, and what closed accounts stood for when
            they were closed is dust. What they are given later does not count.
    """
    return (
        len(markets.open_markets) == 0
        and self._is_dust(markets.written_off, ledger.total_idle)
    )


@internal
@view
def _is_dust(per_share: uint256, assets: uint256) -> bool:
    """
    @param per_share Assets per share, times losses.LOSS
    @param assets NAV, or the part of it that is idle
    @return Whether that is at most a thousandth of `assets`. Who is paid or leaves takes his part of
            both sides, so his going turns no yes into a no.
    """
    return per_share <= (assets + 1) * DUST // nav._shares()


@internal
def _leave_to_nobody():
    """
    @notice Makes code that vaults run by delegatecall useless on its own storage: no owner, and
            set up already.
    """
    ownable._transfer_ownership(empty(address))
    requests._set_up()
