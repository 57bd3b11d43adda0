package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/cli"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/internal/oracle"
	"github.com/fanfold/fanfold/jobs"
)

// site is where the commands of one test run: in this process, with task processes of their own.
type site struct {
	t    *testing.T
	work string // the work directory
}

// newSite makes a work directory. When the test has ended, nothing may be left: no file in it, no
// process with its mark, no goroutine.
func newSite(t *testing.T) *site {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	s := &site{t: t, work: filepath.Join(t.TempDir(), "work")}
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		s.checkEmpty()
		goleak.VerifyNone(t, before)
	})
	return s
}

func (s *site) checkEmpty() {
	s.t.Helper()
	left, err := filepath.Glob(filepath.Join(s.work, "*"))
	if err != nil {
		s.t.Error(err)
	}
	for _, path := range left {
		if filepath.Base(path) != "lock" {
			s.t.Errorf("%s is left", path)
		}
	}
	environs, err := filepath.Glob("/proc/[0-9]*/environ") // none where there is no /proc
	if err != nil {
		s.t.Error(err)
	}
	for _, path := range environs {
		env, _ := os.ReadFile(path) // of other users, and of those that have ended: none
		if bytes.Contains(env, []byte("FANFOLD_WORK="+s.work)) {
			s.t.Errorf("process %s is left", filepath.Base(filepath.Dir(path)))
		}
	}
}

// outcome is what came of a command.
type outcome struct {
	code           int
	stdout, stderr string
}

// fanfold runs a command line to its end.
func (s *site) fanfold(stdin io.Reader, args ...string) outcome {
	s.t.Helper()
	var out bytes.Buffer
	o := s.fanfoldTo(&out, stdin, args...)
	o.stdout = out.String()
	return o
}

// fanfoldTo runs a command line with a standard output of its own.
func (s *site) fanfoldTo(stdout io.Writer, stdin io.Reader, args ...string) outcome {
	var stderr bytes.Buffer
	c := cli.Config{Programs: jobs.All}
	code := cli.Run(s.t.Context(), c, args, stdin, stdout, &stderr)
	return outcome{code: code, stderr: stderr.String()}
}

// silent gives what a command printed, and wants that it has succeeded without a word.
func (s *site) silent(o outcome, args []string) string {
	s.t.Helper()
	if o.code != 0 || o.stderr != "" {
		s.t.Fatalf("%q: exit code %d, want 0 and silence; stderr:\n%s", args, o.code, o.stderr)
	}
	return o.stdout
}

// run runs `fanfold run -q ARGS` and wants it to succeed without a word.
func (s *site) run(args ...string) string {
	s.t.Helper()
	args = append([]string{"run", "-q", "--work-dir", s.work}, args...)
	return s.silent(s.fanfold(nil, args...), args)
}

// cluster is a coordinator with task processes, and one client of it.
type cluster struct {
	*site
	state  string // the state directory
	client *client.Client
}

// newCluster starts a coordinator, which the test's end ends.
func newCluster(t *testing.T, slots int) *cluster {
	t.Helper()
	c := &cluster{site: newSite(t), state: filepath.Join(t.TempDir(), "s")}
	r, w := io.Pipe()
	ctx, stop := context.WithCancel(context.Background())
	var code int
	var printed bytes.Buffer
	var both sync.WaitGroup
	listening := make(chan struct{}) // closed when it serves, or has ended
	both.Go(func() {
		args := []string{"coordinator", "--listen", "127.0.0.1:0", "--slots", fmt.Sprint(slots),
			"--state-dir", c.state, "--work-dir", c.work}
		code = cli.Run(ctx, cli.Config{Programs: jobs.All}, args, strings.NewReader(""), w, w)
		w.Close()
	})
	both.Go(func() {
		lines := bufio.NewReader(r)
		for range 2 {
			line, _ := lines.ReadString('\n')
			if !strings.Contains(line, "listening on") {
				printed.WriteString(line)
			}
		}
		close(listening)
		io.Copy(&printed, lines)
	})
	t.Cleanup(func() {
		if c.client != nil {
			c.client.Close()
		}
		stop()
		both.Wait()
		if code != 0 || printed.Len() > 0 {
			t.Errorf("coordinator: exit code %d, want 0 and silence; it printed:\n%s", code, &printed)
		}
	})
	<-listening
	c.client = c.dial()
	return c
}

// dial connects to the coordinator's socket.
func (c *cluster) dial() *client.Client {
	c.t.Helper()
	to := client.Config{Address: filepath.Join(c.state, "coordinator.sock")}
	conn, err := client.Dial(c.t.Context(), to)
	if err != nil {
		c.t.Fatal(err)
	}
	return conn
}

// submit runs a job through the cluster's client and wants it to succeed. Stdin may be nil.
func (c *cluster) submit(job fanfold.Job, stdin io.Reader) ([]byte, client.Summary) {
	c.t.Helper()
	reply, summary, err := submitTo(c.t.Context(), c.client, job, stdin)
	if err != nil {
		c.t.Fatalf("%s %q: %v", job.Program, job.Inputs, err)
	}
	return reply, summary
}

// submitted runs `fanfold submit -q ARGS` through the cluster.
func (c *cluster) submitted(stdin io.Reader, args ...string) outcome {
	c.t.Helper()
	return c.fanfold(stdin, append([]string{"submit", "-q", "--state-dir", c.state}, args...)...)
}

// succeeds runs `fanfold submit -q ARGS` and wants it to succeed without a word.
func (c *cluster) succeeds(stdin io.Reader, args ...string) string {
	c.t.Helper()
	return c.silent(c.submitted(stdin, args...), args)
}

// submitTo runs a job of the workers' own programs.
func submitTo(
	ctx context.Context, c *client.Client, job fanfold.Job, stdin io.Reader,
) ([]byte, client.Summary, error) {
	r, err := c.Submit(ctx, client.Submission{Job: job, Stdin: stdin})
	if err != nil {
		return nil, client.Summary{}, err
	}
	reply, _ := io.ReadAll(r) // Wait has the error
	summary, err := r.Wait()
	return reply, summary, err
}

// counter gives a counter of a job.
func counter(s client.Summary, group, name string) int64 {
	for _, c := range s.Counters {
		if c.Group == group && c.Name == name {
			return c.N
		}
	}
	return 0
}

// text is an input of a job and of the oracle.
type text struct{ name, content string }

// builtIn is a built-in job: its parameters, and what the oracle says.
type builtIn struct {
	name   string
	params map[string]string
	oracle func(io.Writer, ...oracle.Input) error
}

// matches is what grep looks for.
const matches = `[aeiou]{2}|\x00|^$`

// builtIns are all jobs that come with Fanfold.
var builtIns = []builtIn{
	{name: "count", oracle: oracle.Count},
	{name: "distinct", oracle: oracle.Distinct},
	{"grep", map[string]string{"pattern": matches}, grepOracle(matches)},
	index,
	{name: "sort", oracle: oracle.Sort},
	{name: "sum", oracle: oracle.Sum},
	wordCount,
}

var (
	index     = builtIn{name: "index", oracle: oracle.Index}
	wordCount = builtIn{name: "wordcount", oracle: oracle.WordCount}
	// everyLine is a map-only job that gives back what it reads.
	everyLine = builtIn{"grep", map[string]string{"pattern": ""}, grepOracle("")}
)

// builtInNamed finds a built-in job.
func builtInNamed(name string) builtIn {
	i := slices.IndexFunc(builtIns, func(b builtIn) bool { return b.name == name })
	return builtIns[i]
}

func grepOracle(pattern string) func(io.Writer, ...oracle.Input) error {
	return func(w io.Writer, in ...oracle.Input) error {
		return oracle.Grep(w, regexp.MustCompile(pattern), in...)
	}
}

// want is what the oracle says of a job.
func (b builtIn) want(t *testing.T, inputs ...text) []byte {
	t.Helper()
	in := make([]oracle.Input, 0, len(inputs))
	for _, i := range inputs {
		in = append(in, oracle.Input{Name: i.name, Content: strings.NewReader(i.content)})
	}
	var out bytes.Buffer
	if err := b.oracle(&out, in...); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// write makes a file of each text in a new folder, and gives them the names of the files.
func write(t *testing.T, texts ...text) []text {
	t.Helper()
	dir := t.TempDir()
	written := make([]text, 0, len(texts))
	for _, f := range texts {
		f.name = filepath.Join(dir, f.name)
		if err := os.MkdirAll(filepath.Dir(f.name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.name, []byte(f.content), 0o600); err != nil {
			t.Fatal(err)
		}
		written = append(written, f)
	}
	return written
}

func names(texts []text) []string {
	list := make([]string, 0, len(texts))
	for _, f := range texts {
		list = append(list, f.name)
	}
	return list
}

// around is how many bytes before and behind a difference are shown.
const around = 40

// equal compares bytes and shows where they part.
func equal[B []byte | string](t *testing.T, what string, got B, want []byte) {
	t.Helper()
	if bytes.Equal([]byte(got), want) {
		return
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	near := func(s string) string { return s[max(0, at-around):min(len(s), at+around)] }
	t.Errorf("%s: got %d bytes, want %d; at byte %d got %q, want %q",
		what, len(got), len(want), at, near(string(got)), near(string(want)))
}
