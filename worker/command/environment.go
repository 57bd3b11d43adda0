package command

import (
	"fmt"
	"os"
	"strconv"

	"github.com/fanfold/fanfold"
)

// markVariable is in the environment of all that a command starts.
const markVariable = "FANFOLD_COMMAND_ID"

// environment makes the environment of a command; a name that is there twice counts the last time.
// Offset is that of the first record, in the input that the task names now.
func environment(t *fanfold.Task, s *spec, offset int64) []string {
	env := append(os.Environ(), s.mark(t))
	set := func(value string, names ...string) {
		for _, name := range names {
			env = append(env, name+"="+value)
		}
	}
	index := strconv.FormatUint(uint64(t.ID.Task), 10)
	isMap := t.ID.Stage == fanfold.StageMap
	set(t.ID.Job.String(), "FANFOLD_JOB_ID", "mapreduce_job_id", "mapred_job_id")
	set(fmt.Sprintf("%s/%s-%s", t.ID.Job, t.ID.Stage, index),
		"FANFOLD_TASK_ID", "mapreduce_task_id", "mapred_tip_id")
	set(t.ID.String(), "FANFOLD_ATTEMPT_ID", "mapreduce_task_attempt_id", "mapred_task_id")
	set(index, "FANFOLD_TASK_INDEX", "mapreduce_task_partition", "mapred_task_partition")
	set(t.ID.Stage.String(), "FANFOLD_TASK_STAGE")
	set(strconv.FormatBool(isMap), "mapreduce_task_ismap", "mapred_task_is_map")
	set(strconv.Itoa(t.Reducers),
		"FANFOLD_TASK_REDUCERS", "mapreduce_job_reduces", "mapred_reduce_tasks")
	if isMap {
		set(t.Input(), "FANFOLD_INPUT_FILE", "mapreduce_map_input_file", "map_input_file")
		set(strconv.FormatInt(offset, 10),
			"FANFOLD_INPUT_START", "mapreduce_map_input_start", "map_input_start")
	}
	if t.Dir != "" {
		set(t.Dir, "TMPDIR", "FANFOLD_TASK_DIR")
	}
	return append(env, s.command.Env...)
}

// directory is where a command runs: Command.Dir if this host has it.
func directory(t *fanfold.Task, c *fanfold.Command) string {
	if info, err := os.Stat(c.Dir); c.Dir != "" && err == nil && info.IsDir() {
		return c.Dir
	}
	return t.Dir
}
