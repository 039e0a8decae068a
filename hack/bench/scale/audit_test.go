package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestALineThatWasBeingWrittenAtTheMarkIsNotOfWhatCameAfterIt(t *testing.T) {
	lines := []string{`{"verb":"get"}`, `{"verb":"list"}`, `{"verb":"watch"}`}
	log := filepath.Join(t.TempDir(), "audit.log")
	var text string
	for _, line := range lines {
		text += line + "\n"
	}
	if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	second := int64(len(lines[0]) + 1)
	for mark, expected := range map[int64][]string{
		0: {"get", "list", "watch"}, 1: {"list", "watch"}, second - 1: {"list", "watch"}, second: {"list", "watch"}, second + 1: {"watch"},
		int64(len(text)): nil, int64(len(text)) - 3: nil,
	} {
		var verbs []string
		if err := readRequests(log, mark, nil, func(r request) { verbs = append(verbs, r.Verb) }); err != nil {
			t.Fatalf("from %d: %v", mark, err)
		}
		if !slices.Equal(verbs, expected) {
			t.Errorf("from %d: %v, and not %v", mark, verbs, expected)
		}
	}
}
