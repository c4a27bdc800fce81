# pragma version 0.4.3
"""
@title Roles of the venue's contracts
@license AGPL-3.0-only
@author Strongroom
@notice Devnet only: an owner, and roles as bits (VENUE d3, d4): admin 1, operator 2, bridge 8,
        resolver 16. The owner names admins, admins name the rest. Whoever deploys is owner and
        admin. Leaves out the owner's hand-over, roles that nothing here asks for, and upgrades.
"""


event RolesUpdated:
    user: indexed(address)
    roles: indexed(uint256)


ADMIN: constant(uint256) = 1
OPERATOR: constant(uint256) = 2
BRIDGE: constant(uint256) = 8
RESOLVER: constant(uint256) = 16

owner: public(address)
rolesOf: public(HashMap[address, uint256])


@deploy
def __init__():
    self.owner = msg.sender
    self._grant(msg.sender, ADMIN)


@external
@view
def hasAnyRole(user: address, roles: uint256) -> bool:
    """
    @return Whether `user` has one of the roles.
    """
    return self._has(user, roles)


@external
def addAdmin(user: address):
    """
    @notice Names an admin. Owner only.
    """
    self._check_owner()
    self._grant(user, ADMIN)


@external
def addOperator(user: address):
    """
    @notice Names an operator. Admin only.
    """
    self._check(ADMIN)
    self._grant(user, OPERATOR)


@external
def removeOperator(user: address):
    """
    @notice Takes the operator's role. Admin only.
    """
    self._check(ADMIN)
    self._take(user, OPERATOR)


@external
def addBridge(user: address):
    """
    @notice Names a bridge. Admin only.
    """
    self._check(ADMIN)
    self._grant(user, BRIDGE)


@external
def removeBridge(user: address):
    """
    @notice Takes the bridge's role. Admin only.
    """
    self._check(ADMIN)
    self._take(user, BRIDGE)


@external
def addResolver(user: address):
    """
    @notice Names a resolver. Admin only.
    """
    self._check(ADMIN)
    self._grant(user, RESOLVER)


@external
def removeResolver(user: address):
    """
    @notice Takes the resolver's role. Admin only.
    """
    self._check(ADMIN)
    self._take(user, RESOLVER)


@internal
@view
def _has(user: address, roles: uint256) -> bool:
    return self.rolesOf[user] & roles != 0


@internal
@view
def _check(role: uint256):
    if not self._has(msg.sender, role):
        raw_revert(method_id("Unauthorized()"))


@internal
@view
def _check_owner():
    if msg.sender != self.owner:
        raw_revert(method_id("Unauthorized()"))


@internal
def _grant(user: address, role: uint256):
    self.rolesOf[user] |= role
    log RolesUpdated(user=user, roles=self.rolesOf[user])


@internal
def _take(user: address, role: uint256):
    self.rolesOf[user] &= ~role
    log RolesUpdated(user=user, roles=self.rolesOf[user])
