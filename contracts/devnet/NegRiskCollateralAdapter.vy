# pragma version 0.4.3
"""
@title Negative-risk collateral adapter stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: the way to the negative-risk adapter for holders of pUSD (VENUE c2): splits,
        merges and redeems with ConditionalTokens' own function signatures, of which only condition
        and amount count, and converts NO tokens of an event's questions. Redeeming takes all of the
        caller's tokens. An admin may pause USDC.e.
"""

from ethereum.ercs import IERC20

from contracts.devnet.modules import asset_pause
from contracts.devnet.modules import collateral_front as front
from contracts.devnet.modules import token_receiver
from contracts.interfaces import ICollateralAdapter
from contracts.interfaces import INegRiskAdapter

implements: ICollateralAdapter
implements: INegRiskAdapter

initializes: asset_pause
initializes: front

exports: (asset_pause.__interface__, front.__interface__, token_receiver.__interface__)


interface ITokens:
    def balanceOf(owner: address, id: uint256) -> uint256: view
    def getCollectionId(parent: bytes32, condition_id: bytes32, index_set: uint256) -> bytes32: view
    def setApprovalForAll(operator: address, approved: bool): nonpayable
    def safeBatchTransferFrom(sender: address, to: address, ids: DynArray[uint256, MAX_QUESTIONS], amounts: DynArray[uint256, MAX_QUESTIONS], data: Bytes[32]): nonpayable


interface ILedger:
    def wcol() -> address: view
    def getQuestionCount(market_id: bytes32) -> uint256: view
    def getFeeBips(market_id: bytes32) -> uint256: view
    def getPositionId(question_id: bytes32, outcome: bool) -> uint256: view
    def splitPosition(condition_id: bytes32, amount: uint256): nonpayable
    def mergePositions(condition_id: bytes32, amount: uint256): nonpayable
    def redeemPositions(condition_id: bytes32, amounts: DynArray[uint256, 2]): nonpayable
    def convertPositions(market_id: bytes32, index_set: uint256, amount: uint256): nonpayable


MAX_QUESTIONS: constant(uint256) = 256
BIPS: constant(uint256) = 10_000

CONDITIONAL_TOKENS: public(immutable(address))
NEG_RISK_ADAPTER: public(immutable(address))
WRAPPED_COLLATERAL: public(immutable(address))


@deploy
def __init__(ctf: address, collateral: address, usdce: address, neg_risk_adapter: address):
    """
    @param ctf ConditionalTokens
    @param collateral pUSD, whose wrapper this contract must be
    @param usdce USDC.e
    @param neg_risk_adapter NegRiskAdapter
    """
    asset_pause.__init__()
    front.__init__(collateral, usdce)
    CONDITIONAL_TOKENS = ctf
    NEG_RISK_ADAPTER = neg_risk_adapter
    WRAPPED_COLLATERAL = staticcall ILedger(neg_risk_adapter).wcol()
    extcall IERC20(usdce).approve(neg_risk_adapter, max_value(uint256))
    extcall ITokens(ctf).setApprovalForAll(neg_risk_adapter, True)


@external
def splitPosition(
    collateral: address, parent_collection_id: bytes32, condition_id: bytes32, partition: DynArray[uint256, 2], amount: uint256
):
    """
    @notice Takes `amount` of pUSD and gives as much of both outcome tokens.
    """
    asset_pause._check_unpaused(front.USDCE)
    front._take(msg.sender, amount)
    extcall ILedger(NEG_RISK_ADAPTER).splitPosition(condition_id, amount)
    self._send(self, msg.sender, self._pair(condition_id), [amount, amount])


@external
def mergePositions(
    collateral: address, parent_collection_id: bytes32, condition_id: bytes32, partition: DynArray[uint256, 2], amount: uint256
):
    """
    @notice Takes `amount` of both outcome tokens and gives as much pUSD.
    """
    asset_pause._check_unpaused(front.USDCE)
    self._send(msg.sender, self, self._pair(condition_id), [amount, amount])
    extcall ILedger(NEG_RISK_ADAPTER).mergePositions(condition_id, amount)
    front._give(msg.sender, amount)


@external
def redeemPositions(
    collateral: address, parent_collection_id: bytes32, condition_id: bytes32, index_sets: DynArray[uint256, 2]
):
    """
    @notice Takes all of the caller's outcome tokens of a resolved condition and gives the payout.
    """
    asset_pause._check_unpaused(front.USDCE)
    pair: DynArray[uint256, 2] = self._pair(condition_id)
    self._send(msg.sender, self, pair, self._balances(msg.sender, pair))
    extcall ILedger(NEG_RISK_ADAPTER).redeemPositions(condition_id, self._balances(self, pair))
    front._give_all(msg.sender)


@external
def convertPositions(market: bytes32, index_set: uint256, amount: uint256):
    """
    @notice Takes `amount` of NO of each question in `index_set`, gives as much YES of every other
            question of the event, also of those that were added later, and (how many - 1) * amount
            of pUSD, both less the event's fee.
    """
    asset_pause._check_unpaused(front.USDCE)
    taken: DynArray[uint256, MAX_QUESTIONS] = []
    given: DynArray[uint256, MAX_QUESTIONS] = []
    count: uint256 = staticcall ILedger(NEG_RISK_ADAPTER).getQuestionCount(market)
    for i: uint256 in range(count, bound=MAX_QUESTIONS):
        question: bytes32 = convert(convert(market, uint256) | i, bytes32)
        if (index_set >> i) & 1 != 0:
            taken.append(staticcall ILedger(NEG_RISK_ADAPTER).getPositionId(question, False))
        else:
            given.append(staticcall ILedger(NEG_RISK_ADAPTER).getPositionId(question, True))
    self._send(msg.sender, self, taken, self._each(amount, len(taken)))
    extcall ILedger(NEG_RISK_ADAPTER).convertPositions(market, index_set, amount)
    fee: uint256 = amount * staticcall ILedger(NEG_RISK_ADAPTER).getFeeBips(market) // BIPS
    self._send(self, msg.sender, given, self._each(amount - fee, len(given)))
    if staticcall IERC20(front.USDCE).balanceOf(self) != 0:
        front._give_all(msg.sender)


@internal
def _send(
    sender: address,
    to: address,
    ids: DynArray[uint256, MAX_QUESTIONS],
    amounts: DynArray[uint256, MAX_QUESTIONS],
):
    extcall ITokens(CONDITIONAL_TOKENS).safeBatchTransferFrom(sender, to, ids, amounts, b"")


@internal
@pure
def _each(amount: uint256, count: uint256) -> DynArray[uint256, MAX_QUESTIONS]:
    amounts: DynArray[uint256, MAX_QUESTIONS] = []
    for i: uint256 in range(count, bound=MAX_QUESTIONS):
        amounts.append(amount)
    return amounts


@internal
@view
def _balances(owner: address, pair: DynArray[uint256, 2]) -> DynArray[uint256, 2]:
    return [
        staticcall ITokens(CONDITIONAL_TOKENS).balanceOf(owner, pair[0]),
        staticcall ITokens(CONDITIONAL_TOKENS).balanceOf(owner, pair[1]),
    ]


@internal
@view
def _pair(condition_id: bytes32) -> DynArray[uint256, 2]:
    return [self._position_id(condition_id, 1), self._position_id(condition_id, 2)]


@internal
@view
def _position_id(condition_id: bytes32, index_set: uint256) -> uint256:
    collection: bytes32 = staticcall ITokens(CONDITIONAL_TOKENS).getCollectionId(
        empty(bytes32), condition_id, index_set
    )
    return convert(keccak256(concat(convert(WRAPPED_COLLATERAL, bytes20), collection)), uint256)
