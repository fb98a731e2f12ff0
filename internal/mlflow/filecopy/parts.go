package filecopy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// partSize is the usual size of a part. A file has at most maxParts parts.
const (
	partSize = 64 << 20
	maxParts = 1000
)

// mpuPath is the start of the paths for uploads in parts. The rest of the path is the folder of the file.
const mpuPath = "api/2.0/mlflow-artifacts/mpu/"

// putParts sends a file in parts, which servers with an object store offer since MLflow 2.9. The parts go to the object
// store directly.
func putParts(ctx context.Context, u *uploads, f registry.File, content rest.Content) error {
	inside, _ := mlflow.InProxy(u.root, u.client.Tracking.Host())
	folder, name := path.Split(inside + "/" + f.Path)
	folder = escaped(strings.TrimSuffix(folder, "/"))
	size := max(min(partSize, u.multipart), (content.Size+maxParts-1)/maxParts)
	count := (content.Size + size - 1) / size
	var made struct {
		ID    string `json:"upload_id"`
		Parts []struct {
			Address string            `json:"url"`
			Number  int               `json:"part_number"`
			Header  map[string]string `json:"headers"`
		} `json:"credentials"`
	}
	err := u.client.Tracking.JSON(ctx, rest.Request{
		Method: http.MethodPost, Path: mpuPath + "create/" + folder, Class: rest.Create, Limit: 32 << 20,
		Body: map[string]any{"path": name, "num_parts": count}, Expect: "credentials",
	}, &made)
	if err != nil {
		return opened(err)
	}
	stop := func(err error) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		// ignored: the store removes unfinished uploads by its own rules
		_ = u.client.Tracking.JSON(ctx, rest.Request{
			Method: http.MethodPost, Path: mpuPath + "abort/" + folder, Class: rest.Create,
			Body: map[string]any{"path": name, "upload_id": made.ID},
		}, nil)
		return err
	}
	if int64(len(made.Parts)) != count {
		return stop(errors.New("the server sent addresses for a different number of parts"))
	}
	body, err := content.Open()
	if err != nil {
		return stop(err)
	}
	defer body.Close()
	var parts []map[string]any
	for i, p := range made.Parts {
		part := partOf(body, min(size, content.Size-int64(i)*size))
		header, err := u.client.Tracking.UploadTo(ctx, p.Address, p.Header, part)
		if err = orPage(header, err); err != nil {
			return stop(err)
		}
		parts = append(parts, map[string]any{
			"part_number": p.Number, "etag": header.Get("ETag"), "url": p.Address,
		})
	}
	err = u.client.Tracking.JSON(ctx, rest.Request{
		Method: http.MethodPost, Path: mpuPath + "complete/" + folder, Class: rest.Create,
		Body: map[string]any{"path": name, "upload_id": made.ID, "parts": parts},
	}, nil)
	if err != nil && !mlflow.Unclear(err) {
		return stop(err)
	}
	return err
}

// partOf returns the next bytes of a file as the content of one request. They cannot be read a second time.
func partOf(body io.Reader, size int64) rest.Content {
	part := &once{from: body, left: size}
	return rest.Content{Size: size, Open: part.open}
}

// once is a part of a stream. It can be opened again only if nothing has been read from it.
type once struct {
	mu   sync.Mutex
	from io.Reader
	left int64
	read bool
}

func (p *once) open() (io.ReadCloser, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.read {
		return nil, errVoid
	}
	return io.NopCloser(p), nil
}

func (p *once) Read(to []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read = true
	if p.left == 0 {
		return 0, io.EOF
	}
	n, err := p.from.Read(to[:min(int64(len(to)), p.left)])
	p.left -= int64(n)
	if err == io.EOF && p.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}
