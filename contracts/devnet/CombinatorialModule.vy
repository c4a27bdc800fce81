# pragma version 0.4.3
"""
@title CombinatorialModule stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: combinations of positions of modules 1 and 2 (VENUE d2, d3). YES pays the
        product of its legs' payouts, NO the rest; a lost leg decides at once. Leaves out every
        function on events and on single legs of a combination (splitOnCondition and its like,
        extract, inject, the YES basket, compress), all events but CombinatorialConditionPrepared,
        the proxy and its upgrade by the owner.
"""

from contracts.devnet.modules import venue_roles
from contracts.interfaces import IPositionManager
from contracts.modules import position_ids as ids

initializes: venue_roles

exports: venue_roles.__interface__


interface ICollateral:
    def mint(receiver: address, amount: uint256): nonpayable
    def burn(amount: uint256): nonpayable


interface IModule:
    def getResult(condition: bytes31) -> DynArray[uint256, 8]: view


event CombinatorialConditionPrepared:
    condition: indexed(bytes31)
    legs: DynArray[uint256, MAX_LEGS]


MAX_LEGS: constant(uint256) = 50
MAX_GIVEN: constant(uint256) = 64  # legs that a caller may bring; more than MAX_LEGS are refused
MAX_RECIPIENTS: constant(uint256) = 8  # likewise; two are right
WHOLE: constant(uint256) = 1_000_000
PRECISION: constant(uint256) = 10**36  # of a product of payouts

POSITION_MANAGER: public(immutable(address))
COLLATERAL_TOKEN: public(immutable(address))

legs: public(HashMap[bytes31, DynArray[uint256, MAX_LEGS]])


@deploy
def __init__(position_manager: address):
    """
    @param position_manager The ledger, which lets this module mint ids of the other two
    """
    venue_roles.__init__()
    POSITION_MANAGER = position_manager
    COLLATERAL_TOKEN = staticcall IPositionManager(position_manager).COLLATERAL_TOKEN()


# Views


@external
@view
def moduleId() -> uint256:
    """
    @return The module's number, the highest byte of its ids.
    """
    return ids.COMBINATORIAL


@external
@view
def getConditionId(given: DynArray[uint256, MAX_LEGS]) -> bytes31:
    """
    @return The condition of a combination.
    """
    return self._id(given)


@external
@view
def getLegs(condition: bytes31) -> DynArray[uint256, MAX_LEGS]:
    """
    @return The positions that it combines.
    """
    return self.legs[condition]


@external
@view
def isConditionPrepared(condition: bytes31) -> bool:
    """
    @return Whether its legs are known here.
    """
    return len(self.legs[condition]) != 0


@external
@view
def getPayout(position_id: uint256, amount: uint256) -> uint256:
    """
    @return The collateral that `amount` redeems for: YES rounded down, NO what is left.
    """
    return self._payout(position_id, amount)


# Combinations


@external
def prepareCondition(given: DynArray[uint256, MAX_GIVEN]) -> bytes31:
    """
    @notice Keeps a combination's legs: ascending, of modules 1 and 2, not both sides of one.
    """
    if len(given) == 0 or len(given) > MAX_LEGS:
        raw_revert(method_id("InvalidConditionSet()"))
    checked: DynArray[uint256, MAX_LEGS] = []
    for i: uint256 in range(len(given), bound=MAX_GIVEN):
        leg: uint256 = given[i]
        self._check_leg_module(leg)
        self._check_outcome(leg)
        if i != 0:
            before: uint256 = given[i - 1]
            if leg <= before:
                raw_revert(method_id("NonCanonicalInput()"))
            if ids._condition(leg) == ids._condition(before):
                raw_revert(method_id("ConflictingConditions()"))
        checked.append(leg)
    return self._prepare(checked)


@external
def split(recipients: DynArray[address, MAX_RECIPIENTS], condition: bytes31, amount: uint256):
    """
    @notice Makes YES for the first and NO for the second recipient out of the module's collateral.
    """
    if len(recipients) != 2:
        raw_revert(method_id("InvalidArrayLength()"))
    self._check_own(condition)
    if len(self.legs[condition]) == 0:
        raw_revert(method_id("ConditionNotPrepared()"))
    yes: uint256 = ids._word(condition)
    extcall IPositionManager(POSITION_MANAGER).mint(recipients[0], yes, amount)
    extcall IPositionManager(POSITION_MANAGER).mint(recipients[1], yes | 1, amount)
    extcall ICollateral(COLLATERAL_TOKEN).burn(amount)


@external
def merge(recipient: address, condition: bytes31, amount: uint256):
    """
    @notice Makes collateral out of YES and NO that the module holds.
    """
    self._check_own(condition)
    yes: uint256 = ids._word(condition)
    extcall ICollateral(COLLATERAL_TOKEN).mint(recipient, amount)
    extcall IPositionManager(POSITION_MANAGER).batchBurn([yes, yes | 1], [amount, amount])


@external
def redeem(recipient: address, position_id: uint256, amount: uint256):
    """
    @notice Pays for a position that the module holds, once its payout is certain.
    """
    payout: uint256 = self._payout(position_id, amount)
    if payout != 0:
        extcall ICollateral(COLLATERAL_TOKEN).mint(recipient, payout)
    extcall IPositionManager(POSITION_MANAGER).burn(position_id, amount)


@external
def wrap(recipient: address, position_id: uint256, amount: uint256):
    """
    @notice Turns a position that the module holds into YES of the combination of it alone.
    """
    self._check_outcome(position_id)
    self._check_leg_module(position_id)
    condition: bytes31 = self._prepare([position_id])
    extcall IPositionManager(POSITION_MANAGER).mint(recipient, ids._word(condition), amount)
    extcall IPositionManager(POSITION_MANAGER).burn(position_id, amount)


@external
def unwrap(recipient: address, position_id: uint256, amount: uint256):
    """
    @notice Turns a combination of one leg back: YES into the leg, NO into its other side.
    """
    self._check_outcome(position_id)
    found: DynArray[uint256, MAX_LEGS] = self.legs[ids._condition(position_id)]
    if len(found) != 1:
        raw_revert(method_id("SingleConditionRequired()"))
    inner: uint256 = found[0] ^ ids._outcome(position_id)
    extcall IPositionManager(POSITION_MANAGER).mint(recipient, inner, amount)
    extcall IPositionManager(POSITION_MANAGER).burn(position_id, amount)


# Internal


@internal
@pure
def _id(given: DynArray[uint256, MAX_LEGS]) -> bytes31:
    base: bytes32 = keccak256(abi_encode(ids.COMBINATORIAL, abi_encode(given)))
    return ids._condition(ids._encode(ids.COMBINATORIAL, base, 0))


@internal
def _prepare(given: DynArray[uint256, MAX_LEGS]) -> bytes31:
    """
    @dev The same legs again change nothing; others of the same id are refused.
    """
    condition: bytes31 = self._id(given)
    stored: DynArray[uint256, MAX_LEGS] = self.legs[condition]
    if len(stored) == 0:
        self.legs[condition] = given
        log CombinatorialConditionPrepared(condition=condition, legs=given)
    elif keccak256(abi_encode(stored)) != keccak256(abi_encode(given)):
        raw_revert(method_id("ConditionDefinitionMismatch()"))
    return condition


@internal
@pure
def _check_own(condition: bytes31):
    if ids._module(ids._word(condition)) != ids.COMBINATORIAL:
        raw_revert(method_id("InvalidConditionModule()"))


@internal
@pure
def _check_leg_module(leg: uint256):
    if ids._module(leg) not in [ids.BINARY, ids.NEGATIVE_RISK]:
        raw_revert(method_id("InvalidConditionModule()"))


@internal
@pure
def _check_outcome(position_id: uint256):
    if ids._outcome(position_id) > 1:
        raw_revert(method_id("InvalidOutcomeIndex()"))


@internal
@view
def _payout(position_id: uint256, amount: uint256) -> uint256:
    self._check_outcome(position_id)
    is_no: bool = ids._outcome(position_id) == 1
    found: DynArray[uint256, MAX_LEGS] = self.legs[ids._condition(position_id)]
    if len(found) == 0:
        raw_revert(method_id("ConditionNotPrepared()"))
    product: uint256 = PRECISION  # what YES gets: rounded down for YES, up for NO
    open: bool = False
    for leg: uint256 in found:
        module: address = staticcall IPositionManager(POSITION_MANAGER).moduleById(ids._module(leg))
        numbers: DynArray[uint256, 8] = staticcall IModule(module).getResult(ids._condition(leg))
        if len(numbers) != 2:
            open = True
            continue
        paid: uint256 = numbers[ids._outcome(leg)]
        if paid == 0:
            return amount if is_no else 0
        product = self._share(product, paid, WHOLE, is_no)
    if open:
        raw_revert(method_id("PositionNotRedeemable()"))
    yes: uint256 = self._share(amount, product, PRECISION, is_no)
    return amount - yes if is_no else yes


@internal
@pure
def _share(amount: uint256, part: uint256, whole: uint256, up: bool) -> uint256:
    return (amount * part + (whole - 1 if up else 0)) // whole
