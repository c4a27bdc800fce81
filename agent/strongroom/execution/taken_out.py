"""Orders that a person has asked to take out, as the journal keeps it.

All decisions that were under way then have ended: what they have at the venue is cancelled, and
nothing more is placed for them. Another process may ask; the keeper does it at its next tick, or
when it runs again.
"""

from strongroom.journal import Journal, Task

FACT = "taken out up to task"


def take_out(journal: Journal) -> int:
    """Ask for the end of all that is under way; return how many decisions that are."""
    tasks = journal.open_tasks()
    if tasks:
        journal.keep(FACT, str(max(each.number for each in tasks)))
    return len(tasks)


def is_taken_out(journal: Journal, task: Task) -> bool:
    """Whether a person has asked for a decision's end."""
    return task.number <= int(journal.fact(FACT) or 0)
