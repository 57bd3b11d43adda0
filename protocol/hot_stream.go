package protocol

// The messages of open jobs leave out the last fields that are zero: nearly always, that is most of
// them. So parse has a short way where they are not there.

// trim is the number of fields of a message: least, and those after them up to the last one that is
// set.
func trim(least int, isSet ...bool) int {
	for n := len(isSet); n > 0; n-- {
		if isSet[n-1] {
			return least + n
		}
	}
	return least
}

func (m *Task) append(dst []byte) []byte {
	n := trim(3, len(m.Key) > 0, m.Millis != 0, m.Priority != 0, m.ID != "", m.Flags != 0)
	dst = head(dst, KindTask, n)
	dst = appendUint(dst, m.Request)
	dst = appendUint(dst, m.Tag)
	dst = appendBytes(dst, m.Data)
	if n > 3 {
		dst = appendBytes(dst, m.Key)
	}
	if n > 4 {
		dst = appendInt(dst, m.Millis)
	}
	if n > 5 {
		dst = appendUint(dst, uint64(m.Priority))
	}
	if n > 6 {
		dst = appendString(dst, m.ID)
	}
	if n > 7 {
		dst = appendUint(dst, uint64(m.Flags))
	}
	return dst
}

func (m *Task) parse(raw []byte) error {
	c := fields(raw)
	m.Request = c.uint64()
	m.Tag = c.uint64()
	m.Data = c.bytes()
	if c.left == 0 {
		m.Key, m.Millis, m.Priority, m.ID, m.Flags = nil, 0, 0, "", 0
		return c.err
	}
	m.Key = c.bytes()
	m.Millis = c.int64()
	m.Priority = c.uint8()
	m.ID = c.string()
	m.Flags = c.uint8()
	return c.err
}

func (m *Reply) append(dst []byte) []byte {
	n := trim(6, m.Epoch != 0, m.Again, len(m.Failure) > 0)
	dst = head(dst, KindReply, n)
	dst = appendUint(dst, m.Request)
	dst = appendUint(dst, m.Tag)
	dst = appendUint(dst, uint64(m.State))
	dst = appendBytes(dst, m.Data)
	dst = appendUint(dst, uint64(m.Attempts))
	dst = appendString(dst, m.Worker)
	if n > 6 {
		dst = appendUint(dst, uint64(m.Epoch))
	}
	if n > 7 {
		dst = appendBool(dst, m.Again)
	}
	if n > 8 {
		dst = appendFailures(dst, m.Failure)
	}
	return dst
}

func (m *Reply) parse(raw []byte) error {
	c := fields(raw)
	m.Request = c.uint64()
	m.Tag = c.uint64()
	m.State = c.uint8()
	m.Data = c.bytes()
	m.Attempts = c.uint16()
	m.Worker = c.name(m.Worker)
	if c.left == 0 {
		m.Epoch, m.Again, m.Failure = 0, false, nil
		return c.err
	}
	m.Epoch = c.uint32()
	m.Again = c.bool()
	m.Failure = c.failures()
	return c.err
}

func (m *Partial) append(dst []byte) []byte {
	n := trim(4, len(m.Data) > 0)
	dst = head(dst, KindPartial, n)
	dst = appendUint(dst, m.Stream)
	dst = appendUint(dst, m.Tag)
	dst = appendUint(dst, uint64(m.Number))
	dst = appendString(dst, m.Status)
	if n > 4 {
		dst = appendBytes(dst, m.Data)
	}
	return dst
}

func (m *Partial) parse(raw []byte) error {
	c := fields(raw)
	m.Stream = c.uint64()
	m.Tag = c.uint64()
	m.Number = c.uint16()
	m.Status = c.string()
	m.Data = c.bytes()
	return c.err
}

func (m *Call) append(dst []byte) []byte {
	n := trim(4, m.Number != 0, m.Millis != 0, m.Shard != 0, len(m.Key) > 0, m.Op != 0, m.More)
	dst = head(dst, KindCall, n)
	dst = appendUint(dst, m.Attempt)
	dst = appendUint(dst, m.Job)
	dst = appendBytes(dst, m.Data)
	dst = appendUint(dst, uint64(m.Task))
	if n > 4 {
		dst = appendUint(dst, uint64(m.Number))
	}
	if n > 5 {
		dst = appendInt(dst, m.Millis)
	}
	if n > 6 {
		dst = appendUint(dst, uint64(m.Shard))
	}
	if n > 7 {
		dst = appendBytes(dst, m.Key)
	}
	if n > 8 {
		dst = appendUint(dst, uint64(m.Op))
	}
	if n > 9 {
		dst = appendBool(dst, m.More)
	}
	return dst
}

func (m *Call) parse(raw []byte) error {
	c := fields(raw)
	m.Attempt = c.uint64()
	m.Job = c.uint64()
	m.Data = c.bytes()
	m.Task = c.uint32()
	m.Number = c.uint16()
	if c.left == 0 {
		m.Millis, m.Shard, m.Key, m.Op, m.More = 0, 0, nil, 0, false
		return c.err
	}
	m.Millis = c.int64()
	m.Shard = c.uint32()
	m.Key = c.bytes()
	m.Op = c.uint8()
	m.More = c.bool()
	return c.err
}

func (m *Return) append(dst []byte) []byte {
	n := trim(4, len(m.Counters) > 0, len(m.Failure) > 0)
	dst = head(dst, KindReturn, n)
	dst = appendUint(dst, m.Attempt)
	dst = appendUint(dst, uint64(m.Status))
	dst = appendBytes(dst, m.Data)
	dst = appendInt(dst, m.Nanos)
	if n > 4 {
		dst = appendCounters(dst, m.Counters)
	}
	if n > 5 {
		dst = appendFailures(dst, m.Failure)
	}
	return dst
}

func (m *Return) parse(raw []byte) error {
	c := fields(raw)
	m.Attempt = c.uint64()
	m.Status = c.uint8()
	m.Data = c.bytes()
	m.Nanos = c.int64()
	if c.left == 0 {
		m.Counters, m.Failure = m.Counters[:0], nil
		return c.err
	}
	m.Counters = c.counters(m.Counters)
	m.Failure = c.failures()
	return c.err
}
