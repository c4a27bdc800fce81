"""Which player plays which file of a folder of vectors."""

from tests.conformance.report import Player

PLAYERS: dict[str, Player] = {}
