package corpus

import "math/rand/v2"

// The parts of a syllable. Empty ones are there to be drawn more often.
var (
	onsets = [...]string{
		"b", "br", "c", "ch", "d", "dr", "f", "fl", "g", "h", "j", "k", "l", "m", "n", "p", "pr",
		"qu", "r", "s", "sp", "t", "v", "w", "z", "",
	}
	nuclei = [...]string{"a", "e", "i", "o", "u", "ae", "ei", "oa", "y"}
	codas  = [...]string{"", "", "", "l", "m", "n", "r", "s", "t", "rd", "ck", "nt"}
)

// A word's number of syllables is drawn from min … max of the first row that its rank is below.
var syllables = [...]struct{ rank, min, max int }{
	{100, 1, 1}, {5_000, 1, 2}, {50_000, 2, 3}, {1 << 62, 2, 4},
}

// wordBytesMax bounds a word and the blank behind it: what does not fit is drawn again. A word of
// four syllables has at most 24 bytes.
const wordBytesMax = 64

// vocabulary is different words by rank, each with a blank behind it.
type vocabulary struct {
	text   []byte
	starts []uint32 // of each word in text, and the end of the last
}

func newVocabulary(size int, random *rand.PCG) *vocabulary {
	v := &vocabulary{starts: make([]uint32, 1, size+1)}
	seen := make(map[string]bool, size)
	for rank, row := 0, 0; rank < size; rank++ {
		for rank >= syllables[row].rank {
			row++
		}
		word := newWord(syllables[row].min, syllables[row].max, seen, random)
		seen[word] = true
		v.text = append(append(v.text, word...), ' ')
		v.starts = append(v.starts, uint32(len(v.text)))
	}
	return v
}

// newWord draws words until one is new. Where those of its length run out, they get longer.
func newWord(syllablesMin, syllablesMax int, seen map[string]bool, random *rand.PCG) string {
	draw := func(n int) int { return below(random.Uint64()>>32, n) }
	for n := syllablesMin + draw(syllablesMax-syllablesMin+1); ; n += draw(4) / 3 {
		var word []byte
		for left := n; left > 0; left-- {
			word = append(word, onsets[draw(len(onsets))]...)
			word = append(word, nuclei[draw(len(nuclei))]...)
			if left == 1 || draw(3) == 0 {
				word = append(word, codas[draw(len(codas))]...)
			}
		}
		if len(word) >= wordBytesMax {
			n = syllablesMin
		} else if !seen[string(word)] {
			return string(word)
		}
	}
}

// append appends the word of a rank and a blank.
func (v *vocabulary) append(dst []byte, rank int) []byte {
	return append(dst, v.text[v.starts[rank]:v.starts[rank+1]]...)
}
