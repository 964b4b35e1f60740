// Package progress shows a person what a run does: the parts of the set-up,
// what each waits for, and the checks as they end. On a terminal it redraws a
// small block in place; elsewhere it prints one plain line when something
// begins or ends. It only shows: nothing that it prints decides a verdict.
package progress
