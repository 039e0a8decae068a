package main

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A layer in a file. The library's own layers compress whatever they are given, which for a local import is time for nothing.
type layer struct {
	path           string
	mediaType      types.MediaType
	digest, diffID v1.Hash
	size           int64
}

func (l *layer) Digest() (v1.Hash, error)            { return l.digest, nil }
func (l *layer) DiffID() (v1.Hash, error)            { return l.diffID, nil }
func (l *layer) Size() (int64, error)                { return l.size, nil }
func (l *layer) MediaType() (types.MediaType, error) { return l.mediaType, nil }
func (l *layer) Compressed() (io.ReadCloser, error)  { return os.Open(l.path) }
func (l *layer) Uncompressed() (io.ReadCloser, error) {
	return nil, fmt.Errorf("not kept uncompressed")
}

func openLayer(path, owner string, compress bool) (*layer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	l := &layer{path: path, mediaType: types.OCIUncompressedLayer}
	if info.IsDir() {
		if l.path, err = temporary(func(w io.Writer) error { return tarDirectory(w, path, owner) }); err != nil {
			return nil, err
		}
	}
	if l.diffID, l.size, err = sum(l.path); err != nil {
		return nil, err
	}
	l.digest = l.diffID
	if compress {
		plain := l.path
		l.mediaType = types.OCILayer
		if l.path, err = temporary(func(w io.Writer) error { return compressFile(w, plain) }); err != nil {
			return nil, err
		}
		if l.digest, l.size, err = sum(l.path); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// The file is unlinked at once and read again through its descriptor, so that nothing stays behind however the program ends.
func temporary(write func(io.Writer) error) (string, error) {
	file, err := os.CreateTemp("", "ociimage-")
	if err != nil {
		return "", err
	}
	if err := os.Remove(file.Name()); err != nil {
		return "", err
	}
	buffered := bufio.NewWriterSize(file, 1<<20)
	if err := write(buffered); err != nil {
		return "", err
	}
	if err := buffered.Flush(); err != nil {
		return "", err
	}
	open = append(open, file)
	return fmt.Sprintf("/proc/self/fd/%d", file.Fd()), nil
}

// A file that nobody refers to is closed by the garbage collector.
var open []*os.File

func compressFile(w io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	compressed := gzip.NewWriter(w)
	if _, err := io.Copy(compressed, file); err != nil {
		return err
	}
	return compressed.Close()
}

func sum(path string) (v1.Hash, int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return v1.Hash{}, 0, err
	}
	defer file.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, file)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(hash.Sum(nil))}, size, err
}

type inode struct{ device, number uint64 }

func tarDirectory(w io.Writer, root, owner string) error {
	uid, gid := 0, 0
	if owner != "keep" {
		if _, err := fmt.Sscanf(owner, "%d:%d", &uid, &gid); err != nil {
			return fmt.Errorf("the owner %q is neither uid:gid nor \"keep\"", owner)
		}
	}
	archive := tar.NewWriter(w)
	links := map[inode]string{}
	// WalkDir visits in lexical order.
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		target := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			if target, err = os.Readlink(path); err != nil {
				return err
			}
		}
		header, err := tar.FileInfoHeader(info, target)
		if err != nil {
			return err
		}
		header.Name = strings.TrimPrefix(path, root+"/")
		if info.IsDir() {
			header.Name += "/"
		}
		header.ModTime, header.AccessTime, header.ChangeTime = time.Unix(0, 0), time.Time{}, time.Time{}
		header.Uname, header.Gname = "", ""
		if owner != "keep" {
			header.Uid, header.Gid = uid, gid
		}
		if status := info.Sys().(*syscall.Stat_t); info.Mode().IsRegular() && status.Nlink > 1 {
			id := inode{uint64(status.Dev), status.Ino}
			if first, seen := links[id]; seen {
				header.Typeflag, header.Linkname, header.Size = tar.TypeLink, first, 0
			} else {
				links[id] = header.Name
			}
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			return nil
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.Copy(archive, file)
		return err
	})
	if err != nil {
		return err
	}
	return archive.Close()
}
