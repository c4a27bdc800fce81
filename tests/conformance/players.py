"""Which player plays which file of a folder of vectors."""

from tests.conformance import deposit_wallet
from tests.conformance.matches import play_matches
from tests.conformance.report import Player
from tests.conformance.walks import play_walks

PLAYERS: dict[str, Player] = {
    "adapters_walks.json": play_walks,
    deposit_wallet.FILE: deposit_wallet.play_matrix,
    "exchange_v2_matches.json.gz": play_matches,
}
