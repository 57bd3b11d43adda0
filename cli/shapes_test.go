package cli_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/fanfold/fanfold"
)

// shapes are inputs that programs for lines of text get wrong.
var shapes = []text{
	{"empty", ""},
	{"one line feed", "\n"},
	{"line feeds", "\n\n\n\n\n\n\n\n\n\n"},
	{"one byte", "x"},
	{"no last line feed", "alpha beta\ngamma alpha"},
	{"CRLF", "alpha beta\r\n\r\nbeta\r\nalpha beta\r\ngamma"},
	{"CR", "alpha\rbeta\r\r\ngamma\r"},
	{"white space", " \t alpha \v beta\f\n \n\t\nalpha\t\tbeta\t\n\talpha\n \n"},
	{"NUL", "\x00\n\x00\x00\nal\x00pha\n\x00\nalpha\x00 \x00beta\n"},
	{"invalid UTF-8", "\xff\xfe\n\xc3\x28 \xa0\xa1\n\xe2\x82\n\xed\xa0\x80\n\xc0\xaf\n\xff\xfe\n\xc3"},
	{"UTF-8", "\ufeffà la carte\n日本語 テキスト\u00a0日本語\n😀\u2028😀 à\n"},
	{"random", random(1, 600)},
	{"repeated keys", strings.Repeat("a\n", 50) + strings.Repeat("a a\nb\n\n", 20)},
}

// random is any bytes, LF among them as often as in text.
func random(seed uint64, size int) string {
	r := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(r.Uint32())
		if r.IntN(20) == 0 {
			b[i] = '\n'
		}
	}
	return string(b)
}

// TestX11Shapes runs the jobs that take any line over inputs of every shape, by their names and
// through the client, in splits that are smaller than a line.
func TestX11Shapes(t *testing.T) {
	c := newCluster(t, 2)
	files := write(t, shapes...)
	for i, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			for _, b := range builtIns {
				if b.name == "sum" { // wants numbers
					continue
				}
				job := fanfold.Job{Program: b.name, Params: b.params, SplitSize: 7}
				job.Inputs = []string{files[i].name}
				reply, _ := c.submit(job, nil)
				equal(t, b.name+" of the file", reply, b.want(t, files[i]))
				job.Inputs = nil
				reply, _ = c.submit(job, strings.NewReader(shape.content))
				equal(t, b.name+" of the stream", reply, b.want(t, text{"-", shape.content}))
			}
		})
	}
	t.Run("all", func(t *testing.T) {
		for _, b := range []builtIn{index, everyLine, wordCount} {
			job := fanfold.Job{Program: b.name, Params: b.params, Inputs: names(files)}
			reply, _ := c.submit(job, nil)
			equal(t, b.name, reply, b.want(t, files...))
		}
	})
}

// TestR49EmptyKeys adds numbers of keys that are empty, repeated, and contain separators.
func TestR49EmptyKeys(t *testing.T) {
	content := "\t1\n\t2.50\na\t-3\n\t-0\na\tb\t4\na\t3\na\tb\t0.001\nz\t+7\r\n \t1\n"
	c := newCluster(t, 2)
	job := fanfold.Job{Program: "sum", SplitSize: 5, Reducers: 3}
	reply, _ := c.submit(job, strings.NewReader(content))
	equal(t, "sum", reply, builtInNamed("sum").want(t, text{"-", content}))
}

// TestX11EverySplit cuts a small file at every offset, and into pieces of every size.
func TestX11EverySplit(t *testing.T) {
	const content = "één\r\n\n日本語 à\nx\n\n\nfin de\r\n😀 x 😀\n\r\nà fin"
	c := newCluster(t, 2)
	var halved []text // prefixes, each to be cut in its middle
	for n := range len(content) + 1 {
		halved = append(halved, text{fmt.Sprintf("%03d", n), content[:n]})
	}
	halved = write(t, halved...)
	whole := halved[len(content)]
	for n := 1; n <= len(content); n++ {
		for _, b := range []builtIn{everyLine, wordCount} {
			job := fanfold.Job{Program: b.name, Params: b.params, SplitSize: int64(n)}
			job.Inputs = []string{whole.name}
			reply, _ := c.submit(job, nil)
			equal(t, fmt.Sprintf("%s in pieces of %d", b.name, n), reply, b.want(t, whole))
		}
		job := fanfold.Job{Program: "grep", Params: everyLine.params, SplitSize: int64(n)}
		reply, _ := c.submit(job, strings.NewReader(content))
		equal(t, fmt.Sprintf("stream in pieces of %d", n), reply, everyLine.want(t, whole))

		job.Inputs, job.SplitSize = []string{halved[n].name}, int64(n+1)/2
		reply, _ = c.submit(job, nil)
		equal(t, fmt.Sprintf("halves of %d bytes", n), reply, everyLine.want(t, halved[n]))
	}
}

// TestX11TinyFiles reads 10,000 files in nested folders. They are names of 100 files, because a
// name is made much faster than a file.
func TestX11TinyFiles(t *testing.T) {
	const folders, each = 100, 100
	var texts []text
	for k := range each {
		content := fmt.Sprintf("w%d x\nfile %d", k, k*k) // no last LF
		texts = append(texts, text{fmt.Sprintf("f%02d", k), content})
	}
	texts = write(t, texts...)
	root := t.TempDir()
	var files []text
	for i := range folders {
		folder := filepath.Join(root, fmt.Sprintf("d%d/e%02d", i/10, i%10))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, f := range texts {
			name := filepath.Join(folder, filepath.Base(f.name))
			if err := os.Link(f.name, name); err != nil {
				t.Fatal(err)
			}
			files = append(files, text{name, f.content})
		}
	}
	s := newSite(t)
	got := s.run("index", root)
	equal(t, "index", got, index.want(t, files...))
	got = s.run("grep", "-p", "pattern=", "--split-size", "64KiB", filepath.Join(root, "d[3-4]"))
	equal(t, "grep", got, everyLine.want(t, files[3000:5000]...))
}

// packed is "alpha beta\ngam" and "ma alpha\nend", as bzip2 writes them.
var packed = [2]string{
	"QlpoOTFBWSZTWcw5xK8AAAJRgAAQQAAyxkQAIAAiAGTQgGmmiWQ46AiyXi7kinChIZhziV4=",
	"QlpoOTFBWSZTWWc3S2QAAATRgAAQQAAmR0AAIAAiAaYhADC4B1B8U/F3JFOFCQZzdLZA",
}

// archives are the same text, compressed in each way, in two parts that meet within a line.
func archives(t *testing.T) (content string, all []text) {
	t.Helper()
	parts := [2]string{"alpha beta\ngam", "ma alpha\nend"}
	var gz, zst bytes.Buffer
	bz := ""
	for i, part := range parts {
		g := gzip.NewWriter(&gz)
		z, err := zstd.NewWriter(&zst)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range []io.WriteCloser{g, z} {
			if _, err := io.WriteString(w, part); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		data, err := base64.StdEncoding.DecodeString(packed[i])
		if err != nil {
			t.Fatal(err)
		}
		bz += string(data)
	}
	all = []text{{"gzip.txt", gz.String()}, {"zstd", zst.String()}, {"bzip2.gz", bz}}
	return parts[0] + parts[1], all
}

// TestX11Compressed knows compressed inputs by their first bytes, whatever their names.
func TestX11Compressed(t *testing.T) {
	content, all := archives(t)
	files := write(t, append(all, text{"plain.gz", content})...)
	c := newCluster(t, 2)
	for _, f := range files {
		plain := text{f.name, content}
		got := c.succeeds(nil, "index", "--split-size", "8", f.name)
		equal(t, f.name, got, index.want(t, plain))
		got = c.succeeds(strings.NewReader(f.content), "grep", "-p", "pattern=", "-")
		equal(t, f.name+" on stdin", got, everyLine.want(t, plain))
	}
	got := c.succeeds(nil, "grep", "-p", "pattern=", filepath.Dir(files[0].name))
	equal(t, "all", got, []byte(strings.Repeat(content+"\n", len(files))))
}

// TestX11Damaged refuses compressed inputs that end early or were changed, and names them.
func TestX11Damaged(t *testing.T) {
	_, all := archives(t)
	var damaged []text
	for _, f := range all {
		damaged = append(damaged, text{"cut-" + f.name, f.content[:len(f.content)-3]})
		i := len(f.content) - 7 // in a checksum
		changed := f.content[:i] + string(f.content[i]^1) + f.content[i+1:]
		damaged = append(damaged, text{"changed-" + f.name, changed})
	}
	c := newCluster(t, 2)
	refused := func(what string, stdin io.Reader, args ...string) {
		o := c.submitted(stdin, append([]string{"--max-attempts", "1", "wordcount"}, args...)...)
		if o.code != fanfold.ExitNotFound || o.stdout != "" || !strings.Contains(o.stderr, what) {
			t.Errorf("%s: exit code %d, want 4, no output and its name; it printed %q and\n%s",
				what, o.code, o.stdout, o.stderr)
		}
	}
	for _, f := range write(t, damaged...) {
		refused(f.name, nil, f.name)
	}
	for _, f := range damaged {
		refused("input: -", strings.NewReader(f.content))
	}
}

// TestX11Names names inputs as folders, by patterns, twice, and not at all.
func TestX11Names(t *testing.T) {
	files := write(t, text{"a/1", "one\n"}, text{"a/2.log", "two"}, text{"b/3.log", "three\n"},
		text{"a/_skipped", "no\n"}, text{"a/.hidden/4", "no\n"})
	root := strings.TrimSuffix(files[0].name, "a/1")
	c := newCluster(t, 2)
	tests := []struct {
		inputs []string
		stdin  string
		want   string
	}{
		{[]string{root}, "", "one\ntwo\nthree\n"},
		{[]string{root + "?/*.log"}, "", "two\nthree\n"},
		{[]string{root + "b", root + "a"}, "", "three\none\ntwo\n"},
		{[]string{files[0].name, files[0].name}, "", "one\none\n"},
		{[]string{files[1].name, "-", files[0].name}, "own", "two\nown\none\n"},
		{nil, "own\nbytes", "own\nbytes\n"},
		{nil, "", ""},
	}
	for _, tt := range tests {
		args := append([]string{"grep", "-p", "pattern="}, tt.inputs...)
		got := c.succeeds(strings.NewReader(tt.stdin), args...)
		equal(t, fmt.Sprintf("%q", tt.inputs), got, []byte(tt.want))
	}
	for _, missing := range []string{root + "none", root + "*.none"} {
		o := c.submitted(nil, "wordcount", files[0].name, missing)
		if o.code != fanfold.ExitNotFound || o.stdout != "" || !strings.Contains(o.stderr, missing) {
			t.Errorf("%s: exit code %d, want 4, no output and its name; it printed %q and\n%s",
				missing, o.code, o.stdout, o.stderr)
		}
	}
}
