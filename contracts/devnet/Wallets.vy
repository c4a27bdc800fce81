# pragma version 0.4.3
"""
@title The venue's register of wallets, stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: what the venue's service knows of wallets: whose deposit wallet (signature
        type 3) and whose one-owner Safe (signature type 2) is whose. Makes Safes; deposit wallets
        are their factory's. Leaves out the venue's proxies of signature type 1.
"""


interface IFactory:
    def predictWalletAddress(id: bytes32) -> address: view


interface ISafeProxyFactory:
    def createProxyWithNonce(singleton: address, initializer: Bytes[1024], salt_nonce: uint256) -> address: nonpayable


event SafeMade:
    safe: indexed(address)
    owner: indexed(address)


FACTORY: public(immutable(address))  # of deposit wallets
SAFE: public(immutable(address))
SAFE_FACTORY: public(immutable(address))
SAFE_HANDLER: public(immutable(address))

safeOf: public(HashMap[address, address])  # EOA -> its Safe
owner_of_safe: HashMap[address, address]


@deploy
def __init__(factory: address, safe: address, safe_factory: address, safe_handler: address):
    """
    @param factory DepositWalletFactory
    @param safe Safe 1.4.1 singleton; with its proxy factory and fallback handler
    """
    FACTORY = factory
    SAFE = safe
    SAFE_FACTORY = safe_factory
    SAFE_HANDLER = safe_handler


@external
@view
def walletOf(owner: address) -> address:
    """
    @return The deposit wallet made under the owner's id; zero while there is none.
    """
    wallet: address = staticcall IFactory(FACTORY).predictWalletAddress(convert(owner, bytes32))
    return wallet if wallet.is_contract else empty(address)


@external
@view
def ownerOf(wallet: address) -> address:
    """
    @return Whose Safe or deposit wallet it is; zero: it is none of the venue's.
    """
    owner: address = self.owner_of_safe[wallet]
    if owner != empty(address) or not wallet.is_contract:
        return owner
    known: bool = False
    word: bytes32 = empty(bytes32)
    known, word = self._ask(wallet, method_id("id()"))
    if not known or staticcall IFactory(FACTORY).predictWalletAddress(word) != wallet:
        return empty(address)
    known, word = self._ask(wallet, method_id("owner()"))
    return convert(convert(word, uint256), address)


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
    self.owner_of_safe[safe] = owner
    log SafeMade(safe=safe, owner=owner)
    return safe


@internal
@view
def _ask(contract: address, question: Bytes[4]) -> (bool, bytes32):
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        contract, question, max_outsize=32, is_static_call=True, revert_on_failure=False
    )
    if not success or len(answer) != 32:
        return False, empty(bytes32)
    return True, extract32(answer, 0)
