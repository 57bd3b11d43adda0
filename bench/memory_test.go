package main

import (
	"os"
	"os/exec"
	"testing"
)

// TestTreeMemory holds that the memory of children counts.
func TestTreeMemory(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc")
	}
	cat := exec.Command("sh", "-c", "cat; true") // a child and its child
	in, err := cat.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cat.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	in.Write([]byte("x"))
	out.Read(make([]byte, 1)) // cat runs
	alone, tree := treeMemory(cat.Process.Pid), treeMemory(os.Getpid())
	in.Close()
	if err := cat.Wait(); err != nil {
		t.Error(err)
	}
	if self := treeMemory(os.Getpid()); alone <= 0 || tree <= alone || self <= 0 || self >= tree {
		t.Errorf("a shell and its child have %d bytes, this process %d, all %d", alone, self, tree)
	}
}
