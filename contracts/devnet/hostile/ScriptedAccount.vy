# pragma version 0.4.3
"""
@title Scripted account
@license AGPL-3.0-only
@author Strongroom
@notice Tests only: a market account whose holdings are what a test says, that lets anybody spend
        its budget, and that fails in the ways a test chooses.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IMarketAccount

implements: IMarketAccount


COUNT: constant(uint256) = 193  # place of the number of conditions in a clone's code
# Moods.
NO_POSITIONS: constant(uint256) = 1
BURNS_GAS: constant(uint256) = 2
ONE_TOO_MANY: constant(uint256) = 4
NO_RECALL: constant(uint256) = 8
NO_HALT: constant(uint256) = 16
NO_PAYMENT: constant(uint256) = 32
NO_REDEMPTION: constant(uint256) = 64
STEALS_ON_REDEMPTION: constant(uint256) = 128

COLLATERAL: public(immutable(address))
GRADE: immutable(uint256)

vault: public(address)
mood: public(uint256)
held: DynArray[IMarketAccount.Position, 32]
outside: uint256
is_halted: bool


@deploy
def __init__(collateral: address, grade: uint256):
    COLLATERAL = collateral
    GRADE = grade


# What tests do


@external
def set_mood(mood: uint256):
    self.mood = mood


@external
def set_positions(positions: DynArray[IMarketAccount.Position, 32]):
    self.held = positions


@external
def set_away(assets: uint256):
    self.outside = assets


@external
def spend(receiver: address, assets: uint256):
    extcall IERC20(COLLATERAL).transfer(receiver, assets)


# What vaults ask


@external
@view
def describe(oracle: address, question_id: bytes32, count: uint256) -> (bytes32, Bytes[3136]):
    words: uint256[96] = empty(uint256[96])
    encoded: Bytes[3072] = abi_encode(words)
    return question_id, slice(encoded, 0, 96 * count)


@external
def initialize():
    self.vault = msg.sender
    clone: address = self
    count: uint256 = convert(slice(clone.code, COUNT, 32), uint256)
    for i: uint256 in range(count, bound=32):
        self.held.append(empty(IMarketAccount.Position))


@external
@view
def grade() -> uint256:
    return GRADE


@external
@view
def positions() -> (uint256, DynArray[IMarketAccount.Position, 32]):
    assert self.mood & NO_POSITIONS == 0, "no positions"
    if self.mood & BURNS_GAS != 0:
        word: bytes32 = empty(bytes32)
        for i: uint256 in range(10_000_000):
            word = keccak256(word)
    positions: DynArray[IMarketAccount.Position, 32] = self.held
    if self.mood & ONE_TOO_MANY != 0:
        positions.append(empty(IMarketAccount.Position))
    return staticcall IERC20(COLLATERAL).balanceOf(self) + self.outside, positions


@external
@view
def away() -> uint256:
    return self.outside


@external
@view
def halted() -> bool:
    return self.is_halted


@external
def halt():
    assert self.mood & NO_HALT == 0, "no halt"
    self.is_halted = True


@external
def redeemResolved() -> uint256:
    assert self.mood & NO_REDEMPTION == 0, "no redemption"
    if self.mood & STEALS_ON_REDEMPTION != 0:
        extcall IERC20(COLLATERAL).transfer(
            msg.sender, staticcall IERC20(COLLATERAL).balanceOf(self)
        )
    for i: uint256 in range(len(self.held), bound=32):
        if self.held[i].payout_denominator != 0:
            self.held[i].yes = 0
            self.held[i].no = 0
    return 0


@external
@view
def tradable() -> bool:
    return not self.is_halted


@external
def payInKind(receiver: address, shares: uint256, supply: uint256) -> uint256:
    assert self.mood & NO_PAYMENT == 0, "no payment"
    assets: uint256 = staticcall IERC20(COLLATERAL).balanceOf(self) * shares // supply
    extcall IERC20(COLLATERAL).transfer(receiver, assets)
    for i: uint256 in range(len(self.held), bound=32):
        self.held[i].yes -= self.held[i].yes * shares // supply
        self.held[i].no -= self.held[i].no * shares // supply
    return assets


@external
def recall(assets: uint256) -> uint256:
    assert self.mood & NO_RECALL == 0, "no recall"
    sent: uint256 = min(assets, staticcall IERC20(COLLATERAL).balanceOf(self))
    extcall IERC20(COLLATERAL).transfer(msg.sender, sent)
    return sent
