package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The operator as a process of its own, as its chart runs it.
type operator struct {
	command *exec.Cmd
	address string
	started time.Time
	ended   chan error
}

func startOperator(program, kubeconfig, log string) (*operator, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	listener.Close()
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	// There is no registry here to read images from.
	command := exec.Command(program, "run", "--listen", address, "--namespace", "compose-operator", "--leader-elect", "--image-configs", "off")
	command.Env = []string{"KUBECONFIG=" + kubeconfig}
	command.Stdout, command.Stderr = file, file
	o := &operator{command: command, address: address, started: time.Now(), ended: make(chan error, 1)}
	if err := command.Start(); err != nil {
		return nil, err
	}
	go func() { o.ended <- command.Wait() }()
	return o, nil
}

// kill ends the operator if there is one and it still runs.
func (o *operator) kill() {
	if o != nil {
		_ = o.command.Process.Kill()
	}
}

// stop asks the operator to end, and waits for it.
func (o *operator) stop() error {
	if err := o.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-o.ended:
		return err
	case <-time.After(time.Minute):
		return fmt.Errorf("the operator does not end")
	}
}

func (o *operator) get(path string) (int, []byte, error) {
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Get("http://" + o.address + path)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// until asks again and again, and returns the time since the operator was started.
func (o *operator) until(what string, limit time.Duration, done func() bool) (time.Duration, error) {
	for deadline := time.Now().Add(limit); !done(); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-o.ended:
			return 0, fmt.Errorf("the operator ended before it was %s: %w", what, err)
		default:
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("the operator is not %s after %s", what, limit)
		}
	}
	return time.Since(o.started), nil
}

func (o *operator) untilReady() (time.Duration, error) {
	return o.until("ready", 2*time.Minute, func() bool {
		code, _, err := o.get("/readyz")
		return err == nil && code == http.StatusOK
	})
}

// untilReconciled waits for so many reconciliations.
func (o *operator) untilReconciled(count int) (time.Duration, error) {
	return o.until(fmt.Sprintf("through %d stacks", count), 5*time.Minute, func() bool { return o.reconciliations() >= count })
}

func (o *operator) reconciliations() int {
	_, body, err := o.get("/metrics")
	if err != nil {
		return 0
	}
	sum := 0
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		if line := lines.Text(); strings.HasPrefix(line, "compose_operator_reconcile_total{") {
			value, _ := strconv.Atoi(line[strings.LastIndexByte(line, ' ')+1:])
			sum += value
		}
	}
	return sum
}

// memory is the resident memory now, and at its peak, in bytes.
func (o *operator) memory() (now, peak float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", o.command.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes float64
		if _, err := fmt.Sscanf(line, "VmRSS: %f kB", &kilobytes); err == nil {
			now = kilobytes * 1024
		}
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kilobytes); err == nil {
			peak = kilobytes * 1024
		}
	}
	return now, peak, nil
}

// processor is the time that the operator has spent on a processor, in user and kernel mode.
func (o *operator) processor() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", o.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The second field, in parentheses, is the program's name. The times are the 14th and the 15th, in ticks of 10 ms.
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("cannot read /proc/%d/stat", o.command.Process.Pid)
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}
