package usage

import (
	"os"
	"slices"
	"testing"
)

func TestProgramPages(t *testing.T) {
	maps := `00400000-02b3f000 r-xp 00000000 fe:00 123 /opt/bin/airworthy
02b3f000-04f00000 r--p 0273f000 fe:00 123 /opt/bin/airworthy
04f00000-05100000 rw-p 04b00000 fe:00 123 /opt/bin/airworthy
05100000-05200000 rw-p 00000000 00:00 0 [heap]
7f0000000000-7f0000001000 r-xp 00000000 fe:00 9 /lib/other.so
7f0000002000-7f0000003000 r--s 00000000 fe:00 123 /opt/bin/airworthy
7f0000004000-7f0000005000 r--p 00000000 00:00 0
`
	want := []mapping{{0x00400000, 0x02b3f000}, {0x02b3f000, 0x04f00000}}
	if got := programPages(maps, "/opt/bin/airworthy"); !slices.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestTheProgramGoesOnAfterRelease(t *testing.T) {
	resident := func() int64 { return readTree("/proc", os.Getpid(), int64(os.Getpagesize())).own }
	before := resident()
	Release()
	after := resident()
	if after >= before {
		t.Errorf("%d bytes before and %d after", before, after)
	}
}
