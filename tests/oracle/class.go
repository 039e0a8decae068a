package main

import "regexp"

// classes tells the kind of an error from its text, which is all that compose-go gives. The first match counts.
var classes = []struct {
	class   string
	pattern *regexp.Regexp
}{
	{"merge", regexp.MustCompile(`^cannot override |: unexpected type |cannot merge logging|: cannot convert .* into a mapping|: cannot use .* as a mapping key`)},
	{"yaml", regexp.MustCompile(`^failed to parse |non-string key|^empty compose file|^top-level object must be a mapping|^yaml: `)},
	{"extends", regexp.MustCompile(`^cannot extend service|^Circular reference|^extends\.`)},
	{"include", regexp.MustCompile("^include cycle|^`include` must be|imported compose file")},
	{"dotenv", regexp.MustCompile(`failed to read .*: line \d+|unsupported env_file format|unexpected character|unterminated quoted value`)},
	{"file-missing", regexp.MustCompile(`no such file or directory|is a directory|is not a file|^cannot read `)},
	{"interpolation", regexp.MustCompile(`error while interpolating|invalid interpolation format|required variable`)},
	{"project-name", regexp.MustCompile(`project name`)},
	{"schema", regexp.MustCompile(`^validating |must be a mapping$|must be a list$`)},
	{"consistency", regexp.MustCompile(`invalid compose project|mutually exclusive|dependency cycle|conflicting parameters|name and external\.name|non-buildable service|is already in use by|must be unique|can't set |must be greater than or equal to 0$`)},
}

// class gives the kind of an error. What no pattern knows comes from reading an attribute's value.
func class(message string) string {
	for _, known := range classes {
		if known.pattern.MatchString(message) {
			return known.class
		}
	}
	return "decode"
}
