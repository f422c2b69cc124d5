# A parent project's settings, each of which has broken a build of heddle inside another, or would change what it computes.
set(CMAKE_UNITY_BUILD ON)                    # kernel files define the same names in unnamed namespaces
set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
set(CMAKE_COMPILE_WARNING_AS_ERROR ON)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_EXTENSIONS ON)
set(CMAKE_CXX_VISIBILITY_PRESET default)
set(CMAKE_SYSTEM_PROCESSOR "")               # the kernels' instruction sets followed from it
set(CMAKE_CXX_CLANG_TIDY ${CMAKE_COMMAND} -E false)
foreach(kind IN ITEMS RUNTIME LIBRARY ARCHIVE)
  set(CMAKE_${kind}_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/out)
endforeach()
foreach(config IN ITEMS DEBUG RELEASE RELWITHDEBINFO)
  set(CMAKE_${config}_POSTFIX _of_${config})
  string(REGEX REPLACE "-O[0-9s]" "-Ofast" CMAKE_CXX_FLAGS_${config} "${CMAKE_CXX_FLAGS_${config}}")
endforeach()
string(APPEND CMAKE_CXX_FLAGS " -march=native")
# With these, comparisons against NaN and infinity are constants.
add_compile_options(-ffast-math $<$<COMPILE_LANGUAGE:CXX>:-ffinite-math-only>)
add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast -Wundef -Werror)
