package protocol

import (
	"errors"
	"fmt"
)

// must is the rule that ok holds, in words.
func must(ok bool, rule string) error {
	if ok {
		return nil
	}
	return errors.New(rule)
}

// exact is the rule for a field of a fixed length that may be empty.
func exact(name string, b []byte, n int) error {
	if len(b) == 0 || len(b) == n {
		return nil
	}
	return fmt.Errorf("%s has %d bytes, not %d", name, len(b), n)
}

// texts is the rule that no text is longer than limit.
func texts(limit int, list ...string) error {
	for _, s := range list {
		if len(s) > limit {
			return fmt.Errorf("a text has %d bytes, more than %d", len(s), limit)
		}
	}
	return nil
}

// sizes is the rule that no number is negative.
func sizes(list ...int64) error {
	for _, n := range list {
		if n < 0 {
			return fmt.Errorf("%d is negative", n)
		}
	}
	return nil
}

// failures is the rule for a field that has none or one.
func failures(list []Failure) error {
	if len(list) == 0 {
		return nil
	}
	if len(list) > 1 {
		return errors.New("more than one failure")
	}
	return list[0].Validate()
}

// counters is the rule for a field of counters.
func counters(list []Counter) error {
	if len(list) > CountersMax {
		return errors.New("too many counters")
	}
	return nil
}

// validName reports whether a job may have the name: it ends up in paths, tables and pages.
func validName(name string) bool {
	for _, c := range []byte(name) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return len(name) <= NameMax
}
