"""Written gates: what a record earns, what it lacks in words, and the call that would raise it."""

import json

import pytest
from click.testing import CliRunner
from eth_abi import decode
from eth_utils import keccak
from strongroom.app.gates import read_gates, standings
from strongroom.cli.gates import command
from strongroom.errors import BadInput

from tests.defaults import DAY, UNIT
from tests.page_data import write

FILE = """
classes = [1]

[[gates]]
name = "small"
class_cap = 500
market_cap = 100
run = "run"

[[gates]]
name = "more"
class_cap = 5000
market_cap = 500
class_cap_bps = 1000
market_cap_bps = 200
days = 60
markets = 3
profit = 20
drawdown = 10.5
"""
START = 1_700_000_000


def settled(*profits, gifts, class_id=1):
    """Return a market each ten days, of 100 units."""
    return [
        {"market": f"{class_id}/{n}", "class_id": class_id, "opened": START + n * 10 * DAY,
         "closed": START + (n * 10 + 9) * DAY, "allocated": 100 * UNIT,
         "profit": int(profit * UNIT), "gifts": gifts.get(f"{class_id}/{n}", 0) * UNIT}
        for n, profit in enumerate(profits)
    ]  # fmt: skip


@pytest.fixture
def stage(tmp_path):
    """Write a file, a page's data and a run; return the command's arguments."""

    def write(
        profits=(), cap=0, verdict="no difference", days=60, said="passes", retired=False,
        left_open=(), gifts=(),
    ):  # fmt: skip
        (tmp_path / "gates.toml").write_text(FILE)
        (tmp_path / "run").mkdir(exist_ok=True)
        summaries = {"pessimistic": {"verdict": said}}
        (tmp_path / "run" / "result.json").write_text(json.dumps({"summaries": summaries}))
        strategy = {"cap": cap, "profit": int(sum(profits) * UNIT), "losses": 0,
                    "is_retired": retired}  # fmt: skip
        data = {
            "verdict": {"verdict": verdict, "to_time": START + days * DAY, "to_block": 9},
            "strategies": {"0": strategy, "1": strategy},
            "settled": [
                *settled(*profits, gifts=dict(gifts)),
                *settled(-1_000, gifts=dict(gifts), class_id=0),
            ],
            "open": [
                {"market": f"open/{n}", "class_id": number, "exposure": int(cost * UNIT),
                 "value_bid": int(bid * UNIT), "gifts": dict(gifts).get(f"open/{n}", 0) * UNIT}
                for n, (number, cost, bid) in enumerate(left_open)
            ],
        }  # fmt: skip
        (tmp_path / "data.json").write_text(json.dumps(data))
        return [str(tmp_path / "gates.toml"), "--page", str(tmp_path)]

    return write


def standing(arguments):
    """Return what the command says of the one class."""
    run = CliRunner().invoke(command, [*arguments, "--json"])
    assert run.exit_code == 0, run.output
    (found,) = json.loads(run.output)
    return found


def test_a_run_that_passes_earns_the_small_budget_and_its_call(stage):
    found = standing(stage())
    assert found["stage"] == "small"
    call = bytes.fromhex(found["call"][2:])
    signature = "setClassCaps(uint256,(uint256,uint256,uint256,uint256))"
    assert call[:4] == keccak(text=signature)[:4]
    wanted = (1, (100 * UNIT, 10_000, 500 * UNIT, 10_000))
    assert decode(["uint256", "(uint256,uint256,uint256,uint256)"], call[4:]) == wanted
    assert found["lacks"] == ["60 days: 0", "3 settled markets: 0", "20 of proven profit: 0"]


def test_a_run_that_does_not_pass_stays_on_paper(stage):
    found = standing(stage(said="cannot be told from 0"))
    assert (found["stage"], found["call"]) == ("", "")
    assert found["lacks"] == ["the verdict 'passes' of run: cannot be told from 0"]


def test_who_has_lost_earns_no_stage_that_names_no_profit(stage):
    found = standing(stage(profits=(4, -4.000001)))
    assert (found["stage"], found["call"]) == ("", "")
    assert found["lacks"] == ["0 of proven profit: -0.000001"]
    assert standing(stage(profits=(4, -4)))["stage"] == "small"


def test_a_record_earns_more_and_at_its_caps_there_is_no_call(stage):
    found = standing(stage(profits=(15, -10, 20), cap=500 * UNIT))
    assert (found["stage"], found["lacks"]) == ("more", [])
    call = bytes.fromhex(found["call"][2:])
    wanted = (1, (500 * UNIT, 200, 5_000 * UNIT, 1_000))
    assert decode(["uint256", "(uint256,uint256,uint256,uint256)"], call[4:]) == wanted
    assert standing(stage(profits=(15, -10, 20), cap=5_000 * UNIT))["call"] == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"profits": (40, -11, 0)}, "a drawdown of at most 10.5: 11"),
        ({"profits": (15, 4.999999, 0)}, "20 of proven profit: 19.999999"),
        ({"profits": (30, 0)}, "3 settled markets: 2"),
        ({"profits": (30, 0, 0), "days": 59}, "60 days: 59"),
    ],
)
def test_each_condition_holds_a_record_back(stage, changes, words):
    found = standing(stage(**changes))
    assert (found["stage"], found["lacks"]) == ("small", [words])


def test_losers_that_are_left_open_count_at_the_bid(stage):
    """A strategist who closes his winners and keeps what stands at a third of its cost: 35 home, 30
    and 5 below cost. One above its cost makes up for nothing, nor do another class's markets
    count."""
    losers = [(1, 45, 15), (1, 20, 15), (1, 10, 10), (0, 90, 1)]
    found = standing(stage(profits=(15, 0, 20), left_open=losers))
    assert found["stage"] == "small"
    assert found["lacks"] == [
        "20 of proven profit: 0 (0 of gifts and 35 of open losses off)",
        "a drawdown of at most 10.5: 35",
    ]
    found = standing(stage(profits=(15, -10, 30), left_open=[(1, 30, 19.5), (1, 5, 0.5)]))
    assert found["lacks"] == ["a drawdown of at most 10.5: 15"]
    found = standing(stage(profits=(15, -10, 30), left_open=[(1, 30, 19.5)]))
    assert (found["stage"], found["lacks"]) == ("more", [])


def test_who_falls_first_and_leaves_losers_open_has_fallen_by_both(stage):
    """Highest 30, then 25 and 6 more below cost."""
    found = standing(stage(profits=(30, -5, 0), left_open=[(1, 10, 4)]))
    assert found["lacks"] == [
        "20 of proven profit: 19 (0 of gifts and 6 of open losses off)",
        "a drawdown of at most 10.5: 11",
    ]


def test_profit_cannot_be_bought_by_gifts(stage):
    """Of 25, 6 were given, to a closed and to an open market; another class's are none of its."""
    gifts = [("1/0", 4), ("open/0", 2), ("0/0", 50)]
    asked = {"profits": (15, 0, 10), "left_open": [(1, 10, 10)]}
    found = standing(stage(**asked, gifts=gifts))
    assert found["lacks"] == ["20 of proven profit: 19 (6 of gifts and 0 of open losses off)"]
    assert standing(stage(**asked, gifts=gifts[1:]))["stage"] == "more"


def test_a_gift_hides_no_fall(stage):
    """30, then a market that lost 25 and was given 24, then 20. And an open one of 45 that is worth
    34 and was given 11, so that it stands at its cost."""
    found = standing(stage(profits=(30, -1, 20), gifts=[("1/1", 24)]))
    assert found["lacks"] == ["a drawdown of at most 10.5: 25"]
    found = standing(stage(profits=(30, 0, 20), gifts=[("open/0", 11)], left_open=[(1, 45, 45)]))
    assert found["lacks"] == ["a drawdown of at most 10.5: 11"]


def test_more_than_was_allocated_is_not_lost(stage):
    """Of 100, 95 are lost, and 40 that were given as well: the class has lost no more than 100."""
    found = standing(stage(profits=(110, -95, 100), gifts=[("1/1", 40)]))
    assert found["lacks"] == ["a drawdown of at most 10.5: 100"]


def test_an_audit_with_a_difference_and_a_retired_class_earn_nothing(stage):
    for changes in ({"verdict": "differs"}, {"retired": True}):
        found = standing(stage(profits=(30, 0, 0), **changes))
        assert (found["stage"], found["call"]) == ("", "")


def test_it_reads_what_a_page_writes(tmp_path):
    """The page's class: -7 home, an open market of 6 at a bid of 5, a reward that is no gift."""
    page, _ = write(tmp_path)
    (tmp_path / "gates.toml").write_text(
        'classes = [0]\n[[gates]]\nname = "any"\nclass_cap = 1\nmarket_cap = 1\ndrawdown = 3\n'
    )
    found = standing([str(tmp_path / "gates.toml"), "--page", str(page)])
    assert found["lacks"] == [
        "a class that is not retired",
        "0 of proven profit: -8 (0 of gifts and 1 of open losses off)",
        "a drawdown of at most 3: 4",
    ]


def test_it_is_told_in_words(stage):
    text = CliRunner().invoke(command, stage()).output
    assert "class 1: small" in text
    assert "the next stage asks for 60 days: 0" in text
    assert "submit(0x" in text


def test_what_is_missing_or_mistyped_is_named(stage, tmp_path):
    arguments = stage()
    (tmp_path / "data.json").unlink()
    with pytest.raises(BadInput, match="strongroom page"):
        standings(read_gates(tmp_path / "gates.toml"), tmp_path, tmp_path)
    (tmp_path / "gates.toml").write_text(FILE.replace("drawdown", "drawdwn"))
    with pytest.raises(BadInput, match="unknown key"):
        read_gates(tmp_path / "gates.toml")
    assert CliRunner().invoke(command, arguments).exit_code != 0
