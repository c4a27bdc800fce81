# pragma version 0.4.3
"""
@title Identity registry stand-in (ERC-8004)
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: agents as ERC-721 tokens, as the standard's text and the behaviour of its
        reference (2.0.0, read in November 2026) have them. The id counts up from 0. The agent's
        wallet is the caller at first; another one must consent, and every transfer clears it.
@dev Leaves out: proxy, owner, version, ERC-4906, ERC-5267, the reason with which a receiver
     refuses a token. Has limits that the reference has not: 8,192 bytes a URI, 64 a key, 1,024 a
     value and a signature, 16 entries at registration. Readers must not rely on the order of
     events: the text has MetadataSet before Registered, the reference and this after it.
"""


struct MetadataEntry:
    metadataKey: String[MAX_KEY]
    metadataValue: Bytes[MAX_VALUE]


event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    tokenId: indexed(uint256)


event Approval:
    owner: indexed(address)
    approved: indexed(address)
    tokenId: indexed(uint256)


event ApprovalForAll:
    owner: indexed(address)
    operator: indexed(address)
    approved: bool


event Registered:
    agentId: indexed(uint256)
    agentURI: String[MAX_URI]
    owner: indexed(address)


event URIUpdated:
    agentId: indexed(uint256)
    newURI: String[MAX_URI]
    updatedBy: indexed(address)


event MetadataSet:
    agentId: indexed(uint256)
    indexedMetadataKey: indexed(String[MAX_KEY])
    metadataKey: String[MAX_KEY]
    metadataValue: Bytes[MAX_VALUE]


name: public(constant(String[13])) = "AgentIdentity"
symbol: public(constant(String[5])) = "AGENT"

MAX_URI: constant(uint256) = 8192  # bytes: a card as a data URI
MAX_KEY: constant(uint256) = 64  # bytes
MAX_VALUE: constant(uint256) = 1024  # bytes
MAX_ENTRIES: constant(uint256) = 16  # at registration
MAX_SIGNATURE: constant(uint256) = 1024  # bytes
MAX_DELAY: constant(uint256) = 300  # seconds that a consent may last
WALLET: constant(String[MAX_KEY]) = "agentWallet"  # the reserved key
ERC165: constant(bytes4) = 0x01ffc9a7
ERC721: constant(bytes4) = 0x80ac58cd
ERC721_METADATA: constant(bytes4) = 0x5b5e139f
ERC721_RECEIVED: constant(bytes32) = (
    0x150b7a0200000000000000000000000000000000000000000000000000000000
)
EIP1271_ANSWER: constant(bytes32) = (
    0x1626ba7e00000000000000000000000000000000000000000000000000000000
)
HIGHEST_S: constant(uint256) = (
    57896044618658097711785492504343953926418782139537452191302581570759080747168
)
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
NAME_HASH: constant(bytes32) = keccak256("ERC8004IdentityRegistry")
VERSION_HASH: constant(bytes32) = keccak256("1")
CONSENT_TYPEHASH: constant(bytes32) = keccak256(
    "AgentWalletSet(uint256 agentId,address newWallet,address owner,uint256 deadline)"
)

isApprovedForAll: public(HashMap[address, HashMap[address, bool]])  # owner -> operator

count: uint256  # the next id
owners: HashMap[uint256, address]
balances: HashMap[address, uint256]
approved: HashMap[uint256, address]
uris: HashMap[uint256, String[MAX_URI]]
wallets: HashMap[uint256, address]
metadata: HashMap[uint256, HashMap[String[MAX_KEY], Bytes[MAX_VALUE]]]


@external
@view
def supportsInterface(interfaceId: bytes4) -> bool:
    """
    @notice ERC-165.
    """
    return interfaceId in [ERC165, ERC721, ERC721_METADATA]


@external
@view
def balanceOf(owner: address) -> uint256:
    """
    @notice How many agents an account owns.
    """
    if owner == empty(address):
        raw_revert(abi_encode(owner, method_id=method_id("ERC721InvalidOwner(address)")))
    return self.balances[owner]


@external
@view
def ownerOf(tokenId: uint256) -> address:
    """
    @notice Who owns an agent; reverts for one that is not there.
    """
    return self._owner(tokenId)


@external
@view
def tokenURI(tokenId: uint256) -> String[MAX_URI]:
    """
    @notice Where the agent's registration file is.
    """
    self._owner(tokenId)
    return self.uris[tokenId]


@external
@view
def getApproved(tokenId: uint256) -> address:
    """
    @notice Who may act for one agent.
    """
    self._owner(tokenId)
    return self.approved[tokenId]


@external
@view
def isAuthorizedOrOwner(spender: address, agentId: uint256) -> bool:
    """
    @notice Whether an account is owner, operator or approved; what the reputation registry asks.
    """
    return self._is_authorised(spender, self._owner(agentId), agentId)


@external
@view
def getMetadata(agentId: uint256, metadataKey: String[MAX_KEY]) -> Bytes[MAX_VALUE]:
    """
    @notice A value by its key; empty where there is none.
    """
    if metadataKey == WALLET:
        return self._packed(self.wallets[agentId])
    return self.metadata[agentId][metadataKey]


@external
@view
def getAgentWallet(agentId: uint256) -> address:
    """
    @notice The address that acts for the agent; zero after a transfer.
    """
    return self.wallets[agentId]


@external
def register(
    agentURI: String[MAX_URI] = "", metadata: DynArray[MetadataEntry, MAX_ENTRIES] = []
) -> uint256:
    """
    @notice Registers the caller's agent. Open to anyone.
    @return Its id
    """
    agent: uint256 = self.count
    self.count = agent + 1
    self.owners[agent] = msg.sender
    self.balances[msg.sender] += 1
    self.wallets[agent] = msg.sender
    self.uris[agent] = agentURI
    log Transfer(sender=empty(address), receiver=msg.sender, tokenId=agent)
    self._ask_receiver(empty(address), msg.sender, agent, b"")
    log Registered(agentId=agent, agentURI=agentURI, owner=msg.sender)
    self._log_wallet(agent, msg.sender)
    for each: MetadataEntry in metadata:
        self._set_metadata(agent, each.metadataKey, each.metadataValue)
    return agent


@external
def setAgentURI(agentId: uint256, newURI: String[MAX_URI]):
    """
    @notice Names another registration file. Owner, operator or approved.
    """
    self._check_authorised(agentId)
    self.uris[agentId] = newURI
    log URIUpdated(agentId=agentId, newURI=newURI, updatedBy=msg.sender)


@external
def setMetadata(
    agentId: uint256, metadataKey: String[MAX_KEY], metadataValue: Bytes[MAX_VALUE]
):
    """
    @notice Sets a value, any but the wallet. Owner, operator or approved.
    """
    self._check_authorised(agentId)
    self._set_metadata(agentId, metadataKey, metadataValue)


@external
def setAgentWallet(
    agentId: uint256, newWallet: address, deadline: uint256, signature: Bytes[MAX_SIGNATURE]
):
    """
    @notice Names another wallet, with its consent. Owner, operator or approved.
    @dev No nonce: a consent can be used again until its deadline.
    @param signature The new wallet's (ECDSA, else ERC-1271) over `AgentWalletSet`
    """
    owner: address = self._check_authorised(agentId)
    assert newWallet != empty(address), "bad wallet"
    assert block.timestamp <= deadline, "expired"
    assert deadline <= block.timestamp + MAX_DELAY, "deadline too far"
    words: bytes32 = keccak256(
        abi_encode(CONSENT_TYPEHASH, agentId, newWallet, owner, deadline)
    )
    digest: bytes32 = keccak256(concat(b"\x19\x01", self._domain(), words))
    if self._signer(digest, signature) != newWallet:
        assert self._consents(newWallet, digest, signature), "invalid wallet sig"
    self.wallets[agentId] = newWallet
    self._log_wallet(agentId, newWallet)


@external
def unsetAgentWallet(agentId: uint256):
    """
    @notice Leaves the agent without a wallet. Owner, operator or approved.
    """
    self._check_authorised(agentId)
    self.wallets[agentId] = empty(address)
    self._log_wallet(agentId, empty(address))


@external
def approve(to: address, tokenId: uint256):
    """
    @notice Lets an account act for one agent. Owner or operator.
    """
    owner: address = self._owner(tokenId)
    if msg.sender != owner and not self.isApprovedForAll[owner][msg.sender]:
        raw_revert(abi_encode(msg.sender, method_id=method_id("ERC721InvalidApprover(address)")))
    self.approved[tokenId] = to
    log Approval(owner=owner, approved=to, tokenId=tokenId)


@external
def setApprovalForAll(operator: address, approved: bool):
    """
    @notice Lets an account act for all agents of the caller, or ends that.
    """
    if operator == empty(address):
        raw_revert(abi_encode(operator, method_id=method_id("ERC721InvalidOperator(address)")))
    self.isApprovedForAll[msg.sender][operator] = approved
    log ApprovalForAll(owner=msg.sender, operator=operator, approved=approved)


@external
def transferFrom(owner: address, to: address, tokenId: uint256):
    """
    @notice Moves an agent; its wallet is cleared.
    """
    self._transfer(owner, to, tokenId)


@external
def safeTransferFrom(
    owner: address, to: address, tokenId: uint256, data: Bytes[MAX_VALUE] = b""
):
    """
    @notice Moves an agent; a contract must say that it takes it.
    """
    self._transfer(owner, to, tokenId)
    self._ask_receiver(owner, to, tokenId, data)


@internal
@view
def _owner(agent: uint256) -> address:
    owner: address = self.owners[agent]
    if owner == empty(address):
        raw_revert(abi_encode(agent, method_id=method_id("ERC721NonexistentToken(uint256)")))
    return owner


@internal
@view
def _is_authorised(account: address, owner: address, agent: uint256) -> bool:
    return account in [owner, self.approved[agent]] or self.isApprovedForAll[owner][account]


@internal
@view
def _check_authorised(agent: uint256) -> address:
    owner: address = self._owner(agent)
    assert self._is_authorised(msg.sender, owner, agent), "Not authorized"
    return owner


@internal
def _set_metadata(agent: uint256, key: String[MAX_KEY], entry: Bytes[MAX_VALUE]):
    assert key != WALLET, "reserved key"
    self.metadata[agent][key] = entry
    log MetadataSet(
        agentId=agent, indexedMetadataKey=key, metadataKey=key, metadataValue=entry
    )


@internal
def _log_wallet(agent: uint256, wallet: address):
    log MetadataSet(
        agentId=agent,
        indexedMetadataKey=WALLET,
        metadataKey=WALLET,
        metadataValue=self._packed(wallet),
    )


@internal
@pure
def _packed(wallet: address) -> Bytes[20]:
    """
    @dev 20 bytes; none where there is no wallet.
    """
    if wallet == empty(address):
        return b""
    return slice(convert(wallet, bytes32), 12, 20)


@internal
def _transfer(owner: address, to: address, agent: uint256):
    """
    @dev The wallet's consent was to the owner of that time: it never outlives a transfer.
    """
    if to == empty(address):
        raw_revert(abi_encode(to, method_id=method_id("ERC721InvalidReceiver(address)")))
    known: address = self._owner(agent)
    if not self._is_authorised(msg.sender, known, agent):
        raw_revert(
            abi_encode(
                msg.sender,
                agent,
                method_id=method_id("ERC721InsufficientApproval(address,uint256)"),
            )
        )
    if known != owner:
        raw_revert(
            abi_encode(
                owner,
                agent,
                known,
                method_id=method_id("ERC721IncorrectOwner(address,uint256,address)"),
            )
        )
    self.wallets[agent] = empty(address)
    self._log_wallet(agent, empty(address))
    self.approved[agent] = empty(address)
    self.balances[owner] -= 1
    self.balances[to] += 1
    self.owners[agent] = to
    log Transfer(sender=owner, receiver=to, tokenId=agent)


@internal
def _ask_receiver(owner: address, to: address, agent: uint256, data: Bytes[MAX_VALUE]):
    if not to.is_contract:
        return
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        to,
        abi_encode(
            msg.sender,
            owner,
            agent,
            data,
            method_id=method_id("onERC721Received(address,address,uint256,bytes)"),
        ),
        max_outsize=32,
        revert_on_failure=False,
    )
    if not success or len(answer) != 32 or convert(answer, bytes32) != ERC721_RECEIVED:
        raw_revert(abi_encode(to, method_id=method_id("ERC721InvalidReceiver(address)")))


@internal
@view
def _domain() -> bytes32:
    return keccak256(abi_encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chain.id, self))


@internal
@pure
def _signer(digest: bytes32, signature: Bytes[MAX_SIGNATURE]) -> address:
    """
    @dev Zero for what is no signature in its one form: 65 bytes, low s, v 27 or 28.
    """
    if len(signature) != 65:
        return empty(address)
    s: uint256 = convert(extract32(signature, 32), uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    if s > HIGHEST_S or v not in [27, 28]:
        return empty(address)
    return ecrecover(digest, v, convert(extract32(signature, 0), uint256), s)


@internal
@view
def _consents(wallet: address, digest: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bool:
    """
    @dev ERC-1271.
    """
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        wallet,
        abi_encode(digest, signature, method_id=method_id("isValidSignature(bytes32,bytes)")),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    return success and len(answer) == 32 and convert(answer, bytes32) == EIP1271_ANSWER
