# The fuzz targets: targets/NAME.cpp each, with a corpus in corpus/NAME.
#
#   heddle_fuzz_targets(<library> <flags> <sources>)
#     fuzz_NAME for each target, of the target, `sources` and what reads outside bytes, all compiled with `flags`; the rest
#     comes from `library` (and cifar10_program) as it is. What is defined twice is taken from the sources with flags.
#
# Included by tests/fuzz (the driver, in every test run) and by tests/fuzz/libfuzzer (clang).
set(HEDDLE_FUZZ_FOLDER ${CMAKE_CURRENT_LIST_DIR})
set(HEDDLE_FUZZ_PROJECT ${CMAKE_CURRENT_LIST_DIR}/../..)

# What outside bytes go through: parsers, checks of shapes and names, what is drawn and written of them.
set(readers
    base/crc64 base/device base/error base/file base/file_target base/folder_lock base/printable
    core/safetensors core/safetensors_header core/shape core/tensor data/cifar data/dataset
    debug/compare_activations nn/module optim/optimizer optim/schedule optim/sgd
    report/canvas report/chart report/compare report/curves report/font report/html report/image report/metrics_csv report/svg
    train/checkpoint train/checkpoint_files train/meter)
list(TRANSFORM readers REPLACE "(.+)" "${HEDDLE_FUZZ_PROJECT}/lib/heddle/\\1.cpp")
set(HEDDLE_FUZZ_READERS ${readers})
set(HEDDLE_FUZZ_PROGRAM_READERS ${HEDDLE_FUZZ_PROJECT}/examples/cifar10/run.cpp ${HEDDLE_FUZZ_PROJECT}/examples/cifar10/suggest.cpp)

# Components' readers, and what these stand on.
set(HEDDLE_FUZZ_picture pictures/*.cpp data/resize.cpp)
set(HEDDLE_FUZZ_picture_packages JPEG PNG)
set(HEDDLE_FUZZ_picture_libraries JPEG::JPEG PNG::PNG)
set(HEDDLE_FUZZ_archive download/unpack.cpp)
set(HEDDLE_FUZZ_archive_packages LibArchive)
set(HEDDLE_FUZZ_archive_libraries LibArchive::LibArchive)

function(heddle_fuzz_targets library flags sources)
  find_path(STB_INCLUDE_DIR stb/stb_image_write.h REQUIRED)
  add_library(fuzz_readers OBJECT ${HEDDLE_FUZZ_READERS} ${HEDDLE_FUZZ_FOLDER}/target.cpp ${sources})
  add_library(fuzz_program_readers OBJECT ${HEDDLE_FUZZ_PROGRAM_READERS})
  target_include_directories(fuzz_readers SYSTEM PRIVATE ${STB_INCLUDE_DIR})
  target_include_directories(fuzz_program_readers PRIVATE ${HEDDLE_FUZZ_PROJECT}/examples/cifar10)
  set(programs fuzz_readers fuzz_program_readers)
  file(GLOB targets CONFIGURE_DEPENDS ${HEDDLE_FUZZ_FOLDER}/targets/*.cpp)
  foreach(target IN LISTS targets)
    cmake_path(GET target STEM name)
    set(own ${target} $<TARGET_OBJECTS:fuzz_readers>)
    set(libraries ${library})
    if(name MATCHES "^(command_line|run_config)$")
      if(NOT TARGET cifar10_program)
        continue()
      endif()
      list(APPEND own $<TARGET_OBJECTS:fuzz_program_readers>)
      list(PREPEND libraries cifar10_program)
    endif()
    set(found TRUE)
    foreach(package IN LISTS HEDDLE_FUZZ_${name}_packages)
      find_package(${package} QUIET)
      if(NOT ${package}_FOUND)
        message(STATUS "fuzz_${name}: no (missing: ${package})")
        set(found FALSE)
      endif()
    endforeach()
    if(NOT found)
      continue()
    endif()
    foreach(pattern IN LISTS HEDDLE_FUZZ_${name})
      file(GLOB component CONFIGURE_DEPENDS ${HEDDLE_FUZZ_PROJECT}/lib/heddle/${pattern})
      list(APPEND own ${component})
    endforeach()
    add_executable(fuzz_${name} ${own})
    target_include_directories(fuzz_${name} PRIVATE ${HEDDLE_FUZZ_PROJECT}/examples/cifar10)
    target_link_libraries(fuzz_${name} PRIVATE ${libraries} ${HEDDLE_FUZZ_${name}_libraries})
    list(APPEND programs fuzz_${name})
  endforeach()
  foreach(program IN LISTS programs)
    target_compile_features(${program} PRIVATE cxx_std_20)
    target_include_directories(${program} PRIVATE ${HEDDLE_FUZZ_PROJECT} ${HEDDLE_FUZZ_PROJECT}/lib)
    target_compile_options(${program} PRIVATE ${flags})
    target_link_options(${program} PRIVATE ${flags})
    target_link_libraries(${program} PRIVATE heddle_fmt nlohmann_json::nlohmann_json CLI11::CLI11 Threads::Threads)
  endforeach()
  set(HEDDLE_FUZZ_PROGRAMS ${programs} PARENT_SCOPE)
endfunction()
