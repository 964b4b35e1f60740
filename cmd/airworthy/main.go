// Command airworthy brings an Airflow platform up on Kubernetes, makes it do
// its work, and gives a verdict that can be checked again from files. The
// commands are thin: what they do lives in pkg/. Only this package reads the
// environment's variables.
package main

import (
	"context"
	"os"
	"runtime/debug"
)

// collectAt is the growth of the heap in percent at which it is collected, for
// airworthy and for the suites.
const collectAt = 50

// heapLimit is the memory in bytes from which airworthy itself collects harder
// and gives back to the machine. Rendering charts and reading schemas takes more
// for some seconds; while checks run, half of it is needed.
const heapLimit = 56 << 20

// suiteMemory is the heap in bytes from which a process of the suites collects
// harder. It needs some 20 MiB; only answers with logs of megabytes go above.
const suiteMemory = 36 << 20

func main() {
	os.Exit(start())
}

// start is main with an exit code, so that deferred calls run.
func start() int {
	// airworthy shares the machine with the platform under test: memory counts
	// for more than the little processor time that collecting it takes.
	debug.SetGCPercent(collectAt)
	debug.SetMemoryLimit(heapLimit)
	env, err := readEnviron(os.LookupEnv)
	if err != nil {
		return complain(os.Stderr, usageError(err))
	}
	a := newApp(env, os.Stdout, os.Stderr)
	ctx, stop := a.interruptible(context.Background())
	defer stop()
	return a.execute(ctx, os.Args[1:])
}
