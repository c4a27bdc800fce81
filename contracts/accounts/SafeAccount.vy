# pragma version 0.4.3
"""
@title Market account that owns a Safe
@license AGPL-3.0-only
@author Strongroom
@notice Holds one market's budget and outcome tokens, and is the only owner of a one-key Safe of the
        venue's older kind (signature type 2). The key that the Safe was made for signs the market's
        orders; nothing else moves what the Safe holds but this account. Custody grade: guarded,
        which the vault counts as 2.
@dev An implementation that vaults clone, see contracts/modules/account.vy; what the Safe holds is
     counted in contracts/modules/wallet_part.vy.
     The venue's exchange takes an order of a Safe if the key whose Safe it is by CREATE2 has signed
     it. It reads neither owners nor threshold. So the key still trades after it has given the Safe
     away, and can do nothing else.
     `adopt` carries in the only transaction that the key may ever have signed: the one, at nonce 0,
     by which it hands the Safe to this account. It runs this code's `handOver` as the Safe, by a
     delegatecall, which refuses everybody but the account: nobody can spend the signature in front
     of `adopt`. With no transaction before it, the Safe has no module, allowance, approval or other
     owner; with this account as the only owner, the key's further signatures are worth nothing to
     the Safe. What the venue's factory sets up (one owner, no module, its own fallback handler) is
     taken from its code: the address proves that it made it.
     This account moves what the Safe holds at once and without the venue, by transactions that it
     sends itself as the owner.
@custom:security Enforced: nobody withdraws. Not enforced: prices. Whoever holds the key signs orders
        at any price, against himself if he likes, as long as the exchange may move what the Safe
        holds; neither marks, band, deadline nor the vault's pause bind them. A halt takes the
        exchange's allowance and approval, so no order is paid after it, pre-approved or not. The
        budget that the caps let in bounds the loss. An exit in kind pays a part of all collateral;
        outcome tokens stay behind, as under every account of grade 2.
"""

from ethereum.ercs import IERC20
from snekmate.utils import create2

from contracts.interfaces import IConditionalTokens
from contracts.interfaces import IMarketAccount
from contracts.modules import account
from contracts.modules import units
from contracts.modules import wallet_part

implements: IMarketAccount

initializes: account
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
)


interface ISafe:
    def swapOwner(before: address, old: address, new: address): nonpayable
    def nonce() -> uint256: view
    def getThreshold() -> uint256: view
    def getOwners() -> DynArray[address, 2]: view
    def execTransaction(
        to: address,
        amount: uint256,
        data: Bytes[MAX_DATA],
        operation: uint8,
        safe_gas: uint256,
        base_gas: uint256,
        gas_price: uint256,
        gas_token: address,
        refund_receiver: address,
        signatures: Bytes[65],
    ) -> bool: payable


event Adopted:
    safe: indexed(address)
    key: indexed(address)


event Funded:
    safe: indexed(address)
    assets: uint256


event TokensFunded:
    safe: indexed(address)
    token: indexed(uint256)
    amount: uint256


event Withdrawn:
    safe: indexed(address)
    receiver: indexed(address)
    assets: uint256


MAX_DATA: constant(uint256) = 4420  # bytes: a transfer of an event's outcome tokens
SENTINEL: constant(address) = 0x0000000000000000000000000000000000000001  # before a Safe's first owner
CALL: constant(uint8) = 0
DELEGATECALL: constant(uint8) = 1

EXCHANGE: public(immutable(address))  # that may move what the Safe holds
SAFE_FACTORY: public(immutable(address))  # of the venue's Safes
SAFE_CODE_HASH: public(immutable(bytes32))  # of the code that makes one
CODE: public(immutable(address))  # this contract, also while its code runs for an account

safe: public(address)  # zero: none yet
key: public(address)  # that the Safe was made for, and that signs its orders


@deploy
def __init__(
    exchange: address,
    safe_factory: address,
    safe_code_hash: bytes32,
    ctf: address,
    collateral: address,
    token_collateral: address,
    adapter: address,
    negative_risk: bool,
):
    """
    @param exchange The exchange that trades what the Safes hold
    @param safe_factory The venue's factory of Safes
    @param safe_code_hash Hash of the code by which it makes one
    @param ctf ConditionalTokens
    @param collateral What orders are paid in: the vault's asset
    @param token_collateral The collateral of the outcome tokens
    @param adapter Splits, merges and redeems between the two
    @param negative_risk Whether a market is an event of several exclusive conditions
    """
    account.__init__(ctf, collateral, token_collateral, adapter, negative_risk)
    assert exchange.is_contract and safe_factory.is_contract, "address has no code"
    assert safe_code_hash != empty(bytes32), "no code hash"
    EXCHANGE = exchange
    SAFE_FACTORY = safe_factory
    SAFE_CODE_HASH = safe_code_hash
    CODE = self


# Views


@external
@view
def grade() -> uint256:
    """
    @return 2: what the vault calls delegated. Whoever holds the key trades the budget at any price,
            but cannot withdraw it.
    """
    return 2


@external
@view
def safeOf(key: address) -> address:
    """
    @return Where the venue makes, or has made, the Safe of a key.
    """
    return self._safe_of(key)


@external
@view
def positions() -> (uint256, DynArray[IMarketAccount.Position, units.MAX_CONDITIONS]):
    """
    @return Collateral held, and each condition's outcome tokens and payout: what the account and
            its Safe hold together.
    """
    return wallet_part._together(self.safe)


@external
@view
def away() -> uint256:
    """
    @return What the Safe holds, in assets: collateral and outcome tokens, at their payout once
            there is one, else at 1.
    """
    return wallet_part._worth(self.safe)


@external
@view
def supportsInterface(interface_id: bytes4) -> bool:
    """
    @notice ERC-165: itself and the ERC-1155 receiver.
    """
    return interface_id in [0x01ffc9a7, 0x4e2312e0]


# The switch


@external
def initialize():
    """
    @notice Nothing to grant: the venue knows the Safe, not the account.
    """
    assert msg.sender == account._vault(), "not the vault"


@external
@nonreentrant
def halt():
    """
    @notice Ends trading for ever: takes the exchange's allowance and approval, and all that the Safe
            holds. Keeper, guardian or owner; the vault when the market is closed; anyone in
            wind-down.
    """
    account._halt()
    self._reach_safe()


# The Safe


@external
@nonreentrant
def adopt(key: address, signature: Bytes[65]):
    """
    @notice Takes the Safe of a key, which has signed its first transaction: a delegatecall of
            handOver(key, this account) to CODE, nonce 0, without gas and refund. Keeper only, while
            tradable: whose key it is, is his choice.
    """
    account._check_may_trade()
    assert self.safe == empty(address), "safe adopted"
    safe: address = self._safe_of(key)
    assert safe.is_contract and staticcall ISafe(safe).nonce() == 0, "no unused Safe of this key"
    self.safe = safe
    self.key = key
    log Adopted(safe=safe, key=key)
    extcall ISafe(safe).execTransaction(
        CODE,
        0,
        abi_encode(key, self, method_id=method_id("handOver(address,address)")),
        DELEGATECALL,
        0,
        0,
        0,
        empty(address),
        empty(address),
        signature,
    )
    owners: DynArray[address, 2] = staticcall ISafe(safe).getOwners()
    assert len(owners) == 1 and owners[0] == self, "not the only owner"
    assert staticcall ISafe(safe).getThreshold() == 1, "not the only owner"


@external
def handOver(key: address, owner: address):
    """
    @notice Runs as a Safe, by its delegatecall: makes the account `owner` its owner in place of the
            key. Only in a transaction that this account sends, so that nobody who sees the key's
            signature can spend it. Called in any other way it changes nothing.
    @dev Reads and writes no storage: it would be the Safe's.
    """
    assert msg.sender == owner, "not the account"
    extcall ISafe(self).swapOwner(SENTINEL, key, owner)


@external
@nonreentrant
def approveExchange():
    """
    @notice Lets the exchange move what the Safe holds. Keeper only, while tradable.
    """
    safe: address = self._check_may_fund()
    assert self._approve(safe, True), "approve failed"


@external
@nonreentrant
def fund(assets: uint256):
    """
    @notice Moves collateral to the Safe. Keeper only, while tradable.
    """
    safe: address = self._check_may_fund()
    log Funded(safe=safe, assets=assets)
    assert extcall IERC20(account.COLLATERAL).transfer(safe, assets, default_return_value=True), "transfer failed"


@external
@nonreentrant
def fundTokens(index: uint256, amount: uint256):
    """
    @notice Moves outcome tokens to the Safe. Keeper only, while tradable.
    @param index Outcome token: 2 * condition for YES, 2 * condition + 1 for NO
    """
    safe: address = self._check_may_fund()
    token: uint256 = wallet_part._checked_token(index)
    log TokensFunded(safe=safe, token=token, amount=amount)
    extcall IConditionalTokens(account.CTF).safeTransferFrom(self, safe, token, amount, b"")


@external
@nonreentrant
def withdraw() -> uint256:
    """
    @notice Brings all collateral and outcome tokens of the Safe to this account. Keeper, guardian or
            owner; anyone in wind-down, and once the account does not trade.
    @return The collateral that came
    """
    assert self.safe != empty(address), "no wallet"
    wallet_part._check_may_take_back()
    success: bool = False
    assets: uint256 = 0
    success, assets = self._empty(self.safe)
    assert success, "withdraw failed"
    return assets


# The vault's side


@external
@nonreentrant
def payInKind(receiver: address, shares: uint256, supply: uint256) -> uint256:
    """
    @notice Sends `shares` / `supply` of the collateral of account and Safe to `receiver`; outcome
            tokens stay behind. Vault only.
    @return The collateral sent
    @dev down: what is left belongs to those who stay.
    """
    assets: uint256 = account._pay_collateral(receiver, shares, supply)
    safe: address = self.safe
    if safe == empty(address):
        return assets
    more: uint256 = staticcall IERC20(account.COLLATERAL).balanceOf(safe) * shares // supply
    assert self._send(safe, receiver, more), "wallet does not pay"
    return assets + more


@external
@nonreentrant
def redeemResolved() -> uint256:
    """
    @notice Turns the outcome tokens of every resolved condition into their payout, those of the
            Safe, too, once the account does not trade. Anyone may call.
    @return The collateral that came in by payouts
    """
    if wallet_part._stopped():
        self._reach_safe()
    return account._redeem_resolved()


# Internal


@internal
@view
def _safe_of(key: address) -> address:
    salt: bytes32 = keccak256(abi_encode(key))
    return create2._compute_create2_address(salt, SAFE_CODE_HASH, SAFE_FACTORY)


@internal
@view
def _check_may_fund() -> address:
    wallet_part._check_may_fund()
    assert self.safe != empty(address), "no wallet"
    return self.safe


@internal
def _reach_safe():
    """
    @notice Of an account that does not trade: empties the Safe.
    @dev The Safe's failure must not hold anybody up; whoever calls must bring the gas, so that the
         failure is not his.
    """
    safe: address = self.safe
    if safe == empty(address):
        return
    assert msg.gas > wallet_part.LEAST_GAS, "too little gas"
    success: bool = False
    assets: uint256 = 0
    success, assets = self._empty(safe)


@internal
def _empty(safe: address) -> (bool, uint256):
    """
    @notice Brings all that the Safe holds here; of a halted account it first takes the exchange's
            allowance and approval back.
    @return Whether all went well; the collateral that came
    """
    success: bool = True
    if account._halted():
        success = self._approve(safe, False)
    assets: uint256 = 0
    ids: DynArray[uint256, units.MAX_TOKENS] = []
    amounts: DynArray[uint256, units.MAX_TOKENS] = []
    assets, ids, amounts = wallet_part._part_of(safe, 1, 1)
    success = self._send(safe, self, assets) and success
    if len(ids) != 0:
        nothing: Bytes[32] = b""
        success = (
            self._tell(
                safe,
                account.CTF,
                abi_encode(
                    safe,
                    self,
                    ids,
                    amounts,
                    nothing,
                    method_id=method_id(
                        "safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)"
                    ),
                ),
            )
            and success
        )
    return success, assets


@internal
def _send(safe: address, to: address, assets: uint256) -> bool:
    """
    @return Whether it went well; nothing to send is well.
    """
    if assets == 0:
        return True
    log Withdrawn(safe=safe, receiver=to, assets=assets)
    return self._tell(
        safe,
        account.COLLATERAL,
        abi_encode(to, assets, method_id=method_id("transfer(address,uint256)")),
    )


@internal
def _approve(safe: address, granted: bool) -> bool:
    """
    @return Whether the exchange has, or has not, its allowance and approval.
    """
    amount: uint256 = max_value(uint256) if granted else 0
    paid: bool = self._tell(
        safe,
        account.COLLATERAL,
        abi_encode(EXCHANGE, amount, method_id=method_id("approve(address,uint256)")),
    )
    moved: bool = self._tell(
        safe,
        account.CTF,
        abi_encode(EXCHANGE, granted, method_id=method_id("setApprovalForAll(address,bool)")),
    )
    return paid and moved


@internal
def _tell(safe: address, to: address, data: Bytes[MAX_DATA]) -> bool:
    """
    @notice A transaction of the Safe's, by its owner, who sends it himself.
    @return Whether it went well. A Safe reverts where its call fails.
    """
    return raw_call(
        safe,
        abi_encode(
            to,
            empty(uint256),
            data,
            CALL,
            empty(uint256),
            empty(uint256),
            empty(uint256),
            empty(address),
            empty(address),
            concat(convert(self, bytes32), empty(bytes32), b"\x01"),
            method_id=method_id(
                "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)"
            ),
        ),
        revert_on_failure=False,
    )
