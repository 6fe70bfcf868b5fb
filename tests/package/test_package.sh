#!/usr/bin/env bash
# An outside program against what is installed, by CMake and by pkg-config, static and shared; and what is installed.
#   test_package.sh SOURCE_DIR BUILD_DIR COMPILER
# timeout: 300
set -euo pipefail

source_dir=$1 build_dir=$2 compiler=$3
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset DESTDIR PKG_CONFIG_PATH

fail() {
    echo "package: $*" >&2
    exit 1
}

by_cmake() { # PREFIX
    local build
    build=$(mktemp -d -p "$work")
    cmake -S "$here/consumer" -B "$build" -DCMAKE_C_COMPILER="$compiler" -DCMAKE_PREFIX_PATH="$1" >"$work/log" ||
        { cat "$work/log"; fail "find_package(lastack) does not find it below $1"; }
    cmake --build "$build" >"$work/log" || { cat "$work/log"; fail "the CMake consumer does not build"; }
    ctest --test-dir "$build" --output-on-failure >"$work/log" || { cat "$work/log"; fail "the CMake consumer fails"; }
}

by_pkg_config() { # PREFIX
    local pc version
    local -a flags
    pc=$(find "$1" -name lastack.pc -printf '%h')
    [ -n "$pc" ] || fail "no lastack.pc below $1"
    export PKG_CONFIG_PATH=$pc
    version=$(pkg-config --modversion lastack)
    read -ra flags <<<"$(pkg-config --cflags --libs lastack)"
    "$compiler" -std=c11 -Wall -Wextra -Wpedantic -Werror -o "$work/by-pkg-config" "$here/consumer/main.c" "${flags[@]}" ||
        fail "the pkg-config consumer does not build"
    LD_LIBRARY_PATH=$(pkg-config --variable=libdir lastack) "$work/by-pkg-config" "$version" ||
        fail "the pkg-config consumer fails"
}

# Static, as built; installed through DESTDIR, where nothing may point out of it.
DESTDIR=$work/destdir cmake --install "$build_dir" --prefix /opt/lastack >/dev/null
prefix=$work/destdir/opt/lastack
for file in include/lastack/lastack.h bin/lastack share/man/man1/lastack.1; do
    [ -e "$prefix/$file" ] || fail "$file is not installed"
done
if grep -rIl "$build_dir\|$source_dir" "$prefix"; then
    fail "these installed files name the build's own folders"
fi
diff -r "$source_dir/include/lastack" "$prefix/include/lastack" || fail "the installed headers are not those of include/"
by_cmake "$prefix"
by_pkg_config "$prefix"
"$prefix/bin/lastack" --version >/dev/null || fail "the installed program does not run"

# Shared: only what is public is visible.
cmake -S "$source_dir" -B "$work/shared" -DCMAKE_C_COMPILER="$compiler" -DBUILD_SHARED_LIBS=ON -DLASTACK_PROGRAM=OFF \
    -DCMAKE_INSTALL_PREFIX="$work/prefix" >"$work/log" || { cat "$work/log"; fail "the shared library does not configure"; }
cmake --build "$work/shared" -j2 >"$work/log" 2>&1 || { cat "$work/log"; fail "the shared library does not build"; }
cmake --install "$work/shared" >/dev/null
by_cmake "$work/prefix"
by_pkg_config "$work/prefix"
library=$(find "$work/prefix" -name 'liblastack.so')
if nm --dynamic --defined-only "$library" | awk '$3 !~ /^la_/ { print; found = 1 } END { exit !found }'; then
    fail "the shared library shows these names, which are not public"
fi
