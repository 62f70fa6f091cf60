# vouch_npm_ci(FROM TO PROBLEM): installs what FROM/package-lock.json names, and nothing else, into
# TO/node_modules, once per lock file. PROBLEM becomes empty, or says why it could not be done: no
# npm, no network. This happens when CMake configures, so that the parts that need it can be
# switched off; what is built from it needs no network any more.
find_program(VOUCH_NPM npm)
find_program(VOUCH_NODE node)
mark_as_advanced(VOUCH_NPM VOUCH_NODE)

function(vouch_npm_ci from to problem)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
    ${from}/package.json ${from}/package-lock.json)
  set(${problem} "" PARENT_SCOPE)
  if(NOT VOUCH_NPM OR NOT VOUCH_NODE)
    set(${problem} "needs npm" PARENT_SCOPE)
    return()
  endif()
  file(SHA256 ${from}/package-lock.json wanted)
  set(stamp ${to}/node_modules/.vouch-${wanted})
  if(EXISTS ${stamp})
    return()
  endif()
  message(STATUS "npm ci for ${from}")
  file(COPY ${from}/package.json ${from}/package-lock.json ${from}/.npmrc DESTINATION ${to})
  execute_process(
    COMMAND ${VOUCH_NPM} ci
    WORKING_DIRECTORY ${to}
    TIMEOUT 300
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(result EQUAL 0)
    file(TOUCH ${stamp})
  else()
    file(WRITE ${to}/npm-ci.log "${output}")
    set(${problem} "npm ci failed (${to}/npm-ci.log), configuring again retries it" PARENT_SCOPE)
  endif()
endfunction()
