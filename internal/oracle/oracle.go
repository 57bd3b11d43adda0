// Package oracle computes what the built-in jobs must print, in the most obvious way: one
// goroutine, a map, a sort. Tests and benchmarks compare byte for byte with it.
//
// The one idea needed to read it: it shares no code with the splitter, the shuffle and the merge,
// nor with the jobs, and it is not to be made faster by doing so. Memory is not bounded.
package oracle

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// Input is one input of a job: its name as the job gives it, and its content. The content is read
// once.
type Input struct {
	Name    string
	Content io.Reader
}

// WordCount writes each word, a TAB and how often it occurs, by the bytes of the words. A word is a
// maximal run of bytes other than ASCII white space.
func WordCount(w io.Writer, inputs ...Input) error {
	counts := map[string]int{}
	err := eachLine(inputs, func(_, line string) error {
		for _, word := range words(line) {
			counts[word]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	return writeMap(w, counts)
}

// Count writes each different line, a TAB and how often it occurs, by the bytes of the lines.
func Count(w io.Writer, inputs ...Input) error {
	counts := map[string]int{}
	err := eachLine(inputs, func(_, line string) error {
		counts[line]++
		return nil
	})
	if err != nil {
		return err
	}
	return writeMap(w, counts)
}

// Grep writes the lines that a regular expression matches, in the order of the inputs.
func Grep(w io.Writer, pattern *regexp.Regexp, inputs ...Input) error {
	out := bufio.NewWriter(w)
	err := eachLine(inputs, func(_, line string) error {
		if pattern.MatchString(line) {
			fmt.Fprintln(out, line)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return out.Flush()
}

// Index writes each word, a TAB, the number of inputs that contain it, a blank, and their names in
// byte order with commas between them; by the bytes of the words.
func Index(w io.Writer, inputs ...Input) error {
	index := map[string]map[string]bool{}
	err := eachLine(inputs, func(input, line string) error {
		for _, word := range words(line) {
			if index[word] == nil {
				index[word] = map[string]bool{}
			}
			index[word][input] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	lists := map[string]string{}
	for word, names := range index {
		sorted := slices.Sorted(maps.Keys(names))
		lists[word] = fmt.Sprintf("%d %s", len(sorted), strings.Join(sorted, ","))
	}
	return writeMap(w, lists)
}

// Sort writes all lines by their bytes.
func Sort(w io.Writer, inputs ...Input) error {
	var lines []string
	err := eachLine(inputs, func(_, line string) error {
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(lines)
	return writeLines(w, lines)
}

// Distinct writes each different line once, by the bytes of the lines.
func Distinct(w io.Writer, inputs ...Input) error {
	seen := map[string]bool{}
	err := eachLine(inputs, func(_, line string) error {
		seen[line] = true
		return nil
	})
	if err != nil {
		return err
	}
	return writeLines(w, slices.Sorted(maps.Keys(seen)))
}

// Sum writes each key, a TAB and the exact sum of its numbers, by the bytes of the keys. A line is
// a key, a TAB and a number without an exponent; the number stands behind the last TAB.
func Sum(w io.Writer, inputs ...Input) error {
	sums := map[string]*big.Rat{}
	digits := 0 // behind the point, in any number
	err := eachLine(inputs, func(input, line string) error {
		tab := strings.LastIndexByte(line, '\t')
		number, ok := new(big.Rat).SetString(strings.TrimSpace(line[tab+1:]))
		if tab < 0 || !ok {
			return fmt.Errorf("%s: %q is not a key, a TAB and a number", input, line)
		}
		if _, fraction, ok := strings.Cut(line[tab+1:], "."); ok {
			digits = max(digits, len(fraction))
		}
		if sum := sums[line[:tab]]; sum != nil {
			number.Add(number, sum)
		}
		sums[line[:tab]] = number
		return nil
	})
	if err != nil {
		return err
	}
	texts := map[string]string{}
	for key, sum := range sums {
		text := sum.FloatString(digits)
		if digits > 0 {
			text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
		}
		texts[key] = text
	}
	return writeMap(w, texts)
}

// eachLine calls do with each line of the inputs, without its LF.
func eachLine(inputs []Input, do func(input, line string) error) error {
	for _, input := range inputs {
		r := bufio.NewReader(input.Content)
		for {
			line, err := r.ReadString('\n')
			if err != nil && err != io.EOF {
				return fmt.Errorf("read %s: %w", input.Name, err)
			}
			if line != "" {
				if err := do(input.Name, strings.TrimSuffix(line, "\n")); err != nil {
					return err
				}
			}
			if err == io.EOF {
				break
			}
		}
	}
	return nil
}

// words cuts a line at ASCII white space, byte by byte.
func words(line string) []string {
	var found []string
	start := -1
	for i := range len(line) {
		switch line[i] {
		case ' ', '\t', '\n', '\v', '\f', '\r':
			if start >= 0 {
				found = append(found, line[start:i])
			}
			start = -1
		default:
			if start < 0 {
				start = i
			}
		}
	}
	if start >= 0 {
		found = append(found, line[start:])
	}
	return found
}

// writeMap writes keys and values by the bytes of the keys.
func writeMap[V any](w io.Writer, m map[string]V) error {
	out := bufio.NewWriter(w)
	for _, key := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(out, "%s\t%v\n", key, m[key])
	}
	return out.Flush()
}

func writeLines(w io.Writer, lines []string) error {
	out := bufio.NewWriter(w)
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
	return out.Flush()
}
