"""Whether a mandate counts: whom the chain says it binds, at one block.

It counts while it is of this chain and its time has come and not passed, while its signature is the
vault's present owner's (owners change, and so do a Safe's), and, where a board is named, while the
board's last announcement for the vault is this very mandate.
"""

from dataclasses import dataclass

from strongroom.chain.calls import Ask
from strongroom.chain.failures import CallReverted
from strongroom.chain.ids import to_bytes, to_hex
from strongroom.chain.rpc import Chain, checksum
from strongroom.errors import Refused
from strongroom.mandates.mandate import NO_HASH, Mandate, shown_time
from strongroom.mandates.signed import SignedMandate
from strongroom.signing.keys import signer_of

EIP1271_YES = to_bytes("0x1626ba7e")
DELEGATES = "0xef0100"  # begins the code of a key's account that borrows code (EIP-7702)


class MandateRefused(Refused):
    """The mandate does not count; the message says why and what to do."""


@dataclass(frozen=True)
class Announced:
    """The last announcement for a vault on a board; version 0: there is none."""

    hash: str
    version: int


@dataclass(frozen=True)
class MandateStanding:
    """What the chain said at a block.

    Attributes:
        owner: of the vault
        safe: the same, where it is a contract; empty: a key
        announced: None: no board was asked
    """

    owner: str
    safe: str
    block: int
    time: int
    announced: Announced | None = None


def check_time(mandate: Mandate, now: int) -> None:
    """Refuse a mandate whose time has not come, or has passed.

    Raises:
        MandateRefused: see the class.
    """
    if now < mandate.not_before:
        raise MandateRefused(
            f"version {mandate.version} begins at {shown_time(mandate.not_before)}, and it is "
            f"{shown_time(now)}: wait, or let the owner sign another"
        )
    if now > mandate.not_after:
        raise MandateRefused(
            f"version {mandate.version} ended at {shown_time(mandate.not_after)}: let the owner "
            "sign and announce the next version"
        )


def standing_of(chain: Chain, vault: str, board: str = "") -> MandateStanding:
    """Return who owns a vault, and what was announced for it, at the newest block.

    Args:
        board: address of a MandateBoard; empty: none is asked

    Raises:
        MandateRefused: there is no vault, or no board.
        ChainAway: the node does not answer.
    """
    head = chain.head()
    asked = [Ask(vault, "Vault", "owner")]
    if board:
        asked.append(Ask(board, "MandateBoard", "mandateOf", (vault,)))
    try:
        owner, *rest = chain.ask(asked, head.number)
    except CallReverted as error:
        what = f"the vault {vault}" + (f" or the board {board}" if board else "")
        raise MandateRefused(
            f"{what} does not answer: check address and chain ({error})"
        ) from error
    owner = checksum(owner)
    code = chain.code_at(owner)
    is_key = code == "0x" or code.startswith(DELEGATES)
    announced = Announced(rest[0][0], rest[0][1]) if rest else None
    return MandateStanding(owner, "" if is_key else owner, head.number, head.timestamp, announced)


def check_standing(chain: Chain, signed: SignedMandate, board: str = "") -> MandateStanding:
    """Refuse a mandate that does not count now; return what the chain said.

    Args:
        board: as in `standing_of`

    Raises:
        MandateRefused: see the class.
        ChainAway: the node does not answer.
    """
    mandate = signed.mandate
    check_chain(mandate, chain.chain_id)
    found = standing_of(chain, mandate.vault, board)
    check_time(mandate, found.time)
    check_signature(chain, signed, found)
    if found.announced is not None:
        check_announced(signed, found.announced)
    return found


def check_chain(mandate: Mandate, chain_id: int) -> None:
    """Refuse a mandate of another chain; raises MandateRefused."""
    if mandate.chain_id != chain_id:
        raise MandateRefused(
            f"it is of chain {mandate.chain_id}, and the node is on chain {chain_id}: take the "
            "mandate or the node that is meant"
        )


def check_signature(chain: Chain, signed: SignedMandate, found: MandateStanding) -> None:
    """Refuse a mandate that the vault's owner has not signed.

    Raises:
        MandateRefused: see the class.
    """
    of_key = [signer_of(to_bytes(each.signature), signed.digest) for each in signed.signatures]
    says_yes = _contract_says_yes(chain, signed, found) if found.safe else of_key == [found.owner]
    if not says_yes:
        whose = ", ".join(each.owner for each in signed.signatures) or "nobody"
        raise MandateRefused(
            f"the vault's owner {found.owner} has not signed version {signed.mandate.version}, as "
            f"of block {found.block} (signed by {whose}): run `strongroom mandate sign`"
        )


def _contract_says_yes(chain: Chain, signed: SignedMandate, found: MandateStanding) -> bool:
    """Ask a Safe, or another contract that answers by EIP-1271."""
    asked = Ask(found.safe, "Safe", "isValidSignature", (to_hex(signed.digest), signed.joined))
    try:
        (answer,) = chain.ask([asked], found.block)
    except CallReverted:
        return False
    return to_bytes(answer) == EIP1271_YES


def check_announced(signed: SignedMandate, announced: Announced) -> None:
    """Refuse a mandate that is not the last one announced; raises MandateRefused."""
    mine, version = to_hex(signed.digest), signed.mandate.version
    if announced.hash == mine:
        return
    if announced.hash == NO_HASH:
        raise MandateRefused("none was announced for the vault: run `strongroom mandate announce`")
    if announced.version > version:
        raise MandateRefused(
            f"version {version} was replaced by version {announced.version} ({announced.hash}): "
            "take that one"
        )
    raise MandateRefused(
        f"version {version} ({mine}) was not announced; the last one is version "
        f"{announced.version} ({announced.hash}): run `strongroom mandate announce`"
    )
