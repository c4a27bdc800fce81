"""`strongroom identity`: one typed argument each, one typed result."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from strongroom.chain.artifacts import vault_abi
from strongroom.chain.failures import CallReverted
from strongroom.chain.ids import JsonObject, id_text, read_json
from strongroom.chain.jsonrpc import understood
from strongroom.chain.places import place_of
from strongroom.errors import BadInput, Differs
from strongroom.identity.answer import (
    AuditFile,
    CannotSay,
    answer_file,
    audit_command,
    read_verdict,
)
from strongroom.identity.card import (
    WELL_KNOWN,
    card_faults,
    domain_faults,
    read_card,
    registered,
)
from strongroom.identity.documents import inside, look_up, named_file
from strongroom.identity.record import RecordPlace, feedback_file, measures, read_prices
from strongroom.identity.request import (
    AskKind,
    StoredEntry,
    ValidationPayload,
    entry_faults,
    new_salt,
    read_payload,
)
from strongroom.identity.score import AgentScore, Scoring, code_hash, events_of, own_audit
from strongroom.identity.sending import IdentityOptions, RegistryCall, RegistryDesk
from strongroom.identity.wallet_consent import consent

CONSENT_S = 240  # the registry takes consents of at most five minutes


@dataclass(frozen=True)
class IdentityResult:
    """What a command did.

    Attributes:
        calls: with their transactions where they were sent
        agent: its id, where there is one
        digest: of the file or request that was named
    """

    calls: tuple[RegistryCall, ...]
    agent: int | None = None
    digest: str = ""

    @property
    def sent(self) -> bool:
        """Whether everything was sent."""
        return all(each.transaction for each in self.calls)

    def document(self) -> JsonObject:
        """Return it as JSON takes it."""
        return {
            "sent": self.sent,
            "agent": self.agent,
            "digest": self.digest,
            "calls": [asdict(each) for each in self.calls],
        }

    def lines(self) -> list[str]:
        """Return what is printed."""
        named = [] if self.agent is None else [f"agent {self.agent}"]
        named += [self.digest] if self.digest else []
        done = [
            f"{each.what}: transaction {each.transaction}, block {each.block}"
            if each.transaction
            else f"{each.what}: not sent; to {each.to}, data {each.data}"
            for each in self.calls
        ]
        return [*named, *done]


@dataclass(frozen=True, kw_only=True)
class RegisterOptions(IdentityOptions):
    """Registers an agent, or changes one.

    Attributes:
        card: a registration file; what it belongs to is added
        agent: the id of an agent that is there; None: a new one
        new_wallet: the agent's wallet from now on; "": as it is
        consent: accounts that sign for it: its own key, or enough owners of the Safe
        uri: where the card will be served, in place of a URI that holds it; with `agent` only
        site: folder of a web site: the card is written where a domain is proven by it
    """

    card: Path | None = None
    agent: int | None = None
    new_wallet: str = ""
    consent: tuple[str, ...] = ()
    uri: str = ""
    site: Path | None = None


def run_register(options: RegisterOptions) -> IdentityResult:
    """Register the account's agent; give it its card, and its wallet with the wallet's consent.

    Raises:
        BadInput: the card does not fit.
        TransactionRefused, ChainAway, UnknownAccount, NoRegistry: see the classes.
    """
    content = _content(options.card) if options.card else None
    if content is not None:
        read_card(content)
    if options.uri and (content is not None or options.agent is None):
        raise BadInput("--uri is of an agent that is there, without a card: add --agent")
    if options.site is not None and content is None:
        raise BadInput("--site writes the card: name it by --card")
    desk, agent = RegistryDesk(options), options.agent
    identity = desk.registries.identity
    if agent is None:
        receipt = desk.send(identity, "register")
        if receipt is None:
            return IdentityResult(tuple(desk.calls))
        (event,) = receipt.events(identity, "Registered")
        agent = int(event.agentId)
    uri = options.uri
    if content is not None:
        back = registered([(agent, desk.registries.name)])
        card = named_file({**content, "registrations": back})
        uri = card.uri
        if options.site is not None:
            path = options.site / WELL_KNOWN
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(card.text)
    if uri:
        desk.send(identity, "setAgentURI", agent, uri)
    if options.new_wallet:
        deadline = desk.chain.now() + CONSENT_S
        keys = desk.unlock_all(options.consent)
        signed = consent(desk.registries, agent, options.new_wallet, deadline, keys)
        desk.send(identity, "setAgentWallet", agent, options.new_wallet, deadline, signed)
    return IdentityResult(tuple(desk.calls), agent)


@dataclass(frozen=True, kw_only=True)
class ShowOptions(IdentityOptions):
    """Shows an agent.

    Attributes:
        card: its file, where the URI does not hold it
        domain: file that a domain serves at WELL_KNOWN
    """

    agent: int
    card: Path | None = None
    domain: Path | None = None


@dataclass(frozen=True)
class ShownAgent:
    """An agent, and why its card proves nothing; no faults: card and registry name each other."""

    agent: int
    registry: str
    owner: str
    wallet: str
    uri: str
    faults: tuple[str, ...]
    card: JsonObject | None


def run_show(options: ShowOptions) -> ShownAgent:
    """Return an agent and check its card both ways.

    Raises:
        BadInput: there is no such agent.
        NoRegistry, ChainAway: see the classes.
    """
    desk = RegistryDesk(options)
    identity = desk.registries.identity
    owner = _owner(desk, options.agent)
    wallet, uri = identity.getAgentWallet(options.agent), identity.tokenURI(options.agent)
    faults = [] if int(wallet, 16) else ["it has no wallet: none was set since the last transfer"]
    content, held = None, inside(uri)
    if options.card is not None:
        content = _content(options.card)
    elif held is not None:
        found = read_json(held)
        content = found if isinstance(found, dict) else None
    if content is None:
        faults.append("its card was not read: name the file by --card")
    else:
        try:
            faults += card_faults(read_card(content), options.agent, desk.registries.name)
        except BadInput as error:
            faults.append(str(error))
    if options.domain is not None:
        faults += domain_faults(_content(options.domain), options.agent, desk.registries.name)
    return ShownAgent(
        options.agent, desk.registries.name, owner, wallet, uri[:200], tuple(faults), content
    )


@dataclass(frozen=True, kw_only=True)
class RequestOptions(IdentityOptions):
    """Asks a validator.

    Attributes:
        last: the last block that is asked about; None: the newest
        decision: the id of one decision; "": all
        salt: 32 bytes; "": a new one
        out: folder that the payload is written to, with base_url the URL that serves it
    """

    agent: int
    vault: str
    validator: str
    kind: AskKind = AskKind.AUDIT
    first: int = 0
    last: int | None = None
    decision: str = ""
    salt: str = ""
    out: Path | None = None
    base_url: str = ""


def run_request(options: RequestOptions) -> IdentityResult:
    """Ask a validator to audit a vault, or to make its decisions again.

    Raises:
        BadInput: the validator is one of the agent's or of the vault's own people.
        TransactionRefused: also where the hash is taken: another salt is another hash.
        NoRegistry, ChainAway, UnknownAccount: see the classes.
    """
    desk = RegistryDesk(options)
    _check_apart(desk, options.agent, options.vault, options.validator)
    payload = ValidationPayload(
        kind=options.kind,
        registry=desk.registries.name,
        agent=options.agent,
        chain_id=desk.chain.chain_id,
        vault=options.vault,
        code_hash=code_hash(desk.registries, options.vault),
        first=options.first,
        last=desk.chain.height() if options.last is None else options.last,
        decision_hash=id_text(options.decision or "0x" + "00" * 32),
        validator=options.validator,
        salt=id_text(options.salt) if options.salt else new_salt(),
    )
    file = named_file(payload.document(), options.out, options.base_url)
    asked = (options.validator, options.agent, file.uri, file.digest)
    desk.send(desk.registries.validation, "validationRequest", *asked)
    return IdentityResult(tuple(desk.calls), options.agent, file.digest)


@dataclass(frozen=True, kw_only=True)
class RespondOptions(IdentityOptions):
    """Answers a request.

    Attributes:
        digest: the request's hash
        verdict: verdict.json of an audit to the request's last block
        evidence: places that the audit was given, for the line that a reader types
    """

    digest: str
    verdict: Path
    evidence: tuple[str, ...] = ()
    out: Path | None = None
    base_url: str = ""


def run_respond(options: RespondOptions) -> IdentityResult:
    """Answer a request with a verdict: 100 where it holds, 0 where it does not.

    Raises:
        CannotSay: the verdict does not answer what is asked; nothing is sent.
        BadInput, Differs: request or verdict are not what they say.
        TransactionRefused, NoRegistry, ChainAway, UnknownAccount: see the classes.
    """
    desk, digest = RegistryDesk(options), id_text(options.digest)
    payload, verdict = _asked(desk, digest), read_verdict(options.verdict)
    if payload.validator.lower() != desk.address.lower():
        raise BadInput(f"the request is to {payload.validator}: answer by that account")
    if (found := code_hash(desk.registries, payload.vault)) != payload.code_hash:
        raise Differs(f"the vault's code has the hash {found}, the request says another: look why")
    command = audit_command(verdict, options.evidence, payload.kind is AskKind.DECIDE)
    content = answer_file(payload, verdict, _last_block(desk, verdict), command)
    file = named_file(content, options.out, options.base_url)
    given = (digest, content["response"], file.uri, file.digest, payload.kind.value)
    desk.send(desk.registries.validation, "validationResponse", *given)
    return IdentityResult(tuple(desk.calls), payload.agent, file.digest)


@dataclass(frozen=True, kw_only=True)
class FeedbackOptions(IdentityOptions):
    """Publishes a track record; `audit`: the folder of `strongroom audit --out`."""

    agent: int
    audit: Path
    evidence: tuple[str, ...] = ()
    out: Path | None = None
    base_url: str = ""


def run_feedback(options: FeedbackOptions) -> IdentityResult:
    """Give an agent's numbers: yields, the deepest fall, losses.

    Raises:
        Differs: the books differ: there is no record to publish.
        CannotSay: the audit cannot say whether they do.
        BadInput: the folder does not fit, or the account is one of the agent's or the vault's.
        TransactionRefused, NoRegistry, ChainAway, UnknownAccount: see the classes.
    """
    desk, verdict = RegistryDesk(options), read_verdict(options.audit / "verdict.json")
    if verdict.unknown:
        raise CannotSay(f"the audit cannot say {verdict.unknown}: audit again before you publish")
    if not verdict.is_clean:
        raise Differs("the audit's books differ: answer a request with it, publish no record")
    if verdict.number("chain_id") != desk.chain.chain_id:
        raise BadInput(f"the audit is of chain {verdict.number('chain_id')}: name its node")
    _check_apart(desk, options.agent, verdict.vault, desk.address)
    prices, reports_hash = read_prices(options.audit, verdict)
    place = RecordPlace(
        desk.registries.name, options.agent, desk.address, desk.chain.chain_id,
        code_hash(desk.registries, verdict.vault), _last_block(desk, verdict),
        reports_hash, audit_command(verdict, options.evidence, False),
    )  # fmt: skip
    losses = int(str(cast(JsonObject, verdict.document["state"])["losses"]))
    for each in measures(prices, losses):
        file = named_file(feedback_file(each, verdict, place), options.out, options.base_url)
        desk.send(
            desk.registries.reputation, "giveFeedback", options.agent, each.value, each.decimals,
            each.tag1, each.tag2, "", file.uri, file.digest,
        )  # fmt: skip
    return IdentityResult(tuple(desk.calls), options.agent)


@dataclass(frozen=True, kw_only=True)
class RevokeOptions(IdentityOptions):
    """Takes a number back; `index`: of the account's numbers of the agent, from 1."""

    agent: int
    index: int


def run_revoke(options: RevokeOptions) -> IdentityResult:
    """Take back a number that the account has given. It stays readable, and counts no more.

    Raises:
        TransactionRefused: there is no such number, or it is revoked.
        NoRegistry, ChainAway, UnknownAccount: see the classes.
    """
    desk = RegistryDesk(options)
    desk.send(desk.registries.reputation, "revokeFeedback", options.agent, options.index)
    return IdentityResult(tuple(desk.calls), options.agent)


@dataclass(frozen=True, kw_only=True)
class ReplyOptions(IdentityOptions):
    """Appends a response to a number.

    Attributes:
        client: who gave the number
        index: of his numbers of the agent, from 1
        file: JSON that says something about it
    """

    agent: int
    client: str
    index: int
    file: Path
    out: Path | None = None
    base_url: str = ""


def run_reply(options: ReplyOptions) -> IdentityResult:
    """Append a response to somebody's number.

    Raises:
        BadInput: the file is no JSON object.
        TransactionRefused: there is no such number.
        NoRegistry, ChainAway, UnknownAccount: see the classes.
    """
    desk = RegistryDesk(options)
    file = named_file(_content(options.file), options.out, options.base_url)
    about = (options.agent, options.client, options.index, file.uri, file.digest)
    desk.send(desk.registries.reputation, "appendResponse", *about)
    return IdentityResult(tuple(desk.calls), options.agent, file.digest)


@dataclass(frozen=True, kw_only=True)
class ScoreOptions(IdentityOptions):
    """Reads an agent's record.

    Attributes:
        auditors: whose numbers and answers count
        rerun: folder of the reader's own `strongroom audit --out`; None: nothing is re-run
    """

    agent: int
    auditors: tuple[str, ...]
    rerun: Path | None = None


def run_score(options: ScoreOptions) -> AgentScore:
    """Return what named auditors have said of an agent, and what of it was checked.

    Raises:
        BadInput: no auditor is named, there is no such agent, or a folder does not fit.
        FirstShape, NoRegistry, ChainAway: see the classes.
    """
    desk = RegistryDesk(options)
    _owner(desk, options.agent)
    places = [place_of(each) for each in options.files]
    scoring = Scoring(desk.registries, options.auditors, places, own_audit(options.rerun))
    return scoring.of(options.agent, desk.chain.now())


def _content(path: Path) -> JsonObject:
    try:
        found = read_json(path.read_bytes())
    except ValueError as error:
        raise BadInput(f"{path} is no JSON: write it anew") from error
    if not isinstance(found, dict):
        raise BadInput(f"{path} is no JSON object: write it anew")
    return found


def _owner(desk: RegistryDesk, agent: int) -> str:
    try:
        return str(desk.registries.identity.ownerOf(agent))
    except CallReverted as error:
        name = desk.registries.name
        raise BadInput(f"there is no agent {agent} at {name}: name another") from error


def _check_apart(desk: RegistryDesk, agent: int, vault: str, auditor: str) -> None:
    """Refuse an auditor who is the agent's or the vault's own; second keys are not seen.

    Raises:
        BadInput: it is.
    """
    owner, identity = _owner(desk, agent), desk.registries.identity
    people = [(owner, "owns the agent"), (identity.getAgentWallet(agent), "is its wallet")]
    people += [(identity.getApproved(agent), "acts for it")]
    at = desk.chain.at(vault, vault_abi())
    try:
        people += [(getattr(at, name)(), f"is the vault's {name}") for name in _ROLES]
    except (CallReverted, BadInput) as error:
        raise BadInput(f"{vault} is no vault of ours: name one by --vault") from error
    for address, what in people:
        if address.lower() == auditor.lower():
            raise BadInput(f"{auditor} {what}: an auditor needs an owner and a key of its own")


_ROLES = ("owner", "guardian", "reporter")


def _asked(desk: RegistryDesk, digest: str) -> ValidationPayload:
    """Return a stored request's payload, once registry and file say the same.

    Raises:
        BadInput: there is none, or they do not.
    """
    registries = desk.registries
    try:
        stored = registries.validation.getValidationStatus(digest)
    except CallReverted as error:
        raise BadInput(f"nobody has asked {digest}: name a request's hash") from error
    (asked,) = events_of(registries, "ValidationRegistry", "ValidationRequest", requestHash=digest)
    places = [place_of(each) for each in desk.options.files]
    file = look_up(asked.args["requestURI"], digest, places)
    if file.content is None:
        raise BadInput(f"the request's file is not there ({file.why}): name a place by --files")
    payload = read_payload(file.content, digest)
    faults: Sequence[str] = entry_faults(
        StoredEntry(stored[0], stored[1]), payload, registries.name
    )
    if faults:
        raise BadInput(f"the request is not what its file says ({'; '.join(faults)}): ignore it")
    return payload


def _last_block(desk: RegistryDesk, verdict: AuditFile) -> str:
    """Return the hash of a verdict's last block.

    Raises:
        BadInput: this chain has another one there: the audit is of a fork, or was reorganised.
    """
    number = verdict.number("to_block")
    found, audited = _block_hash(desk, number), verdict.document.get("block_hash")
    if found != audited:
        raise BadInput(f"block {number} is {found} here, the audit's is {audited}: audit again")
    return found


@understood("block")
def _block_hash(desk: RegistryDesk, number: int) -> str:
    return str(desk.chain.request("eth_getBlockByNumber", hex(number), False)["hash"])
