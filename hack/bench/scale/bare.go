package main

import (
	"fmt"
	"net/http"
	"time"
)

// replay lets a bare client make stacks, in namespaces from a number on.
func (b *bench) replay(recorded []recording, from int) (*plainStage, error) {
	pods := b.node.count.Load()
	start := time.Now()
	requests, err := replay(b.users, b.bare, recorded, from, concurrency)
	if err != nil {
		return nil, err
	}
	s := plainStage{stacks: len(recorded), sending: time.Since(start)}
	for wanted := pods + int64(services*len(recorded)); b.node.count.Load() < wanted; time.Sleep(50 * time.Millisecond) {
		if err := b.node.failure(); err != nil {
			return nil, err
		}
		if time.Since(start) > 8*time.Minute {
			return nil, fmt.Errorf("%d pods of the bare client are missing", wanted-b.node.count.Load())
		}
	}
	s.took = time.Since(start)
	b.say("a bare client sent the same writes for %d stacks, %d, in %s, and all their pods were ready after %s: %.1f ms each",
		s.stacks, requests, short(s.sending), short(s.took), milliseconds(s.each()))
	return &s, nil
}

// What a bare client took for stacks: to send its requests, and until the pods were ready as well.
type plainStage struct {
	stacks        int
	sending, took time.Duration
}

// each is the time for one of its stacks.
func (s *plainStage) each() time.Duration { return s.took / time.Duration(s.stacks) }

// removePlain deletes the first stacks of the bare client, and waits until the cluster has deleted what is theirs.
func (b *bench) removePlain(count int) error {
	err := each(count, concurrency, func(i int) error {
		_, err := b.users.do(http.MethodDelete, fmt.Sprintf(stacksPath, namespace(plainPrefix, i))+"/"+stackName, "", nil)
		return err
	})
	if err != nil {
		return err
	}
	err = each(count, concurrency, func(i int) error { return gone(b.users, namespace(plainPrefix, i)) })
	if err != nil {
		return err
	}
	return untilQuiet(b.audit)
}

// compare tells what the operator adds to the time that the cluster itself takes, with few stacks in it and with all.
func (b *bench) compare(first, last *stage, bareFirst, bareLast *plainStage) {
	quotient := func(one, other time.Duration) float64 { return one.Seconds() / other.Seconds() }
	withFew, withAll := quotient(first.each(), bareFirst.each()), quotient(last.each(), bareLast.each())
	b.table.row(fmt.Sprintf("the last %d stacks converge, beside a bare client", last.stacks), ratio(withAll), "<= 1.3", withAll <= 1.3)
	b.table.row("  beside its sending alone", ratio(quotient(last.each(), bareLast.sending/time.Duration(bareLast.stacks))), "", true)
	b.table.row(fmt.Sprintf("the first %d, beside a bare client", first.stacks), ratio(withFew), "<= 1.3", withFew <= 1.3)
	// The cluster grows slower as it fills, whoever sends: the bare client tells how much.
	b.table.row("  the one quotient beside the other", ratio(withAll/withFew), "<= 1.3, linear", withAll <= 1.3*withFew)
	b.table.row(fmt.Sprintf("time a stack: the last %d beside the first %d", last.stacks, first.stacks), ratio(quotient(last.each(), first.each())), "", true)
	b.table.row("  of the bare client", ratio(quotient(bareLast.each(), bareFirst.each())), "", true)
	computed := (last.computed.Seconds() / float64(last.stacks)) / (first.computed.Seconds() / float64(first.stacks))
	b.table.row("  of the operator's own computing", ratio(computed), "", true)
}
