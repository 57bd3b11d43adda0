package storage

import (
	"context"
	"io"
	"iter"
)

// Info is what a store knows of a file without reading it. Size, ModTime and Tag are together the
// identity of its content: while they stay the same, so do the bytes.
type Info struct {
	Name    string // as the caller wrote it, joined with what was found below it
	Size    int64  // bytes
	ModTime int64  // nanoseconds since 1970
	Tag     string // device and inode of a file, the entity tag of an object
	Folder  bool   // only from Stat: a folder, whose other fields but Name mean nothing

	// Hosts have the bytes near, from List: their names as workers give them. It is a hint.
	Hosts []string
}

// Same reports whether two Infos describe the same bytes, whatever the names they were found by.
func (i Info) Same(o Info) bool {
	return i.Size == o.Size && i.ModTime == o.ModTime && i.Tag == o.Tag && i.Folder == o.Folder
}

// Driver is one kind of store. Its methods are safe for concurrent use, stop early when ctx ends,
// and fail with a *fanfold.Error: KindNotFound, KindInput and KindUsage on the reading side,
// KindExists, KindOutput and KindDisk on the writing side, KindDenied for names that this store
// must not touch. storagetest is the executable form of what follows.
type Driver interface {
	// List yields the files that a pattern means, in the byte order of their names: a file itself
	// (whatever it is called), a folder everything below it, and a pattern with *, ? or [..]
	// within its path elements what matches. Below folders and behind a wild card, names
	// starting with '.' or '_' are skipped. It yields an error at most once, as the last thing;
	// finding nothing is the error KindNotFound, and so is an empty folder.
	List(ctx context.Context, pattern string) iter.Seq2[Info, error]

	// Open reads a file from a byte offset to its end; an offset behind the end reads nothing.
	// The Info belongs to the bytes that the reader will give. The caller closes the reader.
	Open(ctx context.Context, name string, offset int64) (io.ReadCloser, Info, error)

	// Stat describes a file or a folder.
	Stat(ctx context.Context, name string) (Info, error)

	// Create starts a file that does not exist yet; folders above it need not exist.
	Create(ctx context.Context, name string) (Writer, error)

	// Promote renames a committed file, durably, and never replaces one (KindExists). It may be
	// repeated after a crash: with from gone and to present it succeeds, so from must be a name
	// that nobody else uses. A caller that has a manifest compares it with Stat(to).
	Promote(ctx context.Context, from, to string) error

	// Remove removes a file, or a folder with everything below it. A name that is not there is
	// no error.
	Remove(ctx context.Context, name string) error
}

// Writer writes one new file. It is not safe for concurrent use, and does not buffer. The first of
// Commit and Discard ends it; further calls of Discard do nothing, so that it may be deferred.
type Writer interface {
	io.Writer

	// Commit makes the file visible under its name, whole and durable, and never replaces one
	// that is there (KindExists). After another error the file is absent, or else it is there
	// and whole but perhaps not durable; the writer has ended in either case.
	Commit() (Info, error)

	// Discard gives the file up and leaves nothing behind.
	Discard() error
}
