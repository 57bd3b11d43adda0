package fanfold_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/fanfold/fanfold"
)

func TestJobIDTextIsThatOfULID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := fanfold.JobID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes"))
		text := id.String()
		if want := "job_" + ulid.ULID(id).String(); text != want {
			t.Fatalf("got %s, want %s", text, want)
		}
		for _, spelling := range []string{text, "job_" + strings.ToLower(text[4:])} {
			if back, err := fanfold.ParseJobID(spelling); err != nil || back != id {
				t.Fatalf("ParseJobID(%s): got %v, %v, want %v", spelling, back, err, id)
			}
		}
	})
}

func TestB21ParseJobIDRefuses(t *testing.T) {
	const good = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	if _, err := fanfold.ParseJobID("job_" + good); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	tests := []string{
		"", "job_", good, "JOB_" + good, "job-" + good, "job_" + good[1:], "job_" + good + "0",
		"job_8" + good[1:],                       // more than 128 bits
		"job_0I" + good[2:], "job_0U" + good[2:], // not in the alphabet
		"job_0é" + good[3:], "job_\x00" + good[1:], // nor these
		" job_" + good, "job_" + good[:25] + "\n", // nor blanks
		"job_" + strings.Repeat("Z", 26), "job_../", // nor paths
	}
	for _, text := range tests {
		if id, err := fanfold.ParseJobID(text); !errors.Is(err, fanfold.ErrJobID) {
			t.Errorf("ParseJobID(%q): got %v, %v, want ErrJobID", text, id, err)
		}
	}
}

func TestStageNames(t *testing.T) {
	tests := []struct {
		stage fanfold.Stage
		want  string
	}{
		{0, "none"}, {fanfold.StageMap, "map"}, {fanfold.StageReduce, "reduce"},
		{fanfold.StageGather, "gather"}, {fanfold.StageGather + 1, "stage-4"}, {255, "stage-255"},
	}
	for _, tt := range tests {
		if got := tt.stage.String(); got != tt.want {
			t.Errorf("Stage(%d): got %s, want %s", uint8(tt.stage), got, tt.want)
		}
	}
}

func TestAttemptIDText(t *testing.T) {
	a := fanfold.AttemptID{Stage: fanfold.StageMap, Task: 3, Attempt: 2}
	zero := "job_" + strings.Repeat("0", 26)
	if got, want := a.String(), zero+"/map-3/2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := a.Dir(), zero+"/map-3-2.0"; got != want {
		t.Errorf("directory: got %s, want %s", got, want)
	}
	a.Epoch = 7
	if got, want := a.String(), zero+"/map-3/2.7"; got != want {
		t.Errorf("later epoch: got %s, want %s", got, want)
	}
}

func TestAttemptDirsAreUnique(t *testing.T) {
	seen := map[string]fanfold.AttemptID{}
	for i := range 3 * 3 * 3 * 3 {
		a := fanfold.AttemptID{
			Stage:   fanfold.Stage(1 + i%3),
			Task:    fanfold.TaskID(i / 3 % 3 * 11),
			Attempt: uint16(1 + i/9%3*10),
			Epoch:   fanfold.Epoch(i / 27 * 11),
		}
		for _, text := range []string{a.Dir(), a.String()} {
			if other, taken := seen[text]; taken {
				t.Errorf("%s names %+v and %+v", text, other, a)
			}
			seen[text] = a
		}
	}
}

func ExampleParseJobID() {
	id, err := fanfold.ParseJobID("job_01ARZ3NDEKTSV4RRFFQ69G5FAV")
	fmt.Println(id, err)
	_, err = fanfold.ParseJobID("42")
	fmt.Println(err)
	// Output:
	// job_01ARZ3NDEKTSV4RRFFQ69G5FAV <nil>
	// not a job id: want job_ and 26 letters or digits
}
