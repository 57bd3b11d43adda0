package command

import (
	"strings"

	"github.com/fanfold/fanfold"
)

// Split splits a command line into words as a POSIX shell does, without running one: quotes and
// backslashes are understood, nothing is expanded. What would be an operator to a shell and is not
// quoted is an error, because no shell is there to obey it; as is a quote that is not closed.
// Errors are of KindUsage.
func Split(line string) ([]string, error) {
	s := splitter{rest: line}
	for s.rest != "" {
		if err := s.next(); err != nil {
			return nil, fanfold.Errorf(fanfold.KindUsage, "read command "+shorten(line), "%w", err)
		}
	}
	s.end()
	if len(s.words) == 0 {
		return nil, fanfold.Errorf(fanfold.KindUsage, "read command", "it is empty")
	}
	return s.words, nil
}

// splitError says what is wrong with a command line.
type splitError string

// Error is the text.
func (e splitError) Error() string { return string(e) }

// splitter is where Split stands.
type splitter struct {
	rest  string
	words []string
	word  strings.Builder
	open  bool // a word has begun, perhaps an empty one
}

// next takes one character, or all of a quoted text.
func (s *splitter) next() error {
	c := s.rest[0]
	s.rest = s.rest[1:]
	switch c {
	case ' ', '\t', '\n':
		s.end()
		return nil
	case '|', '&', ';', '<', '>', '(', ')', '`':
		return splitError("no shell runs it: quote the " + string(c) + ", or write sh -c '…'")
	case '\'':
		return s.single()
	case '"':
		return s.double()
	case '\\':
		return s.backslash()
	}
	s.put(c)
	return nil
}

// end ends the word that has begun, if one has.
func (s *splitter) end() {
	if s.open {
		s.words = append(s.words, s.word.String())
	}
	s.word.Reset()
	s.open = false
}

func (s *splitter) put(c byte) {
	s.word.WriteByte(c)
	s.open = true
}

// backslash takes the character behind a backslash outside quotes; LF continues the line.
func (s *splitter) backslash() error {
	if s.rest == "" {
		return splitError("it ends with a backslash")
	}
	if s.rest[0] != '\n' {
		s.put(s.rest[0])
	}
	s.rest = s.rest[1:]
	return nil
}

// single takes what is between single quotes, where no character has a meaning.
func (s *splitter) single() error {
	text, rest, found := strings.Cut(s.rest, "'")
	if !found {
		return splitError("a single quote is not closed")
	}
	s.word.WriteString(text)
	s.rest, s.open = rest, true
	return nil
}

// double takes what is between double quotes, where a backslash counts before few characters only.
func (s *splitter) double() error {
	s.open = true
	for s.rest != "" {
		c := s.rest[0]
		s.rest = s.rest[1:]
		switch {
		case c == '"':
			return nil
		case c == '\\' && strings.HasPrefix(s.rest, "\n"):
			s.rest = s.rest[1:]
		case c == '\\' && s.rest != "" && strings.IndexByte("$`\"\\", s.rest[0]) >= 0:
			s.put(s.rest[0])
			s.rest = s.rest[1:]
		default:
			s.put(c)
		}
	}
	return splitError("a double quote is not closed")
}
