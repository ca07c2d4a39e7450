"""Results that take long to make, kept outside of the source tree and keyed by what they were made of."""

import fcntl
import hashlib
import os
import shutil
import time
from pathlib import Path

KEEP_UNUSED_SECONDS = 14 * 24 * 3600


def cache_dir():
    """The folder of all caches of bootseal; BOOTSEAL_CACHE moves it."""
    base = os.environ.get("BOOTSEAL_CACHE")
    if not base:
        user_cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        base = Path(user_cache) / "bootseal"
    return Path(base) / "images"


def fingerprint(*parts):
    """A short hash over strings and bytes, each with its length, so that no two lists are alike."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:16]


def tree_fingerprint(folder):
    """fingerprint() of names, modes and contents below a folder."""
    parts = []
    for path in sorted(Path(folder).rglob("*")):
        parts.append(path.relative_to(folder))
        if path.is_symlink():
            parts.append(os.readlink(path))
        elif path.is_file():
            parts += [path.stat().st_mode & 0o777, path.read_bytes()]
    return fingerprint(*parts)


def cached(kind, recipe, build):
    """The folder that build(folder) filled for this recipe; built once, also when several ask at once.

    recipe is a list of strings and bytes: everything that decides about the result. The folder gets its
    name only when it is complete, so an interrupted build leaves nothing that could be mistaken for one.
    """
    target = cache_dir() / f"{kind}-{fingerprint(*recipe)}"
    if target.is_dir():
        os.utime(target)
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{target}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return target
        growing = Path(f"{target}.new")
        shutil.rmtree(growing, ignore_errors=True)
        growing.mkdir()
        build(growing)
        growing.rename(target)
        _forget_unused(target.parent, kind)
    return target


def _forget_unused(folder, kind):
    """Removes results of older recipes that nobody has asked for in a while."""
    for path in folder.glob(f"{kind}-*"):
        if path.is_dir() and time.time() - path.stat().st_mtime > KEEP_UNUSED_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
