package cli

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/fanfold/fanfold"
)

// DefaultAddress is where a coordinator listens, and where clients look when there is no socket.
const DefaultAddress = "127.0.0.1:9501"

const (
	socketName = "coordinator.sock"
	tokenName  = "token"
	lockName   = "lock"
	tokenBytes = 32
	socketMax  = 107 // bytes of a Unix socket's path, by the kernel's struct sockaddr_un
)

// stateDir is the folder of a coordinator's socket and token: the flag's, or the user's default.
func stateDir(flag string) (string, error) {
	if flag != "" {
		return filepath.Abs(flag)
	}
	if base := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "fanfold"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", usagef("find the state directory", "%w; give --state-dir", err)
	}
	return filepath.Join(home, ".local", "state", "fanfold"), nil
}

// openStateDir makes the folder, of mode 0700, and takes its lock: one coordinator for each. The
// lock is held until the file is closed.
func openStateDir(dir string) (*os.File, error) {
	if len(filepath.Join(dir, socketName)) > socketMax {
		return nil, usagef("open state directory", "%s: too long for a Unix socket; "+
			"give a shorter --state-dir", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open state directory: %w", err)
	}
	if err := checkPrivate(dir); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open state directory: %w", err)
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return lock, nil
	}
	lock.Close()
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("lock state directory %s: %w", dir, err)
	}
	busy := fanfold.Errorf(fanfold.KindExists, "open state directory",
		"%s: another coordinator is using it", dir)
	busy.Hint = "stop it, or give this one a --state-dir of its own"
	return nil, busy
}

// checkPrivate refuses a folder that others could reach: what lies in it proves who somebody is.
func checkPrivate(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("open state directory: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) != os.Getuid() || info.Mode().Perm()&0o077 != 0 {
		return fanfold.Errorf(fanfold.KindDenied, "open state directory",
			"%s: must belong to you and be closed to others (chmod 700)", dir)
	}
	return nil
}

// makeToken writes a new token for those who connect by TCP, and returns it.
func makeToken(file string) ([]byte, error) {
	token := make([]byte, tokenBytes)
	rand.Read(token)
	text := hex.EncodeToString(token) + "\n"
	fresh := file + ".new" // whoever reads the file finds all of it, or the one before
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("replace token: %w", err)
	}
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write token: %w", err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(fresh, file)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write token: %w", err), os.Remove(fresh))
	}
	return token, nil
}

// isLoopback reports whether only this host can reach an address.
func isLoopback(address string) (bool, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false, usagef("listen", "%w; want HOST:PORT", err)
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback(), nil
}
