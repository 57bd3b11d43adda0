package protocol

import (
	"errors"
	"reflect"
)

var errRatio = errors.New("would take too much memory for its length")

// shape is what check does not know of a value: the type that it is decoded into. Shapes are made
// of the wire structs by reflection, once.
type shape struct {
	form   form
	max    uint64  // integers: the greatest
	fields []shape // of a struct; nil for a slice
	elem   *shape  // of a slice
	size   int     // bytes in memory, without what it points to
}

// shapes has the shape of each kind of message.
var shapes = newShapes()

var failuresShape = newShape(reflect.TypeFor[[]Failure]())

func newShapes() (all [len(kinds)]shape) {
	for k := range kinds {
		if kinds[k].body != nil {
			all[k] = newShape(reflect.TypeOf(kinds[k].body).Elem())
		}
	}
	return all
}

// newShape panics for a type that has no place on the wire.
func newShape(t reflect.Type) shape {
	s := shape{size: int(t.Size())}
	switch t.Kind() {
	case reflect.Bool:
		s.form = isBool
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		s.form, s.max = isUint, ^uint64(0)>>(64-t.Bits())
	case reflect.Int64:
		s.form, s.max = isInt, 1<<63-1
	case reflect.String:
		s.form = isStr
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			s.form = isBin
			break
		}
		elem := newShape(t.Elem())
		s.form, s.elem = isArray, &elem
	case reflect.Struct:
		s.form = isArray
		for i := range t.NumField() {
			s.fields = append(s.fields, newShape(t.Field(i).Type))
		}
	default:
		panic("no place on the wire for " + t.String())
	}
	return s
}

// fits reports whether a value of that head may stand for s.
func (s *shape) fits(t header) bool {
	switch s.form {
	case isInt:
		return t.form == isInt || t.form == isUint && t.n <= s.max
	case isUint:
		return t.form == isUint && t.n <= s.max
	case isBin:
		return t.form == isBin || t.form == isNil
	case isArray:
		return t.form == isArray || t.form == isNil && s.elem != nil
	}
	return t.form == s.form
}

// appendZero appends what stands for a missing field.
func (s *shape) appendZero(dst []byte) []byte {
	switch s.form {
	case isBool:
		return append(dst, 0xc2)
	case isStr:
		return append(dst, 0xa0)
	case isBin:
		return append(dst, 0xc0)
	case isArray:
		return append(dst, 0x90)
	}
	return append(dst, 0)
}

// level is an array that fit is in.
type level struct {
	shape *shape
	left  int // elements to come
	at    int // struct: fields that were there
}

// fitter rewrites a value for msgpack/v5, which wants of each struct exactly as many elements as it
// has fields, and believes every count and every integer.
type fitter struct {
	in    []byte // what is left of it
	out   []byte
	room  int // bytes of memory that the value may still take
	stack [DepthMax]level
	depth int
}

// fit appends to dst what b has for a value of that shape: elements that a struct does not know are
// dropped, those that are missing are zero, and the first of a wrong type or range is an error.
// Both begin behind the head of the outermost array, of which b has n elements. check has passed b.
func fit(dst, b []byte, s *shape, n int) ([]byte, error) {
	f := fitter{in: b, out: dst, room: decodedRatio*len(b) + decodedFree}
	if err := f.enter(s, n); err != nil {
		return nil, err
	}
	for f.depth > 0 {
		l := &f.stack[f.depth-1]
		if l.left == 0 {
			for ; l.at < len(l.shape.fields); l.at++ {
				f.out = l.shape.fields[l.at].appendZero(f.out)
			}
			f.depth--
			continue
		}
		l.left--
		want := l.shape.elem
		if want == nil {
			if l.at == len(l.shape.fields) {
				f.skip()
				continue
			}
			want = &l.shape.fields[l.at]
			l.at++
		}
		if err := f.value(want); err != nil {
			return nil, err
		}
	}
	return f.out, nil
}

// value takes one value, or the head of an array.
func (f *fitter) value(s *shape) error {
	t := scan(f.in)
	if !s.fits(t) {
		return errType
	}
	if t.form == isArray {
		f.in = f.in[t.head:]
		return f.enter(s, int(t.n))
	}
	size := t.head
	if t.form == isStr || t.form == isBin {
		size += int(t.n)
		f.room -= int(t.n)
	}
	f.out, f.in = append(f.out, f.in[:size]...), f.in[size:]
	if f.room < 0 {
		return errRatio
	}
	return nil
}

// enter goes into an array of n elements.
func (f *fitter) enter(s *shape, n int) error {
	if s.elem == nil {
		f.out = appendArray(f.out, len(s.fields))
	} else {
		f.out = appendArray(f.out, n)
		f.room -= n * s.elem.size
	}
	if f.room < 0 {
		return errRatio
	}
	f.stack[f.depth] = level{shape: s, left: n}
	f.depth++
	return nil
}

func (f *fitter) skip() {
	end, _, err := check(f.in, ElementsMax)
	if err != nil {
		panic("fit: " + err.Error()) // check has passed it
	}
	f.in = f.in[end:]
}
