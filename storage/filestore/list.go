package filestore

import (
	"cmp"
	"context"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/storage"
)

const listOp = "list inputs"

// List is storage.Driver.List. Symbolic links to files are followed, and so is one to a folder that
// is named or matched; below a folder, links to folders are passed over, so that loops do no harm.
// Anything else that is found there, such as a FIFO, is an error rather than left out in silence.
func (s *Store) List(ctx context.Context, pattern string) iter.Seq2[storage.Info, error] {
	return func(yield func(storage.Info, error) bool) {
		l := &listing{ctx: ctx, store: s, yield: yield}
		if err := l.run(pattern); err != nil && !l.stopped {
			yield(storage.Info{}, err)
		}
	}
}

// listing is one call of List.
type listing struct {
	ctx     context.Context
	store   *Store
	yield   func(storage.Info, error) bool
	found   bool
	stopped bool // by the consumer, which must not be called again
}

// errStopped unwinds a listing whose consumer has had enough. It never leaves List.
var errStopped = fanfold.Errorf(fanfold.KindCancelled, listOp, "stopped")

func (l *listing) run(pattern string) error {
	if err := begin(l.ctx, listOp, pattern); err != nil {
		return err
	}
	fi, err := l.store.stat(pattern)
	why := "the folder holds no file"
	switch {
	case err == nil:
		err = l.named(pattern, fi)
	case missing(err) && storage.Wild(pattern):
		why = "matches no file"
		err = l.match(pattern)
	default:
		err = inputError(listOp, pattern, err)
	}
	if err == nil && !l.found {
		err = storage.NothingFound(pattern, why)
	}
	return err
}

// match lists what a pattern matches.
func (l *listing) match(pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil {
		return fanfold.Errorf(fanfold.KindUsage, listOp, "%s: %w", pattern, err)
	}
	start := 0
	if strings.HasPrefix(pattern, urlPrefix) {
		start = len(urlPrefix)
	}
	return l.glob(pattern[:start], pattern[start:])
}

// glob lists what rest, a pattern, matches below folder, which is "" or ends in a slash.
func (l *listing) glob(folder, rest string) error {
	elem, more, deeper := strings.Cut(rest, "/")
	for deeper && !storage.Wild(elem) {
		folder += elem + "/"
		elem, more, deeper = strings.Cut(more, "/")
	}
	if !storage.Wild(elem) {
		fi, err := l.store.stat(folder + elem)
		if err == nil {
			return l.named(folder+elem, fi)
		}
		return unlessMissing(folder+elem, err)
	}
	entries, err := l.entries(cmp.Or(folder, "."))
	if err != nil {
		return unlessMissing(cmp.Or(folder, "."), err)
	}
	for _, e := range entries {
		if !storage.MatchElement(elem, e.name) || deeper && !e.folder {
			continue
		}
		name := folder + e.name
		if deeper {
			err = l.glob(name+"/", more)
		} else {
			err = l.visit(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unlessMissing passes an error on, except that a pattern does not match what is not there.
func unlessMissing(name string, err error) error {
	if missing(err) {
		return nil
	}
	return inputError(listOp, name, err)
}

// visit lists what was matched: a file, or everything below a folder.
func (l *listing) visit(name string) error {
	fi, err := l.store.stat(name)
	if err != nil {
		return inputError(listOp, name, err)
	}
	return l.named(name, fi)
}

// named lists what was named or matched.
func (l *listing) named(name string, fi fs.FileInfo) error {
	if fi.IsDir() {
		return l.walk(name)
	}
	return l.file(name, fi)
}

// walk lists everything below a folder.
func (l *listing) walk(folder string) error {
	entries, err := l.entries(folder)
	if err != nil {
		return inputError(listOp, folder, err)
	}
	if !strings.HasSuffix(folder, "/") {
		folder += "/"
	}
	for _, e := range entries {
		name := folder + e.name
		switch {
		case storage.Hidden(e.name), e.folder && e.link:
			continue
		case e.folder:
			err = l.walk(name)
		default:
			err = l.visit(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// file yields one file.
func (l *listing) file(name string, fi fs.FileInfo) error {
	if err := context.Cause(l.ctx); err != nil {
		return fanfold.Errorf(fanfold.KindCancelled, listOp, "%s: %w", name, err)
	}
	if !fi.Mode().IsRegular() {
		return irregular(listOp, name, fi.Mode())
	}
	l.found = true
	if !l.yield(info(name, fi), nil) {
		l.stopped = true
		return errStopped
	}
	return nil
}

// entry is a name in a folder; a link has the type of what it leads to.
type entry struct {
	name         string
	folder, link bool
}

// entries reads a folder in the order in which the names below it sort: that of a folder sorts as
// if it ended in the slash that follows it.
func (l *listing) entries(folder string) ([]entry, error) {
	f, err := l.store.openFile(folder, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	read, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, 0, len(read))
	for _, d := range read {
		e := entry{name: d.Name(), folder: d.IsDir(), link: d.Type()&fs.ModeSymlink != 0}
		if e.link {
			// One that leads nowhere is an error where it is visited, if it is.
			fi, err := l.store.stat(strings.TrimSuffix(folder, "/") + "/" + e.name)
			e.folder = err == nil && fi.IsDir()
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.key(), b.key()) })
	return entries, nil
}

func (e entry) key() string {
	if e.folder {
		return e.name + "/"
	}
	return e.name
}
