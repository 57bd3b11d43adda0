package format

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// jsonTwin looks a path up in what encoding/json makes of the text.
func jsonTwin(text []byte, path []string) (string, bool) {
	var v any
	d := json.Unmarshal(text, &v)
	if d != nil {
		return "", false
	}
	for _, name := range path {
		switch at := v.(type) {
		case map[string]any:
			v = at[name]
		case []any:
			n, err := strconv.ParseUint(name, 10, 32)
			if err != nil || n >= uint64(len(at)) {
				return "", false
			}
			v = at[n]
		default:
			return "", false
		}
	}
	switch at := v.(type) {
	case nil:
		return "", false
	case string:
		return at, true
	}
	plain, _ := json.Marshal(v)
	return string(plain), true
}

// document makes a JSON value of a few names, so that paths hit.
func document(depth int) *rapid.Generator[any] {
	names := rapid.SampledFrom([]string{"a", "b", "0", "é\"", "x\\y"})
	return rapid.Custom(func(t *rapid.T) any {
		kind := rapid.IntRange(0, 6).Draw(t, "kind")
		if depth == 0 {
			kind %= 4
		}
		switch kind {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2:
			return rapid.IntRange(-5, 5).Draw(t, "number")
		case 3:
			return rapid.SampledFrom([]string{"", "]", "}\"{", "\\", "a,b:c", "\n\u2028"}).Draw(t, "text")
		case 4:
			return rapid.SliceOfN(document(depth-1), 0, 3).Draw(t, "array")
		}
		return rapid.MapOfN(names, document(depth-1), 0, 4).Draw(t, "object")
	})
}

func TestJSONPaths(t *testing.T) {
	steps := rapid.SampledFrom([]string{"a", "b", "0", "1", "2", "é\"", "x\\y"})
	rapid.Check(t, func(t *rapid.T) {
		text, err := json.Marshal(document(3).Draw(t, "document"))
		if err != nil {
			t.Fatal(err)
		}
		path := rapid.SliceOfN(steps, 1, 3).Draw(t, "path")
		want, found := jsonTwin(text, path)
		got, err := jsonText(jsonFind(text, path))
		if err != nil || string(got) != want || (got != nil) != found {
			t.Fatalf("%s at %q: got %q, %v, want %q, %v", text, path, got, err, want, found)
		}
	})
}

func TestJSONRecords(t *testing.T) {
	tests := []struct {
		record, key, value string
		err                error
	}{
		{`{"user": {"id": 7}, "n": "x"}`, "7", "x", nil},
		{" { \"n\" : [1, 2] , \"user\" :\t{ \"id\" : \"a\\tb\" } } ", "a\tb", "[1, 2]", nil},
		{`{"user": {"id": null}}`, "", "", nil},
		{`{"user": {"id": true}, "n": ""}`, "true", "", nil},
		{`[1]`, "", "", nil},
		{`"user"`, "", "", nil},
		{`{"user": `, "", "", errJSON},
		{`{} {}`, "", "", errJSON},
		{"{\"a\":\"\x01\"}", "", "", errJSON},
	}
	f, err := Parse("json:user.id,n")
	if err != nil {
		t.Fatal(err)
	}
	pick, err := f.Picker(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		key, value, err := pick([]byte(test.record))
		if fmt.Sprint(err) != fmt.Sprint(test.err) || string(key) != test.key ||
			string(value) != test.value || err == nil && key == nil {
			t.Errorf("%s: got %q, %q, %v, want %+v", test.record, key, value, err, test)
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a":{"b":[1,"x"]}}`, `[[]]`, `"\u00e9"`, `{"a":1,"a":2}`, "1e5 "} {
		f.Add([]byte(seed), "a", "b")
	}
	f.Fuzz(func(t *testing.T, text []byte, first, second string) {
		if !json.Valid(text) {
			return
		}
		got, err := jsonText(jsonFind(text, []string{first, second}))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var raw json.RawMessage
		if got != nil && len(got) > 0 && (got[0] == '{' || got[0] == '[') &&
			json.Unmarshal(got, &raw) != nil {
			t.Logf("%q is a text, not a value", got) // a text may look like one
		}
	})
}
