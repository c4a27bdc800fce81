"""What a person may ask of a keeper at any time: only what makes it safer. None of it needs a key;
to let the keeper go on takes somebody at its machine."""

from dataclasses import dataclass
from pathlib import Path

from strongroom.chain.calls import make_call
from strongroom.errors import Away
from strongroom.keeper.channels import try_each
from strongroom.keeper.configuration import Config


class NotStopped(Away):
    """Somebody asked the keeper to stop, and it has not heard of it."""


def stop(stop_file: Path, who: str) -> str:
    """Make the stop file: nothing new is decided, and what rests is cancelled. Return what follows,
    in words.

    Args:
        who: asks for it; the file says so

    Raises:
        NotStopped: the file cannot be made.
    """
    try:
        stop_file.parent.mkdir(parents=True, exist_ok=True)
        with stop_file.open("a") as file:
            file.write(f"asked by {who}\n")
    except OSError as error:
        raise NotStopped(
            f"{stop_file} cannot be written ({error.strerror or type(error).__name__}): the keeper "
            "goes on; end it on its machine, or make that file there by hand"
        ) from error
    return (
        "Nothing new is decided from the next tick on, and what rests is cancelled. To go on, "
        f"remove {stop_file} on the machine."
    )


@dataclass(frozen=True)
class PauseCall:
    """The call by which a guardian pauses a vault."""

    vault: str
    data: str

    def words(self, why: str) -> str:
        """Return the request to the guardian."""
        reason = f" Reason: {why}." if why else ""
        return (
            f"Strongroom {self.vault}: the operator asks the guardian to pause the vault. Call "
            f"pause() on {self.vault}, data {self.data}.{reason} Exits in kind and claims go on."
        )


def pause_call(config: Config) -> PauseCall:
    """Return the call that the guardian of a keeper's vault would make."""
    call = make_call(config.vault, "Vault", "pause")
    return PauseCall(call.to, call.data)


def ask_for_pause(config: Config, why: str) -> dict[str, str]:
    """Ask the guardian to pause, by each [[notify]] of the keeper's file; return by channel why it
    did not take the message, empty: it did.

    Raises:
        ConfigError: there is no channel, or a variable with a secret is not set.
    """
    return try_each(config.notify, pause_call(config).words(why))
