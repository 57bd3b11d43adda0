package reducer_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/mapper"
	"github.com/fanfold/fanfold/reducer"
	"github.com/fanfold/fanfold/shuffle"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/storage/memstore"
)

// job runs a program's attempts one after the other, as the coordinator would have them run.
type job struct {
	program  fanfold.Program
	reducers int // 0: map-only
	final    shuffle.Final
	memory   int64
	noInline bool
	gather   bool

	spills int
}

// run runs the job over files cut into splits of splitSize bytes.
func (j *job) run(t testing.TB, splitSize int64, files ...string) string {
	t.Helper()
	out, err := j.try(t, splitSize, files...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (j *job) try(t testing.TB, splitSize int64, files ...string) (string, error) {
	t.Helper()
	store, mux := &memstore.Store{}, &storage.Mux{}
	mux.Handle("mem", store)
	var sources []source
	for i, content := range files {
		info := store.Put(fmt.Sprintf("mem://%d", i), []byte(content))
		for from := int64(0); from == 0 || from < info.Size; from += splitSize {
			r := fanfold.Range{
				Name: info.Name, Offset: from, Length: min(splitSize, info.Size-from),
				Size: info.Size, ModTime: info.ModTime, Tag: info.Tag,
			}
			dir := t.TempDir()
			res, err := mapper.Run(j.task(), mapper.Spec{
				Program: &j.program, Split: fanfold.Split{Ranges: []fanfold.Range{r}},
				Partitions: j.partitions(), Unsorted: j.reducers == 0, Memory: j.memory,
				Dir: dir, Final: j.final, NoInline: j.noInline, Storage: mux,
			})
			if err != nil {
				return "", err
			}
			j.spills += res.Spills
			sources = append(sources, source{dir, res.Output})
		}
	}
	if j.reducers > 0 {
		var err error
		if sources, err = j.reduce(t, sources); err != nil {
			return "", err
		}
	}
	return j.reply(t, sources)
}

// source is an output and where it is.
type source struct {
	dir string
	fanfold.Output
}

// text is a rendered output.
func (s source) text(t testing.TB) string {
	t.Helper()
	if s.File == "" {
		return string(bytes.Join(s.Inline, nil))
	}
	b, err := os.ReadFile(filepath.Join(s.dir, s.File))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (j *job) partitions() int {
	switch {
	case j.reducers > 0:
		return j.reducers
	case j.gather:
		return 1
	}
	return 0
}

func (j *job) task() *fanfold.Task {
	return fanfold.NewTask(context.Background(), fanfold.Task{Reducers: j.reducers})
}

func partOf(sources []source, part int) []shuffle.Source {
	all := make([]shuffle.Source, len(sources))
	for i, s := range sources {
		all[i] = shuffle.Source{Task: uint32(i), Part: part, Records: s.Records}
		if s.File != "" {
			all[i].Path = filepath.Join(s.dir, s.File)
		}
		if s.Inline != nil {
			all[i].Inline = s.Inline[part]
		}
	}
	return all
}

func (j *job) spec(dir string, part int, sources []source) reducer.Spec {
	return reducer.Spec{
		Program: &j.program, Partition: part, Sources: partOf(sources, part), Memory: j.memory,
		Dir: dir, Last: !j.gather, Final: j.final, NoInline: j.noInline,
	}
}

func (j *job) reduce(t testing.TB, sources []source) ([]source, error) {
	t.Helper()
	var out []source
	records := int64(0)
	for part := range j.reducers {
		dir := t.TempDir()
		res, err := reducer.Run(j.task(), j.spec(dir, part, sources))
		if err != nil {
			return nil, err
		}
		records += res.In
		j.spills += res.Spills
		out = append(out, source{dir, res.Output})
	}
	for _, s := range sources {
		records -= s.Records
	}
	if records != 0 {
		t.Errorf("the reduces read %d records more than the maps wrote", records)
	}
	return out, nil
}

// reply gathers the outputs of the last stage, or puts them together.
func (j *job) reply(t testing.TB, sources []source) (string, error) {
	t.Helper()
	if !j.gather {
		all := ""
		for _, s := range sources {
			all += s.text(t)
		}
		return all, nil
	}
	dir := t.TempDir()
	res, err := reducer.Gather(j.task(), j.spec(dir, 0, sources))
	if err != nil {
		return "", err
	}
	j.spills += res.Spills
	return source{dir, res.Output}.text(t), nil
}
