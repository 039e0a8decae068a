// Command bench compares programs that read a Compose file: how long they take and how much memory, in pairs of runs that
// alternate, so that a busy machine slows down both alike.
//
//	bench [-pairs N] OURS DOCKER
//
// `OURS config -f FILE` is compared with `DOCKER -f FILE config`, which prints the same project, and `OURS convert -f FILE`
// with the same, which only loads it; with a `kompose` on PATH, its conversion is measured too. The files are generated. It
// fails when a goal is not met.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A comparison of one of our commands with Docker Compose.
type comparison struct {
	command string
	// The file of so many services.
	document func(services int) []byte
	services []int
	// How many times faster than Docker Compose it is to be with three services, and with more.
	small, large float64
	// How many times less memory it is to take.
	memory float64
}

// more is how many times as many pairs tell of a smaller project: what else the machine does takes as long as a small one.
func more(services int) int {
	switch {
	case services <= 3:
		return 5
	case services <= 500:
		return 3
	}
	return 1
}

var comparisons = []comparison{
	{"config", document, []int{3, 100, 500, 2000}, 10, 20, 5},
	{"convert", plainDocument, []int{3, 500, 2000}, 20, 30, 2},
}

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

// over is the median of the ratios to the other's runs, each of which followed at once: between pairs a busy machine changes.
func (s *sample) over(other *sample, value func(run) float64) float64 {
	ratios := make([]float64, len(s.runs))
	for i, r := range s.runs {
		ratios[i] = value(r) / value(other.runs[i])
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

func wall(r run) float64   { return r.wall.Seconds() * 1000 }
func cpu(r run) float64    { return r.cpu.Seconds() * 1000 }
func memory(r run) float64 { return float64(r.memory) / (1 << 20) }

func main() {
	pairs := flag.Int("pairs", 7, "how many times each program is run on the largest files; more often on others")
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
	for _, program := range []string{ours, docker} {
		if err := forget(program); err != nil {
			return err
		}
	}

	fmt.Printf("%d pairs of runs, %d up to 500 services, %d with three; times in ms, least / median; memory in MiB, median;\n"+
		"ratios of times are the median of those within the pairs\n", pairs, pairs*more(500), pairs*more(3))
	kompose, _ := exec.LookPath("kompose")
	var missed []string
	for _, c := range comparisons {
		met, err := c.run(directory, ours, docker, kompose, pairs)
		if err != nil {
			return err
		}
		if !met {
			missed = append(missed, c.command)
		}
	}
	if kompose == "" {
		fmt.Println("\nkompose: not measured, there is none on PATH")
	}
	if len(missed) > 0 {
		return fmt.Errorf("the goals of %s are not met", strings.Join(missed, " and "))
	}
	return nil
}

// forget lets the system forget a program's file. One that was just built is kept in larger pieces than one that was read from
// the disk, and whoever looks into a piece has all of it among its memory: some 0.8 MiB of a program of 12.
func forget(program string) error {
	const dontNeed = 4 // POSIX_FADV_DONTNEED
	path, err := exec.LookPath(program)
	if err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	// What is not on the disk yet is not forgotten.
	if err := file.Sync(); err != nil {
		return err
	}
	if _, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, file.Fd(), 0, 0, dontNeed, 0, 0); errno != 0 {
		return fmt.Errorf("%s: cannot be forgotten: %w", path, errno)
	}
	return nil
}

// run prints a comparison, and returns whether its goals are met.
func (c comparison) run(directory, ours, docker, kompose string, pairs int) (bool, error) {
	fmt.Printf("\n%s\n%8s | %18s %18s %7s | %16s %16s %7s | %7s %7s %7s\n", c.command, "services", "ours", "docker", "ratio",
		"ours, CPU", "docker, CPU", "ratio", "ours", "docker", "ratio")
	perService := map[int]float64{}
	met := true
	for _, services := range c.services {
		file := filepath.Join(directory, fmt.Sprintf("%s-%d.yaml", c.command, services))
		if err := os.WriteFile(file, c.document(services), 0o600); err != nil {
			return false, err
		}
		programs := [][]string{{ours, c.command, "-f", file}, {docker, "-f", file, "config"}}
		if c.command == "convert" && kompose != "" {
			programs = append(programs, []string{kompose, "convert", "--stdout", "-f", file})
		}
		samples := make([]sample, len(programs))
		for range pairs * more(services) {
			for i, args := range programs {
				r, err := measure(directory, args)
				if err != nil {
					return false, err
				}
				samples[i].runs = append(samples[i].runs, r)
			}
		}
		ownWall, ownWallMedian := samples[0].of(wall)
		otherWall, otherWallMedian := samples[1].of(wall)
		ownCPU, ownCPUMedian := samples[0].of(cpu)
		otherCPU, otherCPUMedian := samples[1].of(cpu)
		wallRatio := samples[1].over(&samples[0], wall)
		_, ownMemory := samples[0].of(memory)
		_, otherMemory := samples[1].of(memory)
		fmt.Printf("%8d | %8.1f /%8.1f %8.1f /%8.1f %7.1f | %7.1f /%7.1f %7.1f /%7.1f %7.1f | %7.1f %7.1f %7.1f\n", services,
			ownWall, ownWallMedian, otherWall, otherWallMedian, wallRatio,
			ownCPU, ownCPUMedian, otherCPU, otherCPUMedian, samples[1].over(&samples[0], cpu),
			ownMemory, otherMemory, otherMemory/ownMemory)
		if len(samples) > 2 {
			least, median := samples[2].of(wall)
			_, used := samples[2].of(memory)
			fmt.Printf("%8s | kompose %.1f / %.1f ms, %.1f MiB\n", "", least, median, used)
		}
		goal := c.large
		if services == 3 {
			goal = c.small
		}
		met = met && wallRatio >= goal && otherMemory/ownMemory >= c.memory
		perService[services] = ownCPU * 1000 / float64(services)
	}
	fmt.Printf("ours, CPU a service, least: %.0f us of 500, %.0f us of 2000\n", perService[500], perService[2000])
	verdict := "met"
	if !met {
		verdict = "NOT met"
	}
	fmt.Printf("goals (%.0f times faster with 3 services, %.0f times with more, 1/%.0f of the memory): %s\n", c.small, c.large,
		c.memory, verdict)
	return met, nil
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
