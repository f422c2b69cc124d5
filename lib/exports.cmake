# Which headers are public, and which symbols a shared library shows.
#
# A header is public unless its opening comment says "Internal." (or "Internal: why"): such headers are for our own sources
# and are not installed. A shared library exports what public headers declare and hides everything else (kernels, helpers,
# fmt, JSON) without a mark on any declaration: everything is compiled with hidden symbols, and each source has the public
# headers included in front of it with visibility set to default, which sticks to what they declare.

# The public headers, relative to lib/.
function(heddle_public_headers result)
  set(folder ${PROJECT_SOURCE_DIR}/lib)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${folder} ${folder}/heddle/*.hpp)
  set(public "")
  foreach(header IN LISTS headers)
    file(STRINGS ${folder}/${header} internal REGEX "^// (.* )?Internal[.:]" LIMIT_COUNT 1)
    if(NOT internal)
      list(APPEND public ${header})
    endif()
  endforeach()
  set(${result} ${public} PARENT_SCOPE)
endfunction()

# Makes a shared heddle export what the public headers declare; `pattern` keeps those that the target may see.
function(heddle_export_symbols target)
  if(NOT BUILD_SHARED_LIBS)
    return()
  endif()
  set(pattern ".*")
  if(ARGC GREATER 1)
    set(pattern ${ARGV1})
  endif()
  heddle_public_headers(headers)
  list(FILTER headers INCLUDE REGEX ${pattern})
  list(TRANSFORM headers REPLACE "(.+)" "#include \"\\1\"")
  list(JOIN headers "\n" includes)
  set(file ${PROJECT_BINARY_DIR}/exports/${target}.hpp)
  file(CONFIGURE OUTPUT ${file} CONTENT "#pragma GCC visibility push(default)\n@includes@\n#pragma GCC visibility pop\n" @ONLY)
  target_compile_options(${target} PRIVATE "SHELL:-include ${file}")
endfunction()
