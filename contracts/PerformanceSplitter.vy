# pragma version 0.4.3
"""
@title Performance splitter
@license AGPL-3.0-only
@author Strongroom
@notice Takes a vault's fee shares and credits the strategists of its classes by what their classes
        have earned: proven profit above each class's own high-water mark, as the vault counts it.
        The rest is the manager's, who owns this contract.
@dev The vault mints management and performance fee as one: both come here, and shares that are
     given are no other. What a class earns is the performance fee that its profit above its mark
     stands for; the strategist has his part of that.
     Where less came in (another class lost, the vault is below its own mark), what came is shared
     by what all classes are owed, the manager's own included. A mark rises only by the profit that
     was paid for, so the rest stands for later fees and an early call takes nothing.
     Each profit is owed its fee at the rate of when it was first counted: a rate that falls later
     takes no claim away, and one that rises makes none larger. What is lost again is not owed.
     Roles: the owner names strategists and their parts, which hold after a delay; anyone splits.
     Invariants: what is credited and not withdrawn is at most what lies here. Marks never fall.
     What was credited stays his to whom it was credited. All that a strategist is ever credited
     is, at the price of each split, at most his part of the fee rate on his class's new highs.
     Units: shares (18 decimals), profit and marks in assets; parts and rates in bps; seconds.
     Limits of use: one vault, whose only fee recipient this should be: else all is a shortfall.
@custom:security The vault is trusted: its counters, price and rate are taken as they are. A call
        in the midst of the vault's own finds its books written. What timing moves: the price of a
        share between fee and split, and, in a shortfall, whose profit is home before whose; a claim
        that waits is never paid twice and never lost but to who comes after a replaced strategist.
        The vault's owner decides who takes its fees: claims then wait for as long as they go
        elsewhere.
"""

from ethereum.ercs import IERC20
from snekmate.auth import ownable

from contracts.modules import classes
from contracts.modules import nav
from contracts.modules import timelock
from contracts.modules import units

initializes: ownable

exports: ownable.owner


interface IVault:
    def class_count() -> uint256: view
    def profitOf(class_id: uint256) -> int256: view
    def feeRates() -> (uint256, uint256, uint256): view
    def convertToShares(assets: uint256) -> uint256: view
    def redeemInKind(
        shares: uint256, receiver: address, skip: DynArray[bytes32, MAX_SKIPPED]
    ) -> uint256: nonpayable


# What a class has earned.
struct Claim:
    mark: uint256  # proven profit that was paid for, assets
    counted: uint256  # proven profit of which `owed` is the fee, at least the mark, assets
    owed: uint256  # fee on what is counted above the mark, assets times 10_000


# Who earns by a class.
struct Strategist:
    account: address
    part_bps: uint256


struct Announced:
    account: address
    part_bps: uint256
    ready_at: uint256  # timestamp; 0: nothing is announced


event OwnershipTransferStarted:
    previous_owner: indexed(address)
    new_owner: indexed(address)


event StrategistAnnounced:
    class_id: indexed(uint256)
    strategist: indexed(address)
    part_bps: uint256
    ready_at: uint256


event StrategistSet:
    class_id: indexed(uint256)
    strategist: indexed(address)
    part_bps: uint256
    mark: uint256


event Split:
    manager: indexed(address)
    received: uint256  # shares since the last split
    profit: uint256  # of all classes, above their marks
    rate_bps: uint256  # of the performance fee, for what was not counted before
    due: uint256  # shares that the fee on this profit is worth now
    rest: uint256  # shares, the manager's


event Credited:
    class_id: indexed(uint256)
    strategist: indexed(address)
    profit: uint256  # above the mark, of it `paid` was paid for
    paid: uint256
    fee: uint256  # shares that the class's profit has earned
    shares: uint256  # of them, the strategist's
    mark: uint256  # after it


event Withdrawn:
    account: indexed(address)
    receiver: indexed(address)
    shares: uint256


MAX_SKIPPED: constant(uint256) = nav.MAX_MARKETS  # as many as an exit in kind can visit

VAULT: public(immutable(address))  # whose fee shares are split
DELAY: public(immutable(uint256))  # seconds from the announcement of a strategist to his time

pending_owner: public(address)  # who may accept ownership
strategistOf: public(HashMap[uint256, Strategist])  # class -> who earns by it, and his part
announcedOf: public(HashMap[uint256, Announced])  # class -> who will, his part, from when on
claimOf: public(HashMap[uint256, Claim])  # class -> what it has earned, and what of it is paid
creditOf: public(HashMap[address, uint256])  # account -> shares that it may withdraw
total_credit: public(uint256)  # shares that all accounts may withdraw
rate: public(uint256)  # performance fee of the vault at the last split, bps


@deploy
def __init__(vault: address, owner: address, delay: uint256):
    """
    @param vault The vault whose fee recipient this will be
    @param owner The manager, who gets what no strategist earns
    @param delay Seconds from the announcement of a strategist to his time
    """
    assert vault.is_contract, "address has no code"
    assert owner != empty(address), "no owner"
    assert delay <= timelock.MAX_DELAY, "delay too long"
    VAULT = vault
    DELAY = delay
    ownable.__init__()
    ownable._transfer_ownership(owner)
    self.rate = self._rate_now()
    for class_id: uint256 in range(self._classes(), bound=classes.MAX_CLASSES):
        self._start(class_id, self._home(class_id))


@external
@view
def markOf(class_id: uint256) -> uint256:
    """
    @return The class's proven profit that was paid for, assets.
    """
    return self.claimOf[class_id].mark


@external
@nonreentrant
def transferOwnership(new_owner: address):
    """
    @notice Offers ownership; nothing changes until `new_owner` accepts. Owner only.
    """
    ownable._check_owner()
    self.pending_owner = new_owner
    log OwnershipTransferStarted(previous_owner=msg.sender, new_owner=new_owner)


@external
@nonreentrant
def acceptOwnership():
    """
    @notice Completes the hand-over. Only the account that the owner named.
    """
    assert msg.sender == self.pending_owner, "not the pending owner"
    self.pending_owner = empty(address)
    ownable._transfer_ownership(msg.sender)


@external
@nonreentrant
def announce(class_id: uint256, strategist: address, part_bps: uint256):
    """
    @notice Announces who will earn by a class; a new announcement takes the place of an old one.
            Owner only.
    @param strategist Nobody (zero) for a class of the manager's own
    @param part_bps His part of the fee that his class's profit earns
    """
    ownable._check_owner()
    assert class_id < self._classes(), "unknown class"
    assert part_bps <= units.BPS, "bad fee part"
    assert strategist != empty(address) or part_bps == 0, "part of nobody"
    ready_at: uint256 = block.timestamp + DELAY
    self.announcedOf[class_id] = Announced(
        account=strategist, part_bps=part_bps, ready_at=ready_at
    )
    log StrategistAnnounced(
        class_id=class_id, strategist=strategist, part_bps=part_bps, ready_at=ready_at
    )


@external
@nonreentrant
def appoint(class_id: uint256):
    """
    @notice Makes an announced change once its delay has passed, within a week; anyone may call.
            What came so far is split first. A strategist who is new to the class earns by what
            comes above its counter of this moment and above its mark.
    """
    new: Announced = self.announcedOf[class_id]
    assert new.ready_at != 0, "not announced"
    assert block.timestamp >= new.ready_at, "still waiting"
    # or one announcement, never made, would let him be replaced at any moment
    assert block.timestamp <= new.ready_at + timelock.GRACE, "announced too long ago"
    self._split()
    self.announcedOf[class_id] = empty(Announced)
    mark: uint256 = self.claimOf[class_id].mark
    if new.account != self.strategistOf[class_id].account:
        # never lower: or a friend would be paid for winning back what another has lost
        mark = max(mark, self._home(class_id))
        self._start(class_id, mark)
    self.strategistOf[class_id] = Strategist(account=new.account, part_bps=new.part_bps)
    log StrategistSet(
        class_id=class_id, strategist=new.account, part_bps=new.part_bps, mark=mark
    )


@external
@nonreentrant
def split():
    """
    @notice Credits the fee shares that came since the last split. Anyone may call.
    """
    self._split()


@external
@nonreentrant
def withdraw(shares: uint256, receiver: address):
    """
    @notice Sends credited shares of the caller to `receiver`, who can redeem them at the vault.
    """
    self._take(shares, receiver)
    assert extcall IERC20(VAULT).transfer(receiver, shares), "transfer failed"


@external
@nonreentrant
def withdrawInKind(
    shares: uint256, receiver: address, skip: DynArray[bytes32, MAX_SKIPPED]
) -> uint256:
    """
    @notice Leaves the vault with credited shares of the caller: `receiver` gets their part of idle
            assets, collateral and outcome tokens, as by the vault's `redeemInKind`. No allow-list is
            asked, so nobody's credit is locked in.
    @param skip Markets whose part the caller gives up
    @return The assets out of idle
    """
    self._take(shares, receiver)
    return extcall IVault(VAULT).redeemInKind(shares, receiver, skip)


# Internal


@internal
def _take(shares: uint256, receiver: address):
    """
    @dev Before the shares go: who is called by them finds his credit spent.
    """
    assert shares != 0, "nothing to withdraw"
    assert receiver not in [empty(address), self, VAULT], "no receiver"
    credit: uint256 = self.creditOf[msg.sender]
    assert shares <= credit, "more than credited"
    self.creditOf[msg.sender] = credit - shares
    self.total_credit -= shares
    log Withdrawn(account=msg.sender, receiver=receiver, shares=shares)


@internal
@view
def _classes() -> uint256:
    return staticcall IVault(VAULT).class_count()


@internal
@view
def _rate_now() -> uint256:
    return (staticcall IVault(VAULT).feeRates())[1]


@internal
@view
def _home(class_id: uint256) -> uint256:
    """
    @return The class's proven profit, assets; 0 where it has lost.
    """
    return convert(max(staticcall IVault(VAULT).profitOf(class_id), 0), uint256)


@internal
def _start(class_id: uint256, mark: uint256):
    """
    @dev Nothing is owed for what is below the mark.
    """
    self.claimOf[class_id] = Claim(mark=mark, counted=mark, owed=0)


@internal
def _split():
    """
    @dev Invariant: the credits given are together what was received.
         down: to strategists; up: marks. What rounding leaves is the manager's.
         The rate is the higher of now and the last split: a rate that falls between fee and split
         takes nothing of what was earned before it.
    """
    received: uint256 = staticcall IERC20(VAULT).balanceOf(self) - self.total_credit
    now: uint256 = self._rate_now()
    rate: uint256 = max(self.rate, now)
    self.rate = now
    claims: DynArray[Claim, classes.MAX_CLASSES] = []
    whole: uint256 = 0
    owed: uint256 = 0
    for class_id: uint256 in range(self._classes(), bound=classes.MAX_CLASSES):
        claim: Claim = self._counted(class_id, rate)
        claims.append(claim)
        whole += claim.counted - claim.mark
        owed += claim.owed
    due: uint256 = staticcall IVault(VAULT).convertToShares(owed // units.BPS)
    credited: uint256 = 0
    class_id: uint256 = 0
    for claim: Claim in claims:
        credited += self._credit(class_id, claim, owed, received, due)
        class_id += 1
    rest: uint256 = received - credited
    manager: address = ownable.owner
    self.creditOf[manager] += rest
    self.total_credit += received
    log Split(
        manager=manager, received=received, profit=whole, rate_bps=rate, due=due, rest=rest
    )


@internal
@view
def _counted(class_id: uint256, rate: uint256) -> Claim:
    """
    @return The class's claim with what came home or was lost since the last split.
    """
    claim: Claim = self.claimOf[class_id]
    home: uint256 = max(self._home(class_id), claim.mark)
    if home > claim.counted:
        claim.owed += (home - claim.counted) * rate
    elif home < claim.counted:
        # down: what is left of a claim
        claim.owed = claim.owed * (home - claim.mark) // (claim.counted - claim.mark)
    claim.counted = home
    return claim


@internal
def _credit(
    class_id: uint256, claim: Claim, owed: uint256, received: uint256, due: uint256
) -> uint256:
    """
    @param claim Of the class
    @param owed To all classes, assets times 10_000
    @param received Shares to be split
    @param due Shares that would pay for all of it
    @return The shares credited to the class's strategist.
    """
    profit: uint256 = claim.counted - claim.mark
    paid: uint256 = profit
    if received < due and claim.owed != 0:
        paid = (profit * received + due - 1) // due  # up: what is paid for is not claimed again
    mark: uint256 = claim.mark + paid
    left: uint256 = 0
    if paid != profit:
        left = claim.owed * (profit - paid) // profit
    self.claimOf[class_id] = Claim(mark=mark, counted=claim.counted, owed=left)
    if paid == 0:
        return 0
    fee: uint256 = 0
    if claim.owed != 0:
        fee = min(received, due) * claim.owed // owed
    strategist: Strategist = self.strategistOf[class_id]
    shares: uint256 = fee * strategist.part_bps // units.BPS
    self.creditOf[strategist.account] += shares
    log Credited(
        class_id=class_id,
        strategist=strategist.account,
        profit=profit,
        paid=paid,
        fee=fee,
        shares=shares,
        mark=mark,
    )
    return shares
