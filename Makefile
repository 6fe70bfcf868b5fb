# The front door. CMake does the work (CMakePresets.json names the builds), scripts/ holds what is longer than a line.

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
JOBS ?= $(shell nproc)

MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := all
.PHONY: all help run test check-format format lint fuzz coverage asan bench install clean

all: ## the optimised library and program: build/liblastack.a, build/lastack
	@cmake --preset release >/dev/null
	@cmake --build build -j $(JOBS) --target shipped

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

run: ## set up, build, and show what lastack does
	@scripts/setup build run
	@$(MAKE) all
	@build/lastack demo

test: ## everything CI runs: gcc, sanitizers, clang, format, lint, fuzz
	@scripts/setup build run test
	@scripts/test

check-format: ## clang-format has nothing to change
	@scripts/lint format

format: ## clang-format changes it
	@scripts/lint format --fix

lint: ## clang-tidy, cppcheck, shellcheck
	@scripts/lint tidy
	@scripts/lint cppcheck
	@scripts/lint shell

fuzz: ## each fuzz target for FUZZ_SECONDS (60)
	@scripts/fuzz $(FUZZ_SECONDS)

coverage: ## the lines and branches that the tests reach
	@scripts/setup build run test coverage
	@scripts/coverage

asan: ## all tests with AddressSanitizer and UndefinedBehaviorSanitizer
	@cmake --preset asan >/dev/null
	@cmake --build build-asan -j $(JOBS)
	@ctest --test-dir build-asan -j $(JOBS) --output-on-failure

bench: all ## what a connection costs
	@build/lastack bench

install: all ## to PREFIX (/usr/local), below DESTDIR
	@cmake --install build --prefix $(PREFIX)

clean: ## remove every build
	@rm -rf build build-*/
