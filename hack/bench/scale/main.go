// Command scale measures the operator with thousands of stacks on a real API server with the cluster's own controllers, and a node
// that is an object with pods that are ready at once. KUBECONFIG, COMPOSE_OPERATOR_OPERATOR_KUBECONFIG and COMPOSE_OPERATOR_AUDIT_LOG name
// the cluster, which is to have nothing in it yet:
//
//	scale [-stacks N] [-repairs N] [-rest DURATION] OPERATOR
//
// It fails when it was run with as many stacks as the goals are for, and one of them is not met.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	// The prefixes of the namespaces: of stacks that the operator runs, and of those that a bare client makes.
	stackPrefix = "scale"
	plainPrefix = "plain"
	// How many stacks the operator works on at a time, by its default.
	concurrency = 8
)

func main() {
	stacks := flag.Int("stacks", goalStacks, "how many stacks")
	repairs := flag.Int("repairs", 200, "how many children are deleted to see them return")
	rest := flag.Duration("rest", time.Minute, "how long the operator is watched at rest")
	flag.Parse()
	if flag.NArg() != 1 || *stacks < 20 || *repairs < 1 {
		fmt.Fprintln(os.Stderr, "usage: scale [-stacks N, at least 20] [-repairs N] [-rest DURATION] OPERATOR")
		os.Exit(2)
	}
	b := bench{program: flag.Arg(0), stacks: *stacks, repairs: *repairs, rest: *rest, began: time.Now()}
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

type bench struct {
	program         string
	stacks, repairs int
	rest            time.Duration
	began           time.Time

	users, bare *client
	node        *node
	ready       *readiness
	audit       string
	log         string
	kubeconfig  string
	table       table
}

func (b *bench) say(format string, arguments ...any) {
	fmt.Printf("%5.0f s  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, arguments...))
}

func (b *bench) run() error {
	if err := b.prepare(); err != nil {
		return err
	}
	operator, err := b.start()
	if err != nil {
		return err
	}
	// Whichever runs at the end.
	defer func() { operator.kill() }()
	few, middle, all := b.stages()
	first, err := b.converge(operator, 0, few)
	if err != nil {
		return err
	}
	// Before there are many stacks, and the operator away: to it, these would be stacks of its own.
	if err := operator.stop(); err != nil {
		return err
	}
	bareFirst, err := b.replay(first.recorded, 0)
	if err != nil {
		return err
	}
	if err := b.removePlain(few); err != nil {
		return err
	}
	if operator, err = b.start(); err != nil {
		return err
	}
	half, err := b.converge(operator, few, middle)
	if err != nil {
		return err
	}
	last, err := b.converge(operator, middle, all)
	if err != nil {
		return err
	}
	b.table.row(fmt.Sprintf("resident memory with %d stacks", b.stacks), megabytes(last.memory), "<= 120 MB", last.memory <= 120e6)
	further := (last.memory - half.memory) / float64(last.stacks)
	b.table.row("  a further stack", kilobytes(further), "<= 25 kB", further <= 25e3)
	b.say("the requests of a stack of the last %d:", last.stacks)
	b.table.requests(last.traffic.kinds(), last.stacks)
	if err := b.atRest(operator); err != nil {
		return err
	}
	if err := b.repair(); err != nil {
		return err
	}
	if err := b.ready.wait(b.stacks, time.Minute); err != nil {
		return err
	}
	if err := operator.stop(); err != nil {
		return err
	}
	if operator, err = b.restart(); err != nil {
		return err
	}
	if err := operator.stop(); err != nil {
		return err
	}
	bareLast, err := b.replay(last.recorded[:b.plain()], few)
	if err != nil {
		return err
	}
	b.compare(first, last, bareFirst, bareLast)
	if err := b.node.failure(); err != nil {
		return err
	}
	missed := b.table.print(b.stacks)
	// Whoever looks for the cause of a missed goal reads it.
	if missed != nil {
		return fmt.Errorf("%w; the operator's log is %s", missed, b.log)
	}
	return os.RemoveAll(filepath.Dir(b.log))
}

// prepare installs the operator's definitions and rights, the node, and the namespaces.
func (b *bench) prepare() error {
	b.kubeconfig = os.Getenv("COMPOSE_OPERATOR_OPERATOR_KUBECONFIG")
	b.audit = os.Getenv("COMPOSE_OPERATOR_AUDIT_LOG")
	if b.kubeconfig == "" || b.audit == "" {
		return fmt.Errorf("no cluster of tests/cluster is named by the environment: run this by `make bench-scale`")
	}
	directory, err := os.MkdirTemp("", "compose-scale-")
	if err != nil {
		return err
	}
	b.log = directory + "/operator.log"
	if b.users, err = newClient(os.Getenv("KUBECONFIG")); err != nil {
		return err
	}
	if b.bare, err = newClient(b.kubeconfig); err != nil {
		return err
	}
	if err := install(); err != nil {
		return err
	}
	ctx := context.Background()
	if b.node, err = startNode(ctx, b.users); err != nil {
		return err
	}
	if err := makeNamespaces(b.users, stackPrefix, b.stacks); err != nil {
		return err
	}
	few, _, _ := b.stages()
	if err := makeNamespaces(b.users, plainPrefix, few+b.plain()); err != nil {
		return err
	}
	b.ready = watchReadiness(ctx, b.users)
	b.say("%d namespaces are there; the operator's log is %s", b.stacks+few+b.plain(), b.log)
	return nil
}

// start starts the operator and waits until it is ready.
func (b *bench) start() (*operator, error) {
	operator, err := startOperator(b.program, b.kubeconfig, b.log)
	if err != nil {
		return nil, err
	}
	if _, err := operator.untilReady(); err != nil {
		operator.kill()
		return nil, err
	}
	return operator, nil
}

// stages are the numbers of stacks at which is measured.
func (b *bench) stages() (few, middle, all int) { return b.stacks / 20, b.stacks / 2, b.stacks }

// plain is how many stacks a bare client makes beside all others: as many as tell how fast it is.
func (b *bench) plain() int { return min(b.stacks/4, 200) }

// Stacks that were made together, and what they took until all were ready.
type stage struct {
	stacks   int
	took     time.Duration
	computed time.Duration
	memory   float64
	traffic  *traffic
	recorded []recording
}

// each is the time for one of its stacks.
func (s *stage) each() time.Duration { return s.took / time.Duration(s.stacks) }

// converge makes stacks until there are so many, and waits for them.
func (b *bench) converge(operator *operator, from, until int) (*stage, error) {
	since, err := mark(b.audit)
	if err != nil {
		return nil, err
	}
	before, err := operator.processor()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	err = each(until-from, concurrency, func(i int) error {
		_, err := makeStack(b.users, namespace(stackPrefix, from+i))
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := b.ready.wait(until, 20*time.Minute); err != nil {
		return nil, fmt.Errorf("%w; see %s", err, b.log)
	}
	s := stage{stacks: until - from, took: time.Since(start)}
	after, err := operator.processor()
	if err != nil {
		return nil, err
	}
	s.computed = after - before
	b.settle(operator)
	if s.memory, _, err = operator.memory(); err != nil {
		return nil, err
	}
	if s.traffic, err = readTraffic(b.audit, since); err != nil {
		return nil, err
	}
	s.recorded = recordings(s.traffic)
	b.say("%d more stacks are ready after %s: %.1f ms each, of which the operator computed %.1f ms; it has %s", s.stacks, short(s.took),
		milliseconds(s.each()), milliseconds(s.computed)/float64(s.stacks), megabytes(s.memory))
	return &s, nil
}

// settle waits until the operator has nothing left to do.
func (b *bench) settle(operator *operator) {
	for last := -1; last != operator.reconciliations(); time.Sleep(3 * time.Second) {
		last = operator.reconciliations()
	}
}

func (b *bench) atRest(operator *operator) error {
	since, err := mark(b.audit)
	if err != nil {
		return err
	}
	before, err := operator.processor()
	if err != nil {
		return err
	}
	time.Sleep(b.rest)
	after, err := operator.processor()
	if err != nil {
		return err
	}
	traffic, err := readTraffic(b.audit, since)
	if err != nil {
		return err
	}
	_, peak, err := operator.memory()
	if err != nil {
		return err
	}
	share := 100 * (after - before).Seconds() / b.rest.Seconds()
	b.say("at rest for %s: %d requests, watches aside, and %s of a processor; the peak of its memory was %s", b.rest, len(traffic.requests)-
		traffic.count(func(r *request) bool { return r.Verb == "watch" }), short(after-before), megabytes(peak))
	b.table.row("writes at rest", fmt.Sprint(traffic.writes()), "0", traffic.writes() == 0)
	b.table.row("processor at rest", fmt.Sprintf("%.2f %%", share), "< 1 % of a core", share < 1)
	return nil
}

// repair deletes children one by one, and tells how long it takes until they are back, and who takes that time.
func (b *bench) repair() error {
	repairs, err := repairTimes(b.users, b.audit, b.stacks, b.repairs)
	if err != nil {
		return err
	}
	b.say("%d children returned, half and all but one in a hundred of each kind within: %s", len(repairs), shares(repairs))
	for i := range min(3, len(repairs)) {
		b.say("  one of the slowest: %s", &repairs[len(repairs)-1-i])
	}
	p99 := quantile(99, repairs, (*repair).took)
	b.table.row("a deleted child is back, p99", short(p99), "< 250ms", p99 < 250*time.Millisecond)
	own := quantile(99, repairs, func(r *repair) time.Duration { return r.deleting + r.creating })
	b.table.row("  of that the API server's two requests, p99", short(own), "", true)
	hearing := quantile(99, repairs, func(r *repair) time.Duration { return r.hearing })
	b.table.row("  from one to the other, p99", short(hearing), "", true)
	return nil
}

// restart starts the operator anew, beside stacks that have converged.
func (b *bench) restart() (operator *operator, err error) {
	since, err := mark(b.audit)
	if err != nil {
		return nil, err
	}
	if operator, err = startOperator(b.program, b.kubeconfig, b.log); err != nil {
		return nil, err
	}
	ready, err := operator.untilReady()
	if err != nil {
		return operator, err
	}
	reconciled, err := operator.untilReconciled(b.stacks)
	if err != nil {
		return operator, err
	}
	b.settle(operator)
	traffic, err := readTraffic(b.audit, since)
	if err != nil {
		return operator, err
	}
	memory, peak, err := operator.memory()
	if err != nil {
		return operator, err
	}
	lists, unbounded := traffic.lists()
	b.say("restarted: %d lists, memory %s, at its peak %s", lists, megabytes(memory), megabytes(peak))
	b.table.row("ready after a restart", short(ready), "<= 10s", ready <= 10*time.Second)
	b.table.row("every stack reconciled after a restart", short(reconciled), "", true)
	b.table.row("writes after a restart", fmt.Sprint(traffic.writes()), "0", traffic.writes() == 0)
	b.table.row("lists that are not in pages", fmt.Sprint(unbounded), "0", unbounded == 0)
	b.table.row("objects of stacks read one by one", fmt.Sprint(traffic.readsOfStacks()), "0", traffic.readsOfStacks() == 0)
	b.table.row("resident memory after a restart", megabytes(memory), "<= 120 MB", memory <= 120e6)
	return operator, nil
}
