package coordinator

import (
	"context"
	"testing"

	"github.com/fanfold/fanfold"
)

// again is a promotion of the same job that knows nothing of an earlier one.
func again(store *faulty, overwrite bool) *promotion {
	p := promotionOf(&faulty{})
	store.fail = 0
	p.store, p.overwrite = store, overwrite
	return p
}

// TestI6PromotionIsRepeatedAfterACrash cuts a promotion short at each step, after it took effect or
// before: repeated, it does the rest, and repeated again, nothing.
func TestI6PromotionIsRepeatedAfterACrash(t *testing.T) {
	sound := &faulty{}
	if _, err := promotionOf(sound).run(context.Background()); err != nil {
		t.Fatal(err)
	}
	for crash := 1; crash <= sound.steps; crash++ {
		for _, persisted := range []bool{false, true} {
			store := &faulty{fail: crash, persisted: persisted, stuck: true}
			if _, err := promotionOf(store).run(context.Background()); err == nil {
				t.Fatalf("vacuous: step %d does not crash", crash)
			}
			for range 2 {
				names, err := again(store, true).run(context.Background())
				if err != nil || !isComplete(t, store) || len(names) != 3 {
					t.Errorf("crash at step %d, persisted %v: %v, %v, %q",
						crash, persisted, err, names, files(t, store, "/out"))
				}
			}
			if got := content(t, store, "/out/notes.txt"); got != "not ours" {
				t.Errorf("crash at step %d: another file is %q", crash, got)
			}
		}
	}
}

// TestI6PromotionIsNotTakenForAnothers: what somebody else has put into the folder meanwhile is not
// replaced, and not taken for the job's own.
func TestI6PromotionIsNotTakenForAnothers(t *testing.T) {
	store := &faulty{}
	first := promotionOf(store)
	if err := store.Store.Remove(context.Background(), "/out/_SUCCESS"); err != nil {
		t.Fatal(err)
	}
	first.overwrite = false
	if _, err := first.run(context.Background()); fanfold.KindOf(err) != fanfold.KindExists {
		t.Errorf("other parts are there: %v", err)
	}
	store.Put("/out/_SUCCESS", []byte(`{"job": "another"}`))
	_, err := again(store, false).run(context.Background())
	if fanfold.KindOf(err) != fanfold.KindExists {
		t.Errorf("another job's output is there: %v", err)
	}
	if got := content(t, store, "/out/part-00000"); got != "old 0" {
		t.Errorf("the other part is %q", got)
	}
}
