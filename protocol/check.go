package protocol

import "errors"

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
			if depth == DepthMax {
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

// checkMessage is check for one message: it also gives the kind.
func checkMessage(b []byte, elements int) (kind Kind, end, left int, err error) {
	if len(b) < 2 || b[0]&0xf0 != 0x90 || b[0] == 0x90 || b[1] == 0 || b[1] > 0x7f {
		return 0, 0, 0, errKind
	}
	end, left, err = check(b, elements)
	return Kind(b[1]), end, left, err
}
