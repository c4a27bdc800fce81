# pragma version 0.4.3
"""
@title The venue's register of wallets, stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: what the venue's service knows of wallets: whose deposit wallet (signature
        type 3) and whose one-owner Safe (signature type 2) is whose. Makes Safes, whose addresses
        follow from their owners as on the venue (VENUE c); deposit wallets are their factory's.
        Leaves out the venue's proxies of signature type 1.
"""


interface IFactory:
    def predictWalletAddress(id: bytes32) -> address: view


interface ISafeProxyFactory:
    def proxyCreationCode() -> Bytes[1024]: view


event SafeMade:
    safe: indexed(address)
    owner: indexed(address)


FACTORY: public(immutable(address))  # of deposit wallets
SAFE_FACTORY: public(immutable(address))  # whose proxies' code Safes have
SAFE_HANDLER: public(immutable(address))
SAFE: public(immutable(address))  # what they are proxies of
SAFE_CODE_HASH: public(immutable(bytes32))  # of the code that makes one

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
    SAFE_CODE_HASH = keccak256(
        concat(staticcall ISafeProxyFactory(safe_factory).proxyCreationCode(), abi_encode(safe))
    )


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
def safeOf(owner: address) -> address:
    """
    @return The owner's Safe; zero while there is none.
    """
    found: bytes32 = keccak256(
        concat(b"\xff", convert(self, bytes20), keccak256(abi_encode(owner)), SAFE_CODE_HASH)
    )
    safe: address = convert(convert(found, uint256) & convert(max_value(uint160), uint256), address)
    return safe if safe.is_contract else empty(address)


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
    code: Bytes[1056] = concat(
        staticcall ISafeProxyFactory(SAFE_FACTORY).proxyCreationCode(), abi_encode(SAFE)
    )
    safe: address = raw_create(code, salt=keccak256(abi_encode(owner)))
    raw_call(safe, setup)
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
