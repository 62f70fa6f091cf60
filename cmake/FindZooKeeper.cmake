# The C client of ZooKeeper without threads of its own, as Debian's libzookeeper-st-dev brings it:
# the target ZooKeeper::zookeeper_st. Installed with the package, which needs it too.
find_path(ZooKeeper_INCLUDE_DIR zookeeper/zookeeper.h)
find_library(ZooKeeper_LIBRARY zookeeper_st)
mark_as_advanced(ZooKeeper_INCLUDE_DIR ZooKeeper_LIBRARY)

if(ZooKeeper_INCLUDE_DIR AND EXISTS ${ZooKeeper_INCLUDE_DIR}/zookeeper/zookeeper_version.h)
  file(STRINGS ${ZooKeeper_INCLUDE_DIR}/zookeeper/zookeeper_version.h ZooKeeper_VERSION REGEX "define ZOO_VERSION ")
  string(REGEX REPLACE ".*\"(.*)\".*" "\\1" ZooKeeper_VERSION "${ZooKeeper_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ZooKeeper
  REQUIRED_VARS ZooKeeper_LIBRARY ZooKeeper_INCLUDE_DIR
  VERSION_VAR ZooKeeper_VERSION)

if(ZooKeeper_FOUND AND NOT TARGET ZooKeeper::zookeeper_st)
  add_library(ZooKeeper::zookeeper_st UNKNOWN IMPORTED)
  set_target_properties(ZooKeeper::zookeeper_st PROPERTIES
    IMPORTED_LOCATION ${ZooKeeper_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${ZooKeeper_INCLUDE_DIR})
endif()
