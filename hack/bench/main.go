// Command bench compares two programs that print a Compose project: how long they take and how much memory, in pairs of
// runs that alternate, so that a busy machine slows down both alike.
//
//	bench [-pairs N] OURS DOCKER
//
// OURS is run as `OURS config -f FILE`, DOCKER as `DOCKER -f FILE config`. The files are generated.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// The ratios that the loader is held to: time of Docker over ours, and memory.
const (
	goalSmall  = 10
	goalLarge  = 20
	goalMemory = 5
)

type run struct {
	wall, cpu time.Duration
	// Peak resident memory in bytes.
	memory int64
}

type sample struct{ runs []run }

func (s *sample) of(value func(run) float64) (least, median float64) {
	values := make([]float64, len(s.runs))
	for i, r := range s.runs {
		values[i] = value(r)
	}
	slices.Sort(values)
	return values[0], values[len(values)/2]
}

func wall(r run) float64   { return r.wall.Seconds() * 1000 }
func cpu(r run) float64    { return r.cpu.Seconds() * 1000 }
func memory(r run) float64 { return float64(r.memory) / (1 << 20) }

func main() {
	pairs := flag.Int("pairs", 7, "how many times each program is run on each file")
	flag.Parse()
	if flag.NArg() != 2 || *pairs < 1 {
		fmt.Fprintln(os.Stderr, "usage: bench [-pairs N] OURS DOCKER")
		os.Exit(2)
	}
	if err := bench(flag.Arg(0), flag.Arg(1), *pairs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ours, docker string, pairs int) error {
	directory, err := os.MkdirTemp("", "compose-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)

	fmt.Printf("%d pairs of runs; times in ms, least / median; memory in MiB, median\n\n", pairs)
	fmt.Printf("%8s | %18s %18s %7s | %16s %16s %7s | %7s %7s %7s\n", "services", "ours", "docker", "ratio",
		"ours, CPU", "docker, CPU", "ratio", "ours", "docker", "ratio")
	perService := map[int]float64{}
	met := true
	for _, services := range []int{3, 100, 500, 2000} {
		file := filepath.Join(directory, fmt.Sprintf("%d.yaml", services))
		if err := os.WriteFile(file, document(services), 0o600); err != nil {
			return err
		}
		var own, other sample
		for range pairs {
			for _, program := range []struct {
				into *sample
				args []string
			}{{&own, []string{ours, "config", "-f", file}}, {&other, []string{docker, "-f", file, "config"}}} {
				r, err := measure(directory, program.args)
				if err != nil {
					return err
				}
				program.into.runs = append(program.into.runs, r)
			}
		}
		ownWall, ownWallMedian := own.of(wall)
		otherWall, otherWallMedian := other.of(wall)
		ownCPU, ownCPUMedian := own.of(cpu)
		otherCPU, otherCPUMedian := other.of(cpu)
		_, ownMemory := own.of(memory)
		_, otherMemory := other.of(memory)
		fmt.Printf("%8d | %8.1f /%8.1f %8.1f /%8.1f %7.1f | %7.1f /%7.1f %7.1f /%7.1f %7.1f | %7.1f %7.1f %7.1f\n", services,
			ownWall, ownWallMedian, otherWall, otherWallMedian, otherWallMedian/ownWallMedian,
			ownCPU, ownCPUMedian, otherCPU, otherCPUMedian, otherCPUMedian/ownCPUMedian,
			ownMemory, otherMemory, otherMemory/ownMemory)
		goal := goalLarge
		if services == 3 {
			goal = goalSmall
		}
		met = met && otherWallMedian/ownWallMedian >= float64(goal) && otherMemory/ownMemory >= goalMemory
		perService[services] = ownCPU * 1000 / float64(services)
	}
	fmt.Printf("\nours, CPU a service, least: %.0f us of 100, %.0f us of 500, %.0f us of 2000\n", perService[100], perService[500],
		perService[2000])
	verdict := "met"
	if !met {
		verdict = "NOT met"
	}
	fmt.Printf("goals (%d times faster with 3 services, %d times with more, a %dth of the memory): %s\n", goalSmall, goalLarge,
		goalMemory, verdict)
	return nil
}

// measure runs a program to its end, without its output, and without the environment.
func measure(home string, args []string) (run, error) {
	command := exec.Command(args[0], args[1:]...)
	command.Env = []string{"HOME=" + home}
	start := time.Now()
	if err := command.Run(); err != nil {
		return run{}, fmt.Errorf("%v: %w", args, err)
	}
	elapsed := time.Since(start)
	usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return run{}, fmt.Errorf("this system does not tell what a process used")
	}
	state := command.ProcessState
	return run{elapsed, state.UserTime() + state.SystemTime(), usage.Maxrss * 1024}, nil
}
