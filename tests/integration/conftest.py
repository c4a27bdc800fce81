"""What stands on the chain before the first test of a process."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def deployed_first(venue, safe, implementation, factory):
    """Deploy what is there once for all tests: ape takes back what a test makes, and would take
    back what the first test that asks for it makes for all."""
