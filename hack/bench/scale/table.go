package main

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// The goals are for as many stacks. With few, what the operator needs for itself weighs more than what it needs for a stack.
const goalStacks = 2000

// What was measured, with what it is to be.
type table struct{ rows []row }

type row struct {
	what, result, goal string
	met                bool
}

func (t *table) row(what, result, goal string, met bool) {
	t.rows = append(t.rows, row{what, result, goal, met})
}

// print prints all rows, and returns an error when one of the goals was not met by as many stacks as the goals are for.
func (t *table) print(stacks int) error {
	fmt.Printf("\n%d stacks of %d services\n%-52s %12s   %s\n", stacks, services, "", "result", "goal")
	missed := 0
	for _, r := range t.rows {
		verdict := ""
		switch {
		case !r.met:
			verdict = "NOT met"
			missed++
		case r.goal != "":
			verdict = "met"
		}
		fmt.Printf("%-52s %12s   %-16s %s\n", r.what, r.result, r.goal, verdict)
	}
	if missed == 0 {
		fmt.Println("goals: met")
		return nil
	}
	fmt.Printf("goals: %d NOT met\n", missed)
	if stacks < goalStacks {
		fmt.Printf("which is no failure: the goals are for %d stacks\n", goalStacks)
		return nil
	}
	return fmt.Errorf("%d goals are not met", missed)
}

func (t *table) requests(kinds map[string]int, stacks int) {
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		fmt.Printf("%10s%-40s %6.2f\n", "", kind, float64(kinds[kind])/float64(stacks))
	}
}

func short(d time.Duration) string {
	if d < time.Second {
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }
func megabytes(bytes float64) string       { return fmt.Sprintf("%.1f MB", bytes/1e6) }
func kilobytes(bytes float64) string       { return fmt.Sprintf("%.1f kB", bytes/1e3) }
func ratio(value float64) string           { return fmt.Sprintf("%.2f", value) }
