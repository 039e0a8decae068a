// ociimage puts an image together from directories and tars, without a container engine, and writes it as an OCI layout in a tar:
// what `ctr images import`, `skopeo copy oci-archive:` and `kind load image-archive` read.
//
//	ociimage --name example/app:1 --layer ./root --entrypoint /app --user 65532 -o app.tar
//	ociimage --bundle -o all.tar app.tar other.tar
//
// The same input gives the same bytes: times are zero, entries are sorted, files of a directory belong to root unless told otherwise.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(v string) error { *l = append(*l, v); return nil }

type set map[string]struct{}

func (s set) String() string     { return "" }
func (s set) Set(v string) error { s[v] = struct{}{}; return nil }

type pairs map[string]string

func (p pairs) String() string { return "" }
func (p pairs) Set(v string) error {
	key, value, found := strings.Cut(v, "=")
	if !found {
		return fmt.Errorf("%q is not KEY=VALUE", v)
	}
	p[key] = value
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "ociimage:", err)
		os.Exit(1)
	}
}

func run() error {
	var (
		names, layers list
		config        = v1.Config{ExposedPorts: set{}, Volumes: set{}, Labels: pairs{}}
		health        v1.HealthConfig
		healthCommand string
		output        string
		owner         string
		architecture  string
		compress      bool
		bundling      bool
	)
	flag.Var(&names, "name", "name and tag of the image; may be repeated")
	flag.Var(&layers, "layer", "directory or uncompressed tar, lowest layer first; may be repeated")
	flag.StringVar(&owner, "owner", "0:0", "`uid:gid` that a directory's files get, or \"keep\"")
	flag.BoolVar(&compress, "compress", false, "compress the layers with gzip: smaller to push, slower to make and import")
	flag.Var((*list)(&config.Entrypoint), "entrypoint", "word of the entrypoint; may be repeated")
	flag.Var((*list)(&config.Cmd), "cmd", "word of the command; may be repeated")
	flag.Var((*list)(&config.Env), "env", "`KEY=VALUE`; may be repeated")
	flag.StringVar(&config.User, "user", "", "user, or user:group")
	flag.StringVar(&config.WorkingDir, "workdir", "", "working directory")
	flag.Var(set(config.ExposedPorts), "expose", "`PORT/PROTOCOL`; may be repeated")
	flag.Var(set(config.Volumes), "volume", "path of a volume; may be repeated")
	flag.Var(pairs(config.Labels), "label", "`KEY=VALUE`; may be repeated")
	flag.StringVar(&config.StopSignal, "stop-signal", "", "signal that ends the program")
	flag.StringVar(&healthCommand, "health-cmd", "", "command for a shell that succeeds when the program is well")
	flag.DurationVar(&health.Interval, "health-interval", 0, "time between checks")
	flag.DurationVar(&health.Timeout, "health-timeout", 0, "time that one check may take")
	flag.DurationVar(&health.StartPeriod, "health-start-period", 0, "time in which failures do not count")
	flag.IntVar(&health.Retries, "health-retries", 0, "failures in a row that make it unhealthy")
	flag.StringVar(&architecture, "arch", runtime.GOARCH, "architecture, in Go's terms")
	flag.BoolVar(&bundling, "bundle", false, "write the images of the given tars as one tar")
	flag.StringVar(&output, "o", "", "file to write")
	flag.Parse()
	if bundling && output != "" && flag.NArg() > 0 {
		return bundle(output, flag.Args())
	}
	if output == "" || len(names) == 0 || flag.NArg() > 0 {
		flag.Usage()
		return fmt.Errorf("give --name and -o and nothing but options, or --bundle, -o and tars")
	}
	if healthCommand != "" {
		health.Test = []string{"CMD-SHELL", healthCommand}
		config.Healthcheck = &health
	}

	image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
	for _, path := range layers {
		layer, err := openLayer(path, owner, compress)
		if err != nil {
			return fmt.Errorf("layer %s: %w", path, err)
		}
		if image, err = mutate.Append(image, mutate.Addendum{
			Layer:     layer,
			MediaType: layer.mediaType,
			History:   v1.History{CreatedBy: "ociimage", Created: v1.Time{Time: time.Unix(0, 0).UTC()}},
		}); err != nil {
			return err
		}
	}
	file, err := image.ConfigFile()
	if err != nil {
		return err
	}
	file = file.DeepCopy()
	file.Config = config
	file.OS = "linux"
	file.Architecture = architecture
	file.Created = v1.Time{Time: time.Unix(0, 0).UTC()}
	if image, err = mutate.ConfigFile(image, file); err != nil {
		return err
	}
	return writeLayout(output, image, names)
}
