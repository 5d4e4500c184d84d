# Small helpers that give every target of ours the same rules.

# linnet_sources(VARIABLE PATTERN...) collects sources below this folder; a new file is picked up
# by the next build. Where there are none yet, an empty source stands in.
function(linnet_sources variable)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${ARGN})
  if(NOT sources)
    set(empty "${CMAKE_CURRENT_BINARY_DIR}/${variable}_empty.cpp")
    file(CONFIGURE OUTPUT "${empty}" CONTENT "")
    set(sources "${empty}")
  endif()
  set(${variable} "${sources}" PARENT_SCOPE)
endfunction()

# linnet_parts(VARIABLE) lists all that a build may leave out, as `linnet inspect --operators` prints
# it: operators, types of weights and parts of tokenizers.
function(linnet_parts variable)
  file(STRINGS "${linnet_SOURCE_DIR}/runtime/exec/operator_table.h" parts REGEX "^ +entry<")
  list(TRANSFORM parts REPLACE ".*\"(.*)\".*" "operator \\1")
  list(APPEND parts "weights f32" "weights f16" "weights bf16" "weights int8" "weights int4"
    "text byte_level_bpe" "text longest_match" "text bytes" "text word_piece" "text unigram"
    "text character_bpe" "text patterns" "text normalizers" "text generation" "text translation")
  set(${variable} "${parts}" PARENT_SCOPE)
endfunction()

# linnet_selection(VARIABLE PART...) puts such parts into the form that runtime/base/selection.h takes.
function(linnet_selection variable)
  list(TRANSFORM ARGN REPLACE "^[a-z]+ " "" OUTPUT_VARIABLE names)
  list(JOIN names "," selection)
  set(${variable} ",${selection}," PARENT_SCOPE)
endfunction()

# linnet_read_selection(FILE VARIABLE) does so with a list that `linnet inspect --operators` printed.
function(linnet_read_selection list variable)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${list}")
  linnet_parts(known)
  file(STRINGS "${list}" lines REGEX "^[^#]")
  set(unknown ${lines})
  list(REMOVE_ITEM unknown ${known})
  if(unknown OR NOT lines)
    message(FATAL_ERROR "${list}: '${unknown}' is not what `linnet inspect --operators` prints")
  endif()
  linnet_selection(selection ${lines})
  set(${variable} "${selection}" PARENT_SCOPE)
endfunction()

set(LINNET_OPERATOR_LIST "" CACHE FILEPATH
  "Build the operators, types of weights and parts of tokenizers of this file alone; see linnet_parts")
set(LINNET_SELECTION)
if(LINNET_OPERATOR_LIST)
  linnet_read_selection("${LINNET_OPERATOR_LIST}" LINNET_SELECTION)
endif()

# Everything of ours: language, warnings, sanitizers, dead code removed, includes from the root.
function(linnet_rules target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES
    CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden
    C_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON)
  target_include_directories(${target} PRIVATE "${linnet_SOURCE_DIR}")
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wundef -Wvla -Wcast-qual -Wimplicit-fallthrough
    $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi>
    -ffunction-sections -fdata-sections)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # Wrong about sums of strings: https://gcc.gnu.org/bugzilla/show_bug.cgi?id=105651
    target_compile_options(${target} PRIVATE -Wno-restrict)
  endif()
  if(LINNET_SELECTION)
    target_compile_definitions(${target} PRIVATE "LINNET_SELECTION=\"${LINNET_SELECTION}\"")
  endif()
  if(PROJECT_IS_TOP_LEVEL)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(CMAKE_SIZEOF_VOID_P EQUAL 4)
    target_compile_definitions(${target} PRIVATE _FILE_OFFSET_BITS=64)  # files of any size
  endif()
  if(LINNET_SANITIZE)
    string(REPLACE ";" "," sanitizers "${LINNET_SANITIZE}")
    # The runtime has no run-time type information, which "vptr" needs.
    set(flags -fsanitize=${sanitizers} -fno-sanitize=vptr)
    # C of ours, a test, may have a compiler without them.
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:
      ${flags} -fno-sanitize-recover=all -fno-omit-frame-pointer>)
    target_link_options(${target} PUBLIC ${flags})
    target_compile_definitions(${target} PRIVATE LINNET_FEW_TARGETS)
  endif()
  if(APPLE)
    target_link_options(${target} PUBLIC -Wl,-dead_strip)
  else()
    target_link_options(${target} PUBLIC -Wl,--gc-sections)
  endif()
endfunction()
