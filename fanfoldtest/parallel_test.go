package fanfoldtest_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator"
	"github.com/fanfold/fanfold/fanfoldtest"
)

// corpus writes n files of the same size, and gives their names, that size and the words of all.
func corpus(t *testing.T, n int) (names []string, size int64, words map[string]int) {
	t.Helper()
	dir := t.TempDir()
	words = map[string]int{}
	for i := range n {
		var b strings.Builder
		for k := range 200 {
			word := fmt.Sprintf("w%03d", i*k%97)
			words[word]++
			b.WriteString(word + " ")
		}
		b.WriteString("\n")
		name := filepath.Join(dir, fmt.Sprintf("%03d", i))
		if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		names, size = append(names, name), int64(b.Len())
	}
	return names, size, words
}

// counted is the output of the program words.
func counted(words map[string]int) string {
	var lines []string
	for word, n := range words {
		lines = append(lines, fmt.Sprintf("%s\t%d\n", word, n))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func TestL3MapsRunInParallel(t *testing.T) { rendezvous(t, fanfold.StageMap) }

func TestL4ReducesRunInParallel(t *testing.T) { rendezvous(t, fanfold.StageReduce) }

// rendezvous lets no task of a stage go on before as many have started as there are slots.
func rendezvous(t *testing.T, stage fanfold.Stage) {
	t.Helper()
	const slots = 3
	names, size, words := corpus(t, slots)
	d, c := newDirector(t), startProcesses(t, slots)
	job := wordsJob(d, stage)
	job.Inputs, job.SplitSize, job.Reducers = names, size, slots
	j := submit(t, c, job, "")
	var met []*visit
	pids := map[int]bool{}
	for range slots {
		v := d.next(j)
		met, pids[v.pid] = append(met, v), true
	}
	for _, v := range met {
		v.say("go")
	}
	r := wait(t, j)
	if len(pids) != slots || r.Failures != 0 {
		t.Errorf("%d processes, %d failures", len(pids), r.Failures)
	}
	if r.Output != counted(words) {
		t.Error("the output is not that of a sequential run")
	}
}

// L7: whatever happens to the first attempts, the output stays that of a sequential run.
func TestL7RandomFaults(t *testing.T) {
	names, size, words := corpus(t, 12)
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 7))
			d, c := newDirector(t), startProcesses(t, 3)
			job := wordsJob(d, fanfold.StageMap)
			job.Params[fanfold.StageReduce.String()] = d.socket
			job.Inputs, job.SplitSize, job.Reducers = names, size, 4
			job.ProgressTimeout = 300 * time.Millisecond
			j := submit(t, c, job, "")
			faults := 0
			for ended := false; !ended; {
				select {
				case v := <-d.arrived:
					if v.number > 2 || !misfortune(random, v) {
						v.say("go")
					} else {
						faults++
					}
				case <-j.Ended():
					ended = true
				}
			}
			r := wait(t, j)
			if r.Output != counted(words) {
				t.Error("the output is not that of a sequential run")
			}
			if faults == 0 || r.Failures != faults {
				t.Errorf("%d faults, %d failures", faults, r.Failures)
			}
		})
	}
}

// misfortune does something to an attempt, or nothing.
func misfortune(random *rand.Rand, v *visit) bool {
	switch random.IntN(8) {
	case 0:
		v.say("exit 1")
	case 1:
		v.say("panic by chance")
	case 2:
		_ = syscall.Kill(v.pid, syscall.SIGKILL)
	case 3:
		if v.number > 1 {
			return false // one time-out of a task is enough to wait for
		}
		v.say("hang")
	default:
		return false
	}
	return true
}

func TestB5RecyclingLosesNothing(t *testing.T) {
	names, size, words := corpus(t, 40)
	c := fanfoldtest.Start(t, fanfoldtest.Config{
		Programs: programs, Slots: 2, Processes: true, TasksMax: 4,
	})
	before := c.PIDs()
	r, err := c.Run(fanfold.Job{Program: "words", Inputs: names, SplitSize: size}, "")
	if err != nil {
		t.Fatal(fanfoldtest.Describe(err))
	}
	if r.Output != counted(words) || r.Failures != 0 {
		t.Errorf("%d failures, or not the output of a sequential run", r.Failures)
	}
	for slot, pid := range c.PIDs() {
		if pid == before[slot] && pid != 0 {
			t.Errorf("vacuous: slot %d still has process %d", slot, pid)
		}
	}
}

// L1: however the keys are cut into partitions, the output is that of a sequential run.
func TestL1AnyNumberOfReducers(t *testing.T) {
	names, size, words := corpus(t, 5)
	c := fanfoldtest.Start(t, fanfoldtest.Config{
		Programs: programs, Slots: 3, Processes: true,
		Limits: coordinator.Limits{Grace: 50 * time.Millisecond},
	})
	for _, reducers := range []int{1, 2, 10, 64} {
		r, err := c.Run(fanfold.Job{
			Program: "words", Inputs: names, SplitSize: size, Reducers: reducers,
		}, "")
		if err != nil {
			t.Fatal(fanfoldtest.Describe(err))
		}
		if r.Output != counted(words) {
			t.Errorf("with %d reducers the output is not that of a sequential run", reducers)
		}
	}
}
