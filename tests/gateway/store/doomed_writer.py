"""A writer process that kills itself at its second group: right before its commit, or right after."""

import os
import signal

from gateway.store.sqlite import process
from gateway.store.sqlite.engine import Engine


class Doomed(Engine):
    """Dies once; `REMITHUB_TEST_DIES` says where, and a file beside the database that it has."""

    def apply(self, units, **options):
        where, marker = os.environ["REMITHUB_TEST_DIES"].split(":", 1)
        tell = options.pop("told")
        dying = any("msg_1" in str(unit) for unit in units) and not os.path.exists(marker)  # noqa: PTH110 - a plain question

        def told(outcomes):
            tell(outcomes)
            if dying and where == "before":
                self._die(marker)

        done = super().apply(units, **options, told=told)
        if dying:
            self._die(marker)
        return done

    @staticmethod
    def _die(marker):
        with open(marker, "x"):  # noqa: PTH123 - made once or not at all
            os.kill(os.getpid(), signal.SIGKILL)


def serve() -> None:
    process.Engine = Doomed
    process.serve()
