package images

import (
	"fmt"
	"sync"
	"testing"
)

// Each memory is what another process has open.
func TestMemoriesOfOneFileLoseNothing(t *testing.T) {
	dir := t.TempDir()
	const processes, each = 4, 10
	var wait sync.WaitGroup
	for p := range processes {
		m := openMemory(dir)
		wait.Go(func() {
			for i := range each {
				if err := m.put(remembered{Resolution: Resolution{Ref: Ref(fmt.Sprintf("image%d:%d", p, i))}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if m := openMemory(dir); m.trouble != nil || len(m.entries) != processes*each {
		t.Errorf("%d of %d entries are there, %v", len(m.entries), processes*each, m.trouble)
	}
}
