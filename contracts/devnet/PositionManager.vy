# pragma version 0.4.3
"""
@title PositionManager stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: the ERC-1155 ledger of the venue's second protocol (VENUE d2, d3). Modules mint
        and burn; mints and unsafe transfers call no hook, safe transfers do. The module of an id
        is its highest byte. An admin may add and remove modules, and let one mint for all others.
        Leaves out the proxy and its upgrade by the owner.
"""

from contracts.devnet.modules import venue_roles
from contracts.modules import position_ids as ids
from contracts.modules import units

initializes: venue_roles

exports: venue_roles.__interface__


interface IModule:
    def moduleId() -> uint256: view
    def getPayout(position_id: uint256, amount: uint256) -> uint256: view


event TransferSingle:
    operator: indexed(address)
    sender: indexed(address)
    receiver: indexed(address)
    id: uint256
    amount: uint256


event TransferBatch:
    operator: indexed(address)
    sender: indexed(address)
    receiver: indexed(address)
    ids: DynArray[uint256, MAX_BATCH]
    amounts: DynArray[uint256, MAX_BATCH]


event ApprovalForAll:
    owner: indexed(address)
    operator: indexed(address)
    approved: bool


event ModuleAdded:
    module_id: indexed(uint256)
    module: indexed(address)


event ModuleRemoved:
    module_id: indexed(uint256)
    module: indexed(address)


event CrossModuleAuthSet:
    module: indexed(address)
    authorized: bool


MAX_BATCH: constant(uint256) = 257  # ids in one call: an event of 256 questions and Other
MAX_DATA: constant(uint256) = 1024  # bytes handed to a receiver's hook

COLLATERAL_TOKEN: public(immutable(address))

balances: HashMap[address, HashMap[uint256, uint256]]
isApprovedForAll: public(HashMap[address, HashMap[address, bool]])
moduleById: public(HashMap[uint256, address])
crossModuleAuth: public(HashMap[address, bool])  # may mint and burn ids of every module


@deploy
def __init__(collateral: address):
    """
    @param collateral pUSD
    """
    venue_roles.__init__()
    COLLATERAL_TOKEN = collateral


# Views


@external
@view
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice ERC-165: itself, ERC-1155 and its metadata.
    """
    return interface_id in [0x01ffc9a7, 0xd9b67a26, 0x0e89341c]


@external
@view
def uri(id: uint256) -> String[40]:
    """
    @return Where the position's metadata are.
    """
    if self.moduleById[ids._module(id)] == empty(address):
        raw_revert(method_id("ModuleNotRegistered()"))
    return "https://polymarket.com/position/{id}"


@external
@view
def balanceOf(owner: address, id: uint256) -> uint256:
    """
    @return What `owner` holds of a position.
    """
    return self.balances[owner][id]


@external
@view
def balanceOfBatch(
    owners: DynArray[address, MAX_BATCH], positions: DynArray[uint256, MAX_BATCH]
) -> DynArray[uint256, MAX_BATCH]:
    """
    @return What each owner holds of the position beside him.
    """
    self._check_lengths(len(owners), len(positions))
    held: DynArray[uint256, MAX_BATCH] = []
    for i: uint256 in range(len(owners), bound=MAX_BATCH):
        held.append(self.balances[owners[i]][positions[i]])
    return held


@external
@view
def getPayout(id: uint256, amount: uint256) -> uint256:
    """
    @return The collateral that `amount` of a resolved position is worth.
    """
    module: address = self.moduleById[ids._module(id)]
    if module == empty(address):
        raw_revert(method_id("ModuleNotRegistered()"))
    return staticcall IModule(module).getPayout(id, amount)


@external
@payable
@raw_return
def __default__() -> Bytes[32]:
    """
    @notice balanceOf(address,bytes31,uint256): what an owner holds of a condition's outcome. Here,
            since a name stands once in a contract of this language.
    """
    if len(msg.data) != 100 or slice(msg.data, 0, 4) != method_id("balanceOf(address,bytes31,uint256)"):
        raise
    owner: address = convert(convert(slice(msg.data, 4, 32), uint256), address)
    condition: uint256 = convert(slice(msg.data, 36, 32), uint256)
    outcome: uint256 = convert(slice(msg.data, 68, 32), uint256)
    return abi_encode(self.balances[owner][condition | (outcome & units.U8)])


# Holders


@external
def setApprovalForAll(operator: address, approved: bool):
    """
    @notice Lets `operator` move all that the caller holds.
    """
    self.isApprovedForAll[msg.sender][operator] = approved
    log ApprovalForAll(owner=msg.sender, operator=operator, approved=approved)


@external
def safeTransferFrom(
    sender: address, receiver: address, id: uint256, amount: uint256, data: Bytes[MAX_DATA]
):
    """
    @notice Moves a position; a contract that receives it is asked.
    """
    self._move(sender, receiver, id, amount)
    if receiver.is_contract:
        self._ask(
            receiver,
            abi_encode(
                msg.sender,
                sender,
                id,
                amount,
                data,
                method_id=method_id("onERC1155Received(address,address,uint256,uint256,bytes)"),
            ),
            method_id("onERC1155Received(address,address,uint256,uint256,bytes)", output_type=bytes4),
        )


@external
def safeBatchTransferFrom(
    sender: address,
    receiver: address,
    positions: DynArray[uint256, MAX_BATCH],
    amounts: DynArray[uint256, MAX_BATCH],
    data: Bytes[MAX_DATA],
):
    """
    @notice Moves several positions; a contract that receives them is asked.
    """
    self._move_batch(sender, receiver, positions, amounts)
    if receiver.is_contract:
        self._ask(
            receiver,
            abi_encode(
                msg.sender,
                sender,
                positions,
                amounts,
                data,
                method_id=method_id("onERC1155BatchReceived(address,address,uint256[],uint256[],bytes)"),
            ),
            method_id("onERC1155BatchReceived(address,address,uint256[],uint256[],bytes)", output_type=bytes4),
        )


@external
def unsafeTransferFrom(sender: address, receiver: address, id: uint256, amount: uint256):
    """
    @notice Moves a position and asks nobody.
    """
    self._move(sender, receiver, id, amount)


@external
def unsafeBatchTransferFrom(
    sender: address,
    receiver: address,
    positions: DynArray[uint256, MAX_BATCH],
    amounts: DynArray[uint256, MAX_BATCH],
):
    """
    @notice Moves several positions and asks nobody.
    """
    self._move_batch(sender, receiver, positions, amounts)


# Modules


@external
def mint(receiver: address, id: uint256, amount: uint256):
    """
    @notice Makes a position out of nothing. Its module only.
    """
    self._check_module(id)
    self._put(receiver, id, amount)
    log TransferSingle(operator=msg.sender, sender=empty(address), receiver=receiver, id=id, amount=amount)


@external
def batchMint(
    receiver: address, positions: DynArray[uint256, MAX_BATCH], amounts: DynArray[uint256, MAX_BATCH]
):
    """
    @notice Makes several positions. Their module only.
    """
    self._check_modules(positions)
    self._check_lengths(len(positions), len(amounts))
    for i: uint256 in range(len(positions), bound=MAX_BATCH):
        self._put(receiver, positions[i], amounts[i])
    log TransferBatch(
        operator=msg.sender, sender=empty(address), receiver=receiver, ids=positions, amounts=amounts
    )


@external
def burn(id: uint256, amount: uint256):
    """
    @notice Destroys what the calling module holds of a position.
    """
    self._check_module(id)
    self._pull(msg.sender, id, amount)
    log TransferSingle(operator=msg.sender, sender=msg.sender, receiver=empty(address), id=id, amount=amount)


@external
def batchBurn(positions: DynArray[uint256, MAX_BATCH], amounts: DynArray[uint256, MAX_BATCH]):
    """
    @notice Destroys what the calling module holds of several positions.
    """
    self._check_modules(positions)
    self._check_lengths(len(positions), len(amounts))
    for i: uint256 in range(len(positions), bound=MAX_BATCH):
        self._pull(msg.sender, positions[i], amounts[i])
    log TransferBatch(
        operator=msg.sender, sender=msg.sender, receiver=empty(address), ids=positions, amounts=amounts
    )


# Admins


@external
def addModule(module: address):
    """
    @notice Lets a module mint and burn the ids of its number. Admin only.
    """
    venue_roles._check(venue_roles.ADMIN)
    module_id: uint256 = staticcall IModule(module).moduleId()
    if module_id == 0:
        raw_revert(method_id("InvalidModuleId()"))
    if self.moduleById[module_id] != empty(address):
        raw_revert(method_id("ModuleAlreadyRegistered()"))
    self.moduleById[module_id] = module
    log ModuleAdded(module_id=module_id, module=module)


@external
def removeModule(module_id: uint256):
    """
    @notice Ends a module's right: its positions can no longer be merged or redeemed. Admin only.
    """
    venue_roles._check(venue_roles.ADMIN)
    module: address = self.moduleById[module_id]
    if module == empty(address):
        raw_revert(method_id("ModuleNotRegistered()"))
    self.moduleById[module_id] = empty(address)
    if self.crossModuleAuth[module]:
        self.crossModuleAuth[module] = False
        log CrossModuleAuthSet(module=module, authorized=False)
    log ModuleRemoved(module_id=module_id, module=module)


@external
def setCrossModuleAuth(module: address, authorized: bool):
    """
    @notice Lets a module mint and burn ids of every module. Admin only.
    """
    venue_roles._check(venue_roles.ADMIN)
    if self.moduleById[staticcall IModule(module).moduleId()] != module:
        raw_revert(method_id("ModuleNotRegistered()"))
    self.crossModuleAuth[module] = authorized
    log CrossModuleAuthSet(module=module, authorized=authorized)


# Internal


@internal
@view
def _check_module(id: uint256):
    if self.moduleById[ids._module(id)] != msg.sender and not self.crossModuleAuth[msg.sender]:
        raw_revert(method_id("Unauthorized()"))


@internal
@view
def _check_modules(positions: DynArray[uint256, MAX_BATCH]):
    for id: uint256 in positions:
        self._check_module(id)


@internal
@pure
def _check_lengths(a: uint256, b: uint256):
    if a != b:
        raw_revert(method_id("ArrayLengthsMismatch()"))


@internal
@view
def _check_mover(sender: address, receiver: address):
    if receiver == empty(address):
        raw_revert(method_id("TransferToZeroAddress()"))
    if msg.sender != sender and not self.isApprovedForAll[sender][msg.sender]:
        raw_revert(method_id("NotOwnerNorApproved()"))


@internal
def _pull(sender: address, id: uint256, amount: uint256):
    held: uint256 = self.balances[sender][id]
    if amount > held:
        raw_revert(method_id("InsufficientBalance()"))
    self.balances[sender][id] = held - amount


@internal
def _put(receiver: address, id: uint256, amount: uint256):
    if receiver == empty(address):
        raw_revert(method_id("TransferToZeroAddress()"))
    held: uint256 = self.balances[receiver][id]
    if amount > max_value(uint256) - held:
        raw_revert(method_id("AccountBalanceOverflow()"))
    self.balances[receiver][id] = held + amount


@internal
def _move(sender: address, receiver: address, id: uint256, amount: uint256):
    self._check_mover(sender, receiver)
    self._pull(sender, id, amount)
    self._put(receiver, id, amount)
    log TransferSingle(operator=msg.sender, sender=sender, receiver=receiver, id=id, amount=amount)


@internal
def _move_batch(
    sender: address,
    receiver: address,
    positions: DynArray[uint256, MAX_BATCH],
    amounts: DynArray[uint256, MAX_BATCH],
):
    self._check_lengths(len(positions), len(amounts))
    self._check_mover(sender, receiver)
    for i: uint256 in range(len(positions), bound=MAX_BATCH):
        self._pull(sender, positions[i], amounts[i])
        self._put(receiver, positions[i], amounts[i])
    log TransferBatch(
        operator=msg.sender, sender=sender, receiver=receiver, ids=positions, amounts=amounts
    )


@internal
def _ask(receiver: address, question: Bytes[MAX_QUESTION], expected: bytes4):
    """
    @dev A hook that reverts with a reason passes it on.
    """
    success: bool = False
    answer: Bytes[MAX_DATA] = b""
    success, answer = raw_call(receiver, question, max_outsize=MAX_DATA, revert_on_failure=False)
    if not success and len(answer) != 0:
        raw_revert(answer)
    if not success or len(answer) < 32 or convert(slice(answer, 0, 4), bytes4) != expected:
        raw_revert(method_id("TransferToNonERC1155ReceiverImplementer()"))


MAX_QUESTION: constant(uint256) = 2 * 32 * MAX_BATCH + MAX_DATA + 11 * 32 + 4
