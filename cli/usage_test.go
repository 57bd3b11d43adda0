package cli_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/cli"
	"github.com/fanfold/fanfold/jobs"
)

// usage runs a command line that makes no sense, and gives what it says.
func usage(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := cli.Config{Programs: jobs.All}
	code := cli.Run(t.Context(), c, args, strings.NewReader(""), &stdout, &stderr)
	if code != fanfold.ExitUsage || stdout.Len() > 0 {
		t.Errorf("%q: got exit code %d and stdout %q, want %d and none; stderr:\n%s", args, code,
			&stdout, fanfold.ExitUsage, &stderr)
	}
	if !strings.HasPrefix(stderr.String(), "fanfold: ") {
		t.Errorf("%q: got stderr %q, want a message", args, &stderr)
	}
	return stderr.String()
}

// TestB28BadFlags checks that every subcommand tells what is wrong with its flags, and where to
// find the right ones.
func TestB28BadFlags(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	var help bytes.Buffer
	cli.Run(t.Context(), cli.Config{}, []string{"--help"}, strings.NewReader(""), &help, &help)
	_, list, _ := strings.Cut(help.String(), "Available Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	commands := regexp.MustCompile(`(?m)^  ([a-z]+) `).FindAllStringSubmatch(list, -1)
	if len(commands) < 10 {
		t.Fatalf("found %d subcommands in the help, want more:\n%s", len(commands), &help)
	}
	for _, match := range commands {
		name := match[1]
		if name == "help" || name == "completion" { // they have no flags of ours
			continue
		}
		for _, flag := range []string{"--no-such-flag", "--log-level=loud", "--state-dir"} {
			text := usage(t, name, flag)
			want := "hint: fanfold " + name + " --help lists the flags\n"
			if !strings.HasSuffix(text, want) {
				t.Errorf("%s %s: got %q, want %q at its end", name, flag, text, want)
			}
		}
	}
}

// TestB28BadValues checks values that no flag can have, and arguments that nobody can mean.
func TestB28BadValues(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	tests := []struct{ args, want string }{
		{"run --slots two wordcount -", "two"},
		{"run --slots -1 wordcount -", "-1"},
		{"run --slots 0 wordcount -", "at least one"},
		{"run --sort up wordcount -", "key, value or none"},
		{"run --aggregate most -", "count, sum, min"},
		{"run --progress loud wordcount -", "auto, tty"},
		{"run --deadline soon wordcount -", "soon"},
		{"run --deadline -1s wordcount -", "--deadline"},
		{"run --priority 8 wordcount -", "0 to 7"},
		{"run --top -1 wordcount -", "--top is below zero"},
		{"run --reducers -1 wordcount -", "--reducers"},
		{"run --max-attempts -1 wordcount -", "--max-attempts"},
		{"run --split-size -4K wordcount -", "size"},
		{"run --memory lots wordcount -", "size"},
		{"run --key-fields -1 --mapper cat -", "-1"},
		{"run --reducer cat --aggregate sum -", "aggregate"},
		{"run -p =1 wordcount -", "key=value"},
		{"run --files-from - wordcount -", "standard input"},
		{"submit --coordinator nowhere wordcount -", "nowhere"},
		{"coordinator --listen 9501", "HOST:PORT"},
		{"coordinator --slots -1", "-1"},
		{"coordinator extra", "extra"},
		{"status", "arg"}, {"wait", "arg"}, {"logs", "arg"}, {"cancel", "arg"}, {"attach", "arg"},
		{"jobs extra", "extra"}, {"workers extra", "extra"}, {"stats extra", "extra"},
		{"version extra", "extra"}, {"gen", "no kind"}, {"gen nonsense", "nonsense"},
		{"check", "arg"}, {"check -p =1 -", "key=value"}, {"check -p kye=2 -", `"kye"`},
	}
	for _, tt := range tests {
		args := strings.Fields(tt.args)
		if args[0] != "version" {
			args = append(args, "--state-dir", t.TempDir(), "--log-level", "off")
		}
		if text := usage(t, args...); !strings.Contains(text, tt.want) {
			t.Errorf("%s: got %q, want %q in it", tt.args, text, tt.want)
		}
	}
}
