package cli

import (
	"io"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/client"
)

// barView draws a bar for each stage on a terminal and takes them away at the end, so that nothing
// stands between the command and its data.
type barView struct {
	bars   *mpb.Progress
	stages map[uint32]*mpb.Bar
}

func newBarView(out io.Writer) *barView {
	return &barView{
		bars:   mpb.New(mpb.WithOutput(out), mpb.WithWidth(64)),
		stages: map[uint32]*mpb.Bar{},
	}
}

func (v *barView) update(p client.Progress) {
	for _, s := range p.Stages {
		if s.Total == 0 {
			continue
		}
		bar := v.stages[s.Stage]
		if bar == nil {
			name := fanfold.Stage(s.Stage).String()
			bar = v.bars.AddBar(int64(s.Total), mpb.BarRemoveOnComplete(),
				mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR),
					decor.CountersNoUnit("%d / %d", decor.WCSyncWidth)),
				mpb.AppendDecorators(decor.Percentage()))
			v.stages[s.Stage] = bar
		}
		bar.SetTotal(int64(s.Total), false)
		bar.SetCurrent(int64(s.Succeeded))
	}
}

// print writes above the bars, as one piece.
func (v *barView) print(f func(io.Writer)) { f(v.bars) }

func (v *barView) close() {
	for _, bar := range v.stages {
		bar.Abort(true)
	}
	v.bars.Wait()
}
