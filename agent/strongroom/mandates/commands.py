"""What `strongroom mandate` does: each step leaves a file that a stranger can check."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.chain.accounts import wallet
from strongroom.chain.artifacts import artifact
from strongroom.chain.calls import Ask, make_call
from strongroom.chain.contracts import Contracts, Key
from strongroom.chain.ids import canonical, to_bytes, to_hex
from strongroom.chain.rpc import Chain, checksum
from strongroom.chain.units import DAY
from strongroom.errors import BadInput
from strongroom.mandates.drafting import changed, difference, wider_than
from strongroom.mandates.mandate import (
    NO_HASH,
    Mandate,
    MandateLine,
    as_json,
    as_toml,
    parse,
    shown_time,
)
from strongroom.mandates.proposals import ModelAddress, propose
from strongroom.mandates.room import cut as cut_to
from strongroom.mandates.room import room_of, too_wide
from strongroom.mandates.signed import SignedMandate, read_signed
from strongroom.mandates.standing import (
    MandateRefused,
    MandateStanding,
    check_chain,
    check_signature,
    check_standing,
    standing_of,
)
from strongroom.signing.owners import by_owners

Say = Callable[[str], None]
BOARD = "MandateBoard"
MOST_DAYS = 366


@dataclass(frozen=True)
class DraftOptions:
    """What a draft is made from.

    Attributes:
        today: the lines of the co-signer's own policy; empty: not known
        previous: file of the mandate that this one is to replace
        changes: name -> value, of the form
        model: proposes beside the form, whose fields count more
        days: that it lasts
    """

    words: str
    out: Path
    rpc: str
    say: Say
    vault: str = ""
    today: Sequence[MandateLine] = ()
    previous: Path | None = None
    changes: Mapping[str, str] = field(default_factory=dict)
    model: ModelAddress | None = None
    days: int = 30


def run_draft(options: DraftOptions) -> Mandate:
    """Write a mandate that nobody has signed, and say how it differs from what holds today.

    Raises:
        BadInput, MandateRefused, ModelAway, BadProposal, ChainAway: see the classes.
    """
    before = read_signed(options.previous) if options.previous else None
    base = before.mandate.lines if before else tuple(options.today)
    vault = before.mandate.vault if before else options.vault
    if not base or not vault:
        raise BadInput("a draft starts from today's policy: name --policy or --previous")
    chain = Chain(options.rpc)
    proposed = propose(options.words, base, options.model) if options.model else {}
    lines = changed(changed(base, proposed), options.changes)
    lines, shortened = cut_to(lines, room_of(chain, vault))
    now = chain.now()
    made = parse(
        {
            "words": options.words,
            "vault": vault,
            "chain_id": chain.chain_id,
            "version": before.mandate.version + 1 if before else 1,
            "not_before": now,
            "not_after": now + options.days * DAY,
            "previous": to_hex(before.digest) if before else NO_HASH,
            "lines": [each.model_dump(by_alias=True) for each in lines],
        },
        "the draft",
    )
    write(made, options.out)
    for each in proposed:
        options.say(f"the model sets {each}")
    for each in shortened:
        options.say(each)
    for each in list(difference(base, made.lines)) or ["nothing differs from today"]:
        options.say(each)
    for each in wider_than(options.today, made.lines) if options.today else ():
        options.say(f"wider than the co-signer's own policy, which holds: {each}")
    until = shown_time(made.not_after)
    options.say(f"wrote {options.out}: version {made.version}, until {until}; nobody has signed it")
    return made


def write(mandate: Mandate, path: Path) -> None:
    """Write a mandate: TOML where the name ends so, else canonical JSON."""
    plain = canonical(as_json(mandate)) + b"\n"
    path.write_bytes(as_toml(mandate).encode() if path.suffix == ".toml" else plain)


def shown(signed: SignedMandate) -> list[str]:
    """Return a mandate in words, line by line."""
    mandate = signed.mandate
    return [
        f"mandate {to_hex(signed.digest)}",
        f"vault {mandate.vault} on chain {mandate.chain_id}, version {mandate.version}",
        f"from {shown_time(mandate.not_before)} to {shown_time(mandate.not_after)}",
        f"signed by {', '.join(each.owner for each in signed.signatures) or 'nobody'}",
        *(f"  | {each}" for each in mandate.words.splitlines()),
        *(f"{number:3}. {line.words}" for number, line in enumerate(mandate.lines, 1)),
    ]


@dataclass(frozen=True)
class OwnerOptions:
    """A mandate's file, and who acts as the vault's owner.

    Attributes:
        accounts: keystores; of a Safe those of its owners that are here
        ask: before something is sent
    """

    file: Path
    rpc: str
    accounts: Sequence[str]
    say: Say
    ask: Callable[[str], bool] = lambda question: False
    passphrase: Callable[[str], str] | None = None


def run_sign(options: OwnerOptions, out: Path) -> SignedMandate:
    """Add a signature of the owner's, or of one of a Safe's owners; write the signed file.

    Raises:
        BadMandate, UnknownAccount, MandateRefused, ChainAway: see the classes.
    """
    signed = read_signed(options.file)
    contracts = Contracts(options.rpc)
    chain = Chain(contracts)
    check_chain(signed.mandate, chain.chain_id)
    found = standing_of(chain, signed.mandate.vault)
    if wide := list(too_wide(signed.mandate.lines, room_of(chain, signed.mandate.vault))):
        raise MandateRefused(f"it is wider than the vault: {wide[0]}: draft it anew")
    signers = _owners(chain, found)
    for key in _keys(options, contracts):
        if key.address not in signers:
            raise MandateRefused(
                f"{key.address} is not the vault's owner, which is {found.owner}"
                + (f" of {', '.join(signers)}" if found.safe else "")
                + ": name the owner's keystore"
            )
        signed = signed.with_signature(key.account, found.safe)
    out.write_bytes(signed.text())
    options.say(f"wrote {out}: mandate {to_hex(signed.digest)}")
    try:
        check_signature(chain, signed, found)
        options.say(f"the vault's owner {found.owner} has signed it, as of block {found.block}")
    except MandateRefused:
        count = len(signed.signatures)
        options.say(f"{count} of the Safe's owners are not enough: let another one sign {out}")
    return signed


def run_announce(options: OwnerOptions, board: str, dry_run: bool) -> str:
    """Announce a signed mandate as the vault's owner; return the transaction, "" in a dry run.

    Raises:
        BadMandate, UnknownAccount, MandateRefused, TooFewOwners, TransactionRefused, ChainAway:
            see the classes.
    """
    signed = read_signed(options.file)
    mandate = signed.mandate
    contracts = Contracts(options.rpc)
    chain = Chain(contracts)
    found = check_standing(chain, signed)
    about = (mandate.vault, mandate.version, mandate.previous, to_hex(signed.digest))
    call = make_call(board, BOARD, "announce", *about)
    if dry_run:
        options.say(f"as {found.owner}: to {call.to}, data {call.data}")
        return ""
    keys = _keys(options, contracts)
    if found.safe:
        call = by_owners(chain, found.safe, call, keys)
    if not options.ask(f"Announce {to_hex(signed.digest)} as version {mandate.version}?"):
        raise BadInput("not confirmed: nothing was sent (--yes does not ask)")
    receipt = contracts.send(keys[0], call.to, to_bytes(call.data), what="announce")
    options.say(
        f"announced version {mandate.version}, {to_hex(signed.digest)}, in block "
        f"{receipt.block_number}, transaction {receipt.transaction_hash}"
    )
    return receipt.transaction_hash


def run_check(file: Path, rpc: str, board: str) -> list[str]:
    """Say why a mandate counts.

    Raises:
        BadMandate, MandateRefused, ChainAway: it is none, or does not count.
    """
    signed = read_signed(file)
    chain = Chain(rpc)
    found = check_standing(chain, signed, board)
    if wide := list(too_wide(signed.mandate.lines, room_of(chain, signed.mandate.vault))):
        raise MandateRefused(f"it is wider than the vault: {wide[0]}: draft it anew")
    mandate = signed.mandate
    kind = "Safe" if found.safe else "key"
    said = [
        f"mandate {to_hex(signed.digest)}, version {mandate.version}",
        f"counts at block {found.block}",
        f"signed by the vault's owner {found.owner} ({kind})",
        f"in force until {shown_time(mandate.not_after)}",
    ]
    return [*said, f"the last one announced on {board}" if board else "no board was asked"]


def run_board(rpc: str, account: str, passphrase: Callable[[str], str] | None = None) -> str:
    """Deploy a board; return its address.

    Raises:
        UnknownAccount, TransactionRefused, ChainAway: see the classes.
    """
    contracts = Contracts(rpc)
    key = wallet(account, contracts, passphrase).unlock()
    return contracts.deploy(key, artifact(BOARD)).address


def _keys(options: OwnerOptions, contracts: Contracts) -> list[Key]:
    return [wallet(each, contracts, options.passphrase).unlock() for each in options.accounts]


def _owners(chain: Chain, found: MandateStanding) -> list[str]:
    """Return whose keys may sign."""
    if not found.safe:
        return [found.owner]
    (owners,) = chain.ask([Ask(found.safe, "Safe", "getOwners")], found.block)
    return [checksum(each) for each in owners]
