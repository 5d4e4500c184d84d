# Installs Linnet, builds the example programs as a project that knows nothing but the installation,
# through find_package and through pkg-config, and has them write text.
#   cmake -DBUILD=… -DSOURCE=… -DWORK=… -DMODEL=… -DTOOLCHAIN=… -DEMULATOR=… -DCOMPILER=… -DNM=…
#         -DJAVA=… -P …
cmake_minimum_required(VERSION 3.22)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

# expect_text(COMMAND...)
function(expect_text)
  run(${ARGN} "${MODEL}" "The people")
  string(LENGTH "${output}" length)
  if(length LESS 40)
    message(FATAL_ERROR "${ARGN} wrote '${output}'")
  endif()
  list(GET ARGN -1 program)
  message(STATUS "${program}: The people${output}")
endfunction()

# Names that a library defines for others, but for those of the interface.
function(expect_interface_alone library)
  run("${NM}" --defined-only --extern-only ${ARGN} "${library}")
  string(REGEX MATCHALL "[0-9a-f]+ [A-Za-z] [^\n]+" names "${output}")
  list(LENGTH names count)
  list(FILTER names EXCLUDE REGEX " linnet_")
  if(count EQUAL 0 OR names)
    message(FATAL_ERROR "${library} defines ${count} names, these beside linnet_*: ${names}")
  endif()
endfunction()

file(REMOVE_RECURSE "${WORK}")
set(prefix "${WORK}/installed")
run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${prefix}")
file(GLOB_RECURSE archive "${prefix}/lib*/liblinnet.a")
file(GLOB_RECURSE shared "${prefix}/lib*/liblinnet.so")
file(GLOB_RECURSE package "${prefix}/lib*/linnet.pc")
expect_interface_alone("${archive}")
expect_interface_alone("${shared}" --dynamic)

set(toolchain)
if(TOOLCHAIN)
  set(toolchain "-DCMAKE_TOOLCHAIN_FILE=${TOOLCHAIN}")
endif()
run("${CMAKE_COMMAND}" -S "${SOURCE}/platforms/examples" -B "${WORK}/build" -G Ninja ${toolchain}
  -DCMAKE_BUILD_TYPE=Release "-DCMAKE_FIND_ROOT_PATH=${prefix}" "-Dlinnet_ROOT=${prefix}")
run("${CMAKE_COMMAND}" --build "${WORK}/build")
expect_text(${EMULATOR} "${WORK}/build/write_c")
expect_text(${EMULATOR} "${WORK}/build/write_cpp")

find_program(PKG_CONFIG pkg-config REQUIRED)
cmake_path(GET package PARENT_PATH folder)
set(ENV{PKG_CONFIG_PATH} "${folder}")
run("${PKG_CONFIG}" --cflags --libs linnet)
separate_arguments(flags UNIX_COMMAND "${output}")
cmake_path(GET shared PARENT_PATH libraries)
run("${COMPILER}" -std=c99 "${SOURCE}/platforms/examples/write.c" ${flags}
  "-Wl,-rpath,${libraries}" -o "${WORK}/write_pkg_config")
expect_text(${EMULATOR} "${WORK}/write_pkg_config")

# Nothing but the installed classes and their library.
if(JAVA)
  file(GLOB_RECURSE jar "${prefix}/share/java/linnet.jar")
  expect_text("${JAVA}" -cp "${jar}" "-Djava.library.path=${libraries}"
    "${SOURCE}/platforms/examples/Write.java")
endif()
