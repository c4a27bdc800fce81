"""What no recorded case covers of the wallet stand-in: its rules (VENUE a2 to a6), by hand.

Written in the vectors' words. Not decided by VENUE: how long a contents type or its name may be,
and what a session signer may do to a beacon that is not the wallet's.
"""

from pathlib import Path
from typing import Any

import pytest
from strongroom.chain.artifacts import Artifact
from strongroom.chain.ids import keccak, to_bytes
from strongroom.signing.deposit_wallet import (
    WalletBatch,
    WalletCall,
    nested_digest,
    nested_signature,
    personal_digest,
    session_signature,
)
from strongroom.signing.hashing import word
from vyper import compile_code

from tests.conformance.chain import OK
from tests.conformance.deposit_wallet import FUNDS, Played, Stage
from tests.conformance.reading import Vectors
from tests.property.evm import Reverted

RECORDED = Vectors(Path(__file__).parent / "vectors" / "deposit_wallet_matrix.json").found
SESSION = "self.authorizeSessionSigner(ses,now+1000)"
WAITED = ["pause", "wait 3601"]
HANDOVER = "self.transferOwnership(pend,now+1000)"
PAY = "usdc.transfer(thief,1)"
DAY = 86_400


@pytest.fixture(scope="module")
def built() -> Stage:
    return Stage(RECORDED)


@pytest.fixture
def stage(built):
    point = built.evm.snapshot()
    yield built
    built.evm.revert(point)


def batch(*calls: str, form: str = "direct", signer: str = "own", **more: Any) -> dict[str, Any]:
    sig = {"form": form, "signer": signer} | {
        each: more.pop(each) for each in ("mangle", "break", "session") if each in more
    }
    return {"do": "batch", "calls": list(calls or [PAY]), "sig": sig} | more


def ask(form: str, signer: str = "own", caller: str = "anyone", **sig: Any) -> dict[str, Any]:
    return {
        "do": "isValidSignature",
        "caller": caller,
        "sig": {"form": form, "signer": signer} | sig,
    }


def direct(fn: str, *args: Any, caller: str = "own") -> dict[str, Any]:
    return {"do": "direct", "caller": caller, "fn": fn, "args": list(args)}


def factory(fn: str, caller: str = "op", **terms: Any) -> dict[str, Any]:
    return {"do": "factory", "fn": fn, "caller": caller} | terms


def played(stage: Stage, action: dict[str, Any], state: Any = (), wallet: str = "A") -> Played:
    """Bring the wallet into a state; return the case, ready to act."""
    case = {"wallet": wallet, "owner": {"A": "own", "B": "cown"}[wallet], "action": action}
    case |= {"concrete": {"order": ORDER}}
    made = Played(stage, RECORDED, case)
    for step in state:
        assert made.step(step) == OK, step
    return made


ORDER = next(case["concrete"]["order"] for case in RECORDED["cases"] if "order" in case["concrete"])

# rule of VENUE, state, action, outcome: of a refused batch the error of its call behind a slash
CASES = [
    # a2
    ("a2", [], factory("deploy", id=5), OK),
    ("a2", [], factory("setTimelockDelay", "admin", v=7 * DAY), OK),
    ("a2", [], factory("setTimelockDelay", "admin", v=1), OK),
    # a3
    ("a3", [], batch(deadline_offset=0), OK),
    ("a3", [], batch(nonce_offset=1), "InvalidNonce"),
    ("a3", ["pause"], batch(), OK),
    ("a3", [], batch(caller="thief"), "OnlyOperator"),
    ("a3", [], batch("beacon.optOut()"), OK),
    ("a3", [SESSION], batch("beacon.optOut()", form="session_direct", signer="ses"),
     "SessionSignerCannotCallBeacon"),
    ("a3", [SESSION], batch(PAY, "beacon.optIn()", form="session_direct", signer="ses"),
     "SessionSignerCannotCallBeacon"),
    ("a3", [SESSION], batch("usdc.transfer(thief,huge)", "self.pause()",
     form="session_direct", signer="ses"), "BatchCallFailed"),
    ("a3", [SESSION], batch("factory.setTimelockDelay(1)", form="session_direct", signer="ses"),
     "BatchCallFailed/OnlyAdmin"),
    ("a3", [SESSION], batch("usdc.approve(thief,max)", form="session_direct", signer="ses"), OK),
    # a4, batches
    ("a4", [], batch(mangle="v01"), "InvalidSignature"),
    ("a4", [], batch(form="personal_sign"), OK),
    ("a4", [], batch(form="empty"), "InvalidSignature"),
    ("a4", [], batch(form="typed_data_sign_wrong_chain"), "InvalidSignature"),
    ("a4", [HANDOVER], batch(signer="pend"), "InvalidSignature"),
    ("a4", [HANDOVER, "complete"], batch(), "InvalidSignature"),
    ("a4", [], batch(signer="ses"), "InvalidSignature"),
    ("a4", [SESSION], batch(signer="ses"), "InvalidSignature"),
    ("a4", [SESSION], batch(form="session_typed_data_sign", signer="ses"), OK),
    ("a4", [SESSION], batch(form="session_direct", signer="ses", mangle="compact64"), OK),
    ("a4", [SESSION], batch(form="session_direct", signer="ses", **{"break": "truncated"}),
     "InvalidSignature"),
    ("a4", [SESSION], batch(form="session_direct", signer="ses", **{"break": "dirty id"}),
     "InvalidSignature"),
    ("a4", [SESSION, "wait 999"], batch(form="session_direct", signer="ses"), OK),
    ("a4", [SESSION, HANDOVER, "complete"], batch(form="session_direct", signer="ses"), OK),
    ("a4", [SESSION, "pause"], batch(form="session_direct", signer="ses"), OK),
    ("a4", ["self.authorizeSessionSigner(cown,now+1000)"],
     batch(form="session_direct", signer="cown"), OK),
    # a4, orders
    ("a4", [], ask("personal_sign"), "0x1626ba7e"),
    ("a4", [], ask("personal_sign", caller="exchange"), "valid for the exchange"),
    ("a4", [], ask("direct", mangle="compact64"), "0xffffffff"),
    ("a4", [], ask("typed_data_sign", mangle="compact64"), "0x1626ba7e"),
    ("a4", [], ask("empty"), "0xffffffff"),
    ("a4", [], ask("typed_data_sign", "thief"), "0xffffffff"),
    ("a4", [HANDOVER], ask("typed_data_sign", "pend"), "0xffffffff"),
    ("a4", ["pause"], ask("typed_data_sign"), "0x1626ba7e"),
    ("a4", [SESSION], ask("session_personal_sign", "ses"), "0x1626ba7e"),
    ("a4", [SESSION, "wait 1000"], ask("session_typed_data_sign", "ses"), "0xffffffff"),
    ("a4", [SESSION], ask("session_typed_data_sign", "thief", session="ses"), "0xffffffff"),
    ("a4", [SESSION], ask("session_direct", "ses", caller="exchange"), "InvalidSignature"),
    ("a4", [SESSION], ask("session_typed_data_sign", "ses", **{"break": "dirty"}), "0xffffffff"),
    # a5
    ("a5", [], direct("pause"), OK),
    ("a5", ["pause"], direct("pause"), OK),
    ("a5", ["pause", "wait 3600"], direct("unpause"), "TimelockInsufficientDelay"),
    ("a5", WAITED, direct("unpause", caller="thief"), "Unauthorized"),
    ("a5", [*WAITED, "delay=1"], direct("unpause"), OK),
    ("a5", ["delay=1", "pause", "wait 2"], direct("unpause"), OK),
    *(
        ("a5", state, direct(fn, *args, caller=caller), outcome)
        for fn, *args in (
            ("withdrawNative", "thief", 7),
            ("withdrawERC20", "usdc", "thief", 7),
            ("withdrawERC1155", "ctf", "thief", ["yes"], [7]),
            ("revokeAllowance", "usdc", "exchange"),
            ("revokeApprovalForAll", "ctf", "exchange"),
            ("revokeSessionSignerEmergency", "ses"),
            ("optOut",),
            ("optIn",),
        )
        for state, caller, outcome in (
            ([], "own", "NotPaused"),
            ([], "thief", "NotPaused"),
            (["pause", "wait 3600"], "own", "TimelockInsufficientDelay"),
            (["pause", "wait 3600"], "thief", "TimelockInsufficientDelay"),
            (WAITED, "thief", "Unauthorized"),
            (WAITED, "own", OK),
        )
    ),
    *(
        ("a5", [], direct(fn, *args), "OnlySelf")
        for fn, *args in (
            ("authorizeSessionSigner", "ses", 2**40),
            ("revokeSessionSigner", "ses"),
            ("transferOwnership", "pend", 2**40),
            ("cancelOwnershipHandover",),
        )
    ),
    ("a5", [], batch("self.authorizeSessionSigner(ses,now+1)"), OK),
    ("a5", [], batch("self.cancelOwnershipHandover()"), "BatchCallFailed/NoPendingOwner"),
    # a6
    ("a6", [], batch("self.transferOwnership(0,now+1000)"), "BatchCallFailed/InvalidOwner"),
    ("a6", [], batch("self.transferOwnership(pend,now-1)"), "BatchCallFailed/Expired"),
    ("a6", [], batch("self.transferOwnership(pend,now)"), OK),
    ("a6", [HANDOVER, "wait 1001"], {"do": "complete", "signer": "pend"}, "Expired"),
    ("a6", [], {"do": "complete", "signer": "pend"}, "NoPendingOwner"),
    ("a6", [HANDOVER, "complete"], {"do": "complete", "signer": "pend"}, "NoPendingOwner"),
    ("a6", [HANDOVER], {"do": "complete", "signer": "own"}, "InvalidSignature"),
    ("a6", ["self.transferOwnership(pcon,now+1000)"], {"do": "complete", "signer": "pcon"}, OK),
    ("a6", [HANDOVER, HANDOVER], {"do": "complete", "signer": "pend", "nonce": 2}, OK),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "state", "action", "outcome"), CASES)
def test_the_wallet_does_what_venue_says(stage, rule, state, action, outcome):
    made = played(stage, action, state)
    got = made.act()
    if "/" in outcome:
        got += f"/{made.place()[2]}"
    assert (made.returned or got) == outcome, rule


def test_a2_an_id_has_one_wallet(stage):
    assert played(stage, factory("deploy", id=5)).act() == OK
    assert played(stage, factory("deploy", id=5)).act() == "DeploymentFailed"


def test_a2_the_beacon_takes_only_a_wallets_code(stage):
    other = stage.evm.address("other")
    stage.evm.set_code(other, bytes.fromhex("5f5f5260205ff3"))  # answers zeros
    upgrade = lambda: stage.beacon.upgradeTo(other, sender=stage.at["owner"])  # noqa: E731
    assert stage.chain.outcome(upgrade) == "InvalidWalletInterfaceId"


def sent(stage: Stage, *calls: WalletCall) -> list[Any]:
    """Carry a batch of the owner in; return the events' emitters, names and arguments."""
    wallet = stage.wallets["A"]
    made = WalletBatch(wallet.address, wallet.nonce(), stage.evm.time, calls)
    signature = stage.signatures.sign("own", made.digest(stage.chain_id))
    stage.factory.proxy([made.argument()], [signature], sender=stage.at["op"])
    return stage.chain.events()


def test_a3_a_call_carries_value_of_the_wallets_own(stage):
    evm, to, wallet = stage.evm, stage.evm.address("payee"), stage.wallets["A"]
    before = evm.balance(wallet.address)
    executed, done = sent(stage, WalletCall(to, 7, b"\1\2"))
    assert (executed.name, executed.args) == ("Execution", (to, 7, "0x0102", "0x"))
    assert (done.name, done.args) == ("BatchExecuted", (0,))
    assert (evm.balance(to), evm.balance(wallet.address)) == (7, before - 7)
    too_much = WalletCall(to, before, b"")
    with pytest.raises(Reverted, match="BatchCallFailed"):
        sent(stage, too_much)


def test_a5_what_the_owner_takes_arrives_and_what_he_revokes_is_gone(stage):
    evm, at, wallet = stage.evm, stage.at, stage.wallets["A"]
    granted = ["usdc.approve(exchange,max)", "ctf.setApprovalForAll(exchange,true)", SESSION]
    state = [*granted, *WAITED]

    def done(fn: str, *args: Any) -> list[Any]:
        assert played(stage, direct(fn, *args)).act() == OK
        return stage.chain.events(of=[wallet])

    for step in state:
        assert played(stage, {}).step(step) == OK
    thief = evm.balance(at["thief"])
    (event,) = done("withdrawNative", "thief", 7)
    assert (event.name, event.args[1]) == ("NativeWithdrawal", 7)
    assert evm.balance(at["thief"]) == thief + 7
    done("withdrawERC20", "usdc", "thief", 8)
    assert stage.usdc.balanceOf(at["thief"]) == 8
    done("withdrawERC1155", "ctf", "thief", ["yes"], [9])
    token = at["yes of A"]
    held = [stage.ctf.balanceOf(each, token) for each in (at["thief"], wallet.address)]
    assert held == [9, FUNDS - 9]
    assert stage.usdc.allowance(wallet.address, at["exchange"]) == 2**256 - 1
    done("revokeAllowance", "usdc", "exchange")
    assert stage.usdc.allowance(wallet.address, at["exchange"]) == 0
    assert stage.ctf.isApprovedForAll(wallet.address, at["exchange"])
    done("revokeApprovalForAll", "ctf", "exchange")
    assert not stage.ctf.isApprovedForAll(wallet.address, at["exchange"])
    assert wallet.sessionSignerAuthorizedUntil(at["ses"]) == evm.time + 1000 - 3601
    done("revokeSessionSignerEmergency", "ses")
    assert wallet.sessionSignerAuthorizedUntil(at["ses"]) == 0


def test_a2_a_wallet_that_opted_out_keeps_its_code_until_it_opts_in(stage):
    wallet, beacon = stage.wallets["A"], stage.beacon
    for step in WAITED:
        played(stage, {}).step(step)
    old = stage.implementation.address
    assert played(stage, direct("optOut")).act() == OK
    played(stage, {}).step("upgrade")
    assert beacon.pinnedImplementation(wallet.address).lower() == old.lower()
    assert beacon.defaultImplementation().lower() != old.lower()
    assert played(stage, direct("optIn")).act() == OK
    assert int(beacon.pinnedImplementation(wallet.address), 16) == 0


def test_a6_each_offer_counts(stage):
    wallet = stage.wallets["A"]
    for number in (1, 2, 3):
        played(stage, {}).step(HANDOVER)
        assert wallet.pendingOwnerNonce() == number
    played(stage, {}).step("self.cancelOwnershipHandover()")
    assert wallet.pendingOwnerNonce() == 3
    assert wallet.pendingOwnerDeadline() == 0


def answer(stage: Stage, digest: bytes, signature: bytes) -> str:
    said = stage.wallets["A"].isValidSignature(digest, signature, gas_price=1)
    return "0x" + said.hex()


def nested(stage: Stage, type_: bytes) -> tuple[bytes, bytes]:
    """Return a digest of some contract's struct, and the owner's nested signature of it."""
    domain, contents = b"\1" * 32, b"\2" * 32
    digest = nested_digest(stage.wallets["A"].address, stage.chain_id, domain, contents, type_)
    signature = stage.signatures.sign("own", digest)
    return domain + contents, nested_signature(signature, domain, contents, type_)


@pytest.mark.parametrize(
    ("type_", "said"),
    [
        (b"Order(uint256 a)", "0x1626ba7e"),
        (b"_Order(uint256 a)", "0x1626ba7e"),
        (b"order(uint256 a)", "0xffffffff"),  # a lower-case letter first
        (b"(uint256 a)", "0xffffffff"),  # no name
        (b"Or,der(uint256 a)", "0xffffffff"),
        (b"Or der(uint256 a)", "0xffffffff"),
        (b"Or)der(uint256 a)", "0xffffffff"),
        (b"Or\0der(uint256 a)", "0xffffffff"),
    ],
)
def test_a4_a_contents_name_is_as_erc7739_has_it(stage, type_, said):
    hashed, signature = nested(stage, type_)
    assert answer(stage, keccak(b"\x19\x01" + hashed), signature) == said


def test_a4_an_envelope_is_as_long_as_its_signature(stage):
    played(stage, {}).step(SESSION)
    wallet, digest = stage.wallets["A"], b"\3" * 32
    signed = stage.signatures.sign("ses", personal_digest(wallet.address, stage.chain_id, digest))
    good = session_signature(stage.at["ses"], signed)
    assert answer(stage, digest, good) == "0x1626ba7e"
    for wrong in (
        good[:-32] + bytes(32) + good[-32:],  # a word more before the magic
        good[:-64] + good[-32:],  # a word less
        good[:64] + word(128) + good[96:],
        b"\1" + good[1:],  # upper bytes of the key's id
        bytes(32) + good[32:],  # nobody's id
        good[:96] + word(66) + good[128:],
    ):
        assert answer(stage, digest, wrong) == "0xffffffff"


def test_a4_a_wallet_never_asks_itself(stage):
    """As a session signer it would say yes to what its owner signed twice over."""
    assert played(stage, {}).step("self.authorizeSessionSigner(self,now+1000)") == OK
    wallet, digest = stage.wallets["A"].address, b"\3" * 32
    once = personal_digest(wallet, stage.chain_id, digest)
    by_owner = stage.signatures.sign("own", personal_digest(wallet, stage.chain_id, once))
    assert answer(stage, once, by_owner) == "0x1626ba7e"
    assert answer(stage, digest, session_signature(wallet, by_owner)) == "0xffffffff"


ANSWERS = """
ANSWER: immutable(Bytes[96])

@deploy
def __init__(answer: Bytes[96]):
    ANSWER = answer

@external
@view
@raw_return
def isValidSignature(hash: bytes32, signature: Bytes[4096]) -> Bytes[96]:
    return ANSWER
"""
MAGIC = bytes.fromhex("1626ba7e")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (MAGIC + bytes(28), "0x1626ba7e"),
        (MAGIC, "0xffffffff"),
        (MAGIC + bytes(27), "0xffffffff"),
        (MAGIC + bytes(60), "0xffffffff"),
        (MAGIC + bytes(27) + b"\1", "0xffffffff"),
        (bytes(28) + MAGIC, "0xffffffff"),
        (b"", "0xffffffff"),
    ],
)
def test_a4_a_contract_answers_exactly_32_bytes(stage, given, said):
    compiled = compile_code(ANSWERS, output_formats=["abi", "bytecode"])
    code = Artifact("Answers", compiled["abi"], to_bytes(compiled["bytecode"]))
    signer = stage.chain.deploy(code, given)
    stage.at["ses"], old = signer.address, stage.at["ses"]
    try:
        assert played(stage, {}).step(SESSION) == OK
    finally:
        stage.at["ses"] = old
    assert answer(stage, b"\3" * 32, session_signature(signer.address, b"any")) == said
