package jobs

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/fanfold/fanfold"
)

// Rank keeps groups of members ranked by score. A task is a line of words:
//
//	join GROUP MEMBER SCORE    add a member, or give it another score
//	leave GROUP MEMBER         remove it
//	top GROUP K                the K members with the highest scores
//	members GROUP              all of them, by rank
//	groups MEMBER              the groups of a member, over all shards
//	top K                      the K best of all groups, over all shards
//
// Answers are lines of score, TAB, group, TAB, member. The state of a group lives in the process
// that has the shard of its name: tasks of one group run there, in order. What a query over all
// shards has from each is merged by the reducer.
func Rank() fanfold.Program {
	return fanfold.Program{
		Name:     "rank",
		Doc:      "keep groups of members ranked by score",
		Stateful: true,
		Route:    route,
		Handle: func(*fanfold.Task) (fanfold.Handler, error) {
			return &ranking{groups: map[string]*board{}}, nil
		},
		Reduce: func(*fanfold.Task) (fanfold.Reducer, error) { return rankMerger{}, nil },
	}
}

// route sends what names a group to the group's shard, and the other queries to all.
func route(line []byte) (key []byte, all bool) {
	words := bytes.Fields(line)
	if q, err := parseRank(string(line)); err == nil && q.group == "" {
		return nil, true
	}
	if len(words) > 1 {
		key = words[1]
	}
	return key, false
}

// rankQuery is one task.
type rankQuery struct {
	verb, group, member string
	number              int64 // a score, or how many
}

func parseRank(line string) (q rankQuery, err error) {
	w := strings.Fields(line)
	form := ""
	if len(w) > 0 {
		form = fmt.Sprintf("%s/%d", w[0], len(w)-1)
	}
	number := ""
	switch form {
	case "join/3":
		q, number = rankQuery{verb: w[0], group: w[1], member: w[2]}, w[3]
	case "leave/2":
		q = rankQuery{verb: w[0], group: w[1], member: w[2]}
	case "members/1":
		q = rankQuery{verb: "top", group: w[1], number: math.MaxInt64}
	case "top/2":
		q, number = rankQuery{verb: w[0], group: w[1]}, w[2]
	case "top/1":
		q, number = rankQuery{verb: w[0]}, w[1]
	case "groups/1":
		q = rankQuery{verb: w[0], member: w[1]}
	default:
		return q, fanfold.Errorf(fanfold.KindUsage, "read task", "%.64q: want join GROUP MEMBER "+
			"SCORE, leave GROUP MEMBER, top [GROUP] K, members GROUP or groups MEMBER", line)
	}
	if number == "" {
		return q, nil
	}
	if q.number, err = strconv.ParseInt(number, 10, 64); err != nil {
		return q, fanfold.Errorf(fanfold.KindUsage, "read task", "%.64q is not a whole number", number)
	}
	return q, nil
}

// ranking is the state of one shard.
type ranking struct {
	groups map[string]*board
}

// board is one group.
type board struct {
	scores map[string]int64
	ranks  []rank // the best first
}

// rank is a place in an answer.
type rank struct {
	score         int64
	group, member string
}

// better orders ranks: the higher score first, then by name.
func better(a, b rank) int {
	return cmp.Or(cmp.Compare(b.score, a.score), strings.Compare(a.group, b.group),
		strings.Compare(a.member, b.member))
}

// Handle changes a group or answers a query.
func (s *ranking) Handle(_ context.Context, in []byte, reply *fanfold.Reply) error {
	q, err := parseRank(string(in))
	if err != nil {
		return err
	}
	switch q.verb {
	case "join":
		s.join(q.group, q.member, q.number)
	case "leave":
		s.leave(q.group, q.member)
	case "top":
		s.top(q, reply)
	case "groups":
		for name, b := range s.groups {
			if score, ok := b.scores[q.member]; ok {
				writeRanks(reply, []rank{{score, name, q.member}})
			}
		}
	}
	return nil
}

func (s *ranking) join(group, member string, score int64) {
	s.leave(group, member)
	b := s.groups[group]
	if b == nil {
		b = &board{scores: map[string]int64{}}
		s.groups[group] = b
	}
	b.scores[member] = score
	r := rank{score, group, member}
	at, _ := slices.BinarySearchFunc(b.ranks, r, better)
	b.ranks = slices.Insert(b.ranks, at, r)
}

func (s *ranking) leave(group, member string) {
	b := s.groups[group]
	if b == nil {
		return
	}
	score, ok := b.scores[member]
	if !ok {
		return
	}
	delete(b.scores, member)
	at, _ := slices.BinarySearchFunc(b.ranks, rank{score, group, member}, better)
	if b.ranks = slices.Delete(b.ranks, at, at+1); len(b.ranks) == 0 {
		delete(s.groups, group)
	}
}

// top answers with the best of a group; or of all groups here, and then says in the first line how
// many are wanted, for whoever merges the answers of all shards.
func (s *ranking) top(q rankQuery, reply *fanfold.Reply) {
	if q.group != "" {
		if b := s.groups[q.group]; b != nil {
			writeRanks(reply, b.best(q.number))
		}
		return
	}
	fmt.Fprintf(reply, "top %d\n", q.number)
	var all []rank
	for _, b := range s.groups {
		all = append(all, b.best(q.number)...)
	}
	slices.SortFunc(all, better)
	writeRanks(reply, first(all, q.number))
}

func (b *board) best(n int64) []rank { return first(b.ranks, n) }

func first(ranks []rank, n int64) []rank { return ranks[:max(0, min(n, int64(len(ranks))))] }

func writeRanks(w io.Writer, ranks []rank) {
	for _, r := range ranks {
		fmt.Fprintf(w, "%d\t%s\t%s\n", r.score, r.group, r.member)
	}
}

// Snapshot writes every rank as answers have it.
func (s *ranking) Snapshot(w io.Writer) error {
	buffered := bufio.NewWriter(w)
	for _, b := range s.groups {
		writeRanks(buffered, b.ranks)
	}
	return buffered.Flush()
}

// Restore reads what Snapshot has written.
func (s *ranking) Restore(r io.Reader) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		at, err := parseRankLine(lines.Text())
		if err != nil {
			return err
		}
		s.join(at.group, at.member, at.score)
	}
	return lines.Err()
}

func parseRankLine(line string) (r rank, err error) {
	w := strings.Split(line, "\t")
	if len(w) != 3 {
		return r, fmt.Errorf("%.64q is not score, group and member", line)
	}
	score, err := strconv.ParseInt(w[0], 10, 64)
	return rank{score, w[1], w[2]}, err
}

// rankMerger merges what all shards have answered.
type rankMerger struct{}

// Reduce emits the ranks of all answers in order; of a "top K", the first K.
func (rankMerger) Reduce(_ []byte, values *fanfold.Values, emit *fanfold.Emitter) error {
	most := int64(math.MaxInt64)
	var all []rank
	for answer := range values.All() {
		for line := range strings.Lines(string(answer)) {
			line = strings.TrimSuffix(line, "\n")
			if k, ok := strings.CutPrefix(line, "top "); ok {
				n, err := strconv.ParseInt(k, 10, 64)
				if err != nil {
					return err
				}
				most = n
				continue
			}
			r, err := parseRankLine(line)
			if err != nil {
				return err
			}
			all = append(all, r)
		}
	}
	slices.SortFunc(all, better)
	var text bytes.Buffer
	writeRanks(&text, first(all, most))
	emit.Emit(nil, text.Bytes())
	return nil
}
