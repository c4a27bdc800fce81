"""What named auditors have said of an agent, and how much of it a reader has checked.

Only auditors that the reader names count. The key is the vault with the hash of its code, not the
agent's id: an id can be left behind with its record, so its age is told, and other ids that the
same auditors rate for the same vault. What is revoked is shown; what is unanswered is unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from strongroom.addresses import typed_address
from strongroom.chain.calls import DecodedLog
from strongroom.chain.ids import Json, JsonObject, keccak, to_hex
from strongroom.chain.places import DocumentPlace
from strongroom.errors import BadInput
from strongroom.identity.answer import AuditFile, CannotSay, judged, read_verdict
from strongroom.identity.documents import look_up
from strongroom.identity.record import LOSSES, PricePoint, measures, read_prices
from strongroom.identity.registries import Registries
from strongroom.identity.request import (
    StoredEntry,
    ValidationPayload,
    entry_faults,
    read_payload,
)

SCHEMA = "strongroom-identity-score/1"
NOT_RERUN, SAME, OTHER = "not re-run", "re-run: the same", "re-run: differs"
UNANSWERED = "unanswered: unknown"
MOST_URI = 200  # characters of it that are shown
FIRST_SHAPE = "first shape: not read"
FITS = "fits"
REVOKED = "revoked: does not count"
OTHER_CODE = "names a vault whose code has another hash"
CANNOT_KNOW = (
    "whether an auditor's key and the agent's are of one person: the registry stops the owner and "
    "its operators only, a second key passes",
    "whether the agent has other ids that these auditors never rated",
)


@dataclass(frozen=True)
class ScoredResponse:
    """What somebody who counts has appended to a number.

    Attributes:
        who: the agent's own people, or a named auditor
        file: whether it was found by its hash
    """

    responder: str
    who: str
    block: int
    uri: str
    digest: str
    file: str


@dataclass(frozen=True)
class ScoredNumber:
    """One number of a named auditor.

    Attributes:
        value: times 10**decimals
        file: whether the file behind it was found and says the same
        code_hash: of the vault, as the file has it
        checked: whether the reader's own audit gives the same; a revoked number does not count
        responses: of the agent's own people and of the named auditors, oldest first
        others_responses: of anybody else, and those that no log tells of
    """

    client: str
    index: int
    tag1: str
    tag2: str
    value: int
    decimals: int
    revoked: bool
    block: int
    file: str
    vault: str = ""
    code_hash: str = ""
    to_block: int = 0
    checked: str = NOT_RERUN
    responses: tuple[ScoredResponse, ...] = ()
    others_responses: int = 0


@dataclass(frozen=True)
class ScoredAnswer:
    """One request to a named auditor.

    Attributes:
        state: the last answer, 0 to 100, as text, or that there is none
        answers: how many there were; the last one counts
        file: whether request and answer were found and fit
    """

    request: str
    validator: str
    state: str
    tag: str
    answers: int
    file: str
    vault: str = ""
    to_block: int = 0
    checked: str = NOT_RERUN


@dataclass(frozen=True)
class AgentScore:
    """What a reader knows of an agent.

    Attributes:
        age: seconds since it was registered; None: its event is not among the blocks asked for
        codes: vault -> keccak of its code now, of what counts
        ignored: numbers and requests of others than the named auditors
        other_ids: of the same vaults, in the same auditors' numbers
    """

    agent: int
    registry: str
    owner: str
    wallet: str
    age: int | None
    numbers: tuple[ScoredNumber, ...]
    answers: tuple[ScoredAnswer, ...]
    codes: Mapping[str, str]
    ignored: int
    other_ids: tuple[int, ...]
    cannot_know: tuple[str, ...] = field(default=CANNOT_KNOW)

    def document(self) -> JsonObject:
        """Return it as JSON takes it."""
        return cast(JsonObject, {"schema": SCHEMA, **asdict(self)})


@dataclass(frozen=True)
class OwnAudit:
    """The reader's own audit, as `strongroom audit --out` wrote it."""

    verdict: AuditFile
    prices: Sequence[PricePoint]

    def number(self, told: ScoredNumber) -> str:
        """Say whether it gives an auditor's number."""
        own = self.verdict
        last = own.number("to_block")
        if own.vault.lower() != told.vault.lower() or not told.to_block or last < told.to_block:
            return NOT_RERUN
        if own.unknown:
            return NOT_RERUN
        if not own.is_clean:
            return OTHER
        if told.tag1 == LOSSES and last != told.to_block:
            return NOT_RERUN
        state = cast(JsonObject, own.document["state"])
        known = [each for each in self.prices if each.block <= told.to_block]
        for each in measures(known, int(str(state["losses"]))):
            if (each.tag1, each.tag2) == (told.tag1, told.tag2):
                same = (each.value, each.decimals) == (told.value, told.decimals)
                return SAME if same else OTHER
        return NOT_RERUN

    def answer(self, asked: ValidationPayload, response: int) -> str:
        """Say whether it gives an auditor's answer, about the books or about decisions."""
        try:
            return SAME if response == judged(asked, self.verdict) else OTHER
        except CannotSay:
            return NOT_RERUN


def own_audit(folder: Path | None) -> OwnAudit | None:
    """Return the reader's own audit; None: there is none.

    Raises:
        BadInput: the folder is not what an audit wrote.
    """
    if folder is None:
        return None
    verdict = read_verdict(folder / "verdict.json")
    return OwnAudit(verdict, read_prices(folder, verdict)[0])


class Scoring:
    """Reads what auditors have said of one agent."""

    def __init__(
        self, registries: Registries, auditors: Sequence[str], places: Sequence[DocumentPlace],
        own: OwnAudit | None = None,
    ) -> None:  # fmt: skip
        """Take who counts, and where files are.

        Raises:
            BadInput: nobody is named.
        """
        if not auditors:
            raise BadInput("name the auditors that you trust by --auditor: all others are ignored")
        self._registries, self._places, self._own = registries, places, own
        self._auditors = {each.lower() for each in auditors}

    def of(self, agent: int, now: int) -> AgentScore:
        """Return what is known of an agent.

        Args:
            now: seconds since 1970

        Raises:
            FirstShape, NoRegistry, ChainAway: see the classes.
        """
        at = self._registries
        owner, wallet = at.identity.ownerOf(agent), at.identity.getAgentWallet(agent)
        numbers, elsewhere, others = self._numbers(agent) if at.has_reputation else ((), (), 0)
        answers, ignored = self._answers(agent) if at.has_validation else ((), 0)
        told = {each.vault for each in (*numbers, *answers) if each.vault}
        same = {number for number, vault in elsewhere if vault in told and number != agent}
        counted = (*(each for each in numbers if not each.revoked), *answers)
        vaults = sorted({each.vault for each in counted if each.vault})
        return AgentScore(
            agent, at.name, owner, wallet, self._age(agent, now), tuple(numbers), tuple(answers),
            {each: code_hash(at, each) for each in vaults}, others + ignored, tuple(sorted(same)),
        )  # fmt: skip

    def _age(self, agent: int, now: int) -> int | None:
        found = events_of(self._registries, "IdentityRegistry", "Registered", agentId=agent)
        return now - self._registries.chain.times([found[0].block])[0] if found else None

    def _numbers(
        self, agent: int
    ) -> tuple[list[ScoredNumber], list[tuple[int, str]], int]:  # fmt: skip
        """Return the named auditors' numbers of the agent, (id, vault) of all their numbers, and
        how many numbers others gave."""
        at, mine, elsewhere = self._registries, [], []
        all_of_it = events_of(at, "ReputationRegistry", "NewFeedback", agentId=agent)
        for each in sorted(self._auditors):
            said = {"agentId": agent, "clientAddress": each}
            responses = events_of(at, "ReputationRegistry", "ResponseAppended", **said)
            for log in events_of(at, "ReputationRegistry", "NewFeedback", clientAddress=each):
                number = self._number(log.args, log.block)
                elsewhere.append((int(log.args["agentId"]), number.vault))
                if log.args["agentId"] == agent:
                    mine.append(self._with_responses(number, agent, responses))
        return mine, elsewhere, len(all_of_it) - len(mine)

    def _with_responses(
        self, number: ScoredNumber, agent: int, found: Sequence[DecodedLog]
    ) -> ScoredNumber:
        """Return a number with what was appended to it. Anybody may append: of strangers it says
        only how many there are.

        Args:
            found: all that was appended to this client's numbers of the agent
        """
        found = [each for each in found if each.args["feedbackIndex"] == number.index]
        responses = []
        for each in found:
            who = self._who(str(each.args["responder"]), agent)
            if who:
                uri, digest = each.args["responseURI"], str(each.args["responseHash"])
                file = look_up(uri, digest, self._places)
                responses.append(
                    ScoredResponse(
                        each.args["responder"], who, each.block, uri[:MOST_URI], digest,
                        FITS if file.content is not None else file.why,
                    )
                )  # fmt: skip
        there = int(
            self._registries.reputation.getResponseCount(agent, number.client, number.index, [])
        )
        return replace(
            number, responses=tuple(responses),
            others_responses=max(there, len(found)) - len(responses),
        )  # fmt: skip

    def _who(self, responder: str, agent: int) -> str:
        identity = self._registries.identity
        own = identity.ownerOf(agent), identity.getAgentWallet(agent)
        if responder.lower() in {each.lower() for each in own}:
            return "the agent's"
        return "a named auditor" if responder.lower() in self._auditors else ""

    def _number(self, told: Mapping[str, Any], block: int) -> ScoredNumber:
        kept = self._registries.reputation.readFeedback(
            told["agentId"], told["clientAddress"], told["feedbackIndex"]
        )
        found = ScoredNumber(
            told["clientAddress"], told["feedbackIndex"], told["tag1"], told["tag2"],
            told["value"], told["valueDecimals"], bool(kept[4]), block, "",
            checked=REVOKED if kept[4] else NOT_RERUN,
        )  # fmt: skip
        file = look_up(told["feedbackURI"], told["feedbackHash"], self._places)
        if file.content is None:
            return replace(found, file=file.why)
        if {"score", "feedbackAuth"} & set(file.content):
            return replace(found, file=FIRST_SHAPE)
        ours = file.content.get("strongroom")
        same = _says(file.content) == (
            self._registries.name.lower(), told["agentId"], told["value"], told["valueDecimals"],
            told["tag1"], told["tag2"],
        )  # fmt: skip
        if not same or tuple(kept[:2]) != (told["value"], told["valueDecimals"]):
            return replace(found, file="does not say the same as the registry")
        if not isinstance(ours, dict):
            return replace(found, file=f"{FITS}; names no vault")
        if not is_code_of(self._registries, ours.get("vault"), ours.get("codeHash")):
            return replace(found, file=OTHER_CODE)
        block_there = ours.get("toBlock")
        found = replace(
            found, file=FITS, vault=str(ours.get("vault", "")).lower(),
            code_hash=str(ours.get("codeHash", "")),
            to_block=block_there if isinstance(block_there, int) else 0,
        )  # fmt: skip
        if found.revoked or self._own is None:
            return found
        return replace(found, checked=self._own.number(found))

    def _answers(self, agent: int) -> tuple[list[ScoredAnswer], int]:
        found, ignored = [], 0
        for each in self._registries.validation.getAgentValidations(agent):
            digest = "0x" + bytes(each).hex()
            status = self._registries.validation.getValidationStatus(each)
            if status[0].lower() not in self._auditors:
                ignored += 1
                continue
            found.append(self._answer(digest, StoredEntry(status[0], status[1])))
        return found, ignored

    def _answer(self, digest: str, stored: StoredEntry) -> ScoredAnswer:
        at = self._registries
        asked = events_of(at, "ValidationRegistry", "ValidationRequest", requestHash=digest)
        given = events_of(at, "ValidationRegistry", "ValidationResponse", requestHash=digest)
        last = given[-1].args if given else None
        state = UNANSWERED if last is None else str(last["response"])
        found = ScoredAnswer(
            digest, stored.validator, state, "" if last is None else last["tag"], len(given), ""
        )
        file = look_up(asked[0].args["requestURI"] if asked else "", digest, self._places)
        if file.content is None:
            return replace(found, file=f"request: {file.why}")
        try:
            payload = read_payload(file.content, digest)
        except BadInput as error:
            return replace(found, file=str(error))
        if faults := entry_faults(stored, payload, at.name):
            return replace(found, file=f"request: {'; '.join(faults)}")
        if not is_code_of(at, payload.vault, payload.code_hash):
            return replace(found, file=f"request: {OTHER_CODE}")
        found = replace(found, vault=payload.vault.lower(), to_block=payload.last)
        if last is None:
            return replace(found, file=FITS)
        answer = look_up(last["responseURI"], last["responseHash"], self._places)
        if answer.content is None:
            return replace(found, file=f"answer: {answer.why}")
        said = (answer.content.get("requestHash"), answer.content.get("response"))
        if said != (digest, last["response"]):
            return replace(found, file="answer: it does not say the same as the registry")
        if self._own is not None:
            checked = self._own.answer(payload, last["response"])
            return replace(found, file=FITS, checked=checked)
        return replace(found, file=FITS)


def events_of(at: Registries, contract: str, name: str, **matching: Any) -> list[DecodedLog]:
    """Return a registry's events of one name with these fields, oldest first."""
    registry = {
        "IdentityRegistry": lambda: at.identity,
        "ReputationRegistry": lambda: at.reputation,
        "ValidationRegistry": lambda: at.validation,
    }[contract]()
    return at.reads.logs(registry.address, contract, name, at.first_block, None, matching)


def code_hash(at: Registries, address: str) -> str:
    """Return keccak of the code at an address now, 0x..."""
    return to_hex(keccak(at.chain.code(address)))


def is_code_of(at: Registries, vault: Json, digest: Json) -> bool:
    """Whether a file's vault is an address, and its code has the hash that the file says."""
    try:
        return code_hash(at, typed_address(str(vault))) == digest
    except BadInput:
        return False


def _says(content: JsonObject) -> tuple[Json, ...]:
    registry = str(content.get("agentRegistry", "")).lower()
    names = ("agentId", "value", "valueDecimals", "tag1", "tag2")
    return (registry, *(content.get(each) for each in names))
