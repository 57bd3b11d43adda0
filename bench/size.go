package main

import (
	"fmt"
	"strconv"
	"strings"
)

// size is a flag for a number of bytes, such as 512MiB.
type size int64

// sizeUnits are powers of two only, from the largest.
var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// Set is flag.Value.Set.
func (s *size) Set(text string) error {
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n <= 0 || n > 1<<62/u.bytes {
			break
		}
		*s = size(n * u.bytes)
		return nil
	}
	return fmt.Errorf("want a number with B, KiB, MiB or GiB behind it")
}

// String is flag.Value.String.
func (s *size) String() string { return strings.ReplaceAll(sizeText(int64(*s)), " ", "") }

// sizeText writes a size in the largest unit that gives a whole number.
func sizeText(bytes int64) string {
	for _, u := range sizeUnits {
		if bytes >= u.bytes && bytes%u.bytes == 0 {
			return fmt.Sprintf("%d %s", bytes/u.bytes, u.name)
		}
	}
	return fmt.Sprintf("%d B", bytes)
}
