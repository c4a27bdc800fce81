"""Deploying a vault step by step, so that a process killed at any point leaves neither an orphan
nor a step done twice.

Each step is one transaction, and its nonce is written down before it is sent: a contract's address
follows from it, and so does, afterwards, the transaction that was mined. What a call does is looked
for on chain before it is sent again.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import rlp  # type: ignore[import-untyped]
from eth_utils.address import to_checksum_address

from strongroom.chain.artifacts import artifact, vault_abi
from strongroom.chain.contracts import Contract, Contracts, Receipt, Sender
from strongroom.chain.failures import ChainAway
from strongroom.chain.ids import keccak
from strongroom.chain.jsonrpc import understood
from strongroom.chain.simulation import Intended
from strongroom.chain.terms import TIMELOCKED
from strongroom.deployment.plan import CONTRACTS, Plan
from strongroom.deployment.record import RecordFile, StepRecord, StepState
from strongroom.settings import ConfigError

PENDING_S = 1.0  # between looks at a transaction that is not mined
LAST = "owner"  # the last step


@dataclass(frozen=True)
class Creation:
    """A contract to create, with its constructor's arguments."""

    contract: str
    arguments: tuple[object, ...] = ()
    as_blueprint: bool = False

    def initcode(self) -> bytes:
        """Return what the transaction carries."""
        code = artifact(self.contract)
        return code.blueprint_initcode if self.as_blueprint else code.initcode(*self.arguments)


@dataclass(frozen=True)
class Step:
    """One transaction: a contract to create, or a call with its way to see whether it is done."""

    name: str
    words: str
    does: Creation | Intended
    is_done: Callable[[], bool] | None = None


class Deployment:
    """Carries a plan out."""

    def __init__(
        self,
        chain: Contracts,
        sender: Sender,
        plan: Plan,
        record: Path,
        written: Callable[[str], None] = lambda what: None,
        say: Callable[[str], None] = lambda words: None,
    ) -> None:
        """Take up what was done before.

        Args:
            written: is called after each write and each transaction
            say: is handed what happens, in words

        Raises:
            ConfigError: the record is of another plan, or of another deployer.
        """
        self._chain, self._sender, self._plan = chain, sender, plan
        self._written, self._say = written, say
        self.file = RecordFile(record, plan, sender.address, chain.chain_id)

    def address(self, step: str) -> str:
        """Return the address of what a step has made."""
        return self.file.known(step).address

    def run(self) -> str:
        """Take all steps that are not done; return the vault's address.

        Raises:
            ConfigError: the deployer's nonce was used by something else meanwhile.
            TransactionRefused, ChainAway: a step would revert, or the node does not answer; run it
                again to go on.
        """
        for step in self._steps():
            if self.file.known(step.name).state is not StepState.DONE:
                self._say(f"{step.name}: {step.words}")
                self._take(step)
        return self.address("vault")

    # the steps

    def _steps(self) -> Iterator[Step]:
        """Return the steps in their order; later ones build on earlier ones' addresses."""
        plan = self._plan
        yield Step(
            "governance", "code of owner and guardian", Creation("VaultGovernance", (plan.asset,))
        )
        yield Step(
            "exits",
            "code of how things end",
            Creation("VaultExits", (plan.asset, self.address("governance"))),
        )
        yield Step(
            "desk",
            "code of keepers and reporter",
            Creation("VaultDesk", (plan.asset, self.address("exits"))),
        )
        yield Step("blueprint", "the vault's code as a blueprint", Creation("Vault", (), True))
        yield Step(
            "factory",
            "makes vaults",
            Creation("VaultFactory", (self.address("blueprint"), self.address("desk"))),
        )
        for number, each in enumerate(plan.classes):
            yield Step(
                f"account {number}",
                f"what accounts of class {number} are cloned from",
                Creation(CONTRACTS[each.account], each.arguments),
            )
        yield Step("vault", "the vault", self._making_the_vault(), self._find_vault)
        yield from self._settings(self._chain.at(self.address("vault"), vault_abi()))

    def _settings(self, vault: Contract) -> Iterator[Step]:
        """Return the steps after the vault is there."""
        plan = self._plan
        for number, each in enumerate(plan.classes):
            terms = each.terms(self.address(f"account {number}")).arguments()
            yield Step(
                f"class {number}",
                f"add class {number}",
                _call(vault, "addClass", terms),
                partial(_has_classes, vault, number + 1),
            )
        delay = plan.vault.timelock_s
        for signature in TIMELOCKED if delay else ():
            name, selector = signature.partition("(")[0], keccak(signature.encode())[:4]
            yield Step(
                f"delay {name}",
                f"{delay} s notice before {name}",
                _call(vault, "increaseDelay", selector, delay),
                partial(_waits, vault, selector, delay),
            )
        owner = plan.vault.owner
        yield Step(
            LAST,
            f"offer ownership to {owner}; it must call acceptOwnership",
            _call(vault, "transferOwnership", owner),
            partial(_is_offered, vault, owner),
        )

    def _making_the_vault(self) -> Intended:
        terms = self._plan.terms(self._sender.address).arguments()
        return _call(self._factory(), "deploy", terms, self._plan.salt)

    def _factory(self) -> Contract:
        return self._chain.at(self.address("factory"), artifact("VaultFactory").abi)

    def _find_vault(self) -> bool:
        """Whether the factory has made the vault; writes its address down."""
        first = self.file.known("factory").block or 0
        for log in self._factory().events("VaultDeployed", first):
            if log.deployer != self._sender.address:
                continue  # anybody may use a factory
            known = self.file.known("vault")
            if not known.address:
                terms = self._plan.terms(self._sender.address).arguments()
                arguments = json.loads(json.dumps([self.address("desk"), terms]))
                found = {"address": log.vault, "contract": "Vault", "arguments": tuple(arguments)}
                self._write("vault", known.model_copy(update=found))
            return True
        return False

    # one step

    def _take(self, step: Step) -> None:
        nonce = self.file.known(step.name).nonce
        if nonce is not None:
            self._wait(nonce)
        receipt = None
        if not self._is_done(step):
            receipt = self._send(step, self._plan_nonce(step))
            self._written(f"{step.name} sent")
            if not self._is_done(step):
                raise ChainAway(
                    f"{step.name} was mined ({receipt.transaction_hash}) and the node does not "
                    "show it yet: run it again to go on"
                )
        self._finish(step, receipt)

    def _is_done(self, step: Step) -> bool:
        if step.is_done is not None:
            return step.is_done()
        known = self.file.known(step.name)
        return known.nonce is not None and bool(self._chain.code(known.address))

    def _plan_nonce(self, step: Step) -> int:
        """Write down the nonce that the step is sent with, and what follows from it."""
        known, nonce = self.file.known(step.name), self._count("latest")
        if known.nonce == nonce:
            return nonce  # it was written and never sent
        if isinstance(step.does, Creation) and known.nonce is not None:
            raise ConfigError(
                f"{step.name} was to be made with nonce {known.nonce}, the deployer is at "
                f"{nonce} and there is no code at {known.address}: look why, then remove the step "
                f"from {self.file.path}"
            )
        planned = StepRecord(state=StepState.SENT, nonce=nonce)
        if isinstance(step.does, Creation):
            planned = StepRecord(
                state=StepState.SENT,
                nonce=nonce,
                contract=step.does.contract,
                arguments=tuple(json.loads(json.dumps(step.does.arguments))),
                address=created_at(self._sender.address, nonce),
            )
        self._write(step.name, planned)
        return nonce

    def _send(self, step: Step, nonce: int) -> Receipt:
        chain, does = self._chain, step.does
        if isinstance(does, Creation):
            return chain.send(self._sender, None, does.initcode(), what=step.name, nonce=nonce)
        return chain.send(self._sender, does.to, does.data, what=step.name, nonce=nonce)

    def _finish(self, step: Step, receipt: Receipt | None) -> None:
        known = self.file.known(step.name)
        if receipt is None and known.nonce is not None:
            receipt = self._mined(known.nonce)
        done = known.model_copy(update={"state": StepState.DONE})
        if receipt is not None:
            place = {"transaction": receipt.transaction_hash, "block": receipt.block_number}
            done = done.model_copy(update={**place, "gas": receipt.gas_used})
        if known.address:
            code_hash = "0x" + keccak(self._chain.code(known.address)).hex()
            done = done.model_copy(update={"code_hash": code_hash})
        self._write(step.name, done)

    def _write(self, step: str, values: StepRecord) -> None:
        self.file.write(step, values)
        self._written(f"{step} {values.state}")

    # the deployer's transactions

    @understood("number of transactions")
    def _count(self, block: str) -> int:
        asked = self._chain.request("eth_getTransactionCount", self._sender.address, block)
        return int(asked, 16)

    def _wait(self, nonce: int) -> None:
        """Wait while a transaction of this nonce is known to the node and not mined."""
        while self._count("latest") <= nonce < self._count("pending"):
            self._say(f"waiting for the transaction with nonce {nonce} to be mined")
            time.sleep(PENDING_S)

    def _mined(self, nonce: int) -> Receipt | None:
        """Return the receipt of the deployer's transaction of this nonce, by halving from the last
        known step on; None where it was sent before the record began."""
        low = max((each.block or 0 for each in self.file.steps.values()), default=0)
        high = self._chain.height()
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._count(hex(middle)) > nonce else (middle + 1, high)
        block = self._chain.request("eth_getBlockByNumber", hex(low), True)
        with understood("block"):
            for each in block["transactions"]:
                sender, used = each["from"].lower(), int(each["nonce"], 16)
                if sender == self._sender.address.lower() and used == nonce:
                    return self._chain.receipt(each["hash"])
        return None


def _has_classes(vault: Contract, count: int) -> bool:
    return int(vault.class_count()) >= count


def _waits(vault: Contract, selector: bytes, delay: int) -> bool:
    return int(vault.delayOf(selector)) >= delay


def _is_offered(vault: Contract, owner: str) -> bool:
    return owner.lower() in (vault.owner().lower(), vault.pending_owner().lower())


def _call(contract: Contract, function: str, *arguments: object) -> Intended:
    data = getattr(contract, function).encode_input(*arguments)
    return Intended(function, contract.address, data)


def created_at(deployer: str, nonce: int) -> str:
    """Return the address of the contract that a deployer's transaction of this nonce makes."""
    packed = rlp.encode([bytes.fromhex(deployer[2:]), nonce])
    return to_checksum_address("0x" + keccak(packed)[12:].hex())
