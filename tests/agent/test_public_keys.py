"""Keys that everybody knows open nothing but test chains, whichever command is handed them."""

import ast
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from eth_account import Account
from strongroom.chain import contracts
from strongroom.chain.accounts import MNEMONIC, UnknownAccount
from strongroom.cli.audit import command as audit
from strongroom.cosigner.service import CosignerConfig, make_server
from strongroom.keeper.configuration import load
from strongroom.keeper.wiring import build

from tests.agent.test_cosigner import POLICY
from tests.agent.test_node_answers import node

ROOT = Path(__file__).parents[2]
KEEPERS = ROOT / "docs" / "examples" / "keeper.toml"
KNOWN = "has a key that everybody knows"


@pytest.fixture
def public(tmp_path, monkeypatch):
    """The keystore of the test chains' seventh key; each passphrase is "x"."""
    for name in ("OWNER", "EXECUTOR", "COSIGNER", "AUDITOR"):
        monkeypatch.setenv(f"STRONGROOM_{name}_PASSPHRASE", "x")
    key = list(contracts.test_keys(MNEMONIC, 8))[7]
    path = tmp_path / "public.json"
    path.write_text(json.dumps(Account.encrypt(key.private_key, "x", iterations=2)))
    return path


@pytest.fixture
def own(tmp_path):
    """The keystore of a key that nobody else has."""
    path = tmp_path / "own.json"
    path.write_text(json.dumps(Account.encrypt(Account.create().key, "x", iterations=2)))
    return path


def cosigner(keystore, port, folder):
    secret = folder / "secret"
    secret.write_bytes(b"ab" * 32)
    secret.chmod(0o600)
    return CosignerConfig(
        listen="127.0.0.1:0",
        rpc_url=f"http://127.0.0.1:{port}",
        keystore=keystore,
        secret_file=secret,
        store="sqlite://",
        policy=POLICY,
    )


def real_chain(number):
    return node(eth_chainId=hex(number), web3_clientVersion="Geth/v1")


def test_a_cosigner_does_not_sign_with_them_on_a_real_chain(public, own, tmp_path):
    with real_chain(POLICY.chain_id) as port:
        with pytest.raises(UnknownAccount, match=rf"public\.json {KNOWN}.*name another keystore"):
            make_server(cosigner(public, port, tmp_path))
        make_server(cosigner(own, port, tmp_path))
    with node(eth_chainId=hex(POLICY.chain_id), web3_clientVersion="anvil/v1") as port:
        make_server(cosigner(public, port, tmp_path))


@pytest.mark.parametrize("which", ["owner", "executor"])
def test_a_keeper_does_not_sign_with_them_on_a_real_chain(public, own, which):
    config = load(KEEPERS)
    with real_chain(config.chain.chain_id) as port:
        keys = config.keys.model_copy(update={"owner": own, "executor": own, which: public})
        chain = config.chain.model_copy(update={"rpc_url": f"http://127.0.0.1:{port}"})
        with pytest.raises(UnknownAccount, match=rf"public\.json {KNOWN}"):
            build(config.model_copy(update={"keys": keys, "chain": chain, "forecasters": ()}))


def test_an_audit_is_not_attested_with_them_on_a_real_chain(public):
    with real_chain(137) as port:
        place = ["--vault", "0x" + "12" * 20, "--rpc", f"http://127.0.0.1:{port}"]
        done = CliRunner().invoke(audit, [*place, "--attest", str(public)])
    assert done.exit_code == 2 and KNOWN in done.output


def test_every_keystore_is_opened_by_the_function_that_refuses_them():
    users = {
        path.name
        for folder in ("agent", "bots", "scripts")
        for path in (ROOT / folder).rglob("*.py")
        for each in ast.walk(ast.parse(path.read_text()))
        if isinstance(each, ast.ImportFrom) and "unlock" in {name.name for name in each.names}
    }
    assert users == {"accounts.py"}
