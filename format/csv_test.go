package format

import (
	"bytes"
	"encoding/csv"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// csvTwin cuts CSV byte by byte: whether a byte is in quotes decides what it means.
func csvTwin(input string) (records []string) {
	quoted, closed, start, field := false, false, 0, true
	for i := range len(input) {
		c := input[i]
		switch {
		case quoted && c == '"':
			quoted, closed = false, true
		case quoted:
		case c == '"' && (field || closed):
			quoted, closed, field = true, false, false
		case c == '\n':
			records = append(records, input[start:i+1])
			start, field, closed = i+1, true, false
		default:
			field, closed = c == ',', false
		}
	}
	if start < len(input) {
		records = append(records, input[start:])
	}
	return records
}

// hostileCSV is text in which quotes, commas and line ends stand anywhere.
func hostileCSV(t *rapid.T) string {
	parts := rapid.SliceOfN(rapid.SampledFrom([]string{
		`"`, `"`, `""`, ",", "\n", "\r\n", "a", "bc", "\x00", `","`, `"a` + "\n" + `b"`,
	}), 0, 60).Draw(t, "parts")
	return strings.Join(parts, "")
}

// Whatever stands in CSV, and in whatever pieces it comes, it is cut in the same places.
func TestX11EveryCutOfCSV(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkCSV(t, hostileCSV(t), drawInt(t)) })
}

func drawInt(t *rapid.T) func(low, high int) int {
	return func(low, high int) int { return rapid.IntRange(low, high).Draw(t, "number") }
}

func checkCSV(t failer, input string, number func(low, high int) int) {
	t.Helper()
	want := csvTwin(input)
	f, err := Parse("csv")
	if err != nil {
		t.Fatalf("%v", err)
	}
	r := Reader{Format: f, Limits: Limits{Block: number(1, 50), Behind: 1, Record: 10_000}}
	r.Reset(strings.NewReader(input), 0, NoEnd, -1)
	var got []string
	for {
		block, _, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		for len(block) > 0 {
			_, rest := f.Next(block)
			got = append(got, string(block[:len(block)-len(rest)]))
			block = rest
		}
	}
	compareTexts(t, "reader", got, want)

	s := Scanner{Format: f}
	got = nil
	open := ""
	for data := []byte(input); len(data) > 0; {
		piece := data[:number(1, len(data))]
		n, ended := s.End(piece, 0)
		if open += string(data[:n]); ended {
			got, open = append(got, open), ""
		}
		data = data[n:]
	}
	if open != "" {
		got = append(got, open)
	}
	compareTexts(t, "scanner", got, want)
}

func compareTexts(t failer, what string, got, want []string) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s, record %d: got %q, want %q", what, i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d records, want %d", what, len(got), len(want))
	}
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"a,b\n", "\"a\n\"\"b\",c\r\n", `"`, "a\"b\n\"", ",\n,\"\"\n"} {
		f.Add(seed, uint64(1))
	}
	f.Fuzz(func(t *testing.T, input string, seed uint64) {
		checkCSV(t, input, func(low, high int) int {
			seed = seed*6364136223846793005 + 1442695040888963407
			return low + int(seed>>33)%(high-low+1)
		})
		p, err := (&Format{Name: "csv", picker: csvPicker, Keyed: true, key: "2", value: "1"}).Picker(nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _, _ = p([]byte(input)) // whatever it says, it does not panic
	})
}

// What encoding/csv writes, and it reads, is read like that here.
func TestCSVColumns(t *testing.T) {
	fields := rapid.StringOf(rapid.SampledFrom([]rune{'a', 'é', ',', '"', '\n', '\t', ' ', '\''}))
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.SliceOfN(fields, 2, 5), 0, 8).Draw(t, "rows")
		var text bytes.Buffer
		w := csv.NewWriter(&text)
		w.UseCRLF = rapid.Bool().Draw(t, "crlf")
		if err := w.WriteAll(rows); err != nil {
			t.Fatal(err)
		}
		reader := csv.NewReader(bytes.NewReader(text.Bytes()))
		reader.FieldsPerRecord = -1
		want, err := reader.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		f, _ := Parse("csv:2,1")
		pick, err := f.Picker(nil)
		if err != nil {
			t.Fatal(err)
		}
		data := text.Bytes()
		for _, row := range want {
			var record []byte
			record, data = f.Next(data)
			key, value, err := pick(record)
			if err != nil {
				t.Fatalf("record %q: %v", record, err)
			}
			// encoding/csv reads \r\n within quotes as \n, which is not what was written.
			if unCR(key) != row[1] || unCR(value) != row[0] {
				t.Fatalf("record %q: got %q and %q, want %q", record, key, value, row)
			}
		}
		if len(data) > 0 {
			t.Fatalf("left: %q", data)
		}
	})
}

func unCR(b []byte) string { return strings.ReplaceAll(string(b), "\r\n", "\n") }

func TestCSVThatIsWrong(t *testing.T) {
	tests := []struct{ record, key, want string }{
		{`a,b`, "b", ""}, {`a`, "", ""}, {``, "", ""}, {`a,"b"`, "b", ""}, {`a,""""`, `"`, ""},
		{`a"b,c"`, `c"`, ""}, {`"a,b`, "", errOpenQuote.Error()}, {`"a"b,c`, "", errBehindQuote.Error()},
		{`a,b,"c`, "", errOpenQuote.Error()}, {`"`, "", errOpenQuote.Error()},
	}
	f, _ := Parse("csv:2")
	pick, err := f.Picker(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		key, value, err := pick([]byte(test.record))
		switch {
		case test.want != "":
			if err == nil || err.Error() != test.want {
				t.Errorf("%s: error %v, want %s", test.record, err, test.want)
			}
		case err != nil || string(key) != test.key || key == nil || string(value) != test.record:
			t.Errorf("%s: got %q, %q, %v, want %q", test.record, key, value, err, test.key)
		}
	}
}
