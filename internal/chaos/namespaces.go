//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// host is where a process runs: a network namespace of its own, or this one.
type host struct {
	namespace string // "": this one
	address   string
	port      string // of the switch, at which its cable ends
}

// prefix is what a command begins with that is to run there.
func (h host) prefix() []string {
	if h.namespace == "" {
		return nil
	}
	return []string{"ip", "netns", "exec", h.namespace}
}

// isRoot says whether namespaces and file systems can be made.
func isRoot() bool { return os.Geteuid() == 0 }

// network is a switch with hosts, all in namespaces of their own, so that this host's network is
// not touched.
type network struct {
	name  string // of the switch's namespace, and how those of the hosts begin
	hosts []host
}

// hostAddress is that of the i-th host of a network, counted from 1.
func hostAddress(i int) string { return fmt.Sprintf("10.77.0.%d", i) }

// newNetwork makes n hosts that see each other.
func newNetwork(name string, n int) (*network, error) {
	net := &network{name: name}
	err := ip(
		"netns add "+name,
		"-n "+name+" link add sw type bridge",
		"-n "+name+" link set sw up",
	)
	for i := 1; i <= n && err == nil; i++ {
		h := host{
			namespace: fmt.Sprintf("%s-%d", name, i),
			address:   hostAddress(i),
			port:      fmt.Sprintf("p%d", i),
		}
		net.hosts = append(net.hosts, h)
		err = ip(
			"netns add "+h.namespace,
			"-n "+name+" link add "+h.port+" type veth peer name eth0 netns "+h.namespace,
			"-n "+name+" link set "+h.port+" master sw up",
			"-n "+h.namespace+" addr add "+h.address+"/24 dev eth0",
			"-n "+h.namespace+" link set eth0 up",
			"-n "+h.namespace+" link set lo up",
		)
	}
	if err != nil {
		return nil, errors.Join(err, net.close())
	}
	return net, nil
}

// unplug takes a host from the network: nothing passes, and nobody is told.
func (n *network) unplug(h host) error {
	return ip("-n " + n.name + " link set " + h.port + " down")
}

// plug undoes unplug.
func (n *network) plug(h host) error { return ip("-n " + n.name + " link set " + h.port + " up") }

// deafen has what a host sends to another one go nowhere, while it hears that one.
func (n *network) deafen(from, to host) error {
	return ip("-n " + from.namespace + " neigh replace " + to.address +
		" lladdr 02:00:00:00:00:01 dev eth0 nud permanent")
}

// undeafen undoes deafen.
func (n *network) undeafen(from, to host) error {
	return ip("-n " + from.namespace + " neigh del " + to.address + " dev eth0")
}

// throttle limits what a host sends.
func (n *network) throttle(h host, rate string) error {
	return command("tc", "-n", h.namespace, "qdisc", "add", "dev", "eth0", "root", "tbf",
		"rate", rate, "burst", "32kb", "latency", "200ms")
}

func (n *network) close() error { return removeNamespaces(n.name) }

// removeNamespaces removes the namespaces whose names begin so; their cables go with them.
func removeNamespaces(prefix string) error {
	if !isRoot() {
		return nil
	}
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		return fmt.Errorf("list namespaces: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(name, prefix) {
			err = errors.Join(err, ip("netns del "+name))
		}
	}
	return err
}

// ip runs commands of ip(8), up to one that fails.
func ip(commands ...string) error {
	for _, c := range commands {
		if err := command("ip", strings.Fields(c)...); err != nil {
			return err
		}
	}
	return nil
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
