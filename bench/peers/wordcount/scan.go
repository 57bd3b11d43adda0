package main

import (
	"encoding/binary"
	"math/bits"
)

// batch is how many look-ups are made at once: their cache misses overlap.
const batch = 32

// pending is a word whose look-up waits: its first 16 bytes, zero-padded and little-endian, and
// where it is in the block.
type pending struct {
	k0, k1, hash uint64
	start, end   uint32
}

// counter counts the words of blocks into a table. What they hash to is loaded while the next batch
// of words is looked for.
type counter struct {
	table  *table
	queues [2][batch]pending
}

// A byte in all bytes of a word.
const (
	each80 = 0x8080808080808080
	each7f = 0x7f7f7f7f7f7f7f7f
	each20 = 0x2020202020202020
	toTab  = each7f - 0x0808080808080808 // added to a byte of 9 or more, sets its top bit
	pastCR = each7f - 0x0d0d0d0d0d0d0d0d // the same for 14 or more

	// gather collects the top bits of eight bytes in the top byte.
	gather = 0x0002040810204081
)

// spaces has bit i set where byte i of eight bytes is white space.
func spaces(w uint64) uint64 {
	low := w & each7f
	control := (low + toTab) &^ (low + pastCR) // 9 to 13: \t \n \v \f \r
	blank := ^((low ^ each20) + each7f)
	return ((control | blank) &^ w & each80) * gather >> 56
}

// masks[n] cuts 16 bytes, as two words, to their first n.
var masks = func() (m [17][2]uint64) {
	for n := range m {
		m[n][0] = 1<<(8*min(n, 8)) - 1
		m[n][1] = 1<<(8*max(n-8, 0)) - 1
	}
	return m
}()

// count counts the words of buf[:n], which white space and padBytes follow.
func (c *counter) count(buf []byte, n int) {
	word, queued := 0, 0 // word is where the next one starts, or white space
	queue, ahead := &c.queues[0], &c.queues[1]
	waiting := 0 // in ahead
	for at := 0; at <= n; at += 64 {
		step := buf[at : at+64]
		var found uint64
		for i := range 8 {
			found |= spaces(binary.LittleEndian.Uint64(step[8*i:])) << (8 * i)
		}
		for ; found != 0; found &= found - 1 {
			start, end := word, at+bits.TrailingZeros64(found)
			word = end + 1
			if start == end {
				continue
			}
			k0 := binary.LittleEndian.Uint64(buf[start:])
			k1 := binary.LittleEndian.Uint64(buf[start+8:])
			p := &queue[queued%batch]
			if size := end - start; size <= 16 {
				m := &masks[size]
				p.k0, p.k1 = k0&m[0], k1&m[1]
				p.hash = mix(p.k0, p.k1^uint64(size))
			} else {
				p.k0, p.k1, p.hash = k0, k1, hashLong(buf[start:end])
			}
			p.start, p.end = uint32(start), uint32(end)
			if queued++; queued == batch {
				c.table.prefetch(queue[:])
				c.table.add(ahead[:waiting], buf)
				queue, ahead, waiting, queued = ahead, queue, batch, 0
			}
		}
	}
	c.table.add(ahead[:waiting], buf)
	c.table.add(queue[:queued], buf)
}

func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xd6e8feb86659fd93)
	return high ^ low
}

func hashLong(word []byte) uint64 {
	h := uint64(len(word))
	for ; len(word) > 8; word = word[8:] {
		h = mix(h, binary.LittleEndian.Uint64(word))
	}
	var last [8]byte
	copy(last[:], word)
	return mix(h, binary.LittleEndian.Uint64(last[:]))
}
