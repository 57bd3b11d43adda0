package jobs

import (
	"maps"
	"slices"
	"strconv"

	"github.com/fanfold/fanfold"
)

// Index gives for each word the inputs that contain it: their number, a space, and their names in
// byte order with commas between them. A word is what it is to WordCount.
func Index() fanfold.Program {
	return fanfold.Program{
		Name:   "index",
		Doc:    "for each word, the inputs that contain it",
		Params: []fanfold.Param{wordsParam},
		Map: func(t *fanfold.Task) (fanfold.Mapper, error) {
			next, err := tokenizer(t)
			return &indexer{task: t, next: next}, err
		},
		Combine: func(*fanfold.Task) (fanfold.Reducer, error) { return names{}, nil },
		Reduce:  func(*fanfold.Task) (fanfold.Reducer, error) { return listing{}, nil },
	}
}

// indexer emits each word with the name of the input it stands in.
type indexer struct {
	task *fanfold.Task
	next func(text []byte) (word, rest []byte)
	name []byte
}

// Map emits the words of one line.
func (m *indexer) Map(rec fanfold.Record, emit *fanfold.Emitter) error {
	return m.MapBlock(rec.Value, rec.Offset, emit)
}

// MapBlock emits the words of a block of lines, which are all of one input.
func (m *indexer) MapBlock(block []byte, _ int64, emit *fanfold.Emitter) error {
	m.name = append(m.name[:0], m.task.Input()...)
	for word, rest := m.next(block); len(word) > 0; word, rest = m.next(rest) {
		emit.Emit(word, m.name)
	}
	return nil
}

// names drops repeated names of a word. What it holds is one word's names, not its places.
type names struct{}

func (names) of(values *fanfold.Values) []string {
	seen := map[string]struct{}{}
	for name := range values.All() {
		if _, ok := seen[string(name)]; !ok {
			seen[string(name)] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// Reduce emits each name of the word once.
func (n names) Reduce(word []byte, values *fanfold.Values, emit *fanfold.Emitter) error {
	for _, name := range n.of(values) {
		emit.Emit(word, []byte(name))
	}
	return nil
}

// listing writes the names of a word into one value.
type listing struct{ names }

// Reduce emits the word with its list.
func (l listing) Reduce(word []byte, values *fanfold.Values, emit *fanfold.Emitter) error {
	all := l.of(values)
	list := strconv.AppendInt(nil, int64(len(all)), 10)
	between := byte(' ')
	for _, name := range all {
		list = append(append(list, between), name...)
		between = ','
	}
	emit.Emit(word, list)
	return nil
}
