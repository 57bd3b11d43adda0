package shuffle

import (
	"strconv"
	"testing"

	"github.com/fanfold/fanfold"
)

// TestI5LostRecordsAreNoticed takes records away from what was collected.
func TestI5LostRecordsAreNoticed(t *testing.T) {
	const records = 10
	fill := func(s fanfold.Sink) {
		e := fanfold.NewEmitter(s)
		for i := range records {
			e.Emit(strconv.AppendInt(nil, int64(i), 10), nil)
		}
		e.Flush()
	}
	lose := func(b *buffer, n int) { b.refs = b.refs[n:] }
	for lost, kind := range []fanfold.Kind{fanfold.KindNone, fanfold.KindCorrupt} {
		c := testConfig(t.TempDir(), fanfold.Program{}, 3)
		col := NewCollector(c)
		fill(col)
		lose(col.store.(*buffer), lost)
		if _, err := col.Finish(); fanfold.KindOf(err) != kind {
			t.Errorf("collector, %d lost: %v", lost, err)
		}
		col.Close()
		for _, top := range []int{0, 4} {
			out, err := NewOutput(c, OutputConfig{Final: Final{Top: top}, Render: true})
			if err != nil {
				t.Fatal(err)
			}
			fill(out)
			lose(out.sorter, lost*(records-3))
			if _, err := out.Finish(); fanfold.KindOf(err) != kind {
				t.Errorf("output, top %d, %d lost: %v", top, lost, err)
			}
			out.Close()
		}
	}
}

// A fold makes one record of several, and never more.
func TestI5FoldMakesNoRecords(t *testing.T) {
	col := NewCollector(testConfig(t.TempDir(), fanfold.Program{Fold: fanfold.Count}, 1))
	defer col.Close()
	emit(t, col, []record{{key: []byte("a"), number: true}, {key: []byte("b"), number: true}})
	col.taken = 1
	_, err := col.Finish()
	wantKind(t, err, fanfold.KindCorrupt)
}
