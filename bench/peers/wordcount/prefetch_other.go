//go:build !amd64

package main

import "unsafe"

// prefetch does nothing here.
func prefetch(unsafe.Pointer, uint64, []pending) {}
