#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Installs goro and builds projects that use it, as strangers would.

usage: consumers_test.py --source ROOT --build BUILD --work FOLDER --compiler CXX --generator NAME WHAT

Every installation is made in one folder and then moved, so that a path that it kept is found out.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
EXPECTED = "sum 499500\n"

# With a compiler cache goro is compiled once, for install_shared and for those who build it as a part of theirs: with
# the same options, none of them optimised, which is soonest and leaves the most symbols; and each source alone.
SAME = ["-DCMAKE_BUILD_TYPE=None", "-DCMAKE_CXX_FLAGS=-DNDEBUG"]
SAME_AS_SHARED = [*SAME, "-DCMAKE_POSITION_INDEPENDENT_CODE=ON",
                  "-DCONSUMER_OPTIONS=-Wall;-Wextra;-Wpedantic;-Wno-restrict"]  # of cmake/goro_options.cmake


def call(command, **kwargs):
    print("+", *map(str, command), flush=True)
    subprocess.run([str(word) for word in command], check=True, **kwargs)


def fail(text):
    sys.exit(f"FAILED: {text}")


class Consumers:
    def __init__(self, options):
        self.source, self.build, self.work = options.source, options.build, options.work
        self.cmake = ["cmake", "-G", options.generator, f"-DCMAKE_CXX_COMPILER={options.compiler}"]
        self.cached = shutil.which("ccache")
        if self.cached:
            self.cmake.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
        self.compiler = options.compiler

    def prefix(self, kind):
        return self.work / kind / "prefix"

    def move_into_place(self, kind):
        made, place = self.work / kind / "made", self.prefix(kind)
        shutil.rmtree(place, ignore_errors=True)
        made.rename(place)

    def install(self):
        made = self.work / "static/made"
        shutil.rmtree(made, ignore_errors=True)
        call(["cmake", "--install", self.build, "--prefix", made])
        self.move_into_place("static")

    def install_shared(self):
        made, build = self.work / "shared/made", self.work / "shared/build"
        shutil.rmtree(made, ignore_errors=True)
        call([*self.cmake, "-S", self.source, "-B", build, "-DBUILD_SHARED_LIBS=ON",
              *SAME, f"-DGORO_PCH={'OFF' if self.cached else 'ON'}",
              "-DGORO_BUILD_TESTS=OFF", "-DGORO_BUILD_EXAMPLES=OFF", "-DGORO_BUILD_BENCH=OFF"])
        call(["cmake", "--build", build])
        call(["cmake", "--install", build, "--prefix", made])
        self.move_into_place("shared")

    def project(self, name, *settings):
        """Configures the project test/package/NAME afresh, builds it and runs its program."""
        build = self.work / "consumers" / "_".join(
            [name, *(s.split("=")[-1] for s in settings[1:] if s not in SAME_AS_SHARED)])
        shutil.rmtree(build, ignore_errors=True)
        call([*self.cmake, "-S", HERE / name, "-B", build, *settings])
        call(["cmake", "--build", build, "--target", "program"])  # and of goro what it asks for
        self.expect_sum([build / "program"])

    def expect_sum(self, command, **kwargs):
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **kwargs).stdout
        if said != EXPECTED:
            fail(f"the program said {said!r}, expected {EXPECTED!r}")

    def find_package(self, kind="static"):
        self.project("find_package", f"-DCMAKE_PREFIX_PATH={self.prefix(kind)}", f"-DGORO_KIND={kind}")

    def find_package_shared(self):
        self.find_package("shared")

    # It stands in front of the C library's locks; that nothing in the program names it must not leave it out.
    def locks_component(self, kind="static"):
        self.project("find_package", f"-DCMAKE_PREFIX_PATH={self.prefix(kind)}", "-DGORO_COMPONENTS=locks",
                     f"-DGORO_KIND=locks_{kind}")
        program = self.work / f"consumers/find_package_locks_locks_{kind}/program"
        bound = subprocess.run([program], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "LD_DEBUG": "bindings", "LD_BIND_NOW": "1"}).stderr
        there = r"\S*libgoro-locks\.so\S*" if kind == "shared" else r"\S*/program"
        if not re.search(rf"libstdc\S* \[0\] to {there} \[0\]: normal symbol `pthread_mutex_lock'", bound):
            fail(f"libstdc++ does not come to {there} for pthread_mutex_lock")

    def locks_component_shared(self):
        self.locks_component("shared")

    # Put under a program that has a shared libgoro, and was not built with it.
    def locks_preloaded_shared(self):
        prefix = self.prefix("shared")
        library = next(prefix.rglob("libgoro-locks.so"))
        program = self.work / "consumers/parks"
        program.parent.mkdir(parents=True, exist_ok=True)
        call([self.compiler, "-std=c++20", "-g", HERE / "parks.cpp", "-o", program, f"-I{prefix / 'include'}",
              f"-L{library.parent}", f"-Wl,-rpath,{library.parent.resolve()}", "-lgoro", "-pthread"])
        for preload, debug, reports in ((library, "deadlock", 1), (library, "", 0), (None, "deadlock", 0)):
            env = {**os.environ, "GORO_DEBUG": debug}
            if preload is not None:
                env["LD_PRELOAD"] = str(preload.resolve())
            said = subprocess.run([program], check=True, stderr=subprocess.PIPE, text=True, env=env).stderr
            if len(re.findall("goro: parked with a lock of the C library: goroutine ", said)) != reports or \
                    (said == "") != (reports == 0):
                fail(f"LD_PRELOAD={preload} GORO_DEBUG={debug}: {reports} reports were expected in:\n{said}")
            if reports == 1 and "parks.cpp" not in said:
                fail(f"the place is not in:\n{said}")

    # net, tls and http, with what they need of others' libraries, all of it behind the one name.
    def network_components(self, kind="static"):
        self.project("find_package", f"-DCMAKE_PREFIX_PATH={self.prefix(kind)}", "-DGORO_COMPONENTS=http",
                     "-DGORO_PROGRAM=network", f"-DGORO_KIND={kind}")

    def network_components_shared(self):
        self.network_components("shared")

    def add_subdirectory(self):
        self.project("add_subdirectory", f"-DGORO_SOURCE={self.source}", *SAME_AS_SHARED)

    def fetch_content(self):
        self.project("fetch_content", f"-DFETCHCONTENT_SOURCE_DIR_GORO={self.source}", *SAME_AS_SHARED)

    def unknown_component(self):
        build = self.work / "consumers/unknown_component"
        shutil.rmtree(build, ignore_errors=True)
        result = subprocess.run([*self.cmake, "-S", HERE / "find_package", "-B", build,
                                 "-DGORO_COMPONENTS=teleport",
                                 f"-DCMAKE_PREFIX_PATH={self.prefix('static')}"],
                                stderr=subprocess.PIPE, text=True)
        if result.returncode == 0:
            fail("find_package(goro COMPONENTS teleport) succeeded")
        if '"teleport"' not in result.stderr:
            fail(f"the error does not name the component:\n{result.stderr}")

    def pkg_config(self, kind="static"):
        if not shutil.which("pkg-config"):
            fail("pkg-config was not found; run tools/install_deps.sh test")
        prefix = self.prefix(kind)
        folder = next(prefix.rglob("goro.pc")).parent
        environment = {**os.environ, "PKG_CONFIG_PATH": str(folder)}
        ask = ["pkg-config", "--cflags", "--libs", *(["--static"] if kind == "static" else []), "goro"]
        said = subprocess.run(ask, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
        flags = said.split()
        folders = [pathlib.Path(flag[2:]).resolve() for flag in flags if flag[:2] in ("-I", "-L")]
        if not all(given.is_relative_to(prefix.resolve()) for given in folders):
            fail(f"goro.pc did not follow its tree: {flags}")
        program = self.work / "consumers" / f"pkg_config_{kind}"
        program.parent.mkdir(parents=True, exist_ok=True)
        call([self.compiler, "-std=c++20", HERE / "program.cpp", "-o", program, *flags])
        self.expect_sum([program], env={**os.environ, "LD_LIBRARY_PATH": str(folder.parent)})

    def pkg_config_shared(self):
        self.pkg_config("shared")


def main():
    parser = argparse.ArgumentParser()
    for name in ("source", "build", "work"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--generator", required=True)
    parser.add_argument("what")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    try:
        getattr(Consumers(options), options.what)()
    except subprocess.CalledProcessError as error:
        fail(f"{' '.join(map(str, error.cmd))} ended with {error.returncode}")


if __name__ == "__main__":
    main()
