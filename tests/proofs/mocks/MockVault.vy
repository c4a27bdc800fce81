# pragma version 0.4.3
"""
@title What an account asks its vault
@license AGPL-3.0-only
@author Strongroom
@notice For proofs. Every answer may be anything, but is the same to the same question.
"""

from contracts.interfaces import IVault

terms: HashMap[uint256, HashMap[bytes32, HashMap[uint256, IVault.OrderTerms]]]
owner: public(address)
guardian: public(address)
keeperOf: public(HashMap[uint256, address])
paused: public(bool)
windingDown: public(bool)
books: HashMap[bytes32, uint256[3]]
closed: HashMap[address, bool]


@external
@view
def orderTerms(class_id: uint256, market: bytes32, index: uint256) -> IVault.OrderTerms:
    return self.terms[class_id][market][index]


@external
@view
def bookOf(market: bytes32) -> (uint256, uint256, uint256):
    book: uint256[3] = self.books[market]
    return book[0], book[1], book[2]


@external
@view
def remainsOf(account: address) -> (bool, uint256):
    return self.closed[account], 0
