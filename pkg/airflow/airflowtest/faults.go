package airflowtest

import (
	"net/http"
	"strings"
	"time"
)

// Fault is what happens to requests instead of an answer, or before it.
type Fault struct {
	// Times is how many requests it hits; zero is one.
	Times int
	// Path, when set, limits it to requests whose URL contains it.
	Path string
	// Delay is how long the request waits first. A fault with nothing else is
	// only slow: the request is answered after it.
	Delay time.Duration
	// Status, when set, is the answer, as a proxy would give it.
	Status int
	// Drop closes the connection without an answer.
	Drop bool
	// Cut, when not zero, sends that many bytes of the answer and closes the connection.
	Cut int
}

// Inject adds faults, which act in the order of being added: a request is hit
// by the first that fits it.
func (s *Server) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		if f.Times == 0 {
			f.Times = 1
		}
		s.faults = append(s.faults, f)
	}
}

// Heal removes the faults that are left.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault applies the fault that r meets; true says that r is answered.
func (s *Server) fault(w http.ResponseWriter, r *http.Request) bool {
	f, hit := s.nextFault(r)
	if !hit {
		return false
	}
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
			return true
		case <-s.done:
			return true
		}
	}
	switch {
	case f.Status != 0:
		http.Error(w, "<html>"+http.StatusText(f.Status)+"</html>", f.Status)
		return true
	case f.Drop:
		panic(http.ErrAbortHandler)
	case f.Cut > 0:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write([]byte(strings.Repeat("[", f.Cut)))
		_ = http.NewResponseController(w).Flush() // else nothing at all is sent
		panic(http.ErrAbortHandler)
	}
	return false
}

func (s *Server) nextFault(r *http.Request) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if !strings.Contains(r.URL.RequestURI(), f.Path) {
			continue
		}
		if s.faults[i].Times--; s.faults[i].Times == 0 {
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
		}
		return f, true
	}
	return Fault{}, false
}
