// Command oracle answers what compose-go, the library that Docker Compose reads its files with, makes of Compose files.
//
// It reads requests from standard input, one JSON object a line, and writes an answer to each, one JSON object a line.
// A request is loaded in a directory of its own, called ${DIR} in answers; the directory's parents that hold nothing
// else are ${ROOT}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
)

// Request is what to load, and in which surroundings.
type Request struct {
	// Op is "load" or "schema".
	Op string `json:"op"`
	// Files are the texts of the project's files by their path relative to its directory.
	Files map[string]string `json:"files"`
	// Documents are the paths of the Compose files, in the order of -f.
	Documents []string `json:"documents"`
	// Env is the whole process environment.
	Env map[string]string `json:"env"`
	// Profiles are the active profiles.
	Profiles []string `json:"profiles"`
	// Project is the project's name, when it is given explicitly.
	Project *string `json:"project"`
	// Repeat is how often to load; the order of Go's maps makes some outcomes differ from load to load.
	Repeat int `json:"repeat"`
}

// Outcome is a canonical project, or an error.
type Outcome struct {
	Project json.RawMessage `json:"project,omitempty"`
	// Pruned is what `docker compose config` prints, where it is not the project.
	Pruned json.RawMessage `json:"pruned,omitempty"`
	// Models are the project's models, which compose-go prints in YAML and forgets in JSON.
	Models types.Models `json:"models,omitempty"`
	// PrunedModels are those that services use.
	PrunedModels types.Models `json:"pruned_models,omitempty"`
	Error        string       `json:"error,omitempty"`
	Class        string       `json:"class,omitempty"`
}

// Answer has the different outcomes of a request, the first one first, or the schema.
type Answer struct {
	Outcomes []Outcome       `json:"outcomes,omitempty"`
	Schema   json.RawMessage `json:"schema,omitempty"`
	Fault    string          `json:"fault,omitempty"`
}

// A load that takes longer never ends.
const patience = 30 * time.Second

func main() {
	logrus.SetLevel(logrus.PanicLevel)
	root, err := os.MkdirTemp("", "compose-oracle-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
	status := serve(root)
	_ = os.Chdir("/")
	_ = os.RemoveAll(root)
	os.Exit(status)
}

func serve(root string) int {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return 0
		}
		answer := reply(root, line)
		text, err := json.Marshal(answer)
		if err != nil {
			text, _ = json.Marshal(Answer{Fault: err.Error()})
		}
		_, _ = out.Write(append(text, '\n'))
		if err := out.Flush(); err != nil {
			fmt.Fprintln(os.Stderr, "oracle:", err)
			return 1
		}
	}
}

func reply(root string, line []byte) Answer {
	var request Request
	if err := json.Unmarshal(line, &request); err != nil {
		return Answer{Fault: err.Error()}
	}
	if request.Op == "schema" {
		return Answer{Schema: json.RawMessage(schema.Schema)}
	}
	watchdog := time.AfterFunc(patience, func() {
		fmt.Fprintln(os.Stderr, "oracle: a load did not end:", string(line))
		_ = os.RemoveAll(root)
		os.Exit(3)
	})
	defer watchdog.Stop()
	outcomes, err := loadAll(root, request)
	if err != nil {
		return Answer{Fault: err.Error()}
	}
	return Answer{Outcomes: outcomes}
}
