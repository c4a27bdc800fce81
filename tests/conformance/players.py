"""Which player plays which file of a folder of vectors."""

from tests.conformance import (
    deposit_wallet,
    exchange_v3,
    hashes,
    matches,
    payloads,
    protocol_v2,
    signatures,
    walks,
)
from tests.conformance.report import Player

PLAYERS: dict[str, Player] = {
    "adapters_walks": walks.PLAYER,
    "client_payloads": payloads.PLAYER,
    "deposit_wallet_matrix": deposit_wallet.PLAYER,
    "exchange_signatures": signatures.PLAYER,
    "exchange_v2_matches": matches.PLAYER,
    "exchange_v3_matches": exchange_v3.PLAYER,
    "hashes_and_addresses": hashes.PLAYER,
    "protocol_v2_cases": protocol_v2.CASES_PLAYER,
    "protocol_v2_ids": protocol_v2.IDS_PLAYER,
}


def player_of(file: str) -> Player | None:
    """Return the player of a file; what follows the kind in its name tells recordings apart."""
    return next((each for kind, each in PLAYERS.items() if file.startswith(kind)), None)
