"""The reference record of the devnet is what a deployment writes today."""

import json

from strongroom.devnet.reference import write_reference

from scripts.dev.export_deployment import RECORD


def test_the_record_is_written_again_as_it_is(tmp_path):
    """Hashes, gas and transactions follow from the contracts' code, so they are left out."""
    again = tmp_path / "record.json"
    vault = write_reference(again)
    kept, made = (json.loads(path.read_text()) for path in (RECORD, again))
    assert made["steps"]["vault"]["address"] == vault
    assert list(kept) == list(made) and list(kept["steps"]) == list(made["steps"])
    for name, step in made["steps"].items():
        assert step["state"] == "done"
        for field in ("contract", "arguments", "address", "nonce", "block"):
            assert kept["steps"][name].get(field) == step.get(field), f"{name}: {field}"
    assert kept["compiler"] == made["compiler"] and kept["plan"] == made["plan"]
