include(CheckCXXCompilerFlag)

# A message is a few hundred bytes, and its copy is what a simulation does most. GCC tuned for every
# x86 writes `rep movs` for it, which takes longer to start than the C library's memcpy to end.
set(VOUCH_COPY_OPTIONS
  -mmemcpy-strategy=unrolled_loop:64:noalign,libcall:-1:noalign
  -mmemset-strategy=unrolled_loop:64:noalign,libcall:-1:noalign)
check_cxx_compiler_flag("${VOUCH_COPY_OPTIONS}" VOUCH_HAS_COPY_OPTIONS)
if(NOT VOUCH_HAS_COPY_OPTIONS)
  set(VOUCH_COPY_OPTIONS "")
endif()

# GCC inlines no function of position-independent code that a shared library around it could replace.
# Nobody replaces ours; Clang takes that for granted.
check_cxx_compiler_flag(-fno-semantic-interposition VOUCH_HAS_NO_INTERPOSITION)
set(VOUCH_INLINE_OPTIONS $<$<BOOL:${VOUCH_HAS_NO_INTERPOSITION}>:-fno-semantic-interposition>)

# What a sanitizer adds to each access is slow to compile. Where the time of a run goes, in the core,
# optimising it pays; in programs, tests, and in what reads JSON or drives Asio it does not. There the
# checks of each `->` are left out too, a quarter of what such a file costs: AddressSanitizer sees a null pointer.
set(VOUCH_RUN_ONCE_OPTIONS -O0)
if(VOUCH_SANITIZE MATCHES "undefined")
  list(APPEND VOUCH_RUN_ONCE_OPTIONS -fno-sanitize=null,alignment,vptr)
endif()

# vouch_component(NAME
#   BASE <folder>        folder below the top level that holds include/ and src/ (default: NAME)
#   HEADERS ...          public headers, relative to <folder>/include
#   SOURCES ...          private sources, relative to <folder>
#   DEPENDS ...          other components by their bare name, or imported targets
#   PRIVATE_DEPENDS ...  the same for what public headers do not show
#   [NO_INSTALL])        built here, not part of the package
#
# Makes the library vouch_NAME with alias vouch::NAME. A component sees only the include
# directories of what it names in DEPENDS, so an include against the layering does not compile.
function(vouch_component name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NO_INSTALL" "BASE" "HEADERS;SOURCES;DEPENDS;PRIVATE_DEPENDS")
  if(NOT arg_BASE)
    set(arg_BASE ${name})
  endif()
  set(base ${PROJECT_SOURCE_DIR}/${arg_BASE})
  set(target vouch_${name})

  set(header_names ${arg_HEADERS})
  list(TRANSFORM arg_HEADERS PREPEND ${base}/include/)
  list(TRANSFORM arg_SOURCES PREPEND ${base}/)
  if(arg_SOURCES)
    set(scope PUBLIC)
    add_library(${target} STATIC)
    target_sources(${target} PRIVATE ${arg_SOURCES})
    target_include_directories(${target} PRIVATE ${base}/src)
    target_compile_options(${target} PRIVATE ${VOUCH_COPY_OPTIONS} ${VOUCH_INLINE_OPTIONS})
    if(VOUCH_SANITIZE AND arg_BASE MATCHES "^(probe/runtime|quorum_check/record|sim/(report|scenario)|election/(client|dynamodb|etcd|http|runner|sqlite|stores|zookeeper))$")
      target_compile_options(${target} PRIVATE ${VOUCH_RUN_ONCE_OPTIONS})
    endif()
    vouch_warnings(${target})
  else()
    set(scope INTERFACE)
    add_library(${target} INTERFACE)
  endif()
  add_library(vouch::${name} ALIAS ${target})

  target_sources(${target} ${scope} FILE_SET HEADERS BASE_DIRS ${base}/include FILES ${arg_HEADERS})
  target_compile_features(${target} ${scope} cxx_std_20)
  # Equal inputs give equal outputs on every compiler: no fused multiply-add behind our back.
  target_compile_options(${target} ${scope} $<BUILD_INTERFACE:-ffp-contract=off>)
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${name}
    POSITION_INDEPENDENT_CODE ON)

  set(parts "")
  set(imports "")
  foreach(visibility IN ITEMS DEPENDS PRIVATE_DEPENDS)
    foreach(dependency IN LISTS arg_${visibility})
      if(TARGET vouch_${dependency})
        get_property(inherited GLOBAL PROPERTY VOUCH_IMPORTS_OF_${dependency})
        list(APPEND imports ${inherited})
        get_property(inherited GLOBAL PROPERTY VOUCH_PARTS_OF_${dependency})
        list(APPEND parts ${dependency} ${inherited})
        set(dependency vouch_${dependency})
      else()
        list(APPEND imports ${dependency})
      endif()
      if(visibility STREQUAL "DEPENDS")
        target_link_libraries(${target} ${scope} ${dependency})
      else()
        target_link_libraries(${target} PRIVATE ${dependency})
      endif()
    endforeach()
  endforeach()

  # What the package files and the tests need to know: the components and the imported targets that
  # this one needs, directly or through others, and the archives of layers 0 to 2.
  list(REMOVE_DUPLICATES parts)
  list(REMOVE_DUPLICATES imports)
  set_property(GLOBAL PROPERTY VOUCH_PARTS_OF_${name} ${parts})
  set_property(GLOBAL PROPERTY VOUCH_IMPORTS_OF_${name} ${imports})
  if(arg_SOURCES AND arg_BASE MATCHES "^(detector|probe/core|quorum_check)$")
    set_property(GLOBAL APPEND PROPERTY VOUCH_CORE_LIBRARIES ${target})
  endif()
  if(VOUCH_INSTALL AND NOT arg_NO_INSTALL)
    install(TARGETS ${target} EXPORT vouchTargets ARCHIVE FILE_SET HEADERS)
    set_property(GLOBAL APPEND PROPERTY VOUCH_INSTALLED_COMPONENTS ${name})
  endif()
  vouch_check_headers(${target} ${base}/include ${header_names})
endfunction()

# vouch_check_headers(TARGET FOLDER HEADERS...): each of these headers of TARGET compiles alone, which
# the target vouch_headers shows. One unit shows it for a chain of headers, each of which includes the
# one before it: what stands before a header in the unit is only what it includes itself, so that
# it lacks nothing there that it would have alone. In the same way a chain of headers that include
# time.h, directly or through others, finds it precompiled. The includes are read when CMake runs.
function(vouch_check_headers target folder)
  if(NOT PROJECT_IS_TOP_LEVEL)
    return()
  endif()
  set(time vouch/detector/time.h)
  set(tails "")
  set(waiting ${ARGN})
  set(before "none yet")
  while(NOT "${waiting}" STREQUAL "${before}")
    set(before "${waiting}")
    foreach(header IN LISTS before)
      file(STRINGS ${folder}/${header} includes REGEX "^#include \"vouch/")
      list(TRANSFORM includes REPLACE "^#include \"(.+)\".*" "\\1")
      set(closure ${header} ${includes})
      set(is_ready TRUE)
      foreach(include IN LISTS includes)
        get_property(is_known GLOBAL PROPERTY VOUCH_INCLUDES_OF_${include} SET)
        get_property(its GLOBAL PROPERTY VOUCH_INCLUDES_OF_${include})
        list(APPEND closure ${its})
        if(NOT is_known)
          set(is_ready FALSE) # it waits for one that comes later in the list
        endif()
      endforeach()
      if(NOT is_ready)
        continue()
      endif()
      list(REMOVE_DUPLICATES closure)
      set_property(GLOBAL PROPERTY VOUCH_INCLUDES_OF_${header} ${closure})
      list(REMOVE_ITEM waiting ${header})
      # Of the chains that may go on with it, the one that leaves least behind.
      set(best "")
      set(best_length -1)
      foreach(tail IN LISTS tails)
        get_property(its GLOBAL PROPERTY VOUCH_INCLUDES_OF_${tail})
        list(LENGTH its length)
        if(tail IN_LIST closure AND length GREATER best_length)
          set(best ${tail})
          set(best_length ${length})
        endif()
      endforeach()
      set(chain_${header} ${chain_${best}} ${header})
      list(REMOVE_ITEM tails "${best}")
      list(APPEND tails ${header})
    endforeach()
  endwhile()
  if(waiting)
    message(FATAL_ERROR "${target}: a circle of includes, or one that no component names: ${waiting}")
  endif()

  set(sources "")
  foreach(tail IN LISTS tails)
    set(source ${CMAKE_CURRENT_BINARY_DIR}/headers/${tail}.cc)
    list(TRANSFORM chain_${tail} REPLACE "(.+)" "#include \"\\1\"" OUTPUT_VARIABLE lines)
    list(JOIN lines "\n" lines)
    file(CONFIGURE OUTPUT ${source} CONTENT "${lines}\n" @ONLY)
    list(APPEND sources ${source})
    list(GET chain_${tail} 0 first)
    get_property(its GLOBAL PROPERTY VOUCH_INCLUDES_OF_${first})
    if(first STREQUAL time OR NOT time IN_LIST its)
      set_source_files_properties(${source} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
    endif()
  endforeach()
  add_library(${target}_headers OBJECT EXCLUDE_FROM_ALL ${sources})
  target_link_libraries(${target}_headers PRIVATE ${target})
  if(TARGET vouch_headers)
    target_precompile_headers(${target}_headers REUSE_FROM vouch_detector_headers)
  else()
    add_custom_target(vouch_headers)
    target_precompile_headers(${target}_headers PRIVATE <${time}>)
  endif()
  add_dependencies(vouch_headers ${target}_headers)
endfunction()

# Strict warnings, private to our own targets. VOUCH_WERROR makes them errors (the dev preset does).
function(vouch_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
    -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align -Wdouble-promotion -Wimplicit-fallthrough
    -Wswitch -Wundef -Wformat=2
    $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wlogical-op -Wno-missing-field-initializers>
    $<$<CXX_COMPILER_ID:Clang>:-Wreserved-identifier -Wno-missing-field-initializers>)
  if(VOUCH_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

# vouch_program(NAME SOURCES ... DEPENDS ...): an executable with our warnings.
function(vouch_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "OUTPUT_NAME" "SOURCES;DEPENDS")
  add_executable(${name} ${arg_SOURCES})
  target_compile_features(${name} PRIVATE cxx_std_20)
  target_compile_options(${name} PRIVATE -ffp-contract=off)
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS})
  if(arg_OUTPUT_NAME)
    set_target_properties(${name} PROPERTIES OUTPUT_NAME ${arg_OUTPUT_NAME})
  endif()
  if(VOUCH_SANITIZE)
    target_compile_options(${name} PRIVATE ${VOUCH_RUN_ONCE_OPTIONS})
  endif()
  vouch_warnings(${name})
endfunction()

# vouch_unity(TARGET GROUP SOURCES...): with VOUCH_UNITY these sources of TARGET are one compile unit.
# JSON, Asio and CLI11 are read and instantiated once for all of them, which is most of what such a
# file costs. A source that no group names is compiled alone, so a new file needs nothing here. Units
# share one anonymous namespace: a name that two files of a group define does not compile; put one
# of them into another group. The preset dev compiles every file alone.
function(vouch_unity target group)
  get_target_property(sources ${target} SOURCES)
  foreach(source IN LISTS ARGN)
    if(NOT source IN_LIST sources AND NOT "${CMAKE_CURRENT_SOURCE_DIR}/${source}" IN_LIST sources)
      message(FATAL_ERROR "${target} has no source ${source} that could be compiled in a group")
    endif()
  endforeach()
  if(VOUCH_UNITY)
    set_source_files_properties(${ARGN} PROPERTIES UNITY_GROUP ${group})
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  endif()
endfunction()
