package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var errJSON = errors.New("not a JSON value")

// jsonPicker takes fields by their paths, as "user.id" or "items.0.name". A text is taken without
// its quotes and escapes, anything else as it stands. A field that is not there, or is null, is
// empty as a key, and none as a value.
func jsonPicker(f *Format, _ []byte) (Picker, error) {
	keyPath, valuePath := jsonPath(f.key), jsonPath(f.value)
	return func(record []byte) (key, value []byte, err error) {
		if !json.Valid(record) {
			return nil, nil, errJSON
		}
		value = record
		if f.Keyed {
			if key, err = jsonText(jsonFind(record, keyPath)); key == nil {
				key = []byte{}
			}
		}
		if valuePath != nil && err == nil {
			value, err = jsonText(jsonFind(record, valuePath))
		}
		return key, value, err
	}, nil
}

func jsonPath(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ".")
}

// jsonFind gives the value at a path below a valid one; nil: there is none.
func jsonFind(value []byte, path []string) []byte {
	value = bytes.TrimLeft(value, jsonSpace)
	for _, name := range path {
		switch value[0] {
		case '{':
			value = jsonMember(value, name)
		case '[':
			value = jsonElement(value, name)
		default:
			return nil
		}
		if value == nil {
			return nil
		}
	}
	return value[:jsonEnd(value)]
}

// jsonSpace is what may stand between the tokens of JSON.
const jsonSpace = " \t\r\n"

// jsonMember gives the rest of an object from the value of a member on; the first of that name
// counts.
func jsonMember(object []byte, name string) []byte {
	rest := bytes.TrimLeft(object[1:], jsonSpace)
	for rest[0] != '}' {
		end := jsonEnd(rest)
		found := jsonIs(rest[:end], name)
		rest = bytes.TrimLeft(rest[end:], jsonSpace) // the colon
		rest = bytes.TrimLeft(rest[1:], jsonSpace)   // the value
		if found {
			return rest
		}
		rest = jsonBehind(rest)
	}
	return nil
}

// jsonElement gives the rest of an array from the element with a number on, counted from 0.
func jsonElement(array []byte, number string) []byte {
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return nil
	}
	rest := bytes.TrimLeft(array[1:], jsonSpace)
	for ; rest[0] != ']'; n-- {
		if n == 0 {
			return rest
		}
		rest = jsonBehind(rest)
	}
	return nil
}

// jsonBehind gives what follows a value and the comma that may be behind it.
func jsonBehind(rest []byte) []byte {
	rest = bytes.TrimLeft(rest[jsonEnd(rest):], jsonSpace)
	if rest[0] == ',' {
		rest = bytes.TrimLeft(rest[1:], jsonSpace)
	}
	return rest
}

// jsonEnd is the length of the value that valid JSON starts with.
func jsonEnd(value []byte) int {
	depth := 0
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '"':
			i = jsonStringEnd(value, i)
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		default:
			if depth > 0 {
				continue
			}
			end := bytes.IndexAny(value[i:], ",}] \t\r\n")
			if end < 0 {
				return len(value)
			}
			return i + end
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(value)
}

// jsonStringEnd is the offset of the quote that ends the string which starts at an offset.
func jsonStringEnd(value []byte, start int) int {
	for i := start + 1; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(value) - 1
}

// jsonIs reports whether a string of JSON is a text.
func jsonIs(quoted []byte, text string) bool {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1:len(quoted)-1]) == text
	}
	var s string
	return json.Unmarshal(quoted, &s) == nil && s == text
}

// jsonText is a value as text; nil: there is none, or it is null.
func jsonText(value []byte) ([]byte, error) {
	switch {
	case value == nil || string(value) == "null":
		return nil, nil
	case value[0] != '"':
		return value, nil
	case bytes.IndexByte(value, '\\') < 0:
		return value[1 : len(value)-1], nil
	}
	var s string
	if err := json.Unmarshal(value, &s); err != nil {
		return nil, fmt.Errorf("read text: %w", err)
	}
	return []byte(s), nil
}

// fixedPicker looks whether a record is whole.
func fixedPicker(f *Format, _ []byte) (Picker, error) {
	return func(record []byte) (key, value []byte, err error) {
		if len(record) != f.Size {
			return nil, nil, fmt.Errorf("%d bytes are left, and a record has %d", len(record), f.Size)
		}
		return nil, record, nil
	}, nil
}
