"""How an optional part of the package is installed."""

import sys
from importlib.metadata import version
from importlib.util import find_spec

from strongroom.errors import BadInput

NOT_ON_3_13 = ("ape", "silverback")  # eth-ape needs numpy<2, which has no wheel for Python 3.13


def how_to_install(extra: str) -> str:
    """Return the line that installs an extra, e.g. "postgres", or which Python it needs.

    The package is on no index, where anybody can take its name: the line names the wheel's file.
    """
    if extra in NOT_ON_3_13 and sys.version_info >= (3, 13):
        return f"the extra {extra} needs Python 3.11 or 3.12"
    return f"pip install './strongroom-{version('strongroom')}-py3-none-any.whl[{extra}]'"


class ExtraMissing(BadInput):
    """A part of the package is not installed; the message has the line that installs it."""


def check_extra(extra: str) -> None:
    """Make sure that an extra is installed whose package is called as it is.

    Raises:
        ExtraMissing: see the class.
    """
    if find_spec(extra) is None:
        raise ExtraMissing(f"the extra {extra} is not installed: {how_to_install(extra)}")
