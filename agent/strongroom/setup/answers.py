"""Interview to a wizard's questions: from options, from a file, from a terminal, or by default.

Each is checked before the next question is asked. At a terminal a wrong one is told, and the
question asked again; elsewhere it ends the command.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from strongroom.errors import BadInput, StrongroomError, nearest
from strongroom.settings import ConfigError, read_toml

T = TypeVar("T")


class Interview:
    """What is asked, and what was answered.

    Args:
        given: answers by the question's name, as `rpc` or `max_order`
        ask: is handed a question and its default, returns what was typed; None: nobody is there
        say: is handed what a check found
    """

    def __init__(
        self,
        given: Mapping[str, str],
        ask: Callable[[str, str], str] | None,
        say: Callable[[str], None],
    ) -> None:
        self.say = say
        self._given, self._ask = dict(given), ask
        self._used: set[str] = set()

    def take(
        self, name: str, words: str, check: Callable[[str], T], default: str | None = None
    ) -> T:
        """Return the answer to a question.

        Args:
            words: the question, without its mark
            check: returns what the answer stands for, or raises a StrongroomError
            default: the answer where none is given; None: one is needed

        Raises:
            BadInput: it is needed and missing, or what `check` raises.
        """
        self._used.add(name)
        if name in self._given:
            return self._checked(name, check, self._given[name])
        if self._ask is None:
            if default is None:
                raise BadInput(f"{words}: no terminal to ask at: give {_option(name)}")
            return self._checked(name, check, default)
        while True:
            try:
                return check(self._ask(words, default or "").strip())
            except StrongroomError as error:
                self.say(f"  {error}")

    def check_all_used(self) -> None:
        """Refuse answers to what is not asked here.

        Raises:
            BadInput: there is one.
        """
        unused = [_option(each) for each in self._given if each not in self._used]
        if unused:
            raise BadInput(f"{', '.join(unused)}: not asked for such a vault: leave it out")

    def _checked(self, name: str, check: Callable[[str], T], text: str) -> T:
        try:
            return check(text.strip())
        except BadInput as error:
            raise type(error)(f"{_option(name)}: {error}") from error


def read_answers(path: Path, known: Sequence[str]) -> dict[str, str]:
    """Return the answers of a file: TOML of names, as in the options, and values.

    Raises:
        ConfigError: the file or a name does not fit.
    """
    found: dict[str, str] = {}
    for key, value in read_toml(path).items():
        name = key.replace("-", "_")
        if name not in known:
            raise ConfigError(f"{path}: [{key}] nothing asks for it{nearest(name, known)}")
        if isinstance(value, dict):
            raise ConfigError(f"{path}: [{key}] an answer is text, a number or a list")
        if isinstance(value, bool):
            found[name] = "yes" if value else "no"
        else:
            found[name] = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return found


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
