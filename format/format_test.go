package format

import (
	"io"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
)

func TestParse(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", ""}, {"lines", ""}, {"csv", ""}, {"csv:2", ""}, {"csv:name,3", ""}, {"tsv:1", ""},
		{"json:a.b,c", ""}, {"fixed:100", ""}, {"nul", ""}, {"whole", ""},
		{"fixed", "want lines"}, {"fixed:0", "number of bytes"}, {"fixed:x", "number of bytes"},
		{"fixed:999999999", "number of bytes"}, {"lines:2", "want lines"}, {"csv:", "want a key"},
		{"csv:,2", "want a key"}, {"csv:2,", "want a key"}, {"csv:0", "counted from 1"},
		{"cvs", "no format is named"},
	}
	for _, test := range tests {
		_, err := Parse(test.text)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%q: %v", test.text, err)
		case test.want != "" && (fanfold.KindOf(err) != fanfold.KindUsage ||
			!strings.Contains(err.Error(), test.want)):
			t.Errorf("%q: error %v, want %q", test.text, err, test.want)
		}
	}
}

func TestOf(t *testing.T) {
	tests := []struct {
		reading fanfold.Reading
		ok      bool
	}{
		{fanfold.Reading{}, true}, {fanfold.Reading{Header: true}, false},
		{fanfold.Reading{Format: "csv", Header: true}, true},
		{fanfold.Reading{Format: "csv:name", Header: true}, true},
		{fanfold.Reading{Format: "csv:name"}, false}, {fanfold.Reading{Format: "csv:1"}, true},
		{fanfold.Reading{Format: "json:name"}, true},
	}
	for _, test := range tests {
		_, err := Of(test.reading)
		if (err == nil) != test.ok || err != nil && fanfold.KindOf(err) != fanfold.KindUsage {
			t.Errorf("%+v: %v", test.reading, err)
		}
	}
}

func TestColumnsByName(t *testing.T) {
	for _, test := range []struct{ format, header, record string }{
		{"csv:b c,a", "a,\"b c\",d", `1,"2,",3`},
		{"tsv:b c,a", "a\tb c\td", "1\t2,\t3"},
	} {
		f, err := Of(fanfold.Reading{Format: test.format, Header: true})
		if err != nil {
			t.Fatal(err)
		}
		pick, err := f.Picker([]byte(test.header))
		if err != nil {
			t.Fatal(err)
		}
		key, value, err := pick([]byte(test.record))
		if string(key) != "2," || string(value) != "1" || err != nil {
			t.Errorf("%s: got %q, %q, %v", test.format, key, value, err)
		}
		if _, err := f.Picker([]byte("x")); fanfold.KindOf(err) != fanfold.KindNotFound {
			t.Errorf("%s: another header: %v", test.format, err)
		}
	}
}

// The records of each format, read in small blocks.
func TestR49RecordsOfFormats(t *testing.T) {
	tests := []struct {
		format, input string
		want          []string
	}{
		{"lines", "a\r\n\nb", []string{"a\r", "", "b"}},
		{"tsv", "a\tb\r\n\nc", []string{"a\tb", "", "c"}},
		{"json", "1\r\n2", []string{"1", "2"}},
		{"csv", "a,\"b\nc\"\r\nd", []string{"a,\"b\nc\"", "d"}},
		{"nul", "a\nb\x00\x00c", []string{"a\nb", "", "c"}},
		{"fixed:2", "abcde", []string{"ab", "cd", "e"}},
		{"whole", "a\nb\n", []string{"a\nb\n"}},
		{"whole", "", []string{""}}, {"lines", "", nil}, {"fixed:3", "", nil}, {"csv", "", nil},
	}
	for _, test := range tests {
		f, err := Parse(test.format)
		if err != nil {
			t.Fatal(err)
		}
		for block := 1; block < 20; block++ {
			r := Reader{Format: f, Limits: Limits{Block: block, Behind: 1, Record: 100}}
			r.Reset(strings.NewReader(test.input), 0, NoEnd, -1)
			var got []string
			for {
				data, _, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				for more := true; more; more = len(data) > 0 {
					var record []byte
					record, data = f.Next(data)
					got = append(got, string(record))
				}
			}
			compareTexts(t, test.format, got, test.want)
		}
	}
}

func TestScannerOfFormats(t *testing.T) {
	tests := []struct {
		format string
		from   int
		want   int // -1: not ended
	}{
		{"lines", 0, 3}, {"lines", 3, 7}, {"lines", 7, -1}, {"nul", 0, 9}, {"fixed:4", 0, 4},
		{"fixed:4", 4, 8}, {"fixed:4", 8, -1}, {"whole", 0, -1}, {"csv", 2, 3},
	}
	const data = "ab\ncde\nf\x00g"
	for _, test := range tests {
		f, err := Parse(test.format)
		if err != nil {
			t.Fatal(err)
		}
		s := Scanner{Format: f}
		n, ended := s.End([]byte(data), test.from)
		if ended != (test.want >= 0) || ended && n != test.want || !ended && n != len(data) {
			t.Errorf("%s from %d: got %d, %v, want %d", test.format, test.from, n, ended, test.want)
		}
	}
}
