# Writes the revision that is checked out in SOURCE to the header OUTPUT, where it is another than before: at every build, since
# configuring is rarer than committing. Outside a checkout of its own (an archive, a copy within another project) it is "".
set(revision "")
execute_process(COMMAND git -C "${SOURCE}" rev-parse --show-toplevel OUTPUT_VARIABLE top OUTPUT_STRIP_TRAILING_WHITESPACE
                ERROR_QUIET RESULT_VARIABLE failed)
if(failed EQUAL 0)
  file(REAL_PATH "${top}" top)
  file(REAL_PATH "${SOURCE}" source)
  if(top STREQUAL source)
    execute_process(COMMAND ${CMAKE_COMMAND} -E env GIT_OPTIONAL_LOCKS=0 git -C "${SOURCE}" describe --always --dirty --exclude=*
                    OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
endif()
file(CONFIGURE OUTPUT "${OUTPUT}" CONTENT "#define HEDDLE_REVISION \"@revision@\"\n" @ONLY)
