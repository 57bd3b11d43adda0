package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
)

// check compares a contestant's output with what it must be.
func check(c contestant, output string) error {
	if c.want == "" {
		return nil
	}
	got, err := os.Open(output)
	if err != nil {
		return err
	}
	defer got.Close()
	want, err := os.Open(c.want)
	if err != nil {
		return err
	}
	defer want.Close()
	return compare(bufio.NewReader(got), bufio.NewReader(want), c.convert)
}

// compare compares line by line, after convert if there is one, and says where the first difference
// is.
func compare(got, want *bufio.Reader, convert func([]byte) ([]byte, error)) error {
	for number := 1; ; number++ {
		g, gotErr := got.ReadBytes('\n')
		w, wantErr := want.ReadBytes('\n')
		for _, err := range []error{gotErr, wantErr} {
			if err != nil && err != io.EOF {
				return err
			}
		}
		if convert != nil && len(g) > 0 {
			var err error
			if g, err = convert(g); err != nil {
				return fmt.Errorf("line %d of the output: %w", number, err)
			}
		}
		if !bytes.Equal(g, w) {
			return fmt.Errorf("the output is wrong in line %d: %.80q, want %.80q", number, g, w)
		}
		if gotErr == io.EOF {
			return nil
		}
	}
}
