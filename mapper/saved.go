package mapper

import (
	"bufio"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/storage"
)

// saved is the file with copies of the records that an attempt has skipped: JSON, one object a
// line. It is made with the first.
type saved struct {
	w      storage.Writer // nil: there is none
	buffer *bufio.Writer
}

// savedRecord is one line. A record that is no UTF-8 stands in record_b64 instead.
type savedRecord struct {
	Input  string  `json:"input"`
	Offset int64   `json:"offset"`
	Error  string  `json:"error"`
	Record *string `json:"record,omitempty"`
	Base64 []byte  `json:"record_b64,omitempty"`
}

// add keeps a copy of a record, and tells the log.
func (s *saved) add(f *feeder, reason, name string, value []byte, offset int64) error {
	if f.task.Log != nil {
		fmt.Fprintf(f.task.Log, "skipped the record of %s at offset %d: %s\n", name, offset, reason)
	}
	if f.spec.Skipped == "" {
		return nil
	}
	if s.w == nil {
		w, err := f.spec.Storage.Create(f.task.Context(), f.spec.Skipped)
		if err != nil {
			return err
		}
		s.w, s.buffer = w, bufio.NewWriter(w)
	}
	line := savedRecord{Input: name, Offset: offset, Error: reason}
	if utf8.Valid(value) {
		text := string(value)
		line.Record = &text
	} else {
		line.Base64 = value
	}
	if err := json.NewEncoder(s.buffer).Encode(line); err != nil {
		return fanfold.Errorf(fanfold.KindOutput, "save skipped record", "%w", err)
	}
	return nil
}

// commit makes the file visible, if there is one.
func (s *saved) commit() error {
	if s.w == nil {
		return nil
	}
	if err := s.buffer.Flush(); err != nil {
		return fanfold.Errorf(fanfold.KindOutput, "save skipped record", "%w", err)
	}
	_, err := s.w.Commit()
	return err
}

// discard gives the file up, unless it was committed.
func (s *saved) discard() {
	if s.w != nil {
		_ = s.w.Discard() // what is left of it goes with the job
	}
}
