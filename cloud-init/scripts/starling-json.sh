#!/bin/bash
# Sourced by the other scripts. Just enough JSON for them, so that a node joins with what every image has (bash, awk):
# a package to fetch first would be one more thing that can fail while a machine boots.

# A JSON string of $1.
json_string() {
  local text=$1 backslash=$'\\'
  text=${text//"$backslash"/"$backslash$backslash"}
  text=${text//'"'/"$backslash"'"'}
  text=${text//$'\n'/"$backslash"n}
  text=${text//$'\r'/"$backslash"r}
  text=${text//$'\t'/"$backslash"t}
  printf '"%s"' "$text"
}

# Reads a document from standard input and prints one line for each leaf: its path, a tab, its value.
# {"servers":["a"],"labels":{"x.y/z":"1"}} gives "servers.0<TAB>a" and "labels.x.y/z<TAB>1".
# `null` is the same as absent. Escapes inside strings stay as they are; whoever uses a value refuses those it does not expect.
json_leaves() {
  awk '
    { text = text $0 "\n" }
    END { value(""); blank(); if (text != "") fail("something follows the document") }
    function fail(why) { print "json: " why > "/dev/stderr"; exit 1 }
    function blank() { sub(/^[ \t\r\n]+/, "", text) }
    function take(length_taken,  taken) {
      taken = substr(text, 1, length_taken); text = substr(text, length_taken + 1); return taken
    }
    function quoted() {
      if (!match(text, /^"[^"\\]*(\\.[^"\\]*)*"/)) fail("a string was expected")
      return take(RLENGTH)
    }
    function inner(string) { return substr(string, 2, length(string) - 2) }
    function value(path,  first) {
      blank(); first = substr(text, 1, 1)
      if (first == "{") members(path)
      else if (first == "[") items(path)
      else if (first == "\"") print path "\t" inner(quoted())
      else if (match(text, /^null/)) take(RLENGTH)
      else if (match(text, /^(true|false|-?[0-9][0-9.eE+-]*)/)) print path "\t" take(RLENGTH)
      else fail("a value was expected")
    }
    function members(path,  name) {
      take(1); blank()
      if (substr(text, 1, 1) == "}") { take(1); return }
      while (1) {
        blank(); name = inner(quoted()); blank()
        if (take(1) != ":") fail("a colon was expected")
        value(path == "" ? name : path "." name)
        if (ended("}")) return
      }
    }
    function items(path,  count) {
      take(1); blank()
      if (substr(text, 1, 1) == "]") { take(1); return }
      for (count = 0; ; count++) {
        value(path == "" ? count : path "." count)
        if (ended("]")) return
      }
    }
    function ended(closing,  next_one) {
      blank(); next_one = take(1)
      if (next_one != closing && next_one != ",") fail("a comma was expected")
      return next_one == closing
    }
  '
}

# The value at path $2 among the leaves $1; nothing when it is not there.
json_leaf() {
  local path value
  while IFS=$'\t' read -r path value; do
    if [[ $path == "$2" ]]; then
      printf '%s' "$value"
      return
    fi
  done <<<"$1"
}
