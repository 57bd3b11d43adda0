package scheduler

import (
	"iter"
	"math/bits"
)

const (
	pageBits = 12
	pageLen  = 1 << pageBits // records
)

// slab holds records of one kind in pages, names them by ids and links them into lists; a record
// is in at most one list. Taking and freeing a record is O(1) and does not allocate as long as
// its page is there. Pages without a record are given back, but for one.
type slab[T any] struct {
	used   indexes
	pages  []*page[T] // nil: no record in it
	spare  *page[T]   // empty, against thrashing around the end of a page
	serial uint64     // of the latest id
	live   int
}

type page[T any] struct {
	records [pageLen]record[T]
	live    int
}

type record[T any] struct {
	id         uint64 // 0: free
	next, prev uint32
	value      T
}

// list is a doubly linked list of a slab's records, by index.
type list struct{ head, tail, n uint32 }

// vacant is the id that the next record is to have.
func (s *slab[T]) vacant() uint64 { return makeID(s.used.lowest(), s.serial+1) }

// take makes a record. The id need not be that of vacant, as long as its index is free: a replay
// of the journal sees only the records of durable jobs, and finds them where they were.
func (s *slab[T]) take(id uint64) *T {
	i := uint32(id & indexMask)
	p := int(i >> pageBits)
	for p >= len(s.pages) {
		s.pages = append(s.pages, nil)
	}
	if s.pages[p] == nil {
		s.pages[p], s.spare = s.spare, nil
		if s.pages[p] == nil {
			s.pages[p] = new(page[T])
		}
	}
	s.used.set(i)
	s.serial = serialOf(id)
	s.live++
	s.pages[p].live++
	r := s.at(i)
	r.id = id
	return &r.value
}

// free forgets a record, which is in no list.
func (s *slab[T]) free(i uint32) {
	*s.at(i) = record[T]{}
	s.used.clear(i)
	s.live--
	p := i >> pageBits
	if pg := s.pages[p]; pg.live > 1 {
		pg.live--
	} else {
		pg.live = 0
		s.pages[p], s.spare = nil, pg
	}
}

// find is the value of the record with an id, or nil.
func (s *slab[T]) find(id uint64) *T {
	i := uint32(id & indexMask)
	if p := i >> pageBits; int(p) >= len(s.pages) || s.pages[p] == nil || id == 0 {
		return nil
	}
	if r := s.at(i); r.id == id {
		return &r.value
	}
	return nil
}

func (s *slab[T]) at(i uint32) *record[T] {
	return &s.pages[i>>pageBits].records[i&(pageLen-1)]
}

// get is the value of a record that is there.
func (s *slab[T]) get(i uint32) *T { return &s.at(i).value }

// all ranges over the indexes of all records, the lowest first. Records may be freed meanwhile.
func (s *slab[T]) all() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i := s.used.next(1); i != 0; i = s.used.next(i + 1) {
			if !yield(i) {
				return
			}
		}
	}
}

// push is pushBack or pushFront.
func (s *slab[T]) push(l *list, i uint32, front bool) {
	if front {
		s.pushFront(l, i)
	} else {
		s.pushBack(l, i)
	}
}

// insert puts a record before another one; 0: at the end.
func (s *slab[T]) insert(l *list, i, before uint32) {
	if before == 0 {
		s.pushBack(l, i)
		return
	}
	r, b := s.at(i), s.at(before)
	if r.prev, r.next = b.prev, before; b.prev != 0 {
		s.at(b.prev).next = i
	} else {
		l.head = i
	}
	b.prev = i
	l.n++
}

func (s *slab[T]) pushBack(l *list, i uint32) {
	s.at(i).prev = l.tail
	if l.tail != 0 {
		s.at(l.tail).next = i
	} else {
		l.head = i
	}
	l.tail = i
	l.n++
}

func (s *slab[T]) pushFront(l *list, i uint32) {
	s.at(i).next = l.head
	if l.head != 0 {
		s.at(l.head).prev = i
	} else {
		l.tail = i
	}
	l.head = i
	l.n++
}

func (s *slab[T]) remove(l *list, i uint32) {
	r := s.at(i)
	if r.prev != 0 {
		s.at(r.prev).next = r.next
	} else {
		l.head = r.next
	}
	if r.next != 0 {
		s.at(r.next).prev = r.prev
	} else {
		l.tail = r.prev
	}
	r.next, r.prev = 0, 0
	l.n--
}

// indexes is a set of numbers below 2^24 that finds its lowest gap in four steps. Number 0 is
// never given out.
type indexes struct {
	levels [indexBits / 6][]uint64 // bit i of level 0: i is used; above: that word below is full
	full   uint32                  // words of level 0 before which all are full
}

func (x *indexes) lowest() uint32 {
	if words := x.levels[0]; int(x.full) < len(words) && ^words[x.full] != 0 {
		return x.full<<6 | uint32(bits.TrailingZeros64(^words[x.full]))
	}
	i := x.search()
	x.full = i >> 6
	return i
}

// search is lowest from the topmost level down.
func (x *indexes) search() uint32 {
	i := uint32(0)
	for level := len(x.levels) - 1; level >= 0; level-- {
		free := ^uint64(0)
		if words := x.levels[level]; int(i) < len(words) {
			free = ^words[i]
		}
		if free == 0 { // only the topmost word can be full
			panic("scheduler: all indexes are used")
		}
		i = i<<6 | uint32(bits.TrailingZeros64(free))
	}
	return max(i, 1)
}

func (x *indexes) set(i uint32) {
	for level := range x.levels {
		w := int(i >> 6)
		for w >= len(x.levels[level]) {
			first := uint64(0)
			if level == 0 && len(x.levels[0]) == 0 {
				first = 1 // number 0
			}
			x.levels[level] = append(x.levels[level], first)
		}
		word := &x.levels[level][w]
		if *word&(1<<(i&63)) != 0 {
			panic("scheduler: index taken twice")
		}
		if *word |= 1 << (i & 63); *word != 1<<64-1 {
			return
		}
		i >>= 6
	}
}

func (x *indexes) clear(i uint32) {
	x.full = min(x.full, i>>6)
	for level := range x.levels {
		word := &x.levels[level][i>>6]
		full := *word == 1<<64-1
		*word &^= 1 << (i & 63)
		if !full {
			return
		}
		i >>= 6
	}
}

// next is the lowest number in the set that is at least i, which is above 0; 0 if there is none.
func (x *indexes) next(i uint32) uint32 {
	words := x.levels[0]
	for w := int(i >> 6); w < len(words); w++ {
		word := words[w]
		if w == int(i>>6) {
			word &= ^uint64(0) << (i & 63)
		}
		if word != 0 {
			return uint32(w<<6 + bits.TrailingZeros64(word))
		}
	}
	return 0
}
