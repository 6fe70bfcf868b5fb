# Layers: one folder below src/, one target, and headers that only the layers above can name.
#
# Inside its folder a file includes its neighbours plainly: "connection.h". A dependent writes "tcp/connection.h" (and so
# may the folder itself), and finds it in a directory that holds links to the exported headers and to nothing else. Nobody has src/ itself on the
# include path (but the tests), so an arrow that points up, or sideways, does not compile.

# lastack_layer(NAME layer [CORE|LIBRARY] [DEPENDS layers...] [LIBRARIES targets...]
#               [INSPECT headers...] [INSPECTS] [SOURCES files...] [EXPORTS headers...])
#
# CORE       part of liblastack, and held to the core contract (tests/tidy/core_objects.py)
# LIBRARY    part of liblastack, not of the core
# DEPENDS    the layers whose exported headers it may include: all of them, nothing is inherited
# LIBRARIES  foreign libraries
# INSPECT    headers for those who link the target lastack_inspect, with all that lies below; nobody else sees them
# INSPECTS   it looks inside: it sees those headers, as tests do
# SOURCES    default: all *.c of the folder
# EXPORTS    default: all *.h of the folder but INSPECT and *_private.h, which stay in it
#
# Makes the targets lastack_layer_<name> (objects; only if there are sources) and lastack_headers_<name>.
function(lastack_layer)
  cmake_parse_arguments(PARSE_ARGV 0 layer "CORE;LIBRARY;INSPECTS" "NAME"
    "DEPENDS;LIBRARIES;INSPECT;SOURCES;EXPORTS")
  set(folder ${CMAKE_SOURCE_DIR}/src/${layer_NAME})
  if(NOT layer_SOURCES)
    file(GLOB layer_SOURCES CONFIGURE_DEPENDS ${folder}/*.c)
  endif()
  if(NOT layer_EXPORTS)
    file(GLOB layer_EXPORTS CONFIGURE_DEPENDS RELATIVE ${folder} ${folder}/*.h)
    list(FILTER layer_EXPORTS EXCLUDE REGEX "_private\\.h$")
    if(layer_INSPECT)
      list(REMOVE_ITEM layer_EXPORTS ${layer_INSPECT})
    endif()
  endif()

  lastack_link_headers(${layer_NAME} ${CMAKE_BINARY_DIR}/layers/${layer_NAME} "${layer_EXPORTS}")
  add_library(lastack_headers_${layer_NAME} INTERFACE)
  target_include_directories(lastack_headers_${layer_NAME} INTERFACE ${CMAKE_BINARY_DIR}/layers/${layer_NAME})
  set_property(GLOBAL APPEND PROPERTY lastack_layers ${layer_NAME})

  if(layer_INSPECT)
    lastack_link_headers(${layer_NAME} ${CMAKE_BINARY_DIR}/inspect "${layer_INSPECT};${layer_EXPORTS}")
    add_library(lastack_inspect INTERFACE)
    target_include_directories(lastack_inspect INTERFACE ${CMAKE_BINARY_DIR}/inspect)
    foreach(below IN LISTS layer_DEPENDS)
      target_link_libraries(lastack_inspect INTERFACE lastack_headers_${below})
    endforeach()
  endif()

  if(NOT layer_SOURCES)
    return()
  endif()
  set(target lastack_layer_${layer_NAME})
  add_library(${target} OBJECT ${layer_SOURCES})
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/include)
  target_link_libraries(${target} PRIVATE lastack_compiler)
  target_link_libraries(${target} PUBLIC ${layer_LIBRARIES})
  set_property(GLOBAL PROPERTY lastack_libraries_${layer_NAME} ${layer_LIBRARIES})
  foreach(below IN ITEMS ${layer_NAME} LISTS layer_DEPENDS)
    target_link_libraries(${target} PRIVATE lastack_headers_${below})
  endforeach()
  if(layer_INSPECTS)
    target_link_libraries(${target} PRIVATE lastack_inspect)
  endif()
  if(layer_CORE)
    target_compile_options(${target} PRIVATE ${LASTACK_WHOLE_COMPILE})
    set_property(GLOBAL APPEND PROPERTY lastack_core_layers ${target})
  endif()
  if(layer_CORE OR layer_LIBRARY)
    set_property(GLOBAL APPEND PROPERTY lastack_library_layers ${target})
  else()
    # gnu11's view of the system headers: what is around the core uses the operating system.
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
  endif()
endfunction()

# The directory <where>/<layer> holds links to these headers of src/<layer>, and only these.
function(lastack_link_headers layer where headers)
  file(MAKE_DIRECTORY ${where}/${layer})
  file(GLOB present RELATIVE ${where}/${layer} ${where}/${layer}/*)
  foreach(header IN LISTS present)
    if(NOT header IN_LIST headers)
      file(REMOVE ${where}/${layer}/${header})
    endif()
  endforeach()
  foreach(header IN LISTS headers)
    if(NOT EXISTS ${where}/${layer}/${header})
      file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/${layer}/${header} ${where}/${layer}/${header} SYMBOLIC)
    endif()
  endforeach()
endfunction()

# All layers marked CORE or LIBRARY in one library: target lastack.
function(lastack_library)
  get_property(layers GLOBAL PROPERTY lastack_library_layers)
  if(NOT layers)
    message(FATAL_ERROR "No layer of the library has a source file yet.")
  endif()
  add_library(lastack)
  foreach(layer IN LISTS layers)
    target_sources(lastack PRIVATE $<TARGET_OBJECTS:${layer}>)
  endforeach()
  target_link_options(lastack PRIVATE $<TARGET_PROPERTY:lastack_compiler,INTERFACE_LINK_OPTIONS>)
  target_include_directories(lastack PUBLIC
    $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  set_target_properties(lastack PROPERTIES LINKER_LANGUAGE C
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  if(BUILD_SHARED_LIBS)
    # What is public begins with la_; the rest has plain names, and stays inside.
    target_link_options(lastack PRIVATE LINKER:--version-script=${CMAKE_SOURCE_DIR}/cmake/lastack.map)
    set_property(TARGET lastack APPEND PROPERTY LINK_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/lastack.map)
  elseif(LASTACK_WHOLE_COMPILE)
    # Only the compiler that wrote it can read it.
    add_custom_command(TARGET lastack POST_BUILD
      COMMAND ${CMAKE_OBJCOPY} --wildcard --remove-section=.gnu.lto_* --remove-section=.gnu.debuglto_*
        $<TARGET_FILE:lastack>)
  endif()
endfunction()

# lastack_program(NAME name LAYER layer): a program whose main is in that layer, of all layers outside the library.
function(lastack_program)
  cmake_parse_arguments(PARSE_ARGV 0 program "" "NAME;LAYER" "")
  if(NOT TARGET lastack_layer_${program_LAYER})
    return()
  endif()
  add_executable(${program_NAME}_program $<TARGET_OBJECTS:lastack_layer_${program_LAYER}>)
  set_target_properties(${program_NAME}_program PROPERTIES OUTPUT_NAME ${program_NAME} LINKER_LANGUAGE C)
  lastack_outer_layers(outer)
  # The layer's objects come by name; the foreign libraries that it needs, from its own list.
  get_property(libraries GLOBAL PROPERTY lastack_libraries_${program_LAYER})
  set(library lastack)
  if(LASTACK_WHOLE_LINK AND NOT BUILD_SHARED_LIBS)
    get_property(library GLOBAL PROPERTY lastack_library_layers)
    target_link_options(${program_NAME}_program PRIVATE ${LASTACK_WHOLE_LINK})
  endif()
  target_link_libraries(${program_NAME}_program PRIVATE lastack_compiler ${outer} ${library} ${libraries})
endfunction()

# The layers that are neither in the library nor the program's own: what programs and tests link beside it.
function(lastack_outer_layers result)
  get_property(layers GLOBAL PROPERTY lastack_layers)
  get_property(inner GLOBAL PROPERTY lastack_library_layers)
  set(outer)
  foreach(layer IN LISTS layers)
    set(target lastack_layer_${layer})
    if(TARGET ${target} AND NOT target IN_LIST inner AND NOT layer STREQUAL cmd)
      list(APPEND outer ${target})
    endif()
  endforeach()
  set(${result} ${outer} PARENT_SCOPE)
endfunction()
