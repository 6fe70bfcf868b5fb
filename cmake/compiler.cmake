# How every C file of the project is compiled.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ${BUILD_SHARED_LIBS})
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

# The program gets the core compiled as a whole: it is small, and a segment's way through it leads over many small
# functions. The objects are fat, so that they are the library's too, which asks no link-time optimisation of anybody
# (lastack_library takes the traces of it out). Fields of two and four octets are not worth a vector's setting up, and
# a value that one branch in five asks for is not worth computing before all of them: the passes that hoist are off.
# Tuned for the x86-64 processors since 2015, of which the code asks nothing more than the architecture: a connection is
# cleared by moves, not by "rep stos", which starts slowly.
set(LASTACK_WHOLE_COMPILE)
set(LASTACK_WHOLE_LINK)
if(LASTACK_LTO AND CMAKE_C_COMPILER_ID STREQUAL GNU)
  set(inlining -finline-limit=3000 --param=large-function-insns=20000 --param=large-stack-frame-growth=10000
    --param=large-function-growth=1000 --param=inline-unit-growth=300)
  set(straight -fno-tree-pre -fno-code-hoisting -fno-gcse -fno-ivopts -fno-tree-slp-vectorize -fno-tree-loop-vectorize)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL x86_64)
    list(APPEND straight -mtune=skylake)
  endif()
  set(LASTACK_WHOLE_COMPILE -flto -ffat-lto-objects ${inlining} ${straight})
  set(LASTACK_WHOLE_LINK -flto=auto -flto-partition=one ${inlining})
elseif(LASTACK_LTO)
  include(CheckIPOSupported)
  check_ipo_supported(LANGUAGES C)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()

add_library(lastack_compiler INTERFACE)
target_compile_options(lastack_compiler INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wundef -Wvla -Wcast-align -Wcast-qual -Wwrite-strings -Wswitch -Wformat=2
  -Wimplicit-fallthrough -Wdouble-promotion
  $<$<C_COMPILER_ID:GNU>:-Wlogical-op -Wduplicated-cond -Wduplicated-branches>
  # clang would make a bcmp of a memcmp; the core asks for mem* only.
  -fno-builtin-bcmp
  # The paths in assertions and in the output do not depend on where the checkout lies.
  -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)
if(LASTACK_WERROR)
  target_compile_options(lastack_compiler INTERFACE -Werror)
endif()

set(LASTACK_PLAIN ON) # objects hold what the source says, and nothing that a tool put there
if(LASTACK_SANITIZE OR LASTACK_FUZZ)
  set(LASTACK_PLAIN OFF)
  target_compile_options(lastack_compiler INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(lastack_compiler INTERFACE -fsanitize=address,undefined)
endif()
if(LASTACK_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL Clang)
    message(FATAL_ERROR "LASTACK_FUZZ needs clang: its libFuzzer drives the targets.")
  endif()
  target_compile_options(lastack_compiler INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(LASTACK_COVERAGE)
  set(LASTACK_PLAIN OFF)
  target_compile_options(lastack_compiler INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(lastack_compiler INTERFACE --coverage)
endif()
if(CMAKE_INTERPROCEDURAL_OPTIMIZATION)
  set(LASTACK_PLAIN OFF)
endif()
