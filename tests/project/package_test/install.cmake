# cmake -DBUILD=<built tree> -DPREFIX=<folder> -P install.cmake
# Installs into a staging folder and then moves the tree to PREFIX: whoever uses it from there
# proves that nothing in it remembers where it was installed.
file(REMOVE_RECURSE ${PREFIX} ${PREFIX}.staging)
execute_process(
  COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX}.staging
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(RENAME ${PREFIX}.staging ${PREFIX})

file(GLOB_RECURSE files ${PREFIX}/*.cmake ${PREFIX}/*.pc)
list(LENGTH files count)
if(count LESS 4)
  message(FATAL_ERROR "package files are missing, found only: ${files}")
endif()
foreach(file IN LISTS files)
  file(READ ${file} text)
  foreach(path IN ITEMS ${PREFIX} ${PREFIX}.staging ${SOURCE} ${BUILD})
    string(FIND "${text}" "${path}/" at)
    if(NOT at EQUAL -1)
      message(FATAL_ERROR "${file} names ${path}")
    endif()
  endforeach()
endforeach()
