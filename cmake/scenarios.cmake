# The scenarios of scenarios/*.lab as octets, in a source file of the layer lab that is written anew when one changes.

file(GLOB scenarios CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/scenarios/*.lab)
list(SORT scenarios)
set(arrays)
set(table)
set(number 0)
foreach(scenario IN LISTS scenarios)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${scenario})
  get_filename_component(name ${scenario} NAME_WE)
  file(READ ${scenario} octets HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," octets "${octets}")
  string(APPEND arrays "static const unsigned char scenario_${number}[] = {${octets}};\n")
  string(APPEND table "    {\"${name}\", scenario_${number}, sizeof scenario_${number}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/scenarios.c @ONLY CONTENT
"#include \"lab/built_in_private.h\"\n
@arrays@
const struct built_in built_in_scenarios[] = {\n@table@};\n
const size_t built_in_count = sizeof built_in_scenarios / sizeof built_in_scenarios[0];\n")
target_sources(lastack_layer_lab PRIVATE ${CMAKE_BINARY_DIR}/scenarios.c)
set_source_files_properties(${CMAKE_BINARY_DIR}/scenarios.c PROPERTIES INCLUDE_DIRECTORIES ${CMAKE_SOURCE_DIR}/src)
