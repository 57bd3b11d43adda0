package fanfold_test

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/fanfold/fanfold"
)

func collect(tokens iter.Seq[[]byte]) []string {
	var all []string
	for token := range tokens {
		all = append(all, string(token))
	}
	return all
}

// TestTokenizers compares each tokenizer with the standard library's slower way.
func TestTokenizers(t *testing.T) {
	piece := rapid.SampledFrom([]string{
		" ", "\t", "\n", "\v", "\f", "\r", "\x00", "\x08", "\x0e", "\x1f", "!", ",", "a", "b", "Z", "@",
		"[", "`", "{", "0", "é", "東", "\u00a0", "\u2003", "́", "\xff", "\xc3", "\xe6\x9d",
	})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "pieces"), "")
		b := []byte(text)
		words := strings.FieldsFunc(bytewise(text), func(r rune) bool {
			return strings.ContainsRune(" \t\n\v\f\r", r)
		})
		for i := range words {
			words[i] = unbytewise(words[i])
		}
		if got := collect(fanfold.Words(b)); !slices.Equal(got, words) {
			t.Fatalf("words of %q: got %q, want %q", text, got, words)
		}
		letters := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
		if got := collect(fanfold.Letters(b)); !slices.Equal(got, letters) {
			t.Fatalf("letters of %q: got %q, want %q", text, got, letters)
		}
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if text == "" {
			lines = nil
		}
		if got := collect(fanfold.Lines(b)); !slices.Equal(got, lines) {
			t.Fatalf("lines of %q: got %q, want %q", text, got, lines)
		}
		fields := strings.Split(text, ",")
		if got := collect(fanfold.Fields(b, ',')); !slices.Equal(got, fields) {
			t.Fatalf("fields of %q: got %q, want %q", text, got, fields)
		}
		for i, want := range fields {
			if got := fanfold.Field(b, ',', i+1); string(got) != want {
				t.Fatalf("field %d of %q: got %q, want %q", i+1, text, got, want)
			}
		}
		if got := fanfold.Field(b, ',', len(fields)+1); got != nil {
			t.Fatalf("field behind the last of %q: got %q, want nil", text, got)
		}
	})
}

// TestNextWordLikeTheTwin has words of more than eight bytes, and every byte beside white space.
func TestNextWordLikeTheTwin(t *testing.T) {
	near := rapid.SampledFrom([]byte(" \t\n\v\f\r\x08\x0e\x1f!\x80\x89\x8d\xa0\xff\x00ab"))
	letter := rapid.SampledFrom([]byte("abc\xa0"))
	rapid.Check(t, func(t *rapid.T) {
		var text []byte
		for range rapid.IntRange(0, 6).Draw(t, "pieces") {
			text = append(text, rapid.SliceOfN(near, 0, 10).Draw(t, "near")...)
			text = append(text, rapid.SliceOfN(letter, 0, 30).Draw(t, "word")...)
		}
		got := collect(fanfold.Words(text[:len(text):len(text)]))
		var want []string
		start := 0
		for i, c := range append(text, ' ') {
			if strings.IndexByte(" \t\n\v\f\r", c) < 0 {
				continue
			}
			if start < i {
				want = append(want, string(text[start:i]))
			}
			start = i + 1
		}
		if !slices.Equal(got, want) {
			t.Fatalf("words of %q: got %q, want %q", text, got, want)
		}
	})
}

// bytewise makes each byte a character of its own, and unbytewise undoes it.
func bytewise(text string) string {
	var runes []rune
	for _, c := range []byte(text) {
		runes = append(runes, rune(c))
	}
	return string(runes)
}

func unbytewise(text string) string {
	var b []byte
	for _, r := range text {
		b = append(b, byte(r))
	}
	return string(b)
}

func TestSequencesStopAndStartAgain(t *testing.T) {
	b := []byte("a b\nc,d\n")
	for name, tokens := range map[string]iter.Seq[[]byte]{
		"words": fanfold.Words(b), "letters": fanfold.Letters(b),
		"lines": fanfold.Lines(b), "fields": fanfold.Fields(b, ','),
	} {
		for range tokens {
			break
		}
		if first, second := collect(tokens), collect(tokens); len(first) < 2 ||
			!slices.Equal(first, second) {
			t.Errorf("%s: got %q, then %q", name, first, second)
		}
	}
}

func TestTokenizersDoNotAllocate(t *testing.T) {
	text := bytes.Repeat([]byte("some, wörds 東京 in, lines\n"), 10)
	next := map[string]func(b []byte) (token, rest []byte){
		"NextWord": fanfold.NextWord, "NextLetters": fanfold.NextLetters, "NextLine": fanfold.NextLine,
		"NextField": func(b []byte) (field, rest []byte) { return fanfold.NextField(b, ',') },
	}
	for name, next := range next {
		allocs := testing.AllocsPerRun(10, func() {
			for rest := text; len(rest) > 0; {
				_, rest = next(rest)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: got %v allocations, want 0", name, allocs)
		}
	}
	allocs := testing.AllocsPerRun(10, func() {
		for word := range fanfold.Words(text) {
			if len(word) == 0 {
				t.Error("an empty word")
			}
		}
	})
	if allocs != 0 {
		t.Errorf("Words in a loop: got %v allocations, want 0", allocs)
	}
}

func ExampleWords() {
	for word := range fanfold.Words([]byte("the cat,\tthe dog\n")) {
		fmt.Printf("%s|", word)
	}
	fmt.Println()
	// Output: the|cat,|the|dog|
}

func ExampleLetters() {
	for word := range fanfold.Letters([]byte("the cat, the naïve dog!")) {
		fmt.Printf("%s|", word)
	}
	fmt.Println()
	// Output: the|cat|the|naïve|dog|
}

func ExampleField() {
	line := []byte("2026-11-23,berlin,,17.5")
	fmt.Printf("%s %q %q\n", fanfold.Field(line, ',', 2), fanfold.Field(line, ',', 3),
		fanfold.Field(line, ',', 9))
	// Output: berlin "" ""
}
