"""Lives are written down as JSON, and whoever knows the rules replays them.

Our own model (model.py) always does. STRONGROOM_TRACE_JUDGE may name another's: a script that takes
files, exits 0 where it agrees, and says where it does not.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.property.life import SCENES, Life, begin, lived
from tests.property.model import difference
from tests.property.trace import REASONS
from tests.seeds import LIVES, SEED, dice

JUDGE = os.environ.get("STRONGROOM_TRACE_JUDGE", "")
STEPS = 150
COUNT = max(len(SCENES), LIVES // 12)  # of lives, in each of two tests
FIGURES = {"idle", "nav_bid", "nav_ask", "supply", "hwm", "losses", "settled"}
# What the rules' words ask of an act.
WORDS = {
    "request": {"queue", "who", "amount"},
    "cancel": {"queue", "who"},
    "report": {"marks"},
    "settle": set(),
    "redeem_in_kind": {"who", "shares", "skip", "queued"},
    "open": {"market", "conditions", "class", "question", "event", "delegated"},
    "allocate": {"market", "amount"},
    "recall": {"market", "amount"},
    "redeem": {"market"},
    "harvest": {"market"},
    "sweep": {"market"},
    "close": {"market", "by"},
    "forgive": {"amount", "class"},
    "wind_down": {"by"},
    "pause": {"value"},
    "reporter": {"value"},
    "rules": {"set"},
    "class": {"class", "set"},
    "transfer": {"from", "to", "amount"},
    "payout": {"condition", "yes", "of"},
    "venue": {"market", "cash", "away", "tokens", "silent"},
}


def written(number: int) -> dict[str, Any]:
    """Return a life of this run as it is written down."""
    scene = SCENES[number % len(SCENES)]
    life = lived(dice("trace", number), STEPS, traced=True, ends=True, **scene)
    assert life.scribe
    return json.loads(json.dumps(life.scribe.finish()))  # type: ignore[no-any-return]


@pytest.mark.parametrize("part", [0, 1])
def test_lives_go_as_the_rules_say(part, tmp_path):
    """Our model agrees with every figure of every life; and so does the judge that is named."""
    kinds: dict[str, int] = {}
    files = []
    for number in range(part, 2 * COUNT, 2):
        life = written(number)
        said = difference(life)
        assert not said, f"STRONGROOM_SEED={SEED}, life {number}: {said}"
        for act in life["acts"]:
            kinds[act["do"]] = kinds.get(act["do"], 0) + (not act.get("refused"))
        files.append(tmp_path / f"life {number}.json")
        files[-1].write_text(json.dumps(life))
    assert SEED or set(kinds) == set(WORDS), set(WORDS) - set(kinds)
    if JUDGE:
        _judge(files)


def _judge(files: list[Path]) -> None:
    found = subprocess.run(
        [sys.executable, JUDGE, *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(JUDGE).parent,
    )
    assert found.returncode == 0, found.stdout[-3_000:] + found.stderr[-3_000:]


@pytest.mark.skipif(not JUDGE, reason="STRONGROOM_TRACE_JUDGE names no judge of traces")
def test_the_judge_finds_a_figure_that_is_wrong(tmp_path):
    """Else its silence would say nothing."""
    life = written(1)
    spoiled = next(act for act in life["acts"] if act["do"] == "report" and "refused" not in act)
    spoiled["shows"]["nav_bid"] += 10**6
    (tmp_path / "life.json").write_text(json.dumps(life))
    with pytest.raises(AssertionError):
        _judge([tmp_path / "life.json"])


def test_a_life_is_written_in_the_words_of_the_rules():
    life = written(0)
    assert {"rules", "classes", "cash", "start", "tolerance", "acts"} == set(life)
    assert {"total_cap_assets", "velocity_assets"} <= set(life["rules"])
    last = 0
    for act in life["acts"]:
        assert set(act) - {"do", "at", "shows", "refused"} <= WORDS[act["do"]]
        assert last <= act["at"]
        last = act["at"]
        assert set(act["shows"]) <= FIGURES
        assert act.get("refused", True) is True
        if act["do"] in ("report", "settle"):
            assert ("settled" in act["shows"]) == ("refused" not in act)
    assert set(REASONS) <= set(WORDS)


@pytest.mark.parametrize("figure", ["idle", "nav_bid", "nav_ask", "supply", "hwm"])
def test_the_model_finds_a_figure_that_is_wrong(figure):
    life = written(2)
    act = life["acts"][len(life["acts"]) // 2]
    act["shows"][figure] += act["shows"][figure] // 1_000 + 10**6
    assert figure in difference(life)


def test_a_traced_life_is_a_life():
    """Its first acts, by hand: nothing that the writer leaves out changed anything."""
    life = Life(traced=True, **SCENES[0])
    begin(life)
    assert life.scribe
    assert [act["do"] for act in life.scribe.life["acts"]] == [*["request"] * 3, *["settle"] * 2]
    assert difference(life.scribe.finish()) == ""
