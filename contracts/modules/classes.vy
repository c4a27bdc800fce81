# pragma version 0.4.3
"""
@title Classes: strategies and what the owner approves for them
@license AGPL-3.0-only
@author Strongroom
@notice A strategy is a class: code and oracle of its markets, a keeper, caps. What it holds, has
        lost and earned is kept elsewhere (exposure.vy, losses.vy).
@dev Roles: the owner adds classes and raises caps (after the timelock); owner and guardian lower
     caps, drop keepers and retire classes at once. The vault calls the functions below; this
     module checks what is asked for, not who asks.
     Invariants: implementation, oracle, custody grade and longest duration of a class never change;
     a retired class stays so.
     Units: assets; caps in bps of NAV at the bid; durations in seconds.
     Limits of use: 32 classes; a cap in assets fits 96 bits. A cap below the present exposure only
     stops further allocation.
@custom:security The token ids of a market follow from the class's oracle and the question,
        computed by the class's implementation: the owner approves code and oracle, the keeper
        chooses only the question.
"""

from contracts.interfaces import IMarketAccount
from contracts.modules import units


# What the owner approves for a strategy.
struct MarketClass:
    implementation: address  # of the accounts; each market gets a clone
    oracle: address  # that resolves the class's conditions
    keeper: address  # opens its markets, signs its orders, moves its budget
    grade: uint256  # custody grade of the accounts: 1 enforced, 2 delegated
    market_cap: uint256  # exposure of one market, assets
    market_cap_bps: uint256  # the same, of NAV at the bid
    class_cap: uint256  # exposure and losses of the class, assets
    class_cap_bps: uint256  # the same, of NAV at the bid
    max_duration: uint256  # seconds from opening to the trading deadline


struct Caps:
    market_cap: uint256
    market_cap_bps: uint256
    class_cap: uint256
    class_cap_bps: uint256


# What of a class does not change.
struct ClassTerms:
    implementation: address
    oracle: address
    max_duration: uint256


event ClassAdded:
    class_id: indexed(uint256)
    implementation: indexed(address)
    oracle: indexed(address)
    grade: uint256
    max_duration: uint256


event ClassCapsSet:
    class_id: indexed(uint256)
    market_cap: uint256
    market_cap_bps: uint256
    class_cap: uint256
    class_cap_bps: uint256


event ClassRetired:
    class_id: indexed(uint256)


event KeeperSet:
    class_id: indexed(uint256)
    keeper: indexed(address)


GRADE_DELEGATED: constant(uint256) = 2
MAX_CLASSES: constant(uint256) = 32  # an allocation looks at the question's exposure in each
# In a word of `class_words`.
RETIRED: constant(uint256) = 1 << 160
DELEGATED_CLASS: constant(uint256) = 1 << 161

class_count: public(uint256)  # classes are numbered from 0
class_terms: HashMap[uint256, ClassTerms]
# keeper (160 bits) | RETIRED | DELEGATED_CLASS
class_words: HashMap[uint256, uint256]
# market_cap (96 bits) | class_cap << 96 (96) | market_cap_bps << 192 (16) | class_cap_bps << 208 (16)
class_caps: HashMap[uint256, uint256]


@external
@view
def classOf(class_id: uint256) -> MarketClass:
    """
    @return The class as approved, with its present keeper and caps.
    """
    terms: ClassTerms = self.class_terms[class_id]
    caps: Caps = self._caps(class_id)
    word: uint256 = self.class_words[class_id]
    return MarketClass(
        implementation=terms.implementation,
        oracle=terms.oracle,
        keeper=self._keeper_in(word),
        grade=GRADE_DELEGATED if word & DELEGATED_CLASS != 0 else 1,
        market_cap=caps.market_cap,
        market_cap_bps=caps.market_cap_bps,
        class_cap=caps.class_cap,
        class_cap_bps=caps.class_cap_bps,
        max_duration=terms.max_duration,
    )


@external
@view
def keeperOf(class_id: uint256) -> address:
    """
    @return The Safe that signs the class's orders and moves its budget; zero when revoked.
    """
    return self._keeper(class_id)


@internal
@pure
def _keeper_in(word: uint256) -> address:
    return convert(word & units.U160, address)


@internal
@view
def _keeper(class_id: uint256) -> address:
    return self._keeper_in(self.class_words[class_id])


@internal
def _set_keeper(class_id: uint256, account: address):
    self._check_known(class_id)
    word: uint256 = self.class_words[class_id]
    self.class_words[class_id] = (word & ~units.U160) | convert(account, uint256)
    log KeeperSet(class_id=class_id, keeper=account)


@internal
def _retire(class_id: uint256):
    """
    @dev Its markets are worked off; no budget goes out any more.
    """
    self._check_known(class_id)
    word: uint256 = self.class_words[class_id]
    assert word & RETIRED == 0, "class retired"
    self.class_words[class_id] = word | RETIRED
    log ClassRetired(class_id=class_id)


@internal
@view
def _check_known(class_id: uint256):
    assert class_id < self.class_count, "unknown class"


@internal
@view
def _check_active(class_id: uint256):
    assert self.class_words[class_id] & RETIRED == 0, "class retired"


@internal
@view
def _is_retired(class_id: uint256) -> bool:
    return self.class_words[class_id] & RETIRED != 0


@internal
@view
def _is_delegated(class_id: uint256) -> bool:
    """
    @return Whether the custody grade of its accounts is 2.
    """
    return self.class_words[class_id] & DELEGATED_CLASS != 0


@internal
@view
def _caps(class_id: uint256) -> Caps:
    word: uint256 = self.class_caps[class_id]
    return Caps(
        market_cap=word & units.U96,
        market_cap_bps=(word >> 192) & units.U16,
        class_cap=(word >> 96) & units.U96,
        class_cap_bps=word >> 208,
    )


@internal
def _set_caps(class_id: uint256, new: Caps):
    assert new.market_cap <= units.U96 and new.class_cap <= units.U96, "amount too large"
    assert new.market_cap_bps <= units.BPS and new.class_cap_bps <= units.BPS, "cap above 100 %"
    self.class_caps[class_id] = (
        new.market_cap
        | (new.class_cap << 96)
        | (new.market_cap_bps << 192)
        | (new.class_cap_bps << 208)
    )
    log ClassCapsSet(
        class_id=class_id,
        market_cap=new.market_cap,
        market_cap_bps=new.market_cap_bps,
        class_cap=new.class_cap,
        class_cap_bps=new.class_cap_bps,
    )


@internal
@view
def _is_cap_raised(class_id: uint256, new: Caps) -> bool:
    self._check_known(class_id)
    old: Caps = self._caps(class_id)
    return (
        new.market_cap > old.market_cap
        or new.market_cap_bps > old.market_cap_bps
        or new.class_cap > old.class_cap
        or new.class_cap_bps > old.class_cap_bps
    )


@internal
def _add_class(new: MarketClass) -> uint256:
    assert new.implementation.is_contract, "implementation has no code"
    assert new.oracle != empty(address), "no oracle"
    assert staticcall IMarketAccount(new.implementation).grade() == new.grade, "custody grade differs"
    class_id: uint256 = self.class_count
    assert class_id < MAX_CLASSES, "too many classes"
    self.class_terms[class_id] = ClassTerms(
        implementation=new.implementation, oracle=new.oracle, max_duration=new.max_duration
    )
    self.class_count = class_id + 1
    self.class_words[class_id] = DELEGATED_CLASS if new.grade == GRADE_DELEGATED else 0
    log ClassAdded(
        class_id=class_id,
        implementation=new.implementation,
        oracle=new.oracle,
        grade=new.grade,
        max_duration=new.max_duration,
    )
    self._set_keeper(class_id, new.keeper)
    self._set_caps(
        class_id,
        Caps(
            market_cap=new.market_cap,
            market_cap_bps=new.market_cap_bps,
            class_cap=new.class_cap,
            class_cap_bps=new.class_cap_bps,
        ),
    )
    return class_id
