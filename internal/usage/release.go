package usage

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Release gives memory back to the machine that this process does not need any
// more: what the heap holds free, and the pages of its own program. Most of a
// large program is read once, when it starts and while it sets things up, and the
// kernel keeps every page of it mapped until memory is short. What is needed
// again is mapped again, from the file or what the kernel has kept of it.
func Release() {
	debug.FreeOSMemory()
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return // not Linux: the heap was given back
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for _, m := range programPages(string(maps), self) {
		// Advice alone: a kernel that does not take it changes nothing.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED)
	}
}

type mapping struct{ start, end uintptr }

// programPages are the mappings of a program's file that cannot be written to,
// so that what they hold is what the file holds.
func programPages(maps, program string) (pages []mapping) {
	for line := range strings.Lines(maps) {
		// address perms offset dev inode path
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[5] != program || strings.Contains(fields[1], "w") || !strings.HasSuffix(fields[1], "p") {
			continue
		}
		from, to, ok := strings.Cut(fields[0], "-")
		start, startErr := strconv.ParseUint(from, 16, 64)
		end, endErr := strconv.ParseUint(to, 16, 64)
		if ok && startErr == nil && endErr == nil && start < end {
			pages = append(pages, mapping{uintptr(start), uintptr(end)})
		}
	}
	return pages
}
