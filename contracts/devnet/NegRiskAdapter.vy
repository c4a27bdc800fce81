# pragma version 0.4.3
"""
@title Negative-risk adapter stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: events of exclusive questions, of which one at most resolves to YES; splits,
        merges and redeems their outcome tokens against pUSD, and converts NO tokens of several
        questions into YES tokens of the others and collateral. It is the oracle of its conditions.
        One contract for the venue's two (the adapter and its pUSD front). Leaves out the fee on
        conversions, the operator with its delays and flags, and adding questions to an event.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import ICollateralAdapter
from contracts.interfaces import IConditionalTokens
from contracts.interfaces import INegRiskAdapter

implements: ICollateralAdapter
implements: INegRiskAdapter


interface IPUsd:
    def wrap(to: address, amount: uint256): nonpayable
    def unwrap(to: address, amount: uint256): nonpayable


interface IWrapped:
    def mint(to: address, amount: uint256): nonpayable
    def burn(amount: uint256): nonpayable


interface IOracleOf:
    def prepareCondition(oracle: address, question_id: bytes32, outcomes: uint256): nonpayable
    def reportPayouts(question_id: bytes32, payouts: DynArray[uint256, 2]): nonpayable


event MarketPrepared:
    market: indexed(bytes32)
    questions: uint256


event PositionsConverted:
    stakeholder: indexed(address)
    market: indexed(bytes32)
    indexSet: indexed(uint256)
    amount: uint256


event OutcomeReported:
    market: indexed(bytes32)
    questionId: indexed(bytes32)
    outcome: bool


MAX_QUESTIONS: constant(uint256) = 64
INDEX: constant(uint256) = 255  # the question's index is the last byte of its id
NO_TOKEN_BURN: constant(address) = 0x000000000000000000000000000000000000dEaD

CTF: public(immutable(address))
COLLATERAL: public(immutable(address))
BACKING: public(immutable(address))
WRAPPED: public(immutable(address))

admin: public(address)
questions: public(HashMap[bytes32, uint256])  # event -> how many
determined: public(HashMap[bytes32, bool])  # event -> one of its questions was YES


@deploy
def __init__(ctf: address, collateral: address, backing: address, wrapped: address):
    """
    @param ctf ConditionalTokens
    @param collateral pUSD
    @param backing USDC.e
    @param wrapped WrappedCollateral, which this contract must own
    """
    CTF = ctf
    COLLATERAL = collateral
    BACKING = backing
    WRAPPED = wrapped
    self.admin = msg.sender
    extcall IERC20(wrapped).approve(ctf, max_value(uint256))
    extcall IERC20(backing).approve(collateral, max_value(uint256))


@external
def prepareMarket(market: bytes32, count: uint256):
    """
    @notice Prepares an event of `count` questions under an id of the caller's choice, so that
            recorded events keep theirs. Admin only.
    """
    assert msg.sender == self.admin, "NotAdmin"
    assert convert(market, uint256) & INDEX == 0 and self.questions[market] == 0, "InvalidMarket"
    assert count > 1 and count <= MAX_QUESTIONS, "InvalidMarket"
    self.questions[market] = count
    for i: uint256 in range(count, bound=MAX_QUESTIONS):
        extcall IOracleOf(CTF).prepareCondition(self, self._question(market, i), 2)
    log MarketPrepared(market=market, questions=count)


@external
def reportOutcome(question_id: bytes32, outcome: bool):
    """
    @notice Resolves a question; at most one of an event to YES. Admin only.
    """
    assert msg.sender == self.admin, "NotAdmin"
    market: bytes32 = convert(convert(question_id, uint256) & ~INDEX, bytes32)
    if outcome:
        assert not self.determined[market], "MarketAlreadyDetermined"
        self.determined[market] = True
    log OutcomeReported(market=market, questionId=question_id, outcome=outcome)
    extcall IOracleOf(CTF).reportPayouts(question_id, [1, 0] if outcome else [0, 1])


@external
@nonreentrant
def splitPosition(
    collateral: address, parent_collection_id: bytes32, condition_id: bytes32, partition: DynArray[uint256, 2], amount: uint256
):
    """
    @notice Takes `amount` of pUSD and gives as much of both outcome tokens.
    """
    extcall IERC20(COLLATERAL).transferFrom(msg.sender, self, amount)
    extcall IPUsd(COLLATERAL).unwrap(self, amount)
    self._mint_sets(condition_id, amount)
    for index_set: uint256 in range(1, 3):
        self._send(self._position_id(condition_id, index_set), msg.sender, amount)


@external
@nonreentrant
def mergePositions(
    collateral: address, parent_collection_id: bytes32, condition_id: bytes32, partition: DynArray[uint256, 2], amount: uint256
):
    """
    @notice Takes `amount` of both outcome tokens and gives as much pUSD.
    """
    for index_set: uint256 in range(1, 3):
        extcall IConditionalTokens(CTF).safeTransferFrom(
            msg.sender, self, self._position_id(condition_id, index_set), amount, b""
        )
    extcall IConditionalTokens(CTF).mergePositions(WRAPPED, empty(bytes32), condition_id, [1, 2], amount)
    extcall IWrapped(WRAPPED).burn(amount)
    extcall IPUsd(COLLATERAL).wrap(msg.sender, amount)


@external
@nonreentrant
def redeemPositions(
    collateral: address, parent_collection_id: bytes32, condition_id: bytes32, index_sets: DynArray[uint256, 2]
):
    """
    @notice Takes all of the caller's outcome tokens of a resolved condition and gives the payout.
    """
    for index_set: uint256 in range(1, 3):
        id: uint256 = self._position_id(condition_id, index_set)
        extcall IConditionalTokens(CTF).safeTransferFrom(
            msg.sender, self, id, staticcall IConditionalTokens(CTF).balanceOf(msg.sender, id), b""
        )
    before: uint256 = staticcall IERC20(WRAPPED).balanceOf(self)
    extcall IConditionalTokens(CTF).redeemPositions(WRAPPED, empty(bytes32), condition_id, [1, 2])
    paid: uint256 = staticcall IERC20(WRAPPED).balanceOf(self) - before
    extcall IWrapped(WRAPPED).burn(paid)
    extcall IPUsd(COLLATERAL).wrap(msg.sender, paid)


@external
@nonreentrant
def convertPositions(market: bytes32, index_set: uint256, amount: uint256):
    """
    @notice Takes `amount` of NO of each question in `index_set`, gives as much YES of every other
            question of the event and (how many - 1) * amount of pUSD.
    """
    count: uint256 = self.questions[market]
    assert count != 0 and amount != 0, "InvalidMarket"
    assert index_set != 0 and index_set >> count == 0, "InvalidIndexSet"
    taken: uint256 = 0
    for i: uint256 in range(count, bound=MAX_QUESTIONS):
        condition_id: bytes32 = self._condition(market, i)
        if (index_set >> i) & 1 != 0:
            taken += 1
            extcall IConditionalTokens(CTF).safeTransferFrom(
                msg.sender, NO_TOKEN_BURN, self._position_id(condition_id, 2), amount, b""
            )
        else:
            self._mint_sets(condition_id, amount)
            self._send(self._position_id(condition_id, 2), NO_TOKEN_BURN, amount)
            self._send(self._position_id(condition_id, 1), msg.sender, amount)
    assert taken < count, "InvalidIndexSet"
    log PositionsConverted(stakeholder=msg.sender, market=market, indexSet=index_set, amount=amount)
    if taken > 1:
        extcall IPUsd(COLLATERAL).wrap(msg.sender, (taken - 1) * amount)


@external
@view
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice ERC-165: itself and the ERC-1155 receiver.
    """
    return interface_id in [0x01ffc9a7, 0x4e2312e0]


@external
def onERC1155Received(
    operator: address, sender: address, id: uint256, amount: uint256, data: Bytes[32]
) -> bytes4:
    """
    @notice Accepts outcome tokens from ConditionalTokens.
    """
    assert msg.sender == CTF, "foreign token"
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
    @notice Accepts outcome tokens from ConditionalTokens.
    """
    assert msg.sender == CTF, "foreign token"
    return method_id(
        "onERC1155BatchReceived(address,address,uint256[],uint256[],bytes)", output_type=bytes4
    )


@internal
def _mint_sets(condition_id: bytes32, amount: uint256):
    extcall IWrapped(WRAPPED).mint(self, amount)
    extcall IConditionalTokens(CTF).splitPosition(WRAPPED, empty(bytes32), condition_id, [1, 2], amount)


@internal
def _send(position_id: uint256, to: address, amount: uint256):
    extcall IConditionalTokens(CTF).safeTransferFrom(self, to, position_id, amount, b"")


@internal
@pure
def _question(market: bytes32, index: uint256) -> bytes32:
    return convert(convert(market, uint256) | index, bytes32)


@internal
@view
def _condition(market: bytes32, index: uint256) -> bytes32:
    outcomes: uint256 = 2
    return keccak256(
        concat(
            convert(self, bytes20), self._question(market, index), convert(outcomes, bytes32)
        )
    )


@internal
@view
def _position_id(condition_id: bytes32, index_set: uint256) -> uint256:
    collection: bytes32 = staticcall IConditionalTokens(CTF).getCollectionId(empty(bytes32), condition_id, index_set)
    return convert(keccak256(concat(convert(WRAPPED, bytes20), collection)), uint256)
