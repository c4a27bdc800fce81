# pragma version 0.4.3
"""
@title The venue's deposit wallet, as the account that owns it sees it
@license AGPL-3.0-only
@author Strongroom
@notice Where the account's wallet is, what digests the wallet asks its owner about, and what the
        owner may do without the venue.
@dev The venue's factory makes a wallet as an ERC-1967 beacon proxy with the factory and an id behind
     its code, at an address that follows from factory, beacon and id alone. Its service takes the
     owner's address for the id, so each account has one wallet address, known before it is made,
     and no two accounts share one.
     Of an order the wallet asks its owner about ERC-7739's TypedDataSign, of a batch about the
     batch's own digest. The owner alone may pause the wallet; once the pause is older than the
     factory's delay, which is read as it is now, the owner moves what the wallet holds and revokes
     what it has approved, by calls of his own. A pause stops neither orders nor batches.
"""

from snekmate.utils import create2

from contracts.modules import orders
from contracts.modules import units


interface IDepositWallet:
    def pause(): nonpayable
    def unpause(): nonpayable


MAX_HASHES: constant(uint256) = 11  # calls of a batch: two revocations, collateral, eight tokens
# The proxy's creation code around the beacon's address: 82 bytes of code and 64 of arguments.
PROXY_HEAD: constant(Bytes[10]) = x"6100923d8160233d3973"
PROXY_TAIL: constant(Bytes[87]) = x"60195155f3363d3d373d3d363d602036600436635c60da1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"
WALLET_NAME_HASH: constant(bytes32) = keccak256("DepositWallet")
WALLET_VERSION_HASH: constant(bytes32) = keccak256("1")
NESTED_TYPEHASH: constant(bytes32) = keccak256(
    "TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
CALL_TYPEHASH: constant(bytes32) = keccak256("Call(address target,uint256 value,bytes data)")
BATCH_TYPEHASH: constant(bytes32) = keccak256(
    "Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls)Call(address target,uint256 value,bytes data)"
)

WALLET_FACTORY: public(immutable(address))  # makes deposit wallets and carries their batches in
WALLET_BEACON: public(immutable(address))  # tells them their implementation


@deploy
def __init__(factory: address, beacon: address):
    """
    @param factory The venue's factory of deposit wallets
    @param beacon The beacon of its wallets
    """
    assert factory.is_contract and beacon.is_contract, "address has no code"
    WALLET_FACTORY = factory
    WALLET_BEACON = beacon


@external
@view
def wallet() -> address:
    """
    @return The account's wallet: where it is, or will be once the venue has made it.
    """
    return self._wallet()


@internal
@view
def _wallet() -> address:
    arguments: Bytes[64] = abi_encode(WALLET_FACTORY, self)
    creation: bytes32 = keccak256(
        concat(PROXY_HEAD, convert(WALLET_BEACON, bytes20), PROXY_TAIL, arguments)
    )
    return create2._compute_create2_address(keccak256(arguments), creation, WALLET_FACTORY)


@internal
@view
def _nested_digest(wallet: address, domain: bytes32, contents: bytes32) -> bytes32:
    """
    @param domain Domain separator of the exchange
    @param contents The order's struct hash
    @return What the wallet asks its owner about an order.
    """
    struct_hash: bytes32 = keccak256(
        abi_encode(
            NESTED_TYPEHASH,
            contents,
            WALLET_NAME_HASH,
            WALLET_VERSION_HASH,
            chain.id,
            wallet,
            empty(bytes32),
        )
    )
    return keccak256(concat(b"\x19\x01", domain, struct_hash))


@internal
@pure
def _call_hash(target: address, data: Bytes[196]) -> bytes32:
    """
    @return EIP-712 hash of a call without value.
    """
    return keccak256(abi_encode(CALL_TYPEHASH, target, empty(uint256), keccak256(data)))


@internal
@view
def _batch_digest(
    wallet: address, nonce: uint256, deadline: uint256, calls: DynArray[bytes32, MAX_HASHES]
) -> bytes32:
    """
    @param calls Their hashes, at least one
    @return What the wallet asks its owner about a batch.
    """
    encoded: Bytes[32 * MAX_HASHES + 64] = abi_encode(calls)
    inside: bytes32 = keccak256(slice(encoded, 64, 32 * len(calls)))
    domain: bytes32 = keccak256(
        abi_encode(
            orders.DOMAIN_TYPEHASH, WALLET_NAME_HASH, WALLET_VERSION_HASH, chain.id, wallet
        )
    )
    struct_hash: bytes32 = keccak256(abi_encode(BATCH_TYPEHASH, wallet, nonce, deadline, inside))
    return keccak256(concat(b"\x19\x01", domain, struct_hash))


@internal
@view
def _is_owned_alone(wallet: address) -> bool:
    """
    @notice Whether the wallet was ever this account's alone. Its address proves its code. The
            factory makes a wallet and names its owner in one transaction, once; another owner needs
            a handover, which counts `pendingOwnerNonce` up and never down; session signers,
            allowances and approvals need a batch, which counts `nonce` up. So with both at 0 the
            owner of now is the only one that there ever was, and nobody else may sign or move
            anything.
    """
    return (
        self._number_of(wallet, method_id("owner()")) == convert(self, uint256)
        and self._number_of(wallet, method_id("nonce()")) == 0
        and self._number_of(wallet, method_id("pendingOwnerNonce()")) == 0
    )


@internal
@view
def _is_open(wallet: address) -> bool:
    """
    @return Whether the owner may move what the wallet holds: paused for longer than the delay. An
            answer that fails counts as no.
    """
    paused: uint256 = self._number_of(wallet, method_id("paused()"))
    delay: uint256 = self._number_of(WALLET_FACTORY, method_id("timelockDelay()"))
    if paused == 0 or paused > block.timestamp or delay >= block.timestamp:
        return False
    return block.timestamp - paused > delay


@internal
@view
def _number_of(contract: address, question: Bytes[4]) -> uint256:
    """
    @return The answer; the largest number if there is none.
    """
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        contract,
        question,
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    if not success or len(answer) != 32:
        return max_value(uint256)
    return extract32(answer, 0, output_type=uint256)


@internal
def _revoke(wallet: address, collateral: address, tokens: address, spender: address) -> bool:
    """
    @return Whether the allowance and the approval are gone.
    """
    paid: bool = raw_call(
        wallet,
        abi_encode(collateral, spender, method_id=method_id("revokeAllowance(address,address)")),
        revert_on_failure=False,
    )
    moved: bool = raw_call(
        wallet,
        abi_encode(tokens, spender, method_id=method_id("revokeApprovalForAll(address,address)")),
        revert_on_failure=False,
    )
    return paid and moved


@internal
def _withdraw(wallet: address, token: address, to: address, amount: uint256) -> bool:
    """
    @return Whether it went well; nothing to send is well.
    """
    if amount == 0:
        return True
    return raw_call(
        wallet,
        abi_encode(
            token, to, amount, method_id=method_id("withdrawERC20(address,address,uint256)")
        ),
        revert_on_failure=False,
    )


@internal
def _withdraw_tokens(
    wallet: address,
    token: address,
    to: address,
    ids: DynArray[uint256, units.MAX_TOKENS],
    amounts: DynArray[uint256, units.MAX_TOKENS],
) -> bool:
    """
    @return Whether it went well; nothing to send is well.
    """
    if len(ids) == 0:
        return True
    return raw_call(
        wallet,
        abi_encode(
            token,
            to,
            ids,
            amounts,
            method_id=method_id("withdrawERC1155(address,address,uint256[],uint256[])"),
        ),
        revert_on_failure=False,
    )
