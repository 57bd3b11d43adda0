package coordinator

import (
	"context"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/storage/memstore"
)

// files is everything in a store, by name.
func files(t *testing.T, store storage.Driver, folders ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, folder := range folders {
		for info, err := range store.List(context.Background(), folder) {
			if err != nil {
				break // nothing found
			}
			all[info.Name] = content(t, store, info.Name)
		}
	}
	return all
}

func content(t *testing.T, store storage.Driver, name string) string {
	t.Helper()
	r, _, err := store.Open(context.Background(), name, 0)
	if err != nil {
		return "(none)"
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestOutputFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 2)
		c.agent.set(func(a *fakeAgent) { a.behave = inFolder })
		job := fanfold.Job{Program: "words", Output: "/out", Reducers: 2}
		out, sum, err := c.run(c.client("ann"), job, "a b a\nc\n")
		if err != nil || out != "" || sum.Bytes != 0 || sum.Records != 3 {
			t.Fatalf("got %q, %+v, %v", out, sum, err)
		}
		want := []string{"/out/part-00000", "/out/part-00001", "/out/_SUCCESS"}
		if !slices.Equal(sum.Files, want) {
			t.Errorf("got files %q, want %q", sum.Files, want)
		}
		parts := content(t, c.store, want[0]) + content(t, c.store, want[1])
		if sortLines(parts) != "a\t2\nb\t1\nc\t1\n" {
			t.Errorf("got %q", parts)
		}
		var m manifest
		if err := json.Unmarshal([]byte(content(t, c.store, "/out/_SUCCESS")), &m); err != nil {
			t.Fatal(err)
		}
		if len(m.Files) != 2 || m.Bytes != int64(len(parts)) || m.Files[0].Name != "part-00000" {
			t.Errorf("got %+v", m)
		}
		synctest.Wait()
		for name := range files(t, c.store, "/out/.fanfold-"+m.Job) {
			t.Errorf("%s is left", name)
		}
	})
}

func sortLines(text string) string {
	lines := slices.Collect(strings.Lines(text))
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func TestR48ExistingOutputIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		c.agent.set(func(a *fakeAgent) { a.behave = inFolder })
		c.store.Put("/out/part-00000", []byte("old"))
		cl := c.client("ann")
		job := fanfold.Job{Program: "words", Output: "/out", Reducers: 1}
		_, _, err := c.run(cl, job, "a\n")
		if e := failureOf(t, err); e.Kind != fanfold.KindExists || e.Hint == "" {
			t.Errorf("got %#v", e)
		}
		if got := content(t, c.store, "/out/part-00000"); got != "old" {
			t.Errorf("old data is %q now", got)
		}
		job.Overwrite = true
		if _, _, err := c.run(cl, job, "a\n"); err != nil {
			t.Fatal(err)
		}
		if got := content(t, c.store, "/out/part-00000"); got != "a\t1\n" {
			t.Errorf("new data is %q", got)
		}
	})
}

func TestR48OutputThatAppearsMeanwhileIsRefusedAtCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		h := hold(c, func(f *fakeAttempt) bool { return f.assign.Stage == 2 })
		r := c.submit(c.client("ann"), fanfold.Job{Program: "words", Output: "/out", Reducers: 1}, "a\n")
		late := <-h.ch
		c.store.Put("/out/part-00000", []byte("somebody else's"))
		late.p.done(inFolder(late.p, late.a))
		if _, err := r.Wait(); fanfold.KindOf(err) != fanfold.KindExists {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		want := map[string]string{"/out/part-00000": "somebody else's"}
		if got := files(t, c.store, "/out", "/out/.fanfold-"+r.Job().String()); !maps.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
}

func TestR48TwoJobsOneOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		h := hold(c, func(f *fakeAttempt) bool { return f.assign.Stage == 2 })
		cl := c.client("ann")
		job := fanfold.Job{Program: "words", Output: "/out", Reducers: 1, Overwrite: true}
		r := c.submit(cl, job, "a\n")
		late := <-h.ch
		if _, _, err := c.run(cl, job, "b\n"); fanfold.KindOf(err) != fanfold.KindExists {
			t.Errorf("got %v", err)
		}
		late.p.done(inFolder(late.p, late.a))
		if _, err := r.Wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestX8CancelledOutputLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, Config{}, 1)
		h := hold(c, func(f *fakeAttempt) bool { return f.assign.Stage == 2 && f.assign.Task == 1 })
		c.agent.set(func(a *fakeAgent) {
			behave := a.behave
			a.behave = func(p *fakeProcess, f *fakeAttempt) *protocol.Done {
				if d := behave(p, f); d == nil {
					return nil
				}
				return inFolder(p, f)
			}
		})
		job := fanfold.Job{Program: "words", Output: "/out", Reducers: 2}
		r := c.submit(c.client("ann"), job, "a b\n")
		<-h.ch
		synctest.Wait()
		staged := files(t, c.store, "/out/.fanfold-"+r.Job().String())
		if len(staged) != 1 {
			t.Errorf("staged before: %q, want one file", staged)
		}
		r.Close()
		synctest.Wait()
		if got := files(t, c.store, "/out", "/out/.fanfold-"+r.Job().String()); len(got) != 0 {
			t.Errorf("left: %q", got)
		}
	})
}

// faulty is a store in which one step goes wrong.
type faulty struct {
	*memstore.Store
	steps     int
	fail      int  // the step that fails; 0: none
	persisted bool // it takes effect all the same
	stuck     bool // every step after it fails too, and does nothing
}

var errFault = fanfold.Errorf(fanfold.KindOutput, "write", "no space left")

// step counts a step that changes something, and says whether to do it and what to return.
func (f *faulty) step() (do bool, err error) {
	f.steps++
	switch {
	case f.fail == 0 || f.steps < f.fail:
		return true, nil
	case f.steps == f.fail:
		return f.persisted, errFault
	case f.stuck:
		return false, errFault
	}
	return true, nil
}

func (f *faulty) Promote(ctx context.Context, from, to string) error {
	do, err := f.step()
	if do {
		err = errors.Join(f.Store.Promote(ctx, from, to), err)
	}
	return err
}

func (f *faulty) Create(ctx context.Context, name string) (storage.Writer, error) {
	w, err := f.Store.Create(ctx, name)
	return &faultyWriter{w, f}, err
}

type faultyWriter struct {
	storage.Writer
	f *faulty
}

func (w *faultyWriter) Commit() (storage.Info, error) {
	do, err := w.f.step()
	if !do {
		return storage.Info{}, errors.Join(err, w.Writer.Discard())
	}
	info, err2 := w.Writer.Commit()
	return info, errors.Join(err2, err)
}

func (f *faulty) Remove(ctx context.Context, name string) error {
	do, err := f.step()
	if do {
		err = errors.Join(f.Store.Remove(ctx, name), err)
	}
	return err
}

// promotionOf sets up a store with three former files and two new ones, of which one is inline.
func promotionOf(store *faulty) *promotion {
	store.Store = &memstore.Store{}
	store.Put("/out/_SUCCESS", []byte("old manifest"))
	store.Put("/out/part-00000", []byte("old 0"))
	store.Put("/out/part-00001", []byte("old 1"))
	store.Put("/out/notes.txt", []byte("not ours"))
	store.Put("/out/.fanfold-job/map-0-1.0", []byte("new 0"))
	return &promotion{
		store: store, job: "job", folder: "/out", overwrite: true,
		parts: []part{
			{
				from: "/out/.fanfold-job/map-0-1.0", bytes: 5,
				crc: crc32.Checksum([]byte("new 0"), castagnoli),
			},
			{data: []byte("new 1"), bytes: 5},
		},
	}
}

// former and complete are what readers may see in the folder: either, and nothing between.
func isFormer(t *testing.T, s storage.Driver) bool {
	return content(t, s, "/out/_SUCCESS") == "old manifest" &&
		content(t, s, "/out/part-00000") == "old 0" && content(t, s, "/out/part-00001") == "old 1"
}

func isComplete(t *testing.T, s storage.Driver) bool {
	return strings.Contains(content(t, s, "/out/_SUCCESS"), `"job": "job"`) &&
		content(t, s, "/out/part-00000") == "new 0" && content(t, s, "/out/part-00001") == "new 1"
}

func TestOutputFaultAtEachStep(t *testing.T) {
	sound := &faulty{}
	if _, err := promotionOf(sound).run(context.Background()); err != nil || !isComplete(t, sound) {
		t.Fatalf("without a fault: %v", err)
	}
	if sound.steps < 7 {
		t.Fatalf("%d steps: the table would be vacuous", sound.steps)
	}
	for fail := 1; fail <= sound.steps; fail++ {
		for _, persisted := range []bool{false, true} {
			store := &faulty{fail: fail, persisted: persisted}
			_, err := promotionOf(store).run(context.Background())
			if fanfold.KindOf(err) != fanfold.KindOutput {
				t.Errorf("step %d, persisted %v: got %v", fail, persisted, err)
			}
			var kept *keptError
			if !isFormer(t, store) || errors.As(err, &kept) {
				t.Errorf("step %d, persisted %v: the folder is not as it was: %q, %v",
					fail, persisted, files(t, store, "/out"), err)
			}
			if got := content(t, store, "/out/notes.txt"); got != "not ours" {
				t.Errorf("step %d: another file is %q", fail, got)
			}
		}
	}
}

func TestOutputFaultThatCannotBeUndoneLosesNothing(t *testing.T) {
	sound := &faulty{}
	if _, err := promotionOf(sound).run(context.Background()); err != nil {
		t.Fatal(err)
	}
	undone := 0
	for fail := 1; fail <= sound.steps; fail++ {
		store := &faulty{fail: fail, stuck: true}
		_, err := promotionOf(store).run(context.Background())
		var kept *keptError
		if !errors.As(err, &kept) {
			if !isFormer(t, store) {
				t.Errorf("step %d: the folder is not as it was", fail)
			}
			continue
		}
		undone++
		all := slices.Collect(maps.Values(files(t, store, "/out", "/out/_SUCCESS",
			"/out/.fanfold-job", "/out/.fanfold-job/former/_SUCCESS")))
		for _, text := range []string{"old manifest", "old 0", "old 1", "new 0"} {
			if !slices.Contains(all, text) {
				t.Errorf("step %d: %q is lost, there are %q", fail, text, all)
			}
		}
		if content(t, store, "/out/_SUCCESS") != "(none)" && !isFormer(t, store) {
			t.Errorf("step %d: _SUCCESS is there with a mixture", fail)
		}
	}
	if undone == 0 {
		t.Error("no step left anything to be undone: the test is vacuous")
	}
}
