# The list of what the bundled model needs is what `linnet inspect --operators` makes of it; a program
# built by that list writes text with the model, and refuses one that needs more by naming it.
#   cmake -DLINNET=… -DEMULATOR=… -DAPP=… -DMODEL=… -DLIST=… -DCHECKPOINT=… -DWORK=… -P selected.cmake
cmake_minimum_required(VERSION 3.22)

execute_process(COMMAND "${LINNET}" inspect --operators "${MODEL}"
  OUTPUT_VARIABLE needed COMMAND_ERROR_IS_FATAL ANY)
file(READ "${LIST}" listed)
if(NOT needed STREQUAL listed)
  message(FATAL_ERROR "${LIST} has\n${listed}and the model needs\n${needed}")
endif()

execute_process(COMMAND ${EMULATOR} "${APP}" "${MODEL}" "The people"
  OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
string(LENGTH "${text}" length)
if(length LESS 40)
  message(FATAL_ERROR "wrote '${text}'")
endif()

set(other "${WORK}/linnet-4m-int8.linnet")
execute_process(COMMAND "${LINNET}" convert "${CHECKPOINT}" -o "${other}" --weights int8
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${EMULATOR} "${APP}" "${other}" "The people"
  RESULT_VARIABLE result OUTPUT_QUIET ERROR_VARIABLE complaint)
if(result EQUAL 0 OR NOT complaint MATCHES
    "needs (the operator Quantize|weights of int8), .*LINNET_OPERATOR_LIST")
  message(FATAL_ERROR "of a model that needs more it says '${complaint}'")
endif()
