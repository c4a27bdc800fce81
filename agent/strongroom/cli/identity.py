"""`strongroom identity`: ERC-8004."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.boundary import DIFFERS, Group
from strongroom.cli.options import (
    ADDRESS,
    BLOCK,
    FILE,
    FOLDER,
    account,
    as_json,
    asked,
    dry_run,
    print_json,
    rpc,
    typed_passphrase,
    yes,
)
from strongroom.foreign_text import plain_lines

if TYPE_CHECKING:
    from strongroom.identity.commands import IdentityResult
    from strongroom.identity.score import AgentScore

AGENT = click.IntRange(0)


def _registries(command: Callable[..., Any]) -> Callable[..., Any]:
    for name in ("validation", "reputation", "identity"):
        text = f"Address of the {name} registry."
        known = "" if name == "validation" else " By default as known for the chain."
        command = click.option(f"--{name}", default="", type=_Optional(), help=text + known)(
            command
        )
    first = click.option(
        "--from-block", "first_block", type=BLOCK, default=0, help="Look for events from here on."
    )
    files = click.option(
        "--files",
        multiple=True,
        metavar="PLACE",
        help="Folder, CAR file or URL with files by hash.",
    )
    return first(files(rpc(as_json(command))))


class _Optional(click.ParamType):
    """An address, or nothing."""

    name = "address"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it as it is."""
        return str(ADDRESS.convert(value, param, ctx)) if value else ""


def _sending(command: Callable[..., Any]) -> Callable[..., Any]:
    return account(dry_run(yes(_registries(command))))


def _files(command: Callable[..., Any]) -> Callable[..., Any]:
    out = click.option("--out", type=FOLDER, help="Write what is named on chain here, by its hash.")
    base = click.option(
        "--base-url", default="", help="That serves --out; else a data: URI has it."
    )
    return out(base(command))


def _common(
    rpc: str, identity: str, reputation: str, validation: str, first_block: int,
    files: tuple[str, ...], as_json: bool, account: str = "", dry_run: bool = False,
    yes: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Return what the options records have in common."""
    from strongroom.identity.registries import RegistryAddresses

    silent = as_json and (yes or dry_run)
    return {
        "rpc": rpc,
        "at": RegistryAddresses(identity, reputation, validation),
        "first_block": first_block,
        "files": files,
        "account": account,
        "dry_run": dry_run,
        "say": lambda words: None if silent else click.echo(words, err=True),
        "ask": asked(yes),
        "passphrase": typed_passphrase,
    }


def _show(result: "IdentityResult", options: dict[str, Any]) -> None:
    if options["as_json"]:
        print_json(result.document())
    else:
        click.echo("\n".join(result.lines()))


@click.group("identity", cls=Group)
def command() -> None:
    """Register agents at ERC-8004's registries, ask auditors, answer, and read records. Nothing
    here runs unless it is typed.

    \b
    Examples:
      strongroom identity card keeper --name Tail --vault 0x... --chain-id 137
      strongroom identity score 7 --auditor 0x... --rpc https://one.example
    """


@command.command("card")
@click.argument("role", type=click.Choice(["keeper", "auditor"]))
@click.option("--name", required=True, help="Of the agent.")
@click.option("--chain-id", required=True, type=click.IntRange(1), help="Of the vault's chain.")
@click.option("--vault", default="", type=_Optional(), help="The keeper's vault.")
@click.option("--service", "services", multiple=True, metavar="NAME=URL", help="How to reach it.")
@click.option("--image", default="", help="URL of a picture.")
@click.option("--x402", is_flag=True, help="Say that it takes x402 payments.")
@click.option("--trust", multiple=True, default=("reputation",), show_default=True)
def card(
    role: str, name: str, chain_id: int, vault: str, services: tuple[str, ...], image: str,
    x402: bool, trust: tuple[str, ...],
) -> None:  # fmt: skip
    """Print an agent's card (registration file), without what it belongs to: `register` adds that.

    Example: strongroom identity card auditor --name Eve --chain-id 137
    """
    from strongroom.errors import BadInput
    from strongroom.identity.card import CardTerms, make_card

    pairs = []
    for each in services:
        service, _, endpoint = each.partition("=")
        if not service or not endpoint:
            raise BadInput(f"--service {each}: write NAME=URL")
        pairs.append((service, endpoint))
    terms = CardTerms(role, name, chain_id, vault, tuple(pairs), image, x402, trust)
    print_json(make_card(terms))


@command.command("register")
@click.option("--card", type=FILE, help="Its card, as `card` prints it.")
@click.option("--agent", type=AGENT, help="Change this agent, instead of a new one.")
@click.option("--uri", default="", help="Of --agent: where its card is served.")
@click.option("--site", type=FOLDER, help="Write the card below it, where it proves a domain.")
@click.option("--wallet", default="", type=_Optional(), help="Its wallet: the keeper's Safe.")
@click.option("--consent", multiple=True, help="Account that signs for the wallet; Safe owners.")
@_sending
def register(
    card: Path | None, agent: int | None, uri: str, site: Path | None, wallet: str,
    consent: tuple[str, ...], **options: Any,
) -> None:  # fmt: skip
    """Register the account's agent, set its card and its wallet. Keep the token with the owner's
    Safe: name its address with --dry-run, and have it send the calls that are printed.

    \b
    Examples:
      strongroom identity register --card card.json --account owner.json
      strongroom identity register --agent 7 --wallet 0x... --consent a.json --account me.json
    """
    from strongroom.identity.commands import RegisterOptions, run_register

    _show(
        run_register(
            RegisterOptions(
                card=card, agent=agent, uri=uri, site=site, new_wallet=wallet, consent=consent,
                **_common(**options),
            )
        ),
        options,
    )  # fmt: skip


@command.command("show")
@click.argument("agent", type=AGENT)
@click.option("--card", type=FILE, help="Its card, where the URI does not hold it.")
@click.option("--domain", type=FILE, help="What a domain's agent-registration.json holds.")
@_registries
def show(agent: int, card: Path | None, domain: Path | None, **options: Any) -> None:
    """Show an agent: owner, wallet, card, and whether card and registry name each other. Exit
    status 1 where they do not. With --domain also whether the domain from which you fetched
    /.well-known/agent-registration.json names the agent.

    Example: strongroom identity show 7 --rpc https://one.example
    """
    from strongroom.identity.commands import ShowOptions, run_show

    found = run_show(ShowOptions(agent=agent, card=card, domain=domain, **_common(**options)))
    if options["as_json"]:
        print_json(asdict(found))
    else:
        click.echo(f"agent {found.agent} of {found.registry}")
        click.echo(plain_lines(f"owner  {found.owner}\nwallet {found.wallet}\nuri    {found.uri}"))
        click.echo(plain_lines("\n".join(found.faults) or "card and registry name each other"))
    if found.faults:
        raise SystemExit(DIFFERS)


@command.command("request")
@click.argument("agent", type=AGENT)
@click.option("--vault", required=True, type=ADDRESS, help="The vault to look at.")
@click.option("--validator", required=True, type=ADDRESS, help="The auditor's address.")
@click.option("--decide", is_flag=True, help="Ask for decisions made again, not for the books.")
@click.option("--first-block", "first", type=BLOCK, default=0, help="Asked about: from here on.")
@click.option("--to-block", "last", type=BLOCK, help="Asked about: up to here; default the newest.")
@click.option("--decision", default="", help="Of --decide: one decision's id.")
@click.option("--salt", default="", help="32 bytes; by default new ones.")
@_files
@_sending
def request(agent: int, decide: bool, **options: Any) -> None:
    """Ask an auditor to audit a vault, as a validation request. Where somebody has taken the hash,
    ask again: a new salt is a new hash.

    Example: strongroom identity request 7 --vault 0x... --validator 0x... --account me.json
    """
    from strongroom.identity.commands import RequestOptions, run_request
    from strongroom.identity.request import AskKind

    own = {name: options.pop(name) for name in _OF_REQUEST}
    kind = AskKind.DECIDE if decide else AskKind.AUDIT
    _show(run_request(RequestOptions(agent=agent, kind=kind, **own, **_common(**options))), options)


_OF_REQUEST = ("vault", "validator", "first", "last", "decision", "salt", "out", "base_url")


@command.command("respond")
@click.argument("digest")
@click.option("--verdict", required=True, type=FILE, help="verdict.json of `audit --out`.")
@click.option("--evidence", multiple=True, metavar="PLACE", help="That the audit was given.")
@_files
@_sending
def respond(
    digest: str, verdict: Path, evidence: tuple[str, ...], out: Path | None, base_url: str,
    **options: Any,
) -> None:  # fmt: skip
    """Answer the request with the hash DIGEST: 100 where the audit found no difference, 0 where it
    did. An audit that could not say is no answer.

    Example: strongroom identity respond 0x... --verdict verdict.json --account auditor.json
    """
    from strongroom.identity.commands import RespondOptions, run_respond

    asked_for = RespondOptions(
        digest=digest, verdict=verdict, evidence=evidence, out=out, base_url=base_url,
        **_common(**options),
    )  # fmt: skip
    _show(run_respond(asked_for), options)


@command.command("feedback")
@click.argument("agent", type=AGENT)
@click.option("--audit", required=True, type=FOLDER, help="Folder of `audit --out`.")
@click.option("--evidence", multiple=True, metavar="PLACE", help="That the audit was given.")
@_files
@_sending
def feedback(
    agent: int, audit: Path, evidence: tuple[str, ...], out: Path | None, base_url: str,
    **options: Any,
) -> None:  # fmt: skip
    """Publish an agent's track record as an auditor: yields by period, deepest fall, losses.

    Example: strongroom identity feedback 7 --audit build/audit --account auditor.json
    """
    from strongroom.identity.commands import FeedbackOptions, run_feedback

    asked_for = FeedbackOptions(
        agent=agent, audit=audit, evidence=evidence, out=out, base_url=base_url,
        **_common(**options),
    )  # fmt: skip
    _show(run_feedback(asked_for), options)


@command.command("revoke")
@click.argument("agent", type=AGENT)
@click.option("--index", required=True, type=click.IntRange(1), help="Of the number, from 1.")
@_sending
def revoke(agent: int, index: int, **options: Any) -> None:
    """Take back a number that the account has given to an agent. It stays readable, and counts no
    more.

    Example: strongroom identity revoke 7 --index 1 --account auditor.json
    """
    from strongroom.identity.commands import RevokeOptions, run_revoke

    _show(run_revoke(RevokeOptions(agent=agent, index=index, **_common(**options))), options)


@command.command("reply")
@click.argument("agent", type=AGENT)
@click.argument("file", type=FILE)
@click.option("--client", required=True, type=ADDRESS, help="Who gave the number.")
@click.option("--index", required=True, type=click.IntRange(1), help="Of the number, from 1.")
@_files
@_sending
def reply(
    agent: int, file: Path, client: str, index: int, out: Path | None, base_url: str,
    **options: Any,
) -> None:  # fmt: skip
    """Append the JSON in FILE as a response to a number that somebody gave to an agent.

    Example: strongroom identity reply 7 answer.json --client 0x... --index 1 --account owner.json
    """
    from strongroom.identity.commands import ReplyOptions, run_reply

    asked_for = ReplyOptions(
        agent=agent, file=file, client=client, index=index, out=out, base_url=base_url,
        **_common(**options),
    )  # fmt: skip
    _show(run_reply(asked_for), options)


@command.command("score")
@click.argument("agent", type=AGENT)
@click.option("--auditor", "auditors", multiple=True, type=ADDRESS, help="Whose word counts.")
@click.option("--rerun", type=FOLDER, help="Folder of your own `audit --out`, to compare.")
@_registries
def score(agent: int, auditors: tuple[str, ...], rerun: Path | None, **options: Any) -> None:
    """Show what the auditors that you name have said of an agent, with its age, what was revoked,
    what is unanswered, and whether your own audit gives the same.

    Example: strongroom identity score 7 --auditor 0x... --rerun build/audit
    """
    from strongroom.identity.commands import ScoreOptions, run_score

    found = run_score(
        ScoreOptions(agent=agent, auditors=auditors, rerun=rerun, **_common(**options))
    )
    if options["as_json"]:
        print_json(found.document())
    else:
        click.echo(plain_lines("\n".join(_score_lines(found))))


def _score_lines(found: "AgentScore") -> list[str]:
    age = "unknown: registered before --from-block" if found.age is None else f"{found.age} s"
    lines = [f"agent {found.agent} of {found.registry}, age {age}, owner {found.owner}"]
    for vault, code in found.codes.items():
        lines.append(f"vault {vault}, code {code}")
    for each in found.numbers:
        told = f"{each.tag1} {each.tag2}: {each.value}e-{each.decimals}"
        lines.append(f"{told}; {each.client}, file {each.file}, {each.checked}")
        for response in each.responses:
            said = f"{response.who} response of {response.responder}: {response.uri}"
            lines.append(f"  {said}; file {response.file}")
        if each.others_responses:
            lines.append(f"  responses of others: {each.others_responses}")
    for one in found.answers:
        told = f"validation {one.tag} {one.request}: {one.state}"
        lines.append(f"{told}; {one.validator}, file {one.file}, {one.checked}")
    lines.append(f"ignored, of others: {found.ignored}")
    if found.other_ids:
        lines.append(f"other ids of the same vaults: {', '.join(map(str, found.other_ids))}")
    return [*lines, *(f"cannot be known: {each}" for each in found.cannot_know)]
