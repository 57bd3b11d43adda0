package fanfold

// Aggregator folds the values of each key, as they come, into a state of its own, which is bytes:
// in the table of the mapper, in the merges after it, and in the reduce. So a key takes no more
// memory than its state, whatever the number of its values. Package aggregate has some.
//
// States are in no object that the Aggregator keeps: it serves all keys of an attempt in turn.
type Aggregator interface {
	// Add folds a value, nil where there is none, into the state of its key, which is empty at first,
	// and returns the new one. It may append to state and change its bytes, and keeps no argument.
	Add(state, value []byte) ([]byte, error)
	// Merge folds the state of later values into that of earlier ones, as Add does with a value.
	Merge(state, later []byte) ([]byte, error)
	// Result calls emit with each value that the key is to have in the output, in order. emit keeps
	// no argument.
	Result(state []byte, emit func(value []byte)) error
}

// Aggregated is a Reducer that does what an Aggregator does, where there is no table.
func Aggregated(a Aggregator) Reducer {
	return ReducerFunc(func(key []byte, values *Values, emit *Emitter) (err error) {
		var state []byte
		for value := range values.All() {
			if state, err = a.Add(state, value); err != nil {
				return err
			}
		}
		return a.Result(state, func(value []byte) { emit.Emit(key, value) })
	})
}
