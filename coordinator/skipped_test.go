package coordinator

import (
	"testing"

	"github.com/fanfold/fanfold/storage/memstore"
)

// Records that were saved are not in the way when the job is delivered again, after a map task has
// run again.
func TestPromoteAllAgain(t *testing.T) {
	store := &memstore.Store{}
	for _, attempt := range []string{"1", "2"} {
		from := "bad/staging/map-0-" + attempt
		w, err := store.Create(t.Context(), from)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("{}\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		moves := map[string]string{from: "bad/job-00000.jsonl"}
		if err := promoteAll(t.Context(), store, moves, "bad/staging"); err != nil {
			t.Fatalf("attempt %s: %v", attempt, err)
		}
	}
}
