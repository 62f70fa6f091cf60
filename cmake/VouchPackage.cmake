# The package: exported targets, vouchConfig.cmake and vouch.pc. All of it is relocatable: an
# installed tree may be moved, nothing in it names the prefix. tests/project/package_test proves it.
if(NOT VOUCH_INSTALL)
  return()
endif()

include(CMakePackageConfigHelpers)

# The package that defines each imported target that a component may need. A target that is not
# listed is an error: the config file would not find it for the user.
set(VOUCH_PACKAGE_OF_Threads::Threads "Threads")
set(VOUCH_PACKAGE_OF_Boost::headers "Boost 1.74 COMPONENTS headers")
set(VOUCH_PACKAGE_OF_nlohmann_json::nlohmann_json "nlohmann_json 3.11")
set(VOUCH_PACKAGE_OF_CLI11::CLI11 "CLI11 2.1")
set(VOUCH_PACKAGE_OF_ZLIB::ZLIB "ZLIB")
set(VOUCH_PACKAGE_OF_SQLite::SQLite3 "SQLite3 3.37")
set(VOUCH_PACKAGE_OF_ZooKeeper::zookeeper_st "ZooKeeper 3.5")
set(VOUCH_PACKAGE_OF_CURL::libcurl "CURL 7.88")

get_property(components GLOBAL PROPERTY VOUCH_INSTALLED_COMPONENTS)
set(VOUCH_COMPONENT_NEEDS "")
set(core "")
foreach(component IN LISTS components)
  get_property(imports GLOBAL PROPERTY VOUCH_IMPORTS_OF_${component})
  get_property(parts GLOBAL PROPERTY VOUCH_PARTS_OF_${component})
  set(needs "")
  foreach(import IN LISTS imports)
    if(NOT DEFINED VOUCH_PACKAGE_OF_${import})
      message(FATAL_ERROR "cmake/VouchPackage.cmake: component ${component} needs ${import}; "
        "name the package that defines it in VOUCH_PACKAGE_OF_${import}")
    endif()
    string(APPEND needs " \"${VOUCH_PACKAGE_OF_${import}}\"")
  endforeach()
  string(APPEND VOUCH_COMPONENT_NEEDS "set(_vouch_needs_${component}${needs})\n")
  # vouch.pc holds what stands on nothing but the C++ library, users first as a linker wants it.
  get_target_property(type vouch_${component} TYPE)
  if(NOT imports AND type STREQUAL "STATIC_LIBRARY")
    list(PREPEND core -lvouch_${component})
  endif()
endforeach()
list(JOIN components " " VOUCH_COMPONENTS)
list(JOIN core " " VOUCH_CORE_LIBS)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/vouch)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/vouchConfig.cmake.in
  ${PROJECT_BINARY_DIR}/package/vouchConfig.cmake
  INSTALL_DESTINATION ${package_dir}
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/vouchConfigVersion.cmake
  VERSION ${PROJECT_VERSION}
  COMPATIBILITY SameMinorVersion)

# From lib/pkgconfig, or lib/x86_64-linux-gnu/pkgconfig which is one deeper, up to the prefix and
# down again. CMAKE_INSTALL_FULL_* also serves a folder given as an absolute path.
set(pc_dir ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH VOUCH_PC_UP ${pc_dir} ${CMAKE_INSTALL_PREFIX})
file(RELATIVE_PATH VOUCH_PC_LIBDIR ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_LIBDIR})
file(RELATIVE_PATH VOUCH_PC_INCLUDEDIR ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
string(REGEX REPLACE "/$" "" VOUCH_PC_UP "${VOUCH_PC_UP}")
configure_file(${CMAKE_CURRENT_LIST_DIR}/vouch.pc.in ${PROJECT_BINARY_DIR}/package/vouch.pc @ONLY)

install(EXPORT vouchTargets NAMESPACE vouch:: DESTINATION ${package_dir})
install(FILES
  ${PROJECT_BINARY_DIR}/package/vouchConfig.cmake
  ${PROJECT_BINARY_DIR}/package/vouchConfigVersion.cmake
  ${CMAKE_CURRENT_LIST_DIR}/FindZooKeeper.cmake
  DESTINATION ${package_dir})
install(FILES ${PROJECT_BINARY_DIR}/package/vouch.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(TARGET vouch_cli)
  install(TARGETS vouch_cli RUNTIME)
  if(VOUCH_HAS_MPI)
    install(TARGETS vouch_mpi RUNTIME)
  endif()
endif()
