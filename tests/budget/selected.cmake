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

# refuses(WHAT COMPLAINT OPTION...): the program has not what this conversion of the checkpoint needs.
function(refuses what complaint)
  set(other "${WORK}/linnet-4m-${what}.linnet")
  execute_process(COMMAND "${LINNET}" convert "${CHECKPOINT}" -o "${other}" ${ARGN}
    OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${EMULATOR} "${APP}" "${other}" "The people"
    RESULT_VARIABLE result OUTPUT_QUIET ERROR_VARIABLE said)
  if(result EQUAL 0 OR NOT said MATCHES "needs ${complaint}, .*LINNET_OPERATOR_LIST")
    message(FATAL_ERROR "of a model that needs more (${what}) it says '${said}'")
  endif()
endfunction()
refuses(int8 "(the operator Quantize|weights of int8)" --weights int8)
set(tokenizer "${WORK}/word-piece.json")
file(WRITE "${tokenizer}" [[{"version": "1.0", "added_tokens": [], "normalizer": null,
  "pre_tokenizer": null, "post_processor": null, "decoder": null,
  "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "a": 1}}}]])
refuses(tokenizer "a tokenizer of word_piece" --tokenizer "${tokenizer}")
