//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fanfold/fanfold/internal/pki"
	"github.com/fanfold/fanfold/internal/proctree"
)

// sitePrefix begins the names of folders and of network namespaces, by which those of a driver that
// was killed are found.
const sitePrefix = "fanfold-chaos-"

// markVariable is in the environment of what a driver starts; its value is the site's folder.
const markVariable = "FANFOLD_CHAOS"

// site is the folder in which a driver has all that it makes.
type site struct {
	dir    string
	binary string       // the command fanfold
	keeper *pki.Keeper  // has the driver's certificate
	lock   *os.File     // held while the driver lives
	next   atomic.Int64 // number of the last cluster
}

// newSite removes what drivers have left that were killed, and makes a folder with the command,
// which it builds where none is given.
func newSite(binary string) (*site, error) {
	if err := sweep(); err != nil {
		return nil, fmt.Errorf("sweep: %w", err)
	}
	dir, err := os.MkdirTemp("", sitePrefix)
	if err != nil {
		return nil, err
	}
	s := &site{dir: dir, binary: filepath.Join(dir, "fanfold")}
	if s.lock, err = lock(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if binary == "" {
		err = s.build()
	} else {
		s.binary, err = filepath.Abs(binary)
	}
	if err := errors.Join(err, s.issue()); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// build builds the command, with the race detector when the driver has it.
func (s *site) build() error {
	args := []string{"build", "-o", s.binary}
	if raced {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "github.com/fanfold/fanfold/cmd/fanfold")...).
		CombinedOutput()
	if err != nil {
		return fmt.Errorf("build fanfold: %w\n%s", err, out)
	}
	return nil
}

// workersMax is how many workers a cluster may have.
const workersMax = 9

// certs is the folder with the certificate of a name.
func (s *site) certs(name string) string { return filepath.Join(s.dir, "tls-"+name) }

// issue makes an authority and the certificates of all who take part.
func (s *site) issue() error {
	now := time.Now()
	authority, err := pki.InitAuthority(s.certs("authority"), now)
	requests := []pki.Request{
		{Role: "coordinator", Name: "coordinator", Hosts: []string{loopback, hostAddress(1)},
			Server: true},
		{Role: "client", Name: "client", Client: true},
	}
	for i := range workersMax {
		requests = append(requests, pki.Request{Role: "worker", Name: workerName(i + 1),
			Hosts: []string{loopback, hostAddress(i + 2)}, Server: true, Client: true})
	}
	for _, r := range requests {
		if err == nil {
			r.From, r.For = now, certificateLife
			_, err = authority.Issue(s.certs(r.Name), r)
		}
	}
	if err != nil {
		return err
	}
	s.keeper, err = pki.Open(pki.In(s.certs("client")), nil)
	return err
}

// certificateLife is longer than any run.
const certificateLife = 30 * 24 * time.Hour

// close removes the folder and whatever is left of it.
func (s *site) close() error {
	return errors.Join(clear(s.dir), s.lock.Close())
}

// lock takes a site's folder; an error that is unix.EWOULDBLOCK: its driver lives.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep clears the sites whose drivers have died.
func sweep() error {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), sitePrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		f, err := lock(dir)
		if err != nil {
			continue // its driver lives, or it is another user's
		}
		if err := errors.Join(clear(dir), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// clear ends the processes of a site, and removes its namespaces, file systems and files.
func clear(dir string) error {
	err := proctree.KillMarked(markVariable + "=" + dir)
	// The task processes of a killed agent end by their shims, or carry the agent's work folder.
	err = errors.Join(err, proctree.KillMarked("FANFOLD_WORK="+dir+"/"))
	return errors.Join(err, removeNamespaces(filepath.Base(dir)), unmount(dir), os.RemoveAll(dir))
}

// unmount takes away the file systems on a folder and below it.
func unmount(dir string) error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		if at := strings.Fields(line)[1]; at == dir || strings.HasPrefix(at, dir+"/") {
			err = errors.Join(err, unix.Unmount(at, unix.MNT_DETACH))
		}
	}
	return err
}
