# The package, used as its users do: by find_package, by add_subdirectory, and by pkg-config.
# Sanitized archives are for our own tests, and cannot be linked by a consumer who is not.
if(VOUCH_SANITIZE OR NOT VOUCH_INSTALL)
  return()
endif()

find_program(VOUCH_PKG_CONFIG pkg-config)
set(consumer ${CMAKE_CURRENT_LIST_DIR}/package_test)
set(work ${PROJECT_BINARY_DIR}/package_test)
set(prefix ${work}/prefix)
set(common --build-generator Ninja --build-options -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER})
set(pkg_config ${CMAKE_COMMAND} -DPREFIX=${prefix} -DCXX=${CMAKE_CXX_COMPILER}
  -DPKG_CONFIG=${VOUCH_PKG_CONFIG} -DSOURCE=${PROJECT_SOURCE_DIR})

add_test(NAME package.install COMMAND ${CMAKE_COMMAND} -DBUILD=${PROJECT_BINARY_DIR}
  -DSOURCE=${PROJECT_SOURCE_DIR} -DPREFIX=${prefix} -P ${consumer}/install.cmake)
set_tests_properties(package.install PROPERTIES FIXTURES_SETUP installed LABELS package)

# vouch_package_test(NAME COMMAND... [PROPERTIES ...]): one use of the installed tree.
function(vouch_package_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "COMMAND;PROPERTIES")
  add_test(NAME package.${name} COMMAND ${arg_COMMAND})
  set_tests_properties(package.${name} PROPERTIES
    FIXTURES_REQUIRED installed LABELS package TIMEOUT 300 ${arg_PROPERTIES})
endfunction()

foreach(component IN ITEMS detector quorum_check sim)
  vouch_package_test(find_package.${component} COMMAND ${CMAKE_CTEST_COMMAND}
    --build-and-test ${consumer} ${work}/find_package.${component} ${common}
    -DCMAKE_PREFIX_PATH=${prefix} -DCOMPONENT=${component} --test-command consumer)
  if(VOUCH_PKG_CONFIG)
    vouch_package_test(pkg_config.${component} COMMAND ${pkg_config}
      -DCOMPONENT=${component} -DWORK=${work}/pkg_config.${component}
      -P ${consumer}/pkg_config.cmake)
  endif()
endforeach()
# The whole core as part of another build, which is compiled for it: once is enough.
vouch_package_test(add_subdirectory COMMAND ${CMAKE_CTEST_COMMAND}
  --build-and-test ${consumer} ${work}/add_subdirectory ${common} -DVOUCH_UNITY=ON
  -DVOUCH_SOURCE=${PROJECT_SOURCE_DIR} -DCOMPONENT=quorum_check --test-command consumer
  PROPERTIES COST 50) # Compiles for itself: begun first, it delays nothing.
if(VOUCH_PKG_CONFIG)
  vouch_package_test(pkg_config.deep COMMAND ${pkg_config} -DDEEP=ON -DCOMPONENT=detector
    -DWORK=${work}/pkg_config.deep -P ${consumer}/pkg_config.cmake)
endif()

if(TARGET vouch_cli)
  vouch_package_test(program COMMAND ${prefix}/${CMAKE_INSTALL_BINDIR}/vouch version
    PROPERTIES PASS_REGULAR_EXPRESSION "${PROJECT_VERSION}")
endif()

# What must be refused, each with its reason.
vouch_package_test(refuses_unknown_component COMMAND ${CMAKE_CTEST_COMMAND}
  --build-and-test ${consumer} ${work}/unknown_component ${common}
  -DCMAKE_PREFIX_PATH=${prefix} -DCOMPONENT=crystal_ball
  PROPERTIES PASS_REGULAR_EXPRESSION "vouch has no component named crystal_ball")
vouch_package_test(refuses_other_minor_version COMMAND ${CMAKE_CTEST_COMMAND}
  --build-and-test ${consumer} ${work}/other_version ${common}
  -DCMAKE_PREFIX_PATH=${prefix} -DVOUCH_VERSION=0.0.9
  PROPERTIES PASS_REGULAR_EXPRESSION "requested version .0[.]0[.]9")
