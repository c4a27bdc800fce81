# pragma version 0.4.3
"""
@title Deposit wallets' factory, stand-in
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: makes deposit wallets and carries their batches in, both for operators only
        (the relayer), and holds the delay of a paused wallet's owner (VENUE a1, a2).
@dev A wallet is a proxy whose arguments are the factory and an id; its address follows from them
     and the beacon alone. Leaves out: legacy wallets and their deployer, authorised
     implementations, the factory's own upgrades, `predictWalletAddress` of two arguments. Has a limit that the venue's has not: 8 wallets
     or batches a call.
"""

from contracts.devnet import DepositWallet


interface IWallet:
    def initialize(owner: address): nonpayable
    def execute(batch: DepositWallet.Batch, signature: Bytes[DepositWallet.MAX_SIGNATURE]): nonpayable


interface IBeacon:
    def defaultImplementation() -> address: view


event WalletDeployed:
    wallet: indexed(address)
    owner: indexed(address)
    id: indexed(bytes32)
    implementation: address


event TimelockDelaySet:
    timelockDelay: uint256


MAX_WALLETS: constant(uint256) = 8
MAX_TIMELOCK_DELAY: public(constant(uint256)) = 7 * 86_400
# The proxy's creation code around the beacon's address: 82 bytes of code and 64 of arguments.
HEAD: constant(Bytes[10]) = x"6100923d8160233d3973"
TAIL: constant(Bytes[87]) = x"60195155f3363d3d373d3d363d602036600436635c60da1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"

BEACON: public(immutable(address))

owner: public(address)
isAdmin: public(HashMap[address, bool])
isOperator: public(HashMap[address, bool])
timelockDelay: public(uint256)  # seconds that a pause must be older than


@deploy
def __init__(owner: address, beacon: address, timelock_delay: uint256):
    """
    @param owner Who names admins; admin and operator at first
    @param beacon Beacon of the wallets
    @param timelock_delay Seconds
    """
    BEACON = beacon
    self.owner = owner
    self.isAdmin[owner] = True
    self.isOperator[owner] = True
    self.timelockDelay = timelock_delay


# Views


@external
@view
def predictWalletAddress(id: bytes32) -> address:
    """
    @return Where the wallet of `id` is, or will be.
    """
    return self._predict(id)


# Operators


@external
def deploy(owners: DynArray[address, MAX_WALLETS], ids: DynArray[bytes32, MAX_WALLETS]):
    """
    @notice Makes the wallets of `ids`, each once. Operator only.
    """
    self._check_operator()
    if len(owners) != len(ids):
        raw_revert(method_id("ArrayLengthMismatch()"))
    if not (staticcall IBeacon(BEACON).defaultImplementation()).is_contract:
        raw_revert(method_id("ImplementationNotDeployed()"))
    for i: uint256 in range(len(ids), bound=MAX_WALLETS):
        wallet: address = raw_create(
            self._creation(ids[i]), salt=keccak256(self._arguments(ids[i])), revert_on_failure=False
        )
        if wallet == empty(address):
            raw_revert(method_id("DeploymentFailed()"))
        extcall IWallet(wallet).initialize(owners[i])
        log WalletDeployed(wallet=wallet, owner=owners[i], id=ids[i], implementation=BEACON)


@external
def proxy(
    batches: DynArray[DepositWallet.Batch, MAX_WALLETS],
    signatures: DynArray[Bytes[DepositWallet.MAX_SIGNATURE], MAX_WALLETS],
):
    """
    @notice Carries batches to their wallets; one that fails reverts all. Operator only.
    """
    self._check_operator()
    if len(batches) != len(signatures):
        raw_revert(method_id("ArrayLengthMismatch()"))
    for i: uint256 in range(len(batches), bound=MAX_WALLETS):
        extcall IWallet(batches[i].wallet).execute(batches[i], signatures[i])


# Admins and the owner


@external
def addOperator(account: address):
    """
    @notice Admin only.
    """
    self._check_admin()
    self.isOperator[account] = True


@external
def removeOperator(account: address):
    """
    @notice Admin only.
    """
    self._check_admin()
    self.isOperator[account] = False


@external
def setTimelockDelay(delay: uint256):
    """
    @notice Sets the delay at once, for running pauses, too. Admin only.
    """
    self._check_admin()
    if delay == 0 or delay > MAX_TIMELOCK_DELAY:
        raw_revert(method_id("InvalidTimelockDelay()"))
    self.timelockDelay = delay
    log TimelockDelaySet(timelockDelay=delay)


@external
def addAdmin(account: address):
    """
    @notice Owner only.
    """
    self._check_owner()
    self.isAdmin[account] = True


@external
def removeAdmin(account: address):
    """
    @notice Owner only.
    """
    self._check_owner()
    self.isAdmin[account] = False


# Internal


@internal
@view
def _check_operator():
    if not self.isOperator[msg.sender]:
        raw_revert(method_id("OnlyOperator()"))


@internal
@view
def _check_admin():
    if not self.isAdmin[msg.sender]:
        raw_revert(method_id("OnlyAdmin()"))


@internal
@view
def _check_owner():
    if msg.sender != self.owner:
        raw_revert(method_id("Unauthorized()"))


@internal
@view
def _arguments(id: bytes32) -> Bytes[64]:
    return abi_encode(self, id)


@internal
@view
def _creation(id: bytes32) -> Bytes[181]:
    return concat(HEAD, convert(BEACON, bytes20), TAIL, self._arguments(id))


@internal
@view
def _predict(id: bytes32) -> address:
    hashed: bytes32 = keccak256(
        concat(
            b"\xff",
            convert(self, bytes20),
            keccak256(self._arguments(id)),
            keccak256(self._creation(id)),
        )
    )
    return convert(convert(hashed, uint256) & (2**160 - 1), address)
