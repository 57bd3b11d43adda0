package storage

import (
	"context"
	"strings"
)

// Output writes one file of an output folder. It is a Writer for those who need no Info.
type Output struct {
	Writer
}

// CreateOutput starts a file, by its name below an output folder. Its errors are those of
// Driver.Create.
func CreateOutput(ctx context.Context, d Driver, folder, name string) (Output, error) {
	w, err := d.Create(ctx, strings.TrimSuffix(folder, "/")+"/"+name)
	return Output{w}, err
}

// Commit makes the file visible, as Writer.Commit does.
func (o Output) Commit() error {
	_, err := o.Writer.Commit()
	return err
}
