package main

import (
	"io"
	"testing"
)

// TestSortRow lets both contestants sort a little, and one that does not sort fail.
func TestSortRow(t *testing.T) {
	b := &workshop{temp: t.TempDir(), cache: t.TempDir(), log: io.Discard}
	s := &sortContest{records: 2000, skew: 0.3, memory: 4 << 20, slots: 2}
	c, err := s.prepare(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range c.contestants {
		if one.missing != "" {
			t.Logf("%s: %s", one.name, one.missing)
			continue
		}
		if _, err := b.measure(t.Context(), one); err != nil {
			t.Errorf("%s: %v", one.name, err)
		}
	}
	last := c.contestants[len(c.contestants)-1]
	cat := contestant{args: []string{"cat", last.args[len(last.args)-1]}, want: last.want}
	if _, err := b.measure(t.Context(), cat); err == nil {
		t.Error("cat passed for a sort")
	}
}
