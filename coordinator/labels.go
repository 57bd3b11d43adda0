package coordinator

import (
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/fanfold/fanfold/coordinator/scheduler"
)

// labels are those of a job or a worker for the scheduler: it only compares them.
func labels(texts []string) (list []scheduler.Label) {
	for _, text := range texts {
		list = append(list, scheduler.Label(xxhash.Sum64String(text)))
	}
	return list
}

// labels are what a job may require of a worker: its names too.
func (w *worker) labels() []string {
	return []string{"host=" + w.peer.hello.Host, "worker=" + w.name()}
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
