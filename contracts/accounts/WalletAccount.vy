# pragma version 0.4.3
"""
@title Market account that owns a deposit wallet
@license AGPL-3.0-only
@author Strongroom
@notice Holds one market's budget and outcome tokens, and is the only owner of a deposit wallet of
        the venue, for a venue that admits no other makers. The wallet is maker and signer of the
        market's orders (signature type 3) and asks the account about each. Custody grade:
        enforced.
@dev An implementation that vaults clone, see contracts/modules/account.vy; the wallet itself is in
     contracts/modules/deposit_wallet.vy, the order policy in contracts/modules/orders.vy.
     The account says yes to two things only: the nested digest of an order that the policy admits,
     and the one batch that it has put together itself. It puts together two: the exchange's
     approvals, and transfers home. So no batch can name a session signer, hand the wallet over, or
     reach anybody but the exchange and this account, and nobody's calls are parsed.
     `adopt` takes the wallet only if it was never anybody else's (deposit_wallet._is_owned_alone).
     Money goes out to the wallet by `fund`; it comes back by a batch, at once but only if the
     venue's relayer carries it in, or by `withdraw`, without anybody, once the wallet has been
     paused for longer than the venue's delay. Once the account no longer trades (halted, resolved,
     past its deadline, wind-down) anyone may pause, admit the way home, and withdraw.
     The vault counts what the wallet holds with what is here. Who leaves in kind gets his part of
     the wallet, too, if it has been paused for longer than the delay; if not, that part cannot move
     in his transaction: it stays behind for those who stay, and an event says so. He can wait for
     the pause instead, which keeper, guardian and owner start at any time and a halt starts by
     itself.
@custom:security What leads out besides the ways of every account: an order that `isValidSignature`
        admits. An order that the exchange's operator has pre-approved is paid from the wallet until
        its allowances are revoked: at a halt in the same transaction if the wallet has been paused
        for longer than the delay, else by the batch home, or by `withdraw` after the delay. That is
        the one thing in which this account is weaker than one that trades in its own name, and why
        a wallet is best paused as soon as it is adopted, if the venue's service takes orders of a
        paused one.
        Whoever may upgrade the venue's beacon rules over what wallets hold, by a timelock of the
        venue's; its admins may raise the delay, up to 7 days. The caps bound what they reach.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IConditionalTokens
from contracts.interfaces import IMarketAccount
from contracts.modules import account
from contracts.modules import deposit_wallet
from contracts.modules import orders
from contracts.modules import units
from contracts.modules import wallet_part

implements: IMarketAccount

initializes: account
initializes: deposit_wallet
initializes: orders[account := account]
initializes: wallet_part[account := account]

exports: (
    account.vault,
    account.market,
    account.question,
    account.classId,
    account.deadline,
    account.halted,
    account.tradable,
    account.conditions,
    account.tokenIds,
    account.resolved,
    account.describe,
    account.recall,
    account.split,
    account.merge,
    account.convertPositions,
    account.redeem,
    account.onERC1155Received,
    account.onERC1155BatchReceived,
    account.CTF,
    account.COLLATERAL,
    account.TOKEN_COLLATERAL,
    account.ADAPTER,
    account.NEGATIVE_RISK,
    deposit_wallet.__interface__,
    orders.EXCHANGE,
    orders.EXCHANGE_DOMAIN,
    orders.epoch,
    orders.domainSeparator,
    orders.bumpEpoch,
)


event Adopted:
    wallet: indexed(address)


event Funded:
    wallet: indexed(address)
    assets: uint256


event TokensFunded:
    wallet: indexed(address)
    token: indexed(uint256)
    amount: uint256


event BatchAdmitted:
    digest: indexed(bytes32)
    nonce: uint256
    deadline: uint256


event Withdrawn:
    wallet: indexed(address)
    receiver: indexed(address)
    assets: uint256


# The wallet's part of what a holder was due in kind stayed behind.
event LeftBehind:
    wallet: indexed(address)
    receiver: indexed(address)
    shares: uint256
    supply: uint256


MAX_RETURNED: constant(uint256) = 8  # outcome tokens that one batch brings home
LEAST_ORDER: constant(uint256) = 448  # bytes of an order's envelope without keeper's signature
RESERVED: constant(uint256) = 3_600  # seconds that an admitted batch keeps others out, at most
LEAST_AWAY: constant(uint256) = 10**6  # assets: a wallet that holds less holds up no closing

# EIP-712 hashes of the calls that give the exchange its approvals, and that take them back
ALLOW: immutable(bytes32)
APPROVE: immutable(bytes32)
DISALLOW: immutable(bytes32)
DISAPPROVE: immutable(bytes32)

adopted: public(bool)  # whether the wallet is this account's, and has been nobody else's
admitted: public(bytes32)  # digest of the batch that the wallet may carry out
admitted_nonce: uint256  # that batch's
reserved_until: uint256  # timestamp: until then it keeps others out


@deploy
def __init__(
    exchange: address,
    exchange_version: String[8],
    wallet_factory: address,
    wallet_beacon: address,
    ctf: address,
    collateral: address,
    token_collateral: address,
    adapter: address,
    negative_risk: bool,
):
    """
    @param exchange The exchange whose orders the accounts sign
    @param exchange_version Version in the exchange's EIP-712 domain: "2" or "3"
    @param wallet_factory The venue's factory of deposit wallets
    @param wallet_beacon The beacon of its wallets
    @param ctf ConditionalTokens
    @param collateral What orders are paid in: the vault's asset
    @param token_collateral The collateral of the outcome tokens
    @param adapter Splits, merges and redeems between the two
    @param negative_risk Whether a market is an event of several exclusive conditions
    """
    account.__init__(ctf, collateral, token_collateral, adapter, negative_risk)
    orders.__init__(exchange, exchange_version)
    deposit_wallet.__init__(wallet_factory, wallet_beacon)
    ALLOW = deposit_wallet._call_hash(
        collateral,
        abi_encode(exchange, max_value(uint256), method_id=method_id("approve(address,uint256)")),
    )
    DISALLOW = deposit_wallet._call_hash(
        collateral,
        abi_encode(exchange, empty(uint256), method_id=method_id("approve(address,uint256)")),
    )
    APPROVE = deposit_wallet._call_hash(
        ctf, abi_encode(exchange, True, method_id=method_id("setApprovalForAll(address,bool)"))
    )
    DISAPPROVE = deposit_wallet._call_hash(
        ctf, abi_encode(exchange, False, method_id=method_id("setApprovalForAll(address,bool)"))
    )


# Views


@external
@view
def grade() -> uint256:
    """
    @return 1: enforced, only what this code admits can trade the budget.
    """
    return 1


@external
@view
def positions() -> (uint256, DynArray[IMarketAccount.Position, units.MAX_CONDITIONS]):
    """
    @return Collateral held, and each condition's outcome tokens and payout: what the account and
            its wallet hold together.
    """
    return wallet_part._together(self._adopted())


@external
@view
def away() -> uint256:
    """
    @return What the wallet holds, in assets: collateral and outcome tokens, at their payout once
            there is one, else at 1. 0 if it is less than one whole asset: a closed wallet cannot be
            rid of what strangers give, and that is to hold up no closing. A sweep brings it home.
    """
    worth: uint256 = wallet_part._worth(self._adopted())
    return worth if worth >= LEAST_AWAY else 0


@external
@view
def isOpen() -> bool:
    """
    @return Whether the wallet has been paused for longer than the venue's delay, so that what it
            holds moves without the venue.
    """
    return deposit_wallet._is_open(deposit_wallet._wallet())


@external
@view
def isValidSignature(hash: bytes32, signature: Bytes[orders.MAX_ENVELOPE]) -> bytes4:
    """
    @notice EIP-1271, for the wallet: admits an order of this market that the keeper's Safe signed
            for this account, while everything that bounds it holds; and the admitted batch.
    @param hash Of an order: its nested digest, see deposit_wallet.vy. Of a batch: its digest
    @param signature Of an order: abi.encode(Order order, uint256 expiry, bytes keeper_signature).
           Of a batch: anything shorter, 65 bytes for those who want so many; it is not read
    @return 0x1626ba7e if admitted, else 0xffffffff; bytes that do not decode revert.
    """
    if len(signature) < LEAST_ORDER:
        if hash == empty(bytes32) or hash != self.admitted:
            return orders.EIP1271_REFUSED
        return orders.EIP1271_MAGIC
    order: orders.Order = empty(orders.Order)
    expiry: uint256 = 0
    keeper_signature: Bytes[orders.MAX_SIGNATURE] = b""
    order, expiry, keeper_signature = abi_decode(
        signature, (orders.Order, uint256, Bytes[orders.MAX_SIGNATURE])
    )
    wallet: address = deposit_wallet._wallet()
    contents: bytes32 = keccak256(abi_encode(orders.ORDER_TYPEHASH, order))
    if hash != deposit_wallet._nested_digest(wallet, orders.EXCHANGE_DOMAIN, contents):
        return orders.EIP1271_REFUSED
    order_hash: bytes32 = keccak256(concat(b"\x19\x01", orders.EXCHANGE_DOMAIN, contents))
    admitted: bool = False
    condition: bytes32 = empty(bytes32)
    admitted, condition = orders._admits(order, wallet, order_hash, expiry, keeper_signature)
    if not admitted:
        return orders.EIP1271_REFUSED
    if staticcall IConditionalTokens(account.CTF).payoutDenominator(condition, skip_contract_check=True) != 0:
        return orders.EIP1271_REFUSED
    return orders.EIP1271_MAGIC


@external
@view
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice ERC-165: itself, the ERC-1155 receiver and EIP-1271.
    """
    return interface_id in [0x01ffc9a7, 0x4e2312e0, 0x1626ba7e]


# The switch


@external
def initialize():
    """
    @notice Nothing to grant: the venue knows the wallet, not the account.
    """
    assert msg.sender == account._vault(), "not the vault"


@external
@nonreentrant
def halt():
    """
    @notice Ends trading for ever: no order and no approval is admitted again. Takes the exchange's
            allowances and all that the wallet holds, if it has been paused for longer than the
            delay; else starts the pause, after which anyone withdraws. Keeper, guardian or owner;
            the vault when the market is closed; anyone in wind-down.
    """
    account._halt()
    self.admitted = empty(bytes32)
    self.reserved_until = 0
    self._reach_wallet()


# The wallet


@external
@nonreentrant
def adopt():
    """
    @notice Takes the wallet that the venue has made for this account, if nobody else ever had a
            key to it. Anyone may call.
    """
    assert not self.adopted, "wallet adopted"
    wallet: address = deposit_wallet._wallet()
    assert deposit_wallet._is_owned_alone(wallet), "no wallet of this account alone"
    self.adopted = True
    log Adopted(wallet=wallet)


@external
@nonreentrant
def fund(assets: uint256):
    """
    @notice Moves collateral to the wallet. Keeper only, while tradable.
    """
    wallet: address = self._check_may_fund()
    log Funded(wallet=wallet, assets=assets)
    self._pay(wallet, assets)


@external
@nonreentrant
def fundTokens(index: uint256, amount: uint256):
    """
    @notice Moves outcome tokens to the wallet. Keeper only, while tradable.
    @param index Outcome token: 2 * condition for YES, 2 * condition + 1 for NO
    """
    wallet: address = self._check_may_fund()
    token: uint256 = wallet_part._checked_token(index)
    log TokensFunded(wallet=wallet, token=token, amount=amount)
    extcall IConditionalTokens(account.CTF).safeTransferFrom(self, wallet, token, amount, b"")


@external
@nonreentrant
def admitApprovals(deadline: uint256) -> bytes32:
    """
    @notice Lets the wallet's next batch give the exchange its allowance of collateral and its
            approval of outcome tokens: approve(exchange, 2**256 - 1), setApprovalForAll(exchange,
            true). Keeper only, while tradable.
    @param deadline Last second at which the batch passes, timestamp
    @return The batch's digest
    """
    self._check_may_fund()
    return self._admit([ALLOW, APPROVE], deadline)


@external
@nonreentrant
def admitReturn(
    assets: uint256,
    indexes: DynArray[uint256, MAX_RETURNED],
    amounts: DynArray[uint256, MAX_RETURNED],
    deadline: uint256,
) -> bytes32:
    """
    @notice Lets the wallet's next batch bring collateral and outcome tokens to this account:
            transfer(account, assets) if there are any, then safeTransferFrom(wallet, account, id,
            amount, "") for each token. Of a halted account the batch first takes the exchange's
            allowance and approval back. Keeper, guardian or owner; anyone once it does not trade.
    @param indexes Outcome tokens: 2 * condition for YES, 2 * condition + 1 for NO
    @param deadline Last second at which the batch passes, timestamp
    @return The batch's digest
    """
    wallet: address = self._check_may_take_back()
    assert len(indexes) == len(amounts), "lengths differ"
    calls: DynArray[bytes32, deposit_wallet.MAX_HASHES] = []
    if account._halted():
        calls = [DISALLOW, DISAPPROVE]
    if assets != 0:
        home: Bytes[68] = abi_encode(self, assets, method_id=method_id("transfer(address,uint256)"))
        calls.append(deposit_wallet._call_hash(account.COLLATERAL, home))
    nothing: Bytes[32] = b""
    for i: uint256 in range(len(indexes), bound=MAX_RETURNED):
        data: Bytes[228] = abi_encode(
            wallet,
            self,
            wallet_part._checked_token(indexes[i]),
            amounts[i],
            nothing,
            method_id=method_id("safeTransferFrom(address,address,uint256,uint256,bytes)"),
        )
        calls.append(deposit_wallet._call_hash(account.CTF, slice(data, 0, 196)))
    assert len(calls) != 0, "nothing to bring"
    return self._admit(calls, deadline)


@external
@nonreentrant
def pauseWallet():
    """
    @notice Starts the delay after which what the wallet holds moves without the venue. Trading goes
            on, as far as the venue's contracts say. Keeper, guardian or owner; anyone once the
            account does not trade.
    @dev Never while it is paused: that would start the delay anew.
    """
    wallet: address = self._check_may_take_back()
    assert deposit_wallet._number_of(wallet, method_id("paused()")) == 0, "wallet paused"
    extcall deposit_wallet.IDepositWallet(wallet).pause()


@external
@nonreentrant
def unpauseWallet():
    """
    @notice Ends the pause, for a venue that takes no orders of a paused wallet. Guardian or owner,
            while tradable, and as the wallet has it after the delay.
    @dev Not the keeper: he could end it in front of a halt or of an exit in kind.
    """
    assert wallet_part._is_guardian_or_owner(), "not the guardian"
    wallet_part._check_not_stopped()
    extcall deposit_wallet.IDepositWallet(self._checked_wallet()).unpause()


@external
@nonreentrant
def withdraw() -> uint256:
    """
    @notice Brings all collateral and outcome tokens of the wallet to this account, once the wallet
            has been paused for longer than the delay; of a halted account it first revokes the
            exchange's allowances. Keeper, guardian or owner; anyone once the account does not trade.
    @return The collateral that came
    """
    wallet: address = self._check_may_take_back()
    assert deposit_wallet._is_open(wallet), "wallet not open"
    success: bool = False
    assets: uint256 = 0
    success, assets = self._empty(wallet)
    assert success, "withdraw failed"
    return assets


# The vault's side


@external
@nonreentrant
def payInKind(receiver: address, shares: uint256, supply: uint256) -> uint256:
    """
    @notice Sends `shares` / `supply` of the collateral and of every outcome token held to
            `receiver`, of an open wallet's, too. Vault only.
    @return The collateral sent
    @dev down: what is left belongs to those who stay. A wallet that is open and does not pay
         reverts: the leaver is not to lose his part without having skipped the market.
    """
    assert msg.sender == account._vault(), "not the vault"
    assets: uint256 = 0
    ids: DynArray[uint256, units.MAX_TOKENS] = []
    amounts: DynArray[uint256, units.MAX_TOKENS] = []
    assets, ids, amounts = wallet_part._part_of(self, shares, supply)
    if assets != 0:
        self._pay(receiver, assets)
    if len(ids) != 0:
        extcall IConditionalTokens(account.CTF).safeBatchTransferFrom(self, receiver, ids, amounts, b"")
    if not self.adopted:
        return assets
    wallet: address = deposit_wallet._wallet()
    if not deposit_wallet._is_open(wallet):
        log LeftBehind(wallet=wallet, receiver=receiver, shares=shares, supply=supply)
        return assets
    success: bool = False
    more: uint256 = 0
    success, more = self._take(wallet, receiver, shares, supply)
    assert success, "wallet does not pay"
    return assets + more


@external
@nonreentrant
def redeemResolved() -> uint256:
    """
    @notice Turns the outcome tokens of every resolved condition into their payout, those of an open
            wallet, too, once the account does not trade. Anyone may call.
    @return The collateral that came in by payouts
    """
    if wallet_part._stopped():
        self._reach_wallet()
    return account._redeem_resolved()


# Internal


@internal
@view
def _check_may_fund() -> address:
    wallet_part._check_may_fund()
    return self._checked_wallet()


@internal
@view
def _check_may_take_back() -> address:
    wallet_part._check_may_take_back()
    return self._checked_wallet()


@internal
@view
def _checked_wallet() -> address:
    assert self.adopted, "no wallet"
    return deposit_wallet._wallet()


@internal
@view
def _adopted() -> address:
    """
    @return The wallet; zero while it is not this account's.
    """
    return deposit_wallet._wallet() if self.adopted else empty(address)


@internal
def _pay(to: address, assets: uint256):
    assert extcall IERC20(account.COLLATERAL).transfer(to, assets, default_return_value=True), "transfer failed"


@internal
def _admit(calls: DynArray[bytes32, deposit_wallet.MAX_HASHES], deadline: uint256) -> bytes32:
    """
    @dev One at a time: the wallet's nonce lets no two pass, anyway. Guardian and owner replace a
         batch that was admitted before; others wait until it has passed, is late, or is an hour old.
    """
    wallet: address = deposit_wallet._wallet()
    nonce: uint256 = deposit_wallet._number_of(wallet, method_id("nonce()"))
    assert (
        nonce != self.admitted_nonce
        or block.timestamp > self.reserved_until
        or wallet_part._is_guardian_or_owner()
    ), "batch admitted"
    digest: bytes32 = deposit_wallet._batch_digest(wallet, nonce, deadline, calls)
    self.admitted = digest
    self.admitted_nonce = nonce
    self.reserved_until = min(deadline, block.timestamp + RESERVED)
    log BatchAdmitted(digest=digest, nonce=nonce, deadline=deadline)
    return digest


@internal
def _reach_wallet():
    """
    @notice Of an account that does not trade: empties an open wallet, else starts its pause.
    @dev The wallet's failure must not hold anybody up; whoever calls must bring the gas, so that
         the failure is not his.
    """
    if not self.adopted:
        return
    wallet: address = deposit_wallet._wallet()
    assert msg.gas > wallet_part.LEAST_GAS, "too little gas"
    success: bool = False
    assets: uint256 = 0
    if deposit_wallet._is_open(wallet):
        success, assets = self._empty(wallet)
    elif deposit_wallet._number_of(wallet, method_id("paused()")) == 0:
        success = raw_call(wallet, method_id("pause()"), revert_on_failure=False)


@internal
def _empty(wallet: address) -> (bool, uint256):
    """
    @notice Brings all that an open wallet holds here; of a halted account it first takes the
            exchange's allowance and approval back.
    @return Whether all went well; the collateral that came
    """
    revoked: bool = True
    if account._halted():
        revoked = deposit_wallet._revoke(
            wallet, account.COLLATERAL, account.CTF, orders.EXCHANGE
        )
    success: bool = False
    assets: uint256 = 0
    success, assets = self._take(wallet, self, 1, 1)
    return success and revoked, assets


@internal
def _take(wallet: address, receiver: address, part: uint256, whole: uint256) -> (bool, uint256):
    """
    @notice Sends `part` / `whole` of what an open wallet holds to `receiver`.
    @return Whether all went well; the collateral sent
    """
    assets: uint256 = 0
    ids: DynArray[uint256, units.MAX_TOKENS] = []
    amounts: DynArray[uint256, units.MAX_TOKENS] = []
    assets, ids, amounts = wallet_part._part_of(wallet, part, whole)
    if not deposit_wallet._withdraw(wallet, account.COLLATERAL, receiver, assets):
        return False, 0
    log Withdrawn(wallet=wallet, receiver=receiver, assets=assets)
    return deposit_wallet._withdraw_tokens(wallet, account.CTF, receiver, ids, amounts), assets
