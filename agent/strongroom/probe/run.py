"""Run a probe: log in, one step after another, each with consent; the report after each step."""

from collections.abc import Callable, Sequence

from strongroom.chain.units import ETHER, MICRO
from strongroom.errors import Away, StrongroomError
from strongroom.probe.place import ProbePlace, Settled
from strongroom.probe.report import Finding, ProbeOutcome, ProbeReport, Question
from strongroom.probe.services import Reply
from strongroom.probe.steps import SWAP_GAS, ProbeRun, ProbeStep, steps_of

LOGIN = (
    "makes or gets an API key of the account and of the successor, and a builder's key, which is "
    "revoked at the end"
)
DECLINED = "not consented to"


def described(place: ProbePlace, step: ProbeStep) -> str:
    """Return a step in words, with what it costs."""
    asked = "; ".join(each.sentence for each in step.questions)
    if step.missing:
        return f"Whether {asked}: not asked, without {step.missing}."
    costs = []
    if step.transactions:
        wei = step.transactions * SWAP_GAS * place.chain.fees()[0]
        costs.append(f"up to {wei / ETHER:.4f} POL of gas")
    if step.orders:
        costs.append(f"orders that promise {place.market.cash / MICRO:.2f} pUSD until cancelled")
    return f"Whether {asked}: {step.does} Costs {' and '.join(costs) or 'nothing'}."


def plan(place: ProbePlace, wanted: Sequence[Question]) -> list[str]:
    """Return what a probe would do, a line a step, with what there is to pay with."""
    who, wallet = place.owner.address, place.wallet
    has = f"{place.chain.balance(who) / ETHER:.4f} POL"
    there = "" if place.chain.code(wallet) else ", which is not there"
    return [
        f"Account {who} with {has}, deposit wallet {wallet}{there}.",
        f"First: {LOGIN}. Costs nothing.",
        *(described(place, each) for each in _chosen(place, wanted)),
    ]


def probe(
    place: ProbePlace,
    wanted: Sequence[Question],
    consent: Callable[[str], bool],
    keep: Callable[[ProbeReport], None],
) -> ProbeReport:
    """Ask the venue.

    Args:
        wanted: which questions; empty: all
        consent: is asked before each step that the venue or the chain sees
        keep: takes the report as it is after each step

    Returns:
        What was found; `left` says what could not be put back.
    """
    run = ProbeRun(place)
    at = int(place.clock())

    def report() -> ProbeReport:
        where = place.services.clob_url, place.chain.chain_id
        return ProbeReport(*where, at, dict(run.findings), (*run.left, *place.resting))

    may = consent(f"The probe {LOGIN}. Go on?")
    try:
        login = _log_in(run) if may else Settled(ProbeOutcome.NOT_ASKED, DECLINED)
        for step in _chosen(place, wanted):
            run.start_question()
            _settle(run, step, login, consent)
            keep(report())
    finally:
        place.services.end_builder_key()
    return report()


def _chosen(place: ProbePlace, wanted: Sequence[Question]) -> list[ProbeStep]:
    asked = {*wanted} or {*Question}
    return [each for each in steps_of(place) if asked & {*each.questions}]


def _log_in(run: ProbeRun) -> Settled | None:
    """Log in; return why not."""
    services, place = run.place.services, run.place
    run.user, reply = services.log_in(place.owner)
    if place.successor is not None and run.user is not None:
        run.successor, _ = services.log_in(place.successor)
    if run.user is not None:
        reply = services.make_builder_key(run.user)
    if reply.taken and run.user is not None:
        return None
    outcome = ProbeOutcome.AWAY if reply.outcome() is ProbeOutcome.AWAY else ProbeOutcome.UNCLEAR
    why = f"the account could not log in: {reply.words.request}: {reply.said}"
    return Settled(outcome, why)


def _settle(
    run: ProbeRun, step: ProbeStep, login: Settled | None, consent: Callable[[str], bool]
) -> None:
    """Take a step; whatever ends it is the outcome of those of its questions that are open."""
    why_not = Settled(ProbeOutcome.NOT_ASKED, f"without {step.missing}") if step.missing else login
    if why_not is None and not consent(f"{described(run.place, step)} Go on?"):
        why_not = Settled(ProbeOutcome.NOT_ASKED, DECLINED)
    try:
        if why_not is not None:
            raise why_not
        step.act(run)
    except Settled as end:
        _close(run, step, end.outcome, str(end))
    except Away as error:
        _close(run, step, ProbeOutcome.AWAY, str(error))
    except StrongroomError as error:
        _close(run, step, ProbeOutcome.UNCLEAR, str(error))


def _close(run: ProbeRun, step: ProbeStep, outcome: ProbeOutcome, why: str) -> None:
    for question in step.questions:
        if question not in run.findings:
            run.find(question, outcome, why)


def summary(report: ProbeReport) -> list[str]:
    """Return the report in lines: each question, its answer, why, and the last words."""
    lines = []
    for question in Question:
        found = report.findings.get(question)
        if found is None:
            continue
        answer = question.answer(found.outcome)
        lines.append(f"{answer:8}whether {question.sentence} ({found.outcome})")
        lines += [f"{'':8}{text}" for text in _because(found)]
    return lines + [f"{'LEFT':8}{each}" for each in report.left]


def _because(found: Finding) -> list[str]:
    refused = [each for each in found.words if not 200 <= each.status < 300][-1:]
    said = [f"{each.request}: {Reply(each).said}" for each in refused]
    return [found.why, *said] if found.why else said
