"""Where tables and lines are printed for a person. What is printed is text: no word in brackets
styles or hides anything, whoever wrote it. Our own styling is given by `style`, or as `Text`."""

from typing import Any

from rich.console import Console
from rich.text import Text

from strongroom.foreign_text import plain_lines

PIPE_WIDTH = 120  # of tables that go to a file or another program


class Screen(Console):
    """As wide as the terminal; prints text as it is, but for what would move the cursor."""

    def __init__(self, *, quiet: bool = False, stderr: bool = False) -> None:
        """Print to the output, or beside it.

        Args:
            quiet: print nothing
            stderr: where the output is data, for what is said beside it
        """
        super().__init__(highlight=False, markup=False, emoji=False, quiet=quiet, stderr=stderr)
        if not self.is_terminal and "COLUMNS" not in self._environ:
            self.width = PIPE_WIDTH

    def render_str(self, text: str, **how: Any) -> Text:
        """Return the text of a line or a cell; its lines' ends are kept."""
        return super().render_str(plain_lines(text), **how)
