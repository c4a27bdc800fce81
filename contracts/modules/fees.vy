# pragma version 0.4.3
"""
@title Fees: management on assets, performance above the high-water mark
@license AGPL-3.0-only
@author Strongroom
@notice The arithmetic of the fees, the word that keeps its state, and who is paid. The vault
        mints the shares that this module computes.
@dev Fees are taken at reports and settlements, on NAV at the bid, as new shares; nothing is paid
     out of the vault. Who leaves in kind pays the management fee of the time since.
     Roles: the owner sets rates (upwards, or a lower hurdle, after the timelock) and recipients.
     Invariants: the shares minted are worth at most the two fees. No performance fee at or below
     the high-water mark, which never falls while there are shares. Entrants carry their own mark.
     Units: rates in bps, a year of 365 days; the mark in assets for one whole share; assets.
     Limits of use: at most 5 % and 50 %; four recipients, whose parts sum to 100 %.
@custom:security Fee shares are rounded down: a fee never takes more than its formula says.
"""

from contracts.modules import units


# Who gets which part of the fee shares.
struct Recipient:
    account: address
    part_bps: uint256


event FeesAccrued:
    management: uint256
    performance: uint256
    shares: uint256
    high_water_mark: uint256


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

# high-water mark (176 bits, assets for one share) | management bps (16) << 176 |
# performance bps (16) << 192 | hurdle bps (16) << 208
fee_word: uint256
# NAV at the bid after the last settlement (108 bits) | inflow room (108), both assets |
# when fees were taken last (40)
accrual: uint256
# account | part in bps << 160, up to the first 0; the parts sum to 10,000
recipients: uint256[MAX_RECIPIENTS]


@external
@view
def highWaterMark() -> uint256:
    """
    @return The highest NAV at the bid for one whole share after fees so far, assets.
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
    return self.fee_word & units.U176


@internal
@view
def _performance_bps() -> uint256:
    return (self.fee_word >> 192) & units.U16


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
    return (word >> 176) & units.U16, (word >> 192) & units.U16, word >> 208


@internal
@pure
def _without_rates(word: uint256) -> uint256:
    """
    @return fee_word with all rates 0.
    """
    return word & units.U176


@internal
@pure
def _base(word: uint256) -> uint256:
    """
    @param word accrual
    @return NAV at the bid after the last settlement, assets.
    """
    return word & units.U108


@internal
@pure
def _room(word: uint256) -> uint256:
    """
    @param word accrual
    @return How many assets deposits may bring in now.
    """
    return (word >> 108) & units.U108


@internal
@pure
def _taken_at(word: uint256) -> uint256:
    """
    @param word accrual
    @return When fees were taken last, timestamp.
    """
    return word >> 216


@internal
def _set_accrual(base: uint256, room: uint256):
    """
    @dev Fees have been taken now.
    """
    self.accrual = min(base, units.U108) | (min(room, units.U108) << 108) | (block.timestamp << 216)


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
        (self.fee_word & units.U176)
        | (management_bps << 176)
        | (performance_bps << 192)
        | (hurdle_bps << 208)
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
def _due(
    word: uint256,
    base: uint256,
    assets: uint256,
    supply: uint256,
    virtual: uint256,
    elapsed: uint256,
    lifting: uint256,
    performing: bool,
) -> (uint256, uint256, uint256, uint256):
    """
    @notice Fees due on `assets` (NAV at the bid) held for `elapsed` seconds by `supply` shares.
    @param word fee_word
    @param base NAV at the bid after the last settlement: what came since pays no management fee
    @param virtual Virtual shares
    @param lifting Seconds for which the hurdle lifts the mark: of reports alone, or whoever leaves
           in kind a little at a time would lift it by what each lift is rounded up
    @param performing Whether the performance fee is taken, too, and the mark moves
    @return Management fee and performance fee (assets), shares to mint, new high-water mark.
    """
    mark: uint256 = word & units.U176
    if supply == 0:
        return 0, 0, 0, min((assets + 1) * units.SHARE // virtual, units.U176)
    management_bps: uint256 = 0
    performance_bps: uint256 = 0
    hurdle_bps: uint256 = 0
    management_bps, performance_bps, hurdle_bps = self._rates(word)
    if hurdle_bps != 0:
        # up: profit starts later
        lift: uint256 = (mark * hurdle_bps * lifting + units.BPS * YEAR - 1) // (units.BPS * YEAR)
        mark = min(mark + lift, units.U176)
    # never all of it: a share keeps a value
    management: uint256 = min(min(base, assets) * management_bps * elapsed // (units.BPS * YEAR), assets)
    performance: uint256 = 0
    if performing:
        price: uint256 = (assets + 1 - management) * units.SHARE // (supply + virtual)
        if price > mark:
            performance = (price - mark) * supply // units.SHARE * performance_bps // units.BPS
    taken: uint256 = min(management + performance, assets)
    shares: uint256 = taken * (supply + virtual) // (assets + 1 - taken)  # down: fewer shares
    if performing:
        mark = max(mark, (assets + 1) * units.SHARE // (supply + shares + virtual))
    return management, performance, shares, min(mark, units.U176)


@internal
def _enter(supply: uint256, assets: uint256, minted: uint256):
    """
    @notice Entrants carry their own mark, what they paid, and nobody else's.
    @param supply Before the entry
    @dev down: dust that enters would lift it by a rounded-up unit each time, and the fee be gone. A
         unit that the mark lacks is the entrant's own premium, which he has paid to all.
    """
    mark: uint256 = self.fee_word & units.U176
    whole: uint256 = supply + minted
    self._set_mark(self.fee_word, max(mark, (supply * mark + assets * units.SHARE) // whole))


@internal
def _set_mark(word: uint256, mark: uint256):
    """
    @param word fee_word as it is
    """
    if mark != word & units.U176:
        self.fee_word = (word & ~units.U176) | min(mark, units.U176)


@internal
def _set_up(
    first: uint256, management_bps: uint256, performance_bps: uint256, hurdle_bps: uint256, recipient: address
):
    """
    @param first Assets that one share of an empty vault stands for
    """
    self.fee_word = first
    self._set_accrual(0, 0)
    self._set_rates(management_bps, performance_bps, hurdle_bps)
    self._set_recipients([Recipient(account=recipient, part_bps=units.BPS)])
