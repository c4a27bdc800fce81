"""Run a co-signer: `ape run cosigner cosigner.toml`."""

from agent.cosigner.__main__ import main as cli

__all__ = ["cli"]
