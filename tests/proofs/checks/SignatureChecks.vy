# pragma version 0.4.3
"""
@title What isValidSignature admits
@license AGPL-3.0-only
@author Strongroom
@notice Whatever order, signature, time, terms, payouts and storage: the magic value is only
        answered where every bound of an order holds. Each bound is reckoned here anew.
"""

from tests.proofs import bounds
from tests.proofs import cheats


interface IAccount:
    def isValidSignature(hash: bytes32, signature: Bytes[1024]) -> bytes4: view
    def halted() -> bool: view
    def epoch() -> uint256: view


interface IMock:
    def payoutDenominator(condition: bytes32) -> uint256: view


ACCOUNT: constant(address) = 0x00000000000000000000000000000000000aCC01
EVENT_ACCOUNT: constant(address) = 0x00000000000000000000000000000000000aCc02

token: address
ctf: address
safe: address
vault: address
exchange: address
binary: address
event_code: address


@external
def setUp():
    self.token = raw_create(cheats._code("MockToken.t.sol:MockToken"))
    self.ctf = raw_create(cheats._code("MockTokens.t.sol:MockTokens"))
    self.safe = raw_create(cheats._code("MockSafe.t.sol:MockSafe"))
    self.vault = raw_create(cheats._code("MockVault.t.sol:MockVault"))
    self.exchange = raw_create(cheats._code("MockCode.t.sol:MockCode"))
    adapter: address = raw_create(cheats._code("MockCode.t.sol:MockCode"))
    code: Bytes[cheats.MAX_CODE] = cheats._code("PolymarketAccount.t.sol:PolymarketAccount")
    self.binary = raw_create(code, self.exchange, "2", self.ctf, self.token, self.token, adapter, False)
    self.event_code = raw_create(code, self.exchange, "2", self.ctf, self.token, self.token, adapter, True)
    for mock: address in [self.ctf, self.safe, self.vault]:
        cheats._any_storage(mock)


@internal
def _check(
    account: address,
    place: bounds.Place,
    now: uint256,
    hash: bytes32,
    order: bounds.Order,
    expiry: uint256,
    part: bytes32,
    conditions: bytes32[2],
    tokens: uint256[4],
    count: uint256,
):
    cheats._warp(now)
    bounds._hint(order)
    epoch: uint256 = staticcall IAccount(account).epoch()
    halted: bool = staticcall IAccount(account).halted()
    answer: bytes4 = staticcall IAccount(account).isValidSignature(
        hash, abi_encode(order, expiry, concat(part, part, b"\x01"))
    )
    if answer != bounds.MAGIC:
        return
    cheats._must(not halted)
    parties: bounds.Parties = bounds.Parties(
        account=account,
        maker=account,
        vault=self.vault,
        safe=self.safe,
        exchange=self.exchange,
        version="2",
    )
    cheats._must(hash == bounds._order_hash(order, parties))
    condition: uint256 = bounds._check(parties, place, now, order, expiry, epoch, tokens, count)
    cheats._must(staticcall IMock(self.ctf).payoutDenominator(conditions[condition]) == 0)


@external
def check_binary(
    place: bounds.Place,
    question: bytes32,
    now: uint256,
    hash: bytes32,
    order: bounds.Order,
    expiry: uint256,
    part: bytes32,
    condition: bytes32,
    yes: uint256,
    no: uint256,
):
    cheats._proxy(
        ACCOUNT,
        self.binary,
        concat(
            convert(self.vault, bytes20),
            abi_encode(place.deadline, place.market, question, place.class_id, convert(1, uint256)),
            abi_encode(condition, yes, no),
        ),
    )
    self._check(
        ACCOUNT, place, now, hash, order, expiry, part, [condition, empty(bytes32)], [yes, no, 0, 0], 1
    )


@external
def check_event(
    place: bounds.Place,
    question: bytes32,
    now: uint256,
    hash: bytes32,
    order: bounds.Order,
    expiry: uint256,
    part: bytes32,
    conditions: bytes32[2],
    tokens: uint256[4],
):
    cheats._proxy(
        EVENT_ACCOUNT,
        self.event_code,
        concat(
            convert(self.vault, bytes20),
            abi_encode(place.deadline, place.market, question, place.class_id, convert(2, uint256)),
            abi_encode(conditions[0], tokens[0], tokens[1], conditions[1], tokens[2], tokens[3]),
        ),
    )
    self._check(EVENT_ACCOUNT, place, now, hash, order, expiry, part, conditions, tokens, 2)
