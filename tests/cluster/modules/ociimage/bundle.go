package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// bundle writes several layouts as one. Images that share a large layer are imported several times faster that way, since an importer
// reads every byte that it is given, known or not.
func bundle(output string, inputs []string) (err error) {
	file, err := os.Create(output + ".part")
	if err != nil {
		return err
	}
	defer func() {
		file.Close()
		if err != nil {
			os.Remove(file.Name())
		}
	}()

	merged := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	for _, input := range inputs {
		err := each(input, func(name string, _ int64, content io.Reader) error {
			if name != "index.json" {
				return nil
			}
			var index v1.IndexManifest
			if err := json.NewDecoder(content).Decode(&index); err != nil {
				return err
			}
			merged.Manifests = append(merged.Manifests, index.Manifests...)
			return errDone
		})
		if err != nil {
			return fmt.Errorf("%s: %w", input, err)
		}
	}
	index, err := json.Marshal(merged)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(file)
	if err := add(archive, "oci-layout", int64(len(layoutVersion)), strings.NewReader(layoutVersion)); err != nil {
		return err
	}
	if err := add(archive, "index.json", int64(len(index)), bytes.NewReader(index)); err != nil {
		return err
	}
	written := map[string]bool{"oci-layout": true, "index.json": true}
	for _, input := range inputs {
		err := each(input, func(name string, size int64, content io.Reader) error {
			if written[name] {
				return nil
			}
			written[name] = true
			return add(archive, name, size, content)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", input, err)
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), output)
}

var errDone = errors.New("enough was read")

func each(path string, visit func(name string, size int64, content io.Reader) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	archive := tar.NewReader(file)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(header.Name, header.Size, archive); errors.Is(err, errDone) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
