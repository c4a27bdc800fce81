"""halmos, with one fault of 0.3.3 mended: run by run.py with the prover's Python.

In its generic storage model an account's transient storage has the same name as its storage. So the
first look at a re-entrancy lock, at a slot that is 0, would say that the storage's slot of that
number is 0, too, and all other states would silently be left out of a proof.
"""

import resource
import sys
from typing import Any

from halmos import sevm
from halmos.__main__ import main


class Named:
    """Gives the arrays of transient storage a name of their own."""

    transient = False

    @classmethod
    def mend(cls) -> None:
        """Replace the functions that name arrays."""
        storage = sevm.GenericStorage
        empty, load, store = storage.empty, storage.load, storage.store

        def named(kind: Any, addr: Any, loc: Any) -> Any:
            array = empty(addr, loc)
            if not cls.transient:
                return array
            return sevm.Array(f"transient_{array}", array.sort().domain(), array.sort().range())

        def told(function: Any) -> Any:
            def inner(kind: Any, ex: Any, storage: Any, *rest: Any) -> Any:
                cls.transient = storage is ex.transient_storage
                return function(ex, storage, *rest)

            return classmethod(inner)

        storage.empty = classmethod(named)
        storage.load = told(load)
        storage.store = told(store)


SECONDS = 240  # of CPU that halmos may take, and each answer of the solver


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    Named.mend()
    sys.exit(main())
