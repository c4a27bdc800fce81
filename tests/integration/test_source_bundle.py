"""What explorers are given compiles to the code that is deployed."""

import json
import subprocess

import ape
import pytest

from scripts.dev.source_bundle import CONTRACTS, bundle_of


@pytest.mark.parametrize("contract", ["VaultDesk", "accounts/WalletRegistry"])
def test_a_bundle_compiles_to_what_is_deployed(contract, tmp_path):
    assert contract in CONTRACTS
    path, name = tmp_path / "bundle.json", contract.rpartition("/")[2]
    path.write_text(json.dumps(bundle_of(contract)))
    command = ["vyper", "--standard-json", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    (contracts,) = json.loads(done.stdout)["contracts"].values()
    compiled = contracts[name]["evm"]["deployedBytecode"]["object"].removeprefix("0x")
    ours = getattr(ape.project, name).contract_type.runtime_bytecode.bytecode.removeprefix("0x")
    assert compiled == ours
