"""How an optional part of the package is installed."""

import sys
from importlib.metadata import version

NOT_ON_3_13 = ("ape", "silverback")  # eth-ape needs numpy<2, which has no wheel for Python 3.13


def how_to_install(extra: str) -> str:
    """Return the line that installs an extra, e.g. "postgres", or which Python it needs.

    The package is on no index, where anybody can take its name: the line names the wheel's file.
    """
    if extra in NOT_ON_3_13 and sys.version_info >= (3, 13):
        return f"the extra {extra} needs Python 3.11 or 3.12"
    return f"pip install './strongroom-{version('strongroom')}-py3-none-any.whl[{extra}]'"
