"""A mandate in the form of AP2, for readers of that form: informative, no credential.

AP2 is of shopping: payees, amounts in a currency of ISO 4217, an order or a payment. Version 0.2
knows open and closed checkout and payment mandates and no mandate of intent; version 0.1 knows one.
Little of a mandate maps, so what does not is listed in the file itself, line by line.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from strongroom.chain.ids import Json, JsonObject, to_hex
from strongroom.errors import BadInput
from strongroom.mandates.digest import digest
from strongroom.mandates.mandate import Mandate, MandateLine
from strongroom.mandates.signed import SignedMandate
from strongroom.mandates.vocabulary import EVERY_CLASS

VERSIONS = ("0.2", "0.1")
_NOTE = (
    "Informative: made from a mandate of Strongroom for readers of AP2. It is no credential: it is "
    "not signed in AP2's way (SD-JWT, ES256), and no merchant or payment network accepts it. What "
    "counts is the mandate with the hash below, signed by the vault's owner (EIP-712)."
)
_NEVER = (
    "the asset: AP2's currency is of ISO 4217, a token has no code there; amounts stand beside it",
    "several signers of a Safe, whose signature is a contract's answer",
    "block time, and announcement and replacement on chain",
    "caps, losses and drawdown, which the vault's contract enforces",
)
_MAPPED = {"orders.max_order": "amount_range", "orders.max_per_day": "budget"}


def export(signed: SignedMandate, version: str) -> JsonObject:
    """Return a mandate in the form of a version of AP2.

    Raises:
        BadInput: there is no export in that version's form.
    """
    if version not in VERSIONS:
        raise BadInput(f"AP2 {version} is unknown here: take one of {', '.join(VERSIONS)}")
    mandate = signed.mandate
    mapped = _MAPPED if version == "0.2" else {}
    rest = [
        f"line {number}: {line.name}: {line.words}"
        for number, line in enumerate(mandate.lines, 1)
        if line.name not in mapped or line.class_id != EVERY_CLASS
    ]
    return {
        "informative": _NOTE,
        "ap2_version": version,
        "strongroom_mandate": {
            "hash": to_hex(signed.digest),
            "vault": mandate.vault,
            "chain_id": mandate.chain_id,
            "version": mandate.version,
            "signatures": len(signed.signatures),
        },
        "does_not_map": [*_NEVER, *rest],
        **(_intent(mandate) if version == "0.1" else _payment(mandate)),
    }


def _intent(mandate: Mandate) -> JsonObject:
    """Return the fields of version 0.1's IntentMandate: words and an end."""
    end = datetime.fromtimestamp(mandate.not_after, UTC)
    return {
        "intent_mandate": {
            "user_cart_confirmation_required": False,
            "natural_language_description": mandate.words,
            "intent_expiry": end.isoformat(),
        }
    }


def _payment(mandate: Mandate) -> JsonObject:
    """Return the fields of version 0.2's open payment mandate that have an honest meaning."""
    return {
        "open_payment_mandate": {
            "vct": "mandate.payment.open.1",
            "iat": mandate.not_before,
            "exp": mandate.not_after,
            "payment_instrument": {
                "id": f"eip155:{mandate.chain_id}:{mandate.vault}",
                "type": "strongroom.vault",
            },
            "constraints": _constraints(mandate.lines),
            "risk_data": {"words": mandate.words, "mandate_hash": to_hex(digest(mandate))},
        },
        "left_out": [
            "cnf: an agent's key of AP2 is P-256, and the co-signer has none",
            "payment.reference, which such a mandate must hold: there is no order of goods",
            "payee: venues are not named by AP2's ids",
        ],
    }


def _constraints(lines: Sequence[MandateLine]) -> Json:
    """Return the limits of one order and of a day, in micro-units of the vault's asset."""
    found = {each.name: each.number for each in lines if each.class_id == EVERY_CLASS}
    constraints: list[Json] = []
    for name, kind in _MAPPED.items():
        if name in found:
            limit = {"type": kind, "currency": None, "max_micro_units": found[name]}
            constraints.append(limit)
            if kind == "budget":  # AP2 has a budget only with a recurrence
                constraints.append({"type": "agent_recurrence", "frequency": "DAILY"})
    return constraints
