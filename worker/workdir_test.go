package worker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/fanfold/fanfold"
)

func TestWorkDirIsMadeAndRemoved(t *testing.T) {
	root := filepath.Join(t.TempDir(), "a", "work")
	d, err := openWorkDir(root, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{root, d.path} {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v, error %v", dir, info.Mode(), err)
		}
	}
	if !agentDirName.MatchString(filepath.Base(d.path)) {
		t.Errorf("the directory is named %s", filepath.Base(d.path))
	}
	if err := d.remove(); err != nil {
		t.Fatal(err)
	}
	if names := entries(t, root); names != lockName {
		t.Errorf("what is left: %s", names)
	}
}

func TestWorkDirSweepsDeadAgents(t *testing.T) {
	root := filepath.Join(t.TempDir(), "work")
	log := hclog.NewNullLogger()
	alive, err := openWorkDir(root, log)
	if err != nil {
		t.Fatal(err)
	}
	dead, err := openWorkDir(root, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dead.path, "spill"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = dead.lock.Close() // as the kernel does for an agent that was killed
	for _, name := range []string{"mine", "12-and-more"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	next, err := openWorkDir(root, log)
	if err != nil {
		t.Fatal(err)
	}
	got := entries(t, root)
	wanted := []string{
		filepath.Base(alive.path), filepath.Base(next.path), "mine", "12-and-more",
	}
	for _, want := range wanted {
		if !strings.Contains(got, want) {
			t.Errorf("%s has gone", want)
		}
	}
	if strings.Contains(got, filepath.Base(dead.path)) {
		t.Error("the directory of the dead agent is still there")
	}
	for _, d := range []*workDir{alive, next} {
		if err := d.remove(); err != nil {
			t.Error(err)
		}
	}
}

func TestWorkDirRefusesAnUnsafeRoot(t *testing.T) {
	tests := []struct {
		name string
		make func(root string) error
		why  string
	}{
		{"open to others", func(root string) error { return os.Mkdir(root, 0o755) }, "open to others"},
		{"file", func(root string) error { return os.WriteFile(root, nil, 0o600) }, "no directory"},
		{"link", func(root string) error { return os.Symlink(t.TempDir(), root) }, "no directory"},
	}
	if os.Geteuid() == 0 {
		tests = append(tests, struct {
			name string
			make func(root string) error
			why  string
		}{"of another", func(root string) error {
			if err := os.Mkdir(root, 0o700); err != nil {
				return err
			}
			return os.Chown(root, 12345, 12345)
		}, "somebody else"})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := filepath.Join(t.TempDir(), "work")
			if err := tt.make(root); err != nil {
				t.Fatal(err)
			}
			_, err := openWorkDir(root, hclog.NewNullLogger())
			if fanfold.KindOf(err) != fanfold.KindDenied || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("got %v, want %q", err, tt.why)
			}
		})
	}
}

// entries lists the names in dir.
func entries(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}
