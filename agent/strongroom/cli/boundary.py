"""Where every error ends: one sentence on standard error, and an exit status.

    0    done
    1    two things that must be equal are not (`Differs`)
    2    a wrong option, a file that does not fit, no answer, a refusal
    3    a defect of ours (`Defect`): nothing follows about what was looked at
    130  Ctrl-C; 143: SIGTERM. What the command started is ended.

A traceback is printed with `--debug` only.
"""

import os
import re
import signal
import sys
import threading
import traceback
from typing import Any, NoReturn

import click

from strongroom.errors import Defect, Differs, StrongroomError, nearest
from strongroom.foreign_text import plain_lines

DIFFERS, FAILED, DEFECT, INTERRUPTED, TERMINATED = 1, 2, 3, 130, 143
DEBUG = "strongroom.debug"


class Ended(click.ClickException):
    """A command ends with a sentence and a status."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code

    def show(self, file: Any = None) -> None:
        """Print the sentence; a node's or a service's words in it move no cursor."""
        click.echo(plain_lines(self.message), err=True)


class Command(click.Command):
    """A command inside the boundary."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.params.append(_debug_option())
        if self.help:  # an example is one line, however narrow the terminal
            self.help = re.sub(r"\n( *)Example: ", "\n\\1\b\n\\1Example: ", self.help)

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        """Read the options; a wrong one ends with a sentence."""
        try:
            return super().make_context(*arguments, **options)
        except click.UsageError as error:
            raise _usage(error) from error
        except OSError as error:  # of what --help and --version print
            _raise(error, debug=False)

    def invoke(self, ctx: click.Context) -> Any:
        """Run."""
        _unwind_on_signals()
        try:
            found = super().invoke(ctx)
            sys.stdout.flush()
            return found
        except Exception as error:
            _raise(error, bool(ctx.meta.get(DEBUG)))
        except KeyboardInterrupt as stop:
            told = f"stopped: {stop}" if str(stop) else "stopped"
            raise Ended(told, INTERRUPTED) from None


class Group(Command, click.Group):
    """Commands under one name."""

    command_class = Command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find a command; suggest one for a name that is none."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            near = nearest(name, self.list_commands(ctx))
            raise click.UsageError(f"There is no command {name!r}{near}", ctx)
        return super().resolve_command(ctx, args)


def _debug_option() -> click.Option:
    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            ctx.meta[DEBUG] = True

    return click.Option(
        ["--debug"], is_flag=True, expose_value=False, is_eager=True, callback=remember,
        help="Show where an error comes from.",
    )  # fmt: skip


def _unwind_on_signals() -> None:
    """Let SIGTERM and Ctrl-C unwind the command, so that what it started is ended and what it sent
    is named; ape would leave at once. A shell's background commands hear no Ctrl-C: so it stays."""

    def end(*_: object) -> NoReturn:
        sys.exit(TERMINATED)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, end)
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def was_stopped(error: BaseException) -> bool:
    """Whether a question ended by Ctrl-C: click says only that it has no answer."""
    return isinstance(error, KeyboardInterrupt) or isinstance(error.__context__, KeyboardInterrupt)


def _usage(error: click.UsageError) -> Ended:
    words = error.format_message().rstrip(".")
    where = f" ({error.ctx.command_path} --help)" if error.ctx is not None else ""
    return Ended(f"{words}{where}", FAILED)


def _raise(error: Exception, debug: bool) -> NoReturn:
    """Raise what click prints and exits with."""
    if debug and not isinstance(error, click.exceptions.Exit | Ended):
        traceback.print_exc()
    if isinstance(error, click.UsageError):
        raise _usage(error) from error
    if isinstance(error, click.Abort):
        if was_stopped(error):
            raise Ended("stopped", INTERRUPTED) from error
        raise Ended("no answer was typed to the question", FAILED) from error
    if isinstance(error, click.ClickException | click.exceptions.Exit):
        raise error
    if isinstance(error, StrongroomError):
        kinds = ((Differs, DIFFERS), (Defect, DEFECT))
        code = next((code for kind, code in kinds if isinstance(error, kind)), FAILED)
        raise Ended(str(error), code) from error
    if isinstance(error, BrokenPipeError):
        raise error
    if isinstance(error, OSError) and error.strerror:
        _drop_output()
        what = error.filename or "what is printed"
        raise Ended(
            f"{what} cannot be used ({error.strerror}): name another place", FAILED
        ) from error
    if why := _of_a_database(error):
        raise Ended(why, FAILED) from error
    first = (str(error).splitlines() or [""])[0]
    what = f"{type(error).__name__}: {first}" if first else type(error).__name__
    raise Ended(f"unexpected {what}: run again with --debug", DEFECT) from error


def _of_a_database(error: Exception) -> str:
    """Return what is wrong with a file of SQLite that an error is of, and what to do; empty: it is
    of something else."""
    import sqlite3

    cause = getattr(error, "orig", error)  # as SQLAlchemy has it
    if not isinstance(cause, sqlite3.Error):
        return ""
    damaged = (
        "restore a keeper's journal from its backup (strongroom keeper restore); move any other "
        "file away, and it begins anew"
    )
    cures = {
        sqlite3.SQLITE_CORRUPT: damaged,
        sqlite3.SQLITE_NOTADB: damaged,
        sqlite3.SQLITE_FULL: "free some of its disk",
    }
    cure = cures.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
    return f"a database cannot be used ({cause}): {cure}" if cure else ""


def _drop_output() -> None:
    """Forget what cannot be printed, so that Python does not try again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
