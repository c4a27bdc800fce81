"""Which player plays which file of a folder of vectors."""

from tests.conformance import deposit_wallet
from tests.conformance.report import Player

PLAYERS: dict[str, Player] = {
    deposit_wallet.FILE: deposit_wallet.play_matrix,
}
