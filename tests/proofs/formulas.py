"""Prove integer properties of the sources, read by reading.py as formulas, with z3.

Run by run.py with the prover's Python: `python -m tests.proofs.formulas FOLDER [WORD]`. FOLDER
holds the annotated AST of each source as Vyper writes it. Each claim, of claims/, has a wrong
neighbour that must be refuted, else it would claim nothing.
"""

import resource
import sys
import time
from pathlib import Path
from typing import Any

import z3

from .claims import CLAIMS


def proved(conditions: list[Any], claim: Any) -> str:
    """Return whether a claim follows: proven, refuted or unknown.

    Of integers, and where that takes long of reals, of which integers are some: quick where
    products are compared. A refusal counts of integers alone.
    """
    terms = [*conditions, z3.Not(claim)]
    for seconds, whole in ((2, True), (10, False), (60, True)):
        solver = z3.SolverFor("QF_NIA" if whole else "QF_NRA")
        solver.set("timeout", seconds * 1_000)
        for each in terms:
            solver.add(z3.simplify(each, som=True) if whole else relaxed(each, True))
        answer = solver.check()
        if answer == z3.unsat:
            return "proven"
        if answer == z3.sat and whole:
            return "refuted"
    return "unknown"


def relaxed(term: Any, holds: bool) -> Any:
    """Return a statement on integers as one on reals; `holds`: itself, else its opposite.

    A strict inequality of integers is one less or more: so little is lost.
    """
    kind = term.decl().kind()
    parts = term.children()
    if kind == z3.Z3_OP_NOT:
        return relaxed(parts[0], not holds)
    if kind in (z3.Z3_OP_AND, z3.Z3_OP_OR):
        join = z3.And if (kind == z3.Z3_OP_AND) == holds else z3.Or
        return join(*(relaxed(each, holds) for each in parts))
    if kind == z3.Z3_OP_IMPLIES:
        join = z3.Or if holds else z3.And
        return join(relaxed(parts[0], not holds), relaxed(parts[1], holds))
    if kind in (z3.Z3_OP_LE, z3.Z3_OP_GE, z3.Z3_OP_LT, z3.Z3_OP_GT):
        left, right = real(parts[0]), real(parts[1])
        if kind in (z3.Z3_OP_GE, z3.Z3_OP_GT):
            left, right = right, left
        strict = kind in (z3.Z3_OP_LT, z3.Z3_OP_GT)
        if not holds:
            left, right, strict = right, left, not strict
        return left + 1 <= right if strict else left <= right
    if kind == z3.Z3_OP_EQ and z3.is_int(parts[0]):
        left, right = real(parts[0]), real(parts[1])
        return left == right if holds else z3.Or(left + 1 <= right, right + 1 <= left)
    if kind == z3.Z3_OP_DISTINCT:
        return relaxed(parts[0] == parts[1], not holds)
    if kind == z3.Z3_OP_EQ:
        pairs = [(True, True), (False, False)] if holds else [(True, False), (False, True)]
        return z3.Or(*(z3.And(relaxed(parts[0], a), relaxed(parts[1], b)) for a, b in pairs))
    if kind == z3.Z3_OP_ITE:
        chosen = [
            z3.And(relaxed(parts[0], way), relaxed(parts[2 - way], holds)) for way in (True, False)
        ]
        return z3.Or(*chosen)
    return term if holds else z3.Not(term)


def real(term: Any) -> Any:
    """Return a number made of integers as one made of reals."""
    parts = [real(each) for each in term.children() if z3.is_int(each)]
    kind = term.decl().kind()
    if kind == z3.Z3_OP_ANUM:
        return z3.RealVal(term.as_long())
    if kind == z3.Z3_OP_ITE:
        return z3.If(relaxed(term.arg(0), True), *parts)
    if kind == z3.Z3_OP_UMINUS:
        return -parts[0]
    if kind == z3.Z3_OP_UNINTERPRETED:
        return z3.Real(str(term))
    joined = parts[0]
    for each in parts[1:]:
        if kind == z3.Z3_OP_ADD:
            joined = joined + each
        elif kind == z3.Z3_OP_SUB:
            joined = joined - each
        else:
            joined = joined * each
    return joined


def main() -> int:
    """Prove all claims whose name has a word in it; return 0 where all hold."""
    folder, word = Path(sys.argv[1]), sys.argv[2].lower() if len(sys.argv) > 2 else ""
    failed = 0
    for claim in CLAIMS:
        if word not in claim.name.lower():
            continue
        began = time.process_time()
        verdicts = [proved(*each) for each in claim.build(folder)]
        wrong = next((each for each in claim.wrong(folder) if proved(*each) == "refuted"), None)
        good = set(verdicts) == {"proven"} and wrong is not None
        failed += not good
        said = (
            "proven"
            if good
            else f"NOT PROVEN: {verdicts}, a wrong one refuted: {wrong is not None}"
        )
        seconds = time.process_time() - began
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"{claim.name:69} {len(verdicts):6} paths {seconds:6.1f} s {most:5} MB  {said}",
            flush=True,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
