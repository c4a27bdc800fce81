"""The gate of a class: budget only with a proof for inputs that were committed, orders only on the
side and up to the price that it admits. The verifier and its proofs are real, made by ezkl."""

import math
from types import SimpleNamespace

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak
from strongroom.audit.gate_events import Admitted
from strongroom.audit.gates import GateCode, room_of
from strongroom.chain.artifacts import Artifact
from strongroom.chain.ids import to_bytes
from strongroom.signing.hashing import safe_message_hash, safe_transaction_hash
from strongroom.signing.keys import envelope, sign_as_owners

from tests.ape_devnet import container
from tests.defaults import DAY, UNIT, WAD, a_class
from tests.proofs_recorded import ABI, recorded, recorded_proofs
from tests.seeds import dice
from tests.signing import (
    BUY,
    EOA,
    SELL,
    eoa_signature,
    keeper_order_digest,
    make_order,
    struct,
)

FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617
ONE = 8192
YES, NO = 0, 1
MIN_AGE, MAX_AGE = 600, 3_600
STAKE = 1_000 * UNIT
MODEL = b"\x11" * 32
NOTHING = b"\0" * 32
MAGIC, REFUSED = bytes.fromhex("1626ba7e"), bytes.fromhex("ffffffff")
LIKELY, UNLIKELY = recorded_proofs()
TRUE = (1).to_bytes(32, "big")


def code_hash(address):
    return keccak(ape.networks.provider.get_code(str(address)))


@pytest.fixture(scope="session")
def verifier(deployer):
    """The recorded verifier's own code."""
    kind = Artifact("RecordedVerifier", ABI, to_bytes(recorded()["verifier"]))
    return deployer.deploy(container(kind))


@pytest.fixture(scope="session")
def hand(deployer):
    """A contract that calls what it is told to, and lets a revert through: the keeper's Safe."""
    return deployer.deploy(ape.project.ScriptedVerifier)


@pytest.fixture(scope="session")
def build(make_vault, people, invest, implementation, deployer):
    """A vault of 1,000 whose class 0 has a gate as its keeper."""

    def make(checker, keeper, *, timelock=0, **changed):
        vault = make_vault(timelock=timelock, price_band_bps=0)
        terms = {
            "verifier": checker.address,
            "verifier_hash": code_hash(checker),
            "model_hash": MODEL,
            "inputs": len(LIKELY.inputs),
            "scale_bits": 13,
            "edge_bps": 200,
            "stake": STAKE,
            "min_age": MIN_AGE,
            "max_age": MAX_AGE,
        } | changed
        gate = deployer.deploy(ape.project.ProofGate, vault, 0, keeper, tuple(terms.values()))
        if not timelock:
            vault.addClass(a_class(implementation, people.oracle, gate), sender=people.owner)
            invest(vault, people.alice, 1_000 * UNIT)
        return vault, gate

    return make


class Stage(SimpleNamespace):
    """A gate, and what its people do."""

    def act(self, function, *arguments):
        data = getattr(self.gate, function).encode_input(*arguments)
        return self.hand.run(self.gate, data, sender=self.people.mallory)

    def open(self):
        question = next(self.number).to_bytes(32, "big")
        self.venue.ctf.prepareCondition(self.people.oracle, question, 2, sender=self.deployer)
        self.act("openMarket", question, self.chain.pending_timestamp + 9 * DAY)
        return bytes(self.vault.openMarkets()[-1])

    def commit(self, market, proof=LIKELY, after=MIN_AGE, sender=None):
        self.gate.commit(market, proof.inputs, sender=sender or self.people.reporter)
        self.chain.pending_timestamp += after

    def allocate(self, market, assets=UNIT, side=YES, price=WAD // 2, proof=LIKELY, **other):
        has = {"inputs": proof.inputs, "output": proof.output, "proof_bytes": proof.proof} | other
        return self.act("allocate", market, assets, side, price, *has.values())

    def exposure(self, market):
        return self.vault.bookOf(market)[0]


@pytest.fixture
def proven(build, verifier, hand, people, venue, deployer, chain, number):
    """With the real verifier: a second or two for each proof."""
    vault, gate = build(verifier, hand)
    return Stage(
        vault=vault, gate=gate, hand=hand, people=people, venue=venue, deployer=deployer,
        chain=chain, number=number,
    )  # fmt: skip


@pytest.fixture(scope="session")
def liar(deployer):
    """A verifier that says what a test wants; at first yes."""
    found = deployer.deploy(ape.project.ScriptedVerifier)
    found.set_answer(TRUE, False, sender=deployer)
    return found


@pytest.fixture
def stage(build, liar, hand, people, venue, deployer, chain, number):
    """With a verifier that says yes to anything: what else holds."""
    vault, gate = build(liar, hand)
    return Stage(
        vault=vault, gate=gate, hand=hand, people=people, venue=venue, deployer=deployer,
        chain=chain, number=number, liar=liar,
    )  # fmt: skip


def test_the_recorded_outputs_are_those_of_a_logistic_function():
    """By hand, in floating point: 1 / (1 + exp(-(w x + b))), to a part in 4,000."""
    found = recorded()
    for row, proof in zip(found["rows"], (LIKELY, UNLIKELY), strict=True):
        at = sum(w * x for w, x in zip(found["weights"], row, strict=True)) + found["bias"]
        assert abs(proof.output / ONE - 1 / (1 + math.exp(-at))) < 1 / 4_000
    assert LIKELY.output > ONE // 2 > UNLIKELY.output


def test_the_verifier_takes_the_proof_and_no_other_number(verifier, deployer):
    def asked(proof, instances):
        return verifier.verifyProof.call(proof, instances, sender=deployer)

    good = [*LIKELY.inputs, LIKELY.output]
    assert asked(LIKELY.proof, good)
    for place in (0, len(good) - 1):
        with ape.reverts():
            asked(LIKELY.proof, [each + (i == place) for i, each in enumerate(good)])
    with ape.reverts():
        asked(UNLIKELY.proof, good)
    with ape.reverts():
        asked(LIKELY.proof, [good[0] + FIELD, *good[1:]])  # the same element, written otherwise


def test_a_proof_for_committed_inputs_lets_budget_out(proven):
    market = proven.open()
    proven.commit(market)
    committed = proven.gate.commitmentOf(market).time
    receipt = proven.allocate(market, 100 * UNIT, YES, WAD // 2)
    assert proven.exposure(market) == 100 * UNIT
    (event,) = receipt.decode_logs(proven.gate.Admitted)
    assert (event.market, event.output, event.side) == (market, LIKELY.output, YES)
    assert (event.price, event.assets) == (WAD // 2, 100 * UNIT)
    assert event.until == committed + MAX_AGE
    assert bytes(event.inputs_hash) == keccak(encode(["uint256[]"], [LIKELY.inputs]))
    assert tuple(proven.gate.admissionOf(market)) == (YES, WAD // 2, committed + MAX_AGE)
    print(f"gas of a gated allocation: {receipt.gas_used:,}")
    assert 600_000 < receipt.gas_used < 1_200_000


def test_what_is_committed_is_in_the_log(stage):
    market = stage.open()
    receipt = stage.gate.commit(market, LIKELY.inputs, sender=stage.people.reporter)
    (event,) = receipt.decode_logs(stage.gate.Committed)
    assert (event.market, list(event.inputs)) == (market, LIKELY.inputs)
    assert event.reporter == stage.people.reporter
    hashed = keccak(encode(["uint256[]"], [LIKELY.inputs]))
    assert bytes(stage.gate.commitmentOf(market).inputs_hash) == hashed
    assert bytes(stage.gate.inputsHash(LIKELY.inputs)) == hashed


def test_a_proof_is_used_once(stage):
    market = stage.open()
    stage.commit(market)
    stage.allocate(market)
    with ape.reverts("nothing committed"):
        stage.allocate(market)
    assert stage.exposure(market) == UNIT


def test_nothing_without_a_commitment_nor_for_another_market(stage):
    market, other = stage.open(), stage.open()
    with ape.reverts("nothing committed"):
        stage.allocate(market)
    stage.commit(other)
    with ape.reverts("nothing committed"):
        stage.allocate(market)
    stage.commit(market, UNLIKELY)
    with ape.reverts("not the inputs committed"):
        stage.allocate(market)


def test_changed_numbers_and_changed_proofs_are_refused(proven):
    market = proven.open()
    proven.commit(market)
    changed = bytearray(LIKELY.proof)
    changed[len(changed) // 2] ^= 1
    for other in (
        {"output": LIKELY.output + 1},
        {"proof_bytes": bytes(changed)},
        {"proof_bytes": b""},
        {"proof_bytes": LIKELY.proof + b"\0"},
        {"proof_bytes": UNLIKELY.proof},
    ):
        with ape.reverts("proof refused"):
            proven.allocate(market, **other)
    changed = [LIKELY.inputs[0] + 1, *LIKELY.inputs[1:]]
    with ape.reverts("not the inputs committed"):
        proven.allocate(market, inputs=changed)
    assert proven.exposure(market) == 0
    proven.allocate(market)  # none of it has used the commitment up


def test_inputs_must_have_been_public_for_a_while_and_grow_old(stage):
    market = stage.open()
    stage.commit(market, after=0)
    at = stage.gate.commitmentOf(market).time
    stage.chain.pending_timestamp = at + MIN_AGE - 1
    with ape.reverts("inputs too new"):
        stage.allocate(market)
    stage.chain.pending_timestamp = at + MIN_AGE
    stage.allocate(market)
    stage.commit(market, after=0)
    at = stage.gate.commitmentOf(market).time
    stage.chain.pending_timestamp = at + MAX_AGE + 1
    with ape.reverts("inputs too old"):
        stage.allocate(market)


def test_the_last_second_counts(stage):
    market = stage.open()
    stage.commit(market, after=0)
    stage.chain.pending_timestamp = stage.gate.commitmentOf(market).time + MAX_AGE
    stage.allocate(market)


def test_a_new_commitment_takes_the_place_of_the_old_one_and_its_time(stage):
    market = stage.open()
    stage.commit(market, UNLIKELY)
    stage.commit(market, LIKELY, after=1)
    with ape.reverts("inputs too new"):
        stage.allocate(market)
    with ape.reverts("not the inputs committed"):
        stage.allocate(market, proof=UNLIKELY)


def test_only_the_reporter_commits_and_only_the_keeper_acts(stage, people):
    market = stage.open()
    for who in (people.owner, people.guardian, people.keeper, people.mallory):
        with ape.reverts("not the reporter"):
            stage.commit(market, sender=who)
    stage.commit(market)
    about = (market, UNIT, YES, WAD // 2, LIKELY.inputs, LIKELY.output, LIKELY.proof)
    for function, arguments in {
        "allocate": about,
        "openMarket": (NOTHING, 1),
        "recall": (market, 1),
        "closeMarket": (market,),
        "merge": (market, 1),
        "bumpEpoch": (market,),
        "halt": (market,),
    }.items():
        for who in (people.reporter, people.owner, people.mallory):
            with ape.reverts("not the keeper"):
                getattr(stage.gate, function)(*arguments, sender=who)


def test_a_keeper_who_is_the_reporter_commits_nothing(stage, people):
    stage.vault.setReporter(stage.hand, sender=people.owner)
    market = stage.open()
    with ape.reverts("keeper may not commit"):
        stage.act("commit", market, LIKELY.inputs)


def test_what_is_committed_has_the_right_form(stage):
    market = stage.open()
    for inputs in ([], LIKELY.inputs[:-1], [*LIKELY.inputs, 1]):
        with ape.reverts("bad input count"):
            stage.gate.commit(market, inputs, sender=stage.people.reporter)
    with ape.reverts("no field element"):
        inputs = [LIKELY.inputs[0] + FIELD, *LIKELY.inputs[1:]]
        stage.gate.commit(market, inputs, sender=stage.people.reporter)
    with ape.reverts("unknown market"):
        stage.commit(b"\x77" * 32)


def test_a_market_of_another_class_is_not_the_gates(stage, people, implementation):
    stage.vault.addClass(a_class(implementation, people.oracle, people.keeper), sender=people.owner)
    question = next(stage.number).to_bytes(32, "big")
    stage.venue.ctf.prepareCondition(people.oracle, question, 2, sender=stage.deployer)
    deadline = stage.chain.pending_timestamp + DAY
    stage.vault.openMarket(1, question, 1, deadline, sender=people.keeper)
    market = bytes(stage.vault.openMarkets()[-1])
    with ape.reverts("market of another class"):
        stage.commit(market)
    with ape.reverts("market of another class"):
        stage.allocate(market)


def test_a_closed_market_gets_nothing(stage):
    market = stage.open()
    stage.commit(market)
    stage.act("closeMarket", market)
    with ape.reverts("market closed"):
        stage.allocate(market)
    with ape.reverts("market closed"):
        stage.commit(market)


def sizes(output, side, price, stake=STAKE):
    """Kelly's part of the stake for a token of payout 1, by hand in rational numbers."""
    fair = output * WAD // ONE if side == YES else (ONE - output) * WAD // ONE
    return stake * (fair - price) // (WAD - price)


@pytest.mark.parametrize(
    ("proof", "side", "price"), [(LIKELY, YES, WAD // 2), (UNLIKELY, NO, WAD * 3 // 5)]
)
def test_the_size_is_kellys_part_of_the_stake(stage, proof, side, price):
    market = stage.open()
    most = sizes(proof.output, side, price)
    assert stage.gate.roomOf(market, side, price, proof.output) == most
    assert 100 * UNIT < most < STAKE
    stage.commit(market, proof)
    with ape.reverts("more than the proof admits"):
        stage.allocate(market, most + 1, side, price, proof)
    stage.allocate(market, most, side, price, proof)
    assert stage.exposure(market) == most
    assert stage.gate.roomOf(market, side, price, proof.output) == 0


def test_the_auditors_arithmetic_is_the_contracts(stage):
    """Random forecasts, prices and what is at risk: the same room, and none at the same places."""
    market, chance = stage.open(), dice("gate room", 1)
    code = GateCode(
        class_id=0, keeper="", verifier="", verifier_hash="", model_hash="", inputs=8,
        scale_bits=13, edge_bps=200, stake=STAKE, min_age=MIN_AGE, max_age=MAX_AGE,
    )  # fmt: skip
    rooms = []
    for at_risk in (0, 333_333_333):
        if at_risk:
            stage.commit(market)
            stage.allocate(market, at_risk)
        for _ in range(20):
            output, side = chance.randint(0, ONE + 1), chance.randrange(2)
            price = chance.choice([1, WAD - 1, chance.randint(1, WAD - 1)])
            asked = Admitted(0, "", 0, "", "", "", output, side, price, 0, 0)
            try:
                wanted = stage.gate.roomOf(market, side, price, output)
            except ape.exceptions.ContractLogicError:
                wanted = None
            rooms.append(wanted)
            assert room_of(code, asked, at_risk) == wanted
    assert 5 < rooms.count(None) < 35 and len({*rooms}) > 5


def test_one_proof_after_another_does_not_stack_up(stage):
    market = stage.open()
    most = sizes(LIKELY.output, YES, WAD // 2)
    for assets in (most - 5, 3):
        stage.commit(market)
        stage.allocate(market, assets)
    stage.commit(market)
    with ape.reverts("more than the proof admits"):
        stage.allocate(market, 3)
    stage.act("recall", market, 10)
    stage.allocate(market, 12)
    assert stage.exposure(market) == most


def test_a_higher_price_admits_less_even_later(stage):
    market = stage.open()
    stage.commit(market)
    stage.allocate(market, sizes(LIKELY.output, YES, WAD // 10), YES, WAD // 10)
    stage.commit(market)
    with ape.reverts("more than the proof admits"):
        stage.allocate(market, 1, YES, WAD // 2)
    assert stage.gate.admissionOf(market).price == WAD // 10


def test_the_wrong_side_has_no_edge(stage):
    market, other = stage.open(), stage.open()
    stage.commit(market)
    with ape.reverts("no edge"):
        stage.allocate(market, side=NO)
    stage.commit(other, UNLIKELY)
    with ape.reverts("no edge"):
        stage.allocate(other, proof=UNLIKELY)


def test_the_edge_is_what_the_rule_says(stage):
    """The forecast less 200 bps is the highest price; one more is too much."""
    market = stage.open()
    highest = LIKELY.output * WAD // ONE - WAD // 50
    with ape.reverts("no edge"):
        stage.gate.roomOf(market, YES, highest + 1, LIKELY.output)
    assert stage.gate.roomOf(market, YES, highest, LIKELY.output) > 0
    for price in (0, WAD):
        with ape.reverts("bad price"):
            stage.gate.roomOf(market, YES, price, LIKELY.output)
    with ape.reverts("unknown outcome"):
        stage.gate.roomOf(market, 2, WAD // 2, LIKELY.output)


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (FIELD - 1, "negative output"),
        (FIELD - 5 * ONE, "negative output"),
        (FIELD // 2 + 1, "negative output"),
        (FIELD // 2, "output above one"),
        (ONE + 1, "output above one"),
        (FIELD, "no field element"),
        (FIELD + ONE, "no field element"),
        (2**256 - 1, "no field element"),
    ],
)
def test_an_output_that_is_no_probability_is_refused(stage, output, why):
    """Even where a proof says so: of NO, too, where -x would be more than certain."""
    market = stage.open()
    stage.commit(market)
    for side in (YES, NO):
        with ape.reverts(why):
            stage.allocate(market, 1, side, WAD // 2, output=output)


@pytest.mark.parametrize(("output", "side"), [(ONE, YES), (0, NO)])
def test_what_is_certain_admits_the_whole_stake(stage, output, side):
    market = stage.open()
    assert stage.gate.roomOf(market, side, WAD // 2, output) == STAKE


@pytest.mark.parametrize(
    ("answer", "refuses"),
    [
        (b"", False),
        (b"\0" * 32, False),
        ((2).to_bytes(32, "big"), False),
        (b"\1" + bytes(31), False),
        (TRUE[:31], False),
        (TRUE, True),
        (b"", True),
    ],
)
def test_only_a_clean_yes_is_a_yes(stage, answer, refuses):
    market = stage.open()
    stage.commit(market)
    stage.liar.set_answer(answer, refuses, sender=stage.deployer)
    with ape.reverts("proof refused"):
        stage.allocate(market)
    assert stage.exposure(market) == 0


@pytest.mark.parametrize("function", ["halt", "allocate"])
def test_a_lying_verifier_comes_back_to_nothing(
    build, deployer, people, venue, chain, number, function
):
    """It is the keeper, too, and may call everything: amid a proof it changes nothing."""
    liar = deployer.deploy(ape.project.ScriptedVerifier)
    liar.set_answer(TRUE, False, sender=deployer)
    vault, gate = build(liar, liar)
    stage = Stage(
        vault=vault, gate=gate, hand=liar, people=people, venue=venue, deployer=deployer,
        chain=chain, number=number,
    )  # fmt: skip
    market, other = stage.open(), stage.open()
    account = ape.project.PolymarketAccount.at(vault.accountOf(other))
    stage.commit(market, after=0)
    stage.commit(other)
    arguments = {
        "halt": (other,),
        "allocate": (other, UNIT, YES, WAD // 2, LIKELY.inputs, LIKELY.output, b""),
    }[function]
    liar.set_hook(gate, getattr(gate, function).encode_input(*arguments), sender=deployer)
    stage.allocate(market)
    assert (account.halted(), stage.exposure(other)) == (False, 0)
    liar.set_hook("0x" + "00" * 20, b"", sender=deployer)
    stage.act(function, *arguments)  # which it may, when nothing is under way
    assert account.halted() or stage.exposure(other) == UNIT


def test_another_gate_waits_for_the_timelock(build, liar, hand, people, chain, implementation):
    """A gate never changes: another verifier, forecaster or rule is another gate, and the owner
    names it as any keeper."""
    vault, gate = build(liar, hand, timelock=2 * DAY)
    call = vault.setKeeper.encode_input(0, gate)
    terms = a_class(implementation, people.oracle, hand)
    vault.submit(vault.addClass.encode_input(terms), sender=people.owner)
    chain.pending_timestamp += 2 * DAY
    vault.addClass(terms, sender=people.owner)
    with ape.reverts("not submitted"):
        vault.setKeeper(0, gate, sender=people.owner)
    vault.submit(call, sender=people.owner)
    chain.pending_timestamp += DAY
    with ape.reverts("timelocked"):
        vault.setKeeper(0, gate, sender=people.owner)
    vault.revoke(call, sender=people.guardian)
    chain.pending_timestamp += 2 * DAY
    with ape.reverts("not submitted"):
        vault.setKeeper(0, gate, sender=people.owner)
    assert not {each.name for each in gate.contract_type.mutable_methods} - {
        "commit",
        "allocate",
        "openMarket",
        "recall",
        "closeMarket",
        "merge",
        "bumpEpoch",
        "halt",
    }


def test_the_guardian_drops_a_gate_at_once(stage, people):
    market = stage.open()
    stage.commit(market)
    stage.vault.setKeeper(0, "0x" + "00" * 20, sender=people.guardian)
    with ape.reverts("not the keeper"):
        stage.allocate(market)
    assert bytes(stage.gate.commitmentOf(market).inputs_hash) != NOTHING


def test_what_makes_safer_needs_no_proof_and_works_while_paused(stage, give_tokens, people):
    market = stage.open()
    stage.commit(market)
    stage.allocate(market, 10 * UNIT)
    account = ape.project.PolymarketAccount.at(stage.vault.accountOf(market))
    give_tokens(SimpleNamespace(condition=account.question(), account=account), 5 * UNIT, 5 * UNIT)
    stage.vault.pause(sender=people.guardian)
    stage.commit(market)
    with ape.reverts("paused"):
        stage.allocate(market)
    stage.act("merge", market, 5 * UNIT)
    stage.act("bumpEpoch", market)
    assert account.epoch() == 1
    stage.act("recall", market, 15 * UNIT)
    assert stage.exposure(market) == 0
    stage.act("halt", market)
    assert account.halted()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"verifier_hash": MODEL}, "another verifier"),
        ({"model_hash": NOTHING}, "no hash"),
        ({"inputs": 0}, "bad input count"),
        ({"inputs": 33}, "bad input count"),
        ({"scale_bits": 0}, "bad scale"),
        ({"scale_bits": 33}, "bad scale"),
        ({"edge_bps": 10_000}, "bad edge"),
        ({"stake": 2**96}, "amount too large"),
        ({"min_age": 0}, "bad ages"),
        ({"min_age": MAX_AGE}, "bad ages"),
        ({"max_age": 2**32}, "bad ages"),
        ({"verifier": "0x" + "12" * 20}, "address has no code"),
    ],
)
def test_a_gate_is_made_with_sound_terms(build, liar, hand, changed, why):
    with ape.reverts(why):
        build(liar, hand, **changed)


def test_a_gate_shows_what_it_is(stage, liar):
    assert tuple(stage.gate.terms()) == (
        *(liar.address, code_hash(liar), MODEL, 8, 13, 200, STAKE, MIN_AGE, MAX_AGE),
    )
    assert (stage.gate.VAULT(), stage.gate.CLASS_ID(), stage.gate.KEEPER()) == (
        *(stage.vault.address, 0, stage.hand.address),
    )


class Trading(Stage):
    """The same by a real Safe of two owners of three, and its orders."""

    def act(self, function, *arguments):
        data = bytes(getattr(self.gate, function).encode_input(*arguments))
        digest = safe_transaction_hash(
            self.safe.address, self.chain.chain_id, self.gate.address, data, 0,
            self.safe.call_view_method("nonce"),
        )  # fmt: skip
        zero = "0x" + "00" * 20
        return self.safe.execTransaction(
            self.gate, 0, data, 0, 0, 0, 0, zero, zero, sign_as_owners(self.owners[:2], digest),
            sender=self.people.mallory,
        )  # fmt: skip

    def wait(self, seconds):
        """Let a block pass: views are asked of the last one."""
        self.chain.pending_timestamp += seconds
        self.liar.set_answer(TRUE, False, sender=self.deployer)

    def order(self, token, making, taking, side=BUY, **fields):
        tokens = self.account.tokenIds()
        return make_order(
            self.account.address, tokens[token], int(making * UNIT), int(taking * UNIT), side,
            **fields,
        )  # fmt: skip

    def signature(self, order, token=YES, lifetime=300, owners=2, shown=None):
        """Return the account's envelope; `shown` stands in it in the order's place."""
        order_hash = bytes(self.venue.exchange.hashOrder(struct(order)))
        expiry = self.chain.pending_timestamp + lifetime
        chain_id, account = self.chain.chain_id, self.account.address
        digest = keeper_order_digest(account, chain_id, order_hash, expiry, self.account.epoch())
        signed = sign_as_owners(
            self.owners[:owners], safe_message_hash(self.safe.address, chain_id, digest)
        )
        said = shown or order
        head = encode(
            ["uint256"] * 6 + ["bytes32"] * 2 + ["uint256"],
            [
                *(int(said.salt), token, int(said.makerAmount), int(said.takerAmount)),
                *(said.side, int(said.timestamp)),
                *(to_bytes(said.metadata), to_bytes(said.builder), expiry),
            ],
        )
        return order_hash, envelope(order, expiry, head + signed)

    def asks(self, order, token=YES, **how):
        try:
            return bytes(self.account.isValidSignature(*self.signature(order, token, **how)))
        except ape.exceptions.ContractLogicError:
            return b"reverted"


@pytest.fixture
def trading(build, liar, safe, keeper_owners, people, venue, deployer, chain, number):
    """A market with 100 admitted on YES at .5 at most."""
    vault, gate = build(liar, safe)
    made = Trading(
        vault=vault, gate=gate, safe=safe, owners=keeper_owners, people=people, venue=venue,
        deployer=deployer, chain=chain, number=number, liar=liar,
    )  # fmt: skip
    made.market = made.open()
    made.account = ape.project.PolymarketAccount.at(vault.accountOf(made.market))
    made.commit(made.market)
    made.allocate(made.market, 100 * UNIT, YES, WAD // 2)
    return made


def test_an_order_on_the_admitted_side_and_price_is_signed(trading):
    for making, taking in ((50, 100), (40, 100), (0.000001, 0.000002)):
        assert trading.asks(trading.order(YES, making, taking)) == MAGIC


def test_three_owners_signatures_fit(trading):
    assert trading.asks(trading.order(YES, 50, 100), owners=3) == MAGIC


def test_a_dearer_order_or_one_on_the_other_side_is_not(trading):
    assert trading.asks(trading.order(YES, 50.000001, 100)) == REFUSED
    assert trading.asks(trading.order(NO, 40, 100), NO) == REFUSED
    # nor one of the other token in the clothes of this one
    assert trading.asks(trading.order(NO, 40, 100), YES) == REFUSED


def test_a_sale_is_signed_whatever_was_proved(trading):
    assert trading.asks(trading.order(YES, 100, 30, SELL)) == MAGIC
    assert trading.asks(trading.order(NO, 100, 30, SELL), NO) == MAGIC
    trading.wait(2 * MAX_AGE)
    assert trading.asks(trading.order(YES, 100, 30, SELL)) == MAGIC


def test_what_the_gate_is_shown_is_what_is_signed(trading):
    """A cheap order shown in front of a dear one, and each other field that differs."""
    good = trading.order(YES, 50, 100)
    dear = trading.order(YES, 90, 100)
    assert trading.asks(dear, shown=good) == REFUSED
    for changed in (
        {"salt": "8"},
        {"timestamp": "1700000000001"},
        {"metadata": "0x" + "01" * 32},
        {"builder": "0x" + "01" * 32},
    ):
        shown = trading.order(YES, 50, 100, **changed)
        assert trading.asks(good, shown=shown) == REFUSED
        assert trading.asks(shown) == MAGIC
    assert trading.asks(trading.order(YES, 100, 30, SELL), shown=good) == REFUSED


def test_an_admission_ends(trading):
    order = trading.order(YES, 50, 100)
    until = trading.gate.admissionOf(trading.market).until
    left = until - trading.chain.pending_timestamp
    trading.wait(left - 100)
    assert trading.asks(order, lifetime=50) == MAGIC
    assert trading.asks(order, lifetime=300) == REFUSED  # it would outlive the admission
    trading.wait(200)
    assert trading.asks(order, lifetime=50) == REFUSED


def test_too_few_owners_or_a_short_signature_are_no(trading):
    order = trading.order(YES, 50, 100)
    assert trading.asks(order, owners=1) == REFUSED
    order_hash, _ = trading.signature(order)
    for size in (0, 65, 287):
        short = envelope(order, trading.chain.pending_timestamp + 300, bytes(size))
        assert bytes(trading.account.isValidSignature(order_hash, short)) == REFUSED


def test_another_contract_gets_no_yes(trading, people):
    """Only the market's account is answered: neither a person nor the account of another class."""
    order = trading.order(YES, 50, 100)
    _, whole = trading.signature(order)
    with ape.reverts():
        trading.gate.isValidSignature(b"\1" * 32, whole[-500:], sender=people.mallory)


def test_an_order_is_filled_by_the_venue(trading, people, fund):
    venue = trading.venue
    fund(venue.exchange, people.trader)
    venue.pusd.approve(venue.adapter, 2**256 - 1, sender=people.trader)
    venue.ctf.setApprovalForAll(venue.exchange, True, sender=people.trader)
    condition = trading.account.question()
    venue.adapter.splitPosition(
        venue.pusd, NOTHING, condition, [1, 2], 100 * UNIT, sender=people.trader
    )
    order = trading.order(YES, 50, 100)
    _, signature = trading.signature(order)
    token = trading.account.tokenIds()[YES]
    sale = make_order(people.trader.address, token, 100 * UNIT, 50 * UNIT, SELL, signatureType=EOA)
    sale_hash = bytes(venue.exchange.hashOrder(struct(sale)))
    makers = [struct(sale, eoa_signature(sale_hash, people.trader))]
    parts = (50 * UNIT, [100 * UNIT], 0, [0])
    taker = struct(order, signature)
    venue.exchange.matchOrders(condition, taker, makers, *parts, sender=trading.deployer)
    assert venue.ctf.balanceOf(trading.account, token) == 100 * UNIT
    assert venue.pusd.balanceOf(trading.account) == 50 * UNIT
