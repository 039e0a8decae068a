package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const layoutVersion = `{"imageLayoutVersion":"1.0.0"}`

func writeLayout(output string, image v1.Image, names []string) (err error) {
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
	archive := tar.NewWriter(file)

	manifest, err := image.RawManifest()
	if err != nil {
		return err
	}
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	for _, name := range names {
		name = full(name)
		index.Manifests = append(index.Manifests, v1.Descriptor{
			MediaType: types.OCIManifestSchema1,
			Digest:    digest,
			Size:      int64(len(manifest)),
			Platform:  &v1.Platform{OS: config.OS, Architecture: config.Architecture},
			Annotations: map[string]string{
				"io.containerd.image.name":          name,
				"org.opencontainers.image.ref.name": name[strings.LastIndex(name, ":")+1:],
			},
		})
	}
	rawIndex, err := json.Marshal(index)
	if err != nil {
		return err
	}
	if err := add(archive, "oci-layout", int64(len(layoutVersion)), strings.NewReader(layoutVersion)); err != nil {
		return err
	}
	if err := add(archive, "index.json", int64(len(rawIndex)), bytes.NewReader(rawIndex)); err != nil {
		return err
	}

	rawConfig, err := image.RawConfigFile()
	if err != nil {
		return err
	}
	configDigest, err := image.ConfigName()
	if err != nil {
		return err
	}
	if err := add(archive, blob(digest), int64(len(manifest)), bytes.NewReader(manifest)); err != nil {
		return err
	}
	if err := add(archive, blob(configDigest), int64(len(rawConfig)), bytes.NewReader(rawConfig)); err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	written := map[v1.Hash]bool{}
	for _, layer := range layers {
		digest, err := layer.Digest()
		if err != nil {
			return err
		}
		if written[digest] {
			continue
		}
		written[digest] = true
		size, err := layer.Size()
		if err != nil {
			return err
		}
		content, err := layer.Compressed()
		if err != nil {
			return err
		}
		err = add(archive, blob(digest), size, content)
		content.Close()
		if err != nil {
			return err
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

func blob(hash v1.Hash) string { return fmt.Sprintf("blobs/%s/%s", hash.Algorithm, hash.Hex) }

func add(archive *tar.Writer, name string, size int64, content io.Reader) error {
	header := &tar.Header{Name: name, Size: size, Mode: 0o644, ModTime: time.Unix(0, 0), Typeflag: tar.TypeReg}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(archive, content)
	return err
}

// The name that a container runtime looks an image up by: "redis" there is "docker.io/library/redis:latest".
func full(name string) string {
	host, _, found := strings.Cut(name, "/")
	switch {
	case !found:
		name = "docker.io/library/" + name
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		name = "docker.io/" + name
	}
	if !strings.Contains(name[strings.LastIndex(name, "/"):], ":") {
		name += ":latest"
	}
	return name
}
