# pragma version 0.4.3
"""
@title Reputation registry stand-in (ERC-8004)
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: signed numbers about agents from whoever calls, as the standard's text and the
        behaviour of its reference (2.0.0, read in November 2026) have them. Nobody's consent is
        needed; only the agent's owner, operators and approved account may not rate it, and a second
        key of the same person passes. URIs and hashes are in events alone.
@dev Leaves out: proxy, owner, version. Has limits that the reference has not: 8,192 bytes a URI, 512
     an endpoint, 64 a tag; 128 clients an agent, 64 numbers a client, 64 responders a number; 128
     accounts asked for at once, and 256 numbers read at once. Beyond them calls revert.
"""


interface IIdentity:
    def isAuthorizedOrOwner(spender: address, agentId: uint256) -> bool: view


struct Feedback:
    number: int128
    decimals: uint8
    tag1: String[MAX_TAG]
    tag2: String[MAX_TAG]
    is_revoked: bool


event NewFeedback:
    agentId: indexed(uint256)
    clientAddress: indexed(address)
    feedbackIndex: uint64
    value: int128
    valueDecimals: uint8
    indexedTag1: indexed(String[MAX_TAG])
    tag1: String[MAX_TAG]
    tag2: String[MAX_TAG]
    endpoint: String[MAX_ENDPOINT]
    feedbackURI: String[MAX_URI]
    feedbackHash: bytes32


event FeedbackRevoked:
    agentId: indexed(uint256)
    clientAddress: indexed(address)
    feedbackIndex: indexed(uint64)


event ResponseAppended:
    agentId: indexed(uint256)
    clientAddress: indexed(address)
    feedbackIndex: uint64
    responder: indexed(address)
    responseURI: String[MAX_URI]
    responseHash: bytes32


MAX_URI: constant(uint256) = 8192  # bytes
MAX_ENDPOINT: constant(uint256) = 512  # bytes
MAX_TAG: constant(uint256) = 64  # bytes
MAX_CLIENTS: constant(uint256) = 128  # of an agent; bounds every loop over them
MAX_NUMBERS: constant(uint256) = 64  # of a client about an agent
MAX_RESPONDERS: constant(uint256) = 64  # to a number
MAX_READ: constant(uint256) = 256  # numbers in one answer: its memory stays below a megabyte
MAX_DECIMALS: constant(uint8) = 18
MAX_VALUE: constant(int128) = 100000000000000000000000000000000000000  # 1e38

IDENTITY: immutable(address)

getLastIndex: public(HashMap[uint256, HashMap[address, uint64]])  # agent, client -> the newest

feedback: HashMap[uint256, HashMap[address, HashMap[uint64, Feedback]]]
clients: HashMap[uint256, DynArray[address, MAX_CLIENTS]]
responders: HashMap[uint256, HashMap[address, HashMap[uint64, DynArray[address, MAX_RESPONDERS]]]]
responses: HashMap[uint256, HashMap[address, HashMap[uint64, HashMap[address, uint64]]]]


@deploy
def __init__(identity: address):
    """
    @param identity The registry whose agents are rated
    """
    assert identity != empty(address), "bad identity"
    IDENTITY = identity


@external
@view
def getIdentityRegistry() -> address:
    """
    @notice The registry whose agents are rated.
    """
    return IDENTITY


@external
@view
def getClients(agentId: uint256) -> DynArray[address, MAX_CLIENTS]:
    """
    @notice Who has rated an agent.
    """
    return self.clients[agentId]


@external
@view
def readFeedback(
    agentId: uint256, clientAddress: address, feedbackIndex: uint64
) -> (int128, uint8, String[MAX_TAG], String[MAX_TAG], bool):
    """
    @notice A number with its decimals and tags, and whether it was revoked; the first index is 1.
    """
    self._check_index(agentId, clientAddress, feedbackIndex)
    found: Feedback = self.feedback[agentId][clientAddress][feedbackIndex]
    return found.number, found.decimals, found.tag1, found.tag2, found.is_revoked


@external
@view
def getSummary(
    agentId: uint256,
    clientAddresses: DynArray[address, MAX_CLIENTS],
    tag1: String[MAX_TAG],
    tag2: String[MAX_TAG],
) -> (uint64, int128, uint8):
    """
    @notice How many numbers of these clients, their mean, and its decimals: the most frequent ones
            (ties: the fewest). The mean is cut towards 0. An empty tag is any.
    """
    assert len(clientAddresses) != 0, "clientAddresses required"
    total: int256 = 0
    count: uint64 = 0
    frequency: uint64[19] = empty(uint64[19])
    for client: address in clientAddresses:
        last: uint256 = convert(self.getLastIndex[agentId][client], uint256)
        for index: uint256 in range(1, last + 1, bound=MAX_NUMBERS):
            found: Feedback = self.feedback[agentId][client][convert(index, uint64)]
            if found.is_revoked or not self._is_meant(found, tag1, tag2):
                continue
            scale: uint256 = pow_mod256(10, convert(MAX_DECIMALS - found.decimals, uint256))
            total += convert(found.number, int256) * convert(scale, int256)
            frequency[found.decimals] += 1
            count += 1
    if count == 0:
        return 0, 0, 0
    decimals: uint8 = 0
    most: uint64 = 0
    for each: uint8 in range(19):
        if frequency[each] > most:
            most = frequency[each]
            decimals = each
    cut: uint256 = pow_mod256(10, convert(MAX_DECIMALS - decimals, uint256))
    mean: int256 = total // convert(count, int256) // convert(cut, int256)
    return count, convert(mean, int128), decimals


@external
@view
def readAllFeedback(
    agentId: uint256,
    clientAddresses: DynArray[address, MAX_CLIENTS],
    tag1: String[MAX_TAG],
    tag2: String[MAX_TAG],
    includeRevoked: bool,
) -> (
    DynArray[address, MAX_READ],
    DynArray[uint64, MAX_READ],
    DynArray[int128, MAX_READ],
    DynArray[uint8, MAX_READ],
    DynArray[String[MAX_TAG], MAX_READ],
    DynArray[String[MAX_TAG], MAX_READ],
    DynArray[bool, MAX_READ],
):
    """
    @notice All numbers of these clients, or of all where none is named: client, index, number,
            decimals, both tags, whether it was revoked. An empty tag is any.
    """
    asked: DynArray[address, MAX_CLIENTS] = clientAddresses
    if len(asked) == 0:
        asked = self.clients[agentId]
    clients: DynArray[address, MAX_READ] = []
    indexes: DynArray[uint64, MAX_READ] = []
    numbers: DynArray[int128, MAX_READ] = []
    decimals: DynArray[uint8, MAX_READ] = []
    tags1: DynArray[String[MAX_TAG], MAX_READ] = []
    tags2: DynArray[String[MAX_TAG], MAX_READ] = []
    revoked: DynArray[bool, MAX_READ] = []
    for client: address in asked:
        last: uint256 = convert(self.getLastIndex[agentId][client], uint256)
        for each: uint256 in range(1, last + 1, bound=MAX_NUMBERS):
            index: uint64 = convert(each, uint64)
            found: Feedback = self.feedback[agentId][client][index]
            if found.is_revoked and not includeRevoked:
                continue
            if not self._is_meant(found, tag1, tag2):
                continue
            clients.append(client)
            indexes.append(index)
            numbers.append(found.number)
            decimals.append(found.decimals)
            tags1.append(found.tag1)
            tags2.append(found.tag2)
            revoked.append(found.is_revoked)
    return clients, indexes, numbers, decimals, tags1, tags2, revoked


@external
@view
def getResponseCount(
    agentId: uint256,
    clientAddress: address,
    feedbackIndex: uint64,
    responders: DynArray[address, MAX_CLIENTS],
) -> uint64:
    """
    @notice How many responses there are: to all clients where none is named, to all numbers of a
            client at index 0, by anyone where no responder is named.
    """
    if clientAddress != empty(address) and feedbackIndex != 0:
        return self._responses(agentId, clientAddress, feedbackIndex, responders)
    asked: DynArray[address, MAX_CLIENTS] = [clientAddress]
    if clientAddress == empty(address):
        asked = self.clients[agentId]
    count: uint64 = 0
    for client: address in asked:
        last: uint256 = convert(self.getLastIndex[agentId][client], uint256)
        for each: uint256 in range(1, last + 1, bound=MAX_NUMBERS):
            count += self._responses(agentId, client, convert(each, uint64), responders)
    return count


@external
def giveFeedback(
    agentId: uint256,
    number: int128,
    valueDecimals: uint8,
    tag1: String[MAX_TAG],
    tag2: String[MAX_TAG],
    endpoint: String[MAX_ENDPOINT],
    feedbackURI: String[MAX_URI],
    feedbackHash: bytes32,
):
    """
    @notice Rates an agent. Anyone but its owner, operators and approved account.
    @param number The standard's `value`, times 10**valueDecimals
    """
    assert valueDecimals <= MAX_DECIMALS, "too many decimals"
    assert number >= -MAX_VALUE and number <= MAX_VALUE, "value too large"
    is_own: bool = staticcall IIdentity(IDENTITY).isAuthorizedOrOwner(msg.sender, agentId)
    assert not is_own, "Self-feedback not allowed"
    index: uint64 = self.getLastIndex[agentId][msg.sender] + 1
    if index == 1:
        self.clients[agentId].append(msg.sender)
    assert convert(index, uint256) <= MAX_NUMBERS, "stand-in is full"
    self.getLastIndex[agentId][msg.sender] = index
    self.feedback[agentId][msg.sender][index] = Feedback(
        number=number, decimals=valueDecimals, tag1=tag1, tag2=tag2, is_revoked=False
    )
    log NewFeedback(
        agentId=agentId,
        clientAddress=msg.sender,
        feedbackIndex=index,
        value=number,
        valueDecimals=valueDecimals,
        indexedTag1=tag1,
        tag1=tag1,
        tag2=tag2,
        endpoint=endpoint,
        feedbackURI=feedbackURI,
        feedbackHash=feedbackHash,
    )


@external
def revokeFeedback(agentId: uint256, feedbackIndex: uint64):
    """
    @notice Takes a number of the caller's back, once.
    """
    self._check_index(agentId, msg.sender, feedbackIndex)
    assert not self.feedback[agentId][msg.sender][feedbackIndex].is_revoked, "Already revoked"
    self.feedback[agentId][msg.sender][feedbackIndex].is_revoked = True
    log FeedbackRevoked(
        agentId=agentId, clientAddress=msg.sender, feedbackIndex=feedbackIndex
    )


@external
def appendResponse(
    agentId: uint256,
    clientAddress: address,
    feedbackIndex: uint64,
    responseURI: String[MAX_URI],
    responseHash: bytes32,
):
    """
    @notice Answers a number. Anyone, any number of times.
    """
    assert feedbackIndex != 0, "index must be > 0"
    assert len(responseURI) != 0, "Empty URI"
    self._check_index(agentId, clientAddress, feedbackIndex)
    if self.responses[agentId][clientAddress][feedbackIndex][msg.sender] == 0:
        self.responders[agentId][clientAddress][feedbackIndex].append(msg.sender)
    self.responses[agentId][clientAddress][feedbackIndex][msg.sender] += 1
    log ResponseAppended(
        agentId=agentId,
        clientAddress=clientAddress,
        feedbackIndex=feedbackIndex,
        responder=msg.sender,
        responseURI=responseURI,
        responseHash=responseHash,
    )


@internal
@view
def _check_index(agent: uint256, client: address, index: uint64):
    assert index != 0, "index must be > 0"
    assert index <= self.getLastIndex[agent][client], "index out of bounds"


@internal
@pure
def _is_meant(found: Feedback, tag1: String[MAX_TAG], tag2: String[MAX_TAG]) -> bool:
    if tag1 != "" and tag1 != found.tag1:
        return False
    return tag2 == "" or tag2 == found.tag2


@internal
@view
def _responses(
    agent: uint256, client: address, index: uint64, asked: DynArray[address, MAX_CLIENTS]
) -> uint64:
    count: uint64 = 0
    if len(asked) == 0:
        for each: address in self.responders[agent][client][index]:
            count += self.responses[agent][client][index][each]
    for each: address in asked:
        count += self.responses[agent][client][index][each]
    return count
