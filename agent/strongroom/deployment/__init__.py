"""Deploying a vault from a file, rehearsing it on a fork, and checking what is on chain."""
