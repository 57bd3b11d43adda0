// Package storagetest is the conformance suite of storage drivers: each driver's test calls Run.
//
// The one idea needed to read it: what stands here is the contract of storage.Driver in executable
// form, so a rule that all drivers share is tested here and nowhere else.
package storagetest

import (
	"io"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/storage"
)

// Make returns a fresh driver, and the name of a folder in it that the test may fill. The folder
// need not exist. What it uses it releases in t.Cleanup.
type Make func(t *testing.T) (d storage.Driver, folder string)

// Run checks the drivers that mk makes against the contract.
func Run(t *testing.T, mk Make) {
	tests := []struct {
		name string
		run  func(t *testing.T, d storage.Driver, folder string)
	}{
		{"Open", open},
		{"OpenMissing", openMissing},
		{"Identity", identity},
		{"Cancelled", cancelled},
		{"ListOrder", listOrder},
		{"ListPatterns", listPatterns},
		{"ListNothing", listNothing},
		{"ListStops", listStops},
		{"R48CommitReplacesNothing", commitReplacesNothing},
		{"CommitIsAtomic", commitIsAtomic},
		{"Discard", discard},
		{"CommitRace", commitRace},
		{"R48PromoteReplacesNothing", promoteReplacesNothing},
		{"PromoteReplays", promoteReplays},
		{"Remove", remove},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, folder := mk(t)
			tt.run(t, d, folder)
		})
	}
}

// put makes a file through the driver.
func put(t *testing.T, d storage.Driver, name, content string) storage.Info {
	t.Helper()
	w, err := d.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	info, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// get reads a file through the driver.
func get(t *testing.T, d storage.Driver, name string, offset int64) (string, storage.Info) {
	t.Helper()
	r, info, err := d.Open(t.Context(), name, offset)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(content), info
}

func wantKind(t *testing.T, err error, want fanfold.Kind) {
	t.Helper()
	if got := fanfold.KindOf(err); got != want {
		t.Errorf("kind %v (%v), want %v", got, err, want)
	}
}

func wantContent(t *testing.T, d storage.Driver, name, want string) {
	t.Helper()
	if got, _ := get(t, d, name, 0); got != want {
		t.Errorf("%s holds %q, want %q", name, got, want)
	}
}

func wantMissing(t *testing.T, d storage.Driver, name string) {
	t.Helper()
	_, err := d.Stat(t.Context(), name)
	wantKind(t, err, fanfold.KindNotFound)
}
