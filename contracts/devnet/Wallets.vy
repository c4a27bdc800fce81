# pragma version 0.4.3
"""
@title The venue's wallets, stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: makes deposit wallets (signature type 3) and one-owner Safes (signature type
        2), one of each for an EOA, and says whose a wallet is. Leaves out the venue's proxies of
        signature type 1, and its relayer's authorisation.
"""


interface IDepositWallet:
    def initialize(owner: address): nonpayable


interface ISafeProxyFactory:
    def createProxyWithNonce(singleton: address, initializer: Bytes[1024], salt_nonce: uint256) -> address: nonpayable


event WalletMade:
    wallet: indexed(address)
    owner: indexed(address)
    signature_type: uint256


DEPOSIT_WALLET: public(immutable(address))  # what deposit wallets are clones of
SAFE: public(immutable(address))
SAFE_FACTORY: public(immutable(address))
SAFE_HANDLER: public(immutable(address))

walletOf: public(HashMap[address, address])  # EOA -> its deposit wallet
safeOf: public(HashMap[address, address])  # EOA -> its Safe
ownerOf: public(HashMap[address, address])  # wallet or Safe -> EOA


@deploy
def __init__(deposit_wallet: address, safe: address, safe_factory: address, safe_handler: address):
    """
    @param deposit_wallet DepositWallet to clone
    @param safe Safe 1.4.1 singleton; with its proxy factory and fallback handler
    """
    DEPOSIT_WALLET = deposit_wallet
    SAFE = safe
    SAFE_FACTORY = safe_factory
    SAFE_HANDLER = safe_handler


@external
def makeWallet(owner: address) -> address:
    """
    @notice Makes the deposit wallet of an EOA. Anyone may, once.
    """
    assert self.walletOf[owner] == empty(address), "wallet exists"
    wallet: address = create_minimal_proxy_to(DEPOSIT_WALLET, salt=convert(owner, bytes32))
    self.walletOf[owner] = wallet
    self.ownerOf[wallet] = owner
    log WalletMade(wallet=wallet, owner=owner, signature_type=3)
    extcall IDepositWallet(wallet).initialize(owner)
    return wallet


@external
def makeSafe(owner: address) -> address:
    """
    @notice Makes the one-owner Safe of an EOA. Anyone may, once.
    """
    assert self.safeOf[owner] == empty(address), "wallet exists"
    owners: DynArray[address, 1] = [owner]
    nothing: Bytes[32] = b""
    threshold: uint256 = 1
    setup: Bytes[1024] = abi_encode(
        owners,
        threshold,
        empty(address),
        nothing,
        SAFE_HANDLER,
        empty(address),
        empty(uint256),
        empty(address),
        method_id=method_id("setup(address[],uint256,address,bytes,address,address,uint256,address)"),
    )
    safe: address = extcall ISafeProxyFactory(SAFE_FACTORY).createProxyWithNonce(
        SAFE, setup, convert(owner, uint256)
    )
    self.safeOf[owner] = safe
    self.ownerOf[safe] = owner
    log WalletMade(wallet=safe, owner=owner, signature_type=2)
    return safe
