package main

import "unsafe"

// prefetch has the entries that words hash to loaded, and does not wait for them: entries is the
// first of mask+1.
//
//go:noescape
func prefetch(entries unsafe.Pointer, mask uint64, words []pending)

// The assembly knows these.
var (
	_ = [1]struct{}{}[unsafe.Sizeof(entry{})-32]
	_ = [1]struct{}{}[unsafe.Sizeof(pending{})-32]
	_ = [1]struct{}{}[unsafe.Offsetof(pending{}.hash)-16]
)
