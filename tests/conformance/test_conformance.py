"""The stand-ins, hashing and signing give what the venue's real code gave (VENUE, mark X)."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.conformance.__main__ import cli
from tests.conformance.players import player_of
from tests.conformance.report import play

VECTORS = Path(__file__).parent / "vectors"
FILES = sorted(each.name for each in VECTORS.glob("*.json*"))


@pytest.mark.parametrize("name", FILES)
def test_recorded_outcomes_are_given(name):
    player = player_of(name)
    assert player is not None
    played = play(player, VECTORS / name)
    assert played.cases > 0
    assert not played.differences, "\n".join(map(str, played.differences[:20]))
    assert not played.unread


def read(name: str) -> Any:
    data = (VECTORS / name).read_bytes()
    return json.loads(gzip.decompress(data) if name.endswith("gz") else data)


def run(folder: Path, *options: str, **files: Any) -> tuple[int, str]:
    """Play changed files; return the exit code and what was said."""
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    result = CliRunner().invoke(cli, [str(folder), *options])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def test_a_folder_without_vectors_is_no_success(tmp_path):
    code, said = run(tmp_path)
    assert (code, "holds no vectors" in said) == (2, True)


def test_a_list_without_a_case_is_no_success(tmp_path):
    found = read("adapters_walks.json") | {"walks": []}
    code, said = run(tmp_path, adapters_walks=found)
    assert (code, "walks is empty" in said) == (2, True)


def test_a_file_without_a_player_is_no_success(tmp_path):
    found = read("protocol_v2_ids.json")
    code, said = run(tmp_path, protocol_v2_ids=found, exchange_v4_matches={})
    assert (code, "exchange_v4_matches.json: no player" in said) == (2, True)


def test_what_only_is_missing_is_no_success(tmp_path):
    found = read("protocol_v2_ids.json")
    code, said = run(tmp_path, "--only", "walks.json", protocol_v2_ids=found)
    assert (code, "walks.json: not in" in said) == (2, True)


def test_a_section_under_another_name_is_no_success(tmp_path):
    found = read("client_payloads.json")
    found["orders_again"] = found["orders"]
    code, said = run(tmp_path, client_payloads=found)
    assert (code, "orders_again.*.body.order.salt has no player" in said) == (2, True)


def test_a_field_that_is_not_compared_is_no_success(tmp_path):
    found = read("protocol_v2_cases.json")
    found["cases"][3]["supply_after"] = 7
    code, said = run(tmp_path, protocol_v2_cases=found)
    assert (code, "cases.*.supply_after has no player" in said) == (2, True)


def test_a_case_that_cannot_be_played_is_a_difference_and_the_others_are_played(tmp_path):
    found = read("protocol_v2_cases.json")
    found["cases"][0]["state"] = [["A", "pm", "unsafeTransferFrom", ["A", "B", "yes", 10**30]]]
    found["cases"][2]["action"] = ["A", "rt", "noSuchFunction", []]
    code, said = run(tmp_path, protocol_v2_cases=found)
    assert (code, "77 cases, 2 differences" in said) == (1, True)


def test_a_stage_that_cannot_be_set_is_no_success_and_the_other_files_are_played(tmp_path):
    found, ids = read("protocol_v2_cases.json"), read("protocol_v2_ids.json")
    found["args"]["yes"] = str(int(found["args"]["yes"]) + 2)  # neither outcome
    code, said = run(tmp_path, protocol_v2_cases=found, protocol_v2_ids=ids)
    assert (code, "protocol_v2_cases.json: not in the format" in said) == (2, True)
    assert "protocol_v2_ids.json: 103 cases, 0 differences" in said


def test_what_differs_before_the_format_ends_is_shown(tmp_path):
    found = read("exchange_signatures.json")
    case, last = found["signature_cases"][0], found["signature_cases"][-1]
    case["result"] = "InvalidSignature"
    last.clear()
    code, said = run(tmp_path, exchange_signatures=found)
    assert (code, "case 0: result: recorded" in said) == (1, True), said
    assert "not in the format" in said


def test_all_differences_are_shown_or_counted(tmp_path):
    found = read("protocol_v2_ids.json")
    for row in found["ids"]:
        row["position_hex"] = ["0x00", "0x00"]
    code, said = run(tmp_path, protocol_v2_ids=found)
    assert (code, said.count("position_hex")) == (1, len(found["ids"]))
    code, said = run(tmp_path, "--most", "3", protocol_v2_ids=found)
    assert (code, f"{len(found['ids']) - 3} more than shown" in said) == (1, True)


def test_packed_or_not_a_file_is_the_same(tmp_path):
    found = read("protocol_v2_ids.json")
    (tmp_path / "protocol_v2_ids.json.gz").write_bytes(gzip.compress(json.dumps(found).encode()))
    assert run(tmp_path)[0] == 0


def leaf_places(given: Any, path: tuple[Any, ...] = ()):
    if isinstance(given, dict | list):
        pairs = given.items() if isinstance(given, dict) else enumerate(given)
        for key, value in pairs:
            yield from leaf_places(value, (*path, key))
    else:
        yield path


@pytest.mark.parametrize(
    ("name", "section", "fields"),
    [
        ("exchange_v2_matches.json.gz", "scenarios", ("hash", "signature", "remaining")),
        ("exchange_v3_matches.json.gz", "scenarios", ("hash", "signature", "remaining")),
        ("exchange_signatures.json", "signature_cases", ("hash", "signature")),
        ("deposit_wallet_matrix.json", "cases", ("nonce", "digest", "signature", "ses_until")),
        ("client_payloads.json", "orders", ("signature", "makerAmount", "signer")),
    ],
)
def test_a_changed_outcome_is_a_difference(tmp_path, name, section, fields):
    """The oracle can fail: in one case after the other, one recorded value is another one."""
    for field in fields:
        found = read(name)
        cases = [
            each for each in found[section] if any(path[-1] == field for path in leaf_places(each))
        ][:3]
        found[section] = cases
        for case in cases:
            path = next(path for path in leaf_places(case) if path[-1] == field)
            at = case
            for key in path[:-1]:
                at = at[key]
            at[field] = _other(at[field])
        code, said = run(tmp_path, **{name.split(".")[0]: found})
        assert code == 1, (field, said)
        assert len({line.split(": ")[0] for line in said.splitlines()}) >= len(cases), said


def _other(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    if value.startswith("0x") and len(value) > 2:
        return value[:-1] + ("0" if value[-1] != "0" else "1")
    return str(int(value) + 1) if value.isdecimal() else value + "1"
