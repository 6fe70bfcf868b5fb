# How tests come about: by being there.

set(LASTACK_TEST_TIMEOUT_SECONDS 120)
if(LASTACK_SANITIZE)
  set(LASTACK_TEST_TIMEOUT_SECONDS 300)
endif()
set(LASTACK_TEST_ENVIRONMENT
  "ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1"
  "UBSAN_OPTIONS=print_stacktrace=1")

# All code but the sub-commands, for those who look inside: any header of src/ as "layer/header.h".
get_property(lastack_inner GLOBAL PROPERTY lastack_library_layers)
lastack_outer_layers(lastack_outer)
add_library(lastack_inside STATIC)
foreach(layer IN LISTS lastack_inner lastack_outer)
  target_sources(lastack_inside PRIVATE $<TARGET_OBJECTS:${layer}>)
endforeach()
target_include_directories(lastack_inside INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
target_compile_definitions(lastack_inside INTERFACE _GNU_SOURCE)
target_link_libraries(lastack_inside INTERFACE lastack_compiler ${lastack_outer})
if(LASTACK_WHOLE_COMPILE)
  target_link_options(lastack_inside INTERFACE -fno-lto) # the same objects, linked as they are
endif()
set_target_properties(lastack_inside PROPERTIES LINKER_LANGUAGE C)

# lastack_test(NAME name LABELS labels... SOURCES files... [LINKS targets...]): a cmocka program that is one test.
function(lastack_test)
  cmake_parse_arguments(PARSE_ARGV 0 test "" "NAME" "LABELS;SOURCES;LINKS")
  string(REPLACE "." "_" target ${test_NAME})
  add_executable(test_${target} ${test_SOURCES})
  target_link_libraries(test_${target} PRIVATE lastack_inside PkgConfig::cmocka ${test_LINKS})
  set_target_properties(test_${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${test_NAME} COMMAND test_${target})
  lastack_test_properties(${test_NAME} "${test_LABELS}" ${LASTACK_TEST_TIMEOUT_SECONDS})
endfunction()

# lastack_script_test(NAME name LABELS labels... SCRIPT file [ARGUMENTS ...] [ENVIRONMENT ...] [LOCK name]): a script that
# is one test; those with the same lock run one at a time. Exit status 77 is "skipped", and its last line of output says
# why. A script that needs longer than the default has a line "# timeout: <seconds>".
function(lastack_script_test)
  cmake_parse_arguments(PARSE_ARGV 0 test "" "NAME;SCRIPT;LOCK" "LABELS;ARGUMENTS;ENVIRONMENT")
  if(test_SCRIPT MATCHES "\\.py$")
    set(interpreter python3 -B)
  else()
    set(interpreter bash)
  endif()
  set(timeout ${LASTACK_TEST_TIMEOUT_SECONDS})
  file(STRINGS ${test_SCRIPT} stated REGEX "^# timeout: [0-9]+$" LIMIT_COUNT 1)
  if(stated)
    string(REGEX MATCH "[0-9]+" timeout ${stated})
  endif()
  add_test(NAME ${test_NAME} COMMAND ${interpreter} ${test_SCRIPT} ${test_ARGUMENTS})
  lastack_test_properties(${test_NAME} "${test_LABELS}" ${timeout})
  set_property(TEST ${test_NAME} APPEND PROPERTY ENVIRONMENT ${test_ENVIRONMENT})
  if(test_LOCK)
    set_tests_properties(${test_NAME} PROPERTIES RESOURCE_LOCK ${test_LOCK})
  endif()
endfunction()

function(lastack_test_properties name labels timeout)
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT ${timeout} SKIP_RETURN_CODE 77
    ENVIRONMENT "${LASTACK_TEST_ENVIRONMENT}")
endfunction()

# lastack_fuzz_target(NAME name SOURCE file): under libFuzzer a program of its own; elsewhere the same function, driven over
# tests/fuzz/corpus/fuzz_<name> and over a bounded number of pseudo-random inputs, is a test.
function(lastack_fuzz_target)
  cmake_parse_arguments(PARSE_ARGV 0 fuzz "" "NAME;SOURCE" "")
  set(target fuzz_${fuzz_NAME})
  add_executable(${target} ${fuzz_SOURCE})
  target_link_libraries(${target} PRIVATE lastack_inside)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzzers)
  if(LASTACK_FUZZ)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers ${target})
  else()
    target_sources(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c)
    add_test(NAME fuzz.${fuzz_NAME} COMMAND ${target} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/fuzz_${fuzz_NAME})
    lastack_test_properties(fuzz.${fuzz_NAME} fuzz ${LASTACK_TEST_TIMEOUT_SECONDS})
  endif()
endfunction()
