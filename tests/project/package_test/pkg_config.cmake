# cmake -DPREFIX=.. -DCOMPONENT=.. -DCXX=.. -DPKG_CONFIG=.. -DWORK=.. -P pkg_config.cmake
# Compiles and runs the consumer as somebody without CMake does. DEEP=ON first moves the archives
# and vouch.pc, configured anew for it, into lib/<triplet> as distributions have it.
set(lib ${PREFIX}/lib)
if(DEEP)
  set(lib ${WORK}/prefix/lib/deeper-by-one)
  file(REMOVE_RECURSE ${WORK})
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/build -G Ninja -DCMAKE_CXX_COMPILER=${CXX}
      -DCMAKE_INSTALL_LIBDIR=lib/deeper-by-one -DVOUCH_BUILD_RUNTIME=OFF -DVOUCH_BUILD_CLI=OFF
      -DVOUCH_BUILD_TESTS=OFF -DVOUCH_BUILD_BENCH=OFF -DVOUCH_BUILD_EXAMPLES=OFF
    OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  file(GLOB archives ${PREFIX}/lib/*.a ${PREFIX}/lib/*/*.a)
  file(COPY ${archives} DESTINATION ${lib})
  file(COPY ${PREFIX}/include DESTINATION ${WORK}/prefix)
  file(COPY ${WORK}/build/package/vouch.pc DESTINATION ${lib}/pkgconfig)
else()
  file(GLOB_RECURSE pc ${PREFIX}/vouch.pc)
  cmake_path(GET pc PARENT_PATH lib)
  cmake_path(GET lib PARENT_PATH lib)
endif()
file(MAKE_DIRECTORY ${WORK})

set(ENV{PKG_CONFIG_PATH} ${lib}/pkgconfig)
execute_process(
  COMMAND ${PKG_CONFIG} --cflags --libs "vouch >= 0.1"
  OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags UNIX_COMMAND "${flags}")
execute_process(
  COMMAND ${CXX} -std=c++20 ${CMAKE_CURRENT_LIST_DIR}/${COMPONENT}.cc ${flags} -o ${WORK}/consumer
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${WORK}/consumer COMMAND_ERROR_IS_FATAL ANY)
