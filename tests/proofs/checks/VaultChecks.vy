# pragma version 0.4.3
"""
@title What a vault does for whom
@license AGPL-3.0-only
@author Strongroom
@notice The vault's code on a storage that may hold anything; any caller, arguments and time.
@dev A call that must be refused is refused by the check that is there for it: with its reason, in
     front of all else.
"""

from contracts.interfaces import IVault
from tests.proofs import cheats
from tests.proofs import whole


interface IProbe:
    def owner() -> address: view
    def guardian() -> address: view
    def reporter() -> address: view
    def keeperOf(class_id: uint256) -> address: view
    def marketOf(market: bytes32) -> (address, uint256, uint256, bool): view
    def isOperator(controller: address, operator: address) -> bool: view
    def word() -> uint256: view
    def limit(which: uint256) -> uint256: view
    def totalSupply() -> uint256: view
    def value(market: bytes32, account: address, book: uint256, words: DynArray[uint256, 32]) -> (uint256, uint256): nonpayable


interface IVaultFront:
    def orderTerms(class_id: uint256, market: bytes32, index: uint256) -> IVault.OrderTerms: view


struct Mark:
    market: bytes32
    condition: uint256
    bid: uint256
    ask: uint256


pieces: whole.Pieces


@external
def setUp():
    self.pieces = whole._deploy(raw_create(cheats._code("MockToken.t.sol:MockToken")))


@internal
def _refused(code: address, caller: address, data: Bytes[512], reasons: bytes32[5]):
    """
    @notice Claims that a call is refused, for one of the reasons.
    """
    whole._be(code)
    success: bool = False
    said: Bytes[128] = b""
    cheats._prank(caller)
    success, said = raw_call(whole.VAULT, data, max_outsize=128, revert_on_failure=False)
    good: uint256 = 0
    for reason: bytes32 in reasons:
        good |= convert(keccak256(said) == reason, uint256)
    cheats._must(not success and good == 1)


@external
def check_report_stranger(caller: address, now: uint256, mark: Mark, evidence: bytes32):
    """
    @notice Nobody but the reporter reports.
    """
    whole._make(self.pieces.probe, now)
    cheats._assume(caller != staticcall IProbe(whole.VAULT).reporter())
    marks: DynArray[Mark, 1] = [mark]
    self._refused(
        self.pieces.desk,
        caller,
        abi_encode(marks, evidence, method_id=method_id("report((bytes32,uint256,uint256,uint256)[],bytes32)")),
        [whole._reason("not the reporter"), empty(bytes32), empty(bytes32), empty(bytes32), empty(bytes32)],
    )


@internal
def _check_keeper(caller: address, word: uint256, class_id: uint256, data: Bytes[512]):
    """
    @dev Stopped, or for another than the class's keeper.
    """
    stranger: bool = caller != staticcall IProbe(whole.VAULT).keeperOf(class_id)
    cheats._assume(stranger or word & whole.STOPPED != 0)
    self._refused(
        self.pieces.desk,
        caller,
        data,
        [
            whole._reason("not the keeper"),
            whole._reason("paused"),
            whole._reason("winding down"),
            whole._reason("unknown market"),
            whole._reason("market closed"),
        ],
    )


@external
def check_open(caller: address, now: uint256, class_id: uint256, question: bytes32, count: uint256, deadline: uint256):
    """
    @notice Only the class's keeper opens its markets, and not while the vault is stopped.
    """
    word: uint256 = whole._make(self.pieces.probe, now)
    self._check_keeper(
        caller,
        word,
        class_id,
        abi_encode(
            class_id, question, count, deadline, method_id=method_id("openMarket(uint256,bytes32,uint256,uint256)")
        ),
    )


@external
def check_allocate(caller: address, now: uint256, market: bytes32, assets: uint256):
    """
    @notice Only the class's keeper moves budget into its markets, and not while the vault is stopped.
    """
    word: uint256 = whole._make(self.pieces.probe, now)
    class_id: uint256 = (staticcall IProbe(whole.VAULT).marketOf(market))[1]
    self._check_keeper(
        caller, word, class_id, abi_encode(market, assets, method_id=method_id("allocate(bytes32,uint256)"))
    )


@external
def check_recall(caller: address, now: uint256, market: bytes32, assets: uint256):
    """
    @notice The class's keeper, guardian and owner recall; anyone in wind-down.
    """
    word: uint256 = whole._make(self.pieces.probe, now)
    cheats._assume(word & whole.WINDING_DOWN == 0)
    class_id: uint256 = (staticcall IProbe(whole.VAULT).marketOf(market))[1]
    cheats._assume(caller != staticcall IProbe(whole.VAULT).keeperOf(class_id))
    cheats._assume(caller != staticcall IProbe(whole.VAULT).guardian())
    cheats._assume(caller != staticcall IProbe(whole.VAULT).owner())
    self._refused(
        self.pieces.exits,
        caller,
        abi_encode(market, assets, method_id=method_id("recall(bytes32,uint256)")),
        [
            whole._reason("not the keeper"),
            whole._reason("unknown market"),
            whole._reason("market closed"),
            empty(bytes32),
            empty(bytes32),
        ],
    )


@external
def check_request(caller: address, now: uint256, assets: uint256, controller: address, owner: address):
    """
    @notice Nobody hands over assets of another, and nobody any while the vault is stopped.
    """
    word: uint256 = whole._make(self.pieces.probe, now)
    operator: bool = staticcall IProbe(whole.VAULT).isOperator(owner, caller)
    cheats._assume((caller != owner and not operator) or word & whole.STOPPED != 0)
    self._refused(
        self.pieces.front,
        caller,
        abi_encode(
            assets, controller, owner, method_id=method_id("requestDeposit(uint256,address,address)")
        ),
        [
            whole._reason("not authorised"),
            whole._reason("paused"),
            whole._reason("winding down"),
            empty(bytes32),
            empty(bytes32),
        ],
    )


@external
def check_order_terms(now: uint256, class_id: uint256, market: bytes32, index: uint256):
    """
    @notice No keeper signs orders while the vault is stopped or once the market is closed, and never
            one of another class.
    """
    word: uint256 = whole._make(self.pieces.probe, now)
    keeper: address = staticcall IProbe(whole.VAULT).keeperOf(class_id)
    closed: bool = (staticcall IProbe(whole.VAULT).marketOf(market))[3]
    whole._be(self.pieces.front)
    terms: IVault.OrderTerms = staticcall IVaultFront(whole.VAULT).orderTerms(
        class_id, market, index
    )
    nobody: bool = terms.keeper == empty(address)
    running: bool = word & whole.STOPPED == 0
    cheats._must(nobody or (running and not closed and terms.keeper == keeper))


@external
def check_wind_down(now: uint256, caller: address):
    """
    @notice Guardian and owner wind down; anyone once there are shares and no report for as long as
            the liveness period. It is never made twice, and nothing else of the word changes.
    """
    word: uint256 = whole._make(self.pieces.probe, now)
    by: uint256 = convert(caller == staticcall IProbe(whole.VAULT).owner(), uint256)
    by |= convert(caller == staticcall IProbe(whole.VAULT).guardian(), uint256)
    silent: uint256 = convert(staticcall IProbe(whole.VAULT).totalSupply() != 0, uint256)
    silent &= convert(
        now > (word & whole.U40) + staticcall IProbe(whole.VAULT).limit(6), uint256
    )
    whole._be(self.pieces.front)
    cheats._prank(caller)
    success: bool = raw_call(whole.VAULT, method_id("windDown()"), revert_on_failure=False)
    cheats._assume(success)
    whole._be(self.pieces.probe)
    good: uint256 = (by | silent) & convert(word & whole.WINDING_DOWN == 0, uint256)
    good &= convert(staticcall IProbe(whole.VAULT).word() == word | whole.WINDING_DOWN, uint256)
    cheats._must(good == 1)


@external
def check_silent_account(now: uint256, market: bytes32, book: uint256, mark: uint256):
    """
    @notice An account without an answer counts nothing at the bid, its exposure at least at the ask.
    """
    whole._make(self.pieces.probe, now)
    bid: uint256 = 0
    ask: uint256 = 0
    bid, ask = extcall IProbe(whole.VAULT).value(market, self.pieces.asset, book, [mark])
    cheats._must(bid == 0 and ask >= book & whole.U85)
