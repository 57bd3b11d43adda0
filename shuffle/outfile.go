package shuffle

import (
	"os"
	"path/filepath"

	"github.com/fanfold/fanfold"
)

// outputName is the file of an attempt's output in its directory.
const outputName = "out"

// outFile is an output that stays in memory until it is told to move to a file.
type outFile struct {
	dir   string
	mem   []byte
	file  *os.File // nil: in memory
	bytes int64
}

// Write appends to wherever the output is.
func (o *outFile) Write(p []byte) (int, error) {
	o.bytes += int64(len(p))
	if o.file == nil {
		o.mem = append(o.mem, p...)
		return len(p), nil
	}
	return o.writeFile(p)
}

func (o *outFile) writeFile(p []byte) (int, error) {
	n, err := o.file.Write(p)
	if err != nil {
		return n, diskError("write output", err)
	}
	return n, nil
}

// toFile moves the output to its file; repeated calls do nothing.
func (o *outFile) toFile() error {
	if o.file != nil {
		return nil
	}
	path := filepath.Join(o.dir, outputName)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return diskError("create output", err)
	}
	o.file = f
	if _, err := o.writeFile(o.mem); err != nil {
		return err
	}
	o.mem = nil
	return nil
}

// finish closes the file, which stays.
func (o *outFile) finish() error {
	if o.file == nil {
		return nil
	}
	f := o.file
	o.file = nil
	if err := f.Close(); err != nil {
		_ = os.Remove(f.Name())
		return diskError("close output", err)
	}
	return nil
}

// discard removes the file of an output that was not finished.
func (o *outFile) discard() {
	if o.file != nil {
		_ = o.file.Close()
		_ = os.Remove(o.file.Name())
		o.file = nil
	}
}

// diskError is an error of the work directory.
func diskError(op string, err error) error {
	return fanfold.Errorf(fanfold.KindDisk, op, "%w", err)
}
