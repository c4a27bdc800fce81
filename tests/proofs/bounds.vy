# pragma version 0.4.3
"""
@title What every order that an account admits must keep to
@license AGPL-3.0-only
@author Strongroom
@notice For proofs. Hashes and bounds are reckoned here anew, from the venue's types.
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


# Of whom an order is, and who answers for it.
struct Parties:
    account: address
    maker: address
    vault: address
    safe: address
    exchange: address
    version: String[8]


interface ISigner:
    def signed(hash: bytes32) -> bool: view


interface ITerms:
    def orderTerms(class_id: uint256, market: bytes32, index: uint256) -> IVault.OrderTerms: view


MAGIC: constant(bytes4) = 0x1626ba7e
TYPE: constant(String[186]) = "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
DOMAIN: constant(String[82]) = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


@internal
@view
def _domain(name: String[32], version: String[8], contract: address) -> bytes32:
    return keccak256(
        abi_encode(keccak256(DOMAIN), keccak256(name), keccak256(version), chain.id, contract)
    )


@internal
@pure
def _contents(order: Order) -> bytes32:
    """
    @return The order's struct hash.
    """
    return keccak256(abi_encode(keccak256(TYPE), order))


@internal
@view
def _order_hash(order: Order, parties: Parties) -> bytes32:
    domain: bytes32 = self._domain("Polymarket CTF Exchange", parties.version, parties.exchange)
    return keccak256(concat(b"\x19\x01", domain, self._contents(order)))


@internal
@view
def _digest(hash: bytes32, expiry: uint256, epoch: uint256, account: address) -> bytes32:
    """
    @return What the keeper must have signed.
    """
    struct_hash: bytes32 = keccak256(
        abi_encode(
            keccak256("KeeperOrder(bytes32 orderHash,uint256 expiry,uint256 epoch)"), hash, expiry, epoch
        )
    )
    domain: bytes32 = self._domain("Strongroom Market Account", "1", account)
    return keccak256(concat(b"\x19\x01", domain, struct_hash))


@internal
def _hint(order: Order):
    cheats._hint((order.makerAmount == 0 or order.makerAmount == 4) and order.takerAmount == 8)


@internal
def _check(
    parties: Parties,
    place: Place,
    now: uint256,
    order: Order,
    expiry: uint256,
    epoch: uint256,
    tokens: uint256[4],
    count: uint256,
) -> uint256:
    """
    @notice Claims all bounds of an admitted order but that its condition has no result.
    @param epoch The account's, when it was asked
    @return The place of the order's condition
    """
    cheats._must(order.maker == parties.maker and order.signer == parties.maker)
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
    terms: IVault.OrderTerms = staticcall ITerms(parties.vault).orderTerms(
        place.class_id, place.market, index
    )
    cheats._must(now <= expiry and expiry - now <= terms.max_lifetime)
    if order.side == 0:
        cheats._must(order.makerAmount * 10**18 <= order.takerAmount * terms.highest_buy)
    else:
        cheats._must(order.takerAmount * 10**18 >= order.makerAmount * terms.lowest_sell)
    cheats._must(terms.keeper == parties.safe)
    digest: bytes32 = self._digest(self._order_hash(order, parties), expiry, epoch, parties.account)
    cheats._must(staticcall ISigner(parties.safe).signed(digest))
    return index // 2
