# SPDX-License-Identifier: MIT
# A thin front for CMake and the scripts in tools/. `make help` lists what there is.
PREFIX ?= /usr/local
FOLDER ?= /usr/include
ROW ?= all
P ?= 1 2
JOBS ?= $(shell nproc)
SECONDS ?= 60

# Ninja where there is one, looked for when a recipe runs: install_deps.sh may have brought it just before.
NINJA = $$(command -v ninja >/dev/null 2>&1 && echo CMAKE_GENERATOR=Ninja)

.DEFAULT_GOAL := help
.PHONY: help demo test check clang asan tsan soak tracking fuzz browser bench compare compare-net tracking-cost install clean

help:            ## This list
	@sed -n 's/^\([a-z-]*\): *## */make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo:            ## Build and run the programs of the guide, then checksum FOLDER=/usr/include
	@tools/install_deps.sh demo
	@env $(NINJA) python3 tools/demo.py $(FOLDER)

test:            ## Build and run all tests: debug, release, sanitizers, packages
	@tools/install_deps.sh test
	@env $(NINJA) python3 tools/run_tests.py --jobs $(JOBS)

check:           ## Includes go down, and each room links against lower rooms only
	@tools/install_deps.sh demo
	@python3 tools/check_rooms.py .
	@env $(NINJA) python3 tools/run_tests.py rooms --jobs $(JOBS)

clang:           ## Build and run unit, stress and death tests with Clang
	@tools/install_deps.sh clang
	@env $(NINJA) python3 tools/run_tests.py clang --jobs $(JOBS)

asan:            ## Unit and stress tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@tools/install_deps.sh test
	@env $(NINJA) python3 tools/run_tests.py asan --jobs $(JOBS)

tsan:            ## Unit and stress tests under ThreadSanitizer
	@tools/install_deps.sh test
	@env $(NINJA) python3 tools/run_tests.py tsan --jobs $(JOBS)

soak:            ## Stress tests, twenty times as long
	@tools/install_deps.sh test
	@env $(NINJA) python3 tools/run_tests.py soak --jobs 1

tracking:        ## All tests with GORO_DEBUG=deadlock,leak: whoever is reported must have been meant
	@tools/install_deps.sh test
	@env $(NINJA) python3 tools/run_tests.py tracking --jobs $(JOBS)

fuzz:            ## The parsers of HTTP, WebSocket and URLs under libFuzzer, SECONDS=60 each
	@tools/install_deps.sh clang
	@tools/fuzz.sh $(SECONDS)

browser:         ## A real browser (headless Chromium, 300 MB) types into the chat; the picture is docs/images/chat.png
	@tools/install_deps.sh browser
	@env $(NINJA) tools/build.sh release chat
	@python3 tools/browser.py build/release/bin/chat --picture docs/images/chat.png

bench:           ## Every row of the benchmarks at P="1 2", or ROW=<row>
	@tools/install_deps.sh demo
	@env $(NINJA) tools/build.sh release bench floor
	@for p in $(P); do build/release/bin/bench $(ROW) $$p || exit 1; done

compare:         ## The same rows in goro, Go and Boost.Fiber, in turn; a table of ratios
	@tools/install_deps.sh compare
	@env $(NINJA) tools/build.sh release bench floor
	@python3 bench/compare.py $(ARGS)

tracking-cost:   ## What GORO_DEBUG=leak and =deadlock cost: rows with and without, in turn; ratios
	@tools/install_deps.sh demo
	@env $(NINJA) tools/build.sh release bench bench_leak
	@python3 bench/tracking_cost.py $(ARGS)

compare-net:     ## Servers of goro, Go, Boost.Asio and nginx under the same load, in turn
	@tools/install_deps.sh compare-net
	@env $(NINJA) tools/build.sh release net_goro net_asio net_floor echo_load
	@python3 bench/compare_net.py $(ARGS)

install:         ## Build the library and install it under PREFIX=/usr/local
	@tools/install_deps.sh demo
	@env $(NINJA) tools/build.sh release goro
	@cmake --install build/release --prefix $(PREFIX)
	@echo "verdict: goro is installed under $(PREFIX)"

clean:           ## Remove everything that was built
	@rm -rf build
