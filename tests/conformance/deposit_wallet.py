"""Plays deposit_wallet_matrix.json: the deposit wallet, its factory and beacon (VENUE a1 to a6).

Each case is signed twice: for the recorded addresses, where the bytes must be the recorded ones,
and for our own wallet, which must do what the real one did.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from eth_account import Account
from eth_utils import to_checksum_address
from strongroom.chain.artifacts import TOKENS, Artifact, gnosis
from strongroom.chain.ids import keccak, to_bytes
from strongroom.signing.deposit_wallet import (
    BATCH_TYPE,
    SECP256K1,
    SESSION_MAGIC,
    WalletBatch,
    WalletCall,
    handover_digest,
    nested_digest,
    nested_signature,
    personal_digest,
    session_signature,
    wallet_domain,
)
from strongroom.signing.hashing import ORDER_TYPE, address_word, exchange_domain, word
from vyper import compile_code

from tests.conformance.chain import OK, Chain, refusal
from tests.conformance.reading import Json
from tests.conformance.report import Case, Found, Player
from tests.property.evm import Contract, Reverted

GWEI = 10**9
HUGE = 10**20
FUNDS = 1_000_000_000  # of collateral and of YES in each wallet, base units
HALF_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
PROBE = bytes.fromhex("7739" * 16)
CONTRACTS = ("cown", "pcon")  # signers that are contracts; the key `ck` is theirs

# signs what is 0x07 and then 65 bytes of its key
OWNER = """
KEY: immutable(address)

@deploy
def __init__(key: address):
    KEY = key

@external
@view
def isValidSignature(hash: bytes32, signature: Bytes[4096]) -> bytes4:
    if len(signature) == 66 and slice(signature, 0, 1) == b"\\x07":
        r: uint256 = extract32(signature, 1, output_type=uint256)
        s: uint256 = extract32(signature, 33, output_type=uint256)
        v: uint256 = convert(slice(signature, 65, 1), uint256)
        if ecrecover(hash, v, r, s) == KEY:
            return 0x1626ba7e
    return 0xffffffff

@external
def run(target: address, data: Bytes[4096]):
    raw_call(target, data)

@external
def onERC1155Received(a: address, b: address, c: uint256, d: uint256, e: Bytes[32]) -> bytes4:
    return 0xf23a6e61
"""


@cache
def _owner() -> Artifact:
    compiled = compile_code(OWNER, output_formats=["abi", "bytecode"])
    return Artifact("Owner", compiled["abi"], to_bytes(compiled["bytecode"]))


class Signatures:
    """Makes the forms of signatures that the vectors name, with the keys that they give."""

    def __init__(
        self, keys: Mapping[str, str], addresses: Mapping[str, str], chain_id: int
    ) -> None:
        self._keys, self._addresses, self._chain_id = keys, addresses, chain_id

    def make(
        self,
        sig: Mapping[str, Any],
        wallet: str,
        digest: bytes,
        domain: bytes,
        contents: bytes,
        type_: bytes,
    ) -> bytes:
        """Return a signature of `digest`, the hash of `contents` in `domain`.

        Raises:
            ValueError: a form that this player does not know.
        """
        form = sig["form"].removeprefix("session_")
        signed, nested = digest, form.startswith("typed_data_sign")
        if form == "personal_sign":
            signed = personal_digest(wallet, self._chain_id, digest)
        elif nested:
            of = "0x" + "11" * 20 if form.endswith("wrong_wallet") else wallet
            chain = 1 if form.endswith("wrong_chain") else self._chain_id
            signed = nested_digest(of, chain, domain, contents, type_)
        elif form == "empty":
            return b""
        elif form != "direct":
            raise ValueError(f"unknown form of signature {form}")
        inner = _mangled(self.sign(sig["signer"], signed), sig.get("mangle"))
        if nested and not form.endswith("no_trailer"):
            inner = nested_signature(inner, domain, contents, type_)
            if form.endswith("bad_length"):
                inner = inner[:-2] + (len(type_) + 1).to_bytes(2, "big")
        if form != sig["form"]:
            key = self._addresses[sig.get("session", sig["signer"])]
            inner = _broken(session_signature(key, inner), sig)
        return inner

    def sign(self, signer: str, digest: bytes) -> bytes:
        """Return 65 bytes of a key's, or what makes a contract say yes."""
        key = self._keys["ck" if signer in CONTRACTS else signer]
        signature = bytes(Account.unsafe_sign_hash(digest, key).signature)
        return b"\7" + signature if signer in CONTRACTS else signature


def _mangled(signature: bytes, how: str | None) -> bytes:
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64:65]
    if how == "highs":
        return r + word(HALF_N - s) + bytes([55 - v[0]])
    if how == "compact64":
        return r + word(s | (v[0] - 27) << 255)
    if how == "v01":
        return signature[:64] + bytes([v[0] - 27])
    if how == "long66":
        return signature + b"\0"
    if how:
        raise ValueError(f"unknown change of a signature {how}")
    return signature


def _broken(envelope: bytes, sig: Mapping[str, Any]) -> bytes:
    kind, how = sig.get("kind", SECP256K1), sig.get("break")
    envelope = envelope[:32] + word(kind) + envelope[64:]
    if how == "offset":
        return envelope[:64] + word(128) + envelope[96:]
    if how == "no_magic":
        return envelope[:-32]
    if how == "truncated":
        return envelope[:-64] + SESSION_MAGIC
    if how and how.startswith("dirty"):
        return b"\1" + envelope[1:]
    if how:
        raise ValueError(f"unknown damage of an envelope {how}")
    return envelope


class Stage:
    """The file's wallets, each of an EOA or a contract, with what they may need."""

    def __init__(self, recorded: Json) -> None:
        self.chain_id = recorded["chainId"]
        self.chain = Chain(_start(recorded), self.chain_id)
        evm = self.evm = self.chain.evm
        self.at = dict(recorded["addresses"])  # name -> address
        deploy = self.chain.deploy
        for name in CONTRACTS:
            self.at[name] = deploy(_owner(), self.at["ck"], name=name).address
        for name in ("owner", "admin"):
            self.at[name] = evm.address(name)
        self.signatures = Signatures(recorded["keys"], self.at, self.chain_id)
        self.implementation = deploy("DepositWallet")
        self.beacon = deploy("DepositWalletBeacon", self.at["owner"], self.implementation.address)
        delay = recorded["timelockDelay"]
        self.factory = deploy("DepositWalletFactory", self.at["owner"], self.beacon.address, delay)
        self.factory.addAdmin(self.at["admin"], sender=self.at["owner"])
        self.factory.addOperator(self.at["op"], sender=self.at["owner"])
        self.usdc = deploy("UsdcE")
        self.minter = evm.deployer
        self.ctf = deploy(gnosis(TOKENS, "ConditionalTokens"))
        tokens = (self.ctf.address, self.usdc.address, self.usdc.address)
        self.exchange = self.chain.exchange(*tokens, evm.nobody)
        owners = {case["wallet"]: case["owner"] for case in recorded["cases"]}
        self.wallets = {name: self._wallet(name, owner) for name, owner in owners.items()}
        self.at |= {
            "usdc": self.usdc.address,
            "ctf": self.ctf.address,
            "exchange": self.exchange.address,
            "norec": self.beacon.address,
            "0": "0x" + "00" * 20,
        }
        for name in ("own", "thief", "op"):
            evm.set_balance(self.at[name], 10**18)
        evm.set_balance(evm.nobody, 10**18)

    def _wallet(self, name: str, owner: str) -> Contract:
        id_ = address_word(self.at[owner])
        self.factory.deploy([self.at[owner]], [id_], sender=self.at["op"])
        address = self.factory.predictWalletAddress(id_)
        wallet = self.chain.at(address, "DepositWallet")
        maker, question = self.evm.address("maker"), keccak(name.encode())
        self.ctf.prepareCondition(maker, question, 2, sender=maker)
        condition = self.ctf.getConditionId(maker, question, 2)
        self.usdc.mint(maker, 2 * FUNDS, sender=self.minter)
        self.usdc.approve(self.ctf.address, FUNDS, sender=maker)
        self.usdc.transfer(address, FUNDS, sender=maker)
        half = (self.usdc.address, bytes(32), condition, [1, 2])
        self.ctf.splitPosition(*half, FUNDS, sender=maker)
        token = self.ctf.getPositionId(
            self.usdc.address, self.ctf.getCollectionId(bytes(32), condition, 1)
        )
        self.at[f"yes of {name}"] = token
        self.ctf.safeTransferFrom(maker, address, token, FUNDS, b"", sender=maker)
        self.evm.set_balance(address, 10**18)
        return wallet


def _start(recorded: Json) -> int:
    """Return the time before the first case's state."""
    first = recorded["cases"][0]
    waits = [int(step[5:]) for step in first["state"] if step.startswith("wait ")]
    return int(first["now"]) - sum(waits)


class Played:
    """One case on the stage, which is as it was at the start."""

    def __init__(self, stage: Stage, recorded: Json, case: Json) -> None:
        self.stage, self.recorded, self.case = stage, recorded, case
        self.wallet = stage.wallets[case["wallet"]]
        self.owner = case["owner"]
        self.returned: str | None = None  # by isValidSignature
        self._failed = b""  # what a call of a batch failed with

    def play(self) -> Found:
        """Play it; yield what was recorded and what came."""
        case, evm = self.case, self.stage.evm
        for step in case["state"]:
            yield f"state {step}", OK, self.step(step)
        yield "now", case.get("now", evm.time), evm.time
        start = len(evm.transactions)
        outcome = self.act()
        logs = [log for _, logs in evm.transactions[start:] for log in logs]
        events = [each.name for each in self.stage.chain.events(logs)]
        yield "outcome", OK if case["ok"] else case["error"], outcome
        if "inner" in case:
            yield "inner", self._recorded_place(case["inner"]), self.place()
        yield "returns", case.get("returns"), self.returned
        yield "events", case.get("events", []), events
        if "after" in case:
            wanted = {
                key: self._ours(value) if key in ("owner", "pendingOwner") else value
                for key, value in case["after"].items()
            }
            yield "after", wanted, {key: self._state()[key] for key in wanted}
        yield from self._of_recorded_bytes()

    # state

    def step(self, step: str) -> str:
        """Do what a state says; return "ok" or the error."""
        evm, wallet = self.stage.evm, self.wallet
        if step.startswith("wait "):
            evm.wait(int(step[5:]))
            return OK
        if step.startswith("delay="):
            return self._outcome(self.stage.factory, "admin", "setTimelockDelay", int(step[6:]))
        if step in ("pause", "unpause"):
            return self._outcome(wallet, self.owner, step)
        if step == "upgrade":
            other = self.stage.chain.deploy("DepositWallet")
            return self._outcome(self.stage.beacon, "owner", "upgradeTo", other.address)
        if step == "complete":
            pending = self.wallet.pendingOwner().lower()
            by_contract = pending == self.stage.at["pcon"].lower()
            return self._complete("pcon" if by_contract else "pend", None)
        return self._batch([step], {"form": "direct", "signer": self.owner}, "op")

    def _state(self) -> dict[str, object]:
        wallet, paused = self.wallet, self.wallet.paused()
        return {
            "nonce": wallet.nonce(),
            "owner": wallet.owner().lower(),
            "pendingOwner": wallet.pendingOwner().lower(),
            "paused_for": self.stage.evm.time - paused if paused else None,
            "ses_until": wallet.sessionSignerAuthorizedUntil(self.stage.at["ses"]),
        }

    # actions

    def act(self) -> str:
        """Do what the case is about; return "ok" or the error."""
        action = self.case["action"]
        do = action["do"]
        if do == "batch":
            offsets = action.get("nonce_offset", 0), action.get("deadline_offset", 1000)
            return self._batch(action["calls"], action["sig"], action.get("caller", "op"), *offsets)
        if do == "complete":
            return self._complete(action["signer"], action.get("nonce"))
        if do == "direct":
            return self._direct(action)
        if do == "factory":
            return self._factory(action)
        if do == "isValidSignature":
            return self._ask(action)
        raise ValueError(f"unknown action {do}")

    def _batch(
        self,
        calls: list[str],
        sig: Mapping[str, Any],
        caller: str,
        nonce_offset: int = 0,
        deadline_offset: int = 1000,
    ) -> str:
        deadline = self.stage.evm.time + deadline_offset
        batch = WalletBatch(
            self.wallet.address,
            self.wallet.nonce() + nonce_offset,
            deadline,
            [self._call(each) for each in calls],
        )
        signature = self._signature(sig, batch)
        sent = ([batch.argument()], [signature])
        return self._outcome(self.stage.factory, caller, "proxy", *sent)

    def _signature(self, sig: Mapping[str, Any], batch: WalletBatch) -> bytes:
        return self.stage.signatures.make(
            sig,
            batch.wallet,
            batch.digest(self.stage.chain_id),
            wallet_domain(batch.wallet, self.stage.chain_id),
            batch.struct_hash(),
            BATCH_TYPE,
        )

    def _call(self, text: str) -> WalletCall:
        found = re.fullmatch(r"(\w+)\.(\w+)\((.*)\)", text)
        if not found:
            raise ValueError(f"unknown call {text}")
        target, name, arguments = found.groups()
        stage = self.stage
        contracts = {"self": self.wallet, "usdc": stage.usdc, "ctf": stage.ctf}
        contracts |= {"beacon": stage.beacon, "factory": stage.factory}
        contract = contracts[target]
        values = [self._value(each) for each in arguments.split(",") if each]
        return WalletCall(contract.address, 0, contract.data(name, *values))

    def _value(self, text: Any) -> Any:
        if isinstance(text, list):
            return [self._value(each) for each in text]
        if not isinstance(text, str):
            return text
        if text.startswith("now"):
            return self.stage.evm.time + int(text[3:] or 0)
        words = {"huge": HUGE, "max": 2**256 - 1, "true": True, "false": False}
        if text in words:
            return words[text]
        if text == "self":
            return self.wallet.address
        if text == "owner":  # in a call: the wallet's
            return self.wallet.owner()
        if text == "yes":
            return self.stage.at[f"yes of {self.case['wallet']}"]
        if text in self.stage.at:
            return self.stage.at[text]
        return int(text)

    def _complete(self, signer: str, nonce: int | None) -> str:
        wallet = self.wallet
        pending = wallet.pendingOwner()
        if int(pending, 16) == 0:
            pending = self.stage.at["pend"]
        nonce = wallet.pendingOwnerNonce() if nonce is None else nonce
        digest = handover_digest(wallet.address, self.stage.chain_id, pending, nonce)
        signature = self.stage.signatures.sign(signer, digest)
        return self._outcome(wallet, "thief", "completeOwnershipHandover", signature)

    def _direct(self, action: Mapping[str, Any]) -> str:
        arguments = [self._value(each) for each in action["args"]]
        if action["fn"] == "execute":
            arguments = [(self.wallet.address, 0, 0, []), b""]
        return self._outcome(self.wallet, action["caller"], action["fn"], *arguments)

    def _factory(self, action: Mapping[str, Any]) -> str:
        stage, fn, caller = self.stage, action["fn"], action["caller"]
        if fn == "deploy":
            owners = [stage.at["own"]] * action.get("n", 1)
            return self._outcome(stage.factory, caller, "deploy", owners, [word(action["id"])])
        if fn == "deploy_zero_owner":
            owners = [stage.at["0"]]
            return self._outcome(stage.factory, caller, "deploy", owners, [word(99)])
        if fn == "setTimelockDelay":
            return self._outcome(stage.factory, caller, fn, action["v"])
        if fn == "upgradeTo":
            new = stage.chain.deploy("DepositWallet").address
            return self._outcome(stage.beacon, caller, fn, new)
        if fn == "upgradeTo_eoa":
            return self._outcome(stage.beacon, caller, "upgradeTo", stage.at["thief"])
        if fn == "initialize_again":
            return self._outcome(self.wallet, caller, "initialize", stage.at["thief"])
        raise ValueError(f"unknown call of the factory {fn}")

    def _ask(self, action: Mapping[str, Any]) -> str:
        stage, wallet = self.stage, self.wallet
        order = self._order(wallet.address)
        digest = stage.exchange.hashOrder((*order, b""))
        domain = exchange_domain(stage.exchange.address, "2", stage.chain_id)
        contents = _contents(order)
        signed = (wallet.address, digest, domain, contents, ORDER_TYPE)
        signature = stage.signatures.make(action["sig"], *signed)
        if action.get("probe"):
            digest, signature = PROBE, b""
        if action["caller"] == "exchange":
            return self._ask_exchange(order, signature)
        price = action.get("gasprice", GWEI)
        try:
            answer = wallet.isValidSignature(digest, signature, gas_price=price)
        except Reverted as reverted:
            return refusal(reverted)
        self.returned = "0x" + answer.hex()
        return OK

    def _ask_exchange(self, order: tuple[Any, ...], signature: bytes) -> str:
        exchange = self.stage.exchange
        try:
            exchange.validateOrder((*order, signature), gas_price=GWEI)
        except Reverted as reverted:
            return refusal(reverted)
        self.returned = "valid for the exchange"
        return OK

    def _order(self, wallet: str) -> tuple[Any, ...]:
        salt, _, _, token, *rest, metadata, builder = self.case["concrete"]["order"]
        words = (to_bytes(metadata), to_bytes(builder))
        return (salt, wallet, wallet, int(token), *map(int, rest), *words)

    def _outcome(self, contract: Contract, caller: str, fn: str, *arguments: Any) -> str:
        evm, sender = self.stage.evm, self.stage.at[caller]
        to, data = contract.address, contract.data(fn, *arguments)
        if caller in CONTRACTS:  # its own words of failure are none
            owner = evm.at(sender, _owner().abi)
            to, data, sender = sender, owner.data("run", to, data), evm.nobody
        evm.set_balance(sender, 10**18)
        try:
            evm.call(sender, to, data, gas_price=GWEI)
        except Reverted as reverted:
            name = refusal(reverted)
            self._failed = reverted.data if name == "BatchCallFailed" else b""
            return name
        return OK

    # recorded and ours

    def _ours(self, address: str) -> str:
        """Return our address of whom the recording has at `address`."""
        for name, recorded in self.recorded["addresses"].items():
            if recorded.lower() == address.lower():
                return str(self.stage.at[name]).lower()
        return address.lower()

    def place(self) -> tuple[int, str, str]:
        """Return which call of the batch failed: its number, its target, its error."""
        data = self._failed
        index = int.from_bytes(data[4:36], "big")
        size = int.from_bytes(data[100:132], "big")
        error = refusal(Reverted("", data[132 : 132 + size]))
        target = to_checksum_address(data[48:68])
        return index, target.lower(), error

    def _recorded_place(self, inner: Mapping[str, Any]) -> tuple[int, str, str]:
        target, error = inner["target"].lower(), inner["error"]
        recorded = {
            self.recorded["usdc"].lower(): self.stage.usdc.address,
            self.recorded["ctf"].lower(): self.stage.ctf.address,
        } | {
            self.recorded["wallets"][name].lower(): wallet.address
            for name, wallet in self.stage.wallets.items()
        }
        if error == "erc20: transfer amount exceeds balance":  # the recorded token's own words
            error = self._words_of_our_token()
        return inner["index"], recorded[target].lower(), error

    def _words_of_our_token(self) -> str:
        evm, usdc = self.stage.evm, self.stage.usdc
        data = usdc.data("transfer", self.stage.at["thief"], HUGE)
        try:
            evm.call(self.stage.at["thief"], usdc.address, data)
        except Reverted as reverted:
            return refusal(reverted)
        raise AssertionError("the wallet has too much")

    def _of_recorded_bytes(self) -> Found:
        """Sign for the recorded addresses: the bytes must be the recorded ones."""
        concrete, sig = self.case.get("concrete"), self.case["action"].get("sig")
        if not concrete or not sig:
            return
        wallet, chain_id = self.recorded["wallets"][self.case["wallet"]], self.stage.chain_id
        if "calls" in concrete:
            calls = [
                WalletCall(each["target"], int(each["value"]), to_bytes(each["data"]))
                for each in concrete["calls"]
            ]
            batch = WalletBatch(wallet, concrete["nonce"], concrete["deadline"], calls)
            digest, contents, type_ = batch.digest(chain_id), batch.struct_hash(), BATCH_TYPE
            domain = wallet_domain(wallet, chain_id)
            yield "struct", concrete["struct"], "0x" + contents.hex()
            yield "digest", concrete["digest"], "0x" + digest.hex()
        else:
            domain = exchange_domain(self.recorded["exchange"], "2", chain_id)
            contents, type_ = _contents(self._order(wallet)), ORDER_TYPE
            digest = keccak(b"\x19\x01" + domain + contents)
            yield "app_domain", concrete["app_domain"], "0x" + domain.hex()
            yield "contents_hash", concrete["contents_hash"], "0x" + contents.hex()
            yield "order_hash", concrete["order_hash"], "0x" + digest.hex()
        if "wrong_wallet" not in sig["form"]:  # the file does not say which one
            signed = Signatures(self.recorded["keys"], self.recorded["addresses"], chain_id).make(
                sig, wallet, digest, domain, contents, type_
            )
            yield "signature", concrete["signature"], "0x" + signed.hex()


def _contents(order: tuple[Any, ...]) -> bytes:
    words = [
        bytes(12) + to_bytes(each)
        if isinstance(each, str)
        else each
        if isinstance(each, bytes)
        else word(each)
        for each in order
    ]
    return keccak(keccak(ORDER_TYPE) + b"".join(words))


def _cases(recorded: Json) -> Iterator[Case]:
    """Each case from the same start."""
    stage = Stage(recorded)
    point = stage.evm.snapshot()
    for case in recorded["cases"]:
        stage.evm.revert(point)
        name = f"{case['id']} ({case['group']})"
        yield name, Played(stage, recorded, case).play


GIVEN = ("factory", "beacon", "exchange", "usdc", "ctf", "yes", "wallets")
PLAYER = Player(_cases, GIVEN)
