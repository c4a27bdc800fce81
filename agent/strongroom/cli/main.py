"""The list of commands, by who needs them; each is loaded when it is typed."""

from importlib import import_module
from typing import Any, NamedTuple

import click

from strongroom.cli.boundary import Group


class Entry(NamedTuple):
    """A command of the list: which module has it, under which name, and what it does."""

    module: str
    does: str
    attribute: str = "command"


COMMANDS: dict[str, dict[str, Entry]] = {
    "Try it": {
        "demo": Entry("devnet", "One complete vault life, in half a minute.", "demo"),
        "practice": Entry("devnet", "A vault to practise on, kept running.", "practice"),
        "faucet": Entry("devnet", "Money to try with on a running practice.", "faucet"),
        "devnet": Entry("devnet", "The venue on a local chain, kept running.", "devnet"),
        "week": Entry("devnet", "A recorded week that the keeper runs through.", "week"),
        "doctor": Entry("doctor", "What is installed and reachable; what brings the rest."),
    },
    "Depositor": {
        "deposit": Entry("depositor", "Ask to deposit; the next report prices it.", "deposit"),
        "redeem": Entry("depositor", "Ask to redeem; the next report prices it.", "redeem"),
        "claim": Entry("depositor", "Take what reports have settled for you.", "claim"),
        "cancel": Entry("depositor", "Take a request back before it is priced.", "cancel"),
        "position": Entry("depositor", "Show what you have in a vault.", "position"),
        "exit": Entry("depositor", "Leave in kind, without keeper or price.", "leave"),
    },
    "Owner": {
        "deploy": Entry("deployment", "Deploy a vault from a file, on a fork first.", "deploy"),
        "verify": Entry("deployment", "Compare what is on chain with code and file.", "verify"),
    },
    "Operator": {
        "keeper": Entry("keeper", "Run a keeper, look at it, write its files."),
        "cosigner": Entry("cosigner", "Run the second owner of a keeper's Safe."),
    },
    "Auditor": {
        "audit": Entry("audit", "Rebuild a vault from its logs; say what differs."),
        "page": Entry("page", "Write what an audit found as a static site."),
    },
    "Quant": {
        "backtest": Entry("backtest", "Run the keeper over recorded history."),
        "study": Entry("study", "Study the recorded price ladders."),
    },
}
ENTRIES = {name: entry for section in COMMANDS.values() for name, entry in section.items()}


class Listed(Group):
    """The commands of the list."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names."""
        return list(ENTRIES)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Load a command."""
        if name not in ENTRIES:
            return None
        module = import_module(f"strongroom.cli.{ENTRIES[name].module}")
        command: click.Command = getattr(module, ENTRIES[name].attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list by role, without loading a command."""
        for role, entries in COMMANDS.items():
            with formatter.section(role):
                formatter.write_dl([(name, entry.does) for name, entry in entries.items()])


@click.group(
    cls=Listed,
    name="strongroom",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Names complete on Tab after: eval "
    '"$(_STRONGROOM_COMPLETE=bash_source strongroom)" (zsh_source, fish_source likewise).',
)
@click.version_option(package_name="strongroom", prog_name="strongroom")
def command() -> None:
    """Vaults that prediction-market agents trade for, and the tools around them.

    \b
    Examples:
      strongroom demo
      strongroom COMMAND --help
    """


def main(arguments: Any = None) -> None:
    """Run what was typed."""
    command(arguments, prog_name="strongroom")
