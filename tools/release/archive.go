package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"time"
)

// member is a file in an archive, or a folder if its name ends in a slash.
type member struct {
	name string
	data []byte
	mode int64
}

// pack returns the archive for a platform: a zip file for Windows and a compressed tar file for all others.
func pack(p platform, files []member, at time.Time) ([]byte, error) {
	if p.os == "windows" {
		return zipFile(files, at)
	}
	data, err := tarFile(files, at)
	if err != nil {
		return nil, err
	}
	return compress(data)
}

// tarFile returns a tar file that contains the members in the given order. All members have the same time and belong to
// root.
func tarFile(files []member, at time.Time) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		h := &tar.Header{
			Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: at,
			Typeflag: tar.TypeReg, Format: tar.FormatUSTAR,
		}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return out.Bytes(), err
}

func compress(data []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(w, bytes.NewReader(data)); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}

func zipFile(files []member, at time.Time) ([]byte, error) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: at}
		h.ExternalAttrs = uint32(0o100000|f.mode) << 16 // marks a regular file, as zip does on Unix
		h.CreatorVersion = 3 << 8
		part, err := w.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := part.Write(f.data); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return out.Bytes(), err
}
