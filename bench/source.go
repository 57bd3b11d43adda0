package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fanfold/fanfold/internal/oracle"
)

// sourceExtensions are those of the files of Go's distribution that are text.
var sourceExtensions = []string{".go", ".s", ".md", ".txt", ".html", ".mod", ".golden", ".c", ".h"}

// goSource is the contest about a text that nobody has made for it: Go's own source tree, as one
// file for everybody, and as the thousands of files that it is for Fanfold.
func (w *wordCount) goSource(
	ctx context.Context, b *workshop, programs wordCounters,
) (contest, error) {
	c := contest{reference: "hand-written Go"}
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return c, fmt.Errorf("find Go's source: %w", err)
	}
	files, err := sourceFiles(strings.TrimSpace(string(root)))
	if err != nil {
		return c, err
	}
	name := "go-" + thisMachine().Go
	list, err := b.cached(name+".list", func(w io.Writer) error {
		_, err := io.WriteString(w, strings.Join(files, "\n")+"\n")
		return err
	})
	if err != nil {
		return c, err
	}
	t := text{}
	if t.file, err = b.cached(name+".txt", func(w io.Writer) error {
		return concatenate(w, files)
	}); err != nil {
		return c, err
	}
	if t.want, err = b.cached(name+".wordcount", func(w io.Writer) error {
		return oracleOf(w, t.file)
	}); err != nil {
		return c, err
	}
	info, err := os.Stat(t.file)
	if err != nil {
		return c, err
	}
	t.bytes = info.Size()
	c.title = fmt.Sprintf("Word count of Go's own source: %d MB in %d files",
		t.bytes/1e6, len(files))
	c.contestants = append(w.common(programs, t),
		w.fanfold(programs, t, "fanfold run wordcount, of the files", "--files-from", list), mawk(t))
	return c, nil
}

// sourceFiles are the text files below a folder that do not look like binary ones.
func sourceFiles(root string) (files []string, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if !slices.Contains(sourceExtensions, filepath.Ext(path)) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil && plain(text) {
			files = append(files, path)
		}
		return err
	})
	return files, err
}

// plain reports whether all programs see the same words in a text: it is ASCII but for what UTF-8
// makes of letters, and has neither white space that some programs take for a letter nor characters
// that sort below the TAB behind a word.
func plain(text []byte) bool {
	odd := func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' || r == 0x85 || r == 0xa0 || r == 0x1680 ||
			0x2000 <= r && r <= 0x2fff || r == 0x3000 || r == 0xfffd
	}
	return !bytes.ContainsFunc(text, odd)
}

// concatenate writes files one after the other, with a line feed where one does not end with it.
func concatenate(w io.Writer, files []string) error {
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if len(text) > 0 && text[len(text)-1] != '\n' {
			text = append(text, '\n')
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	return nil
}

// oracleOf counts the words of a file in the most obvious way.
func oracleOf(w io.Writer, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return oracle.WordCount(w, oracle.Input{Name: file, Content: f})
}
