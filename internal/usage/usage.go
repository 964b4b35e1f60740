// Package usage measures what airworthy itself takes of the machine while a
// run goes on, so that the report can state it. It reads Linux's /proc.
package usage

import (
	"os"
	"path/filepath"
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
	// CPU is the processor time of airworthy and of its children that ended.
	CPU time.Duration `json:"cpu"`
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

	once sync.Once
	stop chan struct{}
	done chan struct{}
}

// Start begins to watch, and looks at the memory once in every period.
func Start(every time.Duration) *Sampler {
	s := &Sampler{
		proc: "/proc", began: time.Now(), own: ownCPU(),
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
	return Usage{
		PeakMemory:   s.peak,
		PeakPrograms: s.programs,
		CPU:          ownCPU() - s.own,
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
	own, programs := treeMemory(s.proc, os.Getpid(), int64(os.Getpagesize()))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peak, s.programs = max(s.peak, own), max(s.programs, programs)
}

// ownCPU is the processor time of this process and its ended children.
func ownCPU() time.Duration {
	var total time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return total
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

// treeMemory is the resident memory, in bytes, of process root and those below
// it: own of programs from root's folder, programs of all others and of what
// these started.
func treeMemory(proc string, root int, page int64) (own, programs int64) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return 0, 0
	}
	parents, pages := map[int]int{}, map[int]int64{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		data, err := os.ReadFile(filepath.Join(proc, e.Name(), "stat"))
		if err != nil {
			continue // it ended in between
		}
		if parent, resident, ok := parseStat(string(data)); ok {
			parents[pid], pages[pid] = parent, resident
		}
	}
	folder := programFolder(proc, root)
	for pid := range pages {
		foreign := false
		for p, ok := pid, true; ok && p != 0; p, ok = parents[p] {
			if p != root {
				foreign = foreign || programFolder(proc, p) != folder
				continue
			}
			memory, ok := proportional(proc, pid)
			if !ok {
				memory = pages[pid] * page
			}
			if foreign {
				programs += memory
			} else {
				own += memory
			}
			break
		}
	}
	return own, programs
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

// parseStat reads the parent and the resident pages of /proc/PID/stat. The
// name in it may hold anything, so fields are counted from its last bracket.
func parseStat(s string) (parent int, resident int64, ok bool) {
	i := strings.LastIndexByte(s, ')')
	if i < 0 {
		return 0, 0, false
	}
	f := strings.Fields(s[i+1:])
	if len(f) < 22 {
		return 0, 0, false
	}
	parent, err := strconv.Atoi(f[1])
	if err != nil {
		return 0, 0, false
	}
	resident, err = strconv.ParseInt(f[21], 10, 64)
	return parent, resident, err == nil
}
