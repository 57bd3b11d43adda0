package worker

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/worker/process"
)

// lockName is the file that a living agent keeps locked in its directory, and that an agent locks
// in the root while it makes its directory or looks for those of dead ones.
const lockName = "lock"

// hostIDLen is how many bytes of the root's lock are its id.
const hostIDLen = 26

// agentDirName is what an agent names its directory: process id and 32 random bits. Nothing else
// in the root is ever touched.
var agentDirName = regexp.MustCompile(`^[1-9][0-9]*-[0-9a-f]{8}$`)

// DefaultRoot is the folder for the agents of this user: under /var/tmp, because /tmp is often in
// memory.
func DefaultRoot() string {
	return filepath.Join("/var/tmp", "fanfold-"+strconv.Itoa(os.Getuid()))
}

// workDir is the directory of one agent. It lives as long as the agent; one whose lock is free
// belonged to an agent that was killed.
type workDir struct {
	path string
	host string // the id of root: agents that have the same see each other's files
	lock *os.File
}

// openWorkDir makes the directory of an agent below root, and removes what dead agents left there;
// what cannot be removed is logged, and tried again by the next agent.
func openWorkDir(root string, log hclog.Logger) (*workDir, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("work directory: %w", err)
	}
	if err := makeRoot(root); err != nil {
		return nil, err
	}
	gate, err := lockFile(filepath.Join(root, lockName), unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	dead := deadDirs(root)
	d, err := makeWorkDir(root)
	if err == nil {
		d.host, err = hostID(gate)
	}
	err = errors.Join(err, gate.Close())
	for _, old := range dead {
		if err := errors.Join(process.Sweep(old.path), old.remove()); err != nil {
			log.Warn("sweep what a dead agent left", "dir", old.path, "error", err)
		}
	}
	if err != nil && d != nil {
		err = errors.Join(err, d.remove())
	}
	return d, err
}

// hostID reads the id of a root from its lock, which is held; the first agent gives it one.
func hostID(lock *os.File) (string, error) {
	id := make([]byte, hostIDLen)
	n, err := lock.ReadAt(id, 0)
	if n == len(id) {
		return string(id), nil
	}
	if !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read id of work directory: %w", err)
	}
	copy(id, rand.Text())
	if _, err := lock.WriteAt(id, 0); err != nil {
		return "", fmt.Errorf("write id of work directory: %w", err)
	}
	return string(id), nil
}

// makeRoot makes root, or checks that nobody but this user can change what is in it.
func makeRoot(root string) error {
	if err := os.MkdirAll(filepath.Dir(root), 0o700); err != nil {
		return fmt.Errorf("make work directory: %w", err)
	}
	err := os.Mkdir(root, 0o700)
	if err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(root, &st); err != nil {
		return fmt.Errorf("work directory %s: %w", root, err)
	}
	refused := func(why string) error {
		e := fanfold.Errorf(fanfold.KindDenied, "open work directory", "%s %s", root, why)
		e.Hint = "name a directory of mode 0700 that belongs to you (--work-dir)"
		return e
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return refused("is no directory")
	case int(st.Uid) != os.Geteuid():
		return refused("belongs to somebody else")
	case st.Mode&0o077 != 0:
		return refused("is open to others")
	}
	return nil
}

// makeWorkDir makes and locks a new directory; the caller holds the lock of root.
func makeWorkDir(root string) (*workDir, error) {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	path := filepath.Join(root, strconv.Itoa(os.Getpid())+"-"+hex.EncodeToString(random[:]))
	if err := os.Mkdir(path, 0o700); err != nil {
		return nil, fmt.Errorf("make work directory: %w", err)
	}
	lock, err := lockFile(filepath.Join(path, lockName), unix.LOCK_EX|unix.LOCK_NB)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return &workDir{path: path, lock: lock}, nil
}

// deadDirs takes the locks of all directories in root whose agent has gone.
func deadDirs(root string) []*workDir {
	entries, _ := os.ReadDir(root) // an error shows when the new directory is made
	var dead []*workDir
	for _, e := range entries {
		if !e.IsDir() || !agentDirName.MatchString(e.Name()) {
			continue
		}
		path := filepath.Join(root, e.Name())
		lock, err := lockFile(filepath.Join(path, lockName), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			dead = append(dead, &workDir{path: path, lock: lock})
		}
	}
	return dead
}

// remove deletes the directory and then lets go of its lock.
func (d *workDir) remove() error {
	return errors.Join(os.RemoveAll(d.path), d.lock.Close())
}

// lockFile opens a file, making it where needed, and locks it as how says.
func lockFile(name string, how int) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	for {
		err = unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), f.Close())
	}
	return f, nil
}
