package shuffle

import "bytes"

// KeyRange is a part of the key space.
type KeyRange struct {
	From  []byte // its least key
	Below []byte // its keys are less; empty: there is no such bound
}

// rangeRows gives the rows of a sorted source that are in its range of keys.
type rangeRows struct {
	*blockRows
	begun bool // a row was given
}

// next gives the next row.
func (k *rangeRows) next(r *row) (bool, error) {
	for {
		more, err := k.blockRows.next(r)
		if err != nil || !more {
			return false, err
		}
		if !k.begun && bytes.Compare(r.key, k.keys.From) < 0 {
			k.beyond++
			continue
		}
		if len(k.keys.Below) > 0 && bytes.Compare(r.key, k.keys.Below) >= 0 {
			k.beyond++
			return false, k.leave()
		}
		k.begun = true
		return true, nil
	}
}
