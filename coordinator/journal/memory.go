package journal

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
)

// Memory is a Journal that ends with its process.
func Memory() Journal { return &memory{} }

type memory struct {
	mu      sync.Mutex // guards everything below
	records []Record   // Invariant: Seq rises; no record is changed once it is here
	closed  bool
}

func (m *memory) Append(ctx context.Context, records []Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	last := uint64(0)
	if n := len(m.records); n > 0 {
		last = m.records[n-1].Seq
	}
	if err := Check(last, records); err != nil {
		return fmt.Errorf("append %d records after %d: %w", len(records), last, err)
	}
	for _, r := range records {
		m.records = append(m.records, Record{r.Seq, bytes.Clone(r.Data)})
	}
	return nil
}

func (m *memory) Replay(ctx context.Context) iter.Seq2[Record, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	records, closed := slices.Clip(m.records), m.closed
	return func(yield func(Record, error) bool) {
		if closed {
			yield(Record{}, ErrClosed)
			return
		}
		for _, r := range records {
			if err := ctx.Err(); err != nil {
				yield(Record{}, err)
				return
			}
			if !yield(Record{r.Seq, bytes.Clone(r.Data)}, nil) {
				return
			}
		}
	}
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	m.records, m.closed = nil, true
	return nil
}
