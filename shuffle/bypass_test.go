package shuffle

import (
	"testing"

	"github.com/fanfold/fanfold"
)

// A table that cannot be bypassed leaves a Collector that can be closed.
func TestCloseAfterBypassFails(t *testing.T) {
	c := Config{Task: fanfold.NewTask(t.Context(), fanfold.Task{}), Partitions: 1, Memory: MemoryMin,
		Dir: t.TempDir(), Program: &fanfold.Program{Fold: fanfold.First}}
	col := NewCollector(c)
	tab := col.store.(*table)
	tab.memory = 8 * MemoryMin
	e := fanfold.NewEmitter(tab)
	e.Emit([]byte("a"), make([]byte, MemoryMin))
	e.Emit([]byte("b"), make([]byte, MemoryMin))
	e.Flush()
	tab.poor = true
	tab.runs.c.Dir = "/nowhere"
	var b fanfold.Batch
	if err := col.Flush(&b); err == nil {
		t.Fatal("no error")
	}
	col.Close()
}
