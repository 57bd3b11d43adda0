package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// launchArg makes this program a launcher: a small fresh process that starts and times one run. The
// kernel counts the memory of the process that starts a program into the program's peak, and the
// bench itself may have held much.
const launchArg = "launch"

// sampleFD is where a launcher writes its sample, as JSON.
const sampleFD = 3

// launch runs a command with our standard streams and gives the exit code.
func launch(args []string) int {
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "launch: nothing to run")
		return 2
	}
	syscall.CloseOnExec(sampleFD)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	s, err := timed(cmd)
	if err != nil {
		fmt.Fprintln(os.Stderr, "launch:", err)
		return 1
	}
	if err := json.NewEncoder(os.NewFile(sampleFD, "sample")).Encode(s); err != nil {
		fmt.Fprintln(os.Stderr, "launch:", err)
		return 1
	}
	return 0
}

// timed runs a command to its end.
func timed(cmd *exec.Cmd) (sample, error) {
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return sample{}, err
	}
	ended, most := make(chan struct{}), make(chan int64)
	go func() { most <- watchMemory(cmd.Process.Pid, ended) }()
	err := cmd.Wait()
	wall := time.Since(start)
	close(ended)
	s := sample{
		Wall: wall, CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), Peak: <-most,
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		single := int64(usage.Maxrss)
		if runtime.GOOS == "linux" {
			single <<= 10 // it counts in KiB
		}
		s.Peak = max(s.Peak, single)
	}
	return s, err
}
