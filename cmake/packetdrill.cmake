# liblastack-packetdrill.so: lastack as packetdrill's --so_filename wants it. A shared object of its own sources, the core,
# sockets and what reads settings, compiled once more since it must lie anywhere in memory; only its one function is seen.
# Made with the tests, or by name: cmake --build build --target lastack_packetdrill

find_package(Threads REQUIRED)
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/drill/so/*.c)
add_library(lastack_packetdrill SHARED ${sources}
  ${CMAKE_SOURCE_DIR}/src/drill/arena.c ${CMAKE_SOURCE_DIR}/src/drill/settings.c
  ${CMAKE_SOURCE_DIR}/src/show/setting.c)
get_property(library_layers GLOBAL PROPERTY lastack_library_layers)
foreach(layer IN LISTS library_layers ITEMS lastack_layer_socket)
  get_target_property(layer_sources ${layer} SOURCES)
  target_sources(lastack_packetdrill PRIVATE ${layer_sources})
endforeach()
target_include_directories(lastack_packetdrill PRIVATE ${CMAKE_SOURCE_DIR}/src/drill ${CMAKE_SOURCE_DIR}/include)
foreach(layer IN ITEMS base wire ip tcp host hosted socket show)
  target_link_libraries(lastack_packetdrill PRIVATE lastack_headers_${layer})
endforeach()
target_link_libraries(lastack_packetdrill PRIVATE lastack_compiler Threads::Threads)
target_compile_definitions(lastack_packetdrill PRIVATE _GNU_SOURCE)
set_target_properties(lastack_packetdrill PROPERTIES OUTPUT_NAME lastack-packetdrill LINKER_LANGUAGE C
  POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
target_link_options(lastack_packetdrill PRIVATE LINKER:--no-undefined)
if(NOT LASTACK_TESTS)
  set_target_properties(lastack_packetdrill PROPERTIES EXCLUDE_FROM_ALL ON)
endif()
