package protocol

import "github.com/fanfold/fanfold"

// AppendSplit appends a split as Assign carries it: the array [ranges, offset, first], each range
// an array of the fields of fanfold.Range in their order, Decoded last. Inline bytes are not in it.
func AppendSplit(dst []byte, s *fanfold.Split) []byte {
	dst = appendArray(dst, 3)
	dst = appendArray(dst, len(s.Ranges))
	for i := range s.Ranges {
		r := &s.Ranges[i]
		dst = appendArray(dst, 8)
		dst = appendString(dst, r.Name)
		dst = appendInt(dst, r.Offset)
		dst = appendInt(dst, r.Length)
		dst = appendUint(dst, uint64(r.Codec))
		dst = appendInt(dst, r.Size)
		dst = appendInt(dst, r.ModTime)
		dst = appendString(dst, r.Tag)
		dst = appendInt(dst, r.Decoded)
	}
	dst = appendInt(dst, s.Offset)
	return appendBool(dst, s.First)
}

// ParseSplit reads what AppendSplit wrote. The split shares nothing with b.
func ParseSplit(b []byte) (fanfold.Split, error) {
	var s fanfold.Split
	end, _, err := check(b, ElementsMax)
	switch {
	case err != nil:
	case end != len(b):
		err = errTrailing
	default:
		c := cursor{b: b, left: 1}
		split := c.openStruct()
		s.Ranges = c.ranges()
		s.Offset = c.int64()
		s.First = c.bool()
		c.close(split)
		err = c.err
	}
	if err != nil {
		return fanfold.Split{}, fanfold.Errorf(fanfold.KindProtocol, "decode split", "%w", err)
	}
	return s, nil
}

func (c *cursor) ranges() (list []fanfold.Range) {
	outer := c.open()
	list = room(c, list)
	for c.left > 0 {
		item := c.openStruct()
		list = append(list, fanfold.Range{
			Name:    c.string(),
			Offset:  c.int64(),
			Length:  c.int64(),
			Codec:   fanfold.Codec(c.uint8()),
			Size:    c.int64(),
			ModTime: c.int64(),
			Tag:     c.string(),
			Decoded: c.int64(),
		})
		c.close(item)
	}
	c.close(outer)
	return list
}
