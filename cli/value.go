package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/worker/process"
)

// size is a flag value in bytes: a number with an optional unit, as in 64MiB, 64M or 1.5GB.
type size int64

// units are binary, but for those that end in a plain B behind a letter, as the SI has them.
var units = map[string]float64{
	"": 1, "B": 1,
	"K": 1 << 10, "KIB": 1 << 10, "KB": 1e3,
	"M": 1 << 20, "MIB": 1 << 20, "MB": 1e6,
	"G": 1 << 30, "GIB": 1 << 30, "GB": 1e9,
	"T": 1 << 40, "TIB": 1 << 40, "TB": 1e12,
}

func (s *size) Set(text string) error {
	digits := strings.TrimRight(text, "KkMmGgTtIiBb ")
	unit, ok := units[strings.ToUpper(strings.TrimSpace(text[len(digits):]))]
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !ok || n < 0 || n*unit > math.MaxInt64/2 {
		return fmt.Errorf("want a size such as 64MiB, not %q", text)
	}
	*s = size(n * unit)
	return nil
}

func (s *size) String() string {
	if *s == 0 {
		return "0" // which a help text does not name as a default
	}
	return formatBytes(int64(*s))
}
func (s *size) Type() string { return "size" }

// formatBytes writes n with the largest binary unit that keeps at least one digit before the point.
func formatBytes(n int64) string {
	const names = "KMGTPE"
	if n < 1<<10 {
		return strconv.FormatInt(n, 10) + "B"
	}
	value, i := float64(n)/(1<<10), 0
	for ; value >= 1<<10 && i < len(names)-1; i++ {
		value /= 1 << 10
	}
	text := strings.TrimSuffix(strconv.FormatFloat(value, 'f', 1, 64), ".0")
	return text + names[i:i+1] + "iB"
}

// isolate is the flag value of --isolate.
type isolate string

const (
	isolateAuto   isolate = "auto" // where mounts of the host still reach task processes
	isolateAlways isolate = "always"
	isolateNever  isolate = "never"
)

func (i *isolate) Set(text string) error {
	switch isolate(text) {
	case isolateAuto, isolateAlways, isolateNever:
		*i = isolate(text)
		return nil
	}
	return fmt.Errorf("want auto, always or never, not %q", text)
}

func (i *isolate) String() string { return string(*i) }
func (i *isolate) Type() string   { return "when" }

// wanted is what a worker is to ask for.
func (i isolate) wanted() *process.Isolation {
	if i == isolateNever {
		return nil
	}
	return &process.Isolation{Always: i == isolateAlways}
}

// order is the flag value of --sort.
type order fanfold.Order

func (o *order) Set(text string) error {
	for _, known := range []fanfold.Order{fanfold.SortKey, fanfold.SortValue, fanfold.SortNone} {
		if known.String() == text {
			*o = order(known)
			return nil
		}
	}
	return fmt.Errorf("want key, value or none, not %q", text)
}

func (o *order) String() string {
	if fanfold.Order(*o) == fanfold.SortDefault {
		return ""
	}
	return fanfold.Order(*o).String()
}
func (o *order) Type() string { return "key|value|none" }

// choice is a flag value that is one of several words. One with a colon is followed by a number.
type choice struct {
	value string
	words []string
}

func (c *choice) Set(text string) error {
	for _, word := range c.words {
		name, _, more := strings.Cut(word, ":")
		if word == text || more && strings.HasPrefix(text, name+":") {
			c.value = text
			return nil
		}
	}
	return fmt.Errorf("want one of %s, not %q", strings.Join(c.words, ", "), text)
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.words, "|") }
