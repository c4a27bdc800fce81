# pragma version 0.4.3
"""
@title Negative-risk adapter stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: the ledger of events of exclusive questions, of which one at most resolves to
        YES (VENUE c2). It is the oracle of its conditions; whoever prepares an event is the event's
        oracle, may add questions to it later and reports. Splits, merges and redeems outcome tokens
        against USDC.e, and converts NO tokens of several questions into YES tokens of the others and
        collateral, less a fee that its vault gets. Users come by NegRiskCollateralAdapter. After
        resolution all of it still works. Refusals are the venue's four-byte errors.
        Leaves out the operator with its flags, the functions of ConditionalTokens' own shape, and
        ERC-1155 moves by admins. Its own is `prepareRecordedMarket`.
"""

from ethereum.ercs import IERC20

from contracts.devnet.modules import moving
from contracts.devnet.modules import token_receiver

exports: token_receiver.__interface__


interface ITokens:
    def prepareCondition(oracle: address, question_id: bytes32, outcomes: uint256): nonpayable
    def reportPayouts(question_id: bytes32, payouts: DynArray[uint256, 2]): nonpayable
    def getOutcomeSlotCount(condition_id: bytes32) -> uint256: view
    def getCollectionId(parent: bytes32, condition_id: bytes32, index_set: uint256) -> bytes32: view
    def splitPosition(collateral: address, parent: bytes32, condition_id: bytes32, partition: DynArray[uint256, 2], amount: uint256): nonpayable
    def mergePositions(collateral: address, parent: bytes32, condition_id: bytes32, partition: DynArray[uint256, 2], amount: uint256): nonpayable
    def redeemPositions(collateral: address, parent: bytes32, condition_id: bytes32, index_sets: DynArray[uint256, 2]): nonpayable
    def safeBatchTransferFrom(sender: address, to: address, ids: DynArray[uint256, MAX_QUESTIONS], amounts: DynArray[uint256, MAX_QUESTIONS], data: Bytes[32]): nonpayable


interface IWrapped:
    def wrap(to: address, amount: uint256): nonpayable
    def unwrap(to: address, amount: uint256): nonpayable
    def mint(amount: uint256): nonpayable
    def release(to: address, amount: uint256): nonpayable


struct Market:
    oracle: address
    fee_bips: uint256
    questions: uint256  # how many
    determined: bool  # one of them was YES
    result: uint256  # which


event MarketPrepared:
    marketId: indexed(bytes32)
    oracle: indexed(address)
    feeBips: uint256
    data: Bytes[MAX_DATA]


event QuestionPrepared:
    marketId: indexed(bytes32)
    questionId: indexed(bytes32)
    index: uint256
    data: Bytes[MAX_DATA]


event OutcomeReported:
    marketId: indexed(bytes32)
    questionId: indexed(bytes32)
    outcome: bool


event PositionSplit:
    stakeholder: indexed(address)
    conditionId: indexed(bytes32)
    amount: uint256


event PositionsMerge:
    stakeholder: indexed(address)
    conditionId: indexed(bytes32)
    amount: uint256


event PositionsConverted:
    stakeholder: indexed(address)
    marketId: indexed(bytes32)
    indexSet: indexed(uint256)
    amount: uint256


event PayoutRedemption:
    redeemer: indexed(address)
    conditionId: indexed(bytes32)
    amounts: DynArray[uint256, 2]
    payout: uint256


MAX_QUESTIONS: constant(uint256) = 256  # the question's index is the last byte of its id
MAX_DATA: constant(uint256) = 1024  # bytes of an event's or a question's description
INDEX: constant(uint256) = 255
BIPS: constant(uint256) = 10_000
NO_TOKEN_BURN: constant(address) = 0xa5Ef39C3D3e10d0B270233af41CaC69796B12966

ctf: public(immutable(address))
col: public(immutable(address))
wcol: public(immutable(address))
vault: public(immutable(address))

markets: HashMap[bytes32, Market]


@deploy
def __init__(ctf_: address, collateral: address, wrapped: address, vault_: address):
    """
    @param ctf_ ConditionalTokens
    @param collateral USDC.e
    @param wrapped WrappedCollateral, which this contract must own
    @param vault_ Gets the fees of conversions
    """
    ctf = ctf_
    col = collateral
    wcol = wrapped
    vault = vault_
    extcall IERC20(wrapped).approve(ctf_, max_value(uint256))
    extcall IERC20(collateral).approve(wrapped, max_value(uint256))


# Views


@external
@view
def getOracle(market_id: bytes32) -> address:
    """
    @return Who reports the event.
    """
    return self.markets[market_id].oracle


@external
@view
def getQuestionCount(market_id: bytes32) -> uint256:
    """
    @return How many questions the event has so far.
    """
    return self.markets[market_id].questions


@external
@view
def getDetermined(market_id: bytes32) -> bool:
    """
    @return Whether one of its questions was YES.
    """
    return self.markets[market_id].determined


@external
@view
def getResult(market_id: bytes32) -> uint256:
    """
    @return Which one; 0 also before.
    """
    return self.markets[market_id].result


@external
@view
def getFeeBips(market_id: bytes32) -> uint256:
    """
    @return The fee of conversions.
    """
    return self.markets[market_id].fee_bips


@external
@view
def getConditionId(question_id: bytes32) -> bytes32:
    """
    @return The question's condition.
    """
    return self._condition_id(question_id)


@external
@view
def getPositionId(question_id: bytes32, outcome: bool) -> uint256:
    """
    @return The question's YES (true) or NO token.
    """
    return self._position_id(self._condition_id(question_id), outcome)


# Events and questions


@external
def prepareMarket(fee_bips: uint256, data: Bytes[MAX_DATA]) -> bytes32:
    """
    @notice Prepares an event without questions, whose oracle is the caller.
    @param fee_bips Of what a conversion gives
    @return Its id, whose last byte is 0
    """
    id: uint256 = convert(keccak256(abi_encode(msg.sender, fee_bips, data)), uint256) & ~INDEX
    market_id: bytes32 = convert(id, bytes32)
    self._prepare(market_id, fee_bips)
    log MarketPrepared(marketId=market_id, oracle=msg.sender, feeBips=fee_bips, data=data)
    return market_id


@external
def prepareRecordedMarket(market_id: bytes32, fee_bips: uint256, questions: uint256):
    """
    @notice Prepares an event under an id of the caller's choice, so that recorded events keep
            theirs, with `questions` questions. Not on the venue.
    """
    assert convert(market_id, uint256) & INDEX == 0
    self._prepare(market_id, fee_bips)
    log MarketPrepared(marketId=market_id, oracle=msg.sender, feeBips=fee_bips, data=b"")
    for i: uint256 in range(questions, bound=MAX_QUESTIONS):
        self._add_question(market_id, b"")


@external
def prepareQuestion(market_id: bytes32, data: Bytes[MAX_DATA]) -> bytes32:
    """
    @notice Adds a question to an event, at any time. The event's oracle only.
    @return Its id: the event's and, in the last byte, its index
    """
    self._check_oracle(market_id)
    return self._add_question(market_id, data)


@external
def reportOutcome(question_id: bytes32, outcome: bool):
    """
    @notice Resolves a question; at most one of an event to YES. The event's oracle only.
    """
    market_id: bytes32 = convert(convert(question_id, uint256) & ~INDEX, bytes32)
    index: uint256 = convert(question_id, uint256) & INDEX
    self._check_oracle(market_id)
    if index >= self.markets[market_id].questions:
        raw_revert(method_id("IndexOutOfBounds()"))
    if outcome:
        if self.markets[market_id].determined:
            raw_revert(method_id("MarketAlreadyDetermined()"))
        self.markets[market_id].determined = True
        self.markets[market_id].result = index
    extcall ITokens(ctf).reportPayouts(question_id, [1, 0] if outcome else [0, 1])
    log OutcomeReported(marketId=market_id, questionId=question_id, outcome=outcome)


# Positions


@external
def splitPosition(condition_id: bytes32, amount: uint256):
    """
    @notice Takes `amount` of USDC.e and gives as much of both outcome tokens.
    """
    assert moving._may_pull(col, msg.sender, self, amount), "TRANSFER_FROM_FAILED"
    extcall IWrapped(wcol).wrap(self, amount)
    extcall ITokens(ctf).splitPosition(wcol, empty(bytes32), condition_id, [1, 2], amount)
    self._send(self, msg.sender, self._pair(condition_id), [amount, amount])
    log PositionSplit(stakeholder=msg.sender, conditionId=condition_id, amount=amount)


@external
def mergePositions(condition_id: bytes32, amount: uint256):
    """
    @notice Takes `amount` of both outcome tokens and gives as much USDC.e.
    """
    self._send(msg.sender, self, self._pair(condition_id), [amount, amount])
    extcall ITokens(ctf).mergePositions(wcol, empty(bytes32), condition_id, [1, 2], amount)
    extcall IWrapped(wcol).unwrap(msg.sender, amount)
    log PositionsMerge(stakeholder=msg.sender, conditionId=condition_id, amount=amount)


@external
def redeemPositions(condition_id: bytes32, amounts: DynArray[uint256, 2]):
    """
    @notice Takes outcome tokens of a resolved condition and gives their payout.
    @param amounts Of YES, of NO
    """
    self._send(msg.sender, self, self._pair(condition_id), amounts)
    extcall ITokens(ctf).redeemPositions(wcol, empty(bytes32), condition_id, [1, 2])
    payout: uint256 = staticcall IERC20(wcol).balanceOf(self)
    if payout != 0:
        extcall IWrapped(wcol).unwrap(msg.sender, payout)
    log PayoutRedemption(
        redeemer=msg.sender, conditionId=condition_id, amounts=amounts, payout=payout
    )


@external
def convertPositions(market_id: bytes32, index_set: uint256, amount: uint256):
    """
    @notice Takes `amount` of NO of each question in `index_set`, gives as much YES of every other
            question of the event and (how many - 1) * amount of USDC.e, both less the fee.
    @dev down: the fee, in favour of the caller, as on the venue.
    """
    market: Market = self.markets[market_id]
    if market.oracle == empty(address):
        raw_revert(method_id("MarketNotPrepared()"))
    if market.questions <= 1:
        raw_revert(method_id("NoConvertiblePositions()"))
    if index_set == 0 or index_set >> market.questions != 0:
        raw_revert(method_id("InvalidIndexSet()"))
    if amount == 0:
        return
    taken: DynArray[uint256, MAX_QUESTIONS] = []  # NO inside the set
    given: DynArray[uint256, MAX_QUESTIONS] = []  # YES outside of it
    burnt: DynArray[uint256, MAX_QUESTIONS] = []  # NO outside of it
    for i: uint256 in range(market.questions, bound=MAX_QUESTIONS):
        condition_id: bytes32 = self._condition_id(self._question(market_id, i))
        no: uint256 = self._position_id(condition_id, False)
        if (index_set >> i) & 1 != 0:
            taken.append(no)
        else:
            given.append(self._position_id(condition_id, True))
            burnt.append(no)
            extcall IWrapped(wcol).mint(amount)
            extcall ITokens(ctf).splitPosition(wcol, empty(bytes32), condition_id, [1, 2], amount)
    self._send(msg.sender, NO_TOKEN_BURN, taken, self._each(amount, len(taken)))
    self._send(self, NO_TOKEN_BURN, burnt, self._each(amount, len(burnt)))
    fee: uint256 = amount * market.fee_bips // BIPS
    sets: uint256 = len(taken) - 1
    if sets != 0:
        if fee != 0:
            extcall IWrapped(wcol).release(vault, sets * fee)
        extcall IWrapped(wcol).release(msg.sender, sets * (amount - fee))
    if len(given) != 0:
        if fee != 0:
            self._send(self, vault, given, self._each(fee, len(given)))
        self._send(self, msg.sender, given, self._each(amount - fee, len(given)))
    log PositionsConverted(
        stakeholder=msg.sender, marketId=market_id, indexSet=index_set, amount=amount
    )


# Internal


@internal
def _prepare(market_id: bytes32, fee_bips: uint256):
    if self.markets[market_id].oracle != empty(address):
        raw_revert(method_id("MarketAlreadyPrepared()"))
    if fee_bips > BIPS:
        raw_revert(method_id("FeeBipsOutOfBounds()"))
    self.markets[market_id].oracle = msg.sender
    self.markets[market_id].fee_bips = fee_bips


@internal
def _add_question(market_id: bytes32, data: Bytes[MAX_DATA]) -> bytes32:
    index: uint256 = self.markets[market_id].questions
    assert index < INDEX
    self.markets[market_id].questions = index + 1
    question_id: bytes32 = self._question(market_id, index)
    if staticcall ITokens(ctf).getOutcomeSlotCount(self._condition_id(question_id)) == 0:
        extcall ITokens(ctf).prepareCondition(self, question_id, 2)
    log QuestionPrepared(marketId=market_id, questionId=question_id, index=index, data=data)
    return question_id


@internal
@view
def _check_oracle(market_id: bytes32):
    oracle: address = self.markets[market_id].oracle
    if oracle == empty(address):
        raw_revert(method_id("MarketNotPrepared()"))
    if oracle != msg.sender:
        raw_revert(method_id("OnlyOracle()"))


@internal
def _send(
    sender: address,
    to: address,
    ids: DynArray[uint256, MAX_QUESTIONS],
    amounts: DynArray[uint256, MAX_QUESTIONS],
):
    extcall ITokens(ctf).safeBatchTransferFrom(sender, to, ids, amounts, b"")


@internal
@pure
def _each(amount: uint256, count: uint256) -> DynArray[uint256, MAX_QUESTIONS]:
    amounts: DynArray[uint256, MAX_QUESTIONS] = []
    for i: uint256 in range(count, bound=MAX_QUESTIONS):
        amounts.append(amount)
    return amounts


@internal
@pure
def _question(market_id: bytes32, index: uint256) -> bytes32:
    return convert(convert(market_id, uint256) | index, bytes32)


@internal
@view
def _condition_id(question_id: bytes32) -> bytes32:
    outcomes: uint256 = 2
    return keccak256(concat(convert(self, bytes20), question_id, convert(outcomes, bytes32)))


@internal
@view
def _pair(condition_id: bytes32) -> DynArray[uint256, 2]:
    return [self._position_id(condition_id, True), self._position_id(condition_id, False)]


@internal
@view
def _position_id(condition_id: bytes32, outcome: bool) -> uint256:
    collection: bytes32 = staticcall ITokens(ctf).getCollectionId(
        empty(bytes32), condition_id, 1 if outcome else 2
    )
    return convert(keccak256(concat(convert(wcol, bytes20), collection)), uint256)
