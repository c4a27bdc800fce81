# pragma version 0.4.3
"""
@title Fees: management on assets, performance above the high-water mark
@license AGPL-3.0-only
@author Strongroom
@notice The arithmetic of the fees, the word that keeps its state, and who is paid. The vault
        mints the shares that this module computes.
@dev Fees are taken at reports, as new shares; nothing is paid out of the vault.
     Roles: the owner sets rates (upwards, or a lower hurdle, after the timelock) and recipients.
     Invariants: the shares minted are worth at most the two fees. No performance fee at or below
     the high-water mark, which never falls while there are shares.
     Units: rates in bps, a year of 365 days; NAV per share in PPS_SCALE (units.vy); assets.
     Limits of use: at most 5 % and 50 %; four recipients, whose parts sum to 100 %.
@custom:security Fee shares are rounded down: a fee never takes more than its formula says.
"""

from contracts.modules import units


# Who gets which part of the fee shares.
struct Recipient:
    account: address
    part_bps: uint256


event FeesSet:
    management_bps: uint256
    performance_bps: uint256
    hurdle_bps: uint256


event FeeRecipientsSet:
    recipients: DynArray[Recipient, MAX_RECIPIENTS]


YEAR: constant(uint256) = 365 * units.DAY  # seconds, leap years too
MAX_MANAGEMENT_BPS: constant(uint256) = 500
MAX_PERFORMANCE_BPS: constant(uint256) = 5_000
MAX_HURDLE_BPS: constant(uint256) = 10_000
MAX_RECIPIENTS: constant(uint256) = 4  # each costs a report a mint
# An empty vault deals at OFFSET_PPS for each asset unit it holds + 1, in PPS_SCALE.
OFFSET_PPS: constant(uint256) = 10**18

# high-water mark (128 bits, PPS_SCALE) | management bps (16) << 128 | performance bps (16) << 144 |
# hurdle bps (16) << 160
fee_word: uint256
# account | part in bps << 160, up to the first 0; the parts sum to 10,000
recipients: uint256[MAX_RECIPIENTS]


@external
@view
def highWaterMark() -> uint256:
    """
    @return The highest NAV per whole share after fees so far, WAD.
    """
    return self._high_water_mark()


@external
@view
def feeRates() -> (uint256, uint256, uint256):
    """
    @return Management fee (bps a year), performance fee (bps of new profit) and hurdle (bps a year).
    """
    return self._rates(self.fee_word)


@external
@view
def feeRecipients() -> DynArray[Recipient, MAX_RECIPIENTS]:
    """
    @return Who gets which part of the fee shares.
    """
    all: DynArray[Recipient, MAX_RECIPIENTS] = []
    for word: uint256 in self.recipients:
        if word != 0:
            all.append(
                Recipient(account=self._account(word), part_bps=self._part(word))
            )
    return all


@internal
@view
def _high_water_mark() -> uint256:
    return self.fee_word & units.U128


@internal
@pure
def _account(recipient: uint256) -> address:
    return convert(recipient & units.U160, address)


@internal
@pure
def _part(recipient: uint256) -> uint256:
    """
    @return The recipient's part of the fee shares, bps.
    """
    return recipient >> 160


@internal
@pure
def _rates(word: uint256) -> (uint256, uint256, uint256):
    return (word >> 128) & units.U16, (word >> 144) & units.U16, word >> 160


@internal
@view
def _is_raise(management_bps: uint256, performance_bps: uint256, hurdle_bps: uint256) -> bool:
    """
    @return Whether holders would ever pay more than at the present rates.
    """
    management: uint256 = 0
    performance: uint256 = 0
    hurdle: uint256 = 0
    management, performance, hurdle = self._rates(self.fee_word)
    return management_bps > management or performance_bps > performance or hurdle_bps < hurdle


@internal
def _set_rates(management_bps: uint256, performance_bps: uint256, hurdle_bps: uint256):
    assert management_bps <= MAX_MANAGEMENT_BPS, "management fee too high"
    assert performance_bps <= MAX_PERFORMANCE_BPS, "performance fee too high"
    assert hurdle_bps <= MAX_HURDLE_BPS, "hurdle too high"
    self.fee_word = (
        (self.fee_word & units.U128)
        | (management_bps << 128)
        | (performance_bps << 144)
        | (hurdle_bps << 160)
    )
    log FeesSet(
        management_bps=management_bps, performance_bps=performance_bps, hurdle_bps=hurdle_bps
    )


@internal
def _set_recipients(new: DynArray[Recipient, MAX_RECIPIENTS]):
    words: uint256[MAX_RECIPIENTS] = empty(uint256[MAX_RECIPIENTS])
    index: uint256 = 0
    total: uint256 = 0
    for recipient: Recipient in new:
        assert recipient.account != empty(address), "no fee recipient"
        assert recipient.part_bps != 0 and recipient.part_bps <= units.BPS, "bad fee part"
        words[index] = convert(recipient.account, uint256) | (recipient.part_bps << 160)
        total += recipient.part_bps
        index += 1
    assert total == units.BPS, "fee parts do not sum to 100 %"
    self.recipients = words
    log FeeRecipientsSet(recipients=new)


@internal
@pure
def _accrue(
    word: uint256, assets: uint256, supply: uint256, elapsed: uint256
) -> (uint256, uint256, uint256, uint256):
    """
    @notice Fees due on `assets` (NAV at the bid) held for `elapsed` seconds by `supply` shares.
    @return Management fee and performance fee (assets), shares to mint, new high-water mark.
    @dev Invariant: the shares minted are worth at most the two fees, and no performance fee is
         due at or below the high-water mark.
    """
    mark: uint256 = word & units.U128
    if supply == 0:
        return 0, 0, 0, (assets + 1) * OFFSET_PPS
    management_bps: uint256 = 0
    performance_bps: uint256 = 0
    hurdle_bps: uint256 = 0
    management_bps, performance_bps, hurdle_bps = self._rates(word)
    if hurdle_bps != 0:
        # up: profit starts later
        lift: uint256 = (mark * hurdle_bps * elapsed + units.BPS * YEAR - 1) // (units.BPS * YEAR)
        mark = min(mark + lift, units.U128)
    management: uint256 = min(assets * management_bps * elapsed // (units.BPS * YEAR), assets)
    net: uint256 = assets - management
    # up: profit starts a fraction later
    threshold: uint256 = (mark * supply + units.PPS_SCALE - 1) // units.PPS_SCALE
    performance: uint256 = 0
    if net > threshold:
        performance = (net - threshold) * performance_bps // units.BPS
        net -= performance
    if net == 0:
        return 0, 0, 0, mark
    shares: uint256 = (management + performance) * supply // net  # down: fewer shares
    return management, performance, shares, max(mark, net * units.PPS_SCALE // supply)


@internal
def _set_up(
    management_bps: uint256, performance_bps: uint256, hurdle_bps: uint256, recipient: address
):
    self.fee_word = OFFSET_PPS
    self._set_rates(management_bps, performance_bps, hurdle_bps)
    self._set_recipients([Recipient(account=recipient, part_bps=units.BPS)])


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
        before: uint256 = bid * units.PPS_SCALE // supply
        after: uint256 = (bid + assets) * units.PPS_SCALE // (supply + shares)
        if before == 0 or after <= before:
            return
        mark = (self.fee_word & units.U128) * after // before + 1  # up: profit starts later
    self._set_mark(self.fee_word, mark)


@internal
def _set_mark(word: uint256, mark: uint256):
    """
    @param word fee_word as it is
    """
    if mark != word & units.U128:
        self.fee_word = (word & ~units.U128) | mark
