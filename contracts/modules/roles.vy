# pragma version 0.4.3
"""
@title Roles and pause
@license AGPL-3.0-only
@author Strongroom
@notice Owner (two-step hand-over), guardian and reporter, and the pause. What the owner paused,
        only the owner unpauses. Naming others goes through the timelock (VaultGovernance.vy).
        Keepers belong to classes (classes.vy).
@dev The owner sets terms and names the others. The guardian only makes things safer: it pauses,
     vetoes announced calls, drops keepers and the reporter. The reporter says what positions are
     worth, and may be nobody.
     Invariants: ownership moves only to an account that accepts it. The guardian lifts only its
     own pause. Nobody but holders takes assets out.
     Limits of use: one account a role.
"""

from snekmate.auth import ownable

from contracts.modules import status

uses: ownable
uses: status


event OwnershipTransferStarted:
    previous_owner: indexed(address)
    new_owner: indexed(address)


event RoleSet:
    role: indexed(String[8])
    account: indexed(address)


pending_owner: public(address)  # who may accept ownership
guardian: public(address)  # pauses, vetoes, revokes; only makes things safer
reporter: public(address)  # may be zero: nobody reports


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
def pause():
    """
    @notice Stops deposit requests, allocations and order signatures; reports, claims and exits go
            on. Guardian or owner.
    """
    if msg.sender == self.guardian:
        status._pause(status.BY_GUARDIAN)
    else:
        ownable._check_owner()
        status._pause(status.BY_OWNER)


@external
@nonreentrant
def unpause():
    """
    @notice Goes on. The guardian lifts only its own pause, the owner any.
    """
    if msg.sender == self.guardian:
        assert not status._has(status.word, status.BY_OWNER), "paused by owner"
    else:
        ownable._check_owner()
    status._unpause()


@internal
def _check_guardian_or_owner():
    if msg.sender != self.guardian:
        ownable._check_owner()


@internal
def _set_guardian(account: address):
    self.guardian = account
    log RoleSet(role="guardian", account=account)


@internal
def _set_reporter(account: address):
    self.reporter = account
    log RoleSet(role="reporter", account=account)


@internal
def _set_up(guardian: address, reporter: address):
    self._set_guardian(guardian)
    self._set_reporter(reporter)
