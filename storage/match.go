package storage

import (
	"path"
	"strings"

	"github.com/fanfold/fanfold"
)

// Wild reports whether a name is a pattern, for drivers: whether it holds *, ?, [ or the backslash
// that quotes one.
func Wild(name string) bool { return strings.ContainsAny(name, `*?[\`) }

// Hidden reports whether List skips an element of a name below a folder, for drivers.
func Hidden(element string) bool {
	return element != "" && (element[0] == '.' || element[0] == '_')
}

// MatchElement reports whether an element of a name matches one of a well-formed pattern, for
// drivers. A wild card does not stand for the first byte of a hidden element.
func MatchElement(pattern, element string) bool {
	ok, err := path.Match(pattern, element)
	return ok && err == nil && (!Hidden(element) || pattern[0] == element[0])
}

// NothingFound is the error of List for a pattern that means no file, for drivers.
func NothingFound(pattern, why string) error {
	e := fanfold.Errorf(fanfold.KindNotFound, "list inputs", "%s: %s", pattern, why)
	e.Input = pattern
	e.Hint = "names starting with '.' or '_' count only when they are written out"
	return e
}
