package protocol

import (
	"slices"
	"unsafe"
)

func (m *Done) append(dst []byte) []byte {
	dst = head(dst, KindDone, 14)
	dst = appendUint(dst, m.Attempt)
	dst = appendUint(dst, uint64(m.Status))
	dst = appendInt(dst, m.Nanos)
	dst = appendUint(dst, uint64(m.Slot))
	dst = appendString(dst, m.File)
	dst = appendInt(dst, m.Bytes)
	dst = appendUint(dst, uint64(m.CRC))
	dst = appendInt(dst, m.Records)
	dst = appendParts(dst, m.Inline)
	dst = appendInt(dst, m.In)
	dst = appendInt(dst, m.BytesIn)
	dst = appendCounters(dst, m.Counters)
	dst = appendFailures(dst, m.Failure)
	return appendUint(dst, uint64(m.Lost))
}

func (m *Done) parse(raw []byte) error {
	c := fields(raw)
	m.Attempt = c.uint64()
	m.Status = c.uint8()
	m.Nanos = c.int64()
	m.Slot = c.uint32()
	m.File = c.string()
	m.Bytes = c.int64()
	m.CRC = c.uint32()
	m.Records = c.int64()
	m.Inline = c.parts(m.Inline)
	m.In = c.int64()
	m.BytesIn = c.int64()
	m.Counters = c.counters(m.Counters)
	m.Failure = c.failures()
	m.Lost = c.uint32()
	return c.err
}

func appendParts(dst []byte, parts [][]byte) []byte {
	if parts == nil {
		return append(dst, 0xc0)
	}
	dst = appendArray(dst, len(parts))
	for _, p := range parts {
		dst = appendBytes(dst, p)
	}
	return dst
}

// parts reads an array of bin into the memory of dst.
func (c *cursor) parts(dst [][]byte) [][]byte {
	outer := c.open()
	dst = room(c, dst)
	for c.left > 0 {
		dst = append(dst, c.bytes())
	}
	c.close(outer)
	return dst
}

func appendCounters(dst []byte, counters []Counter) []byte {
	if counters == nil {
		return append(dst, 0xc0)
	}
	dst = appendArray(dst, len(counters))
	for i := range counters {
		dst = appendArray(dst, 3)
		dst = appendString(dst, counters[i].Group)
		dst = appendString(dst, counters[i].Name)
		dst = appendInt(dst, counters[i].N)
	}
	return dst
}

// counters reads an array of Counter into the memory of dst.
func (c *cursor) counters(dst []Counter) []Counter {
	outer := c.open()
	dst = room(c, dst)
	for c.left > 0 {
		list := c.openStruct()
		dst = append(dst, Counter{c.string(), c.string(), c.int64()})
		c.close(list)
	}
	c.close(outer)
	return dst
}

// failures reads an array of Failure by way of msgpack/v5: failures are not hot.
func (c *cursor) failures() []Failure {
	raw := c.value()
	if c.err != nil || len(raw) == 0 || raw[0] == 0xc0 || raw[0] == 0x90 {
		return nil
	}
	list, err := decodeFailures(raw)
	if err != nil {
		c.fail(err)
	}
	return list
}

func decodeFailures(raw []byte) (list []Failure, err error) {
	err = decode(raw, &failuresShape, &list)
	return list, err
}

func appendFailures(dst []byte, list []Failure) []byte {
	switch {
	case list == nil:
		return append(dst, 0xc0)
	case len(list) == 0:
		return append(dst, 0x90)
	}
	return appendValue(dst, list)
}

// room empties dst and makes room for c's array, unless that asks for too much for its length.
func room[T any](c *cursor, dst []T) []T {
	if size := int(unsafe.Sizeof(*new(T))); c.left*size > decodedRatio*(len(c.b)-c.at)+decodedFree {
		c.fail(errRatio)
	}
	return slices.Grow(dst[:0], c.left)
}
