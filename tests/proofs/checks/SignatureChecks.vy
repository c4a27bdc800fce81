# pragma version 0.4.3
"""
@title What isValidSignature admits
@license AGPL-3.0-only
@author Strongroom
@notice Whatever order, signature, time, terms, payouts and storage: the magic value is only
        answered where every bound of an order holds. Each bound is reckoned here anew.
"""

from contracts.interfaces import IVault
from tests.proofs import cheats


struct Order:
    salt: uint256
    maker: address
    signer: address
    tokenId: uint256
    makerAmount: uint256
    takerAmount: uint256
    side: uint8
    signatureType: uint8
    timestamp: uint256
    metadata: bytes32
    builder: bytes32


struct Place:
    deadline: uint256
    market: bytes32
    class_id: uint256


interface IAccount:
    def isValidSignature(hash: bytes32, signature: Bytes[1024]) -> bytes4: view
    def halted() -> bool: view
    def epoch() -> uint256: view
    def halt(): nonpayable
    def bumpEpoch(): nonpayable
    def initialize(): nonpayable


interface IMock:
    def payoutDenominator(condition: bytes32) -> uint256: view
    def signed(hash: bytes32) -> bool: view
    def orderTerms(class_id: uint256, market: bytes32, index: uint256) -> IVault.OrderTerms: view


MAGIC: constant(bytes4) = 0x1626ba7e
ACCOUNT: constant(address) = 0x00000000000000000000000000000000000aCC01
EVENT_ACCOUNT: constant(address) = 0x00000000000000000000000000000000000aCc02
TYPE: constant(String[186]) = "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
DOMAIN: constant(String[82]) = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"

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
def _digest(hash: bytes32, expiry: uint256, epoch: uint256, account: address) -> bytes32:
    """
    @return What the keeper must have signed.
    """
    domain: bytes32 = keccak256(
        abi_encode(
            keccak256(DOMAIN), keccak256("Strongroom Market Account"), keccak256("1"), chain.id, account
        )
    )
    struct_hash: bytes32 = keccak256(
        abi_encode(
            keccak256("KeeperOrder(bytes32 orderHash,uint256 expiry,uint256 epoch)"), hash, expiry, epoch
        )
    )
    return keccak256(concat(b"\x19\x01", domain, struct_hash))


@internal
def _order_hash(order: Order) -> bytes32:
    domain: bytes32 = keccak256(
        abi_encode(
            keccak256(DOMAIN),
            keccak256("Polymarket CTF Exchange"),
            keccak256("2"),
            chain.id,
            self.exchange,
        )
    )
    return keccak256(concat(b"\x19\x01", domain, keccak256(abi_encode(keccak256(TYPE), order))))


@internal
def _check(
    account: address,
    place: Place,
    now: uint256,
    hash: bytes32,
    order: Order,
    expiry: uint256,
    part: bytes32,
    conditions: bytes32[2],
    tokens: uint256[4],
    count: uint256,
):
    cheats._warp(now)
    cheats._hint((order.makerAmount == 0 or order.makerAmount == 4) and order.takerAmount == 8)
    epoch: uint256 = staticcall IAccount(account).epoch()
    halted: bool = staticcall IAccount(account).halted()
    answer: bytes4 = staticcall IAccount(account).isValidSignature(
        hash, abi_encode(order, expiry, concat(part, part, b"\x01"))
    )
    if answer != MAGIC:
        return
    cheats._must(not halted)
    cheats._must(hash == self._order_hash(order))
    cheats._must(order.maker == account and order.signer == account)
    cheats._must(order.signatureType == 3)
    cheats._must(order.side == 0 or order.side == 1)
    cheats._must(order.makerAmount != 0 and order.takerAmount != 0)
    cheats._must(now < place.deadline)
    index: uint256 = count * 2
    for i: uint256 in range(4):
        if i < 2 * count and order.tokenId == tokens[i]:
            index = i
            break
    cheats._must(index < 2 * count)
    cheats._must(staticcall IMock(self.ctf).payoutDenominator(conditions[index // 2]) == 0)
    terms: IVault.OrderTerms = staticcall IMock(self.vault).orderTerms(
        place.class_id, place.market, index
    )
    cheats._must(now <= expiry and expiry - now <= terms.max_lifetime)
    if order.side == 0:
        cheats._must(order.makerAmount * 10**18 <= order.takerAmount * terms.highest_buy)
    else:
        cheats._must(order.takerAmount * 10**18 >= order.makerAmount * terms.lowest_sell)
    cheats._must(terms.keeper == self.safe)
    cheats._must(staticcall IMock(self.safe).signed(self._digest(hash, expiry, epoch, account)))


@external
def check_binary(
    place: Place,
    question: bytes32,
    now: uint256,
    hash: bytes32,
    order: Order,
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
    place: Place,
    question: bytes32,
    now: uint256,
    hash: bytes32,
    order: Order,
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
