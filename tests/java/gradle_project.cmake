# That the CMake project that Gradle would build has the target that Gradle would ask for, with the
# building machine's compiler in place of Android's.
#   cmake -DPROJECT=… -DWORK=… -DNINJA=… -P …
cmake_minimum_required(VERSION 3.22)

file(READ "${PROJECT}/build.gradle" script)
foreach(setting path targets)
  if(NOT script MATCHES "${setting} '([^']+)'")
    message(FATAL_ERROR "${PROJECT}/build.gradle says nothing of ${setting}")
  endif()
  set(${setting} "${CMAKE_MATCH_1}")
endforeach()
cmake_path(ABSOLUTE_PATH path BASE_DIRECTORY "${PROJECT}")
cmake_path(GET path PARENT_PATH source)
execute_process(COMMAND "${CMAKE_COMMAND}" -S "${source}" -B "${WORK}" -G Ninja
  -DCMAKE_BUILD_TYPE=Release OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${NINJA}" -C "${WORK}" -t query "${targets}" OUTPUT_QUIET
  COMMAND_ERROR_IS_FATAL ANY)
