package scheduler

import (
	"reflect"
	"slices"
)

// same reports whether two States are equal. It is reflect.DeepEqual, but does not look at each of
// the thousands of free records of a page.
func same(a, b *State) bool {
	x, y := *a, *b
	if !sameSlab(&x.tasks, &y.tasks) || !sameSlab(&x.attempts, &y.attempts) ||
		!sameSlab(&x.jobs, &y.jobs) || !sameSlab(&x.slots, &y.slots) {
		return false
	}
	x.tasks, x.attempts, x.jobs, x.slots = y.tasks, y.attempts, y.jobs, y.slots
	return reflect.DeepEqual(&x, &y)
}

func sameSlab[T any](a, b *slab[T]) bool {
	order := slices.Collect(a.all())
	if a.serial != b.serial || a.live != b.live || !slices.Equal(order, slices.Collect(b.all())) {
		return false
	}
	return !slices.ContainsFunc(order, func(i uint32) bool {
		return !reflect.DeepEqual(a.at(i), b.at(i))
	})
}
