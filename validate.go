package fanfold

import "strings"

// nameLenMax bounds the name of a program, in bytes.
const nameLenMax = 64

// ValidatePrograms checks what a binary registers: each program by itself, and that no two have the
// same name. The error is of KindUsage.
func ValidatePrograms(programs []Program) error {
	seen := make(map[string]bool, len(programs))
	for i := range programs {
		p := &programs[i]
		if err := p.Validate(); err != nil {
			return err
		}
		if seen[p.Name] {
			return Errorf(KindUsage, "register program "+p.Name, "there are two of this name")
		}
		seen[p.Name] = true
	}
	return nil
}

// Validate checks that the parts of a program fit together. The error is of KindUsage.
func (p *Program) Validate() error {
	wrong := p.wrong()
	if wrong == "" {
		return nil
	}
	return Errorf(KindUsage, "register program "+p.Name, "%s", wrong)
}

// wrong says what does not fit, or "".
func (p *Program) wrong() string {
	reduces := p.Reduce != nil || p.folds()
	switch {
	case !isName(p.Name):
		return "a name is letters, digits, '-', '_' and '.', 64 at most"
	case p.Name == CommandProgram:
		return "the name is that of the program that runs commands"
	case p.Map == nil && p.Handle == nil:
		return "it has neither Map nor Handle"
	case p.Reduce != nil && p.Fold != NoFold:
		return "it has both Reduce and Fold: one of them is too many"
	case p.Aggregate != nil && (p.Reduce != nil || p.Fold != NoFold || p.Combine != nil):
		return "it has Aggregate and Reduce, Fold or Combine: one of them is too many"
	case p.Combine != nil && !reduces:
		return "it has Combine without Reduce or Fold"
	case p.Group != nil && (p.Reduce == nil || p.Combine != nil || p.Ranges):
		return "it has Group without Reduce, or with Combine or Ranges"
	case p.Ranges && !reduces:
		return "it has Ranges without Reduce or Fold"
	case p.Reducers < 0:
		return "Reducers is below zero"
	}
	return p.wrongHandler(reduces)
}

// wrongHandler is wrong for what belongs to open jobs.
func (p *Program) wrongHandler(reduces bool) string {
	switch {
	case p.Stateful && p.Handle == nil:
		return "it is Stateful without Handle"
	case p.Associative && p.Handle == nil:
		return "it is Associative without Handle"
	case p.Route != nil && p.Handle == nil:
		return "it has Route without Handle"
	case p.Associative && !reduces:
		return "it is Associative without Reduce or Fold"
	case p.Associative && p.Fold == Count:
		return "it is Associative with Count: a count of counts is no count; use Sum"
	case p.Batch != 0 && p.Handle == nil:
		return "it has Batch without Handle"
	case p.Batch < 0 || p.Batch > BatchMax:
		return "Batch is not within 0 to 512"
	case p.SnapshotEvery < 0:
		return "SnapshotEvery is below zero"
	case p.SnapshotEvery > 0 && !p.Stateful:
		return "it has SnapshotEvery without Stateful"
	}
	return ""
}

func isName(s string) bool {
	return s != "" && len(s) <= nameLenMax && strings.IndexFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') &&
			c != '-' && c != '_' && c != '.'
	}) < 0
}

// folds reports whether values are folded without a reducer.
func (p *Program) folds() bool { return p.Fold != NoFold || p.Aggregate != nil }
