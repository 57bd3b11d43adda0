package protocol

import (
	"encoding/binary"
	"errors"
)

// What check finds wrong.
var (
	errValue    = errors.New("cut off, or a value that the protocol does not have")
	errCount    = errors.New("a length or a count beyond the end")
	errDepth    = errors.New("arrays nested too deep")
	errElements = errors.New("too many elements")
	errKind     = errors.New("a message must be an array of at most 15 elements, its kind first")
)

// check finds where the one value at the start of b ends, and what is left of the elements that it
// may have. It is what stands between a peer's bytes and everything that decodes: it allocates
// nothing, does not recurse, and lets only nil, bool, integers, str, bin and arrays of them pass.
func check(b []byte, elements int) (end, left int, err error) {
	return checkIn(b, elements, DepthMax)
}

// checkIn is check for a value that may be so many arrays deep.
func checkIn(b []byte, elements, deep int) (end, left int, err error) {
	var open [DepthMax]uint64 // elements still to come, by depth
	depth := 0
	for {
		t := scan(b[end:])
		if t.form == bad {
			return 0, 0, errValue
		}
		if elements--; elements < 0 {
			return 0, 0, errElements
		}
		end += t.head
		if t.form >= isStr && t.n > uint64(len(b)-end) {
			return 0, 0, errCount
		}
		switch t.form {
		case isStr, isBin:
			end += int(t.n)
		case isArray:
			if depth == deep {
				return 0, 0, errDepth
			}
			open[depth] = t.n + 1
			depth++
		}
		for depth > 0 {
			if open[depth-1]--; open[depth-1] > 0 {
				break
			}
			depth--
		}
		if depth == 0 {
			return end, elements, nil
		}
	}
}

// The ways in which a value takes its bytes, by its first one: a number below nested is how many
// they are.
const (
	nested = 0x40 + iota // an array
	long8                // str or bin with a length of 1, 2 or 4 bytes
	long16
	long32
	none // no value of the protocol
)

// extent has, by the first byte of a value, how many it takes or how to find out.
var extent = newExtent()

func newExtent() (all [256]uint8) {
	for c := range all {
		t := scan(append([]byte{byte(c)}, make([]byte, 8)...))
		switch {
		case t.form == bad:
			all[c] = none
		case t.form == isArray:
			all[c] = nested
		case t.form != isStr && t.form != isBin:
			all[c] = uint8(t.head)
		case t.head == 1:
			all[c] = uint8(1 + t.n)
		default:
			all[c] = [...]uint8{2: long8, 3: long16, 5: long32}[t.head]
		}
	}
	return all
}

// checkMessage is check for one message: it also gives the kind. It does the same as check on the
// whole, in less time: few messages have arrays in them.
func checkMessage(b []byte, elements int) (kind Kind, end, left int, err error) {
	if len(b) < 2 || b[0]&0xf0 != 0x90 || b[0] == 0x90 || b[1] == 0 || b[1] > 0x7f {
		return 0, 0, 0, errKind
	}
	n := int(b[0] & 15)
	if n > len(b)-1 {
		return 0, 0, 0, errCount
	}
	end, left = 2, elements-1-n
	if left < 0 {
		return 0, 0, 0, errElements
	}
	for ; n > 1; n-- {
		if end >= len(b) {
			return 0, 0, 0, errValue
		}
		size := int(extent[b[end]])
		if size == long8 && end+1 < len(b) { // as most are that are long
			size = 2 + int(b[end+1])
		} else if size >= nested {
			if size, left, err = checkLong(b[end:], size, left); err != nil {
				return 0, 0, 0, err
			}
		}
		if end += size; end > len(b) {
			return 0, 0, 0, errValue
		}
	}
	return Kind(b[1]), end, left, nil
}

// checkLong finds the size of a value in a message that its first byte does not tell. The value
// itself is counted already.
func checkLong(b []byte, how, elements int) (size, left int, err error) {
	switch {
	case how == nested:
		size, left, err = checkIn(b, elements+1, DepthMax-1)
		return size, left, err
	case how == long16 && len(b) >= 3:
		size = 3 + int(binary.BigEndian.Uint16(b[1:]))
	case how == long32 && len(b) >= 5:
		n := binary.BigEndian.Uint32(b[1:])
		if uint64(n) > uint64(len(b)-5) {
			return 0, 0, errCount
		}
		size = 5 + int(n)
	default:
		return 0, 0, errValue
	}
	if size > len(b) {
		return 0, 0, errCount
	}
	return size, elements, nil
}
