# pragma version 0.4.3
"""
@title Polymarket market account
@license AGPL-3.0-only
@author Strongroom
@notice Holds one market's budget and outcome tokens. It is maker and signer of that market's
        orders (signature type 3, EIP-1271) and pays only from its own balance, so a cap on what
        enters it is a cap on what can be lost through it. Custody grade: enforced.
@dev An implementation that vaults clone, see contracts/modules/account.vy.
@custom:security One way leads out besides those of every account: an order that `isValidSignature`
        admits, by the policy of contracts/modules/orders.vy.
"""

from contracts.interfaces import IConditionalTokens
from contracts.interfaces import IMarketAccount
from contracts.modules import account
from contracts.modules import orders

implements: IMarketAccount

initializes: account
initializes: orders[account := account]

exports: (account.__interface__, orders.__interface__)


@deploy
def __init__(
    exchange: address,
    exchange_version: String[8],
    ctf: address,
    collateral: address,
    token_collateral: address,
    adapter: address,
    negative_risk: bool,
):
    """
    @param exchange The exchange whose orders the accounts sign
    @param exchange_version Version in the exchange's EIP-712 domain: "2" or "3"
    @param ctf ConditionalTokens
    @param collateral What orders are paid in: the vault's asset
    @param token_collateral The collateral of the outcome tokens
    @param adapter Splits, merges and redeems between the two
    @param negative_risk Whether a market is an event of several exclusive conditions
    """
    account.__init__(ctf, collateral, token_collateral, adapter, negative_risk)
    orders.__init__(exchange, exchange_version)


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
def isValidSignature(hash: bytes32, signature: Bytes[orders.MAX_ENVELOPE]) -> bytes4:
    """
    @notice EIP-1271. Admits an order of this market that the keeper's Safe signed for this
            account, while everything that bounds it holds.
    @param hash EIP-712 hash of the order in the exchange's domain
    @param signature abi.encode(Order order, uint256 expiry, bytes keeper_signature)
    @return 0x1626ba7e if admitted, else 0xffffffff; bytes that do not decode revert.
    """
    order: orders.Order = empty(orders.Order)
    expiry: uint256 = 0
    keeper_signature: Bytes[orders.MAX_SIGNATURE] = b""
    order, expiry, keeper_signature = abi_decode(
        signature, (orders.Order, uint256, Bytes[orders.MAX_SIGNATURE])
    )
    if orders._order_hash(order) != hash:
        return orders.EIP1271_REFUSED
    admitted: bool = False
    condition: bytes32 = empty(bytes32)
    admitted, condition = orders._admits(order, self, hash, expiry, keeper_signature)
    if not admitted:
        return orders.EIP1271_REFUSED
    if staticcall IConditionalTokens(account.CTF).payoutDenominator(condition, skip_contract_check=True) != 0:
        return orders.EIP1271_REFUSED
    return orders.EIP1271_MAGIC


@external
@view
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice ERC-165: itself, the ERC-1155 receiver and EIP-1271.
    """
    return interface_id in [0x01ffc9a7, 0x4e2312e0, 0x1626ba7e]


# The switch


@external
@nonreentrant
def initialize():
    """
    @notice Grants the exchange its approvals. Vault only, when it has made the clone.
    """
    assert msg.sender == account._vault(), "not the vault"
    orders._approve_exchange(True)


@external
@nonreentrant
def halt():
    """
    @notice Kills every order for ever, pre-approved ones too: bumps the epoch, withdraws the
            collateral allowance and the ERC-1155 approval. Also pauses the account at the
            exchange, as an extra that may fail and takes effect later. Keeper, guardian or owner;
            the vault when the market is closed; anyone in wind-down.
    """
    account._halt()
    orders._leave_exchange()
