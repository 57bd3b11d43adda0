package corpus

import (
	"io"
	"math/rand/v2"
)

// RecordBytes is the size of a record with its LF.
const RecordBytes = 100

// KeyBytes is the size of a record's key, which it starts with.
const KeyBytes = 10

// RecordsConfig says which records Records writes.
type RecordsConfig struct {
	Seed  uint64
	Count int64 // of records
	// Skew is the share of the records, 0 to 1, that have one and the same key. The keys of the
	// others are spread evenly.
	Skew float64
	// Common is how many bytes, of the ten of a key, all keys begin with alike. It is for sorts that
	// look at the first bytes of keys.
	Common int
}

// hotKey is the key that skewed records share.
const hotKey = "HotHotHot!"

// Records writes lines to sort in the manner of the sort benchmark's gensort: a random key of ten
// printable bytes, two blanks, the record's number in 32 hexadecimal digits, two blanks, a filler,
// and LF. The error is that of w.
func Records(w io.Writer, c RecordsConfig) error {
	random := rand.NewPCG(c.Seed, 0x9e6c63d0876a9a47)
	hot := uint64(min(max(c.Skew, 0), 1) * (1 << 32))
	buf := make([]byte, 0, chunkBytes/RecordBytes*RecordBytes)
	for number := int64(0); number < c.Count; {
		buf = buf[:0]
		for ; len(buf) < cap(buf) && number < c.Count; number++ {
			isHot := random.Uint64()>>32 < hot
			high, low := random.Uint64(), random.Uint64()
			buf = appendRecord(buf, number, high, low)
			key := buf[len(buf)-RecordBytes:][:KeyBytes]
			copy(key, hotKey[:c.Common])
			if isHot {
				copy(key, hotKey)
			}
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

const digits = "0123456789ABCDEF"

// appendRecord appends one record with a key made of high and low.
func appendRecord(dst []byte, number int64, high, low uint64) []byte {
	const printable = 95 // from ' ' to '~'
	var r [RecordBytes]byte
	for i := range KeyBytes / 2 {
		r[i] = ' ' + byte(high%printable)
		r[KeyBytes/2+i] = ' ' + byte(low%printable)
		high /= printable
		low /= printable
	}
	r[10], r[11], r[44], r[45] = ' ', ' ', ' ', ' '
	for i := range 32 {
		r[43-i] = digits[number&15]
		number >>= 4
	}
	for i := 46; i < RecordBytes-1; i++ {
		r[i] = digits[low>>((i-46)/4%8*4)&15]
	}
	r[RecordBytes-1] = '\n'
	return append(dst, r[:]...)
}
