package fanfold

import (
	"iter"
	"strconv"
)

// MapperFunc makes a Mapper of a function that holds no state.
type MapperFunc func(rec Record, emit *Emitter) error

// Map calls f.
func (f MapperFunc) Map(rec Record, emit *Emitter) error { return f(rec, emit) }

// ReducerFunc makes a Reducer of a function that holds no state.
type ReducerFunc func(key []byte, values *Values, emit *Emitter) error

// Reduce calls f.
func (f ReducerFunc) Reduce(key []byte, values *Values, emit *Emitter) error {
	return f(key, values, emit)
}

// MapLines makes Program.Map of a function that sees one line a call, without its LF. The function
// may run in several attempts at once, each on its own goroutine or in its own process.
func MapLines(f func(line []byte, emit *Emitter) error) func(*Task) (Mapper, error) {
	mapper := MapperFunc(func(rec Record, emit *Emitter) error { return f(rec.Value, emit) })
	return func(*Task) (Mapper, error) { return mapper, nil }
}

// AddAll adds n to each key of a sequence, as in emit.AddAll(Words(line), 1).
func (e *Emitter) AddAll(keys iter.Seq[[]byte], n int64) {
	for key := range keys {
		e.Add(key, n)
	}
}

// Text is how values of a type stand in records: both functions are needed. Parse must not keep its
// argument. Ints, Floats and Strings are ready-made.
type Text[V any] struct {
	Append func(dst []byte, v V) []byte
	Parse  func(text []byte) (V, error)
}

// Ints is decimal text of an int64, as Emitter.Add writes it for a program without a Fold.
func Ints() Text[int64] {
	return Text[int64]{
		Append: func(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) },
		Parse:  func(text []byte) (int64, error) { return strconv.ParseInt(string(text), 10, 64) },
	}
}

// Floats is the shortest decimal text that reads back as the same float64. Sums of floats depend on
// their order, which a combiner changes.
func Floats() Text[float64] {
	return Text[float64]{
		Append: func(dst []byte, v float64) []byte {
			return strconv.AppendFloat(dst, v, 'g', -1, 64)
		},
		Parse: func(text []byte) (float64, error) { return strconv.ParseFloat(string(text), 64) },
	}
}

// Strings is the bytes themselves, copied, so that values may be kept.
func Strings() Text[string] {
	return Text[string]{
		Append: func(dst []byte, v string) []byte { return append(dst, v...) },
		Parse:  func(text []byte) (string, error) { return string(text), nil },
	}
}

// Reduce makes Program.Reduce of a function that sees the values of a key decoded, in their order.
// A value that cannot be parsed ends the sequence and, when the function returns, the attempt.
func Reduce[V any](
	text Text[V], f func(key []byte, values iter.Seq[V], emit *Emitter) error,
) func(*Task) (Reducer, error) {
	reducer := ReducerFunc(func(key []byte, values *Values, emit *Emitter) error {
		var bad error
		err := f(key, parsed(text, key, values, &bad), emit)
		if bad != nil {
			return bad
		}
		return err
	})
	return func(*Task) (Reducer, error) { return reducer, nil }
}

// parsed ranges over the values of a key as text has them; it puts its error into bad.
func parsed[V any](text Text[V], key []byte, values *Values, bad *error) iter.Seq[V] {
	return func(yield func(V) bool) {
		for raw := range values.All() {
			v, err := text.Parse(raw)
			if err != nil {
				*bad = Errorf(KindUser, "parse value", "of key %.64q: %w", key, err)
				return
			}
			if !yield(v) {
				return
			}
		}
	}
}

// Merge makes Program.Reduce of a function that makes one value of two; the last one left is the
// key's. Where the function is associative it may stand as Program.Combine too.
func Merge[V any](text Text[V], merge func(a, b V) V) func(*Task) (Reducer, error) {
	return func(*Task) (Reducer, error) {
		return &merger[V]{text: text, merge: merge, out: []byte{}}, nil
	}
}

// merger is the Reducer of Merge, with the memory it reuses from key to key.
type merger[V any] struct {
	text  Text[V]
	merge func(a, b V) V
	out   []byte // never nil: that would be no value
}

// Reduce merges the values of one key.
func (m *merger[V]) Reduce(key []byte, values *Values, emit *Emitter) error {
	var (
		total V
		bad   error
		some  bool
	)
	for v := range parsed(m.text, key, values, &bad) {
		if some {
			v = m.merge(total, v)
		}
		total, some = v, true
	}
	if bad == nil && some {
		m.out = m.text.Append(m.out[:0], total)
		emit.Emit(key, m.out)
	}
	return bad
}
