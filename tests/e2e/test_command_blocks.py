"""The command blocks of README and docs, typed as they stand, on one practice vault.

A block without a language is typed: README first, then docs/ by name, line after line, in bash, in
a folder that has `docs` and `node_modules`. A block that cannot run here (another network, a key, a
tool that is not installed) is marked `text` in the document; NOT_TYPED says why.

tests/e2e/terminal.py says what a reader does beside typing; and a line that stands in two documents
is typed once. The Python block of docs/devnet.md runs at the end, with the devnet that was typed,
at its ports. Tutorials have tests of their own: tests/e2e/test_tutorials.py.
"""

import re
import time
from pathlib import Path

import pytest

from tests.e2e.terminal import ROOT, made_in

TUTORIALS = ROOT / "docs" / "tutorials"
DOCUMENTS = (
    ROOT / "README.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent != TUTORIALS),
)
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.M | re.S)
OURS = ("strongroom ", "make ", "ape ", "pip ", "silverback ", "source ", "export ", "python ")
TOO_LONG = "minutes of both cores; tests/agent/test_backtest.py does the same with less data"
AS_IN_README = "the practice's own runs already, from README's line"
AS_ASKED = "a decision has to wait: tests/e2e/test_keeper_ask.py has the commands"
RESTORES = "no keeper may run: tests/e2e/test_keeper_restore.py has the commands"
PLACES = "places have to be there: tests/e2e/test_evidence_places.py has the command"
SILVERBACK = "silverback is an extra; tests/e2e/test_silverback.py has bot and cluster"
PAID = "a token and wallets have to be there: tests/e2e/test_serve_commands.py has the commands"
PROOF = "a circuit takes minutes: tests/integration/test_proof_commands.py has the commands"
MCP = "its client is a program: tests/agent/test_mcp_server.py has the commands"
NOT_TYPED = {  # and why
    "make demo": "a target of its own in CI",
    "make test": "this test is part of it",
    "make wheel": "builds beside others' tests: see `make trywheel`",
    "make operate": "minutes: tests/e2e/test_operating.py has its steps",
    "pip install dist/strongroom-": "needs the built file and an index: see `make trywheel`",
    "silverback run keeper": SILVERBACK,
    "silverback worker keeper": SILVERBACK,
    "export SILVERBACK_": SILVERBACK,
    "strongroom backtest docs/examples/backtest-tail.toml --honesty": TOO_LONG,
    "strongroom import gamma gamma-": "a reader's own files, gigabytes of them",
    "strongroom import logs order-filled-": "a reader's own files, gigabytes of them",
    "strongroom study arbitrage history": "needs those files, or a cluster",
    "strongroom study open registered/tail.json": "opened once, after the commit before it",
    "strongroom backtest docs/examples/backtest-sweep.toml": TOO_LONG,
    "strongroom cosigner cosigner.toml": AS_IN_README,
    "strongroom keeper start keeper.toml --mode ask": AS_ASKED,
    "strongroom keeper pending keeper.toml": AS_ASKED,
    "strongroom keeper publish keeper.toml": PLACES,
    "strongroom keeper approve keeper.toml": AS_ASKED,
    "strongroom keeper start-all vaults": "further vaults: tests/e2e/test_operating.py has it",
    "strongroom keeper backup keeper.toml": RESTORES,
    "strongroom keeper restore keeper.toml": RESTORES,
    "strongroom keeper compare keeper.toml": RESTORES,
    "strongroom keeper start keeper.toml --mode live": AS_IN_README,
    "strongroom keeper ui keeper.toml": "its keeper has run: tests/e2e/test_cockpit.py has it",
    "strongroom devnet --facilitator-port": PAID,
    "strongroom audit --vault 0x... --out audit": PAID,
    "strongroom serve ": PAID,
    "strongroom mcp serve keeper.toml": MCP,
    "strongroom proof ": PROOF,
    "strongroom audit --vault 0x... --proof-gate": PROOF,
    "strongroom identity show 7 --domain": "wants a domain: tests/e2e/test_identity.py has it",
    "strongroom mcp pipe keeper.toml": MCP,
    "strongroom mcp log keeper.toml": MCP,
    "strongroom init keeper": "a public venue's chain: tests/e2e/test_init.py has the command",
    "strongroom doctor keeper": "the folder of that line: tests/e2e/test_init.py has the command",
    "strongroom venue probe": "a real account: tests/e2e/test_venue_probe.py has the command",
}


def blocks(language):
    """Return (document, text) for each block of a language."""
    return [
        (path.relative_to(ROOT), block)
        for path in DOCUMENTS
        for marked, block in BLOCK.findall(path.read_text())
        if marked == language
    ]


def lines(language):
    """Return (document, command) for each line of the blocks of a language."""
    return [
        (path, line.strip())
        for path, block in blocks(language)
        for line in block.splitlines()
        if line.strip()
    ]


@pytest.fixture
def terminal(tmp_path):
    made = made_in(tmp_path)
    yield made
    made.end()


@pytest.mark.timeout(2_400)  # five to ten minutes: all that documents say
def test_every_command_block_runs(terminal):
    typed: dict[str, Path] = {}
    for document, line in lines(""):
        typed.setdefault(line, document)
    assert len(typed) > 25
    for line, document in typed.items():
        started = time.monotonic()
        terminal.type(line)
        print(f"{time.monotonic() - started:6.1f} s  {document}: {line}")
    (client,) = (code for path, code in blocks("python") if path.name == "devnet.md")
    terminal.run_python(client)
    live = next(log for line, _, log in terminal.servers if "--mode live" in line)
    assert '"event": "task_closed"' in live.read_text()  # the keeper traded meanwhile
    ended = terminal.end()
    assert set(ended.values()) <= {0, 143}, ended


def test_what_cannot_run_here_is_marked_and_has_its_reason():
    marked = [line for _, line in lines("text") if line.startswith(OURS)]
    assert [line for line in marked if not line.startswith(tuple(NOT_TYPED))] == []
    assert [
        start for start in NOT_TYPED if not any(each.startswith(start) for each in marked)
    ] == []
    assert len(marked) == 53
    other = {marked for path in DOCUMENTS for marked, _ in BLOCK.findall(path.read_text())}
    assert other <= {"", "text", "python"}
