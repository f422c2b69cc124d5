# The fuzz targets: targets/NAME.cpp each, with a corpus in corpus/NAME.
#
#   heddle_fuzz_targets(<flags> <objects> <library>)
#     fuzz_NAME for each target: the target and what it has of components, compiled with `flags` (compiler's and linker's), and
#     `objects`, which are compiled so already; the rest comes from `library` as it is. HEDDLE_FUZZ_PROGRAMS lists them.
#
# Included by tests/fuzz (the driver, in every test run) and by tests/fuzz/libfuzzer (clang).
set(HEDDLE_FUZZ_FOLDER ${CMAKE_CURRENT_LIST_DIR})
set(HEDDLE_FUZZ_PROJECT ${CMAKE_CURRENT_LIST_DIR}/../..)

# Components' readers, and what these stand on.
set(HEDDLE_FUZZ_picture pictures/*.cpp)
set(HEDDLE_FUZZ_picture_packages JPEG PNG)
set(HEDDLE_FUZZ_picture_libraries JPEG::JPEG PNG::PNG)
set(HEDDLE_FUZZ_archive download/unpack.cpp)
set(HEDDLE_FUZZ_archive_packages LibArchive)
set(HEDDLE_FUZZ_archive_libraries LibArchive::LibArchive)

# What the example program reads with.
set(HEDDLE_FUZZ_command_line ../../examples/cifar10/suggest.cpp ../../examples/cifar10/numbers.cpp)
set(HEDDLE_FUZZ_run_config ../../examples/cifar10/config.cpp ../../examples/cifar10/run.cpp ../../examples/cifar10/numbers.cpp)

function(heddle_fuzz_targets flags objects library)
  set(programs "")
  file(GLOB targets CONFIGURE_DEPENDS ${HEDDLE_FUZZ_FOLDER}/targets/*.cpp)
  foreach(target IN LISTS targets)
    cmake_path(GET target STEM name)
    set(libraries ${library})
    if(name MATCHES "^(command_line|run_config)$")
      if(NOT TARGET cifar10_program)
        continue()
      endif()
      list(PREPEND libraries cifar10_program)
    endif()
    set(missing "")
    foreach(package IN LISTS HEDDLE_FUZZ_${name}_packages)
      find_package(${package} QUIET)
      if(NOT ${package}_FOUND)
        list(APPEND missing ${package})
      endif()
    endforeach()
    if(missing)
      message(STATUS "fuzz_${name}: no (missing: ${missing})")
      continue()
    endif()
    set(sources ${target})
    foreach(pattern IN LISTS HEDDLE_FUZZ_${name})
      file(GLOB own CONFIGURE_DEPENDS ${HEDDLE_FUZZ_PROJECT}/lib/heddle/${pattern})
      list(APPEND sources ${own})
    endforeach()
    add_executable(fuzz_${name} ${sources} ${objects})
    target_compile_features(fuzz_${name} PRIVATE cxx_std_20)
    target_include_directories(fuzz_${name} PRIVATE ${HEDDLE_FUZZ_PROJECT} ${HEDDLE_FUZZ_PROJECT}/lib
                                                    ${HEDDLE_FUZZ_PROJECT}/examples/cifar10)
    target_compile_options(fuzz_${name} PRIVATE ${flags})
    target_link_options(fuzz_${name} PRIVATE ${flags})
    target_link_libraries(fuzz_${name} PRIVATE ${libraries} ${HEDDLE_FUZZ_${name}_libraries} heddle_fmt
                          nlohmann_json::nlohmann_json CLI11::CLI11 Threads::Threads)
    list(APPEND programs fuzz_${name})
  endforeach()
  set(HEDDLE_FUZZ_PROGRAMS ${programs} PARENT_SCOPE)
endfunction()
