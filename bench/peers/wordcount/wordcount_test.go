package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/fanfold/fanfold/internal/corpus"
	"github.com/fanfold/fanfold/internal/oracle"
)

// text makes bytes of every value, words of every size up to 40, and white space of every kind.
func text(random *rand.Rand, size int) string {
	var b strings.Builder
	for b.Len() < size {
		for range random.IntN(41) {
			b.WriteByte("ab\x00\x01\x08\x0e\x1f!\x7f\x80\x89\x8d\xa0\xff"[random.IntN(14)])
		}
		for range random.IntN(3) {
			b.WriteByte(" \t\n\v\f\r"[random.IntN(6)])
		}
	}
	return b.String()
}

func TestEqualsOracle(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var zipf strings.Builder
	if err := corpus.Words(&zipf, corpus.WordsConfig{Bytes: 3 << 20, Vocabulary: 50_000}); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 3*blockBytes)
	texts := map[string]string{
		"nothing":         "",
		"blanks":          strings.Repeat(" \n", 100),
		"a word":          "word",
		"prefixes":        "a a\x00 a\x00\x00 aaaaaaaa aaaaaaaa\x00 aaaaaaaaaaaaaaaa aaaaaaaaaaaaaaaaa",
		"random":          text(random, 3*blockBytes),
		"zipf":            zipf.String(),
		"a long word":     "a " + long + " b\n" + long + "y " + long + " a",
		"one word only":   long,
		"a block exactly": strings.Repeat("seven 7\n", blockBytes/8),
	}
	for size := range 140 {
		texts["short "+strings.Repeat("i", size)] = text(random, size)
	}
	for name, text := range texts {
		file := t.TempDir() + "/input"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var got, want bytes.Buffer
		if err := run([]string{file}, &got); err != nil {
			t.Fatal(err)
		}
		in := oracle.Input{Name: name, Content: strings.NewReader(text)}
		if err := oracle.WordCount(&want, in); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%s: %d bytes of output differ from the oracle's %d", name, got.Len(), want.Len())
		}
	}
}

func TestErrors(t *testing.T) {
	for _, args := range [][]string{nil, {"a", "b"}, {t.TempDir() + "/none"}, {t.TempDir()}} {
		if err := run(args, &bytes.Buffer{}); err == nil {
			t.Errorf("run %q: no error", args)
		}
	}
}
