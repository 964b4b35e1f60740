package harness

import "testing"

func TestLastLine(t *testing.T) {
	var got Probed
	err := lastLine("2026-11-28T00:00:00 [info] Cloning bare repository\n"+`{"exitCode": 1, "error": "Error cloning repository\nHost key verification failed."}`+"\n", &got)
	if err != nil || got.ExitCode != 1 || got.Said() != "Error cloning repository\nHost key verification failed." {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := lastLine("nothing of JSON", &got); err == nil {
		t.Error("something that is no answer was taken for one")
	}
}
