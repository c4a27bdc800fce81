# pragma version 0.4.3
"""
@title Validation registry stand-in (ERC-8004)
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: requests to validators and their answers, as the standard's text and the
        behaviour of its reference (2.0.0, read in November 2026) have them; that part of the text
        is not settled, and the reference lists no deployment of it on any chain. A hash is used
        once, by whoever comes first. An answer overwrites the one before; what is unanswered looks
        like 0 in `getValidationStatus`, so readers look for the event.
@dev Leaves out: proxy, owner, version. Has limits that the reference has not: 8,192 bytes a URI, 64
     a tag; 256 requests an agent and a validator, 128 validators asked for at once.
"""


interface IIdentity:
    def ownerOf(tokenId: uint256) -> address: view
    def getApproved(tokenId: uint256) -> address: view
    def isApprovedForAll(owner: address, operator: address) -> bool: view


struct Entry:
    validator: address
    agent: uint256
    response: uint8
    response_hash: bytes32
    tag: String[MAX_TAG]
    updated: uint256
    is_answered: bool


event ValidationRequest:
    validatorAddress: indexed(address)
    agentId: indexed(uint256)
    requestURI: String[MAX_URI]
    requestHash: indexed(bytes32)


event ValidationResponse:
    validatorAddress: indexed(address)
    agentId: indexed(uint256)
    requestHash: indexed(bytes32)
    response: uint8
    responseURI: String[MAX_URI]
    responseHash: bytes32
    tag: String[MAX_TAG]


MAX_URI: constant(uint256) = 8192  # bytes
MAX_TAG: constant(uint256) = 64  # bytes
MAX_REQUESTS: constant(uint256) = 256  # of an agent, of a validator; bounds every loop over them
MAX_VALIDATORS: constant(uint256) = 128  # in one question
MAX_RESPONSE: constant(uint8) = 100

IDENTITY: immutable(address)

entries: HashMap[bytes32, Entry]
of_agent: HashMap[uint256, DynArray[bytes32, MAX_REQUESTS]]
of_validator: HashMap[address, DynArray[bytes32, MAX_REQUESTS]]


@deploy
def __init__(identity: address):
    """
    @param identity The registry whose agents are validated
    """
    assert identity != empty(address), "bad identity"
    IDENTITY = identity


@external
@view
def getIdentityRegistry() -> address:
    """
    @notice The registry whose agents are validated.
    """
    return IDENTITY


@external
@view
def getValidationStatus(
    requestHash: bytes32,
) -> (address, uint256, uint8, bytes32, String[MAX_TAG], uint256):
    """
    @notice Validator, agent, response, its file's hash, tag, and when request or response came.
    """
    found: Entry = self.entries[requestHash]
    assert found.validator != empty(address), "unknown"
    return (
        found.validator,
        found.agent,
        found.response,
        found.response_hash,
        found.tag,
        found.updated,
    )


@external
@view
def getSummary(
    agentId: uint256, validatorAddresses: DynArray[address, MAX_VALIDATORS], tag: String[MAX_TAG]
) -> (uint64, uint8):
    """
    @notice How many answers, and their mean, cut. No validators: all; an empty tag is any.
    """
    total: uint256 = 0
    count: uint256 = 0
    for hash: bytes32 in self.of_agent[agentId]:
        found: Entry = self.entries[hash]
        if not found.is_answered or (tag != "" and tag != found.tag):
            continue
        if len(validatorAddresses) != 0 and found.validator not in validatorAddresses:
            continue
        total += convert(found.response, uint256)
        count += 1
    if count == 0:
        return 0, 0
    return convert(count, uint64), convert(total // count, uint8)


@external
@view
def getAgentValidations(agentId: uint256) -> DynArray[bytes32, MAX_REQUESTS]:
    """
    @notice The hashes of all requests for an agent.
    """
    return self.of_agent[agentId]


@external
@view
def getValidatorRequests(validatorAddress: address) -> DynArray[bytes32, MAX_REQUESTS]:
    """
    @notice The hashes of all requests to a validator.
    """
    return self.of_validator[validatorAddress]


@external
def validationRequest(
    validatorAddress: address, agentId: uint256, requestURI: String[MAX_URI], requestHash: bytes32
):
    """
    @notice Asks a validator, who may be the caller. Owner, operator or approved of the agent.
    """
    assert validatorAddress != empty(address), "bad validator"
    assert self.entries[requestHash].validator == empty(address), "exists"
    owner: address = staticcall IIdentity(IDENTITY).ownerOf(agentId)
    is_own: bool = msg.sender == owner
    if not is_own:
        is_own = staticcall IIdentity(IDENTITY).isApprovedForAll(owner, msg.sender)
    if not is_own:
        is_own = msg.sender == staticcall IIdentity(IDENTITY).getApproved(agentId)
    assert is_own, "Not authorized"
    self.entries[requestHash].validator = validatorAddress
    self.entries[requestHash].agent = agentId
    self.entries[requestHash].updated = block.timestamp
    self.of_agent[agentId].append(requestHash)
    self.of_validator[validatorAddress].append(requestHash)
    log ValidationRequest(
        validatorAddress=validatorAddress,
        agentId=agentId,
        requestURI=requestURI,
        requestHash=requestHash,
    )


@external
def validationResponse(
    requestHash: bytes32,
    response: uint8,
    responseURI: String[MAX_URI],
    responseHash: bytes32,
    tag: String[MAX_TAG],
):
    """
    @notice Answers a request with 0 to 100, again and again. The named validator only.
    """
    validator: address = self.entries[requestHash].validator
    assert validator != empty(address), "unknown"
    assert msg.sender == validator, "not validator"
    assert response <= MAX_RESPONSE, "resp>100"
    self.entries[requestHash].response = response
    self.entries[requestHash].response_hash = responseHash
    self.entries[requestHash].tag = tag
    self.entries[requestHash].updated = block.timestamp
    self.entries[requestHash].is_answered = True
    log ValidationResponse(
        validatorAddress=validator,
        agentId=self.entries[requestHash].agent,
        requestHash=requestHash,
        response=response,
        responseURI=responseURI,
        responseHash=responseHash,
        tag=tag,
    )
