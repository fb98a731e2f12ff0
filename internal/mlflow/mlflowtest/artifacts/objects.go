package artifacts

import (
	"cmp"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/call"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/dialect"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/location"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/state"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// ownBucket is the bucket that contains the server's own files if they are in the object store.
const ownBucket = "mlflow"

// signed returns the address of a file in the object store. Everybody who knows it may read or write the file.
func signed(c *call.Call, uri string, query url.Values) string {
	at := url.URL{Scheme: "https", Host: location.Authority(uri) + ".s3.amazonaws.com", Path: location.Path(uri)}
	if c.State.StoreURL != "" {
		store, err := url.Parse(c.State.StoreURL)
		if err != nil {
			panic("mlflowtest: " + err.Error())
		}
		at = *store
		at.Path = "/" + cmp.Or(location.Authority(uri), ownBucket) + location.Path(uri)
	}
	if query == nil {
		query = url.Values{}
	}
	query.Set("X-Amz-Signature", "0123")
	at.RawQuery = query.Encode()
	return at.String()
}

// PresignUpload returns an address to which a file can be sent, and the headers that the request must have.
func PresignUpload(c *call.Call, root, file string) (any, error) {
	switch scheme := location.Scheme(root); scheme {
	case "http", "https", "mlflow-artifacts":
		if !c.Dialect.PresignsModels {
			return nil, wire.Invalid(
				"Presigned upload is not supported for runs with proxied artifact storage (artifact URI scheme: "+
					"%s). This endpoint requires a run with a direct cloud storage artifact URI.", scheme,
			)
		}
		return nil, wire.Invalid(
			"Presigned upload is not supported for proxied artifact storage (artifact URI scheme: %s). "+
				"This endpoint requires a direct cloud storage artifact URI.", scheme,
		)
	}
	if c.State.StoreURL == "" {
		if err := reachable(c, root); err != nil {
			return nil, err
		}
	}
	kind := cmp.Or(mime.TypeByExtension(path.Ext(file)), "application/octet-stream")
	return map[string]any{
		"presigned_url": signed(c, strings.TrimRight(root, "/")+"/"+file, url.Values{"type": {kind}}),
		"headers":       map[string]string{"Content-Type": kind},
	}, nil
}

func hasParts(d *dialect.Dialect) bool { return d.Multipart }

// partsFile returns the URI of a file that is uploaded in parts. The path of the request is its folder.
func partsFile(c *call.Call) (string, error) {
	folder, err := checkPath(c, c.Path["path"])
	if err != nil {
		return "", err
	}
	if c.State.StoreURL == "" {
		return "", wire.Fail("NOT_IMPLEMENTED", "Multipart upload is not supported for the current artifact repository")
	}
	return state.OwnStorage + "/" + folder + "/" + path.Base(c.In.Str("path")), nil
}

func createParts(c *call.Call) (any, error) {
	uri, err := partsFile(c)
	if err != nil {
		return nil, err
	}
	id := c.State.NewUpload()
	var parts []any
	for n := range c.In.Int("num_parts") {
		parts = append(parts, map[string]any{
			"part_number": n + 1,
			"url":         signed(c, uri, url.Values{"partNumber": {fmt.Sprint(n + 1)}, "uploadId": {id}}),
		})
	}
	return map[string]any{"upload_id": id, "credentials": parts}, nil
}

func completeParts(c *call.Call) (any, error) {
	uri, err := partsFile(c)
	if err != nil {
		return nil, err
	}
	sent, ok := c.State.Parts[c.In.Str("upload_id")]
	if !ok {
		return nil, wire.ErrCrash
	}
	var content []byte
	for _, p := range c.In.Each("parts") {
		part, ok := sent[int(p.Int("part_number"))]
		if !ok || p.Str("etag") != tag(part) {
			return nil, wire.ErrCrash
		}
		content = append(content, part...)
	}
	delete(c.State.Parts, c.In.Str("upload_id"))
	c.State.Files[uri] = content
	return struct{}{}, nil
}

func abortParts(c *call.Call) (any, error) {
	if _, err := partsFile(c); err != nil {
		return nil, err
	}
	if _, ok := c.State.Parts[c.In.Str("upload_id")]; !ok {
		return nil, wire.ErrCrash
	}
	delete(c.State.Parts, c.In.Str("upload_id"))
	return struct{}{}, nil
}

func tag(content []byte) string { return fmt.Sprintf("\"%x\"", md5.Sum(content)) }

// Object carries out a request to the object store, whose paths are /BUCKET/KEY. It accepts signed addresses, and
// requests whose signature covers the content.
func Object(c *call.Call) wire.Response {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(c.Request.URL.Path, "/"), "/")
	uri := "s3://" + bucket + "/" + key
	if bucket == ownBucket {
		uri = state.OwnStorage + "/" + key
	}
	query := c.Request.URL.Query()
	if !query.Has("X-Amz-Signature") && !signedBody(c) || query.Has("X-Amz-Signature") &&
		(c.Request.Header.Get("Authorization") != "" ||
			query.Has("type") && query.Get("type") != c.Request.Header.Get("Content-Type")) {
		return wire.Text(http.StatusForbidden, "application/xml", "<Error><Code>SignatureDoesNotMatch</Code></Error>")
	}
	if c.Request.Method == http.MethodGet {
		content, ok := c.State.Files[uri]
		if !ok {
			return wire.Text(http.StatusNotFound, "application/xml", "<Error><Code>NoSuchKey</Code></Error>")
		}
		return wire.Response{Status: http.StatusOK, Header: http.Header{}, Body: content}
	}
	if c.Request.Method != http.MethodPut {
		return wire.Text(http.StatusMethodNotAllowed, "application/xml", "<Error><Code>MethodNotAllowed</Code></Error>")
	}
	if id := query.Get("uploadId"); id != "" {
		n, err := strconv.Atoi(query.Get("partNumber"))
		if c.State.Parts[id] == nil || err != nil {
			return wire.Text(http.StatusNotFound, "application/xml", "<Error><Code>NoSuchUpload</Code></Error>")
		}
		c.State.Parts[id][n] = c.Body
	} else {
		c.State.Files[uri] = c.Body
	}
	c.Wrote = true
	return wire.Response{Status: http.StatusOK, Header: http.Header{"Etag": {tag(c.Body)}}}
}

// signedBody reports whether a request has a signature of version 4 that covers its content. The signature itself is
// not checked.
func signedBody(c *call.Call) bool {
	sum := sha256.Sum256(c.Body)
	return strings.HasPrefix(c.Request.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") &&
		c.Request.Header.Get("X-Amz-Content-Sha256") == hex.EncodeToString(sum[:])
}
