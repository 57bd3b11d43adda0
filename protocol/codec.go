package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/fanfold/fanfold"
)

// Body is a message's content: a pointer to one of this package's structs that has a kind.
type Body interface{ kind() Kind }

// Message is one received message, which has passed the check. It is a part of its Batch, and valid
// as long as that.
type Message struct {
	Kind Kind
	raw  []byte
}

// Decode reads m into v, which must be of its kind, and validates it. Fields that m does not have
// become zero. The byte slices of the messages of which there may be millions (Assign, Call, Done,
// Input, Partial, Reply, Result, Return, Source and Task) are parts of m's Batch afterwards, and
// slices of others in them keep their memory, so that a reused struct costs no allocation; all
// other types share nothing with m. An error breaks the protocol, but one of fanfold.KindUsage:
// then v is whole, and its request is to be refused.
func Decode(m Message, v Body) error {
	if m.Kind != v.kind() {
		return decodeError(v, fmt.Errorf("it is a %s", m.Kind))
	}
	err := read(m, v)
	if err != nil && fanfold.KindOf(err) != fanfold.KindUsage {
		return decodeError(v, err)
	}
	return err
}

func read(m Message, v Body) error {
	if h, ok := v.(hot); ok {
		if err := h.parse(m.raw); err != nil {
			return err
		}
		return h.Validate()
	}
	if err := decode(m.raw, &shapes[m.Kind], v); err != nil {
		return err
	}
	if c, ok := v.(validator); ok {
		return c.Validate()
	}
	return nil
}

func decodeError(v Body, err error) error {
	return fanfold.Errorf(fanfold.KindProtocol, "decode "+v.kind().String(), "%w", err)
}

// validator is a message with rules beyond its types.
type validator interface{ Validate() error }

// parseMessage makes a Message of one message's bytes, checking them as Read does.
func parseMessage(raw []byte) (Message, error) {
	kind, end, _, err := checkMessage(raw, ElementsMax)
	switch {
	case err != nil:
		return Message{}, err
	case end != len(raw):
		return Message{}, errTrailing
	case !kind.known():
		return Message{}, fmt.Errorf("unknown kind %d", kind)
	}
	return Message{kind, raw}, nil
}

var errTrailing = errors.New("bytes after the value")

// decode reads an array, of which the message's kind is the first element where s is a struct's
// shape, into what v points to.
func decode(raw []byte, s *shape, v any) error {
	t := scan(raw)
	if !s.fits(t) {
		return errType
	}
	raw, n := raw[t.head:], int(t.n)
	if s.elem == nil {
		raw, n = raw[1:], n-1
	}
	flat, err := fit(make([]byte, 0, len(raw)+len(s.fields)+8), raw, s, n)
	if err != nil {
		return err
	}
	reflect.ValueOf(v).Elem().SetZero()
	d := msgpack.GetDecoder()
	d.Reset(bytes.NewReader(flat))
	if err := d.Decode(v); err != nil {
		return err
	}
	if len(raw) <= readMax {
		msgpack.PutDecoder(d) // one that has read a long text would keep its buffer
	}
	return nil
}

// appendMessage appends v as it travels within a frame.
func appendMessage(dst []byte, v Body) []byte {
	if h, ok := v.(hot); ok {
		return h.append(dst)
	}
	start := len(dst)
	dst = appendValue(append(dst, 0), v) // its array's head is one byte: see fieldsMax
	dst[start], dst[start+1] = dst[start+1]+1, byte(v.kind())
	return dst
}

// sink appends what is written to it.
type sink []byte

func (s *sink) Write(p []byte) (int, error) { *s = append(*s, p...); return len(p), nil }
func (s *sink) WriteByte(c byte) error      { *s = append(*s, c); return nil }

// appendValue appends v by way of msgpack/v5: structs as arrays, each integer as short as it can
// be.
func appendValue(dst []byte, v any) []byte {
	s := sink(dst)
	e := msgpack.GetEncoder()
	e.Reset(&s)
	e.UseArrayEncodedStructs(true)
	e.UseCompactInts(true)
	if err := e.Encode(v); err != nil {
		panic(err) // a sink does not fail, and newShape has refused other types
	}
	msgpack.PutEncoder(e)
	return s
}
