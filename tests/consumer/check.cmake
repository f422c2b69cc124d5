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
string(REPLACE "," ";" programs "app,${COMPONENTS}")
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
  # With our own build's warnings and launcher, so that ccache knows every file already.
  list(APPEND options -DHEDDLE_SOURCE=${HEDDLE_SOURCE} -DHEDDLE_WERROR=ON -DHEDDLE_CUDA=OFF
                      -DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER})
endif()
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${BUILD}/build ${options})
run(${CMAKE_COMMAND} --build ${BUILD}/build --target ${programs} -j ${JOBS})
foreach(program IN LISTS programs)
  run(${CMAKE_COMMAND} -E env no_proxy=127.0.0.1 ${BUILD}/build/${program})
endforeach()
