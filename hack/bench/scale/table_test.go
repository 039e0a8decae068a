package main

import "testing"

func TestAMissedGoalFailsAFullRun(t *testing.T) {
	var measured table
	measured.row("time", "1 s", "<= 2 s", true)
	if err := measured.print(goalStacks); err != nil {
		t.Fatalf("every goal is met: %v", err)
	}
	measured.row("memory", "130 MB", "<= 120 MB", false)
	if err := measured.print(goalStacks - 1); err != nil {
		t.Fatalf("the goals are not for so few stacks: %v", err)
	}
	if measured.print(goalStacks) == nil {
		t.Fatal("a goal is not met")
	}
}
