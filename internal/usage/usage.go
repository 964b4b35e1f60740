// Package usage measures what airworthy itself takes of the machine while a
// run goes on, so that the report can state it. It reads Linux's /proc.
package usage

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// tick is the unit of /proc/stat: Linux reports in hundredths of a second on
// every architecture.
const tick = 10 * time.Millisecond

// Usage is what was taken from Start to Stop.
type Usage struct {
	// PeakMemory is the largest sum of the resident memory of airworthy's
	// processes, in bytes: of its own program and of those that lie beside it. A
	// page that processes share, such as the program that all suites run, counts
	// once, where the kernel can say so.
	PeakMemory int64 `json:"peakMemory"`
	// PeakPrograms is the same of other programs that these started, such as a
	// browser. The two peaks need not be of one moment.
	PeakPrograms int64 `json:"peakPrograms"`
	// CPU is the processor time of airworthy's processes, told apart as for
	// PeakMemory. Of processes that ended it is what the last sample saw.
	CPU time.Duration `json:"cpu"`
	// CPUPrograms is the same of the other programs.
	CPUPrograms time.Duration `json:"cpuPrograms"`
	// MachineCPU is the processor time of everything on the machine.
	MachineCPU time.Duration `json:"machineCPU"`
	Took       time.Duration `json:"took"`
}

// Sampler watches until Stop.
type Sampler struct {
	proc    string
	began   time.Time
	own     time.Duration
	machine time.Duration

	mu       sync.Mutex
	peak     int64
	programs int64
	spent    map[process]spent

	once sync.Once
	stop chan struct{}
	done chan struct{}
}

// Start begins to watch, and looks at the memory once in every period.
func Start(every time.Duration) *Sampler {
	s := &Sampler{
		proc: "/proc", began: time.Now(), own: ownCPU(), spent: map[process]spent{},
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	s.machine = machineCPU(s.proc)
	s.sample()
	go func() {
		defer close(s.done)
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-s.stop:
				return
			case <-t.C:
				s.sample()
			}
		}
	}()
	return s
}

// Now is the usage so far.
func (s *Sampler) Now() Usage {
	s.sample()
	s.mu.Lock()
	defer s.mu.Unlock()
	own, programs := ownCPU()-s.own, time.Duration(0)
	for _, p := range s.spent {
		if p.foreign {
			programs += p.cpu
		} else {
			own += p.cpu
		}
	}
	return Usage{
		PeakMemory:   s.peak,
		PeakPrograms: s.programs,
		CPU:          own,
		CPUPrograms:  programs,
		MachineCPU:   machineCPU(s.proc) - s.machine,
		Took:         time.Since(s.began),
	}
}

// Stop ends the watching; Now may still be called.
func (s *Sampler) Stop() {
	s.once.Do(func() { close(s.stop) })
	<-s.done
}

func (s *Sampler) sample() {
	t := readTree(s.proc, os.Getpid(), int64(os.Getpagesize()))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peak, s.programs = max(s.peak, t.own), max(s.programs, t.programs)
	for p, c := range t.below {
		s.spent[p] = c
	}
}

// ownCPU is the processor time of this process.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// machineCPU is the busy time of all processors since the start of the
// machine, 0 where it cannot be read.
func machineCPU(proc string) time.Duration {
	data, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(data), "\n")
	fields := strings.Fields(line)
	// cpu user nice system idle iowait irq softirq: idle and iowait are not work.
	var busy int64
	for _, i := range []int{1, 2, 3, 6, 7} {
		if i < len(fields) {
			n, _ := strconv.ParseInt(fields[i], 10, 64)
			busy += n
		}
	}
	return time.Duration(busy) * tick
}

// process is a process for ever: its number is given out again after its end.
type process struct {
	pid   int
	began int64 // ticks after the start of the machine
}

type spent struct {
	cpu     time.Duration
	foreign bool
}

// tree is what a process and those below it take.
type tree struct {
	// Resident memory in bytes: own of programs from the folder of the root's
	// program, programs of all others and of what these started.
	own, programs int64
	// below has the processor time of every process but the root.
	below map[process]spent
}

func readTree(proc string, root int, page int64) tree {
	t := tree{below: map[process]spent{}}
	entries, err := os.ReadDir(proc)
	if err != nil {
		return t
	}
	all := map[int]stat{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		data, err := os.ReadFile(filepath.Join(proc, e.Name(), "stat"))
		if err != nil {
			continue // it ended in between
		}
		if st, ok := parseStat(string(data)); ok {
			all[pid] = st
		}
	}
	folder := programFolder(proc, root)
	for pid, st := range all {
		line, below := descent(all, root, pid)
		if !below {
			continue
		}
		foreign := slices.ContainsFunc(line, func(p int) bool { return programFolder(proc, p) != folder })
		memory, ok := proportional(proc, pid)
		if !ok {
			memory = st.pages * page
		}
		if foreign {
			t.programs += memory
		} else {
			t.own += memory
		}
		if pid != root {
			t.below[process{pid, st.began}] = spent{st.cpu, foreign}
		}
	}
	return t
}

// descent gives the processes from pid up to root, without root; false when pid
// is neither root nor below it, as most processes of a machine are.
func descent(all map[int]stat, root, pid int) (line []int, below bool) {
	for p := pid; p != 0; p = all[p].parent {
		if p == root {
			return line, true
		}
		line = append(line, p)
	}
	return nil, false
}

// programFolder is the folder of a process's program, "" when it cannot be read.
func programFolder(proc string, pid int) string {
	program, err := os.Readlink(filepath.Join(proc, strconv.Itoa(pid), "exe"))
	if err != nil {
		return ""
	}
	return filepath.Dir(program)
}

// proportional is the resident memory of a process in bytes, each shared page
// divided by the number of processes that have it.
func proportional(proc string, pid int) (int64, bool) {
	data, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "smaps_rollup"))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			n, err := strconv.ParseInt(f[1], 10, 64)
			return n * 1024, err == nil
		}
	}
	return 0, false
}

// stat is what is read of /proc/PID/stat.
type stat struct {
	parent int
	cpu    time.Duration // in user and kernel mode, without children
	began  int64         // ticks after the start of the machine
	pages  int64         // resident
}

// parseStat reads /proc/PID/stat. The name in it may hold anything, so fields
// are counted from its last bracket.
func parseStat(s string) (stat, bool) {
	i := strings.LastIndexByte(s, ')')
	if i < 0 {
		return stat{}, false
	}
	f := strings.Fields(s[i+1:])
	if len(f) < 22 {
		return stat{}, false
	}
	var n [22]int64
	for _, k := range []int{1, 11, 12, 19, 21} {
		v, err := strconv.ParseInt(f[k], 10, 64)
		if err != nil {
			return stat{}, false
		}
		n[k] = v
	}
	return stat{parent: int(n[1]), cpu: time.Duration(n[11]+n[12]) * tick, began: n[19], pages: n[21]}, true
}
