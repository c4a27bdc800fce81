# pragma version 0.4.3
"""
@title Position account
@license AGPL-3.0-only
@author Strongroom
@notice Holds one market's budget and positions on the venue's second protocol (Protocol V2). It is
        maker and signer of that market's orders at Exchange V3 (signature type 3, EIP-1271) and
        pays only from its own balance. Custody grade: enforced.
@dev An implementation that vaults clone, see contracts/modules/account.vy; of its clones' arguments
     each condition's id is the word of its YES. The module of an id (contracts/modules/
     position_ids.vy) splits, merges and redeems what already lies in it, for whoever calls, so
     this account sends and calls in one transaction and never approves it. Which contract that is,
     the ledger says at each call.
     The ledger calls no hook when it mints or moves: what is here is read by balanceOf, anyone can
     give anything, and positions of other markets that are given here stay here for ever.
     The protocol knows no registry of questions: every 31 bytes can be split and traded. So
     `describe` checks ids itself: module 1 or 2, resolved on this chain, fields that stand for
     nothing are 0, a question of an event below its arity, or Other at it. Whether anyone will
     ever resolve a question no contract can say.
@custom:security Lead out: an order that `isValidSignature` admits, the module inside a call,
        `recall` to the vault, a holder's exit in kind, which only the vault calls.
        Everything here is worth what the ledger's owner makes of it. He can upgrade ledger,
        modules, exchange and pUSD after a timelock of his own; an admin can add and remove modules
        at once, and each module mints what it likes; a bridge mints positions that nothing backs.
        No check of this account changes that, a cap does: the class's cap is the most that vaults
        lose by it, whatever he does.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IMarketAccount
from contracts.interfaces import IPositionManager
from contracts.interfaces import IPositionModule
from contracts.modules import account
from contracts.modules import orders
from contracts.modules import position_ids as ids
from contracts.modules import units

implements: IMarketAccount

initializes: account
initializes: orders[account := account]

exports: (
    account.vault,
    account.market,
    account.question,
    account.classId,
    account.deadline,
    account.halted,
    account.conditions,
    account.tokenIds,
    account.away,
    account.recall,
    account.COLLATERAL,
    orders.__interface__,
)


event EventSplit:
    amount: uint256


event EventMerged:
    amount: uint256


RESULT_WHOLE: constant(uint256) = 1_000_000  # what a result's two numbers add up to


@deploy
def __init__(exchange: address, position_manager: address):
    """
    @param exchange Exchange V3, whose orders the accounts sign
    @param position_manager The ledger; its collateral is the vault's asset
    """
    collateral: address = staticcall IPositionManager(position_manager).COLLATERAL_TOKEN()
    account.__init__(position_manager, collateral, collateral, position_manager, True)
    orders.__init__(exchange, "3")


# Views


@external
@view
def grade() -> uint256:
    """
    @return 1: enforced, only what this code admits can trade the budget.
    """
    return 1


@external
@view
def POSITION_MANAGER() -> address:
    """
    @return The ledger.
    """
    return account.CTF


@external
@view
def tradable() -> bool:
    """
    @return Not halted, before the deadline, and not resolved entirely.
    """
    return (
        not account._halted()
        and block.timestamp < account._number(account.DEADLINE)
        and self._resolved() < account._number(account.COUNT)
    )


@external
@view
def resolved() -> uint256:
    """
    @return How many conditions have a result, reported or derived.
    """
    return self._resolved()


@external
@view
def positions() -> (uint256, DynArray[IMarketAccount.Position, units.MAX_CONDITIONS]):
    """
    @return Collateral held, and each condition's positions and result.
    """
    module: IPositionModule = self._module()
    held: DynArray[IMarketAccount.Position, units.MAX_CONDITIONS] = []
    for i: uint256 in range(account._number(account.COUNT), bound=units.MAX_CONDITIONS):
        yes: uint256 = account._token(2 * i)
        position: IMarketAccount.Position = IMarketAccount.Position(
            yes=self._balance(yes),
            no=self._balance(yes + 1),
            payout_yes=0,
            payout_no=0,
            payout_denominator=0,
        )
        result: DynArray[uint256, 2] = self._result(module, yes)
        if len(result) == 2:
            position.payout_yes = result[0]
            position.payout_no = result[1]
            position.payout_denominator = RESULT_WHOLE
        held.append(position)
    return staticcall IERC20(account.COLLATERAL).balanceOf(self), held


@external
@view
def isValidSignature(hash: bytes32, signature: Bytes[orders.MAX_ENVELOPE]) -> bytes4:
    """
    @notice EIP-1271. Admits an order of this market that the keeper's Safe signed for this
            account, while everything that bounds it holds.
    @param hash EIP-712 hash of the order in the exchange's domain
    @param signature abi.encode(Order order, uint256 expiry, bytes keeper_signature)
    @return 0x1626ba7e if admitted, else 0xffffffff; bytes that do not decode revert.
    """
    order: orders.Order = empty(orders.Order)
    expiry: uint256 = 0
    keeper_signature: Bytes[orders.MAX_SIGNATURE] = b""
    order, expiry, keeper_signature = abi_decode(
        signature, (orders.Order, uint256, Bytes[orders.MAX_SIGNATURE])
    )
    if orders._order_hash(order) != hash:
        return orders.EIP1271_REFUSED
    admitted: bool = False
    condition: bytes32 = empty(bytes32)
    admitted, condition = orders._admits(order, self, hash, expiry, keeper_signature)
    if not admitted or len(self._result(self._module(), convert(condition, uint256))) != 0:
        return orders.EIP1271_REFUSED
    return orders.EIP1271_MAGIC


@external
@view
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice ERC-165: itself and EIP-1271. No receiver: the ledger's safe transfers are refused.
    """
    return interface_id in [0x01ffc9a7, 0x1626ba7e]


# The vault's side


@external
@view
def describe(oracle: address, question_id: bytes32, count: uint256) -> (bytes32, Bytes[3136]):
    """
    @notice What a clone for this market must carry in its code.
    @param oracle The module that the question is of, as the ledger has it
    @param question_id The condition's 31 bytes, or the event's 29, with zeros behind
    @param count 1; of an event, its first questions; its arity and 1 more for all and Other
    @return The question, which is `question_id`; and for each condition its id, YES and NO
    """
    first: uint256 = convert(question_id, uint256)
    module_id: uint256 = ids._module(first)
    assert module_id in [ids.BINARY, ids.NEGATIVE_RISK], "unknown module"
    assert (
        staticcall IPositionManager(account.CTF).moduleById(module_id) == oracle
    ), "not the question's module"
    assert ids._is_root(first), "bad question id"
    if module_id == ids.BINARY:
        assert ids._arity(first) == 0, "bad question id"
        assert count == 1, "bad condition count"
    else:
        assert ids._arity(first) >= 2, "bad event id"
        assert (
            count != 0 and count <= min(ids._arity(first) + 1, units.MAX_CONDITIONS)
        ), "bad condition count"
    parts: DynArray[uint256, 3 * units.MAX_CONDITIONS] = []
    for i: uint256 in range(count, bound=units.MAX_CONDITIONS):
        yes: uint256 = ids._of_event(ids._event(first), i)
        parts.append(yes)
        parts.append(yes)
        parts.append(yes + 1)
    encoded: Bytes[3 * 32 * units.MAX_CONDITIONS + 64] = abi_encode(parts)
    return question_id, slice(encoded, 64, 96 * count)


@external
@nonreentrant
def initialize():
    """
    @notice Grants the exchange its approvals. Vault only, when it has made the clone.
    """
    assert msg.sender == account._vault(), "not the vault"
    orders._approve_exchange(True)


@external
@nonreentrant
def payInKind(receiver: address, shares: uint256, supply: uint256) -> uint256:
    """
    @notice Sends `shares` / `supply` of the collateral and of every position held to `receiver`,
            who is not asked: so nobody's code can hold up an exit. Vault only.
    @return The collateral sent
    @dev down: what is left belongs to those who stay.
    """
    assets: uint256 = account._pay_collateral(receiver, shares, supply)
    tokens: DynArray[uint256, 2 * units.MAX_CONDITIONS] = []
    amounts: DynArray[uint256, 2 * units.MAX_CONDITIONS] = []
    for i: uint256 in range(2 * account._number(account.COUNT), bound=2 * units.MAX_CONDITIONS):
        token: uint256 = account._token(i)
        amount: uint256 = self._balance(token) * shares // supply
        if amount != 0:
            tokens.append(token)
            amounts.append(amount)
    if len(tokens) != 0:
        extcall IPositionManager(account.CTF).unsafeBatchTransferFrom(self, receiver, tokens, amounts)
    return assets


# The switch


@external
@nonreentrant
def halt():
    """
    @notice Kills every order for ever, pre-approved ones too: bumps the epoch, withdraws the
            collateral allowance and the ledger's approval. Also pauses the account at the
            exchange, as an extra that may fail and takes effect later. Keeper, guardian or owner;
            the vault when the market is closed; anyone in wind-down.
    """
    account._halt()
    orders._leave_exchange()


# Complete sets and results


@external
@nonreentrant
def split(condition: uint256, amount: uint256):
    """
    @notice Turns collateral into complete sets of one condition. Keeper only, while tradable.
    """
    account._check_may_trade()
    id: bytes31 = ids._condition(convert(account._condition(condition), uint256))
    log account.Split(condition=condition, amount=amount)
    module: IPositionModule = self._module()
    self._pay(module, amount)
    extcall module.split([self, self], id, amount)


@external
@nonreentrant
def merge(condition: uint256, amount: uint256):
    """
    @notice Turns complete sets of one condition back into collateral. Keeper, guardian or owner;
            anyone in wind-down.
    """
    assert account._may_make_safer(), "not allowed to merge"
    yes: uint256 = convert(account._condition(condition), uint256)
    log account.Merged(condition=condition, amount=amount)
    module: IPositionModule = self._module()
    self._send(module, yes, amount)
    self._send(module, yes + 1, amount)
    extcall module.merge(self, ids._condition(yes), amount)


@external
@nonreentrant
def splitEvent(amount: uint256):
    """
    @notice Turns collateral into YES of every question of the event and of Other. Keeper only,
            while tradable; a market over its whole event only.
    """
    account._check_may_trade()
    event_id: bytes29 = self._whole_event()
    log EventSplit(amount=amount)
    module: IPositionModule = self._module()
    self._pay(module, amount)
    extcall module.horizontalSplit(self, event_id, amount)


@external
@nonreentrant
def mergeEvent(amount: uint256):
    """
    @notice Turns YES of every question of the event and of Other back into collateral. Keeper,
            guardian or owner; anyone in wind-down; a market over its whole event only.
    """
    assert account._may_make_safer(), "not allowed to merge"
    event_id: bytes29 = self._whole_event()
    log EventMerged(amount=amount)
    module: IPositionModule = self._module()
    for i: uint256 in range(account._number(account.COUNT), bound=units.MAX_CONDITIONS):
        self._send(module, account._token(2 * i), amount)
    extcall module.horizontalMerge(self, event_id, amount)


@external
@nonreentrant
def convertPositions(condition: uint256, amount: uint256):
    """
    @notice Turns NO of one condition into as much YES of every other and of Other. Keeper only,
            while tradable; a market over its whole event only, else positions of other markets
            would come in.
    """
    account._check_may_trade()
    yes: uint256 = convert(account._condition(condition), uint256)
    event_id: bytes29 = self._whole_event()
    log account.Converted(index_set=2**condition, amount=amount)
    module: IPositionModule = self._module()
    self._send(module, yes + 1, amount)
    extcall module.convert(self, event_id, condition, amount)


@external
@nonreentrant
def redeem(condition: uint256) -> uint256:
    """
    @notice Turns a resolved condition's positions into their payout. Anyone may call.
    @return The collateral that came in
    """
    yes: uint256 = convert(account._condition(condition), uint256)
    module: IPositionModule = self._module()
    assert len(self._result(module, yes)) != 0, "not resolved"
    return self._redeem(module, condition, yes)


@external
@nonreentrant
def redeemResolved() -> uint256:
    """
    @notice Turns the positions of every resolved condition into their payout. Anyone may call.
    @return The collateral that came in
    """
    module: IPositionModule = self._module()
    assets: uint256 = 0
    for i: uint256 in range(account._number(account.COUNT), bound=units.MAX_CONDITIONS):
        yes: uint256 = account._token(2 * i)
        if len(self._result(module, yes)) == 0:
            continue
        if self._balance(yes) != 0 or self._balance(yes + 1) != 0:
            assets += self._redeem(module, i, yes)
    return assets


# Internal


@internal
@view
def _module() -> IPositionModule:
    """
    @return The module of this market's ids, as the ledger has it now; zero if it was removed.
    """
    id: uint256 = ids._module(convert(account._word(account.QUESTION), uint256))
    return IPositionModule(staticcall IPositionManager(account.CTF).moduleById(id))


@internal
@view
def _balance(token: uint256) -> uint256:
    return staticcall IPositionManager(account.CTF).balanceOf(self, token)


@internal
@view
def _result(module: IPositionModule, yes: uint256) -> DynArray[uint256, 2]:
    """
    @return What YES and NO get of RESULT_WHOLE; nothing: no result yet, or nobody who could say.
    """
    if module.address == empty(address):
        return []
    return staticcall module.getResult(ids._condition(yes))


@internal
@view
def _resolved() -> uint256:
    module: IPositionModule = self._module()
    count: uint256 = 0
    for i: uint256 in range(account._number(account.COUNT), bound=units.MAX_CONDITIONS):
        if len(self._result(module, account._token(2 * i))) != 0:
            count += 1
    return count


@internal
@view
def _whole_event() -> bytes29:
    """
    @return The event, of which this market must have every question and Other.
    """
    first: uint256 = convert(account._word(account.QUESTION), uint256)
    assert ids._module(first) == ids.NEGATIVE_RISK, "not negative risk"
    assert account._number(account.COUNT) == ids._arity(first) + 1, "not the whole event"
    return ids._event(first)


@internal
def _pay(module: IPositionModule, amount: uint256):
    assert extcall IERC20(account.COLLATERAL).transfer(
        module.address, amount, default_return_value=True
    ), "transfer failed"


@internal
def _send(module: IPositionModule, token: uint256, amount: uint256):
    extcall IPositionManager(account.CTF).unsafeTransferFrom(self, module.address, token, amount)


@internal
def _redeem(module: IPositionModule, condition: uint256, yes: uint256) -> uint256:
    """
    @dev The protocol redeems one outcome and one amount at a time; a loser is burned for nothing.
    """
    before: uint256 = staticcall IERC20(account.COLLATERAL).balanceOf(self)
    for token: uint256 in [yes, yes + 1]:
        amount: uint256 = self._balance(token)
        if amount != 0:
            self._send(module, token, amount)
            extcall module.redeem(self, token, amount)
    assets: uint256 = staticcall IERC20(account.COLLATERAL).balanceOf(self) - before
    log account.Redeemed(condition=condition, assets=assets)
    return assets
