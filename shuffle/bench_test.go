package shuffle

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/fanfold/fanfold"
)

// zipfText is deterministic text: words of a Zipf distribution over a vocabulary, in lines.
func zipfText(size, vocabulary int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(r, 1.1, 3, uint64(vocabulary-1))
	text := make([]byte, 0, size+32)
	for len(text) < size {
		n := z.Uint64()
		text = strconv.AppendUint(text, n*0x9E3779B97F4A7C15>>uint(24-min(20, n%24)), 36)
		if r.IntN(10) == 0 {
			text = append(text, '\n')
		} else {
			text = append(text, ' ')
		}
	}
	return text
}

func benchConfig(b *testing.B, program fanfold.Program, partitions int) Config {
	return Config{
		Task:    fanfold.NewTask(context.Background(), fanfold.Task{}),
		Program: &program, Partitions: partitions, Memory: 512 << 20, Dir: b.TempDir(),
	}
}

func BenchmarkTableWords(b *testing.B) {
	text := zipfText(16<<20, 500_000)
	c := benchConfig(b, fanfold.Program{Fold: fanfold.Sum}, 2)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	words := 0
	for b.Loop() {
		t := NewCollector(c)
		emit := fanfold.NewEmitter(t)
		words = 0
		for word, rest := fanfold.NextWord(text); len(word) > 0; word, rest = fanfold.NextWord(rest) {
			emit.Add(word, 1)
			words++
		}
		emit.Flush()
		if emit.Err() != nil {
			b.Fatal(emit.Err())
		}
		b.ReportMetric(float64(t.store.(*table).used), "groups")
		t.Close()
	}
	b.ReportMetric(float64(words), "words")
}

// BenchmarkTableFinish measures what comes behind BenchmarkTableWords: sorting and writing.
func BenchmarkTableFinish(b *testing.B) {
	c := benchConfig(b, fanfold.Program{Fold: fanfold.Sum}, 2)
	c.NoInline = true
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		c.Dir = b.TempDir()
		t := NewCollector(c)
		emit := fanfold.NewEmitter(t)
		for i := range 500_000 {
			emit.Add(strconv.AppendUint(nil, uint64(i)*0x9E3779B97F4A7C15>>16, 36), 1)
		}
		emit.Flush()
		b.StartTimer()
		if _, err := t.Finish(); err != nil {
			b.Fatal(err)
		}
		t.Close()
	}
}

func BenchmarkSortRecords(b *testing.B) {
	const records, size = 200_000, 100
	data := make([]byte, records*size)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = byte(' ' + r.IntN(95))
	}
	for _, memory := range []int64{512 << 20, 4 << 20} {
		b.Run(fmt.Sprintf("memory=%dMiB", memory>>20), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				c := benchConfig(b, fanfold.Program{}, 1)
				c.Memory, c.Dir = memory, b.TempDir()
				s := NewCollector(c)
				emit := fanfold.NewEmitter(s)
				for d := data; len(d) > 0; d = d[size:] {
					emit.Emit(d[:10], d[10:size])
				}
				emit.Flush()
				if _, err := s.Finish(); err != nil {
					b.Fatal(err)
				}
				s.Close()
			}
		})
	}
}

func BenchmarkMerge(b *testing.B) {
	const streams, each = 16, 20_000
	parts := make([][]byte, streams)
	total := 0
	for i := range parts {
		var buf bytes.Buffer
		w := blockWriter{w: &buf, target: blockBytes}
		for j := range each {
			key := fmt.Appendf(nil, "%012d", (j*streams+i)*7)
			if err := w.append(0, key, []byte("a value of some length")); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.flush(); err != nil {
			b.Fatal(err)
		}
		parts[i] = buf.Bytes()
		total += len(parts[i])
	}
	c := benchConfig(b, fanfold.Program{}, 2)
	sources := make([]Source, streams)
	for i := range sources {
		sources[i] = Source{Task: uint32(i), Inline: parts[i], Records: math.MaxInt64}
	}
	b.SetBytes(int64(total))
	b.ReportAllocs()
	for b.Loop() {
		in, err := Merge(c, sources)
		if err != nil {
			b.Fatal(err)
		}
		groups := 0
		for g := in.Groups(); g.Next(); {
			groups++
		}
		if groups != streams*each {
			b.Fatalf("%d groups, want %d", groups, streams*each)
		}
		in.Close()
	}
}
