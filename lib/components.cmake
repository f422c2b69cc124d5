# Optional libraries beside heddle, each with dependencies that the core does without: heddle::pictures, heddle::download.
# The option HEDDLE_<COMPONENT> is ON, OFF, or AUTO: built where everything that it needs is found. A user asks for one by
# find_package(heddle COMPONENTS pictures), and includes its headers by name: heddle.hpp has none of them.
set(HEDDLE_COMPONENTS pictures download CACHE INTERNAL "Every optional component, one room of lib/heddle each")

# heddle_component(NAME PACKAGES... LIBRARIES... DEBIAN ...): sources are lib/heddle/NAME/*.cpp. PACKAGES are what
# find_package looks for, LIBRARIES what it gives, DEBIAN where Debian and Ubuntu have it.
function(heddle_component name)
  cmake_parse_arguments(PARSE_ARGV 1 component "" "" "PACKAGES;LIBRARIES;DEBIAN")
  string(TOUPPER HEDDLE_${name} option)
  list(JOIN component_DEBIAN ", " debian)
  if(NOT ${option} STREQUAL "AUTO" AND NOT ${option})
    message(STATUS "heddle::${name}: no (${option}=OFF)")
    return()
  endif()
  set(missing "")
  foreach(package IN LISTS component_PACKAGES)
    find_package(${package} QUIET)
    if(NOT ${package}_FOUND)
      list(APPEND missing ${package})
    endif()
  endforeach()
  if(missing)
    list(JOIN missing ", " missing)
    if(NOT ${option} STREQUAL "AUTO")
      message(FATAL_ERROR "${option} is ON, and this is missing: ${missing} (Debian, Ubuntu: ${debian})")
    endif()
    message(STATUS "heddle::${name}: no (missing: ${missing}; Debian, Ubuntu: ${debian})")
    return()
  endif()
  message(STATUS "heddle::${name}: yes")

  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/lib/heddle/${name}/*.cpp)
  # A shared heddle hides its formatting, so a shared component has it once more.
  if(BUILD_SHARED_LIBS)
    list(APPEND sources ${PROJECT_SOURCE_DIR}/lib/heddle/base/format.cpp)
    list(TRANSFORM component_LIBRARIES REPLACE "(.+)" "$<BUILD_INTERFACE:\\1>")
  endif()
  set(target heddle_${name})
  add_library(${target} ${sources})
  add_library(heddle::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES UNITY_BUILD OFF EXPORT_NAME ${name} VERSION ${PROJECT_VERSION}
                                             SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  if(NOT PROJECT_IS_TOP_LEVEL)
    set_target_properties(${target} PROPERTIES SYSTEM ON)  # a parent's warnings are about its own sources
  endif()
  target_link_libraries(${target} PUBLIC heddle PRIVATE $<BUILD_INTERFACE:heddle_flags> $<BUILD_INTERFACE:heddle_fmt>
                        ${component_LIBRARIES})
  if(HEDDLE_INSTALL)
    install(TARGETS ${target} EXPORT heddle-${name}-targets)
    install(EXPORT heddle-${name}-targets NAMESPACE heddle:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/heddle)
    # What the config file looks for before it defines the target; a shared library brings its own.
    if(NOT BUILD_SHARED_LIBS)
      set(needs ${component_PACKAGES})
    endif()
    set(needs_file ${PROJECT_BINARY_DIR}/heddle-${name}-needs.cmake)
    file(CONFIGURE OUTPUT ${needs_file} CONTENT "set(heddle_${name}_needs \"${needs}\")\n")
    install(FILES ${needs_file} DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/heddle)
    heddle_public_headers(headers ${name})
    heddle_install_headers(${headers})
  endif()
endfunction()

heddle_component(pictures PACKAGES JPEG PNG LIBRARIES JPEG::JPEG PNG::PNG DEBIAN libjpeg-dev libpng-dev)
heddle_component(download PACKAGES CURL LibArchive OpenSSL LIBRARIES CURL::libcurl LibArchive::LibArchive OpenSSL::Crypto
                 DEBIAN libcurl4-openssl-dev libarchive-dev libssl-dev)
