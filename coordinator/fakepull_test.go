package coordinator

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// newApart starts a Server and workers w1 and w2, each on a host of its own. They leave outputs in
// files, and what they are told to pull they have at once.
func newApart(t *testing.T, slots int) (c *cluster, w2 *fakeAgent) {
	c = newCluster(t, Config{}, 0)
	c.agent.leave()
	<-c.agent.ended
	synctest.Wait() // the coordinator knows
	c.apart, c.behave = true, inFile
	c.agent = c.join("w1", slots)
	return c, c.join("w2", slots)
}

// pull keeps a Pull, and answers those of an attempt when the last has come. a.mu is held.
func (a *fakeAgent) pull(m *protocol.Pull) {
	list := append(a.pulls[m.Attempt], *m)
	a.pulls[m.Attempt] = list
	if !m.Last {
		return
	}
	answer := &protocol.Pulled{Attempt: m.Attempt}
	if a.onPull != nil {
		answer = a.onPull(list)
	}
	for i := 0; answer != nil && len(answer.Failure) == 0 && i < len(list); i++ {
		if !a.fetch(&list[i]) {
			answer = cannotPull(&list[i], fanfold.KindNotFound)
		}
	}
	if answer != nil {
		a.control.Send(answer)
	}
}

// fetch has what a Pull names, if the worker is there that has it.
func (a *fakeAgent) fetch(m *protocol.Pull) bool {
	parts, ok := a.c.served.Load(m.Worker + ":" + m.Path)
	if !ok || m.Worker == a.name || m.Address != m.Worker+":9502" {
		a.c.t.Errorf("%s was told to pull %s from %s at %s", a.name, m.Path, m.Worker, m.Address)
		return false
	}
	f := protocol.Fetch{Path: m.Path, Part: m.Part, Ticket: m.Ticket}
	if key, ok := a.c.keys.Load(m.Worker); !ok || !f.Grants(key.([]byte)) {
		a.c.t.Errorf("the ticket for %s is not one for %s", m.Path, m.Worker)
	}
	a.files[m.To] = parts.([][]byte)
	return true
}

// cannotPull is the answer of a worker that cannot have what a Pull names.
func cannotPull(m *protocol.Pull, kind fanfold.Kind) *protocol.Pulled {
	why := protocol.FromError(fanfold.Errorf(kind, "fetch segment", "it cannot be had"))
	return &protocol.Pulled{Attempt: m.Attempt, Lost: m.Task, Failure: []protocol.Failure{why}}
}

// fetchFrom has the file of a Source that another worker on this host has.
func (a *fakeAgent) fetchFrom(s protocol.Source) {
	a.c.served.Range(func(key, parts any) bool {
		if strings.HasSuffix(key.(string), ":"+s.Path) {
			a.files[s.Path] = parts.([][]byte)
		}
		return true
	})
}
