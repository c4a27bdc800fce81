# pragma version 0.4.3
"""
@title Fees: management on assets, performance above the high-water mark
@license AGPL-3.0-only
@author Probity
@notice Pure arithmetic of DESIGN.md 2.5 and the word that keeps its state. The vault mints
        the shares this module computes.
@custom:security Fee shares are rounded down: a fee never takes more than its formula says.
"""


event FeesSet:
    management_bps: uint256
    performance_bps: uint256


event FeeRecipientSet:
    recipient: indexed(address)


BPS: constant(uint256) = 10_000
YEAR: constant(uint256) = 31_556_952  # seconds
MAX_MANAGEMENT_BPS: constant(uint256) = 500
MAX_PERFORMANCE_BPS: constant(uint256) = 5_000
# NAV per share is assets * PPS_SCALE / shares: WAD for one whole share, since a share has six
# decimals more than the asset. An empty vault deals at OFFSET_PPS for each asset unit it holds + 1.
PPS_SCALE: constant(uint256) = 10**24
OFFSET_PPS: constant(uint256) = 10**18
U128: constant(uint256) = 2**128 - 1

# high-water mark (128 bits, PPS_SCALE) | management bps (16) << 128 | performance bps (16) << 144
fee_word: uint256
fee_recipient: public(address)


@external
@view
def high_water_mark() -> uint256:
    """
    @return The highest NAV per whole share after fees so far, WAD.
    """
    return self.fee_word & U128


@external
@view
def fee_rates() -> (uint256, uint256):
    """
    @return Management fee (bps a year) and performance fee (bps of new profit).
    """
    word: uint256 = self.fee_word
    return (word >> 128) & 65_535, word >> 144


@internal
def _lower(management_bps: uint256, performance_bps: uint256):
    """
    @dev Rates change at once only downwards.
    """
    word: uint256 = self.fee_word
    assert management_bps <= (word >> 128) & 65_535, "management fee raised"
    assert performance_bps <= word >> 144, "performance fee raised"
    self.fee_word = (word & U128) | (management_bps << 128) | (performance_bps << 144)
    log FeesSet(management_bps=management_bps, performance_bps=performance_bps)


@internal
@pure
def _accrue(word: uint256, assets: uint256, supply: uint256, elapsed: uint256) -> (uint256, uint256, uint256, uint256):
    """
    @notice Fees due on `assets` (NAV at the bid) held for `elapsed` seconds by `supply` shares.
    @return Management fee and performance fee (assets), shares to mint, new high-water mark.
    @dev Invariant: the shares minted are worth at most the two fees, and no performance fee is
         due at or below the high-water mark.
    """
    mark: uint256 = word & U128
    if supply == 0:
        return 0, 0, 0, (assets + 1) * OFFSET_PPS
    management: uint256 = min(assets * ((word >> 128) & 65_535) * elapsed // (BPS * YEAR), assets)
    net: uint256 = assets - management
    # up: profit starts a fraction later
    threshold: uint256 = (mark * supply + PPS_SCALE - 1) // PPS_SCALE
    performance: uint256 = 0
    if net > threshold:
        performance = (net - threshold) * (word >> 144) // BPS
        net -= performance
    if net == 0:
        return 0, 0, 0, mark
    shares: uint256 = (management + performance) * supply // net  # down: fewer shares
    return management, performance, shares, max(mark, net * PPS_SCALE // supply)


@internal
def _set_up(management_bps: uint256, performance_bps: uint256, recipient: address):
    assert management_bps <= MAX_MANAGEMENT_BPS, "management fee too high"
    assert performance_bps <= MAX_PERFORMANCE_BPS, "performance fee too high"
    assert recipient != empty(address), "no fee recipient"
    self.fee_recipient = recipient
    self.fee_word = (management_bps << 128) | (performance_bps << 144) | OFFSET_PPS
    log FeesSet(management_bps=management_bps, performance_bps=performance_bps)
    log FeeRecipientSet(recipient=recipient)


@internal
def _keep_mark(bid: uint256, ask: uint256, supply: uint256, assets: uint256, shares: uint256):
    """
    @notice Keeps the high-water mark honest through an entry of `assets` for `shares`.
    @dev Entry at the ask lifts the bid NAV per share; that is no performance, so the mark rises
         in proportion. With no supply before, the mark starts anew at the offset price.
    """
    mark: uint256 = (bid + 1) * OFFSET_PPS
    if supply != 0:
        if ask == bid:
            return
        before: uint256 = bid * PPS_SCALE // supply
        after: uint256 = (bid + assets) * PPS_SCALE // (supply + shares)
        if before == 0 or after <= before:
            return
        mark = (self.fee_word & U128) * after // before + 1  # up: profit starts later
    self.fee_word = (self.fee_word & ~U128) | mark
