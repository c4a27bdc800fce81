"""Whether calls would pass if the Safe made them now, and why not: asked before anything is signed,
so that what would revert costs no gas."""

from collections.abc import Sequence

from strongroom.chain.calls import Call, Read
from strongroom.chain.failures import TransactionRefused
from strongroom.chain.ids import Json, to_hex
from strongroom.chain.rpc import Chain, simulation
from strongroom.signing.safe import CALL, batch


class DryRun:
    """Runs one Safe's calls without sending them."""

    def __init__(self, chain: Chain, safe: str, multi_send: str, sender: str) -> None:
        """Take the Safe, MultiSendCallOnly, and who carries what they do."""
        self._chain, self._safe, self._multi_send = chain, safe, multi_send
        self._sender = sender
        self._code_of_multi_send = ""  # asked for once

    def read(self, calls: Sequence[Call]) -> Read[None]:
        """Return the read that runs the calls as the Safe, one after the other, on top of each
        other; it raises TransactionRefused if one would revert."""
        sent = batch(calls, self._multi_send)
        if sent.operation == CALL:
            return simulation(self._safe, sent.to, to_hex(sent.data))
        # a Safe that is nothing but MultiSend for one call: its calls come from the Safe's address
        if not self._code_of_multi_send:
            self._code_of_multi_send = self._chain.code_at(self._multi_send)
        override: dict[str, Json] = {str(self._safe): {"code": self._code_of_multi_send}}
        return simulation(self._sender, self._safe, to_hex(sent.data), override)

    def why(self, calls: Sequence[Call], known: str) -> str:
        """Return why calls would revert now; what is known already, where they would not."""
        together = self._chain.together()
        try:
            together.add(self.read(calls))()
        except TransactionRefused as refused:
            return self.told(calls, refused)
        return known

    def told(self, calls: Sequence[Call], refused: TransactionRefused) -> str:
        """Return why calls would revert. MultiSend swallows the reason; most calls fail alone,
        too."""
        for call in calls if len(calls) > 1 else ():
            try:
                self._chain.simulate(self._safe, call.to, call.data)
            except TransactionRefused as alone:
                return str(alone)
        return str(refused)
