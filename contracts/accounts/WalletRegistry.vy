# pragma version 0.4.3
"""
@title Wallet registry
@license AGPL-3.0-only
@author Strongroom
@notice Says which delegated account a wallet serves, so that no balance is counted twice. A
        wallet serves one account at a time and consents by an allowance of collateral to it.
"""

from ethereum.ercs import IERC20


event Bound:
    wallet: indexed(address)
    account: indexed(address)


event Released:
    wallet: indexed(address)
    account: indexed(address)


COLLATERAL: public(immutable(address))  # whose allowance is a wallet's consent

accountOf: public(HashMap[address, address])  # the account that a wallet serves


@deploy
def __init__(collateral: address):
    """
    @param collateral What the wallets trade with: the asset of the vaults
    """
    assert collateral.is_contract, "address has no code"
    COLLATERAL = collateral


@external
def bind(wallet: address):
    """
    @notice Binds `wallet` to the calling account, which it lets take back all of its collateral.
    """
    assert self.accountOf[wallet] == empty(address), "wallet serves another"
    assert (
        staticcall IERC20(COLLATERAL).allowance(wallet, msg.sender) == max_value(uint256)
    ), "wallet does not consent"
    self.accountOf[wallet] = msg.sender
    log Bound(wallet=wallet, account=msg.sender)


@external
def release(wallet: address):
    """
    @notice Frees a wallet that the calling account no longer needs.
    """
    assert self.accountOf[wallet] == msg.sender, "not this account's wallet"
    self.accountOf[wallet] = empty(address)
    log Released(wallet=wallet, account=msg.sender)
