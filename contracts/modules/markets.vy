# pragma version 0.4.3
"""
@title Markets and their accounts
@license AGPL-3.0-only
@author Strongroom
@notice Which markets are open, which account holds each one's budget, and which closed accounts
        still hold something.
@dev Roles: a class's keeper opens its markets. The vault calls the functions below; this module
     checks what is asked for, not who asks.
     Invariants: a class has at most one open market of a question; a halted account's market is
     never opened again.
     Units: assets; times in seconds.
     Limits of use: 128 accounts of 192 conditions together, of open markets and of closed ones that
     wait to be swept (an exit in kind visits all); at most 32 of them closed, of 48 conditions.
"""

from contracts.interfaces import IMarketAccount
from contracts.modules import classes
from contracts.modules import nav
from contracts.modules import units

uses: classes


event MarketOpened:
    market: indexed(bytes32)
    account: indexed(address)
    class_id: indexed(uint256)
    question: bytes32
    question_id: bytes32
    conditions: uint256
    deadline: uint256


event MarketClosed:
    market: indexed(bytes32)
    account: indexed(address)
    loss: uint256  # exposure that did not come home
    written_off: uint256  # what its tokens and wallet stood for
    halted: bool  # had been halted before: it is never opened again
    holds: bool  # the account still holds something
    listed: bool  # and has a place in the list: exits in kind visit it until it is swept


MAX_ENDED: constant(uint256) = 32  # closed accounts that hold tokens: an exit in kind visits each
MAX_ENDED_CONDITIONS: constant(uint256) = 48  # of all of them
HOLDS: constant(uint256) = 1 << 168  # in a word of `remains`: it holds something
MAX_ARGUMENTS: constant(uint256) = 3136  # bytes: 32 conditions of 96 each, and ABI encoding
# In a word of `words` and of `ended`.
DELEGATED: constant(uint256) = 1 << 253  # the account's custody grade is 2
HALTED_BEFORE: constant(uint256) = 1 << 254  # it had been halted before it was closed
CLOSED: constant(uint256) = 1 << 255

# market -> account | class << 160 (8) | conditions << 168 (8) | index in open_markets << 176 (8) |
# DELEGATED | HALTED_BEFORE | CLOSED
words: HashMap[bytes32, uint256]
questionOf: public(HashMap[bytes32, bytes32])  # market -> its question (of negative risk: the event)
open_markets: DynArray[bytes32, nav.MAX_MARKETS]
open_conditions: public(uint256)  # of all open markets
# closed account -> its word in `words`, with CLOSED; 0: it is not closed
ended: HashMap[address, uint256]
ended_market: HashMap[address, bytes32]  # closed account -> its market
# closed account -> what its tokens and wallet stood for when it was closed, assets per share times
# losses.LOSS (160 bits) | its place in `unswept` + 1 << 160 (8; 0: it is not listed) | HOLDS
remains: HashMap[address, uint256]
unswept: DynArray[address, MAX_ENDED]  # closed accounts that hold something
unswept_conditions: uint256  # of all of them
holding: uint256  # closed accounts that hold something, listed or not
# what closed accounts stood for, until swept: summed, assets per share times losses.LOSS
written_off: uint256


@external
@view
def openMarkets() -> DynArray[bytes32, nav.MAX_MARKETS]:
    """
    @return The open markets.
    """
    return self.open_markets


@external
@view
def unsweptAccounts() -> DynArray[address, MAX_ENDED]:
    """
    @return Closed accounts that still hold tokens or have some in a wallet.
    """
    return self.unswept


@external
@pure
def marketId(class_id: uint256, question: bytes32) -> bytes32:
    """
    @param question The condition id; of negative risk the event's id
    @return The id of the class's market on the question.
    """
    return self._market_id(class_id, question)


@external
@view
def accountOf(market: bytes32) -> address:
    """
    @return The account that holds the market's budget, or held it last; zero for an unknown market.
    """
    return self._account(self.words[market])


@external
@view
def marketOf(market: bytes32) -> (address, uint256, uint256, bool):
    """
    @return Account, class, conditions, and whether the market is closed.
    """
    word: uint256 = self.words[market]
    return self._account(word), self._class(word), self._conditions(word), self._is_closed(word)


@internal
@pure
def _market_id(class_id: uint256, question: bytes32) -> bytes32:
    return keccak256(concat(convert(class_id, bytes32), question))


@internal
@pure
def _account(word: uint256) -> address:
    return convert(word & units.U160, address)


@internal
@pure
def _class(word: uint256) -> uint256:
    return (word >> 160) & units.U8


@internal
@pure
def _conditions(word: uint256) -> uint256:
    return (word >> 168) & units.U8


@internal
@pure
def _index(word: uint256) -> uint256:
    return (word >> 176) & units.U8


@internal
@pure
def _is_delegated(word: uint256) -> bool:
    """
    @return Whether the account's custody grade is 2.
    """
    return word & DELEGATED != 0


@internal
@pure
def _is_closed(word: uint256) -> bool:
    return word & CLOSED != 0


@internal
@pure
def _is_open(word: uint256) -> bool:
    return word != 0 and word & CLOSED == 0


@internal
@pure
def _remains(word: uint256) -> uint256:
    return word & units.U160


@internal
@view
def _check_open(market: bytes32) -> uint256:
    """
    @return The market's word.
    """
    word: uint256 = self.words[market]
    assert word != 0, "unknown market"
    assert word & CLOSED == 0, "market closed"
    return word


@internal
def _open(class_id: uint256, question_id: bytes32, count: uint256, deadline: uint256) -> bytes32:
    """
    @notice Opens a market of the class with a fresh account.
    @dev The implementation derives question and tokens from oracle and question id. A class has
         one open market of a question, else its cap would double; once that is closed it may be
         opened again, unless it was halted.
    """
    classes._check_active(class_id)
    terms: classes.ClassTerms = classes.class_terms[class_id]
    assert deadline > block.timestamp, "deadline passed"
    assert deadline <= block.timestamp + terms.max_duration, "deadline too far"
    question: bytes32 = empty(bytes32)
    described: Bytes[MAX_ARGUMENTS] = b""
    question, described = staticcall IMarketAccount(terms.implementation).describe(
        terms.oracle, question_id, count
    )
    market: bytes32 = self._market_id(class_id, question)
    word: uint256 = self.words[market]
    assert word == 0 or word & CLOSED != 0, "market open"
    assert word & HALTED_BEFORE == 0, "market was halted"
    account: address = self._clone(
        terms.implementation,
        concat(
            convert(self, bytes20),
            convert(deadline, bytes32),
            market,
            question,
            convert(class_id, bytes32),
            convert(count, bytes32),
            described,
        ),
    )
    extcall IMarketAccount(account).initialize()
    index: uint256 = len(self.open_markets)
    assert index + len(self.unswept) < nav.MAX_MARKETS, "too many markets"
    open: uint256 = self.open_conditions + count
    assert open + self.unswept_conditions <= nav.MAX_OPEN_CONDITIONS, "too many conditions"
    self.open_conditions = open
    self.words[market] = (
        convert(account, uint256)
        | (class_id << 160)
        | (count << 168)
        | (index << 176)
        | (DELEGATED if classes._is_delegated(class_id) else 0)
    )
    self.open_markets.append(market)
    if word == 0:
        self.questionOf[market] = question
    log MarketOpened(
        market=market,
        account=account,
        class_id=class_id,
        question=question,
        question_id=question_id,
        conditions=count,
        deadline=deadline,
    )
    return market


@internal
def _clone(implementation: address, arguments: Bytes[MAX_ARGUMENTS + 180]) -> address:
    """
    @dev EIP-1167 proxy with its arguments behind the code, where the account reads them with
         EXTCODECOPY: cheaper than storage, and nothing to initialize twice or by a stranger.
    """
    size: uint256 = 45 + len(arguments)
    return raw_create(
        concat(
            x"61",
            slice(convert(size, bytes32), 30, 2),
            x"3d81600a3d39f3",  # return the `size` bytes that follow
            x"363d3d373d3d3d363d73",
            convert(implementation, bytes20),
            x"5af43d82803e903d91602b57fd5bf3",
            arguments,
        )
    )


@internal
def _close(
    market: bytes32,
    word: uint256,
    loss: uint256,
    halted: bool,
    written_off: uint256,
    per_share: uint256,
    holds: bool,
    by_owner: bool,
):
    """
    @notice Takes a market off the list.
    @param loss What it has not returned, assets
    @param halted Whether it had been halted before
    @param written_off What its tokens and wallet stand for, assets
    @param per_share The same, per share, times losses.LOSS
    @param holds Whether it still holds something
    @param by_owner Whether the owner closes it, announced
    @dev The last market takes the closed one's place in the list. Where the list of unswept
         accounts is full, what stands for nothing is not listed, so that junk keeps no market open,
         nor what the owner closes: that it holds something counts all the same.
    """
    account: address = self._account(word)
    last: bytes32 = self.open_markets.pop()
    if last != market:
        self.open_markets[self._index(word)] = last
        self.words[last] = (self.words[last] & ~(units.U8 << 176)) | (self._index(word) << 176)
    self.open_conditions -= self._conditions(word)
    new: uint256 = word | CLOSED | (HALTED_BEFORE if halted else 0)
    self.words[market] = new
    self.ended[account] = new
    self.ended_market[account] = market
    conditions: uint256 = self.unswept_conditions + self._conditions(word)
    listed: bool = (
        holds and len(self.unswept) < MAX_ENDED and conditions <= MAX_ENDED_CONDITIONS
    )
    assert listed or not holds or written_off == 0 or by_owner, "too many unswept accounts"
    if holds:
        self.holding += 1
        self.written_off += per_share
        remains: uint256 = per_share | HOLDS
        if listed:
            self.unswept_conditions = conditions
            self.unswept.append(account)
            remains |= len(self.unswept) << 160
        self.remains[account] = remains
    log MarketClosed(
        market=market,
        account=account,
        loss=loss,
        written_off=written_off,
        halted=halted,
        holds=holds,
        listed=listed,
    )


@internal
def _forget(account: address):
    """
    @notice A closed account holds nothing any more: it need not be visited, and what it stood for
            when it was closed counts no more.
    """
    word: uint256 = self.remains[account]
    self.written_off -= self._remains(word)
    if word != 0:
        self.holding -= 1
        place: uint256 = (word >> 160) & units.U8
        if place != 0:
            last: address = self.unswept.pop()
            if last != account:
                self.unswept[place - 1] = last
                moved: uint256 = self.remains[last] & ~(units.U8 << 160)
                self.remains[last] = moved | (place << 160)
            self.unswept_conditions -= self._conditions(self.ended[account])
        self.remains[account] = 0
