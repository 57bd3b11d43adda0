package shuffle

import (
	"encoding/base64"
	"unicode/utf8"
)

// appendJSON appends a record as one line of JSON.
func appendJSON(dst, key, value []byte) []byte {
	dst = appendField(append(dst, '{'), "key", key)
	if value != nil {
		dst = appendField(append(dst, ','), "value", value)
	}
	return append(dst, '}', '\n')
}

// appendField appends a field whose value is text, or base64 under another name if it is not UTF-8.
func appendField(dst []byte, name string, text []byte) []byte {
	dst = append(append(dst, '"'), name...)
	if utf8.Valid(text) {
		return appendQuoted(append(dst, '"', ':'), text)
	}
	dst = append(dst, `_b64":"`...)
	return append(base64.StdEncoding.AppendEncode(dst, text), '"')
}

const hexDigits = "0123456789abcdef"

// appendQuoted quotes UTF-8 as encoding/json does with its HTML escapes off.
func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	start := 0
	for i, c := range text {
		if c >= 0x20 && c != '"' && c != '\\' && c != 0xE2 {
			continue
		}
		escape, size := escapeOf(text[i:])
		if size == 0 {
			continue
		}
		dst = append(append(dst, text[start:i]...), escape...)
		if escape == `\u00` {
			dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
		}
		start = i + size
	}
	return append(append(dst, text[start:]...), '"')
}

// escapeOf is what stands for the first size bytes of text: size 0 means that they stay. Behind
// \u00 two digits are left to write.
func escapeOf(text []byte) (escape string, size int) {
	switch c := text[0]; c {
	case '"':
		return `\"`, 1
	case '\\':
		return `\\`, 1
	case '\b':
		return `\b`, 1
	case '\f':
		return `\f`, 1
	case '\n':
		return `\n`, 1
	case '\r':
		return `\r`, 1
	case '\t':
		return `\t`, 1
	case 0xE2: // U+2028 and U+2029 end lines in JavaScript
		if len(text) < 3 || text[1] != 0x80 || text[2]&^1 != 0xA8 {
			return "", 0
		}
		return `\u202` + hexDigits[text[2]&15:][:1], 3
	}
	return `\u00`, 1
}
