package command

import (
	"bytes"
	"encoding/json"
	"os"
	"strconv"
	"strings"
)

// note is what a command says on standard error: a count, a status, or text for the log.
type note struct {
	text        []byte  // nil: none
	status      *string // nil: none
	group, name string  // of a counter, where the note is neither text nor status
	n           int64
}

// The limits of standard error.
const (
	stderrChunk = 32 << 10 // bytes read at once; a longer line is text, whatever it says
	tailMax     = 4 << 10  // bytes of text kept for a failure
)

// readNotes reads f to its end and sends what it says, chunk by chunk; it closes notes.
func readNotes(f *os.File, notes chan<- []note) {
	defer close(notes)
	buf := make([]byte, stderrChunk)
	held := 0 // bytes in buf of a line that has not ended
	for {
		n, err := f.Read(buf[held:])
		text := buf[:held+n]
		end := bytes.LastIndexByte(text, '\n') + 1
		if err != nil || (end == 0 && len(text) == len(buf)) {
			end = len(text)
		}
		if end > 0 {
			notes <- parseNotes(text[:end])
		}
		held = copy(buf, text[end:])
		if err != nil {
			return
		}
	}
}

// parseNotes reads lines; the notes keep nothing of text.
func parseNotes(text []byte) (notes []note) {
	var plain []byte
	for line := range bytes.Lines(text) {
		n, ok := parseReport(bytes.TrimRight(line, "\r\n"))
		if !ok {
			plain = append(plain, line...)
			continue
		}
		if len(plain) > 0 {
			notes = append(notes, note{text: plain})
			plain = nil
		}
		notes = append(notes, n)
	}
	if len(plain) > 0 {
		notes = append(notes, note{text: plain})
	}
	return notes
}

// parseReport reads a line that is to be obeyed; false when it is text.
func parseReport(line []byte) (note, bool) {
	if rest, ok := bytes.CutPrefix(line, []byte("reporter:counter:")); ok {
		return parseCounter(string(rest))
	}
	if rest, ok := bytes.CutPrefix(line, []byte("reporter:status:")); ok {
		status := string(rest)
		return note{status: &status}, true
	}
	if bytes.HasPrefix(line, []byte("{")) && bytes.HasSuffix(line, []byte("}")) {
		return parseJSON(line)
	}
	return note{}, false
}

// parseCounter reads "group,name,n"; the name may have commas.
func parseCounter(text string) (note, bool) {
	first, last := strings.IndexByte(text, ','), strings.LastIndexByte(text, ',')
	if first == last { // none, or one
		return note{}, false
	}
	n, err := strconv.ParseInt(text[last+1:], 10, 64)
	return note{group: text[:first], name: text[first+1 : last], n: n}, err == nil
}

// parseJSON reads an object that has a counter or a status and nothing else.
func parseJSON(line []byte) (note, bool) {
	var object struct {
		Counter *struct {
			Group string `json:"group"`
			Name  string `json:"name"`
			N     int64  `json:"n"`
		} `json:"counter"`
		Status *string `json:"status"`
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if d.Decode(&object) != nil || d.InputOffset() != int64(len(line)) ||
		(object.Counter == nil) == (object.Status == nil) {
		return note{}, false
	}
	if c := object.Counter; c != nil {
		return note{group: c.Group, name: c.Name, n: c.N}, true
	}
	return note{status: object.Status}, true
}

// tail keeps the last lines of a text.
type tail struct {
	text []byte
	cut  bool // text does not begin with a line
}

func (t *tail) write(p []byte) {
	t.text = append(t.text, p...)
	if over := len(t.text) - tailMax; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
		t.cut = true
	}
}

// String is the text from its first whole line on, if it has one.
func (t *tail) String() string {
	text := t.text
	if t.cut {
		if i := bytes.IndexByte(text, '\n'); i >= 0 && i+1 < len(text) {
			text = text[i+1:]
		}
	}
	return string(text)
}
