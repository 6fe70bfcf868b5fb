# What `make install` puts where: headers, library, program, manual, and how others find them.

include(CMakePackageConfigHelpers)

set(LASTACK_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/lastack)

install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/lastack DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)
install(TARGETS lastack EXPORT lastack)
install(EXPORT lastack NAMESPACE lastack:: FILE lastackConfig.cmake DESTINATION ${LASTACK_PACKAGE_DIR})
write_basic_package_version_file(lastackConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/lastackConfigVersion.cmake DESTINATION ${LASTACK_PACKAGE_DIR})

# Relative to where the file lies, so that `cmake --install --prefix` and a moved tree work as well.
file(RELATIVE_PATH LASTACK_PC_PREFIX
  ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(${CMAKE_SOURCE_DIR}/cmake/lastack.pc.in lastack.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/lastack.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(TARGET lastack_program)
  install(TARGETS lastack_program)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 FILES_MATCHING PATTERN *.1)
endif()
