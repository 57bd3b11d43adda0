package coordinator

import (
	"context"
	"errors"
	"os"

	"github.com/fanfold/fanfold"
)

// spoolPendingMax is how many bytes may wait to be written to a job's spool before its client has
// to wait.
const spoolPendingMax = 8 << 20

// spool is the part of a client's input that does not fit in memory: a temporary file without a
// name, so that nothing is left of it whatever happens.
type spool struct {
	file    *os.File // nil: not opened yet
	end     int64    // where the next piece goes
	pending []*piece // to be written, in order
	waiting int64    // bytes in pending and being written
	writing bool
	closed  bool
}

// spool has a piece written. Until that is done, it is in memory too.
func (o *owner) spool(j *job, p *piece) {
	s := &j.feed.inlet.spool
	p.at = s.end
	s.end += int64(p.n)
	s.waiting += int64(p.n)
	s.pending = append(s.pending, p)
	o.writeSpool(j)
}

// writeSpool writes what waits, all at once.
func (o *owner) writeSpool(j *job) {
	s := &j.feed.inlet.spool
	if s.writing || s.closed || len(s.pending) == 0 {
		return
	}
	s.writing = true
	file, pieces := s.file, s.pending
	s.pending = nil
	async(o, j.ctx, func(context.Context) (*os.File, error) {
		return writePieces(file, o.cfg.SpoolDir, pieces)
	}, func(file *os.File, err error) {
		s.file, s.writing = file, false
		for _, p := range pieces {
			s.waiting -= int64(p.n)
			if err == nil && !s.closed {
				p.data = nil
				o.hold(j.feed.inlet, -p.n)
			}
		}
		switch {
		case s.closed:
			o.closeSpool(s)
		case err != nil:
			o.failJob(j, fanfold.Errorf(fanfold.KindDisk, "spool input", "%w", err))
		default:
			o.writeSpool(j)
		}
		o.grantInput(j)
	})
}

// writePieces writes pieces where they belong, to a new file if there is none.
func writePieces(file *os.File, dir string, pieces []*piece) (*os.File, error) {
	if file == nil {
		f, err := os.CreateTemp(dir, "fanfold-spool-")
		if err != nil {
			return nil, err
		}
		if err := os.Remove(f.Name()); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		file = f
	}
	for _, p := range pieces {
		if _, err := file.WriteAt(p.data, p.at); err != nil {
			return file, err
		}
	}
	return file, nil
}

// fetchPiece reads a piece back, for the process that it goes to next.
func (o *owner) fetchPiece(p *process, d *order, piece *piece) {
	j, id := d.attempt.job, d.attempt.id
	file := j.feed.inlet.spool.file
	d.reading = true
	async(o, j.ctx, func(context.Context) ([]byte, error) {
		data := make([]byte, piece.n)
		_, err := file.ReadAt(data, piece.at)
		return data, err
	}, func(data []byte, err error) {
		sl := p.slot
		if sl.process != p || len(sl.orders) == 0 || sl.orders[0].attempt.id != id {
			return // the attempt is not wanted any more
		}
		d := &sl.orders[0]
		d.reading = false
		if err != nil { // also when the job has ended: the attempt will be stopped
			o.failJob(j, fanfold.Errorf(fanfold.KindDisk, "read spool", "%w", err))
			d.pieces = nil
		} else {
			d.data, d.pieces = data, d.pieces[1:]
		}
		o.dispatch(sl)
	})
}

// closeSpool closes the file, and with it goes its content, which may take a while.
func (o *owner) closeSpool(s *spool) {
	if file := s.file; file != nil {
		s.file = nil
		o.srv.work.Go(func() { file.Close() })
	}
}
