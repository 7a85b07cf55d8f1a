#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Gets the peers that goro is measured against: Go of Debian unstable, and Boost.Fiber of Debian 12.

Everything lands under build/peers. Nothing is installed and apt's own sources stay as they are: the packages
are downloaded with an apt configuration of our own (own sources, lists and cache) from the mirror that the
system already uses, and unpacked with `dpkg -x`. Root is not needed.

    fetch_peers.py [--build build/peers] [--again]

The second run does nothing. build/peers/peers.json tells compare.py what was found.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
BOOST_SUITE = "bookworm"
CXX_FLAGS = ["-O3", "-DNDEBUG", "-std=c++20", "-pthread"]


class PeerError(Exception):
    """A peer that cannot be had; the text says why and what to do."""


def say(text):
    print(f"peers: {text}", flush=True)


def call(args, what, **kwargs):
    """Runs a command; its output is shown only if it fails."""
    done = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          **kwargs)
    if done.returncode != 0:
        raise PeerError(f"{what} failed (exit code {done.returncode}):\n{done.stdout.strip()[-2000:]}")
    return done.stdout


def system_codename():
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.split("=", 1)[1].strip('"')
    return ""


def system_mirror():
    """The base address of the Debian archive that the system's own sources name."""
    for tool in ("apt-get", "apt-cache", "dpkg"):
        if not shutil.which(tool):
            raise PeerError(f"{tool} is not there: peers can be fetched on Debian only")
    listing = call(["apt-get", "indextargets", "--format", "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)",
                    "Created-By: Packages"], "apt-get indextargets")
    codename = system_codename()
    for line in listing.splitlines():
        uri, release, component, origin = (line.split("|") + [""] * 4)[:4]
        if release == codename and component == "main" and origin in ("", "Debian", "$(ORIGIN)"):
            return uri
    raise PeerError("the system's apt sources name no Debian archive for its own release; "
                    "add one (a 'deb' line for 'main') and run this again")


class Suite:
    """One Debian suite, seen through an apt configuration of our own."""

    def __init__(self, name, mirror, folder):
        self.name = name
        self.folder = folder
        for sub in ("lists/partial", "cache/archives/partial", "etc", "debs"):
            (folder / sub).mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
        (folder / "etc/sources.list").write_text(f"deb {signed}{mirror} {name} main\n")
        # Proxies and the like are the system's; its hooks, sources and pins are not.
        kept = [line for line in call(["apt-config", "dump"], "apt-config").splitlines()
                if re.match(r"Acquire::(http|https|ftp|Retries|ForceIPv)[^ ]* ", line)]
        own = {
            "APT::Architecture": call(["dpkg", "--print-architecture"], "dpkg").strip(),
            "APT::Sandbox::User": "root" if os.geteuid() == 0 else "",
            "APT::Get::AllowUnauthenticated": "0",
            "Acquire::Check-Valid-Until": "false",  # a frozen mirror's unstable is past its date
            "Acquire::Check-Date": "false",
            "Acquire::Languages": "none",
            "Dir::Etc::Parts": "/dev/null", "Dir::Etc::Main": "/dev/null",
            "Dir::Etc::SourceList": str(folder / "etc/sources.list"), "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::Preferences": "/dev/null", "Dir::Etc::PreferencesParts": "/dev/null",
            "Dir::State": str(folder), "Dir::State::Lists": str(folder / "lists"),
            "Dir::State::Status": str(folder / "status"), "Dir::Cache": str(folder / "cache"),
            "Dir::Log": str(folder),
        }
        (folder / "apt.conf").write_text("\n".join(kept + [f'{k} "{v}";' for k, v in own.items()]) + "\n")
        self.env = dict(os.environ, APT_CONFIG=str(folder / "apt.conf"), LC_ALL="C")
        say(f"reading the package list of Debian {name} …")
        call(["apt-get", "-q", "--error-on=any", "update"], f"apt-get update of {name}", env=self.env)

    def names(self, prefix):
        return call(["apt-cache", "pkgnames", prefix], "apt-cache pkgnames", env=self.env).split()

    def version(self, package):
        text = call(["apt-cache", "show", "--no-all-versions", package], f"apt-cache show {package}",
                    env=self.env)
        found = re.search(r"^Version: (\S+)$", text, re.M)
        if not found:
            raise PeerError(f"Debian {self.name} has no package {package}")
        return found.group(1)

    def unpack(self, packages, target):
        """Downloads the packages and unpacks them below target. Returns {package: version}."""
        versions = {p: self.version(p) for p in packages}
        for package, version in versions.items():
            say(f"downloading {package} {version}")
            before = set((self.folder / "debs").iterdir())
            call(["apt-get", "-q", "download", package], f"download of {package}", env=self.env,
                 cwd=self.folder / "debs")
            for deb in set((self.folder / "debs").iterdir()) - before:
                call(["dpkg", "-x", deb, target], f"unpacking {deb.name}")
                deb.unlink()
        return versions


def newest_go(suite):
    """The newest golang-1.N that is a release; pre-releases carry a tilde in their version."""
    numbers = sorted((int(m.group(1)) for m in (re.fullmatch(r"golang-1\.(\d+)-go", n)
                                                for n in suite.names("golang-1.")) if m), reverse=True)
    for number in numbers:
        if "~" not in suite.version(f"golang-1.{number}-go").split("-")[0]:
            return number
    raise PeerError(f"Debian {suite.name} has no golang-1.N-go package")


def fetch_go(mirror, build):
    """Go's tool chain below build/go. Returns what peers.json keeps of it."""
    target = build / "go"
    warning = ""
    for suite_name in ("unstable", system_codename()):
        try:
            suite = Suite(suite_name, mirror, build / "apt" / suite_name)
            number = newest_go(suite)
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            versions = suite.unpack([f"golang-1.{number}-go", f"golang-1.{number}-src"], target)
            break
        except PeerError as error:
            say(f"warning: no Go from Debian {suite_name}: {error}")
            warning = "Go is the distribution's, not the newest: its ratios flatter goro"
    else:
        raise PeerError("no Go could be had; is the network reachable?")
    goroot = assemble_goroot(target, number)
    version = call([goroot / "bin/go", "version"], "go version", env=go_env(goroot, build)).strip()
    return {"folder": str(goroot), "version": version, "packages": versions, "suite": suite_name,
            "warning": warning}


def assemble_goroot(target, number):
    """Debian splits GOROOT over /usr/lib and /usr/share, joined by absolute links; these must be ours."""
    lib, share = target / f"usr/lib/go-1.{number}", target / f"usr/share/go-1.{number}"
    for entry in lib.iterdir():
        if entry.is_symlink():
            entry.unlink()
    for entry in share.iterdir():
        if not (lib / entry.name).exists():
            (lib / entry.name).symlink_to(entry)
    return lib


def go_env(goroot, build):
    return dict(os.environ, GOROOT=str(goroot), GOTOOLCHAIN="local", GOFLAGS="-mod=mod", GOPROXY="off",
                GOSUMDB="off", GONOSUMDB="*", GOWORK="off", GOENV="off", CGO_ENABLED="0",
                GOCACHE=str(build / "go-cache"), GOPATH=str(build / "go-path"))


def build_go(build, info):
    say("building the Go rows …")
    call([Path(info["folder"]) / "bin/go", "build", "-buildvcs=false", "-o", build / "bench_go", "."],
         "go build", cwd=HERE / "peers/go", env=go_env(info["folder"], build))


def fetch_boost(mirror, build):
    """Headers and static libraries of Boost.Fiber below build/boost."""
    target = build / "boost"
    suite = Suite(BOOST_SUITE, mirror, build / "apt" / BOOST_SUITE)
    numbers = [m.group(1) for m in (re.fullmatch(r"libboost-fiber(1\.\d+)-dev", n)
                                    for n in suite.names("libboost-fiber")) if m]
    if not numbers:
        raise PeerError(f"Debian {suite.name} has no libboost-fiber1.N-dev package")
    number = max(numbers, key=lambda n: int(n.split(".")[1]))
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    versions = suite.unpack([f"libboost{number}-dev", f"libboost-fiber{number}-dev",
                             f"libboost-context{number}-dev"], target)
    first = next(iter(versions.values()))
    return {"folder": str(target / "usr"), "version": f"Boost.Fiber {first}", "packages": versions,
            "warning": "", "built": f", built by {compiler()} with {' '.join(CXX_FLAGS)}"}


def compiler():
    return os.environ.get("CXX", "g++")


def build_boost(build, info):
    say("building the Boost.Fiber rows (a minute or two) …")
    prefix = Path(info["folder"])
    libraries = [next(prefix.glob(f"lib/*/libboost_{name}.a")) for name in ("fiber", "context")]
    sources = sorted((HERE / "peers/boost_fiber").glob("*.cpp"))
    call([compiler(), *CXX_FLAGS, "-isystem", prefix / "include", *sources, *libraries,
          "-o", build / "bench_boost"], "compiling the Boost.Fiber rows")


PEERS = {
    "go": (fetch_go, build_go, "bench_go", HERE / "peers/go"),
    "boost": (fetch_boost, build_boost, "bench_boost", HERE / "peers/boost_fiber"),
}


def stale(program, sources):
    if not program.exists():
        return True
    return any(s.stat().st_mtime > program.stat().st_mtime for s in sources.iterdir())


def ensure(build, again=False, only=tuple(PEERS)):
    """Fetches and builds what is missing of `only`. Returns {peer: {program, version, …}}; a peer that cannot
    be had is left out with a warning on the way."""
    build = Path(build).resolve()
    build.mkdir(parents=True, exist_ok=True)
    note = build / "peers.json"
    known = json.loads(note.read_text()) if note.exists() and not again else {}
    result = {}
    for peer in only:
        fetch, make, program_name, sources = PEERS[peer]
        program = build / program_name
        try:
            folder = known.get(peer, {}).get("folder")
            fetched = folder is None or not Path(folder).exists()
            if fetched:
                known[peer] = fetch(system_mirror(), build)
                shutil.rmtree(build / "apt")  # package lists are large and needed once
                note.write_text(json.dumps(known, indent=1) + "\n")
            if fetched or stale(program, sources):
                make(build, known[peer])
            result[peer] = dict(known[peer], program=str(program))
        except (PeerError, OSError, StopIteration) as error:
            say(f"warning: {peer} is left out: {error}")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/peers", help="where the peers go")
    parser.add_argument("--again", action="store_true", help="fetch anew even if they are there")
    args = parser.parse_args()
    found = ensure(args.build, args.again)
    for peer, info in found.items():
        say(f"{peer}: {info['version']} ({', '.join(f'{p} {v}' for p, v in info['packages'].items())})")
        if info["warning"]:
            say(f"warning: {info['warning']}")
    missing = [peer for peer in PEERS if peer not in found]
    say(f"missing: {', '.join(missing)}" if missing else "all there")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
