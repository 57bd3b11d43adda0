//go:build linux

package command

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/fanfold/fanfold"
)

func TestSplit(t *testing.T) {
	tests := []struct {
		line string
		want []string
	}{
		{`tr -s ' ' '\n'`, []string{"tr", "-s", " ", `\n`}},
		{`tr -s " " "\n"`, []string{"tr", "-s", " ", `\n`}},
		{"  a\tb\nc ", []string{"a", "b", "c"}},
		{`awk '{print $1}'`, []string{"awk", "{print $1}"}},
		{`awk "{print \$1}"`, []string{"awk", "{print $1}"}},
		{`sh -c 'a | b > "c d"'`, []string{"sh", "-c", `a | b > "c d"`}},
		{`a''b "" ''`, []string{"ab", "", ""}},
		{`a\ b\"c\\`, []string{"a b\"c\\"}},
		{"a\\\nb \"c\\\nd\"", []string{"ab", "cd"}},
		{`"\a\"\$\\"`, []string{`\a"$\`}},
		{`it\'s "it's"`, []string{"it's", "it's"}},
		{`grep -E \^a\|b`, []string{"grep", "-E", "^a|b"}},
		{`héllo *?[] ~ #x $y {}`, []string{"héllo", "*?[]", "~", "#x", "$y", "{}"}},
	}
	for _, test := range tests {
		got, err := Split(test.line)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, %v, want %q", test.line, got, err, test.want)
		}
	}
	for _, line := range []string{
		"", " ", `'`, `"`, `a "b`, `a 'b`, `\`, `a \`, "a | b", "a > b", "a;b", "a&b", "(a)", "`a`",
	} {
		if got, err := Split(line); fanfold.KindOf(err) != fanfold.KindUsage {
			t.Errorf("%s: got %q, %v, want kind %v", line, got, err, fanfold.KindUsage)
		}
	}
}

func TestSplitUndoesQuote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		argv := rapid.SliceOfN(rapid.String(), 1, 5).Draw(t, "argv")
		got, err := Split(Quote(argv))
		if err != nil || !slices.Equal(got, argv) {
			t.Errorf("got %q, %v, want %q", got, err, argv)
		}
	})
}

// TestSplitLikeAShell compares with sh, for lines in which nothing is to be expanded.
func TestSplitLikeAShell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom(
			[]string{"a", " ", "'", `"`, `\`, "b c", "\t", "é", "-"}), 1, 10).Draw(t, "parts")
		line := "x" + strings.Join(parts, "") + "x"
		script := "set -- " + line + "\nfor w do printf '%s\\0' \"$w\"; done"
		out, shErr := exec.Command("sh", "-c", script).Output()
		got, err := Split(line)
		want := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
		if (err != nil) != (shErr != nil) || (err == nil && !slices.Equal(got, want)) {
			t.Errorf("%s: got %q, %v, want %q, %v", line, got, err, want, shErr)
		}
	})
}
