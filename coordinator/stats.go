package coordinator

import (
	"cmp"
	"slices"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
)

// stats are the numbers of the coordinator, by the names that metrics use. All are taken from the
// state when they are asked for, so that none can drift.
func (o *owner) stats() []protocol.Stat {
	totals := o.state.Totals()
	values := map[string]int64{
		"fanfold_connections":           int64(len(o.peers)),
		"fanfold_jobs_running":          int64(o.active()),
		"fanfold_jobs_known":            int64(len(o.jobs)),
		"fanfold_tasks_waiting":         int64(totals.Waiting),
		"fanfold_tasks_queued":          int64(totals.Queued),
		"fanfold_tasks_running":         int64(totals.Running),
		"fanfold_workers":               int64(len(o.workers)),
		"fanfold_slots":                 int64(o.joined()),
		"fanfold_slots_ready":           int64(totals.Slots),
		"fanfold_slots_busy":            int64(totals.Busy),
		"fanfold_reply_kept_bytes":      o.keptBytes(),
		"fanfold_input_memory_bytes":    o.inline,
		"fanfold_draining":              flag(o.draining),
		"fanfold_attempts_done_total":   int64(o.past.done),
		"fanfold_attempts_failed_total": int64(o.past.failures),
		"fanfold_backups_total":         int64(o.state.Backups().Made),
		"fanfold_backups_won_total":     int64(o.state.Backups().Won),
		"fanfold_messages_late_total":   int64(o.dropped),
	}
	o.taskStats(values)
	for state := fanfold.Succeeded; state <= fanfold.Lost; state++ {
		values["fanfold_jobs_"+statName(state)] = 0
	}
	for _, j := range o.archive.ended {
		values["fanfold_jobs_"+statName(j.state)]++
	}
	for _, w := range o.workers {
		values["fanfold_attempts_done_total"] += int64(w.done)
		values["fanfold_attempts_failed_total"] += int64(w.failures)
	}
	list := make([]protocol.Stat, 0, len(values))
	for name, n := range values {
		list = append(list, protocol.Stat{Name: name, Value: n})
	}
	slices.SortFunc(list, func(a, b protocol.Stat) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// statName is a state's name as part of a metric's.
func statName(s fanfold.State) string { return strings.ReplaceAll(s.String(), "-", "_") }

func flag(set bool) int64 {
	if set {
		return 1
	}
	return 0
}
