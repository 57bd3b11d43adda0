package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// newEntries gives n free entries in huge pages, where the system has them: look-ups all over a
// table of tens of megabytes miss the page tables as often as the caches otherwise.
func newEntries(n int) []entry {
	size := max(n, 1) * int(unsafe.Sizeof(entry{}))
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		panic("out of memory")
	}
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE) // without them it works as well
	return unsafe.Slice((*entry)(unsafe.Pointer(&b[0])), n)
}

// freeEntries gives back what newEntries gave.
func freeEntries(e []entry) {
	b := unsafe.Slice((*byte)(unsafe.Pointer(&e[0])), len(e)*int(unsafe.Sizeof(entry{})))
	if err := unix.Munmap(b); err != nil {
		panic(err)
	}
}
