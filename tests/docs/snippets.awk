# Makes a C++ file of each document's code: a fenced block that opens with ```cpp becomes a function of its own, with
# `using namespace heddle` in front and its #includes lifted to the top. What stands behind cpp:
#   run       the function is also run by the test
#   continue  the block goes on where the one before it ended
#   file      the block stands at the top level (types, templates, a whole main); with run it is a program of its own
#   skip      not compiled: a piece of something, or an outline
# Prints "compile FILE", "run FILE" or "program FILE" for each file written.
#
# usage: awk -v out=FOLDER -v name=NAME -f snippets.awk DOCUMENT.md
function finish_block() {
  if (kind ~ /skip/) return
  if (kind ~ /file/ && kind ~ /run/) {
    program = out "/" name "_" FNR ".cpp"
    printf "// From %s, the block that ends in line %d.\n%s%s", FILENAME, FNR, includes, body > program
    close(program)
    print "program " program
    return
  }
  all_includes = all_includes includes
  if (kind ~ /file/) {
    functions = functions "\n#line " start " \"" FILENAME "\"\n" body
  } else if (kind ~ /continue/ && blocks > 0) {
    bodies[blocks] = bodies[blocks] "#line " start " \"" FILENAME "\"\n" body
    if (kind ~ /run/) runs[blocks] = 1
  } else {
    bodies[++blocks] = "#line " start " \"" FILENAME "\"\n" body
    before[blocks] = functions
    functions = ""
    runs[blocks] = kind ~ /run/
  }
}
/^ *```/ {
  if (inside) {
    inside = 0
    if (code) finish_block()
  } else {
    inside = 1
    kind = $0
    code = sub(/^ *```cpp */, "", kind)
    body = includes = ""
    start = FNR + 1
  }
  next
}
inside && code {
  if ($0 ~ /^ *#include/) includes = includes $0 "\n"
  else body = body $0 "\n"
}
END {
  if (inside) { print "error " FILENAME ": a fenced block does not end"; exit 1 }
  if (blocks == 0 && functions == "") exit
  file = out "/" name ".cpp"
  printf "#include \"heddle/heddle.hpp\"\n%susing namespace heddle;\nnamespace {\n", all_includes > file
  for (i = 1; i <= blocks; i++) printf "%s\n[[maybe_unused]] void snippet_%d() {\n%s}\n", before[i], i, bodies[i] > file
  printf "%s}\nint main() {\n", functions > file
  for (i = 1; i <= blocks; i++) if (runs[i]) { printf "  snippet_%d();\n", i > file; any = 1 }
  print "}" > file
  close(file)
  print (any ? "run " : "compile ") file
}
