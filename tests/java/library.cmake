# What Android asks of a library, and what an app may expect of it: segments on boundaries of 16 KiB,
# and no names but JNI_OnLoad.
#   cmake -DLIBRARY=… -DREADELF=… -DNM=… -P …
cmake_minimum_required(VERSION 3.22)

execute_process(COMMAND "${READELF}" --program-headers --wide "${LIBRARY}"
  OUTPUT_VARIABLE headers COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "LOAD +0x[^\n]+" segments "${headers}")
if(NOT segments)
  message(FATAL_ERROR "${LIBRARY} has no segments to load:\n${headers}")
endif()
foreach(segment IN LISTS segments)
  string(REGEX MATCH "0x[0-9a-f]+$" alignment "${segment}")
  math(EXPR rest "${alignment} % 16384")
  if(NOT rest EQUAL 0)
    message(FATAL_ERROR "${LIBRARY} has a segment that is not aligned to 16 KiB: ${segment}")
  endif()
endforeach()

execute_process(COMMAND "${NM}" --dynamic --defined-only --extern-only "${LIBRARY}"
  OUTPUT_VARIABLE names COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^ \n]+\n" names "${names}")
if(NOT names STREQUAL "JNI_OnLoad\n")
  message(FATAL_ERROR "${LIBRARY} exports: ${names}")
endif()
