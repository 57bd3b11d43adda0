package protocol

// hot is a message of which there may be millions: it is written and read by hand, in the bytes
// that msgpack/v5 would give it. Neither direction allocates, but for texts and for what the slices
// of a reused struct have no room for. A parsed struct's byte slices are parts of the message.
type hot interface {
	Body
	validator
	append(dst []byte) []byte
	parse(raw []byte) error
}

// head starts a message of n fields.
func head(dst []byte, k Kind, n int) []byte { return append(dst, 0x91+byte(n), byte(k)) }

func (m *Input) append(dst []byte) []byte {
	dst = head(dst, KindInput, 4)
	dst = appendUint(dst, m.Stream)
	dst = appendInt(dst, m.Offset)
	dst = appendBool(dst, m.More)
	return appendBytes(dst, m.Data)
}

func (m *Input) parse(raw []byte) error {
	c := fields(raw)
	m.Stream = c.uint64()
	m.Offset = c.int64()
	m.More = c.bool()
	m.Data = c.bytes()
	return c.err
}

func (m *Result) append(dst []byte) []byte {
	dst = head(dst, KindResult, 5)
	dst = appendUint(dst, m.Stream)
	dst = appendInt(dst, m.Offset)
	dst = appendBytes(dst, m.Data)
	dst = appendBool(dst, m.Last)
	return appendString(dst, m.Error)
}

func (m *Result) parse(raw []byte) error {
	c := fields(raw)
	m.Stream = c.uint64()
	m.Offset = c.int64()
	m.Data = c.bytes()
	m.Last = c.bool()
	m.Error = c.string()
	return c.err
}

func (m *Credit) append(dst []byte) []byte {
	dst = head(dst, KindCredit, 3)
	dst = appendUint(dst, m.Stream)
	dst = appendInt(dst, m.Bytes)
	return appendUint(dst, m.Number)
}

func (m *Credit) parse(raw []byte) error {
	c := fields(raw)
	m.Stream = c.uint64()
	m.Bytes = c.int64()
	m.Number = c.uint64()
	return c.err
}

func (m *Source) append(dst []byte) []byte {
	dst = head(dst, KindSource, 10)
	dst = appendUint(dst, m.Attempt)
	dst = appendUint(dst, uint64(m.Stage))
	dst = appendUint(dst, uint64(m.Task))
	dst = appendUint(dst, uint64(m.Worker))
	dst = appendString(dst, m.Path)
	dst = appendUint(dst, uint64(m.Part))
	dst = appendBytes(dst, m.Inline)
	dst = appendInt(dst, m.Records)
	dst = appendString(dst, m.Dir)
	return appendBool(dst, m.Extract)
}

func (m *Source) parse(raw []byte) error {
	c := fields(raw)
	m.Attempt = c.uint64()
	m.Stage = c.uint32()
	m.Task = c.uint32()
	m.Worker = c.uint32()
	m.Path = c.string()
	m.Part = c.uint32()
	m.Inline = c.bytes()
	m.Records = c.int64()
	m.Dir = c.string()
	m.Extract = c.bool()
	return c.err
}

func (m *Assign) append(dst []byte) []byte {
	dst = head(dst, KindAssign, 14)
	dst = appendUint(dst, uint64(m.Slot))
	dst = appendUint(dst, m.Attempt)
	dst = appendUint(dst, m.Job)
	dst = appendUint(dst, uint64(m.Stage))
	dst = appendUint(dst, uint64(m.Task))
	dst = appendUint(dst, uint64(m.Number))
	dst = appendUint(dst, uint64(m.Sources))
	dst = appendBool(dst, m.Inline)
	dst = appendBytes(dst, m.Split)
	dst = appendInt(dst, m.Millis)
	dst = appendUint(dst, uint64(m.Epoch))
	dst = appendBool(dst, m.NoInline)
	dst = appendBytes(dst, m.From)
	return appendBytes(dst, m.Below)
}

func (m *Assign) parse(raw []byte) error {
	c := fields(raw)
	m.Slot = c.uint32()
	m.Attempt = c.uint64()
	m.Job = c.uint64()
	m.Stage = c.uint8()
	m.Task = c.uint32()
	m.Number = c.uint16()
	m.Sources = c.uint32()
	m.Inline = c.bool()
	m.Split = c.bytes()
	m.Millis = c.int64()
	m.Epoch = c.uint32()
	m.NoInline = c.bool()
	m.From = c.bytes()
	m.Below = c.bytes()
	return c.err
}

func (m *Revoke) append(dst []byte) []byte {
	return appendUint(head(dst, KindRevoke, 1), m.Attempt)
}

func (m *Revoke) parse(raw []byte) error {
	c := fields(raw)
	m.Attempt = c.uint64()
	return c.err
}

func (m *Verdict) append(dst []byte) []byte {
	dst = head(dst, KindVerdict, 2)
	dst = appendUint(dst, m.Attempt)
	return appendBool(dst, m.Committed)
}

func (m *Verdict) parse(raw []byte) error {
	c := fields(raw)
	m.Attempt = c.uint64()
	m.Committed = c.bool()
	return c.err
}

func (m *Piece) append(dst []byte) []byte {
	dst = head(dst, KindPiece, 9)
	dst = appendUint(dst, m.Stream)
	dst = appendInt(dst, m.Offset)
	dst = appendBytes(dst, m.Data)
	dst = appendUint(dst, uint64(m.Codec))
	dst = appendInt(dst, m.Bytes)
	dst = appendInt(dst, m.Records)
	dst = appendBool(dst, m.Last)
	dst = appendUint(dst, uint64(m.Kind))
	return appendString(dst, m.Error)
}

func (m *Piece) parse(raw []byte) error {
	c := fields(raw)
	m.Stream = c.uint64()
	m.Offset = c.int64()
	m.Data = c.bytes()
	m.Codec = c.uint8()
	m.Bytes = c.int64()
	m.Records = c.int64()
	m.Last = c.bool()
	m.Kind = c.uint32()
	m.Error = c.string()
	return c.err
}
