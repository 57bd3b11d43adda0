package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/format"
	"github.com/fanfold/fanfold/storage"
)

// stdinName is the input that means the client's own bytes.
const stdinName = "-"

// sources are what a job reads: names for the workers, and the client's own bytes if there are any.
type sources struct {
	names []string
	own   io.ReadCloser // nil: none
}

func (s sources) close() {
	if s.own != nil {
		s.own.Close()
	}
}

// sources works out a job's inputs. Without any named, standard input is one unless it is a
// terminal. With absolute, paths are made so that a coordinator elsewhere on the host finds them.
func (a *app) sources(
	ctx context.Context, f *jobFlags, args []string, absolute bool,
) (sources, error) {
	names := slices.Clone(args)
	if f.filesFrom != "" {
		more, err := a.namesFrom(ctx, f.filesFrom)
		if err != nil {
			return sources{}, err
		}
		names = append(names, more...)
	} else if len(names) == 0 {
		if file, ok := a.stdin.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
			err := fanfold.Errorf(fanfold.KindUsage, "", "no input named")
			err.Hint = "name files or folders, or pipe something in"
			return sources{}, err
		}
		names = []string{stdinName}
	}
	if f.inline {
		how, err := format.Of(f.reading)
		switch {
		case err != nil:
			return sources{}, err
		case how.Cut == format.CutNever || f.reading.Header:
			return sources{}, usagef("",
				"--inline makes one input of all: it goes neither with --format whole nor with --header")
		}
		c := copying{reading: f.reading, how: how}
		return sources{own: a.inline(ctx, c, names)}, nil
	}
	s := sources{names: names}
	if slices.Contains(names, stdinName) {
		if f.filesFrom == stdinName {
			return s, usagef("", "standard input is the list of names: it cannot be an input too")
		}
		own, err := decoded(f.reading, a.input(ctx))
		if err != nil {
			return s, err
		}
		s.own = own
	}
	if absolute {
		for i, name := range names {
			if name != stdinName && storage.Scheme(name) == storage.FileScheme {
				path, err := filepath.Abs(name)
				if err != nil {
					return s, err
				}
				names[i] = path
			}
		}
	}
	return s, nil
}

// namesFrom reads input names, one a line, from a file or from standard input.
func (a *app) namesFrom(ctx context.Context, file string) ([]string, error) {
	var r io.ReadCloser
	if file == stdinName {
		r = a.input(ctx)
	} else {
		f, err := os.Open(file)
		if err != nil {
			return nil, fanfold.Errorf(fanfold.KindNotFound, "read input names", "%w", err)
		}
		r = f
	}
	defer r.Close()
	var names []string
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if name := strings.TrimSuffix(lines.Text(), "\r"); name != "" {
			names = append(names, name)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fanfold.Errorf(fanfold.KindInput, "read input names", "%s: %w", file, err)
	}
	return names, nil
}

// input is standard input for as long as ctx lasts: a terminal or a pipe that gives nothing does
// not keep a command from ending.
func (a *app) input(ctx context.Context) io.ReadCloser {
	r, w := io.Pipe()
	stop := context.AfterFunc(ctx, func() { w.CloseWithError(context.Cause(ctx)) })
	go func() {
		defer stop()
		_, err := io.Copy(w, a.stdin)
		w.CloseWithError(err)
	}()
	return r
}

// inline is the content of inputs one after the other, each ended as its last record should be.
func (a *app) inline(ctx context.Context, c copying, names []string) io.ReadCloser {
	r, w := io.Pipe()
	go func() { w.CloseWithError(a.copyInputs(ctx, c, w, names)) }()
	return r
}

func (a *app) copyInputs(ctx context.Context, c copying, w io.Writer, names []string) error {
	for _, name := range names {
		err := a.eachInput(ctx, name, func(_ string, file io.ReadCloser) error { return c.copy(w, file) })
		if err != nil {
			return err
		}
	}
	return nil
}

// eachInput gives the files that one argument means to read, which closes them.
func (a *app) eachInput(
	ctx context.Context, name string, read func(name string, file io.ReadCloser) error,
) error {
	if name == stdinName {
		return read("standard input", a.input(ctx))
	}
	for info, err := range a.files.List(ctx, name) {
		if err != nil {
			return err
		}
		file, _, err := a.files.Open(ctx, info.Name, 0)
		if err != nil {
			return err
		}
		if err := read(info.Name, file); err != nil {
			return err
		}
	}
	return nil
}

// copying is how inputs are copied into one.
type copying struct {
	reading fanfold.Reading
	how     *format.Format
}

// copy copies a file, decoded, and adds the end that its last record may lack. It closes the file.
func (c copying) copy(w io.Writer, file io.ReadCloser) (err error) {
	text, err := decoded(c.reading, file)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	defer func() { err = errors.Join(err, text.Close()) }()
	last := lastByte{w: w}
	if _, err := io.Copy(&last, text); err != nil {
		return err
	}
	if end := c.how.Terminator; end != "" && last.some && last.last != end[0] {
		_, err = io.WriteString(w, end)
	}
	return err
}

// lastByte is a writer that remembers the last byte that went through.
type lastByte struct {
	w    io.Writer
	some bool // went through
	last byte
}

func (l *lastByte) Write(p []byte) (int, error) {
	if len(p) > 0 {
		l.some, l.last = true, p[len(p)-1]
	}
	return l.w.Write(p)
}

// decoded undoes the compression of r: the one that the job names, or that its first bytes show.
func decoded(reading fanfold.Reading, r io.ReadCloser) (io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	codec, auto, err := storage.ParseCodec(reading.Codec)
	if err != nil {
		return nil, err
	}
	if auto {
		head, err := buffered.Peek(sniffBytes)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fanfold.Errorf(fanfold.KindInput, "read input", "%w", err)
		}
		codec = storage.Detect(bytes.Clone(head))
	}
	if codec == fanfold.Plain {
		return struct {
			io.Reader
			io.Closer
		}{buffered, r}, nil
	}
	text, err := storage.DecodeAt(codec, buffered, 0, reading.ExpandMax)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{text, closers{text, r}}, nil
}

// sniffBytes is how much of a stream decides its codec.
const sniffBytes = 10

// closers closes several things in order.
type closers []io.Closer

func (c closers) Close() error {
	var errs []error
	for _, one := range c {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}
