package protocol

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the test vectors")

// vectors is where implementations in other languages find them.
const vectors = "../testdata/protocol"

// vector is one frame with one message.
type vector struct {
	Message string          `json:"message"`
	Frame   string          `json:"frame"` // hexadecimal
	Value   json.RawMessage `json:"value"` // the array; a bin is {"bin": hexadecimal}
}

// tree turns a wire value into what JSON has for it.
func tree(v reflect.Value) any {
	list := []any{}
	switch v.Kind() {
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return map[string]any{"bin": hex.EncodeToString(v.Bytes())}
		}
		for i := range v.Len() {
			list = append(list, tree(v.Index(i)))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			list = append(list, tree(v.Field(i)))
		}
	default:
		return v.Interface()
	}
	return list
}

// graft is the opposite: it sets v. A bin or array without elements stays nil.
func graft(t *testing.T, v reflect.Value, from any) {
	t.Helper()
	switch from := from.(type) {
	case bool:
		v.SetBool(from)
	case string:
		v.SetString(from)
	case json.Number:
		if v.CanUint() {
			n, err := strconv.ParseUint(from.String(), 10, v.Type().Bits())
			must0(t, err)
			v.SetUint(n)
			return
		}
		n, err := from.Int64()
		must0(t, err)
		v.SetInt(n)
	case map[string]any:
		b, err := hex.DecodeString(from["bin"].(string))
		must0(t, err)
		if len(b) > 0 {
			v.SetBytes(b)
		}
	case []any:
		if v.Kind() == reflect.Slice && len(from) > 0 {
			v.Set(reflect.MakeSlice(v.Type(), len(from), len(from)))
		}
		for i, e := range from {
			if v.Kind() == reflect.Slice {
				graft(t, v.Index(i), e)
			} else {
				graft(t, v.Field(i), e)
			}
		}
	}
}

func must0(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// vectorOf describes a message.
func vectorOf(t *testing.T, v Body) vector {
	t.Helper()
	fields := tree(reflect.ValueOf(v).Elem()).([]any)
	value, err := json.Marshal(append([]any{uint8(v.kind())}, fields...))
	must0(t, err)
	return vector{v.kind().String(), hex.EncodeToString(framed(appendMessage(nil, v)...)), value}
}

// store writes a file of vectors, one a line.
func store[T any](t *testing.T, name string, list []T) {
	t.Helper()
	out := []byte("[\n")
	for i, v := range list {
		line, err := json.Marshal(v)
		must0(t, err)
		if out = append(out, line...); i < len(list)-1 {
			out = append(out, ',')
		}
		out = append(out, '\n')
	}
	must0(t, os.MkdirAll(vectors, 0o755))
	must0(t, os.WriteFile(filepath.Join(vectors, name), append(out, "]\n"...), 0o644))
}

// load reads it.
func load[T any](t *testing.T, name string) (list []T) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectors, name))
	must0(t, err)
	must0(t, json.Unmarshal(b, &list))
	return list
}

// TestVectors checks the messages' vectors both ways, and that no kind is missing.
func TestVectors(t *testing.T) {
	if *update {
		var list []vector
		for _, v := range samples() {
			list = append(list, vectorOf(t, v))
		}
		store(t, "messages.json", list)
	}
	seen := map[string]bool{}
	for _, v := range load[vector](t, "messages.json") {
		seen[v.Message] = true
		frame, err := hex.DecodeString(v.Frame)
		must0(t, err)
		m, err := parseMessage(frame[4:])
		must0(t, err)
		typ := reflect.TypeOf(kinds[m.Kind].body).Elem()
		got := reflect.New(typ).Interface().(Body)
		if err := Decode(m, got); err != nil || m.Kind.String() != v.Message {
			t.Errorf("%s: %v", v.Message, err)
			continue
		}
		if again := vectorOf(t, got); string(again.Value) != string(v.Value) {
			t.Errorf("%s: got %s, want %s", v.Message, again.Value, v.Value)
		}
		d := json.NewDecoder(bytes.NewReader(v.Value))
		d.UseNumber()
		var value []any
		must0(t, d.Decode(&value))
		sent := reflect.New(typ)
		graft(t, sent.Elem(), value[1:])
		got = reflect.New(typ).Interface().(Body) // nil and empty are the same
		m, err = parseMessage(appendMessage(nil, sent.Interface().(Body)))
		if err := errors.Join(err, Decode(m, got)); err != nil {
			t.Errorf("%s: %v", v.Message, err)
		}
		if again := vectorOf(t, got); string(again.Value) != string(v.Value) {
			t.Errorf("%s sent: got %s, want %s", v.Message, again.Value, v.Value)
		}
	}
	for k := range bodies {
		if !seen[k.String()] {
			t.Errorf("%s has no vector", k)
		}
	}
}

// login is a token handshake.
type login struct {
	Token       string `json:"token"` // hexadecimal, as all that follows
	Role        uint8  `json:"role"`
	PeerNonce   string `json:"peer_nonce"`
	ServerNonce string `json:"server_nonce"`
	ServerProof string `json:"server_proof"`
	PeerProof   string `json:"peer_proof"`
}

// TestVectorsHandshake checks the proofs.
func TestVectorsHandshake(t *testing.T) {
	if *update {
		var list []login
		for n := range byte(3) {
			b := func(m byte) []byte { return bytes.Repeat([]byte{16*n + m}, 32) }
			list = append(list, login{
				hex.EncodeToString(b(1)), n + 1, hex.EncodeToString(b(2)), hex.EncodeToString(b(3)),
				hex.EncodeToString(proof(b(1), serverLabel, n+1, b(2), b(3))),
				hex.EncodeToString(proof(b(1), clientLabel, n+1, b(2), b(3))),
			})
		}
		store(t, "handshake.json", list)
	}
	list := load[login](t, "handshake.json")
	for _, l := range list {
		var b [3][]byte
		for i, text := range []string{l.Token, l.PeerNonce, l.ServerNonce} {
			var err error
			b[i], err = hex.DecodeString(text)
			must0(t, err)
		}
		for label, want := range map[string]string{
			serverLabel: l.ServerProof, clientLabel: l.PeerProof,
		} {
			if got := hex.EncodeToString(proof(b[0], label, l.Role, b[1], b[2])); got != want {
				t.Errorf("%s: got %s, want %s", label, got, want)
			}
		}
	}
	if len(list) != 3 {
		t.Errorf("got %d logins, want 3", len(list))
	}
}

// refused is a stream that a receiver must refuse at its last byte or before.
type refused struct {
	Why   string `json:"why"`
	Bytes string `json:"bytes"` // hexadecimal
}

// TestVectorsRefused checks what every receiver must refuse: the short ones of the hostile table.
func TestVectorsRefused(t *testing.T) {
	if *update {
		var list []refused
		for _, h := range hostile {
			if len(h.bytes) < 64 {
				list = append(list, refused{h.name, hex.EncodeToString(h.bytes)})
			}
		}
		store(t, "refused.json", list)
	}
	list := load[refused](t, "refused.json")
	for _, v := range list {
		b, err := hex.DecodeString(v.Bytes)
		must0(t, err)
		if got, err := readAll(&source{data: b}, open); len(got) > 0 || err == nil {
			t.Errorf("%s: got %q and %v", v.Why, got, err)
		}
	}
	if len(list) < 20 || slices.ContainsFunc(list, func(v refused) bool { return v.Why == "" }) {
		t.Errorf("got %d vectors", len(list))
	}
}
