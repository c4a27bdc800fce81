"""An audit's verdict as the answer to a request: 100 or 0, with a file that lets a reader run it
again. An audit that could not say (exit status 2) is no answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from eth_account import Account

from strongroom.audit.verdict import SCHEMA, attestation_message, verdict_hash
from strongroom.chain.ids import JsonObject, read_json, to_hex
from strongroom.errors import BadInput, Differs, Refused
from strongroom.identity.request import AskKind, ValidationPayload

TYPE = "strongroom-answer/1"
HOLDS, FALSE = 100, 0


class CannotSay(Refused):
    """The audit does not answer the question: nothing is sent, and the request stays open."""


@dataclass(frozen=True)
class AuditFile:
    """A verdict as `strongroom audit --out` has written it."""

    document: JsonObject

    @property
    def digest(self) -> str:
        """The verdict's hash, 0x..."""
        return to_hex(verdict_hash(self.document))

    @property
    def is_clean(self) -> bool:
        """Whether nothing differs, and nothing is unknown that must be known."""
        return not self.document["differences"] and not self.unknown

    @property
    def unknown(self) -> str:
        """What nobody can say; "": all is known, or something differs whatever that is."""
        found = self.document.get("unknown", [])
        if self.document["differences"] or not isinstance(found, list):
            return ""
        return "; ".join(map(str, found))

    def number(self, name: str) -> int:
        """Return a whole number of the verdict.

        Raises:
            BadInput: it has none.
        """
        found = self.document.get(name)
        if not isinstance(found, int) or isinstance(found, bool):
            raise BadInput(f"the verdict has no {name}: run `strongroom audit --out` again")
        return found

    @property
    def vault(self) -> str:
        """The vault's address."""
        return str(self.document["vault"])


def read_verdict(path: Path) -> AuditFile:
    """Return a verdict; its attestation, if it has one, is checked.

    Raises:
        BadInput: it is none of this release's.
        Differs: it is attested, and not by who it says.
    """
    try:
        found = read_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} is no verdict: run `strongroom audit --out`") from error
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise BadInput(f"{path} is no verdict of {SCHEMA}: run `strongroom audit --out`")
    signed = cast(JsonObject | None, found.get("attestation"))
    if signed is not None:
        message = attestation_message(found)
        by = Account.recover_message(message, signature=str(signed.get("signature")))
        if by != signed.get("auditor"):
            raise Differs(f"{path} is not signed by {signed.get('auditor')}: audit again")
    return AuditFile(found)


def audit_command(verdict: AuditFile, evidence: Sequence[str], decide: bool) -> str:
    """Return the line that a reader types to get the same verdict."""
    parts = [f"strongroom audit --vault {verdict.vault} --to-block {verdict.number('to_block')}"]
    parts += [f"--evidence {each}" for each in evidence]
    return " ".join([*parts, *(["--decide"] if decide else [])])


def judged(payload: ValidationPayload, verdict: AuditFile) -> int:
    """Return 100 where what was asked holds, 0 where it does not.

    Raises:
        CannotSay: the verdict is of another vault or other blocks, or cannot say, or decisions are
            not known.
    """
    wrong = [
        f"{what} {there}, asked is {asked}"
        for what, there, asked in (
            ("vault", verdict.vault.lower(), payload.vault.lower()),
            ("chain", verdict.number("chain_id"), payload.chain_id),
            ("last block", verdict.number("to_block"), payload.last),
        )
        if there != asked
    ]
    if wrong:
        raise CannotSay(
            f"the verdict is no answer: {'; '.join(wrong)}: audit the vault to block {payload.last}"
        )
    if verdict.unknown:
        raise CannotSay(f"the audit cannot say {verdict.unknown}: audit again before you answer")
    if payload.kind is AskKind.AUDIT:
        return HOLDS if verdict.is_clean else FALSE
    return _decided(verdict)


def _decided(verdict: AuditFile) -> int:
    found = verdict.document.get("decided")
    if not isinstance(found, dict):
        raise CannotSay("the verdict made no decision again: audit with --evidence and --decide")
    counts = {name: int(str(found.get(name, 0))) for name in _COUNTED}
    if counts["different"] or not verdict.is_clean:
        return FALSE
    unknown = sum(counts[name] for name in ("withheld", "unnamed", "unknown"))
    if unknown or not counts["same"]:
        raise CannotSay(
            f"{unknown} decisions could not be made again, {counts['same']} were: unknown is no "
            "answer: name the places of their views by --views"
        )
    return HOLDS


_COUNTED = ("same", "different", "withheld", "unnamed", "unknown")


def answer_file(
    payload: ValidationPayload, verdict: AuditFile, block_hash: str, command: str
) -> JsonObject:
    """Return what an answer's URI serves.

    Raises:
        CannotSay: see `judged`.
    """
    return {
        "type": TYPE,
        "requestHash": payload.digest,
        "kind": payload.kind.value,
        "response": judged(payload, verdict),
        "command": command,
        "chainId": payload.chain_id,
        "vault": payload.vault,
        "codeHash": payload.code_hash,
        "fromBlock": verdict.number("from_block"),
        "toBlock": verdict.number("to_block"),
        "blockHash": block_hash,
        "verdictHash": verdict.digest,
        "verdict": verdict.document["verdict"],
        "decided": verdict.document.get("decided"),
        "attestation": verdict.document.get("attestation"),
    }
