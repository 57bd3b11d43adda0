package process

import (
	"errors"
	"os"
)

// pipes connect an agent with a shim and a task process. The child's ends are closed after the
// start.
type pipes struct {
	read, write     *os.File // protocol; the Conn's from the start on
	log             *os.File
	orders, reports *os.File

	null                      *os.File
	childRead, childWrite     *os.File
	childLog                  *os.File
	childOrders, childReports *os.File
}

// open makes all pipes, or none.
func (p *pipes) open() error {
	var errs [6]error
	p.null, errs[0] = os.Open(os.DevNull)
	p.childRead, p.write, errs[1] = os.Pipe()
	p.read, p.childWrite, errs[2] = os.Pipe()
	p.log, p.childLog, errs[3] = os.Pipe()
	p.childOrders, p.orders, errs[4] = os.Pipe()
	p.reports, p.childReports, errs[5] = os.Pipe()
	if err := errors.Join(errs[:]...); err != nil {
		p.closeTheirs()
		p.closeOurs()
		return err
	}
	widen(p.read, p.write)
	return nil
}

// theirs are the files of a shim, by descriptor.
func (p *pipes) theirs() []*os.File {
	return []*os.File{
		p.null, p.childLog, p.childLog,
		fdRead: p.childRead, fdWrite: p.childWrite,
		fdOrders: p.childOrders, fdReports: p.childReports,
	}
}

func (p *pipes) closeTheirs() {
	closeAll(p.null, p.childRead, p.childWrite, p.childLog, p.childOrders, p.childReports)
}

func (p *pipes) closeOurs() {
	closeAll(p.read, p.write, p.log, p.orders, p.reports)
}

// closeAll closes files to which nothing was written; nil ones were not opened.
func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}
