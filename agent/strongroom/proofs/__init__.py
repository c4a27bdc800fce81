"""Proofs that a committed forecaster gave a number on committed inputs (experimental)."""
