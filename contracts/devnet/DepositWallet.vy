# pragma version 0.4.3
"""
@title Deposit wallet stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: the implementation behind the proxies that the venue gives new users, true to
        VENUE a1, a3 to a6. One owner (an EOA, or a contract by ERC-1271) and session signers sign
        batches of calls, which only the factory carries in, and orders, which answer to EIP-1271
        in the nested forms of ERC-7739 alone. An owner who has paused the wallet for longer than
        the factory's delay moves what it holds without the venue.
@dev A proxy's last 64 bytes of code are its arguments: factory and id. Errors are 4-byte selectors.
     Leaves out: passkeys (an envelope of kind 1 is refused), legacy wallets, the positions of the
     storage words, explicit contents names of ERC-7739, ERC-721. Has limits that the venue's has
     not: 16 calls a batch, 1,024 bytes a call and an answer, 2,048 a signature, 512 a contents type.
     The branch for gas price 0 burns no gas.
"""

from contracts.interfaces import IConditionalTokens


struct Call:
    target: address
    value: uint256
    data: Bytes[MAX_DATA]


struct Batch:
    wallet: address
    nonce: uint256
    deadline: uint256
    calls: DynArray[Call, MAX_CALLS]


interface IFactory:
    def timelockDelay() -> uint256: view
    def BEACON() -> address: view


interface IBeacon:
    def optOut(): nonpayable
    def optIn(): nonpayable


event Execution:
    target: indexed(address)
    value: uint256
    data: Bytes[MAX_DATA]
    result: Bytes[MAX_DATA]


event BatchExecuted:
    nonce: indexed(uint256)


event SessionSignerAuthorized:
    sessionSigner: indexed(address)
    validUntil: uint256


event SessionSignerRevoked:
    sessionSigner: indexed(address)


event SessionSignerRevokedEmergency:
    sessionSigner: indexed(address)


event Paused:
    timestamp: uint256


event Unpaused:
    timestamp: uint256


event NativeWithdrawal:
    to: indexed(address)
    amount: uint256


event ERC20Withdrawal:
    token: indexed(address)
    to: indexed(address)
    amount: uint256


event ERC1155BatchWithdrawal:
    token: indexed(address)
    to: indexed(address)
    ids: DynArray[uint256, MAX_IDS]
    amounts: DynArray[uint256, MAX_IDS]


event AllowanceRevoked:
    token: indexed(address)
    spender: indexed(address)


event ApprovalForAllRevoked:
    token: indexed(address)
    operator: indexed(address)


event OwnershipHandoverRequested:
    pendingOwner: indexed(address)
    deadline: uint256
    nonce: uint256


event OwnershipHandoverCanceled:
    pendingOwner: indexed(address)


event OwnershipTransferred:
    oldOwner: indexed(address)
    newOwner: indexed(address)


event OwnershipHandoverCompleted:
    previousOwner: indexed(address)
    newOwner: indexed(address)


MAX_CALLS: constant(uint256) = 32
MAX_DATA: constant(uint256) = 1024
MAX_SIGNATURE: constant(uint256) = 2048
MAX_IDS: constant(uint256) = 64
MAX_TYPE: constant(uint256) = 512  # bytes of a contents type
MAX_NAME: constant(uint256) = 64  # and of its name
ARGUMENTS: constant(uint256) = 82  # their place in a proxy's code
EIP1271_MAGIC: constant(bytes4) = 0x1626ba7e
EIP1271_ANSWER: constant(bytes32) = (
    0x1626ba7e00000000000000000000000000000000000000000000000000000000
)
REFUSED: constant(bytes4) = 0xffffffff
PROBE: constant(bytes32) = 0x7739773977397739773977397739773977397739773977397739773977397739
PROBE_ANSWER: constant(bytes4) = 0x77390001
ENVELOPE: constant(bytes32) = 0x6492649264926492649264926492649264926492649264926492649264926492
SECP256K1: constant(uint256) = 0  # an envelope's kind
LOW_255: constant(uint256) = 2**255 - 1
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
NAME_HASH: constant(bytes32) = keccak256("DepositWallet")
VERSION_HASH: constant(bytes32) = keccak256("1")
CALL_TYPEHASH: constant(bytes32) = keccak256("Call(address target,uint256 value,bytes data)")
BATCH_TYPEHASH: constant(bytes32) = keccak256(
    "Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls)Call(address target,uint256 value,bytes data)"
)
HANDOVER_TYPEHASH: constant(bytes32) = keccak256("OwnershipHandover(address newOwner,uint256 nonce)")
PERSONAL_SIGN_TYPEHASH: constant(bytes32) = keccak256("PersonalSign(bytes prefixed)")

owner: public(address)
pendingOwner: public(address)
pendingOwnerDeadline: public(uint256)  # timestamp
pendingOwnerNonce: public(uint256)
nonce: public(uint256)  # of batches
paused: public(uint256)  # since when, timestamp; 0: not paused
sessionSignerAuthorizedUntil: public(HashMap[address, uint256])  # timestamp
initialized: bool


@deploy
def __init__():
    """
    @notice The implementation itself is nobody's wallet.
    """
    self.initialized = True


# Views


@external
@pure
def walletInterfaceId() -> bytes32:
    """
    @return What the beacon asks of every implementation.
    """
    return keccak256("Polymarket.DepositWallet")


@external
@view
def factory() -> address:
    """
    @return The factory that made the wallet and carries its batches in.
    """
    return self._factory()


@external
@view
def id() -> bytes32:
    """
    @return The id under which the factory made the wallet.
    """
    wallet: address = self
    return convert(slice(wallet.code, ARGUMENTS + 32, 32), bytes32)


@external
@view
def passkeySessionSigner(id: bytes32) -> (bytes32, bytes32, uint256):
    """
    @return A passkey and until when it may sign: none in this stand-in.
    """
    return empty(bytes32), empty(bytes32), 0


@external
@view
def isValidSignature(hash: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bytes4:
    """
    @notice EIP-1271: of the owner, or of the session signer that an envelope names, over a nested
            form of `hash` (VENUE a4).
    """
    if len(signature) == 0 and hash == PROBE:
        return PROBE_ANSWER
    return EIP1271_MAGIC if self._is_valid(hash, signature) else REFUSED


# Setting up, receiving


@external
def initialize(owner: address):
    """
    @notice Names the owner, once; the factory calls it in the transaction that makes the wallet.
    """
    if self.initialized:
        raw_revert(method_id("InvalidInitialization()"))
    if owner == empty(address):
        raw_revert(method_id("InvalidOwner()"))
    self.initialized = True
    self.owner = owner
    log OwnershipTransferred(oldOwner=empty(address), newOwner=owner)


@external
@payable
def __default__():
    """
    @notice Takes the native coin.
    """
    pass


@external
def onERC1155Received(
    operator: address, sender: address, id: uint256, amount: uint256, data: Bytes[MAX_DATA]
) -> bytes4:
    """
    @notice Accepts any token.
    """
    return method_id("onERC1155Received(address,address,uint256,uint256,bytes)", output_type=bytes4)


@external
def onERC1155BatchReceived(
    operator: address,
    sender: address,
    ids: DynArray[uint256, MAX_IDS],
    amounts: DynArray[uint256, MAX_IDS],
    data: Bytes[MAX_DATA],
) -> bytes4:
    """
    @notice Accepts any tokens.
    """
    return method_id(
        "onERC1155BatchReceived(address,address,uint256[],uint256[],bytes)", output_type=bytes4
    )


# Batches


@external
def execute(batch: Batch, signature: Bytes[MAX_SIGNATURE]):
    """
    @notice Makes calls that the owner or a session signer signed (VENUE a3). Factory only; while
            the wallet is paused, too.
    """
    if msg.sender != self._factory():
        raw_revert(method_id("OnlyFactory()"))
    if len(batch.calls) == 0:
        raw_revert(method_id("EmptyBatch()"))
    if batch.wallet != self:
        raw_revert(method_id("InvalidWallet()"))
    if batch.nonce != self.nonce:
        raw_revert(method_id("InvalidNonce()"))
    if block.timestamp > batch.deadline:
        raw_revert(method_id("Expired()"))
    self.nonce = batch.nonce + 1
    digest: bytes32 = self._typed(
        keccak256(
            abi_encode(
                BATCH_TYPEHASH,
                batch.wallet,
                batch.nonce,
                batch.deadline,
                self._hash_calls(batch.calls),
            )
        )
    )
    if not self._is_valid(digest, signature):
        raw_revert(method_id("InvalidSignature()"))
    self._make_calls(batch.calls, self._is_envelope(signature))
    log BatchExecuted(nonce=batch.nonce)


# By a batch of the owner only


@external
def authorizeSessionSigner(signer: address, validUntil: uint256):
    """
    @notice Lets `signer` sign while the time is before `validUntil`.
    """
    self._check_self()
    if signer == empty(address):
        raw_revert(method_id("ZeroAddress()"))
    if validUntil <= block.timestamp:
        raw_revert(method_id("InvalidValidUntil()"))
    self.sessionSignerAuthorizedUntil[signer] = validUntil
    log SessionSignerAuthorized(sessionSigner=signer, validUntil=validUntil)


@external
def revokeSessionSigner(signer: address):
    """
    @notice Ends a session.
    """
    self._check_self()
    self.sessionSignerAuthorizedUntil[signer] = 0
    log SessionSignerRevoked(sessionSigner=signer)


@external
def transferOwnership(newOwner: address, deadline: uint256):
    """
    @notice Offers the wallet to `newOwner`, who completes by his signature up to `deadline`.
            Sessions go on.
    """
    self._check_self()
    if newOwner == empty(address) or newOwner == self.owner or newOwner == self:
        raw_revert(method_id("InvalidOwner()"))
    if deadline < block.timestamp:
        raw_revert(method_id("Expired()"))
    nonce: uint256 = self.pendingOwnerNonce + 1
    self.pendingOwnerNonce = nonce
    self.pendingOwner = newOwner
    self.pendingOwnerDeadline = deadline
    log OwnershipHandoverRequested(pendingOwner=newOwner, deadline=deadline, nonce=nonce)


@external
def cancelOwnershipHandover():
    """
    @notice Takes the offer back.
    """
    self._check_self()
    pending: address = self.pendingOwner
    if pending == empty(address):
        raw_revert(method_id("NoPendingOwner()"))
    self.pendingOwner = empty(address)
    self.pendingOwnerDeadline = 0
    log OwnershipHandoverCanceled(pendingOwner=pending)


@external
def completeOwnershipHandover(signature: Bytes[MAX_SIGNATURE]):
    """
    @notice Makes the pending owner the owner, by his signature. Anyone may send it.
    """
    pending: address = self.pendingOwner
    if pending == empty(address):
        raw_revert(method_id("NoPendingOwner()"))
    if block.timestamp > self.pendingOwnerDeadline:
        raw_revert(method_id("Expired()"))
    digest: bytes32 = self._typed(
        keccak256(abi_encode(HANDOVER_TYPEHASH, pending, self.pendingOwnerNonce))
    )
    if not self._is_signed(pending, digest, signature):
        raw_revert(method_id("InvalidSignature()"))
    old: address = self.owner
    self.owner = pending
    self.pendingOwner = empty(address)
    self.pendingOwnerDeadline = 0
    log OwnershipTransferred(oldOwner=old, newOwner=pending)
    log OwnershipHandoverCompleted(previousOwner=old, newOwner=pending)


# By the owner himself, without the venue


@external
def pause():
    """
    @notice Starts the delay after which the owner may do the following; a second pause starts it
            anew. Stops neither batches nor signatures.
    """
    if msg.sender != self.owner:
        raw_revert(method_id("Unauthorized()"))
    self.paused = block.timestamp
    log Paused(timestamp=block.timestamp)


@external
def unpause():
    """
    @notice Ends the pause.
    """
    self._check_emergency()
    self.paused = 0
    log Unpaused(timestamp=block.timestamp)


@external
def withdrawNative(to: address, amount: uint256):
    """
    @notice Sends native coin.
    """
    self._check_emergency()
    if not raw_call(to, b"", value=amount, revert_on_failure=False):
        raw_revert(method_id("ETHTransferFailed()"))
    log NativeWithdrawal(to=to, amount=amount)


@external
def withdrawERC20(token: address, to: address, amount: uint256):
    """
    @notice Sends a token.
    """
    self._check_emergency()
    self._call_token(
        token,
        abi_encode(to, amount, method_id=method_id("transfer(address,uint256)")),
        method_id("TransferFailed()"),
    )
    log ERC20Withdrawal(token=token, to=to, amount=amount)


@external
def withdrawERC1155(
    token: address,
    to: address,
    ids: DynArray[uint256, MAX_IDS],
    amounts: DynArray[uint256, MAX_IDS],
):
    """
    @notice Sends tokens of an ERC-1155 contract.
    """
    self._check_emergency()
    extcall IConditionalTokens(token).safeBatchTransferFrom(self, to, ids, amounts, b"")
    log ERC1155BatchWithdrawal(token=token, to=to, ids=ids, amounts=amounts)


@external
def revokeAllowance(token: address, spender: address):
    """
    @notice Sets an allowance to 0.
    """
    self._check_emergency()
    nothing: uint256 = 0
    self._call_token(
        token,
        abi_encode(spender, nothing, method_id=method_id("approve(address,uint256)")),
        method_id("ApproveFailed()"),
    )
    log AllowanceRevoked(token=token, spender=spender)


@external
def revokeApprovalForAll(token: address, operator: address):
    """
    @notice Takes an approval of an ERC-1155 contract back.
    """
    self._check_emergency()
    extcall IConditionalTokens(token).setApprovalForAll(operator, False)
    log ApprovalForAllRevoked(token=token, operator=operator)


@external
def revokeSessionSignerEmergency(signer: address):
    """
    @notice Ends a session.
    """
    self._check_emergency()
    self.sessionSignerAuthorizedUntil[signer] = 0
    log SessionSignerRevokedEmergency(sessionSigner=signer)


@external
def optOut():
    """
    @notice Keeps today's implementation, whatever the beacon's owner does.
    """
    self._check_emergency()
    extcall IBeacon(self._beacon()).optOut()


@external
def optIn():
    """
    @notice Follows the beacon again.
    """
    self._check_emergency()
    extcall IBeacon(self._beacon()).optIn()


# Internal


@internal
@view
def _factory() -> address:
    wallet: address = self
    return convert(convert(slice(wallet.code, ARGUMENTS, 32), uint256), address)


@internal
@view
def _beacon() -> address:
    return staticcall IFactory(self._factory()).BEACON()


@internal
@view
def _check_self():
    if msg.sender != self:
        raw_revert(method_id("OnlySelf()"))


@internal
@view
def _check_emergency():
    """
    @dev In the recorded order: a stranger is told first that the wallet is not paused. The delay is
         read as it is now.
    """
    paused: uint256 = self.paused
    if paused == 0:
        raw_revert(method_id("NotPaused()"))
    if block.timestamp <= paused + staticcall IFactory(self._factory()).timelockDelay():
        raw_revert(method_id("TimelockInsufficientDelay()"))
    if msg.sender != self.owner:
        raw_revert(method_id("Unauthorized()"))


@internal
def _call_token(token: address, data: Bytes[68], error: Bytes[4]):
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(token, data, max_outsize=32, revert_on_failure=False)
    if not success or not token.is_contract or (len(answer) != 0 and not convert(answer, bool)):
        raw_revert(error)


@internal
def _make_calls(calls: DynArray[Call, MAX_CALLS], by_session: bool):
    beacon: address = self._beacon()
    for i: uint256 in range(len(calls), bound=MAX_CALLS):
        target: address = calls[i].target
        if by_session and target == self:
            raw_revert(method_id("SessionSignerSelfCallNotAllowed()"))
        if by_session and target == beacon:
            raw_revert(method_id("SessionSignerCannotCallBeacon()"))
        success: bool = False
        result: Bytes[MAX_DATA] = b""
        success, result = raw_call(
            target,
            calls[i].data,
            value=calls[i].value,
            max_outsize=MAX_DATA,
            revert_on_failure=False,
        )
        if not success:
            raw_revert(
                abi_encode(
                    i,
                    target,
                    result,
                    method_id=method_id("BatchCallFailed(uint256,address,bytes)"),
                )
            )
        log Execution(target=target, value=calls[i].value, data=calls[i].data, result=result)


@internal
@view
def _domain() -> bytes32:
    return keccak256(abi_encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chain.id, self))


@internal
@view
def _typed(struct_hash: bytes32) -> bytes32:
    """
    @return The EIP-712 digest of a struct in the wallet's domain.
    """
    return keccak256(concat(b"\x19\x01", self._domain(), struct_hash))


@internal
@pure
def _hash_calls(calls: DynArray[Call, MAX_CALLS]) -> bytes32:
    hashes: DynArray[bytes32, MAX_CALLS] = []
    for i: uint256 in range(len(calls), bound=MAX_CALLS):
        hashes.append(
            keccak256(
                abi_encode(CALL_TYPEHASH, calls[i].target, calls[i].value, keccak256(calls[i].data))
            )
        )
    encoded: Bytes[32 * MAX_CALLS + 64] = abi_encode(hashes)
    return keccak256(slice(encoded, 64, 32 * len(hashes)))


# Internal: who signed


@internal
@pure
def _is_envelope(signature: Bytes[MAX_SIGNATURE]) -> bool:
    length: uint256 = len(signature)
    return length >= 32 and extract32(signature, length - 32) == ENVELOPE


@internal
@view
def _is_valid(hash: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bool:
    """
    @dev The plain form passes for the factory alone. Asked at gas price 0, as off chain, it passes
         a caller with more gas than a block has, and ends anybody else's call.
    """
    signer: address = empty(address)
    inner: Bytes[MAX_SIGNATURE] = b""
    signer, inner = self._signer(signature)
    if signer == empty(address):
        return False
    if msg.sender == self._factory() and self._is_signed(signer, hash, inner):
        return True
    if self._is_signed_nested(signer, hash, inner):
        return True
    if tx.gasprice != 0:
        return False
    assert msg.gas > block.gaslimit, UNREACHABLE
    return self._is_signed(signer, hash, inner)


@internal
@view
def _signer(signature: Bytes[MAX_SIGNATURE]) -> (address, Bytes[MAX_SIGNATURE]):
    """
    @return Whose signature it must be, and the signature itself: the owner's as it stands, or a
            session signer's out of its envelope. Nobody's if the envelope is damaged or the
            session over: it never falls back to the owner.
    """
    if not self._is_envelope(signature):
        return self.owner, signature
    length: uint256 = len(signature)
    if length < 160:
        return empty(address), b""
    id: uint256 = extract32(signature, 0, output_type=uint256)
    size: uint256 = extract32(signature, 96, output_type=uint256)
    if id == 0 or id >> 160 != 0 or size > length:
        return empty(address), b""
    if extract32(signature, 32, output_type=uint256) != SECP256K1:
        return empty(address), b""
    if extract32(signature, 64, output_type=uint256) != 96:
        return empty(address), b""
    if length != 160 + (size + 31) // 32 * 32:
        return empty(address), b""
    signer: address = convert(id, address)
    if block.timestamp >= self.sessionSignerAuthorizedUntil[signer]:
        return empty(address), b""
    return signer, slice(signature, 128, size)


@internal
@view
def _is_signed_nested(signer: address, hash: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bool:
    """
    @notice ERC-7739: TypedDataSign if what is behind the signature gives `hash`, else PersonalSign.
    """
    length: uint256 = len(signature)
    size: uint256 = 0  # of the contents type
    if length >= 2:
        size = convert(slice(signature, length - 2, 2), uint256)
    if size == 0 or size > MAX_TYPE or length < size + 66:
        return self._is_signed_personally(signer, hash, signature)
    start: uint256 = length - size - 66
    domain: bytes32 = extract32(signature, start)
    contents: bytes32 = extract32(signature, start + 32)
    if keccak256(concat(b"\x19\x01", domain, contents)) != hash:
        return self._is_signed_personally(signer, hash, signature)
    type_: Bytes[MAX_SIGNATURE] = slice(signature, start + 64, size)
    name_length: uint256 = self._name_length(type_)
    if name_length == 0:
        return False
    typehash: bytes32 = keccak256(
        concat(
            b"TypedDataSign(",
            slice(type_, 0, name_length),
            b" contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)",
            type_,
        )
    )
    nested: bytes32 = keccak256(
        abi_encode(
            typehash, contents, NAME_HASH, VERSION_HASH, chain.id, self, empty(bytes32)
        )
    )
    digest: bytes32 = keccak256(concat(b"\x19\x01", domain, nested))
    return self._is_signed(signer, digest, slice(signature, 0, start))


@internal
@view
def _is_signed_personally(signer: address, hash: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bool:
    struct_hash: bytes32 = keccak256(abi_encode(PERSONAL_SIGN_TYPEHASH, hash))
    return self._is_signed(signer, self._typed(struct_hash), signature)


@internal
@pure
def _name_length(type_: Bytes[MAX_SIGNATURE]) -> uint256:
    """
    @return How long the name before the bracket is; 0 if it is none: ERC-7739 wants an upper-case
            start, no comma, space, closing bracket or zero byte.
    """
    for i: uint256 in range(MAX_NAME):
        if i == len(type_):
            return 0
        letter: uint256 = convert(slice(type_, i, 1), uint256)
        if letter == 40:
            return i
        if letter in [0, 32, 41, 44] or (i == 0 and letter >= 97 and letter <= 122):
            return 0
    return 0


@internal
@view
def _is_signed(signer: address, hash: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bool:
    """
    @dev ECDSA of 64 or 65 bytes first, either half of the curve; then ERC-1271, never of itself.
    """
    length: uint256 = len(signature)
    if length == 64 or length == 65:
        r: uint256 = extract32(signature, 0, output_type=uint256)
        s: uint256 = extract32(signature, 32, output_type=uint256)
        v: uint256 = 0
        if length == 65:
            v = convert(slice(signature, 64, 1), uint256)
        else:
            v = 27 + (s >> 255)
            s = s & LOW_255
        if v in [27, 28] and ecrecover(hash, v, r, s) == signer:
            return True
    if signer == self or not signer.is_contract:
        return False
    success: bool = False
    answer: Bytes[64] = b""
    success, answer = raw_call(
        signer,
        abi_encode(hash, signature, method_id=method_id("isValidSignature(bytes32,bytes)")),
        max_outsize=64,
        is_static_call=True,
        revert_on_failure=False,
    )
    return success and len(answer) == 32 and extract32(answer, 0) == EIP1271_ANSWER
