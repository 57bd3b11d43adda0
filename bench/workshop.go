package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// module is the path of the module whose programs are built.
const module = "github.com/fanfold/fanfold"

// killWait is how long an interrupted run may take to end after SIGTERM.
const killWait = 5 * time.Second

// workshop builds programs, makes inputs and measures runs.
type workshop struct {
	temp  string    // a folder for this process
	cache string    // a folder for inputs that are worth keeping
	log   io.Writer // where it says what takes so long
}

// build builds a command of the module and gives its path.
func (b *workshop) build(ctx context.Context, pkg string) (string, error) {
	out := filepath.Join(b.temp, path.Base(pkg))
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, module+"/"+pkg)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, text)
	}
	return out, nil
}

// cached gives the path of a file that write makes, unless it was made before.
func (b *workshop) cached(name string, write func(io.Writer) error) (string, error) {
	file := filepath.Join(b.cache, name)
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	fmt.Fprintf(b.log, "making %s\n", file)
	f, err := os.CreateTemp(b.cache, ".new-")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name()) // of no effect once it is renamed
	defer f.Close()
	buffered := bufio.NewWriterSize(f, 1<<20)
	if err := write(buffered); err != nil {
		return "", err
	}
	if err := buffered.Flush(); err != nil {
		return "", err
	}
	return file, os.Rename(f.Name(), file)
}

// measure runs a contestant once and checks its output.
func (b *workshop) measure(ctx context.Context, c contestant) (sample, error) {
	var s sample
	self, err := os.Executable()
	if err != nil {
		return s, err
	}
	output, err := os.Create(filepath.Join(b.temp, "output"))
	if err != nil {
		return s, err
	}
	defer output.Close()
	samples, theirs, err := os.Pipe()
	if err != nil {
		return s, err
	}
	defer samples.Close()
	var talk bytes.Buffer
	cmd := exec.CommandContext(ctx, self, append([]string{launchArg}, c.args...)...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = output, &talk, []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that all of it can be stopped
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = killWait
	err = cmd.Run()
	theirs.Close()
	if err != nil {
		return s, fmt.Errorf("run %s: %w\n%s", strings.Join(c.args, " "), err, talk.Bytes())
	}
	if err := json.NewDecoder(samples).Decode(&s); err != nil {
		return s, fmt.Errorf("read the sample: %w", err)
	}
	if c.measured != nil {
		text, err := os.ReadFile(output.Name())
		if err != nil {
			return s, err
		}
		err = c.measured(text, &s)
		return s, err
	}
	return s, check(c, output.Name())
}

// versions asks each contestant that competes for its version.
func (b *workshop) versions(ctx context.Context, contestants []contestant) []string {
	var lines []string
	for _, c := range contestants {
		if c.missing != "" || c.version == nil {
			continue
		}
		// Some print it and fail.
		text, _ := exec.CommandContext(ctx, c.version[0], c.version[1:]...).CombinedOutput()
		line, _, _ := strings.Cut(strings.TrimLeft(string(text), "\n"), "\n")
		lines = append(lines, c.name+": "+strings.TrimSpace(line))
	}
	return lines
}
