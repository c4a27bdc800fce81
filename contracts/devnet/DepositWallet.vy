# pragma version 0.4.3
"""
@title Deposit wallet stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: the proxy wallet that the venue gives new users. Its owner is one EOA; the
        owner, or a session signer until its time is over, signs orders (EIP-1271: the plain digest,
        or ERC-7739's TypedDataSign as the official client makes it); the owner signs batches of
        calls that anyone may send. Leaves out modules, recovery and upgrades.
"""

struct Call:
    target: address
    data: Bytes[MAX_DATA]


event Executed:
    nonce: indexed(uint256)
    calls: uint256


MAX_CALLS: constant(uint256) = 8
MAX_DATA: constant(uint256) = 1024
MAX_SIGNATURE: constant(uint256) = 1024
EIP1271_MAGIC: constant(bytes4) = 0x1626ba7e
ORDER_TYPE_LENGTH: constant(uint256) = 186
TYPED_DATA_SIGN: constant(bytes32) = keccak256(
    "TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
BATCH_TYPEHASH: constant(bytes32) = keccak256("Batch(bytes32 calls,uint256 nonce,uint256 deadline)")

owner: public(address)
sessions: public(HashMap[address, uint256])  # session signer -> until when, timestamp
nonce: public(uint256)  # of batches


@external
def initialize(owner: address):
    """
    @notice Names the owner, once; the factory calls it.
    """
    assert self.owner == empty(address), "initialized"
    self.owner = owner


@external
def setSession(signer: address, until: uint256):
    """
    @notice Lets `signer` sign orders up to `until`. Through a batch of the owner only.
    """
    assert msg.sender == self, "not by a batch"
    self.sessions[signer] = until


@external
@view
def batchDigest(calls: DynArray[Call, MAX_CALLS], deadline: uint256) -> bytes32:
    """
    @return What the owner signs for the next batch: keccak of the calls' ABI encoding, nonce and
            deadline in the wallet's domain.
    """
    return self._batch_digest(calls, deadline)


@external
def execute(calls: DynArray[Call, MAX_CALLS], deadline: uint256, signature: Bytes[65]):
    """
    @notice Makes calls that the owner signed. Anyone may send them.
    """
    assert block.timestamp <= deadline, "batch expired"
    assert self._signer(self._batch_digest(calls, deadline), signature) == self.owner, "not the owner"
    nonce: uint256 = self.nonce
    self.nonce = nonce + 1
    log Executed(nonce=nonce, calls=len(calls))
    for call: Call in calls:
        raw_call(call.target, call.data)


@external
@view
def isValidSignature(hash: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bytes4:
    """
    @notice EIP-1271: of the owner or a session signer.
    @param signature 65 bytes over `hash`; or, of an order, 65 bytes over TypedDataSign, then the
           exchange's domain separator, the order's struct hash, its type and the type's length
    """
    signer: address = empty(address)
    if len(signature) == 65:
        signer = self._signer(hash, slice(signature, 0, 65))
    elif len(signature) == 131 + ORDER_TYPE_LENGTH:
        domain: bytes32 = extract32(signature, 65)
        contents: bytes32 = extract32(signature, 97)
        if keccak256(concat(b"\x19\x01", domain, contents)) != hash:
            return empty(bytes4)
        signed: bytes32 = keccak256(
            abi_encode(
                TYPED_DATA_SIGN,
                contents,
                keccak256("DepositWallet"),
                keccak256("1"),
                chain.id,
                self,
                empty(bytes32),
            )
        )
        signer = self._signer(
            keccak256(concat(b"\x19\x01", domain, signed)), slice(signature, 0, 65)
        )
    if signer == empty(address):
        return empty(bytes4)
    if signer == self.owner or block.timestamp <= self.sessions[signer]:
        return EIP1271_MAGIC
    return empty(bytes4)


@external
@view
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice ERC-165: itself, the ERC-1155 receiver and EIP-1271.
    """
    return interface_id in [0x01ffc9a7, 0x4e2312e0, 0x1626ba7e]


@external
def onERC1155Received(
    operator: address, sender: address, id: uint256, amount: uint256, data: Bytes[32]
) -> bytes4:
    """
    @notice Accepts any outcome token.
    """
    return method_id("onERC1155Received(address,address,uint256,uint256,bytes)", output_type=bytes4)


@external
def onERC1155BatchReceived(
    operator: address,
    sender: address,
    ids: DynArray[uint256, 64],
    amounts: DynArray[uint256, 64],
    data: Bytes[32],
) -> bytes4:
    """
    @notice Accepts any outcome tokens.
    """
    return method_id(
        "onERC1155BatchReceived(address,address,uint256[],uint256[],bytes)", output_type=bytes4
    )


@internal
@view
def _batch_digest(calls: DynArray[Call, MAX_CALLS], deadline: uint256) -> bytes32:
    domain: bytes32 = keccak256(
        abi_encode(DOMAIN_TYPEHASH, keccak256("DepositWallet"), keccak256("1"), chain.id, self)
    )
    batch: bytes32 = keccak256(
        abi_encode(BATCH_TYPEHASH, keccak256(abi_encode(calls)), self.nonce, deadline)
    )
    return keccak256(concat(b"\x19\x01", domain, batch))


@internal
@pure
def _signer(digest: bytes32, signature: Bytes[65]) -> address:
    if len(signature) != 65:
        return empty(address)
    r: uint256 = convert(slice(signature, 0, 32), uint256)
    s: uint256 = convert(slice(signature, 32, 32), uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    return ecrecover(digest, v, r, s)
