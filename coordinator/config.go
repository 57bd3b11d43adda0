package coordinator

import (
	"os"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/journal"
	"github.com/fanfold/fanfold/coordinator/scheduler"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/storage"
	"github.com/hashicorp/go-hclog"
)

// Config describes a Server. The zero value of each field means its default.
type Config struct {
	Product string // for the greeting: "fanfold 0.1.0"
	// Token proves peers whose transport does not; nil: such peers are refused.
	Token []byte
	// Storage holds inputs and outputs; nil: jobs have neither inputs by path nor output folders.
	Storage *storage.Mux
	// Journal keeps the events of durable jobs; nil: nobody does. The Server does not close it.
	Journal journal.Journal
	// SpoolDir is where inline inputs go that do not fit in memory; "": os.TempDir().
	SpoolDir string
	// Programs are those of the workers' own image. A Submit without an image that names another
	// is refused. nil: unknown, so every Submit must tell its ProgramInfo.
	Programs map[string]protocol.ProgramInfo
	// Slots is the number of slots to plan for as long as workers offer fewer: those of a worker that
	// is about to join.
	Slots     int
	Epoch     fanfold.Epoch
	Scheduler scheduler.Config // zero: scheduler.DefaultConfig
	Limits    Limits
	Log       hclog.Logger // nil: nothing is logged
}

// complete fills in the defaults.
func (c *Config) complete() {
	if c.Product == "" {
		c.Product = "fanfold"
	}
	if c.Storage == nil {
		c.Storage = &storage.Mux{}
	}
	if c.SpoolDir == "" {
		c.SpoolDir = os.TempDir()
	}
	if c.Scheduler == (scheduler.Config{}) {
		c.Scheduler = scheduler.DefaultConfig
	}
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	c.Limits.complete()
}
