"""A gate on chain: deployed, read, and called as the vault's reporter or as its keeper's Safe."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from strongroom.chain.accounts import wallet
from strongroom.chain.artifacts import Artifact, artifact
from strongroom.chain.calls import Ask, Call, make_call
from strongroom.chain.contracts import Contracts, Key
from strongroom.chain.failures import CallReverted
from strongroom.chain.ids import id_text, keccak, to_bytes, to_hex
from strongroom.chain.rpc import Chain, checksum
from strongroom.chain.simulation import Intended, simulate
from strongroom.chain.units import WAD
from strongroom.errors import BadInput, Refused
from strongroom.proofs.circuit import Circuit, Proof
from strongroom.proofs.field import inputs_hash, to_number
from strongroom.signing.owners import by_owners

GATE = "ProofGate"
YES, NO = 0, 1
DELEGATES = "0xef0100"  # begins the code of a key's account that borrows code (EIP-7702)
NOTHING = "0x" + "00" * 32
# verifyProof(bytes,uint256[]): the one function of a verifier
VERIFIER_ABI = (
    {
        "type": "function",
        "name": "verifyProof",
        "stateMutability": "nonpayable",
        "inputs": [
            {"name": "proof", "type": "bytes"},
            {"name": "instances", "type": "uint256[]"},
        ],
        "outputs": [{"name": "", "type": "bool"}],
    },
)


class GateRefused(Refused):
    """The gate or its rules say no; the message says why and what to do."""


@dataclass(frozen=True)
class GateTerms:
    """What a gate is made of, in the contract's order and units."""

    verifier: str
    verifier_hash: str
    model_hash: str
    inputs: int
    scale_bits: int
    edge_bps: int
    stake: int
    min_age: int
    max_age: int


@dataclass(frozen=True)
class GateState:
    """A gate as the chain has it."""

    address: str
    vault: str
    class_id: int
    keeper: str
    reporter: str
    terms: GateTerms
    block: int


@dataclass(frozen=True)
class GateRule:
    """What the owner chooses of a gate; stake in base units of assets, ages in seconds."""

    edge_bps: int
    stake: int
    min_age: int
    max_age: int


def _silent(words: str) -> None:
    return None


def _never(question: str) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Sending:
    """How calls leave.

    Attributes:
        accounts: keystores; of a Safe as many of its owners as must sign
        dry_run: simulate, send nothing
        ask: is handed the question before anything is sent
    """

    rpc: str
    accounts: Sequence[str] = ()
    dry_run: bool = False
    say: Callable[[str], None] = _silent
    ask: Callable[[str], bool] = _never
    passphrase: Callable[[str], str] | None = None

    def keys(self, contracts: Contracts) -> list[Key]:
        """Open the keystores."""
        return [wallet(each, contracts, self.passphrase).unlock() for each in self.accounts]


@dataclass(frozen=True)
class GateCall:
    """A call, as a Safe's owners take it; `transaction` is its hash where it was sent."""

    what: str
    sender: str
    to: str
    data: str
    gas: int
    transaction: str = ""
    block: int = 0


def read_gate(chain: Chain, gate: str) -> GateState:
    """Return a gate.

    Raises:
        GateRefused: the address is none.
        ChainAway: the node does not answer.
    """
    head = chain.head()
    names = ("VAULT", "CLASS_ID", "KEEPER", "terms")
    try:
        vault, class_id, keeper, terms = chain.ask(
            [Ask(gate, GATE, name) for name in names], head.number
        )
        (reporter,) = chain.ask([Ask(vault, "Vault", "reporter")], head.number)
    except CallReverted as error:
        raise GateRefused(f"{gate} is no gate: check address and chain ({error})") from error
    return GateState(
        checksum(gate), checksum(vault), class_id, checksum(keeper), checksum(reporter),
        GateTerms(*terms), head.number,
    )  # fmt: skip


def deploy_gate(
    sending: Sending, circuit: Circuit, vault: str, class_id: int, keeper: str, rule: GateRule
) -> tuple[str, str]:
    """Deploy a circuit's verifier and a gate for it; return the gate and the owner's next call.

    Raises:
        UnsafeSetup, TransactionRefused, UnknownAccount, ChainAway: see the classes.
        BadInput: not confirmed.
    """
    contracts = Contracts(sending.rpc)
    circuit.check_for(contracts.chain_id)
    (key,) = sending.keys(contracts)
    if not sending.ask(f"Deploy a verifier and a gate for class {class_id} of {vault}?"):
        raise BadInput("not confirmed: nothing was sent (--yes does not ask)")
    kind = Artifact("Verifier", VERIFIER_ABI, circuit.verifier)
    verifier = contracts.deploy(key, kind).address
    code_hash = to_hex(keccak(contracts.code(verifier)))
    sending.say(f"verifier {verifier}, code {code_hash}")
    terms = (
        *(verifier, to_bytes(code_hash), to_bytes(circuit.model_hash)),
        *(circuit.inputs, circuit.bits),
        *(rule.edge_bps, rule.stake, rule.min_age, rule.max_age),
    )
    gate = contracts.deploy(key, artifact(GATE), vault, class_id, keeper, terms).address
    sending.say(f"gate {gate}")
    return gate, make_call(vault, "Vault", "setKeeper", class_id, gate).data


def commit(sending: Sending, gate: str, market: str, inputs: Sequence[int]) -> GateCall:
    """Publish inputs for a market, as the vault's reporter.

    Raises:
        GateRefused, TooFewOwners, TransactionRefused, UnknownAccount, ChainAway: see the classes.
    """
    contracts = Contracts(sending.rpc)
    found = read_gate(Chain(contracts), gate)
    if len(inputs) != found.terms.inputs:
        raise GateRefused(
            f"the gate takes {found.terms.inputs} inputs, and {len(inputs)} are given: commit a "
            "row of its forecaster"
        )
    call = make_call(gate, GATE, "commit", id_text(market), list(inputs))
    return _send(sending, contracts, found.reporter, call, "commit")


def allocate(
    sending: Sending, gate: str, market: str, proof: Proof, assets: int, side: int, price: Decimal
) -> GateCall:
    """Let budget out with a proof, as the keeper's Safe. What the gate would refuse is said first.

    Args:
        assets: base units
        side: 0 YES, 1 NO
        price: the most that will be paid for a token

    Raises:
        GateRefused, TooFewOwners, TransactionRefused, UnknownAccount, ChainAway: see the classes.
    """
    contracts = Contracts(sending.rpc)
    chain = Chain(contracts)
    found = read_gate(chain, gate)
    market = id_text(market)
    _check_proof(found, proof)
    committed, at = chain.ask_one(gate, GATE, "commitmentOf", market)
    if committed == NOTHING:
        raise GateRefused(f"no inputs wait in market {market}: let the vault's reporter commit")
    if committed != inputs_hash(proof.inputs):
        raise GateRefused("other inputs were committed last: prove the committed ones")
    now, terms = chain.now(), found.terms
    if not at + terms.min_age <= now <= at + terms.max_age:
        raise GateRefused(
            f"the inputs count from {at + terms.min_age} to {at + terms.max_age}, and it is {now}: "
            "wait, or commit anew"
        )
    wad = int(price * WAD)
    call = make_call(
        gate, GATE, "allocate", market, assets, side, wad, list(proof.inputs), proof.output,
        proof.proof,
    )  # fmt: skip
    return _send(sending, contracts, found.keeper, call, "allocate")


@dataclass(frozen=True)
class CheckedProof:
    """What a gate's verifier and the model say of a proof.

    Attributes:
        forecast: proven
        recomputed: by the model in floating point; None: no model was named
        set_up_by_a_ceremony: never known from the chain
    """

    gate: str
    verifier: str
    verifier_hash: str
    model_hash: str
    forecast: Decimal
    recomputed: float | None
    block: int


def check_proof(rpc: str, gate: str, proof: Proof, model: bytes | None = None) -> CheckedProof:
    """Check a proof with a gate's own verifier, and its forecast with the model.

    Raises:
        GateRefused: verifier, model or proof are not what they must be.
        ExtraMissing, ChainAway: see the classes.
    """
    contracts = Contracts(rpc)
    found = read_gate(Chain(contracts), gate)
    terms = found.terms
    _check_proof(found, proof)
    code = to_hex(keccak(contracts.code(terms.verifier)))
    if code != terms.verifier_hash:
        raise GateRefused(f"the verifier's code is {code}, not the gate's: it admits nothing now")
    verifier = contracts.at(terms.verifier, VERIFIER_ABI)
    try:
        data = verifier.verifyProof.encode_input(proof.proof, [*proof.inputs, proof.output])
        answer = contracts.call(terms.verifier, data)
    except CallReverted as error:
        raise GateRefused("the verifier refuses the proof: it proves nothing") from error
    if int.from_bytes(answer, "big") != 1 or len(answer) != 32:
        raise GateRefused("the verifier does not say yes: it proves nothing")
    recomputed = None
    if model is not None:
        if to_hex(keccak(model)) != terms.model_hash:
            raise GateRefused("the model is not the gate's: its hash is another")
        from strongroom.proofs.recomputing import recomputed_forecast, too_far

        recomputed = recomputed_forecast(model, proof.inputs, proof.bits)
        if too_far(recomputed, to_number(proof.output, proof.bits)):
            raise GateRefused(
                f"the model gives {recomputed:.6f}, the proof {proof.forecast:.6f}: the circuit is "
                "another model's; let the owner name another gate"
            )
    return CheckedProof(
        found.address, checksum(terms.verifier), code, terms.model_hash, proof.forecast,
        recomputed, found.block,
    )  # fmt: skip


def _check_proof(found: GateState, proof: Proof) -> None:
    terms = found.terms
    if proof.model_hash != terms.model_hash:
        raise GateRefused(
            f"the proof is of model {proof.model_hash}, the gate's is {terms.model_hash}: prove "
            "with the gate's circuit"
        )
    if proof.bits != terms.scale_bits or len(proof.inputs) != terms.inputs:
        raise GateRefused(
            f"the proof has {len(proof.inputs)} inputs at {proof.bits} bits, the gate "
            f"{terms.inputs} at {terms.scale_bits}: prove with the gate's circuit"
        )


def _send(sending: Sending, contracts: Contracts, role: str, call: Call, what: str) -> GateCall:
    """Simulate a call as the account of a role; send it unless it is a dry run."""
    chain = Chain(contracts)
    gas = simulate(contracts, role, [Intended(what, call.to, to_bytes(call.data))])
    made = GateCall(what, role, call.to, call.data, gas)
    sending.say(f"- {what} at {call.to} as {role}: {gas:,} gas")
    if sending.dry_run:
        return made
    keys = sending.keys(contracts)
    if not keys:
        raise BadInput("name who sends it: --account, or --dry-run to see the call")
    code = chain.code_at(role)
    if code != "0x" and not code.startswith(DELEGATES):
        call = by_owners(chain, role, call, keys)
    elif keys[0].address != role:
        raise GateRefused(f"{keys[0].address} is not {role}, whose call it is: name its keystore")
    if not sending.ask("Send it?"):
        raise BadInput("not confirmed: nothing was sent (--yes does not ask)")
    done = contracts.send(keys[0], call.to, to_bytes(call.data), what=what)
    return GateCall(what, role, made.to, made.data, gas, done.transaction_hash, done.block_number)
