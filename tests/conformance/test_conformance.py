"""The stand-ins, hashing and signing give what the venue's real code gave (VENUE, mark X)."""

from pathlib import Path

import pytest

from tests.conformance.players import PLAYERS
from tests.conformance.report import play

VECTORS = Path(__file__).parent / "vectors"


@pytest.mark.parametrize("name", PLAYERS)
def test_recorded_outcomes_are_given(name):
    played = play(PLAYERS[name], VECTORS / name)
    assert played.cases > 0
    assert not played.differences, "\n".join(map(str, played.differences[:20]))
