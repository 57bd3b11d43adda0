package corpus_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strconv"
	"testing"

	"github.com/fanfold/fanfold/internal/corpus"
)

const mebibyte = 1 << 20

func words(t *testing.T, c corpus.WordsConfig) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := corpus.Words(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func records(t *testing.T, c corpus.RecordsConfig) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := corpus.Records(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestGolden holds the bytes of corpora: they must never change.
func TestGolden(t *testing.T) {
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"words", words(t, corpus.WordsConfig{Seed: 1, Bytes: mebibyte}),
			"539bf99d1ad129615d1e5b0f948c4e1491efd8600f9de49eefd3e546dc5da0a0"},
		{"few words", words(t, corpus.WordsConfig{Seed: 2, Bytes: mebibyte, Vocabulary: 1000}),
			"9967ee8206919fcd289be2d50bb3d27017be341d6d01e5df301adbbb4f4ffe9e"},
		{"records", records(t, corpus.RecordsConfig{Seed: 1, Count: 10_000}),
			"74b09bddaac47fae08b4c98b38a2abd9487c193cc5ab2c716cba4000e4811c97"},
		{"skewed records", records(t, corpus.RecordsConfig{Seed: 1, Count: 10_000, Skew: 0.9}),
			"828bcb22ad944d05378175358db1217906678bbfee3c9c79c9161f3f1b7002ef"},
	}
	for _, tt := range tests {
		sum := sha256.Sum256(tt.data)
		if got := hex.EncodeToString(sum[:]); got != tt.want {
			t.Errorf("%s: sha256 %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestWordsShape(t *testing.T) {
	const vocabulary, size = 2000, 4 * mebibyte
	text := words(t, corpus.WordsConfig{Seed: 7, Bytes: size, Vocabulary: vocabulary})
	if len(text) != size || text[size-1] != '\n' {
		t.Fatalf("%d bytes, ending in %q, want %d and LF", len(text), text[len(text)-1], size)
	}
	lines := bytes.Split(text[:size-1], []byte("\n"))
	counts, total := map[string]int{}, 0
	for i, line := range lines {
		if n := len(line); i < len(lines)-1 && (n < 61 || n > 110) {
			t.Fatalf("line %d has %d bytes: %s", i, n, line)
		}
		for _, word := range bytes.Split(line, []byte(" ")) {
			counts[string(word)]++
			total++
		}
	}
	// The last line may have cut a word.
	if len(counts) < vocabulary-1 || len(counts) > vocabulary+1 {
		t.Errorf("%d different words, want about %d", len(counts), vocabulary)
	}
	var frequent []int
	for _, n := range counts {
		frequent = append(frequent, n)
	}
	slices.Sort(frequent)
	slices.Reverse(frequent)
	sum := 0.0
	for i := range vocabulary {
		sum += 1 / (float64(i) + 3.7)
	}
	for _, rank := range []int{0, 9, 99} {
		got := float64(frequent[rank]) / float64(total)
		want := 1 / (float64(rank) + 3.7) / sum
		if got < want*0.9 || got > want*1.1 {
			t.Errorf("the word of rank %d has a share of %.5f, want %.5f", rank+1, got, want)
		}
	}
}

func TestWordsPrefix(t *testing.T) {
	short := words(t, corpus.WordsConfig{Seed: 3, Bytes: 100_000, Vocabulary: 5000})
	long := words(t, corpus.WordsConfig{Seed: 3, Bytes: 700_000, Vocabulary: 5000})
	other := words(t, corpus.WordsConfig{Seed: 4, Bytes: 100_000, Vocabulary: 5000})
	if n := len(short) - 1; !bytes.Equal(short[:n], long[:n]) {
		t.Error("a shorter text is not the start of a longer one")
	}
	if bytes.Equal(short, other) {
		t.Error("two seeds give the same text")
	}
	for _, size := range []int64{0, 1, 2, 63} {
		text := words(t, corpus.WordsConfig{Bytes: size, Vocabulary: 1})
		if int64(len(text)) != size || size > 0 && text[size-1] != '\n' {
			t.Errorf("%q, want %d bytes with LF at the end", text, size)
		}
	}
}

func TestRecordsShape(t *testing.T) {
	const n = 5000
	for _, skew := range []float64{0, 0.9, 1} {
		data := records(t, corpus.RecordsConfig{Seed: 5, Count: n, Skew: skew})
		if len(data) != n*corpus.RecordBytes || bytes.Count(data, []byte("\n")) != n {
			t.Fatalf("skew %v: %d bytes, want %d lines of 100", skew, len(data), n)
		}
		keys, most := map[string]int{}, 0
		for i := range n {
			r := data[i*corpus.RecordBytes:][:corpus.RecordBytes]
			number, err := strconv.ParseInt(string(r[12:44]), 16, 64)
			if err != nil || number != int64(i) {
				t.Fatalf("record %d: %q: %v", i, r, err)
			}
			key := string(r[:corpus.KeyBytes])
			keys[key]++
			most = max(most, keys[key])
		}
		if got := float64(most) / n; skew > 0 && (got < skew-0.03 || got > skew+0.03) {
			t.Errorf("skew %v: the hot key has a share of %v", skew, got)
		}
		if skew == 0 && len(keys) != n {
			t.Errorf("%d different keys, want %d", len(keys), n)
		}
	}
}

// full fails as a disk does when it is full.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriteError(t *testing.T) {
	err := corpus.Words(full{}, corpus.WordsConfig{Bytes: 1, Vocabulary: 1})
	if err != errFull {
		t.Errorf("words: %v, want %v", err, errFull)
	}
	if err := corpus.Records(full{}, corpus.RecordsConfig{Count: 1}); err != errFull {
		t.Errorf("records: %v, want %v", err, errFull)
	}
}

func BenchmarkWords(b *testing.B) {
	b.SetBytes(256 * mebibyte)
	for b.Loop() {
		if err := corpus.Words(io.Discard, corpus.WordsConfig{Bytes: 256 * mebibyte}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecords(b *testing.B) {
	const n = 1_000_000
	b.SetBytes(n * corpus.RecordBytes)
	for b.Loop() {
		if err := corpus.Records(io.Discard, corpus.RecordsConfig{Count: n}); err != nil {
			b.Fatal(err)
		}
	}
}
