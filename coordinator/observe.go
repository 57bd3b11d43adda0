package coordinator

import "github.com/fanfold/fanfold/protocol"

// Observation is how a Server is at one moment.
type Observation struct {
	Stats   []protocol.Stat       // in the order of their names
	Jobs    []protocol.JobInfo    // those that have not ended, the newest last
	Workers []protocol.WorkerInfo // in the order in which they joined
}

// Observe looks at the Server. The numbers are those that a client gets.
func (s *Server) Observe() (Observation, error) {
	if err := s.begin(); err != nil {
		return Observation{}, err
	}
	defer s.work.Done()
	var seen Observation
	s.call(func(o *owner) {
		seen.Stats, seen.Workers = o.stats(), o.workerInfos()
		for _, j := range o.listed {
			if j.phase < phaseEnded {
				seen.Jobs = append(seen.Jobs, o.jobInfo(j))
			}
		}
	})
	return seen, nil
}
