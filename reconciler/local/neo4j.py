"""Neo4j Community, from Maven's jars."""

from __future__ import annotations

import shutil
from pathlib import Path

from reconciler.files import PRIVATE, write_whole
from reconciler.local import paths, probes
from reconciler.local.jvm import JavaStore
from reconciler.local.launch import Launch, Options
from reconciler.local.stores import NEO4J

_OPENED = ("java.nio", "java.io", "sun.nio.ch", "java.lang", "java.util.concurrent")
_MAIN = "org.neo4j.server.Neo4jCommunity"
_MAIN_BEFORE_2025 = "org.neo4j.server.CommunityEntryPoint"
# Nothing but Bolt on loopback, little memory and disk, no reports to anybody, and no waiting at the end: by default
# the server sits out several quiet periods although nobody is connected.
_CONFIGURATION = """\
dbms.security.auth_enabled=false
dbms.usage_report.enabled=false
db.tx_log.preallocate=false
internal.dbms.bolt.netty_server_shutdown_quiet_period=0
internal.dbms.bolt.netty_server_shutdown_timeout=1s
internal.server.bolt.thread_pool_shutdown_wait_time=1s
server.bolt.advertised_address={host}:{port}
server.bolt.listen_address={host}:{port}
server.default_listen_address={host}
server.http.enabled=false
server.https.enabled=false
server.memory.pagecache.size=32m
"""


class Neo4j(JavaStore):
    """The recipe."""

    store = NEO4J

    def launch(self, home: Path, port: int, options: Options) -> Launch:
        """Write `neo4j.conf` and run the server in the folder."""
        if not options.keep:
            shutil.rmtree(home / "data", ignore_errors=True)
        for folder in ("conf", "data", "logs", "plugins"):
            paths.make_folder(home / folder, mode=0o700)
        configuration = _CONFIGURATION.format(host=probes.LOOPBACK, port=port)
        write_whole(home / "conf" / "neo4j.conf", configuration.encode(), mode=PRIVATE)
        argv = self.java(
            home,
            port,
            heap="384m",
            options=[f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED],
            main=(self._main, f"--home-dir={home}", f"--config-dir={home / 'conf'}"),
        )
        stop = self.store.stop if options.keep else self.store.drop
        return Launch(home, argv, stop, self.store.grace, env={"NEO4J_HOME": str(home)}, delete=not options.keep)

    @property
    def _main(self) -> str:
        return _MAIN_BEFORE_2025 if self.version.startswith(("4.", "5.")) else _MAIN
