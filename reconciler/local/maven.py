"""Where the bytes of a jar can come from: folders of this computer, or the repositories that `jgo` knows.

Nothing here trusts what it finds; `jars` compares every file with the committed digest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.errors import LocalStoreError
from reconciler.local.jarset import Jar

OFFLINE_VARIABLE = "RECONCILE_JARS"
_SECONDS_WITHOUT_AN_ANSWER = 20
_CREDENTIALS = re.compile(r"://[^/@\s]*@")


class Maven:
    """The sources of this user: `RECONCILE_JARS`, Maven's local repository, and the repositories of jgo's settings."""

    def __init__(self) -> None:
        try:
            from jgo.config import GlobalSettings
            from jgo.maven import MavenContext
        except ImportError as error:
            raise missing_extra("jgo") from error
        settings = GlobalSettings.load()
        self._remotes: dict[str, str] = {**MavenContext().remote_repos, **settings.repositories}
        self._folders = [*offline_folders(), Path(settings.repo_cache).expanduser()]

    def on_this_computer(self, jar: Jar) -> Iterator[Path]:
        """The files that may be the jar, in folders laid out as repositories or holding all jars side by side."""
        for folder in self._folders:
            for candidate in (folder / jar.path, folder / jar.file):
                if candidate.is_file():
                    yield candidate

    def download(self, jar: Jar, into: Path, received: Callable[[int], None]) -> Path:
        """Fetch one file below the folder `into`, once; `received` hears the size of every chunk."""
        from jgo.maven import MavenContext, PythonResolver

        @contextmanager
        def counted(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
            yield received

        context = MavenContext(
            resolver=PythonResolver(progress_callback=counted),
            repo_cache=into,
            local_repos=[],
            remote_repos=self._remotes,
            timeout=_SECONDS_WITHOUT_AN_ANSWER,
        )
        group, artifact, version, classifier = jar.parts
        component = context.project(group, artifact).at_version(version)
        return Path(component.artifact(classifier=classifier, packaging=jar.ext).resolve())

    def tried(self) -> str:
        """The sources in words, for an error; without addresses, which may hold a password."""
        folders = ", ".join(str(folder) for folder in self._folders)
        return f"looked in {folders} and in the repositories {', '.join(self._remotes)}"


def offline_folders() -> list[Path]:
    """The folders named by `RECONCILE_JARS`, separated like those of `PATH`."""
    return [Path(part) for part in os.environ.get(OFFLINE_VARIABLE, "").split(os.pathsep) if part]


def without_credentials(text: str) -> str:
    """The text with the user and password of every address blotted out."""
    return _CREDENTIALS.sub("://***@", text)


def missing_extra(package: str) -> LocalStoreError:
    """The error for a package of the `local` extra that is not installed."""
    return LocalStoreError(
        f"the local stores need the package {package}, which is not installed",
        hint="pip install 'reconciler[local]'",
    )
