"""DynamoDB Local, from Maven's jars.

Its licence allows neither to pass it on nor to change it, so it is always downloaded as it is. It listens on all
interfaces. It is not started with `-sharedDb`: each pair of access key and region is a namespace with its own tables,
so tests that take an access key each (letters and digits only) do not see one another.
"""

from __future__ import annotations

from pathlib import Path

from reconciler.local import paths
from reconciler.local.jvm import JavaStore
from reconciler.local.launch import Launch, Options
from reconciler.local.stores import DYNAMODB

_MAIN = "software.amazon.dynamodb.services.local.main.ServerRunner"
_MAIN_BEFORE_3 = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner"


class DynamoDB(JavaStore):
    """The recipe."""

    store = DYNAMODB

    def launch(self, home: Path, port: int, options: Options) -> Launch:
        """Run the server on files below the folder, or in memory when the data need not last."""
        data = paths.make_folder(home / "data", mode=0o700)
        storage = ("-dbPath", str(data)) if options.keep else ("-inMemory",)
        delay = ("-delayTransientStatuses",) if options.delay_transient else ()
        argv = self.java(
            home,
            port,
            heap="128m",
            options=(),
            main=(self._main, "-disableTelemetry", "-port", str(port), *storage, *delay),
        )
        stop = self.store.stop if options.keep else self.store.drop
        return Launch(home, argv, stop, self.store.grace, delete=not options.keep)

    @property
    def _main(self) -> str:
        return _MAIN_BEFORE_3 if self.version.startswith(("1.", "2.")) else _MAIN
