"""Run a co-signer: `ape run cosigner cosigner.toml`."""

from strongroom.cosigner.__main__ import main as cli

__all__ = ["cli"]
