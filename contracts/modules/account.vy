# pragma version 0.4.3
"""
@title What every market account has
@license AGPL-3.0-only
@author Strongroom
@notice Holds one market's budget and outcome tokens: complete sets, payouts, recall, exit in kind
        and the halt switch. How it trades is the account's own (contracts/accounts).
@dev The deployed contract is an implementation; the vault makes an EIP-1167 clone for each
     market. What a venue has in common is immutable; what a market has of its own stands as
     arguments behind the clone's code: vault (20 bytes), deadline, market, question, class, count
     (32 each), and for each condition its id, YES and NO (32 each). Only epoch and halt are
     storage.
     Roles: the vault recalls, halts and pays out in kind; the class's keeper trades, splits and
     converts while neither account nor vault is stopped; keeper, guardian and owner halt and
     merge; anyone redeems what is resolved. A halt is final.
     Invariants: only this market's outcome tokens come in. No allowance to the adapter outlasts a
     call. Whoever leaves in kind gets his part rounded down.
     Units: collateral and outcome tokens in the asset's smallest unit; times in seconds.
     Limits of use: 32 conditions; one binary condition, or one event of exclusive ones.
@custom:security Three ways lead out here: the adapter (approved only inside a call), `recall` to
        the vault, and a holder's exit in kind, which only the vault calls.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import ICollateralAdapter
from contracts.interfaces import IConditionalTokens
from contracts.interfaces import IMarketAccount
from contracts.interfaces import INegRiskAdapter
from contracts.interfaces import IVault
from contracts.modules import units


event Halted:
    account: indexed(address)
    epoch: uint256


event Split:
    condition: indexed(uint256)
    amount: uint256


event Merged:
    condition: indexed(uint256)
    amount: uint256


event Converted:
    index_set: uint256
    amount: uint256


event Redeemed:
    condition: indexed(uint256)
    assets: uint256


FOREIGN: constant(uint256) = max_value(uint256)  # the index of a token of another market
HALTED: constant(uint256) = max_value(uint256)  # an epoch that no account reaches
OUTCOMES: constant(uint256) = 2
# Places in the clone's code.
VAULT: constant(uint256) = 45
DEADLINE: constant(uint256) = 65
MARKET: constant(uint256) = 97
QUESTION: constant(uint256) = 129
CLASS_ID: constant(uint256) = 161
COUNT: constant(uint256) = 193
CONDITIONS: constant(uint256) = 225

CTF: public(immutable(address))  # ConditionalTokens
COLLATERAL: public(immutable(address))  # what trades are paid in: the vault's asset
TOKEN_COLLATERAL: public(immutable(address))  # the collateral inside the position ids
ADAPTER: public(immutable(address))  # splits, merges and redeems between the two collaterals
NEGATIVE_RISK: public(immutable(bool))  # whether a market is an event of exclusive conditions

state: uint256  # 1 while halted | epoch << 1


@deploy
def __init__(
    ctf: address, collateral: address, token_collateral: address, adapter: address, negative_risk: bool
):
    """
    @param ctf ConditionalTokens
    @param collateral What trades are paid in: the vault's asset
    @param token_collateral The collateral of the outcome tokens
    @param adapter Splits, merges and redeems between the two; ConditionalTokens itself where they
           are one
    @param negative_risk Whether a market is an event of several exclusive conditions
    """
    for part: address in [ctf, collateral, token_collateral, adapter]:
        assert part.is_contract, "address has no code"
    CTF = ctf
    COLLATERAL = collateral
    TOKEN_COLLATERAL = token_collateral
    ADAPTER = adapter
    NEGATIVE_RISK = negative_risk


# Views


@external
@view
def vault() -> address:
    """
    @return The vault that the account belongs to.
    """
    return self._vault()


@external
@view
def market() -> bytes32:
    """
    @return The id of the market: of this class and question in the vault.
    """
    return self._word(MARKET)


@external
@view
def question() -> bytes32:
    """
    @return The market's question: its condition id, or the negative-risk event's id.
    """
    return self._word(QUESTION)


@external
@view
def classId() -> uint256:
    """
    @return The class that the market belongs to.
    """
    return self._number(CLASS_ID)


@external
@view
def deadline() -> uint256:
    """
    @return When the account stops signing orders, timestamp.
    """
    return self._number(DEADLINE)


@external
@view
def halted() -> bool:
    """
    @return Whether trading is halted.
    """
    return self._halted()


@external
@view
def tradable() -> bool:
    """
    @return Not halted, before the deadline, and not resolved entirely.
    """
    return (
        not self._halted()
        and block.timestamp < self._number(DEADLINE)
        and self._resolved() < self._number(COUNT)
    )


@external
@view
def conditions() -> DynArray[bytes32, units.MAX_CONDITIONS]:
    """
    @return The market's condition ids.
    """
    ids: DynArray[bytes32, units.MAX_CONDITIONS] = []
    for i: uint256 in range(self._number(COUNT), bound=units.MAX_CONDITIONS):
        ids.append(self._condition(i))
    return ids


@external
@view
def tokenIds() -> DynArray[uint256, 2 * units.MAX_CONDITIONS]:
    """
    @return The market's outcome tokens: YES and NO of each condition in turn.
    """
    ids: DynArray[uint256, 2 * units.MAX_CONDITIONS] = []
    for i: uint256 in range(2 * self._number(COUNT), bound=2 * units.MAX_CONDITIONS):
        ids.append(self._token(i))
    return ids


@external
@view
def resolved() -> uint256:
    """
    @return How many conditions have a payout.
    """
    return self._resolved()


@external
@view
def positions() -> (uint256, DynArray[IMarketAccount.Position, units.MAX_CONDITIONS]):
    """
    @return Collateral held, and each condition's outcome tokens and payout.
    """
    return self._holdings(self)


@external
@view
def away() -> uint256:
    """
    @return Budget outside the account: none under enforced custody.
    """
    return 0


# The vault's side


@external
@view
def describe(oracle: address, question_id: bytes32, count: uint256) -> (bytes32, Bytes[3136]):
    """
    @notice What a clone for this market must carry in its code.
    @dev The condition ids follow from oracle and question, so an account can only be of a market
         that this oracle resolves. For negative risk the question's index is the last byte.
    @return The question: the condition id, or the negative-risk event's id; and for each condition
            its id, YES and NO
    """
    assert count != 0 and count <= units.MAX_CONDITIONS, "bad condition count"
    assert NEGATIVE_RISK or count == 1, "bad condition count"
    first: uint256 = convert(question_id, uint256)
    assert not NEGATIVE_RISK or first & 255 == 0, "bad event id"
    question: bytes32 = question_id
    parts: DynArray[bytes32, 3 * units.MAX_CONDITIONS] = []
    for i: uint256 in range(count, bound=units.MAX_CONDITIONS):
        condition: bytes32 = keccak256(
            concat(convert(oracle, bytes20), convert(first + i, bytes32), convert(OUTCOMES, bytes32))
        )
        assert (
            staticcall IConditionalTokens(CTF).getOutcomeSlotCount(condition) == OUTCOMES
        ), "condition not prepared"
        parts.append(condition)
        for index_set: uint256 in range(1, 3):
            collection: bytes32 = staticcall IConditionalTokens(CTF).getCollectionId(
                empty(bytes32), condition, index_set
            )
            parts.append(keccak256(concat(convert(TOKEN_COLLATERAL, bytes20), collection)))
        if not NEGATIVE_RISK:
            question = condition
    encoded: Bytes[3 * 32 * units.MAX_CONDITIONS + 64] = abi_encode(parts)
    return question, slice(encoded, 64, 96 * count)


@external
@nonreentrant
def recall(assets: uint256) -> uint256:
    """
    @notice Sends up to `assets` of collateral to the vault. Vault only.
    @return The assets sent
    """
    vault: address = self._vault()
    assert msg.sender == vault, "not the vault"
    sent: uint256 = min(assets, staticcall IERC20(COLLATERAL).balanceOf(self))
    assert extcall IERC20(COLLATERAL).transfer(vault, sent, default_return_value=True), "transfer failed"
    return sent


@external
@nonreentrant
def payInKind(receiver: address, shares: uint256, supply: uint256) -> uint256:
    """
    @notice Sends `shares` / `supply` of the collateral and of every outcome token held to
            `receiver`. Vault only.
    @return The collateral sent
    @dev down: what is left belongs to those who stay.
    """
    assets: uint256 = self._pay_collateral(receiver, shares, supply)
    self._pay_tokens(receiver, shares, supply)
    return assets


# Complete sets and payouts


@external
@nonreentrant
def split(condition: uint256, amount: uint256):
    """
    @notice Turns collateral into complete sets of one condition. Keeper only, while tradable.
    """
    self._check_may_trade()
    id: bytes32 = self._condition(condition)
    log Split(condition=condition, amount=amount)
    assert extcall IERC20(COLLATERAL).approve(ADAPTER, amount, default_return_value=True), "approve failed"
    extcall ICollateralAdapter(ADAPTER).splitPosition(COLLATERAL, empty(bytes32), id, [1, 2], amount)


@external
@nonreentrant
def merge(condition: uint256, amount: uint256):
    """
    @notice Turns complete sets of one condition back into collateral. Keeper, guardian or owner;
            anyone in wind-down.
    """
    assert self._may_make_safer(), "not allowed to merge"
    id: bytes32 = self._condition(condition)
    log Merged(condition=condition, amount=amount)
    self._approve_adapter(True)
    extcall ICollateralAdapter(ADAPTER).mergePositions(COLLATERAL, empty(bytes32), id, [1, 2], amount)
    self._approve_adapter(False)


@external
@nonreentrant
def convertPositions(index_set: uint256, amount: uint256):
    """
    @notice Turns `amount` of NO of each condition in `index_set` into as much YES of every other
            and (how many - 1) * amount of collateral. Keeper only, while tradable; negative risk
            only. Reverts if the event has conditions that this market lacks: their tokens are
            foreign here.
    @param index_set Bit i stands for condition i
    """
    assert NEGATIVE_RISK, "not negative risk"
    self._check_may_trade()
    log Converted(index_set=index_set, amount=amount)
    self._approve_adapter(True)
    extcall INegRiskAdapter(ADAPTER).convertPositions(self._word(QUESTION), index_set, amount)
    self._approve_adapter(False)


@external
@nonreentrant
def redeem(condition: uint256) -> uint256:
    """
    @notice Turns a resolved condition's outcome tokens into its payout. Anyone may call.
    @return The collateral that came in
    """
    id: bytes32 = self._condition(condition)
    assert staticcall IConditionalTokens(CTF).payoutDenominator(id) != 0, "not resolved"
    self._approve_adapter(True)
    assets: uint256 = self._redeem(condition, id)
    self._approve_adapter(False)
    return assets


@external
@nonreentrant
def redeemResolved() -> uint256:
    """
    @notice Turns the outcome tokens of every resolved condition into their payout. Anyone may call.
    @return The collateral that came in
    """
    return self._redeem_resolved()


@internal
def _redeem_resolved() -> uint256:
    """
    @return The collateral that came in.
    @dev The adapter is approved once for all, and only if there is something to redeem.
    """
    assets: uint256 = 0
    approved: bool = False
    for i: uint256 in range(self._number(COUNT), bound=units.MAX_CONDITIONS):
        condition: bytes32 = empty(bytes32)
        yes: uint256 = 0
        no: uint256 = 0
        condition, yes, no = self._parts(i)
        if staticcall IConditionalTokens(CTF).payoutDenominator(condition) == 0:
            continue
        if (
            staticcall IConditionalTokens(CTF).balanceOf(self, yes) != 0
            or staticcall IConditionalTokens(CTF).balanceOf(self, no) != 0
        ):
            if not approved:
                self._approve_adapter(True)
                approved = True
            assets += self._redeem(i, condition)
    if approved:
        self._approve_adapter(False)
    return assets


@internal
def _approve_adapter(approved: bool):
    """
    @notice Lets the adapter take outcome tokens, as long as a call of ours lasts.
    """
    extcall IConditionalTokens(CTF).setApprovalForAll(ADAPTER, approved)


@internal
def _redeem(condition: uint256, id: bytes32) -> uint256:
    """
    @dev While the adapter is approved.
    """
    before: uint256 = staticcall IERC20(COLLATERAL).balanceOf(self)
    extcall ICollateralAdapter(ADAPTER).redeemPositions(COLLATERAL, empty(bytes32), id, [1, 2])
    assets: uint256 = staticcall IERC20(COLLATERAL).balanceOf(self) - before
    log Redeemed(condition=condition, assets=assets)
    return assets


# ERC-1155 receiver: this market's outcome tokens and nothing else


@external
def onERC1155Received(
    operator: address, sender: address, id: uint256, amount: uint256, data: Bytes[1024]
) -> bytes4:
    """
    @notice Accepts this market's outcome tokens from ConditionalTokens.
    """
    assert msg.sender == CTF and self._index(id) != FOREIGN, "foreign token"
    return method_id("onERC1155Received(address,address,uint256,uint256,bytes)", output_type=bytes4)


@external
def onERC1155BatchReceived(
    operator: address,
    sender: address,
    ids: DynArray[uint256, 2 * units.MAX_CONDITIONS],
    amounts: DynArray[uint256, 2 * units.MAX_CONDITIONS],
    data: Bytes[1024],
) -> bytes4:
    """
    @notice Accepts this market's outcome tokens from ConditionalTokens.
    """
    assert msg.sender == CTF, "foreign token"
    for id: uint256 in ids:
        assert self._index(id) != FOREIGN, "foreign token"
    return method_id(
        "onERC1155BatchReceived(address,address,uint256[],uint256[],bytes)", output_type=bytes4
    )


# Internal


@internal
@view
def _word(place: uint256) -> bytes32:
    """
    @dev 32 bytes of the arguments behind the clone's code. Of an `address`, since `self.code`
         would be the code that runs, which is the implementation's.
    """
    clone: address = self
    return convert(slice(clone.code, place, 32), bytes32)


@internal
@view
def _number(place: uint256) -> uint256:
    return convert(self._word(place), uint256)


@internal
@view
def _vault() -> address:
    clone: address = self
    return convert(convert(slice(clone.code, VAULT, 20), bytes20), address)


@internal
@view
def _condition(condition: uint256) -> bytes32:
    assert condition < self._number(COUNT), "unknown condition"
    return self._word(CONDITIONS + 96 * condition)


@internal
@view
def _parts(condition: uint256) -> (bytes32, uint256, uint256):
    """
    @param condition Below COUNT
    @return The condition's id, YES and NO, by one copy of the code.
    """
    clone: address = self
    parts: Bytes[96] = slice(clone.code, CONDITIONS + 96 * condition, 96)
    return (
        extract32(parts, 0),
        extract32(parts, 32, output_type=uint256),
        extract32(parts, 64, output_type=uint256),
    )


@internal
@view
def _token(index: uint256) -> uint256:
    """
    @param index 2 * condition for YES, 2 * condition + 1 for NO
    """
    return self._number(CONDITIONS + 32 + 96 * (index // 2) + 32 * (index % 2))


@internal
@view
def _index(token: uint256) -> uint256:
    """
    @return The outcome token's index in this market, or FOREIGN.
    """
    for i: uint256 in range(2 * self._number(COUNT), bound=2 * units.MAX_CONDITIONS):
        if self._token(i) == token:
            return i
    return FOREIGN


@internal
@view
def _resolved() -> uint256:
    count: uint256 = 0
    for i: uint256 in range(self._number(COUNT), bound=units.MAX_CONDITIONS):
        if staticcall IConditionalTokens(CTF).payoutDenominator(self._condition(i)) != 0:
            count += 1
    return count


@internal
@view
def _holdings(holder: address) -> (uint256, DynArray[IMarketAccount.Position, units.MAX_CONDITIONS]):
    """
    @return What `holder` has of the collateral and of this market's outcome tokens.
    """
    held: DynArray[IMarketAccount.Position, units.MAX_CONDITIONS] = []
    for i: uint256 in range(self._number(COUNT), bound=units.MAX_CONDITIONS):
        condition: bytes32 = empty(bytes32)
        yes: uint256 = 0
        no: uint256 = 0
        condition, yes, no = self._parts(i)
        position: IMarketAccount.Position = IMarketAccount.Position(
            yes=staticcall IConditionalTokens(CTF).balanceOf(holder, yes),
            no=staticcall IConditionalTokens(CTF).balanceOf(holder, no),
            payout_yes=0,
            payout_no=0,
            payout_denominator=staticcall IConditionalTokens(CTF).payoutDenominator(condition),
        )
        if position.payout_denominator != 0:
            position.payout_yes = staticcall IConditionalTokens(CTF).payoutNumerators(condition, 0)
            position.payout_no = staticcall IConditionalTokens(CTF).payoutNumerators(condition, 1)
        held.append(position)
    return staticcall IERC20(COLLATERAL).balanceOf(holder), held


@internal
def _pay_collateral(receiver: address, shares: uint256, supply: uint256) -> uint256:
    """
    @return The collateral sent, rounded down.
    """
    assert msg.sender == self._vault(), "not the vault"
    assets: uint256 = staticcall IERC20(COLLATERAL).balanceOf(self) * shares // supply
    if assets != 0:
        assert extcall IERC20(COLLATERAL).transfer(receiver, assets, default_return_value=True), "transfer failed"
    return assets


@internal
def _pay_tokens(receiver: address, shares: uint256, supply: uint256):
    tokens: DynArray[uint256, 2 * units.MAX_CONDITIONS] = []
    amounts: DynArray[uint256, 2 * units.MAX_CONDITIONS] = []
    for i: uint256 in range(self._number(COUNT), bound=units.MAX_CONDITIONS):
        condition: bytes32 = empty(bytes32)
        pair: uint256[2] = [0, 0]
        condition, pair[0], pair[1] = self._parts(i)
        for token: uint256 in pair:
            amount: uint256 = (
                staticcall IConditionalTokens(CTF).balanceOf(self, token) * shares // supply
            )
            if amount != 0:
                tokens.append(token)
                amounts.append(amount)
    if len(tokens) != 0:
        extcall IConditionalTokens(CTF).safeBatchTransferFrom(self, receiver, tokens, amounts, b"")


@internal
@view
def _may_make_safer() -> bool:
    vault: IVault = IVault(self._vault())
    return (
        msg.sender
        in [
            self._vault(),
            staticcall vault.keeperOf(self._number(CLASS_ID)),
            staticcall vault.guardian(),
            staticcall vault.owner(),
        ]
        or staticcall vault.windingDown()
    )


@internal
@view
def _check_keeper():
    assert (
        msg.sender == staticcall IVault(self._vault()).keeperOf(self._number(CLASS_ID))
    ), "not the keeper"


@internal
@view
def _check_may_trade():
    """
    @notice Keeper only, while neither vault nor account is stopped.
    """
    self._check_keeper()
    vault: IVault = IVault(self._vault())
    assert not staticcall vault.paused(), "paused"
    assert not staticcall vault.windingDown(), "winding down"
    assert not self._halted() and block.timestamp < self._number(DEADLINE), "not tradable"


@internal
@view
def _epoch() -> uint256:
    """
    @return The epoch that the keeper's signatures must name.
    """
    return self.state >> 1


@internal
@view
def _live_epoch() -> uint256:
    """
    @return The same; HALTED while trading is halted.
    """
    word: uint256 = self.state
    return word >> 1 if word & 1 == 0 else HALTED


@internal
@view
def _halted() -> bool:
    return self.state & 1 != 0


@internal
def _bump_epoch() -> uint256:
    """
    @return The new epoch.
    """
    self.state += 2
    return self.state >> 1


@internal
def _halt():
    """
    @dev For ever: an order that was signed or approved before is never paid again.
    """
    assert self._may_make_safer(), "not allowed to halt"
    epoch: uint256 = (self.state >> 1) + 1
    self.state = (epoch << 1) | 1
    log Halted(account=msg.sender, epoch=epoch)
