package corpus

import (
	"io"
	"math/rand/v2"
)

// WordsConfig says which text Words writes. The zero value of a field means its default.
type WordsConfig struct {
	Seed       uint64
	Bytes      int64 // size of the text, exactly; 0: nothing
	Vocabulary int   // number of different words; 0: DefaultVocabulary
}

// DefaultVocabulary is the number of different words in a text.
const DefaultVocabulary = 500_000

// A line ends with the first word that brings it to its length, which is drawn evenly from these.
const (
	lineBytesMin  = 62
	lineBytesSpan = 24
)

// lineBytesMax bounds a line: its length and the longest word.
const lineBytesMax = lineBytesMin + lineBytesSpan + wordBytesMax

// chunkBytes is how much is handed to the writer at a time.
const chunkBytes = 256 << 10

// Words writes lines of words between single blanks. Word n of the vocabulary comes with a
// probability proportional to 1/(n+2.7), the law of Zipf and Mandelbrot with which words occur in
// natural language; frequent words are short. Only the last line depends on c.Bytes, so a shorter
// text is the start of a longer one. The error is that of w.
func Words(w io.Writer, c WordsConfig) error {
	if c.Vocabulary <= 0 {
		c.Vocabulary = DefaultVocabulary
	}
	random := rand.NewPCG(c.Seed, 0x2545f4914f6cdd1d)
	words := newVocabulary(c.Vocabulary, random)
	ranks := newRanks(c.Vocabulary)
	buf := make([]byte, 0, chunkBytes+lineBytesMax)
	for left := c.Bytes; left > 0; {
		buf = buf[:0]
		for len(buf) < chunkBytes && int64(len(buf)) < left {
			end := len(buf) + lineBytesMin + below(random.Uint64()>>32, lineBytesSpan)
			for len(buf) < end {
				buf = words.append(buf, ranks.pick(random.Uint64()))
			}
			buf[len(buf)-1] = '\n'
		}
		if int64(len(buf)) > left {
			buf = buf[:left]
			buf[left-1] = '\n'
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
		left -= int64(len(buf))
	}
	return nil
}

// below maps 32 random bits evenly to 0 … n-1.
func below(bits uint64, n int) int { return int(bits * uint64(n) >> 32) }
