"""The commands as a user types them: processes of their own, connected by nothing but --network."""

import json
import subprocess
import sys
from pathlib import Path

import ape
import pytest

from tests.defaults import SHARE, UNIT

APE = Path(sys.executable).with_name("ape")


@pytest.fixture
def typed(people):
    """Run `ape run NAME ...` against the chain of the tests; return what it printed."""
    number = next(n for n, each in enumerate(ape.accounts.test_accounts)
                  if each.address == people.alice.address)  # fmt: skip
    network = ["--network", ape.networks.provider.uri]

    def run(name, *arguments, account=True, connected=True, code=0):
        start = [APE, "run"] if connected else [sys.executable, "-m", "strongroom.cli"]
        command = [*start, name, *arguments, *(network if connected else [])]
        command += ["--account", f"TEST::{number}"] if account else []
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == code, done.stdout + done.stderr
        return (done.stderr or done.stdout) if code == 2 else done.stdout

    return run


def test_a_depositors_way(typed, make_vault, people, venue, deployer, report, tmp_path):
    vault = make_vault()
    venue.fund(deployer, people.alice, 2_000 * UNIT)
    place = ["--vault", vault.address]
    typed("deposit", "1000", *place, "--yes")
    assert venue.pusd.balanceOf(people.alice) == 1_000 * UNIT
    report(vault)
    report(vault)
    typed("claim", *place, "--yes")
    assert json.loads(typed("position", *place, "--json"))["shares"] == 1_000 * SHARE
    assert "worth 400.00 pUSD" in typed("redeem", "400", *place, "--dry-run")
    vault.windDown(sender=people.owner)
    typed("exit", "all", *place, "--yes")
    assert venue.pusd.balanceOf(people.alice) == 2_000 * UNIT
    apart = {"account": False, "connected": False}
    rpc = ["--rpc", ape.networks.provider.uri]
    assert json.loads(typed("audit", *place, *rpc, "--json", **apart))["differences"] == []
    assert "no difference" in typed("page", *place, *rpc, "--out", str(tmp_path), **apart)
    by_ape = typed("audit", *place, "--json", account=False)
    assert json.loads(by_ape)["differences"] == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--exchange", "0x" + "12" * 20], "there is no contract: name an exchange"),
        (["--replay-block", "0"], "block 0: name one from "),
        (["--to-block", "99999999"], "--to-block 99999999: the vault is of block "),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else "told",
)
def test_an_auditors_wrong_argument_is_one_sentence(typed, make_vault, people, words, told):
    vault = make_vault()
    chain = ["--vault", vault.address, "--rpc", ape.networks.provider.uri]
    said = typed("audit", *chain, *words, account=False, connected=False, code=2)
    assert told in said and len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--what-if", "100"], "--what-if: the vault has no report yet"),
        (["--what-if-cap", "9:10"], "--what-if-cap: the vault has allocated nothing yet"),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else "told",
)
def test_what_the_history_has_no_place_for_is_told_with_the_verdict(typed, make_vault, words, told):
    vault = make_vault()
    chain = ["--vault", vault.address, "--rpc", ape.networks.provider.uri]
    apart = {"account": False, "connected": False, "code": 2}
    said = typed("audit", *chain, *words, "--json", **apart)
    found = json.loads(said)
    assert found["verdict"] == "cannot say" and found["differences"] == []
    assert [told in each for each in found["unknown"]] == [True]
    assert told in " ".join(typed("audit", *chain, *words, **apart).split())


def test_an_owners_way(typed, people, venue, tmp_path):
    roles = ("owner", "guardian", "reporter", "fee_recipient")
    file, record = tmp_path / "vault.toml", tmp_path / "record.json"
    file.write_text(
        f'asset = "{venue.pusd.address}"\n[vault]\nname = "Typed"\nsymbol = "T"\n'
        + "".join(f'{role} = "{people.owner}"\n' for role in roles)
        + 'total_cap = "1000"\nvelocity = "100"\n'
    )
    place = [str(file), "--record", str(record)]
    before = people.alice.nonce
    assert "0x" not in typed("deploy", *place, "--dry-run") and people.alice.nonce == before
    address = typed("deploy", *place, "--yes").strip()
    checked = typed("verify", "--vault", address, "--file", str(file), account=False)
    assert "wrong" not in checked and "owner: " in checked
