# pragma version 0.4.3
"""
@title Deposit wallets' beacon, stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: tells a deposit wallet's proxy which implementation it runs (VENUE a2): the
        default one, or the one at which the wallet opted out of upgrades.
"""


interface IImplementation:
    def walletInterfaceId() -> bytes32: view


event Upgraded:
    implementation: indexed(address)


event OptedOut:
    wallet: indexed(address)
    pinnedImpl: indexed(address)


event OptedIn:
    wallet: indexed(address)
    currentImpl: indexed(address)


owner: public(address)
defaultImplementation: public(address)
pinnedImplementation: public(HashMap[address, address])


@deploy
def __init__(owner: address, implementation: address):
    """
    @param owner Who may upgrade
    @param implementation A DepositWallet
    """
    self.owner = owner
    self._upgrade(implementation)


@external
@view
def implementation() -> address:
    """
    @return What the calling wallet runs.
    """
    pinned: address = self.pinnedImplementation[msg.sender]
    return self.defaultImplementation if pinned == empty(address) else pinned


@external
def upgradeTo(implementation: address):
    """
    @notice Changes what all wallets run that have not opted out. Owner only.
    """
    if msg.sender != self.owner:
        raw_revert(method_id("Unauthorized()"))
    self._upgrade(implementation)


@external
def optOut():
    """
    @notice Keeps today's implementation for the calling wallet.
    """
    pinned: address = self.defaultImplementation
    self.pinnedImplementation[msg.sender] = pinned
    log OptedOut(wallet=msg.sender, pinnedImpl=pinned)


@external
def optIn():
    """
    @notice Lets the calling wallet follow the default again.
    """
    self.pinnedImplementation[msg.sender] = empty(address)
    log OptedIn(wallet=msg.sender, currentImpl=self.defaultImplementation)


@internal
def _upgrade(implementation: address):
    if not implementation.is_contract:
        raw_revert(method_id("NewImplementationHasNoCode()"))
    if (
        staticcall IImplementation(implementation).walletInterfaceId()
        != keccak256("Polymarket.DepositWallet")
    ):
        raw_revert(method_id("InvalidWalletInterfaceId()"))
    self.defaultImplementation = implementation
    log Upgraded(implementation=implementation)
