# pragma version 0.4.3
"""
@title Proof gate of a class (experimental)
@license AGPL-3.0-only
@author Strongroom
@notice The keeper of one class of a vault. It lets budget out only with a proof that a forecaster,
        fixed by its verifier, gives this number on inputs that were committed before. It signs
        only for orders on the side, and up to the price, that the number admits. What makes safer
        it passes on without a proof.
@dev The vault does not know it: the owner names it as the class's keeper, through the vault's
     timelock, and another forecaster, rule or Safe is another gate, named in the same way. So
     nothing of a gate ever changes, and it has no owner.
     Roles: the vault's reporter commits inputs; the keeper's Safe does the rest.
     The rule, of a forecast `fair` of the side bought and a highest price `price`, both WAD:
         fair - price >= edge_bps        exposure <= stake * (fair - price) / (1 - price)
     The second is Kelly's part of `stake`. Selling needs no proof: an account sells what it holds.
     Units: assets; prices and forecasts in WAD; committed numbers are elements of the field in
     fixed point, as the proof has them: x stands for x / 2 ** scale_bits, and P - x for its
     negative.
     Invariants: every allocation has a proof for inputs that were committed for this market, at
     least `min_age` before and at most `max_age`, and were used for nothing else.
     Limits of use: markets of one condition, whose accounts trade in their own name
     (PolymarketAccount, PositionAccount). Complete sets are not bought, since one half of them
     would be the wrong side. What an account earns and keeps can buy again on the admitted side.
@custom:security A proof says what the forecaster gives on these inputs. It does not say that the
        inputs are true or that the forecaster is good. The verifier is asked by a static call, so
        one that lies can come back to nothing; its code is compared at every use. The bytes of a
        proof are no identity (padding is free): a commitment is, and it ends when it is used.
"""

from contracts.modules import orders
from contracts.modules import units


# What a gate is made of. Nothing of it changes.
struct GateTerms:
    verifier: address  # of the proofs: verifyProof(bytes,uint256[])
    verifier_hash: bytes32  # keccak256 of its code
    model_hash: bytes32  # keccak256 of the forecaster's ONNX file
    inputs: uint256  # how many numbers the forecaster takes
    scale_bits: uint256  # of fixed point: its output is out of 2 ** scale_bits
    edge_bps: uint256  # the forecast must be above the price by so much, of one token's payout
    stake: uint256  # assets of which Kelly's part may be at risk in one market
    min_age: uint256  # seconds that inputs must have been public
    max_age: uint256  # seconds after which they count no more


struct Commitment:
    inputs_hash: bytes32  # keccak256 of the ABI-encoded inputs; empty: nothing is committed
    time: uint256  # of the block, timestamp


# What the last proof of a market admits.
struct Admission:
    side: uint256  # outcome token that may be bought: 0 YES, 1 NO
    price: uint256  # the most that may be paid for one, WAD
    until: uint256  # last second at which buying is admitted, timestamp


# The fields of an order that differ from one to another, and what the keeper adds.
struct SignedOrder:
    salt: uint256
    outcome: uint256  # token: 0 YES, 1 NO
    making: uint256  # its makerAmount
    taking: uint256  # its takerAmount
    side: uint8  # 0 BUY, 1 SELL
    timestamp: uint256  # milliseconds
    metadata: bytes32
    builder: bytes32
    expiry: uint256  # last second at which the keeper's word counts


event Committed:
    market: indexed(bytes32)
    reporter: indexed(address)
    inputs: DynArray[uint256, MAX_INPUTS]


event Admitted:
    market: indexed(bytes32)
    inputs_hash: indexed(bytes32)
    output: uint256
    side: uint256
    price: uint256
    assets: uint256
    until: uint256


interface IVault:
    def reporter() -> address: view
    def marketOf(market: bytes32) -> (address, uint256, uint256, bool): view
    def accountOf(market: bytes32) -> address: view
    def bookOf(market: bytes32) -> (uint256, uint256, uint256): view
    def openMarket(
        class_id: uint256, question_id: bytes32, count: uint256, deadline: uint256
    ) -> bytes32: nonpayable
    def allocate(market: bytes32, assets: uint256): nonpayable
    def recall(market: bytes32, assets: uint256) -> uint256: nonpayable
    def closeMarket(market: bytes32): nonpayable


interface IAccount:
    def market() -> bytes32: view
    def tokenIds() -> DynArray[uint256, units.MAX_TOKENS]: view
    def epoch() -> uint256: view
    def orderHash(order: orders.Order) -> bytes32: view
    def domainSeparator() -> bytes32: view
    def merge(condition: uint256, amount: uint256): nonpayable
    def bumpEpoch(): nonpayable
    def halt(): nonpayable


MAX_INPUTS: constant(uint256) = 32  # each is an instance of the proof, 1,000 gas and a log's word
MAX_PROOF: constant(uint256) = 8192  # bytes; ezkl's of small networks have some 4,000
MAX_SCALE_BITS: constant(uint256) = 32
# Scalars of the curve BN254, of which the proof's numbers are.
P: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
YES: constant(uint256) = 0
NO: constant(uint256) = 1
SIGNED: constant(uint256) = 288  # bytes of a SignedOrder, in front of the Safe's signature

VAULT: public(immutable(address))  # whose class it keeps
CLASS_ID: public(immutable(uint256))  # the class that it keeps
KEEPER: public(immutable(address))  # the Safe that acts and signs through it
TERMS: immutable(GateTerms)

commitmentOf: public(HashMap[bytes32, Commitment])  # market -> inputs that wait for a proof
admissionOf: public(HashMap[bytes32, Admission])  # market -> what the last proof admits


@deploy
def __init__(vault: address, class_id: uint256, keeper: address, terms: GateTerms):
    """
    @param vault The vault that has the class
    @param class_id The class that it will keep, from `setKeeper` on
    @param keeper The Safe that acts and signs through it
    @param terms Verifier, forecaster and rule
    """
    assert vault.is_contract and keeper.is_contract, "address has no code"
    assert terms.verifier.is_contract, "address has no code"
    assert terms.verifier.codehash == terms.verifier_hash, "another verifier"
    assert terms.model_hash != empty(bytes32), "no hash"
    assert terms.inputs != 0 and terms.inputs <= MAX_INPUTS, "bad input count"
    assert terms.scale_bits != 0 and terms.scale_bits <= MAX_SCALE_BITS, "bad scale"
    assert terms.edge_bps < units.BPS, "bad edge"
    assert terms.stake <= units.U96, "amount too large"
    assert terms.min_age != 0 and terms.min_age < terms.max_age, "bad ages"
    assert terms.max_age <= units.U32, "bad ages"
    VAULT = vault
    CLASS_ID = class_id
    KEEPER = keeper
    TERMS = terms


# Views


@external
@view
def terms() -> GateTerms:
    """
    @return Verifier, forecaster and rule.
    """
    return TERMS


@external
@pure
def inputsHash(inputs: DynArray[uint256, MAX_INPUTS]) -> bytes32:
    """
    @return The hash under which inputs are committed.
    """
    return keccak256(abi_encode(inputs))


@external
@view
def roomOf(market: bytes32, side: uint256, price: uint256, output: uint256) -> uint256:
    """
    @notice The most assets that a proven output admits to be allocated now. It reverts as
            `allocate` does where it admits none.
    """
    return self._room(market, side, price, output)


@external
@view
def isValidSignature(hash: bytes32, signature: Bytes[orders.MAX_SIGNATURE]) -> bytes4:
    """
    @notice EIP-1271, for an account of the class: whether the keeper's Safe signed this order, and
            the last proof of its market admits it.
    @param hash Of the KeeperOrder, in the account's domain
    @param signature abi.encode(SignedOrder), then the Safe's own signature: at most three owners'
    @return 0x1626ba7e if so, else 0xffffffff; bytes that do not decode revert.
    """
    if len(signature) < SIGNED:
        return orders.EIP1271_REFUSED
    signed: SignedOrder = abi_decode(slice(signature, 0, SIGNED), SignedOrder)
    market: bytes32 = staticcall IAccount(msg.sender).market()
    account: address = empty(address)
    class_id: uint256 = 0
    conditions: uint256 = 0
    closed: bool = False
    account, class_id, conditions, closed = staticcall IVault(VAULT).marketOf(market)
    if account != msg.sender or class_id != CLASS_ID or not self._admits(market, signed):
        return orders.EIP1271_REFUSED
    if self._digest(account, signed) != hash:
        return orders.EIP1271_REFUSED
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        KEEPER,
        abi_encode(
            hash,
            slice(signature, SIGNED, len(signature) - SIGNED),
            method_id=method_id("isValidSignature(bytes32,bytes)"),
        ),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    if success and len(answer) == 32 and extract32(answer, 0) == orders.EIP1271_ANSWER:
        return orders.EIP1271_MAGIC
    return orders.EIP1271_REFUSED


# What needs a proof


@external
@nonreentrant
def commit(market: bytes32, inputs: DynArray[uint256, MAX_INPUTS]):
    """
    @notice Publishes the forecaster's inputs for a market, in the place of those that wait. They
            count for one proof, `min_age` from now until `max_age`. The vault's reporter only.
    @param inputs As the proof has them
    """
    assert msg.sender == staticcall IVault(VAULT).reporter(), "not the reporter"
    assert msg.sender != KEEPER, "keeper may not commit"  # else he proves what he chose
    self._check_market(market)
    assert len(inputs) == TERMS.inputs, "bad input count"
    for each: uint256 in inputs:
        assert each < P, "no field element"
    self.commitmentOf[market] = Commitment(
        inputs_hash=keccak256(abi_encode(inputs)), time=block.timestamp
    )
    log Committed(market=market, reporter=msg.sender, inputs=inputs)


@external
@nonreentrant
def allocate(
    market: bytes32,
    assets: uint256,
    side: uint256,
    price: uint256,
    inputs: DynArray[uint256, MAX_INPUTS],
    output: uint256,
    proof: Bytes[MAX_PROOF],
):
    """
    @notice Moves budget into a market with a proof, and admits orders that buy `side` at `price` or
            below until the inputs are too old. Keeper only. It uses the commitment up.
    @param side Outcome token that will be bought: 0 YES, 1 NO
    @param price The most that will be paid for one, WAD
    @param inputs As they were committed
    @param output The forecaster's, of YES, in fixed point
    @param proof That the forecaster gives `output` on `inputs`
    """
    self._check_keeper()
    self._check_market(market)
    commitment: Commitment = self.commitmentOf[market]
    assert commitment.inputs_hash != empty(bytes32), "nothing committed"
    assert keccak256(abi_encode(inputs)) == commitment.inputs_hash, "not the inputs committed"
    assert block.timestamp >= commitment.time + TERMS.min_age, "inputs too new"
    until: uint256 = commitment.time + TERMS.max_age
    assert block.timestamp <= until, "inputs too old"
    assert assets <= self._room(market, side, price, output), "more than the proof admits"
    self._check_proof(inputs, output, proof)
    self.commitmentOf[market] = empty(Commitment)
    self.admissionOf[market] = Admission(side=side, price=price, until=until)
    log Admitted(
        market=market,
        inputs_hash=commitment.inputs_hash,
        output=output,
        side=side,
        price=price,
        assets=assets,
        until=until,
    )
    extcall IVault(VAULT).allocate(market, assets)


# What needs none


@external
@nonreentrant
def openMarket(question_id: bytes32, deadline: uint256) -> bytes32:
    """
    @notice Opens a market of the class, of one condition and without budget. Keeper only.
    @return The market's id
    """
    self._check_keeper()
    return extcall IVault(VAULT).openMarket(CLASS_ID, question_id, 1, deadline)


@external
@nonreentrant
def recall(market: bytes32, assets: uint256) -> uint256:
    """
    @notice Takes up to `assets` back from the market's account. Keeper only.
    @return The assets that came back
    """
    self._check_keeper()
    return extcall IVault(VAULT).recall(market, assets)


@external
@nonreentrant
def closeMarket(market: bytes32):
    """
    @notice Closes a market without tokens and budget away. Keeper only.
    """
    self._check_keeper()
    extcall IVault(VAULT).closeMarket(market)


@external
@nonreentrant
def merge(market: bytes32, amount: uint256):
    """
    @notice Turns complete sets of the market's account back into collateral. Keeper only.
    """
    self._check_keeper()
    extcall IAccount(self._account(market)).merge(0, amount)


@external
@nonreentrant
def bumpEpoch(market: bytes32):
    """
    @notice Makes every signature for the market's account so far invalid. Keeper only.
    """
    self._check_keeper()
    extcall IAccount(self._account(market)).bumpEpoch()


@external
@nonreentrant
def halt(market: bytes32):
    """
    @notice Ends trading of the market's account for ever. Keeper only.
    """
    self._check_keeper()
    extcall IAccount(self._account(market)).halt()


# Internal


@internal
@view
def _check_keeper():
    assert msg.sender == KEEPER, "not the keeper"


@internal
@view
def _check_market(market: bytes32):
    """
    @dev That it is open, the vault checks where it matters.
    """
    account: address = empty(address)
    class_id: uint256 = 0
    conditions: uint256 = 0
    closed: bool = False
    account, class_id, conditions, closed = staticcall IVault(VAULT).marketOf(market)
    assert account != empty(address), "unknown market"
    assert class_id == CLASS_ID, "market of another class"
    assert conditions == 1, "not one condition"
    assert not closed, "market closed"


@internal
@view
def _account(market: bytes32) -> address:
    return staticcall IVault(VAULT).accountOf(market)


@internal
@view
def _admits(market: bytes32, signed: SignedOrder) -> bool:
    """
    @return Whether an order may be signed: it sells, or it buys what the last proof admits.
    """
    if signed.outcome > NO:
        return False
    if signed.side == orders.SELL:
        return True
    admission: Admission = self.admissionOf[market]
    if signed.side != orders.BUY or signed.outcome != admission.side:
        return False
    if block.timestamp > admission.until or signed.expiry > admission.until:
        return False
    # cross-multiplied, so nothing is rounded
    return signed.making * units.WAD <= signed.taking * admission.price


@internal
@view
def _digest(account: address, signed: SignedOrder) -> bytes32:
    """
    @return What the keeper signs for this order: of the account, which is its maker and signer.
    """
    order: orders.Order = orders.Order(
        salt=signed.salt,
        maker=account,
        signer=account,
        tokenId=(staticcall IAccount(account).tokenIds())[signed.outcome],
        makerAmount=signed.making,
        takerAmount=signed.taking,
        side=signed.side,
        signatureType=orders.POLY_1271,
        timestamp=signed.timestamp,
        metadata=signed.metadata,
        builder=signed.builder,
    )
    order_struct: bytes32 = keccak256(
        abi_encode(
            orders.KEEPER_ORDER_TYPEHASH,
            staticcall IAccount(account).orderHash(order),
            signed.expiry,
            staticcall IAccount(account).epoch(),
        )
    )
    domain: bytes32 = staticcall IAccount(account).domainSeparator()
    return keccak256(concat(b"\x19\x01", domain, order_struct))


@internal
@view
def _room(market: bytes32, side: uint256, price: uint256, output: uint256) -> uint256:
    """
    @dev down: the forecast of either side and the size, against the keeper.
         What is at risk already counts, or a proof after another would stack up.
    """
    assert side <= NO, "unknown outcome"
    assert price != 0 and price < units.WAD, "bad price"
    one: uint256 = 2 ** TERMS.scale_bits
    assert output < P, "no field element"
    assert output <= P // 2, "negative output"  # P - x stands for -x
    assert output <= one, "output above one"
    likely: uint256 = output if side == YES else one - output
    fair: uint256 = likely * units.WAD // one
    assert fair > price, "no edge"
    edge: uint256 = fair - price
    assert edge * units.BPS >= TERMS.edge_bps * units.WAD, "no edge"
    most: uint256 = TERMS.stake * edge // (units.WAD - price)
    exposure: uint256 = (staticcall IVault(VAULT).bookOf(market))[0]
    return most - min(most, exposure)


@internal
@view
def _check_proof(
    inputs: DynArray[uint256, MAX_INPUTS], output: uint256, proof: Bytes[MAX_PROOF]
):
    """
    @dev Instances: the inputs in their order, then the output. Whatever a verifier answers but a
         clean true, or returns, or reverts with, is no.
    """
    assert TERMS.verifier.codehash == TERMS.verifier_hash, "another verifier"
    instances: DynArray[uint256, MAX_INPUTS + 1] = []
    for each: uint256 in inputs:
        instances.append(each)
    instances.append(output)
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        TERMS.verifier,
        abi_encode(proof, instances, method_id=method_id("verifyProof(bytes,uint256[])")),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    assert success and len(answer) == 32, "proof refused"
    assert extract32(answer, 0, output_type=uint256) == 1, "proof refused"
