# pragma version 0.4.3
"""
@title USDC stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: a 6-decimals stablecoin whose deployer mints and whose holders pay by signed
        authorizations (ERC-3009), as Circle's FiatToken 2.2 takes them. Both forms of
        `transferWithAuthorization` are there: (v, r, s) and bytes. Contracts sign by ERC-1271.
        Leaves out blacklist, pause, upgrades, `receiveWithAuthorization`, and the other form of
        `cancelAuthorization`.
@dev Vyper has no overloading, so that `__default__` is the (v, r, s) form.
"""

from snekmate.auth import ownable
from snekmate.tokens import erc20
from snekmate.utils import eip712_domain_separator

initializes: ownable
initializes: erc20[ownable := ownable]
uses: eip712_domain_separator

exports: erc20.__interface__


event AuthorizationUsed:
    authorizer: indexed(address)
    nonce: indexed(bytes32)


event AuthorizationCanceled:
    authorizer: indexed(address)
    nonce: indexed(bytes32)


MAX_SIGNATURE: constant(uint256) = 1024  # bytes
EIP1271_MAGIC: constant(bytes4) = 0x1626ba7e
HALF_ORDER: constant(bytes32) = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
SPLIT: constant(bytes4) = 0xe3ee160e  # transferWithAuthorization(..,uint8,bytes32,bytes32)
SPLIT_SIZE: constant(uint256) = 292  # bytes: a selector and nine words
TRANSFER: constant(bytes32) = keccak256(
    "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
)
CANCEL: constant(bytes32) = keccak256("CancelAuthorization(address authorizer,bytes32 nonce)")

version: public(constant(String[1])) = "2"

states: HashMap[address, HashMap[bytes32, bool]]


@deploy
def __init__():
    ownable.__init__()
    erc20.__init__("USD Coin", "USDC", 6, "USD Coin", "2")


@external
def __default__():
    """
    @notice ERC-3009's transfer, whose signature comes as (v, r, s).
    """
    assert len(msg.data) == SPLIT_SIZE and convert(slice(msg.data, 0, 4), bytes4) == SPLIT
    words: Bytes[288] = slice(msg.data, 4, 288)
    v: uint256 = extract32(words, 192, output_type=uint256)
    assert v < 256
    signature: Bytes[65] = concat(
        extract32(words, 224), extract32(words, 256), convert(convert(v, uint8), bytes1)
    )
    self._transfer_with(
        extract32(words, 0, output_type=address),
        extract32(words, 32, output_type=address),
        extract32(words, 64, output_type=uint256),
        extract32(words, 96, output_type=uint256),
        extract32(words, 128, output_type=uint256),
        extract32(words, 160),
        signature,
    )


@external
def transferWithAuthorization(
    sender: address,
    to: address,
    amount: uint256,
    valid_after: uint256,
    valid_before: uint256,
    nonce: bytes32,
    signature: Bytes[MAX_SIGNATURE],
):
    """
    @notice ERC-3009: moves what `sender` has signed, once. Anyone may call it.
    @param valid_after Seconds; the block's time must be later
    @param valid_before Seconds; the block's time must be earlier
    """
    self._transfer_with(sender, to, amount, valid_after, valid_before, nonce, signature)


@external
def cancelAuthorization(authorizer: address, nonce: bytes32, v: uint8, r: bytes32, s: bytes32):
    """
    @notice ERC-3009: uses a nonce up, and moves nothing.
    """
    self._check_unused(authorizer, nonce)
    signature: Bytes[65] = concat(r, s, convert(v, bytes1))
    self._check_signature(authorizer, keccak256(abi_encode(CANCEL, authorizer, nonce)), signature)
    self.states[authorizer][nonce] = True
    log AuthorizationCanceled(authorizer=authorizer, nonce=nonce)


@external
@view
def authorizationState(authorizer: address, nonce: bytes32) -> bool:
    """
    @notice ERC-3009: whether a nonce is used or canceled.
    """
    return self.states[authorizer][nonce]


@internal
def _transfer_with(
    sender: address,
    to: address,
    amount: uint256,
    valid_after: uint256,
    valid_before: uint256,
    nonce: bytes32,
    signature: Bytes[MAX_SIGNATURE],
):
    assert block.timestamp > valid_after, "FiatTokenV2: authorization is not yet valid"
    assert block.timestamp < valid_before, "FiatTokenV2: authorization is expired"
    self._check_unused(sender, nonce)
    said: bytes32 = keccak256(
        abi_encode(TRANSFER, sender, to, amount, valid_after, valid_before, nonce)
    )
    self._check_signature(sender, said, signature)
    self.states[sender][nonce] = True
    log AuthorizationUsed(authorizer=sender, nonce=nonce)
    assert erc20.balanceOf[sender] >= amount, "ERC20: transfer amount exceeds balance"
    erc20._transfer(sender, to, amount)


@internal
@view
def _check_unused(authorizer: address, nonce: bytes32):
    assert not self.states[authorizer][nonce], "FiatTokenV2: authorization is used or canceled"


@internal
@view
def _check_signature(signer: address, said: bytes32, signature: Bytes[MAX_SIGNATURE]):
    digest: bytes32 = eip712_domain_separator._hash_typed_data_v4(said)
    is_right: bool = False
    if signer.is_contract:
        is_right = self._contract_agrees(signer, digest, signature)
    elif len(signature) == 65:
        s: uint256 = convert(extract32(signature, 32), uint256)
        v: uint256 = convert(slice(signature, 64, 1), uint256)
        found: address = empty(address)
        if s <= convert(HALF_ORDER, uint256) and (v == 27 or v == 28):
            found = ecrecover(digest, v, convert(extract32(signature, 0), uint256), s)
        is_right = found != empty(address) and found == signer
    assert is_right, "FiatTokenV2: invalid signature"


@internal
@view
def _contract_agrees(signer: address, digest: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bool:
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        signer,
        abi_encode(digest, signature, method_id=EIP1271_MAGIC),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    return success and len(answer) == 32 and convert(answer, bytes32) == convert(
        EIP1271_MAGIC, bytes32
    )
