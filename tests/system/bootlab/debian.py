"""Packages of the distribution, through the host's own apt configuration and nothing else."""

import os
import re
from pathlib import Path

from .run import run


def host_suite():
    """The code name of the suite that this machine runs."""
    text = Path("/etc/os-release").read_text()
    return re.search(r"^VERSION_CODENAME=(\S+)", text, re.M).group(1)


def mirror():
    """The address of the archive from which the host takes its own suite."""
    lines = run("apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)",
                "Created-By: Packages", "Origin: Debian").splitlines()
    for line in lines:
        codename, address = line.split()
        if codename == host_suite():
            return address
    raise RuntimeError("apt knows no archive for the suite of this machine; run apt-get update")


def candidate(package):
    """The name=version that apt would install."""
    match = re.search(r"Candidate: (\S+)", run("apt-cache", "policy", package))
    if not match or match.group(1) == "(none)":
        raise RuntimeError(f"apt knows no package {package}; run apt-get update")
    return f"{package}={match.group(1)}"


def another(package):
    """name=version of a package that is installed, in another version, the newest of those that apt knows."""
    said = run("apt-cache", "policy", package)
    installed = re.search(r"Installed: (\S+)", said).group(1)
    table = said.partition("Version table:")[2]
    versions = [version for version in re.findall(r"^[ *]{5}(\S+) -?\d+$", table, re.M) if version != installed]
    if not versions:
        raise RuntimeError(f"apt knows one version of {package} alone; the archive of security updates has others")
    return f"{package}={versions[0]}"


def another_named(package, pattern):
    """name=version of another package whose name matches, nearest to this one in the order of versions."""
    names = [name for name in run("apt-cache", "pkgnames", package.partition("-")[0]).split()
             if re.fullmatch(pattern, name) and name != package]
    if not names:
        raise RuntimeError(f"apt knows no package but {package} that matches {pattern}; run apt-get update")
    common = os.path.commonprefix
    return candidate(max(sorted(names), key=lambda name: len(common([name, package]))))


def dependency(package, pattern):
    """The name of the first dependency of a package that matches, as meta packages name the real one."""
    for line in run("apt-cache", "depends", "--important", package).splitlines():
        name = line.strip().removeprefix("Depends: ")
        if re.fullmatch(pattern, name):
            return name
    raise RuntimeError(f"{package} depends on nothing like {pattern}")


def unpack(package, folder):
    """Downloads name=version and unpacks it without installing it; apt checks the signatures."""
    folder = Path(folder)
    run("apt-get", "-o", "APT::Sandbox::User=root", "download", package, cwd=folder)
    (archive,) = folder.glob("*.deb")
    run("dpkg", "-x", archive, folder)
    archive.unlink()
