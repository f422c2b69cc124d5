# Whether CUDA kernels are built, and with what: included by the top-level CMakeLists.txt before any target.
#
# HEDDLE_CUDA is ON, OFF or AUTO (where nvcc is found); HEDDLE_WITH_CUDA is the outcome.

# What every .cu file of ours is compiled with. 1675: headers shared with the CPU hold pragmas that are GCC's alone.
# Line numbers make a program ten times as large, so they are left to RelWithDebInfo; profilers and compute-sanitizer want them.
set(HEDDLE_CUDA_OPTIONS --expt-relaxed-constexpr --extended-lambda --diag-suppress=1675
    $<$<BOOL:${HEDDLE_WERROR}>:--Werror=all-warnings> $<$<CONFIG:RelWithDebInfo>:-lineinfo>
    $<$<VERSION_GREATER_EQUAL:$<CUDA_COMPILER_VERSION>,12.8>:--compress-mode=size>)

set(HEDDLE_WITH_CUDA OFF)
if(NOT HEDDLE_CUDA STREQUAL "OFF")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(HEDDLE_WITH_CUDA ON)
  elseif(HEDDLE_CUDA STREQUAL "ON")
    message(FATAL_ERROR "HEDDLE_CUDA is ON, but there is no nvcc; set CMAKE_CUDA_COMPILER to it, or HEDDLE_CUDA to OFF")
  endif()
endif()

if(HEDDLE_WITH_CUDA)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
    # One of each major generation from Turing on, as machine code, and the last one's PTX for those to come.
    find_package(CUDAToolkit QUIET)
    if(CUDAToolkit_VERSION VERSION_GREATER_EQUAL 12.8)
      set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 90-real 100-real 120)
    else()
      set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 90)
    endif()
  endif()
  set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
  enable_language(CUDA)
  # CMake 3.25 does not know that nvcc has C++20, and ignores the wish for it.
  foreach(kind STANDARD EXTENSION)
    if(NOT CMAKE_CUDA20_${kind}_COMPILE_OPTION)
      set(CMAKE_CUDA20_${kind}_COMPILE_OPTION "-std=c++20")
    endif()
  endforeach()
  set(CMAKE_CUDA_STANDARD 20)
  find_package(CUDAToolkit REQUIRED)
  message(STATUS "CUDA kernels: yes, nvcc ${CMAKE_CUDA_COMPILER_VERSION}, architectures ${CMAKE_CUDA_ARCHITECTURES}")
else()
  message(STATUS "CUDA kernels: no")
endif()
