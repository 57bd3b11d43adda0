package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

// taskObject is a task as JSON.
type taskObject struct {
	ID       json.RawMessage `json:"id"`
	Key      string          `json:"key"`
	Payload  *string         `json:"payload"`
	Bytes    []byte          `json:"payload_b64"`
	Deadline float64         `json:"deadline"` // seconds
	Priority *int            `json:"priority"`
	All      bool            `json:"all"`
	OneWay   bool            `json:"one_way"`
	Once     string          `json:"idempotency_key"`
}

// deadlineMax is the longest deadline of a task that is taken at its word.
const deadlineMax = 100 * 365 * 24 * time.Hour

// parseTask reads a task, and the id that its result is to have; nil: none.
func parseTask(line []byte) (t client.Task, id []byte, err error) {
	var o taskObject
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	var wrong *json.UnmarshalTypeError
	switch err := d.Decode(&o); {
	case errors.As(err, &wrong) && wrong.Field != "":
		return t, nil, usagef("read task", "its %s is a %s, not a %s", wrong.Field, wrong.Value,
			wrong.Type)
	case err != nil:
		e := fanfold.Errorf(fanfold.KindUsage, "read task", "it is no task as JSON: %w", err)
		e.Hint = `a task is an object such as {"payload": "hello", "id": 1}`
		return t, nil, e
	}
	if len(bytes.TrimSpace(line[d.InputOffset():])) > 0 {
		return t, nil, usagef("read task", "there is more than one JSON value: want one a line")
	}
	if o.Deadline < 0 || o.Deadline > deadlineMax.Seconds() {
		return t, nil, usagef("read task", "deadline %g: want seconds, 0 to %.0f", o.Deadline,
			deadlineMax.Seconds())
	}
	if o.Payload != nil {
		o.Bytes = []byte(*o.Payload)
	}
	t = client.Task{
		Data: o.Bytes, Key: []byte(o.Key), All: o.All, OneWay: o.OneWay, ID: o.Once,
		Deadline: time.Duration(o.Deadline * float64(time.Second)),
	}
	if o.Priority != nil {
		if t.Priority = *o.Priority + 1; t.Priority < 1 || t.Priority > 8 {
			return t, nil, usagef("read task", "priority %d: want 0 to 7", *o.Priority)
		}
	}
	return t, o.ID, nil
}

// resultObject is a result as JSON. The schema is documented and stable: fields are only added.
type resultObject struct {
	ID       json.RawMessage `json:"id,omitempty"`
	State    string          `json:"state"`
	Result   *string         `json:"result,omitempty"`
	Bytes    []byte          `json:"result_b64,omitempty"`
	Status   string          `json:"status,omitempty"`
	Error    string          `json:"error,omitempty"`
	Attempts int             `json:"attempts"`
	Worker   string          `json:"worker,omitempty"`
	Again    bool            `json:"again,omitempty"`
}

// marshalResult writes a result.
func marshalResult(r *client.Result, id json.RawMessage) ([]byte, error) {
	o := resultObject{
		ID: id, State: r.State.String(), Status: r.Status, Attempts: r.Attempts, Worker: r.Worker,
		Again: r.Again,
	}
	if r.Partial {
		o.State = "partial"
	}
	switch text := string(r.Data); {
	case r.Err != nil:
		o.Error = r.Err.Error()
	case r.Status != "":
	case utf8.ValidString(text):
		o.Result = &text
	default:
		o.Bytes = r.Data
	}
	return json.Marshal(o)
}
