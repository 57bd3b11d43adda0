package coordinator

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/storage"
	"github.com/fanfold/fanfold/storage/memstore"
)

// cluster is a Server with a fake worker, for tests in a synctest bubble.
type cluster struct {
	t      *testing.T
	server *Server
	store  *memstore.Store
	agent  *fakeAgent
	behave behaviour      // of processes of workers that join from now on; nil: inline
	all    sync.WaitGroup // connections

	processes uint32   // that a slot of workers that join from now on keeps
	labels    []string // of these
	apart     bool     // workers that join from now on are on hosts of their own
	served    sync.Map // what they have for each other, by name and path
	keys      sync.Map // of the tickets for it, by name
}

// wordInfo is what is known of the programs that fake processes run.
var wordInfo = protocol.ProgramInfo{Fold: uint32(fanfold.Count), Combines: true, Reduces: true}

// newCluster starts a Server and a worker with so many slots.
func newCluster(t *testing.T, cfg Config, slots int) *cluster {
	t.Helper()
	c := &cluster{t: t, store: &memstore.Store{}, processes: 4}
	if cfg.Storage == nil {
		cfg.Storage = &storage.Mux{}
		cfg.Storage.Handle("", c.store)
	}
	if cfg.Programs == nil {
		cfg.Programs = map[string]protocol.ProgramInfo{
			"words": wordInfo, "lines": {}, "sort": {Reduces: true, Reducers: 1},
		}
	}
	cfg.SpoolDir = t.TempDir()
	c.server = New(cfg)
	t.Cleanup(c.close)
	c.agent = c.join("w1", slots)
	return c
}

func (c *cluster) close() {
	if err := c.server.Close(); err != nil {
		c.t.Errorf("close: %v", err)
	}
	c.all.Wait()
}

// attach connects a peer with an identity that may be everything.
func (c *cluster) attach(name string) *protocol.Conn {
	ours, theirs := protocol.Pair()
	c.all.Go(func() {
		// How it ended is for the tests that look at their own end.
		_ = c.server.Attach(context.Background(), theirs, protocol.Identity{Name: name})
	})
	return ours
}

// client logs in as somebody.
func (c *cluster) client(name string) *client.Client {
	c.t.Helper()
	cl, err := client.New(c.t.Context(), c.attach(name), client.Config{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.all.Go(func() { <-c.t.Context().Done(); cl.Close() })
	return cl
}

// join starts a fake worker, whose processes are there when it returns.
func (c *cluster) join(name string, slots int) *fakeAgent {
	c.t.Helper()
	a := newFakeAgent(c, name, slots)
	synctest.Wait()
	return a
}

// run submits a job for inline text and gives its reply.
func (c *cluster) run(
	cl *client.Client, job fanfold.Job, text string,
) (string, client.Summary, error) {
	c.t.Helper()
	r, err := cl.Submit(c.t.Context(), client.Submission{Job: job, Stdin: strings.NewReader(text)})
	if err != nil {
		return "", client.Summary{}, err
	}
	out, err := io.ReadAll(r)
	s, err2 := r.Wait()
	if err == nil {
		err = err2
	}
	return string(out), s, err
}
