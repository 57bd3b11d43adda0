package coordinator

import "hash/crc32"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// replyCRC is the CRC of a job's reply, from those of its parts.
func (o *owner) replyCRC(j *job) (crc uint32) {
	if j.spec.Output != "" {
		return 0
	}
	for _, r := range j.final() {
		crc = o.crcs.combine(crc, r.output.CRC, r.bytes())
	}
	return crc
}

// crcTable combines CRCs as zlib's crc32_combine does: element i is what 2^i zero bytes do to a
// CRC, as a matrix over GF(2), and so the square of the element before it.
type crcTable [63]matrix

func newCRCTable() *crcTable {
	var zeros matrix // one zero bit
	zeros[0] = crc32.Castagnoli
	for i := 1; i < len(zeros); i++ {
		zeros[i] = 1 << (i - 1)
	}
	for range 3 { // one zero byte
		zeros = zeros.square()
	}
	t := &crcTable{}
	for i := range t {
		t[i] = zeros
		zeros = zeros.square()
	}
	return t
}

// combine gives the CRC of a followed by b, from that of each and the length of b.
func (t *crcTable) combine(a, b uint32, length int64) uint32 {
	if length == 0 {
		return a
	}
	for i := 0; length > 0; i, length = i+1, length>>1 {
		if length&1 == 1 {
			a = t[i].times(a)
		}
	}
	return a ^ b
}

// matrix maps a vector of 32 bits to another; its elements are the images of single bits.
type matrix [32]uint32

func (m *matrix) times(v uint32) (sum uint32) {
	for i := 0; v != 0; i, v = i+1, v>>1 {
		if v&1 == 1 {
			sum ^= m[i]
		}
	}
	return sum
}

func (m *matrix) square() (s matrix) {
	for i := range m {
		s[i] = m.times(m[i])
	}
	return s
}
