"""Write docs/python.md from the docstrings of what the package promises: `make reference`."""

import inspect
import re
from enum import Enum
from pathlib import Path
from types import ModuleType

import click
from strongroom import errors, strategy

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "docs" / "python.md"
HEAD = """# Python

What may be imported from outside, in the words of its source: the errors, and the API for packs
([packs-api.md](packs-api.md)). Everything else may change without notice. Written by
`make reference`.
"""
HIDDEN = ("Protocol", "object", "Generic")  # bases that say nothing to a reader
PLACES = re.compile(r"\b(?:[a-z_]+\.)+([A-Z]\w*)")  # strongroom.chain.orders.Side -> Side


def python_reference() -> str:
    """Return the page."""
    tree = [each for each in vars(errors).values() if _is_error(each)]
    parts = [HEAD, _module(errors, tree), _module(strategy, _public(strategy))]
    return "\n".join(parts)


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, errors.StrongroomError)


def _public(module: ModuleType) -> list[object]:
    """Return what a module offers, in the order of its list."""
    return [_Constant(name, each) if _plain(each := getattr(module, name)) else each
            for name in module.__all__]  # fmt: skip


class _Constant:
    """A value that has no docstring: its name and what it is."""

    def __init__(self, name: str, value: object) -> None:
        self.name, self.value = name, value


def _plain(value: object) -> bool:
    return isinstance(value, Enum) or not (
        inspect.isclass(value) or hasattr(value, "__supertype__")
    )


def _module(module: ModuleType, offered: list[object]) -> str:
    """Return a module's part: its constants in a table, then one heading for each name."""
    constants = [each for each in offered if isinstance(each, _Constant)]
    lines = [f"## {module.__name__}", ""]
    if constants:
        lines += ["| constant | value |", "|---|---|"]
        lines += [f"| `{each.name}` | `{_shown(each.value)}` |" for each in constants]
        lines.append("")
    for each in offered:
        if not isinstance(each, _Constant):
            lines += _named(each)
    return "\n".join(lines)


def _shown(value: object) -> str:
    return str(value) if isinstance(value, Enum) else repr(value).replace("|", "\\|")


def _named(each: object) -> list[str]:
    """Return the heading, signature, docstring and methods of a name."""
    if hasattr(each, "__supertype__"):
        return [
            f"### {each.__name__}",
            "",
            f"Of its own type; a `{each.__supertype__.__name__}`.",
            "",
        ]
    assert isinstance(each, type)
    lines = [f"### {each.__name__}", "", "```python", _signature(each), "```", "", *_doc(each)]
    if issubclass(each, Enum):
        lines += [", ".join(f"`{member.name}`" for member in each) + ".", ""]
    rows = [_row(name, member) for name, member in vars(each).items() if _is_method(name, member)]
    if rows:
        lines += ["| | |", "|---|---|", *rows, ""]
    return lines


def _signature(each: type) -> str:
    bases = [base.__name__ for base in each.__bases__ if base.__name__ not in HIDDEN]
    if issubclass(each, (Enum, Exception)) or getattr(each, "_is_protocol", False):
        return f"class {each.__name__}" + (f"({', '.join(bases)})" if bases else "")
    parameters = [_plainly(str(one)) for one in inspect.signature(each).parameters.values()]
    whole = f"{each.__name__}({', '.join(parameters)})"
    if len(whole) <= 100:
        return whole
    return f"{each.__name__}(\n" + "".join(f"    {one},\n" for one in parameters) + ")"


def _plainly(text: str) -> str:
    """Return a parameter without the places of its types, and a default without its address."""
    text = re.sub(
        r"(?:typing\.)?Annotated\[(.*?\]), .*\]", r"\1", text
    )  # how it is written down is no concern
    text = re.sub(r"<([A-Z]\w+\.\w+): .*?>", r"\1", text.replace("<factory>", "..."))
    return PLACES.sub(r"\1", text)


def _doc(each: type) -> list[str]:
    """Return a docstring as Markdown: a list where it lists attributes."""
    text = inspect.getdoc(each) if each.__doc__ else ""
    lines: list[str] = []
    for line in (text or "").splitlines():
        item = re.match(r" {4}([\w, ]+): (.*)$", line)
        if line in ("Attributes:", "Raises:"):
            lines += [line, ""]
        elif item:
            lines.append(f"- `{item[1]}`: {item[2]}")
        else:
            lines.append(line if not line.startswith("        ") else f"  {line.strip()}")
    return [*lines, ""]


def _is_method(name: str, member: object) -> bool:
    public = not name.startswith("_") or name == "__call__"
    return public and (inspect.isfunction(member) or isinstance(member, (property, classmethod)))


def _row(name: str, member: object) -> str:
    """Return the row of a method or property: how it is called, and what it says of itself."""
    called = getattr(member, "__func__", member)
    said = " ".join((inspect.getdoc(called) or "").split("\n\n")[0].split())
    if isinstance(member, property):
        return f"| `{name}` | {said} |"
    parameters = list(inspect.signature(called).parameters)[1:]
    shown = f"{name}({', '.join(parameters)})".replace("__call__", "")
    return f"| `{shown}` | {said.replace('|', chr(92) + '|')} |"


@click.command()
def cli() -> None:
    """Write docs/python.md from docstrings.

    Example: python -m scripts.dev.export_python
    """
    TARGET.write_text(python_reference())
    click.echo(f"{TARGET.relative_to(ROOT)}: {TARGET.read_text().count(chr(10))} lines")


if __name__ == "__main__":
    cli()
