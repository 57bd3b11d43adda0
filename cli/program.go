package cli

import (
	"fmt"
	"strings"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/protocol"
	"github.com/fanfold/fanfold/worker/command"
)

// programOf finds, or for a job of commands makes, the program that a job names.
func (a *app) programOf(job fanfold.Job) (fanfold.Program, error) {
	if job.Command == nil {
		return a.program(job.Program)
	}
	return command.Program(*job.Command)
}

// infos has the infos of all registered programs by name.
func (a *app) infos() map[string]protocol.ProgramInfo {
	infos := make(map[string]protocol.ProgramInfo, len(a.programs))
	for _, p := range a.programs {
		infos[p.Name] = protocol.InfoOf(&p)
	}
	return infos
}

// listPrograms is the part of a help text that names the jobs that take inputs, and their
// parameters.
func (a *app) listPrograms() string {
	return a.list(takesInputs)
}

// listHandlers names the jobs that take tasks.
func (a *app) listHandlers() string {
	return a.list(takesTasks)
}

func takesInputs(p *fanfold.Program) bool { return p.Map != nil }
func takesTasks(p *fanfold.Program) bool  { return p.Handle != nil }

// exampleJob is a job that this binary has, for its help texts: wordcount, if that is one.
func (a *app) exampleJob() string { return a.example("wordcount", takesInputs) }

// example is the usual job, if this binary has it, or else the first that fits.
func (a *app) example(usual string, fits func(*fanfold.Program) bool) string {
	example := "JOB"
	for _, p := range a.programs {
		switch {
		case !fits(&p):
		case p.Name == usual:
			return usual
		case example == "JOB":
			example = p.Name
		}
	}
	return example
}

func (a *app) list(has func(*fanfold.Program) bool) string {
	var b strings.Builder
	b.WriteString("Jobs:\n")
	for _, p := range a.programs {
		if !has(&p) {
			continue
		}
		fmt.Fprintf(&b, "  %-10s %s\n", p.Name, p.Doc)
		for _, param := range p.Params {
			fmt.Fprintf(&b, "  %-10s   -p %s=%s  %s\n", "", param.Name, param.Default, param.Doc)
		}
	}
	return b.String()
}
