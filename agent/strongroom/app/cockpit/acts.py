"""What the cockpit's buttons do: what makes safer, by the ways that the keeper's commands and bots
have. None of them needs a key."""

from collections.abc import Mapping
from dataclasses import dataclass

from strongroom.app.cockpit.looking import Looker
from strongroom.errors import BadInput
from strongroom.execution.taken_out import take_out
from strongroom.keeper.channels import try_each
from strongroom.keeper.configuration import Config
from strongroom.keeper.safety import NotStopped, ask_for_pause, pause_call, stop

WHO = "the cockpit"
MOST_REASON = 500  # characters


class NoSuchAct(BadInput):
    """The cockpit has no such button."""


class NotSure(BadInput):
    """A button was pressed once; it asks a second time before anything is done."""


@dataclass(frozen=True)
class Act:
    """A button.

    Attributes:
        question: what it asks once more
        reasoned: it takes a reason, which goes to others
    """

    name: str
    label: str
    question: str
    yes: str
    reasoned: bool = False


STOP = Act(
    "stop",
    "Stop decisions",
    "The keeper decides nothing new from its next tick on, and cancels what rests. Reports, "
    "settlements and exits of depositors go on. Only somebody at the keeper's machine can let it "
    "go on, by removing the stop file.",
    "Stop decisions now",
)
TAKE_OUT = Act(
    "take-out",
    "Cancel what rests",
    "The keeper cancels every order that is at the venue, at its next tick, and places nothing "
    "more for the decisions that are under way. What was filled is kept. It goes on deciding: to "
    "end that as well, stop decisions.",
    "Cancel them now",
)
PAUSE = Act(
    "pause",
    "Ask the guardian to pause",
    "A message of the highest urgency goes to everybody whom the keeper's file names in [notify]: "
    "please pause the vault. Nothing is sent to the chain: only the guardian can pause.",
    "Send the message now",
    reasoned=True,
)
ACTS = (STOP, TAKE_OUT, PAUSE)


def carry_out(looker: Looker, name: str, sure: bool, why: str = "") -> str:
    """Do what a button says; return what follows, in words.

    Args:
        sure: it was asked once more
        why: the person's reason

    Raises:
        NoSuchAct, NotSure: see the classes; nothing was done.
        JournalAway: the journal cannot be written; nothing was done.
        NotStopped: the stop file cannot be written; who could be told of it, was.
        ConfigError: nobody can be told.
    """
    if name not in {each.name for each in ACTS}:
        raise NoSuchAct(f"no button {name!r}: there are {', '.join(each.name for each in ACTS)}")
    if not sure:
        raise NotSure("press the button, and say yes when it asks once more: nothing was done")
    if name == STOP.name:
        return _stop(looker.config)
    if name == TAKE_OUT.name:
        count = looker.write(take_out)
        return _taken_words(count)
    call = pause_call(looker.config)
    told = ask_for_pause(looker.config, " ".join(why.split())[:MOST_REASON])
    words = _told_words(told, "tell the guardian yourself")
    return f"{words} The guardian calls pause() on {call.vault}, data {call.data}."


def _stop(config: Config) -> str:
    """Make the stop file; where that fails, everybody who can be told is told."""
    try:
        return stop(config.operations.stop_file, WHO)
    except NotStopped as error:
        if not config.notify:
            raise
        words = f"Strongroom {config.vault}: does not stop, asked by {WHO}: {error}"
        told = _told_words(try_each(config.notify, words), "tell them yourself")
        raise NotStopped(f"{error}. {told}") from error


def _taken_words(count: int) -> str:
    if not count:
        return "Nothing is under way, so there is nothing to cancel."
    decisions = "1 decision" if count == 1 else f"{count} decisions"
    return (
        f"What {decisions} under way have at the venue is cancelled at the keeper's next tick. A "
        "keeper that does not run does it when it runs again; the venue takes out what rests when "
        "no heartbeats come."
    )


def _told_words(told: Mapping[str, str], advice: str) -> str:
    took = [name for name, why in told.items() if not why]
    lost = [f"{name} ({why})" for name, why in told.items() if why]
    words = f"Taken by {', '.join(took)}." if took else "Nobody took the message."
    return f"{words} Not taken by {', '.join(lost)}: {advice}." if lost else words
