//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/internal/oracle"
)

const (
	memory = 16 << 20 // of a slot

	// besideMax is what a process may have resident beside the memory of its slot, as
	// docs/architecture.md says: records of ordinary size do not count.
	besideMax = 96 << 20

	// recordTimes is how many times a process may hold its largest record beside that.
	recordTimes = 8
)

// load is a job and its input.
type load struct {
	name   string
	job    fanfold.Job
	lines  int
	write  func(w io.Writer, i int) // line i
	want   func(w io.Writer, in ...oracle.Input) error
	record int64 // bytes of the largest one, where it is large
	fits   bool  // nothing need be spilled
}

// loads are those that programs which hold what they read do not survive.
func loads() []load {
	random := rand.New(rand.NewPCG(5, 6))
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	return []load{
		{
			name: "distinct words", job: fanfold.Job{Program: "wordcount"}, lines: 150_000,
			write: func(w io.Writer, _ int) {
				fmt.Fprintf(w, "%x %x %x %x\n",
					random.Uint64(), random.Uint64(), random.Uint64(), random.Uint64())
			},
			want: oracle.WordCount,
		},
		{
			name: "one hot key", job: fanfold.Job{Program: "sort"}, lines: 1_000_000,
			write: func(w io.Writer, i int) {
				if i%10 == 0 {
					fmt.Fprintf(w, "%d\n", random.Uint64())
				} else {
					io.WriteString(w, "the same line nine times in ten, as it were\n")
				}
			},
			want: oracle.Sort,
		},
		{
			name: "more reducers than keys", lines: 300_000,
			job:   fanfold.Job{Program: "count", Reducers: 50},
			write: func(w io.Writer, i int) { fmt.Fprintf(w, "key %d\n", i%3) },
			want:  oracle.Count, fits: true,
		},
		{
			name: "values of one key", lines: 100_000,
			job: fanfold.Job{Program: fanfold.CommandProgram, Command: &fanfold.Command{
				Mapper: []string{"sed", "s/^/key\t/"}, Reducer: []string{"wc", "-l"},
			}},
			write: func(w io.Writer, i int) { fmt.Fprintf(w, "%0300d\n", i) },
			want: func(w io.Writer, _ ...oracle.Input) error {
				_, err := io.WriteString(w, "100000\n")
				return err
			},
			fits: true, // its splits are small
		},
		{
			name: "large records", job: fanfold.Job{Program: "sort"}, lines: 6,
			write: func(w io.Writer, i int) { fmt.Fprintf(w, "%s%d\n", large, 9-i) },
			want:  oracle.Sort, record: 16 << 20,
		},
	}
}

// TestI9X12R50ResidentMemory holds that a task process keeps to its memory, whatever the records
// are like, by what the kernel says, and that the outputs are right.
func TestI9X12R50ResidentMemory(t *testing.T) {
	for _, l := range loads() {
		t.Run(l.name, func(t *testing.T) { l.run(t) })
	}
}

func (l load) run(t *testing.T) {
	name := filepath.Join(t.TempDir(), "input")
	var content, want bytes.Buffer
	for i := range l.lines {
		l.write(&content, i)
	}
	if err := os.WriteFile(name, content.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.want(&want, oracle.Input{Name: name, Content: &content}); err != nil {
		t.Fatal(err)
	}
	h := newHost(t)
	l.job.Inputs, l.job.Memory = []string{name}, memory
	got, summary := h.run(l.job)
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%d bytes of output differ from the %d that they must be: %.60q, %.60q",
			len(got), want.Len(), got, want.String())
	}
	if spills(summary) == 0 && !l.fits {
		t.Error("vacuous: nothing was spilled")
	}
	peak, most := h.peak(), memory+besideMax+recordTimes*l.record
	t.Logf("%d MiB resident, %d spills", peak>>20, spills(summary))
	if peak > most {
		t.Errorf("%d MiB were resident, want %d at most", peak>>20, most>>20)
	}
}

// TestR45X13DiskFull has jobs run out of space, and of inodes, in their work folder.
func TestR45X13DiskFull(t *testing.T) {
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	input := filepath.Join(t.TempDir(), "input")
	var content bytes.Buffer
	for i := range 300_000 {
		fmt.Fprintf(&content, "%d\n", i*7919)
	}
	if err := os.WriteFile(input, content.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	in := oracle.Input{Name: input, Content: bytes.NewReader(content.Bytes())}
	if err := oracle.Count(&want, in); err != nil {
		t.Fatal(err)
	}
	const command = `"$1" run -q --memory 1MiB --slots 1 --reducers 1 --work-dir work/it `
	// The first attempt meets a full disk, and the second gives the space back.
	const freeing = `sh -c 'if [ -e met ]; then rm -f work/filler; else : > met; fi; cat'`
	tests := []struct{ name, mount, script, want string }{
		{"no space", "size=1m", command + `count "$2"`, "no space left on device"},
		{"no inodes", "nr_inodes=9", command + `count "$2"`, "no space left on device"},
		{
			"space returns", "size=32m", `head -c 31000000 /dev/zero > work/filler; ` + command +
				`--mapper "` + freeing + `" --aggregate count "$2"; [ -e met ] || echo vacuous`, "",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd := ownMounts(t, "mkdir work && mount -t tmpfs -o "+tt.mount+" none work || exit 99\n"+
				tt.script+"\ncode=$?; ls -R work >&2; exit $code", program, input)
			cmd.Dir = t.TempDir()
			var stdout, stderr strings.Builder
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			code := cmd.ProcessState.ExitCode()
			switch {
			case code < 0 || code == 99:
				t.Skipf("no tmpfs can be mounted here: %v, %s", err, stderr.String())
			case tt.want == "" && (code != 0 || stdout.String() != want.String()):
				t.Errorf("exit code %d, %d bytes, want 0 and %d; stderr:\n%s",
					code, stdout.Len(), want.Len(), stderr.String())
			case tt.want != "" && (code != 1 || !strings.Contains(stderr.String(), tt.want)):
				t.Errorf("exit code %d, want 1 and %q; stderr:\n%s", code, tt.want, stderr.String())
			case tt.want != "" && stdout.Len() > 0:
				t.Errorf("%d bytes were printed by a job that failed", stdout.Len())
			}
			if !strings.HasSuffix(stderr.String(), "work:\nit\n\nwork/it:\nlock\n") {
				t.Errorf("something is left; stderr:\n%s", stderr.String())
			}
		})
	}
}
