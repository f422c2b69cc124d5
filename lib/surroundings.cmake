# What the platform, the user's flags and a parent project may decide about our targets: included by the top-level
# CMakeLists.txt before any target, so that it holds for all of them and for nothing outside.
#
# Refused, in one line: what the library cannot be. Left out of our own targets, and reported in one line: flags that change
# what arithmetic means (a NaN that no check sees, other bits on another machine), that mix instruction sets which the kernels
# choose at run time, or that take away exceptions. A parent's warnings and its link-time optimisation, unity builds and static
# analysis are its own business too; sanitizers, _GLIBCXX_DEBUG and debug information do reach us.

if(MSVC)
  message(FATAL_ERROR "heddle: expected g++ or clang, got ${CMAKE_CXX_COMPILER}")
endif()
get_property(heddle_options DIRECTORY PROPERTY COMPILE_OPTIONS)
if((CMAKE_SIZEOF_VOID_P AND NOT CMAKE_SIZEOF_VOID_P EQUAL 8) OR "${heddle_options} " MATCHES "-m(x?32)[ ;>]")
  message(FATAL_ERROR "heddle: expected a 64-bit target, got one of 32 bits; sizes of tensors and files take 64")
endif()
if(CMAKE_CXX_BYTE_ORDER STREQUAL "BIG_ENDIAN")
  message(FATAL_ERROR "heddle: expected a little-endian target, got a big-endian one; its files are read and written as memory has them")
endif()

# What the compiler compiles for; a cross build may leave CMAKE_SYSTEM_PROCESSOR empty.
include(CheckCXXSourceCompiles)
check_cxx_source_compiles("#if !defined(__x86_64__)\n#error\n#endif\nint main() {}" HEDDLE_X86_64)

if(NOT CMAKE_CXX_STANDARD MATCHES "^(20|23|26)$")
  set(CMAKE_CXX_STANDARD 20)
endif()
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_CUDA_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Kernel files define the same names once for each instruction set, in unnamed namespaces; they are no unit together, and
# a linker that optimises must not merge them.
set(CMAKE_UNITY_BUILD OFF)
set(CMAKE_CUDA_SEPARABLE_COMPILATION OFF)
set(CMAKE_INTERPROCEDURAL_OPTIMIZATION OFF)
set(heddle_configs DEBUG RELEASE RELWITHDEBINFO MINSIZEREL)
foreach(config IN LISTS CMAKE_BUILD_TYPE CMAKE_CONFIGURATION_TYPES)
  string(TOUPPER "${config}" config)
  list(APPEND heddle_configs ${config})
endforeach()
list(REMOVE_DUPLICATES heddle_configs)
foreach(config IN LISTS heddle_configs)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION_${config} OFF)
endforeach()

# Regular expressions of flags that are left out; a flag begins at the start, or after one of these.
set(heddle_begin "(^|[ ;:,])")
set(heddle_rest "[^ ;>]*")
set(heddle_foreign
    "-f(no-)?fast-math" "-ffinite-math-only" "-funsafe-math-optimizations" "-fassociative-math" "-freciprocal-math"
    "-fno-signed-zeros" "-fsingle-precision-constant" "-ffp-contract=${heddle_rest}" "-ffp-model=${heddle_rest}"
    "-mfpmath=${heddle_rest}" "-fno-exceptions" "-fno-rtti" "-std=${heddle_rest}" "-flto${heddle_rest}"
    "-fvisibility=${heddle_rest}" "--?use_fast_math" "--?ftz=true" "--?prec-div=false" "--?prec-sqrt=false")
if(HEDDLE_X86_64)
  list(APPEND heddle_foreign "-march=${heddle_rest}" "-mcpu=${heddle_rest}"
       "-m(no-)?(avx|sse|ssse|fma|bmi|f16c|lzcnt|movbe|prefer-vector-width)${heddle_rest}")
endif()
if(NOT PROJECT_IS_TOP_LEVEL)
  list(APPEND heddle_foreign "--?Werror[ =][a-z,-]+" "-W([^lap ;>]|[lap][^, ;>])${heddle_rest}" "-pedantic${heddle_rest}")
  set(CMAKE_COMPILE_WARNING_AS_ERROR OFF)
  foreach(tool CLANG_TIDY CPPCHECK CPPLINT INCLUDE_WHAT_YOU_USE)
    set(CMAKE_CXX_${tool} "")
  endforeach()
  set(CMAKE_LINK_WHAT_YOU_USE OFF)
endif()

# Takes the foreign flags out of the variable `flags` and adds them to the variable `left_out`.
function(heddle_leave_out flags left_out)
  set(text "${${flags}}")
  set(found "${${left_out}}")
  foreach(flag IN LISTS heddle_foreign)
    string(REGEX MATCHALL "${heddle_begin}${flag}" matches "${text}")
    list(TRANSFORM matches REPLACE "^[ ;:,]" "")
    list(REMOVE_ITEM matches "")
    list(APPEND found ${matches})
    string(REGEX REPLACE "${heddle_begin}${flag}" "\\1" text "${text}")
  endforeach()
  if(text MATCHES "${heddle_begin}-Ofast")
    list(APPEND found "-Ofast (-O3 stands in)")
    string(REGEX REPLACE "${heddle_begin}-Ofast" "\\1-O3" text "${text}")
  endif()
  set(${flags} "${text}" PARENT_SCOPE)
  set(${left_out} "${found}" PARENT_SCOPE)
endfunction()

set(heddle_left_out "")
foreach(variable IN ITEMS CMAKE_CXX_FLAGS CMAKE_CUDA_FLAGS CMAKE_SHARED_LINKER_FLAGS CMAKE_EXE_LINKER_FLAGS)
  foreach(name IN LISTS variable heddle_configs)
    if(NOT name STREQUAL variable)
      set(name ${variable}_${name})
    endif()
    heddle_leave_out(${name} heddle_left_out)
  endforeach()
endforeach()
foreach(property IN ITEMS COMPILE_OPTIONS LINK_OPTIONS)
  get_property(heddle_options DIRECTORY PROPERTY ${property})
  heddle_leave_out(heddle_options heddle_left_out)
  set_property(DIRECTORY PROPERTY ${property} ${heddle_options})
endforeach()
if(heddle_left_out)
  list(REMOVE_DUPLICATES heddle_left_out)
  list(JOIN heddle_left_out " " heddle_left_out)
  message(STATUS "heddle: its own targets are built without these flags, which are not for them: ${heddle_left_out}")
endif()
