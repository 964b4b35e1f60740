package stack

import (
	"errors"
	"testing"
)

func TestOneAtATimeHoldsAStack(t *testing.T) {
	state := t.TempDir()
	release, err := Hold(state, "local")
	if err != nil {
		t.Fatal(err)
	}
	var held *HeldError
	if _, err := Hold(state, "local"); !errors.As(err, &held) || held.Name != "local" {
		t.Errorf("a second one of this name: %v", err)
	}
	other, err := Hold(state, "other")
	if err != nil {
		t.Errorf("one of another name: %v", err)
	} else {
		other()
	}
	var some *HeldError
	if _, err := HoldAll(state); !errors.As(err, &some) {
		t.Errorf("all of them, while one is held: %v", err)
	}
	release()
	release()
	all, err := HoldAll(state)
	if err != nil {
		t.Errorf("all of them: %v", err)
	} else {
		all()
	}
	again, err := Hold(state, "local")
	if err != nil {
		t.Fatalf("after the first one's end: %v", err)
	}
	again()
	if names, err := Standing(state); err != nil || len(names) != 0 {
		t.Errorf("a hold counts as a stack: %v, %v", names, err)
	}
}
