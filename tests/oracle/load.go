package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/cli/pkg/kvfile"
)

// Docker Compose adds a format of env files to those of compose-go.
func init() {
	dotenv.RegisterFormat("raw", func(r io.Reader, _ string, vars map[string]string, lookup func(string) (string, bool)) error {
		lines, err := kvfile.ParseFromReader(r, lookup)
		for _, line := range lines {
			key, value, _ := strings.Cut(line, "=")
			vars[key] = value
		}
		return err
	})
}

// below is where the project directory is; its parents are its own too, so that ../.. is known.
const below = "one/two/project"

// loadAll loads a request as often as it asks for, and gives the outcomes that differ.
func loadAll(root string, request Request) ([]Outcome, error) {
	directory := filepath.Join(root, below)
	defer func() {
		_ = os.Chdir(root)
		_ = os.RemoveAll(filepath.Join(root, "one"))
	}()
	if err := write(directory, request.Files); err != nil {
		return nil, err
	}
	if err := os.Chdir(directory); err != nil {
		return nil, err
	}
	os.Clearenv()
	for key, value := range request.Env {
		if err := os.Setenv(key, value); err != nil {
			return nil, err
		}
	}
	var outcomes []Outcome
	for range max(request.Repeat, 1) {
		outcome := loadOnce(request)
		outcome.mask(root, directory)
		if !slices.ContainsFunc(outcomes, outcome.equal) {
			outcomes = append(outcomes, outcome)
		}
	}
	return outcomes, nil
}

func write(directory string, files map[string]string) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	for path, text := range files {
		path = filepath.Join(directory, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// loadOnce does what `docker compose config` does before it prints.
func loadOnce(request Request) (outcome Outcome) {
	defer func() {
		if cause := recover(); cause != nil {
			outcome = Outcome{Error: fmt.Sprintf("panic: %v", cause), Class: "panic"}
		}
	}()
	fail := func(err error) Outcome { return Outcome{Error: err.Error(), Class: class(err.Error())} }
	name := ""
	if request.Project != nil {
		name = *request.Project
	}
	options, err := cli.NewProjectOptions(
		request.Documents,
		cli.WithOsEnv,
		cli.WithEnvFiles(),
		cli.WithDotEnv,
		cli.WithDefaultProfiles(request.Profiles...),
		cli.WithName(name),
		cli.WithDiscardEnvFile,
	)
	if err != nil {
		return fail(err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return fail(err)
	}
	if err := project.CheckContainerNameUnicity(); err != nil {
		return fail(err)
	}
	printable(project)
	if outcome.Project, err = canonical(project); err != nil {
		return fail(err)
	}
	pruned := project.WithoutUnnecessaryResources()
	if outcome.Pruned, err = canonical(pruned); err != nil {
		return fail(err)
	}
	outcome.Models, outcome.PrunedModels = project.Models, pruned.Models
	if bytes.Equal(outcome.Project, outcome.Pruned) {
		outcome.Pruned = nil
	}
	return outcome
}

// printable makes the SSH keys of builds what they are in YAML: as JSON, compose-go prints what is none.
func printable(project *types.Project) {
	keys := func(build *types.BuildConfig) {
		if build == nil {
			return
		}
		for i, key := range build.SSH {
			if key.Path != "" {
				build.SSH[i] = types.SSHKey{ID: fmt.Sprintf("%s: %s", key.ID, key.Path)}
			}
		}
	}
	for _, services := range []types.Services{project.Services, project.DisabledServices} {
		for _, service := range services {
			keys(service.Build)
		}
	}
	for _, job := range project.Jobs {
		keys(job.Build)
	}
}

// canonical gives the project as JSON with sorted keys. It also sorts the SSH keys of builds, which compose-go lists in
// the order of a Go map.
func canonical(from *types.Project) ([]byte, error) {
	text, err := from.MarshalJSON()
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var project map[string]any
	if err := decoder.Decode(&project); err != nil {
		return nil, err
	}
	for _, section := range []string{"services", "jobs"} {
		entries, _ := project[section].(map[string]any)
		for _, entry := range entries {
			entry, _ := entry.(map[string]any)
			build, _ := entry["build"].(map[string]any)
			if keys, ok := build["ssh"].([]any); ok {
				slices.SortFunc(keys, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			}
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err = encoder.Encode(project)
	return bytes.TrimSpace(out.Bytes()), err
}

// mask takes the place of the load out of the outcome.
func (outcome *Outcome) mask(root, directory string) {
	mask := strings.NewReplacer(directory, "${DIR}", root, "${ROOT}").Replace
	outcome.Error = mask(outcome.Error)
	if outcome.Project != nil {
		outcome.Project = json.RawMessage(mask(string(outcome.Project)))
	}
	if outcome.Pruned != nil {
		outcome.Pruned = json.RawMessage(mask(string(outcome.Pruned)))
	}
}

func (outcome Outcome) equal(other Outcome) bool {
	return bytes.Equal(outcome.Project, other.Project) && bytes.Equal(outcome.Pruned, other.Pruned) &&
		outcome.Error == other.Error
}
