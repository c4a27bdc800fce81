# pragma version 0.4.3
"""
@title What an account that owns a deposit wallet says yes to, and who moves what both hold
@license AGPL-3.0-only
@author Strongroom
@notice Any caller, any arguments and storage, one condition. The wallet stands where the account
        looks for it; whose it is, since when it is paused and what it has signed so far may be
        anything.
"""

from contracts.interfaces import IVault
from tests.proofs import bounds
from tests.proofs import cheats


interface IAccount:
    def isValidSignature(hash: bytes32, signature: Bytes[1024]) -> bytes4: view
    def halted() -> bool: view
    def epoch() -> uint256: view
    def wallet() -> address: view
    def adopted() -> bool: view
    def admitted() -> bytes32: view
    def admitApprovals(deadline: uint256) -> bytes32: nonpayable
    def payInKind(receiver: address, shares: uint256, supply: uint256) -> uint256: nonpayable
    def admitReturn(
        assets: uint256,
        indexes: DynArray[uint256, 8],
        amounts: DynArray[uint256, 8],
        deadline: uint256,
    ) -> bytes32: nonpayable


interface IWallet:
    def owner() -> address: view
    def nonce() -> uint256: view
    def pendingOwnerNonce() -> uint256: view
    def paused() -> uint256: view


interface IMock:
    def balanceOf(owner: address) -> uint256: view
    def payoutDenominator(condition: bytes32) -> uint256: view
    def keeperOf(class_id: uint256) -> address: view
    def paused() -> bool: view
    def windingDown() -> bool: view
    def owner() -> address: view
    def guardian() -> address: view


interface ITokens:
    def balanceOf(owner: address, id: uint256) -> uint256: view


ACCOUNT: constant(address) = 0x00000000000000000000000000000000000aCC01
CLASS_ID: constant(uint256) = 7
DEADLINE: constant(uint256) = 2**34
CONDITION: constant(bytes32) = 0x00000000000000000000000000000000000000000000000000000000000000c0
YES: constant(uint256) = 1001
NO: constant(uint256) = 1002
CALL: constant(String[45]) = "Call(address target,uint256 value,bytes data)"
BATCH: constant(String[112]) = "Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls)Call(address target,uint256 value,bytes data)"
NESTED: constant(String[112]) = "TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"

token: address
ctf: address
vault: address
safe: address
exchange: address
adapter: address
factory: address
implementation: address
wallet: address


@external
def setUp():
    self.token = raw_create(cheats._code("MockToken.t.sol:MockToken"))
    self.ctf = raw_create(cheats._code("MockTokens.t.sol:MockTokens"))
    self.vault = raw_create(cheats._code("MockVault.t.sol:MockVault"))
    self.safe = raw_create(cheats._code("MockSafe.t.sol:MockSafe"))
    self.exchange = raw_create(cheats._code("MockCode.t.sol:MockCode"))
    self.adapter = raw_create(cheats._code("MockAdapter.t.sol:MockAdapter"))
    self.factory = raw_create(cheats._code("MockFactory.t.sol:MockFactory"))
    self.wallet = raw_create(cheats._code("MockWallet.t.sol:MockWallet"))
    self.implementation = raw_create(
        cheats._code("WalletAccount.t.sol:WalletAccount"),
        self.exchange,
        "2",
        self.factory,
        self.exchange,
        self.ctf,
        self.token,
        self.token,
        self.adapter,
        False,
    )
    for mock: address in [self.token, self.ctf, self.vault, self.safe, self.factory]:
        cheats._any_storage(mock)


@internal
def _place(arguments: Bytes[300]):
    """
    @notice Puts an account and its wallet where they belong.
    """
    cheats._proxy(ACCOUNT, self.implementation, concat(convert(self.vault, bytes20), arguments))
    code: address = self.wallet
    self.wallet = staticcall IAccount(ACCOUNT).wallet()
    cheats._proxy(self.wallet, code, b"")


@internal
def _make():
    self._place(
        concat(
            abi_encode(DEADLINE, CONDITION, CONDITION, CLASS_ID, convert(1, uint256)),
            abi_encode(CONDITION, YES, NO),
        )
    )


@external
def check_wallet_order(
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
    """
    @dev The wallet asks about the nested digest of an order in the exchange's domain, and gets a yes
         only if the wallet is its maker and the keeper has signed it for the account. So no other
         digest of the wallet's (a batch's, a personal message's) passes as an order. A keeper
         that is the account itself is left out: it would say yes to what is admitted, which is a
         batch's digest (the checks of batches) and so no order's.
    """
    self._place(
        concat(
            abi_encode(place.deadline, place.market, question, place.class_id, convert(1, uint256)),
            abi_encode(condition, yes, no),
        )
    )
    cheats._warp(now)
    bounds._hint(order)
    epoch: uint256 = staticcall IAccount(ACCOUNT).epoch()
    halted: bool = staticcall IAccount(ACCOUNT).halted()
    parties: bounds.Parties = bounds.Parties(
        account=ACCOUNT,
        maker=self.wallet,
        vault=self.vault,
        safe=self.safe,
        exchange=self.exchange,
        version="2",
    )
    for i: uint256 in range(2):
        terms: IVault.OrderTerms = staticcall bounds.ITerms(self.vault).orderTerms(
            place.class_id, place.market, i
        )
        cheats._assume(terms.keeper != ACCOUNT)
    answer: bytes4 = staticcall IAccount(ACCOUNT).isValidSignature(
        hash, abi_encode(order, expiry, concat(part, part, b"\x01"))
    )
    if answer != bounds.MAGIC:
        return
    cheats._must(not halted)
    struct_hash: bytes32 = keccak256(
        abi_encode(
            keccak256(concat(NESTED, bounds.TYPE)),
            bounds._contents(order),
            keccak256("DepositWallet"),
            keccak256("1"),
            chain.id,
            self.wallet,
            empty(bytes32),
        )
    )
    domain: bytes32 = bounds._domain("Polymarket CTF Exchange", "2", self.exchange)
    cheats._must(hash == keccak256(concat(b"\x19\x01", domain, struct_hash)))
    tokens: uint256[4] = [yes, no, 0, 0]
    index: uint256 = bounds._check(parties, place, now, order, expiry, epoch, tokens, 1)
    cheats._must(index == 0)
    cheats._must(staticcall IMock(self.ctf).payoutDenominator(condition) == 0)


# Batches


@external
def check_wallet_batch(hash: bytes32, short: Bytes[65], now: uint256):
    """
    @dev What is too short for an order is a yes to the admitted batch alone.
    """
    self._make()
    cheats._warp(now)
    admitted: bytes32 = staticcall IAccount(ACCOUNT).admitted()
    answer: bytes4 = staticcall IAccount(ACCOUNT).isValidSignature(hash, short)
    if answer == bounds.MAGIC:
        cheats._must(hash == admitted and hash != empty(bytes32))


@internal
@view
def _call_hash(target: address, data: Bytes[196]) -> bytes32:
    return keccak256(abi_encode(keccak256(CALL), target, empty(uint256), keccak256(data)))


@internal
@view
def _digest(deadline: uint256, calls: DynArray[bytes32, 4]) -> bytes32:
    """
    @return What the wallet asks its owner about a batch of these calls, which is its next.
    """
    inside: Bytes[128] = b""
    if len(calls) == 1:
        inside = abi_encode(calls[0])
    elif len(calls) == 2:
        inside = abi_encode(calls[0], calls[1])
    elif len(calls) == 3:
        inside = abi_encode(calls[0], calls[1], calls[2])
    else:
        inside = abi_encode(calls[0], calls[1], calls[2], calls[3])
    nonce: uint256 = staticcall IWallet(self.wallet).nonce()
    struct_hash: bytes32 = keccak256(
        abi_encode(keccak256(BATCH), self.wallet, nonce, deadline, keccak256(inside))
    )
    domain: bytes32 = bounds._domain("DepositWallet", "1", self.wallet)
    return keccak256(concat(b"\x19\x01", domain, struct_hash))


@internal
@view
def _approvals(allowed: uint256, approved: bool) -> DynArray[bytes32, 4]:
    return [
        self._call_hash(
            self.token,
            abi_encode(self.exchange, allowed, method_id=method_id("approve(address,uint256)")),
        ),
        self._call_hash(
            self.ctf,
            abi_encode(
                self.exchange, approved, method_id=method_id("setApprovalForAll(address,bool)")
            ),
        ),
    ]


@external
def check_wallet_admits_approvals(caller: address, deadline: uint256, now: uint256):
    """
    @dev The keeper's alone, while nothing is stopped; and it names the exchange and nobody else.
    """
    self._make()
    cheats._warp(now)
    halted: bool = staticcall IAccount(ACCOUNT).halted()
    cheats._prank(caller)
    digest: bytes32 = extcall IAccount(ACCOUNT).admitApprovals(deadline)
    cheats._must(caller == staticcall IMock(self.vault).keeperOf(CLASS_ID))
    cheats._must(not halted and now < DEADLINE)
    cheats._must(not staticcall IMock(self.vault).paused())
    cheats._must(not staticcall IMock(self.vault).windingDown())
    cheats._must(staticcall IAccount(ACCOUNT).adopted())
    cheats._must(digest == self._digest(deadline, self._approvals(max_value(uint256), True)))
    cheats._must(staticcall IAccount(ACCOUNT).admitted() == digest)


@internal
def _check_return(
    caller: address, assets: uint256, token: uint256, amount: uint256, deadline: uint256, now: uint256
):
    """
    @dev Theirs who take back; everything in it comes to the account, and of a halted account the
         exchange's approvals end first.
    @param token 0: no outcome token comes home
    """
    self._make()
    cheats._warp(now)
    indexes: DynArray[uint256, 8] = []
    amounts: DynArray[uint256, 8] = []
    if token != 0:
        indexes = [token - YES]
        amounts = [amount]
    may: uint256 = self._may_take_back(caller, now)
    cheats._prank(caller)
    digest: bytes32 = extcall IAccount(ACCOUNT).admitReturn(assets, indexes, amounts, deadline)
    cheats._must(may == 1)
    calls: DynArray[bytes32, 4] = []
    if staticcall IAccount(ACCOUNT).halted():
        calls = self._approvals(0, False)
    if assets != 0:
        home: Bytes[68] = abi_encode(ACCOUNT, assets, method_id=method_id("transfer(address,uint256)"))
        calls.append(self._call_hash(self.token, home))
    if token != 0:
        data: Bytes[228] = abi_encode(
            self.wallet,
            ACCOUNT,
            token,
            amount,
            b"",
            method_id=method_id("safeTransferFrom(address,address,uint256,uint256,bytes)"),
        )
        calls.append(self._call_hash(self.ctf, slice(data, 0, 196)))
    cheats._must(digest == self._digest(deadline, calls))
    cheats._must(staticcall IAccount(ACCOUNT).admitted() == digest)


@external
def check_wallet_return_cash(caller: address, assets: uint256, deadline: uint256, now: uint256):
    self._check_return(caller, assets, 0, 0, deadline, now)


@external
def check_wallet_return_token(
    caller: address, assets: uint256, amount: uint256, deadline: uint256, now: uint256
):
    self._check_return(caller, assets, NO, amount, deadline, now)


# Who is who


@internal
@view
def _stopped(now: uint256) -> uint256:
    return (
        convert(staticcall IAccount(ACCOUNT).halted(), uint256)
        | convert(now >= DEADLINE, uint256)
        | convert(staticcall IMock(self.ctf).payoutDenominator(CONDITION) != 0, uint256)
    )


@internal
@view
def _may_take_back(caller: address, now: uint256) -> uint256:
    """
    @return 1: vault, keeper, guardian, owner; anybody in wind-down and once it does not trade.
    """
    return (
        self._stopped(now)
        | convert(staticcall IMock(self.vault).windingDown(), uint256)
        | convert(caller == self.vault, uint256)
        | convert(caller == staticcall IMock(self.vault).keeperOf(CLASS_ID), uint256)
        | self._is_guardian_or_owner(caller)
    )


@internal
@view
def _is_guardian_or_owner(caller: address) -> uint256:
    return convert(caller == staticcall IMock(self.vault).guardian(), uint256) | convert(
        caller == staticcall IMock(self.vault).owner(), uint256
    )


# Who may call what moves money, one function at a time


@internal
@view
def _keeps(caller: address, now: uint256) -> uint256:
    """
    @return 1: the keeper, while neither vault nor account is stopped.
    """
    return (
        convert(caller == staticcall IMock(self.vault).keeperOf(CLASS_ID), uint256)
        & (1 - convert(staticcall IMock(self.vault).paused(), uint256))
        & (1 - convert(staticcall IMock(self.vault).windingDown(), uint256))
        & (1 - self._stopped(now))
    )


@internal
def _calls(caller: address, data: Bytes[68]):
    cheats._prank(caller)
    cheats._assume(raw_call(ACCOUNT, data, revert_on_failure=False))


@external
def check_wallet_funded(caller: address, assets: uint256, now: uint256):
    """
    @dev By the keeper while nothing is stopped; the account's collateral reaches the wallet alone.
    """
    self._make()
    cheats._warp(now)
    keeps: uint256 = self._keeps(caller, now)
    cash: uint256 = staticcall IMock(self.token).balanceOf(self.wallet)
    self._calls(caller, abi_encode(assets, method_id=method_id("fund(uint256)")))
    cheats._must(keeps == 1 and staticcall IAccount(ACCOUNT).adopted())
    came: uint256 = unsafe_sub(staticcall IMock(self.token).balanceOf(self.wallet), cash)
    cheats._must(came == assets)


@external
def check_wallet_tokens_funded(caller: address, amount: uint256, now: uint256):
    self._make()
    cheats._warp(now)
    keeps: uint256 = self._keeps(caller, now)
    held: uint256 = staticcall ITokens(self.ctf).balanceOf(self.wallet, YES)
    index: uint256 = 0
    self._calls(
        caller, abi_encode(index, amount, method_id=method_id("fundTokens(uint256,uint256)"))
    )
    cheats._must(keeps == 1 and staticcall IAccount(ACCOUNT).adopted())
    came: uint256 = unsafe_sub(staticcall ITokens(self.ctf).balanceOf(self.wallet, YES), held)
    cheats._must(came == amount)


@external
def check_wallet_recalled(caller: address, assets: uint256):
    """
    @dev By the vault, to the vault.
    """
    self._make()
    cash: uint256 = staticcall IMock(self.token).balanceOf(ACCOUNT)
    cheats._assume(cash < 2**128 and staticcall IMock(self.token).balanceOf(self.vault) < 2**128)
    home: uint256 = staticcall IMock(self.token).balanceOf(self.vault)
    self._calls(caller, abi_encode(assets, method_id=method_id("recall(uint256)")))
    cheats._must(caller == self.vault)
    sent: uint256 = cash - staticcall IMock(self.token).balanceOf(ACCOUNT)
    cheats._must(staticcall IMock(self.token).balanceOf(self.vault) == home + sent)


@external
def check_wallet_adopted(caller: address):
    """
    @dev Only a wallet that is the account's, and for which nothing was ever signed or handed over.
    """
    self._make()
    self._calls(caller, method_id("adopt()"))
    cheats._must(staticcall IWallet(self.wallet).owner() == ACCOUNT)
    cheats._must(staticcall IWallet(self.wallet).nonce() == 0)
    cheats._must(staticcall IWallet(self.wallet).pendingOwnerNonce() == 0)


@external
def check_wallet_paused(caller: address, now: uint256):
    """
    @dev By theirs who take back; and never anew, which would begin the delay again.
    """
    self._make()
    cheats._warp(now)
    may: uint256 = self._may_take_back(caller, now)
    paused: uint256 = staticcall IWallet(self.wallet).paused()
    self._calls(caller, method_id("pauseWallet()"))
    cheats._must(may == 1 and paused == 0)


@external
def check_wallet_unpaused(caller: address, now: uint256):
    """
    @dev By guardian or owner, while it trades.
    """
    self._make()
    cheats._warp(now)
    stopped: uint256 = self._stopped(now)
    self._calls(caller, method_id("unpauseWallet()"))
    cheats._must(self._is_guardian_or_owner(caller) == 1 and stopped == 0)


@external
def check_wallet_in_kind(caller: address, receiver: address, shares: uint256, supply: uint256):
    self._make()
    cheats._hint(shares == 0 and supply == 1)
    cheats._prank(caller)
    extcall IAccount(ACCOUNT).payInKind(receiver, shares, supply)
    cheats._must(caller == self.vault)


@external
def check_wallet_halted(caller: address, now: uint256):
    """
    @dev By theirs who make things safer; no batch that was admitted before passes afterwards.
    """
    self._make()
    cheats._warp(now)
    cheats._assume(
        not staticcall IAccount(ACCOUNT).adopted()
        or staticcall IWallet(self.wallet).owner() == ACCOUNT
    )
    safer: uint256 = (
        convert(staticcall IMock(self.vault).windingDown(), uint256)
        | convert(caller == self.vault, uint256)
        | convert(caller == staticcall IMock(self.vault).keeperOf(CLASS_ID), uint256)
        | self._is_guardian_or_owner(caller)
    )
    self._calls(caller, method_id("halt()"))
    cheats._must(safer == 1 and staticcall IAccount(ACCOUNT).halted())
    cheats._must(staticcall IAccount(ACCOUNT).admitted() == empty(bytes32))
