# pragma version 0.4.3
"""
@title Losses and proven profit
@license AGPL-3.0-only
@author Strongroom
@notice What a closed market has not returned is a loss of its class and of the vault. It counts
        against the caps for ever, until money comes home or the owner forgives it.
@dev Why losses count: else whoever holds a keeper's key opens, loses and closes again.
     Roles: the owner forgives (after the timelock).
     Invariants: losses are kept per share, so that no entry or exit washes them; they fall only by
     money that came home or by the owner's act. A loss adds per share at most what a share was
     ever worth, so they stay in proportion to NAV even if nearly all holders have left.
     Units: assets; losses per share in assets times LOSS.
"""

from snekmate.tokens import erc20

from contracts.modules import classes
from contracts.modules import nav
from contracts.modules import units

uses: classes
uses: nav
uses: erc20


event LossesForgiven:
    class_id: indexed(uint256)
    assets: uint256


LOSS: constant(uint256) = 2**96  # scale of losses per share

class_losses: HashMap[uint256, uint256]  # class -> assets per share, times LOSS
total: uint256  # of all classes together, likewise
profitOf: public(HashMap[uint256, int256])  # class -> assets home above cost, less what never came


@external
@view
def totalLosses() -> uint256:
    """
    @return What closed markets have not returned, as it counts against the total cap, assets.
    """
    return self._of_all()


@internal
@view
def _losses(per_share: uint256) -> uint256:
    """
    @return Losses in assets, rounded up.
    """
    whole: uint256 = nav._shares()
    return (per_share * whole + LOSS - 1) // LOSS


@internal
@view
def _of_class(class_id: uint256) -> uint256:
    """
    @return The class's losses in assets, rounded up.
    """
    return self._losses(self.class_losses[class_id])


@internal
@view
def _of_all() -> uint256:
    """
    @return The losses of all classes in assets, rounded up.
    """
    return self._losses(self.total)


@internal
def _lose(class_id: uint256, assets: uint256):
    """
    @dev No share loses more than it was worth, and losses of that per share stop all allocation
         already: caps are at most NAV.
    """
    if erc20.totalSupply != 0:  # without shares it is nobody's loss
        part: uint256 = self._per_share(assets)
        most: uint256 = self._most()
        own: uint256 = self.class_losses[class_id]
        self.class_losses[class_id] = max(own, min(own + part, most))
        all: uint256 = self.total
        self.total = max(all, min(all + part, most))
    self.profitOf[class_id] -= convert(assets, int256)


@internal
@view
def _per_share(assets: uint256) -> uint256:
    """
    @return Assets per share, times LOSS: rounded up, and at most `_most`.
    """
    whole: uint256 = nav._shares()
    return min((assets * LOSS + whole - 1) // whole, self._most())


@internal
@view
def _most() -> uint256:
    """
    @return The most that a share was ever worth, published or now, times LOSS; rounded up.
    """
    price: uint256 = max(nav.reference, nav._price(nav._nav(), erc20.totalSupply))
    return min(price, units.U160) * LOSS // units.PRICE + 1


@internal
def _earn(class_id: uint256, assets: uint256):
    """
    @notice Assets came home above cost: they pay off losses, and are proven profit.
    """
    self._pay_off(class_id, assets)
    self.profitOf[class_id] += convert(assets, int256)


@internal
def _pay_off(class_id: uint256, assets: uint256):
    """
    @dev down: losses fall by at most what came.
    """
    part: uint256 = assets * LOSS // nav._shares()
    own: uint256 = self.class_losses[class_id]
    if own != 0:
        self.class_losses[class_id] = own - min(own, part)
    all: uint256 = self.total
    if all != 0:
        self.total = all - min(all, part)


@internal
def _forgive(class_id: uint256, assets: uint256):
    classes._check_known(class_id)
    self._pay_off(class_id, assets)
    log LossesForgiven(class_id=class_id, assets=assets)
