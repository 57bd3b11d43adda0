package client

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/fanfold/fanfold"
)

// orderAll has results come in some order, and checks in which they are given out.
func orderAll(t *testing.T, s *Stream, first, n int, come []int) {
	t.Helper()
	s.filling.reset()
	var data [8]byte
	for _, i := range come {
		if i%10 == 9 {
			s.line.pass(uint64(first+i), s)
			continue
		}
		r := Result{
			Tag: uint64(first + i), State: fanfold.Succeeded, Data: fmt.Append(data[:0], i%10),
		}
		s.line.add(&r, s)
	}
	s.filling.settle()
	list := s.filling.list
	for i := range n {
		if i%10 == 9 {
			continue
		}
		if len(list) == 0 || list[0].Tag != uint64(first+i) || string(list[0].Data) != fmt.Sprint(i%10) {
			t.Fatalf("result %d is not in its place: %+v", i, list[:min(len(list), 1)])
		}
		list = list[1:]
	}
	if s.line.bytes != 0 || len(list) > 0 {
		t.Errorf("%d bytes wait, and %d results are left", s.line.bytes, len(list))
	}
}

func TestLineInRandomOrder(t *testing.T) {
	s := &Stream{}
	first := 1
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		n := 1 + random.IntN(300)
		orderAll(t, s, first, n, random.Perm(n))
		first += n
	}
}

func TestLineAllocatesNothing(t *testing.T) {
	s := &Stream{}
	const n = 100
	come, first := rand.New(rand.NewPCG(1, 2)).Perm(n), 1
	data := make([]byte, 100)
	run := func() {
		s.filling.reset()
		for _, i := range come {
			s.line.add(&Result{Tag: uint64(first + i), Data: data}, s)
		}
		first += n
	}
	run()
	run()
	if got := testing.AllocsPerRun(100, run); got > 0.05*n {
		t.Errorf("%.1f allocations for %d results", got, n)
	}
}
