package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/fanfold/fanfold/internal/proctree"
)

// isolates says that this system has PID namespaces.
const isolates = true

// apart starts a shim as the first process of a new PID namespace, which ends with it. It is to
// mount a /proc of that namespace, so it gets a mount namespace too. Who is not root may make both
// in a user namespace, where this user is the only one, and needs a right to mount in the shim.
func apart(attr *syscall.SysProcAttr) {
	attr.Cloneflags = unix.CLONE_NEWPID | unix.CLONE_NEWNS
	if uid, gid := os.Geteuid(), os.Getegid(); uid != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
	}
}

// mountsPropagate reports whether what is mounted later in this mount namespace is seen in one that
// is made of it: the root of the tree must be shared. See proc_pid_mountinfo(5).
func mountsPropagate() bool {
	info, _ := os.ReadFile("/proc/self/mountinfo") // without it, they do not
	shared := false
	for line := range strings.Lines(string(info)) {
		before, _, _ := strings.Cut(line, " - ")
		if fields := strings.Fields(before); len(fields) > 4 && fields[4] == "/" {
			shared = strings.Contains(before, " shared:")
		}
	}
	return shared
}

// isFirst reports whether this shim is the first process of a namespace of its own.
func isFirst() bool { return os.Getpid() == 1 }

// enclose shows this namespace its own processes only, and gives the id that the task process has
// outside. It comes after the start of the task process, which waits for that id: until then /proc
// is the one of the outside.
func enclose() (task int, err error) {
	outside, err := os.Readlink("/proc/self")
	if err != nil {
		return 0, err
	}
	shim, err := strconv.Atoi(outside)
	if err != nil {
		return 0, fmt.Errorf("/proc/self is %q: %w", outside, syscall.ENOSYS)
	}
	children := proctree.Children(shim)
	if len(children) != 1 {
		return 0, fmt.Errorf("the task process is not seen from outside: %w", syscall.ENOSYS)
	}
	// What the host mounts later comes in; what is mounted here does not get out.
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return 0, fmt.Errorf("part from the mounts of the host: %w", err)
	}
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("proc", "/proc", "proc", flags, ""); err != nil {
		return 0, fmt.Errorf("mount /proc: %w", err)
	}
	return children[0], nil
}

// renounce gives up the right that was for enclose, before anything else is started.
func renounce() error {
	err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	if errors.Is(err, unix.EINVAL) {
		return nil // a kernel without such rights
	}
	return err
}
