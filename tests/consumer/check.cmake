# Builds and runs the consumer. Called with -DBUILD= a folder to use, -DTYPE= build type, -DCOMPILER=, -DLAUNCHER=, -DJOBS=
# compilers at once, -DCOMPONENTS= those that heddle was built with, by commas, and either
#   -DHEDDLE_BUILD=   a finished build, which is installed to a prefix that is then moved elsewhere, or
#   -DHEDDLE_SOURCE=  heddle's sources, which become part of the consumer's build
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  message("${output}")
  if(result)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "Failed: ${command}")
  endif()
endfunction()

file(REMOVE_RECURSE ${BUILD})
file(MAKE_DIRECTORY ${BUILD})
set(options -G Ninja -DCOMPONENTS=${COMPONENTS} -DCMAKE_BUILD_TYPE=${TYPE} -DCMAKE_CXX_COMPILER=${COMPILER})
if(HEDDLE_BUILD)
  run(${CMAKE_COMMAND} --install ${HEDDLE_BUILD} --prefix ${BUILD}/first)
  file(RENAME ${BUILD}/first "${BUILD}/moved elsewhere")
  list(APPEND options "-DCMAKE_PREFIX_PATH=${BUILD}/moved elsewhere")
  file(GLOB_RECURSE installed RELATIVE ${BUILD} ${BUILD}/*.hpp)
  if(NOT installed MATCHES "heddle/heddle[.]hpp" OR installed MATCHES "base/check[.]hpp|dispatch[.]hpp|tensor_impl[.]hpp|kernels/|decoders[.]hpp|descriptor[.]hpp")
    message(FATAL_ERROR "Expected the public headers to be installed and no others, got ${installed}")
  endif()
else()
  # With our own build's warnings and launcher, so that ccache knows every file already: the parent's flags do not reach heddle.
  list(APPEND options -DHEDDLE_SOURCE=${HEDDLE_SOURCE} -DHEDDLE_WERROR=ON -DHEDDLE_CUDA=OFF
                      -DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER})
endif()
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${BUILD}/build ${options})
if(HEDDLE_SOURCE)
  # Of this build, heddle's files alone are listed here.
  file(READ ${BUILD}/build/compile_commands.json commands)
  string(REGEX MATCHALL " -(Ofast|ffast-math|ffinite-math-only|march=native|Wconversion|Wundef|flto|std=[a-z+0-9]*17)[^ ]*|Unity" reached "${commands}")
  if(reached OR NOT commands MATCHES "base/error[.]cpp" OR NOT commands MATCHES "-Wall" OR NOT commands MATCHES " -std=c[+][+]20")
    message(FATAL_ERROR "Expected heddle's files to be compiled with its own flags alone, got the parent's '${reached}'")
  endif()
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${BUILD}/refused ${options} -DPARENT_OPTIONS=-m32
                  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result OR NOT output MATCHES "heddle: expected a 64-bit target")
    message(FATAL_ERROR "Expected a parent's -m32 to be refused, got ${result}: ${output}")
  endif()
endif()
run(${CMAKE_COMMAND} --build ${BUILD}/build --target run_programs -j ${JOBS})
