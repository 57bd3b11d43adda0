package oracle_test

import (
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/fanfold/fanfold/internal/oracle"
)

// inputs gives texts the names a, b, c ….
func inputs(texts ...string) []oracle.Input {
	var all []oracle.Input
	for i, text := range texts {
		all = append(all, oracle.Input{Name: string(rune('a' + i)), Content: strings.NewReader(text)})
	}
	return all
}

func grep(w io.Writer, in ...oracle.Input) error {
	return oracle.Grep(w, regexp.MustCompile("o$"), in...)
}

var jobs = []struct {
	name  string
	run   func(io.Writer, ...oracle.Input) error
	texts []string
	want  string
}{
	{"wordcount", oracle.WordCount, []string{"b a\tb\r\n\n a", "\x00 \xff\v\u00a0x\fb"},
		"\x00\t1\na\t2\nb\t3\n\u00a0x\t1\n\xff\t1\n"},
	{"count", oracle.Count, []string{"b\na\nb\r\n\n", "b"}, "\t1\na\t1\nb\t2\nb\r\t1\n"},
	{"grep", grep, []string{"two\nzo\none\n", "to"}, "two\nzo\nto\n"},
	{"index", oracle.Index, []string{"x y\nx", "y z", "y"}, "x\t1 a\ny\t3 a,b,c\nz\t1 b\n"},
	{"sort", oracle.Sort, []string{"b\na\n", "b\n\nB"}, "\nB\na\nb\nb\n"},
	{"distinct", oracle.Distinct, []string{"b\na\n", "b\n\nB"}, "\nB\na\nb\n"},
	{"sum", oracle.Sum,
		[]string{"k\t1\nk\t-1\nm\t2\tx\t0.50\n", "m\t2\tx\t1.125\nn\t9223372036854775807\nn\t10"},
		"k\t0\nm\t2\tx\t1.625\nn\t9223372036854775817\n"},
}

func TestJobs(t *testing.T) {
	for _, tt := range jobs {
		t.Run(tt.name, func(t *testing.T) {
			var got strings.Builder
			if err := tt.run(&got, inputs(tt.texts...)...); err != nil {
				t.Fatal(err)
			}
			if got.String() != tt.want {
				t.Errorf("%q, want %q", got.String(), tt.want)
			}
			got.Reset()
			if err := tt.run(&got); err != nil || got.String() != "" {
				t.Errorf("of nothing: %q, %v", got.String(), err)
			}
		})
	}
}

func TestReadError(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range jobs {
		in := oracle.Input{Name: "a", Content: iotest.ErrReader(broken)}
		if err := tt.run(io.Discard, in); !errors.Is(err, broken) {
			t.Errorf("%s: %v, want %v", tt.name, err, broken)
		}
	}
	if err := oracle.Sum(io.Discard, inputs("no number")...); err == nil {
		t.Error("sum of a line without a number: no error")
	}
}
