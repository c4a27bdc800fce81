"""What git ignores: a run leaves nothing tracked or untracked."""

import subprocess


def ignored(*places):
    done = subprocess.run(["git", "check-ignore", *places], capture_output=True, text=True)
    return done.stdout.split()


def test_git_ignores_what_a_run_writes():
    places = ["deployments/137/vault.json", "build/x", "dist/x", ".silverback-sessions/x"]
    places += [f"docs/examples/keeper{end}" for end in (".db", "-paper.db", ".log", ".sock.lock")]
    assert ignored(*places) == places
    assert not ignored(
        "deployments/80002/strongroom-devnet-vault.json", "docs/examples/keeper.toml"
    )
