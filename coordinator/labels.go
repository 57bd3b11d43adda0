package coordinator

import (
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator/scheduler"
)

// labels are those of a job or a worker for the scheduler: it only compares them.
func labels(texts []string) (list []scheduler.Label) {
	for _, text := range texts {
		list = append(list, scheduler.Label(xxhash.Sum64String(text)))
	}
	return list
}

// labels are what a job may require of a worker: its names, and those that it has joined with. It
// does not give itself another name.
func (w *worker) labels() []string {
	list := []string{"host=" + w.peer.hello.Host, "worker=" + w.name()}
	for _, label := range w.peer.hello.Offer.Labels {
		if key, _, _ := strings.Cut(label, "="); key != "host" && key != "worker" {
			list = append(list, label)
		}
	}
	return list
}

// serves reports whether a worker has all labels that a job requires.
func (w *worker) serves(j *job) bool {
	have := w.labels()
	return !slices.ContainsFunc(j.spec.Labels, func(label string) bool {
		return !slices.Contains(have, label)
	})
}

// statusOf is what a job says of itself, or that no worker may run it.
func (o *owner) statusOf(j *job) string {
	if len(j.spec.Labels) == 0 {
		return j.status
	}
	for _, w := range o.workers {
		if w.serves(j) {
			return j.status
		}
	}
	return "waits for a worker with " + strings.Join(j.spec.Labels, ", ")
}

// near is a worker on one of the hosts that have a split's input near; 0: there is none. Where
// there are several, splits take turns.
func (o *owner) near(hosts []string, split uint32) fanfold.WorkerID {
	if len(hosts) == 0 {
		return 0
	}
	var on []fanfold.WorkerID
	for _, w := range o.workers {
		if slices.Contains(hosts, w.peer.hello.Host) {
			on = append(on, w.id)
		}
	}
	if len(on) == 0 {
		return 0
	}
	slices.Sort(on)
	return on[int(split)%len(on)]
}
