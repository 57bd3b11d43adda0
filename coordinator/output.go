package coordinator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/storage"
)

// The names in an output folder.
const (
	successName   = "_SUCCESS" // the manifest: there last, and only when all else is
	partPrefix    = "part-"
	stagingPrefix = ".fanfold-" // and the job's id: attempts write below it
	formerName    = "former"    // below the staging folder: what an overwrite has set aside
)

// manifest is the content of _SUCCESS.
type manifest struct {
	Job     string         `json:"job"`
	Program string         `json:"program"`
	Records int64          `json:"records"`
	Bytes   int64          `json:"bytes"`
	Files   []manifestFile `json:"files"`
}

type manifestFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	CRC32C string `json:"crc32c"`
}

// part is one file that a job's output will have.
type part struct {
	from    string // its name now; "": data is its content
	data    []byte
	bytes   int64
	crc     uint32
	records int64
	there   bool // in the folder, since an earlier promotion of the job
}

// promotion makes the committed outputs of a job visible. It runs in a goroutine.
//
// Everything new is complete in the staging folder before anything old is touched. What is old
// (files named part-… and _SUCCESS) is set aside into the staging folder, with _SUCCESS first, so
// that a reader that checks it never sees a mixture; other files stay. Every step is a rename that
// has an inverse, and the inverse may be repeated: so after a step that failed, whether or not it
// took effect, the steps are undone in reverse and the folder is as it was. A promotion that a
// crash has cut short may be repeated: it finds what the one before has moved, and does the rest.
type promotion struct {
	store     storage.Driver
	job       string // id
	program   string
	folder    string
	overwrite bool
	parts     []part
	undo      []func(context.Context) error
	resumed   bool // an earlier promotion of the job has moved something
	finished  bool // and all
}

// stagingFolder is where the attempts of a job write that has an output folder.
func stagingFolder(folder, job string) string { return join(folder, stagingPrefix+job) }

// join adds an element to a path or a URL.
func join(folder, name string) string { return strings.TrimRight(folder, "/") + "/" + name }

// occupied lists what an earlier job left in a folder, _SUCCESS first. A folder without visible
// files is as good as none.
func occupied(ctx context.Context, store storage.Driver, folder string) ([]string, error) {
	info, err := store.Stat(ctx, folder)
	switch {
	case fanfold.KindOf(err) == fanfold.KindNotFound:
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Folder:
		return nil, fanfold.Errorf(fanfold.KindOutput, "open output", "%s is not a folder", folder)
	}
	var names []string
	switch _, err := store.Stat(ctx, join(folder, successName)); {
	case err == nil:
		names = append(names, successName)
	case fanfold.KindOf(err) != fanfold.KindNotFound:
		return nil, err
	}
	for info, err := range store.List(ctx, folder) {
		switch {
		case fanfold.KindOf(err) == fanfold.KindNotFound:
			return names, nil
		case err != nil:
			return nil, err
		}
		names = append(names, strings.TrimPrefix(info.Name, join(folder, "")))
	}
	return names, nil
}

// refuseOccupied is the check at submit: the error is KindExists unless overwrite.
func refuseOccupied(
	ctx context.Context, store storage.Driver, folder string, overwrite bool,
) error {
	names, err := occupied(ctx, store, folder)
	if err == nil && len(names) > 0 && !overwrite {
		err = errExists(folder)
	}
	return err
}

func errExists(folder string) error {
	err := fanfold.Errorf(fanfold.KindExists, "open output", "%s exists", folder)
	err.Hint = "choose another folder, or replace it with --overwrite"
	return err
}

// run promotes. It returns the names of the files; after an error the folder is as it was, or the
// error says where the former files are.
func (p *promotion) run(ctx context.Context) ([]string, error) {
	former, err := occupied(ctx, p.store, p.folder)
	if err == nil && len(former) > 0 {
		former, err = p.resume(ctx, former)
	}
	switch {
	case err != nil:
		return nil, err
	case p.finished:
		return p.names(), nil
	case len(former) > 0 && !p.overwrite:
		return nil, errExists(p.folder)
	}
	if err := p.complete(ctx); err != nil {
		return nil, err
	}
	files, err := p.replace(ctx, former)
	if err == nil {
		return files, nil
	}
	ctx = context.WithoutCancel(ctx)
	for i := len(p.undo) - 1; i >= 0; i-- {
		if bad := p.undo[i](ctx); bad != nil {
			e := fanfoldError(err, fanfold.KindOutput, "promote output")
			e.Err = errors.Join(e.Err, fmt.Errorf("undo: %w", bad))
			e.Hint = fmt.Sprintf("nothing is lost: new and former files are in %s and below %s",
				p.folder, p.staging())
			return nil, &keptError{e}
		}
	}
	if p.resumed {
		return nil, &keptError{fanfoldError(err, fanfold.KindOutput, "promote output")}
	}
	return nil, err
}

// keptError is an error after which the staging folder must not be removed.
type keptError struct{ cause *fanfold.Error }

func (e *keptError) Error() string { return e.cause.Error() }
func (e *keptError) Unwrap() error { return e.cause }

func (p *promotion) staging() string { return stagingFolder(p.folder, p.job) }

// complete checks that the new files are there and whole, and writes those that came inline.
func (p *promotion) complete(ctx context.Context) error {
	for i := range p.parts {
		part := &p.parts[i]
		if part.there {
			continue
		}
		if part.from == "" {
			part.from, part.bytes = join(p.staging(), partName(i)), int64(len(part.data))
			err := p.write(ctx, part.from, part.data)
			if err != nil && fanfold.KindOf(err) != fanfold.KindExists { // of an earlier promotion
				return err
			}
		}
		info, err := p.store.Stat(ctx, part.from)
		if err != nil {
			return fanfoldError(err, fanfold.KindOutput, "promote output")
		}
		if info.Size != part.bytes {
			return fanfold.Errorf(fanfold.KindOutput, "promote output",
				"%s has %d bytes, not the %d that were committed", part.from, info.Size, part.bytes)
		}
	}
	return nil
}

// isPart reports whether a name in an output folder is that of a part.
func isPart(name string) bool {
	return strings.HasPrefix(name, partPrefix) && !strings.Contains(name, "/")
}

func partName(i int) string { return fmt.Sprintf("%s%05d", partPrefix, i) }

// write makes a whole file.
func (p *promotion) write(ctx context.Context, name string, data []byte) error {
	w, err := p.store.Create(ctx, name)
	if err != nil {
		return err
	}
	defer w.Discard()
	if _, err := w.Write(data); err != nil {
		return err
	}
	_, err = w.Commit()
	return err
}

// replace sets the former files aside and moves the new ones in, _SUCCESS last.
func (p *promotion) replace(ctx context.Context, former []string) ([]string, error) {
	for _, name := range former {
		if name != successName && !isPart(name) {
			continue
		}
		aside := join(p.staging(), path.Join(formerName, name))
		if err := p.move(ctx, join(p.folder, name), aside); err != nil {
			return nil, err
		}
	}
	m := manifest{Job: p.job, Program: p.program, Files: []manifestFile{}}
	for i, part := range p.parts {
		if !part.there {
			if err := p.move(ctx, part.from, join(p.folder, partName(i))); err != nil {
				return nil, err
			}
		}
		m.Files = append(m.Files, manifestFile{partName(i), part.bytes, fmt.Sprintf("%08x", part.crc)})
		m.Bytes += part.bytes
		m.Records += part.records
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	success := join(p.folder, successName)
	err = p.write(ctx, success, append(text, '\n'))
	p.undoUnlessExists(err, func(ctx context.Context) error { return p.store.Remove(ctx, success) })
	return p.names(), err
}

// move renames a file and remembers how to undo that. Undoing a rename that did not happen is what
// Driver.Promote calls repeating one: it succeeds and changes nothing.
func (p *promotion) move(ctx context.Context, from, to string) error {
	err := p.store.Promote(ctx, from, to)
	p.undoUnlessExists(err, func(ctx context.Context) error { return p.store.Promote(ctx, to, from) })
	return err
}

// undoUnlessExists remembers the inverse of a step that worked, or that failed and may have taken
// effect all the same. One that met a file of somebody else did not.
func (p *promotion) undoUnlessExists(err error, inverse func(context.Context) error) {
	if fanfold.KindOf(err) != fanfold.KindExists {
		p.undo = append(p.undo, inverse)
	}
}
