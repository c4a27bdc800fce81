"""Which player plays which file of a folder of vectors."""

from tests.conformance import deposit_wallet, exchange_v3
from tests.conformance.hashes import play_hashes
from tests.conformance.matches import play_matches
from tests.conformance.payloads import play_payloads
from tests.conformance.protocol_v2 import play_cases, play_ids
from tests.conformance.report import Player
from tests.conformance.signatures import play_signatures
from tests.conformance.walks import play_walks

PLAYERS: dict[str, Player] = {
    "adapters_walks.json": play_walks,
    "client_payloads.json": play_payloads,
    deposit_wallet.FILE: deposit_wallet.play_matrix,
    "exchange_signatures.json": play_signatures,
    "exchange_v2_matches.json.gz": play_matches,
    "hashes_and_addresses.json": play_hashes,
    exchange_v3.FILE: exchange_v3.play_matches,
    "protocol_v2_cases.json": play_cases,
    "protocol_v2_ids.json": play_ids,
}
