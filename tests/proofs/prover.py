"""halmos, with two faults of 0.3.3 mended: run by run.py with the prover's Python.

In its generic storage model an account's transient storage has the same name as its storage. So the
first look at a re-entrancy lock, at a slot that is 0, would say that the storage's slot of that
number is 0, too, and all other states would silently be left out of a proof.

Whether a branch can be taken is asked of z3 with a limit of 1 ms on the clock; what is not answered
then is explored, though no state may lead there. So on a slow or busy machine a check of 26 paths
could have thousands. Here the limit is one of z3's own work, which is the same on each machine.
"""

import resource
import sys
from typing import Any

from halmos import __main__ as runner
from halmos import sevm

SECONDS = 240  # of CPU that halmos may take, and each answer of the solver
EFFORT = 20_000  # of z3, in its own units, for each question whether a branch can be taken


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


def steady_solver(args: Any, logic: str = "QF_AUFBV", ctx: Any = None) -> Any:
    """Return the solver that is asked for branches, limited by its effort, not by the clock."""
    solver = runner.create_solver(logic=logic, ctx=ctx, max_memory=args.solver_max_memory)
    solver.set(rlimit=EFFORT)
    return solver


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    Named.mend()
    runner.mk_solver = steady_solver
    sys.exit(runner.main())
