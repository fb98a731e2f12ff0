package filecopy

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// Target is the folder on a server that receives the files.
type Target struct {
	Client *mlflow.Client
	In     mlflow.Location // a logged model, or a folder in a run's artifacts
	Root   string          // artifact URI of that folder; the URI of the run is accepted too
	// Multipart is the size in bytes above which a file is sent in parts, if the server supports it. The default is the
	// limit of object stores for a single request, 5 GiB.
	Multipart int64
}

// singleLimit is the size of the largest object that object stores accept in one request.
const singleLimit = 5 << 30

// door is one way to send a file to a server. Which doors there are depends on the version of the server and on where
// it stores files.
type door struct {
	name string // method and path, as shown in messages
	// leads reports whether the door may lead to the target's store. It sends no request.
	leads func(u *uploads) bool
	put   func(ctx context.Context, u *uploads, f registry.File, content rest.Content) error
	large bool // only for files above the limit of a single request
	// own is true if the content goes to the object store with the job's own credentials.
	own bool
}

// doors lists all ways to send a file, in the order in which they are tried. To add one, add a row here, and cases for
// it to the conformance table of mlflowtest.
var doors = []door{
	{name: "POST api/2.0/mlflow-artifacts/mpu/create/DIR", leads: (*uploads).proxied, put: putParts, large: true},
	{name: "PUT " + mlflow.ProxyPath + "/PATH", leads: (*uploads).proxied, put: putProxied},
	{name: "POST " + presignPath, leads: (*uploads).inStore, put: putPresigned},
	{name: "PUT to the object store", leads: (*uploads).hasKeys, put: putStore, own: true},
}

// uploads is a target, and what has been learned about its doors.
type uploads struct {
	client    *mlflow.Client
	in        mlflow.Location
	root      string
	multipart int64

	mu     sync.Mutex
	closed map[string]error // the doors that the server does not offer, by name
	signs  bool             // uploads are signed, and the signature must cover the content
}

func newUploads(to Target) *uploads {
	u := &uploads{
		client: to.Client, in: to.In, root: strings.TrimRight(to.Root, "/"), multipart: to.Multipart,
		closed: map[string]error{},
	}
	if u.multipart <= 0 {
		u.multipart = singleLimit
	}
	if u.in.Path != "" && !strings.HasSuffix(u.root, "/"+u.in.Path) {
		u.root += "/" + u.in.Path
	}
	return u
}

// reader reads files back from the target.
func (u *uploads) reader() Reader { return FromServer(u.client, u.in) }

func (u *uploads) proxied() bool {
	_, ok := mlflow.InProxy(u.root, u.client.Tracking.Host())
	return ok
}

func (u *uploads) inStore() bool { return mlflow.IsStore(u.root) }

func (u *uploads) hasKeys() bool {
	server, _ := u.object("MLmodel")
	return server != nil
}

// object returns the client and the path for a file in the object store, or nil without credentials for it.
func (u *uploads) object(path string) (*rest.Client, string) {
	if u.client.Store == nil {
		return nil, ""
	}
	return u.client.Store(u.root + "/" + path)
}

// needsSum reports whether the SHA-256 of a file must be known before it is sent. The signature of an upload that is
// not encrypted must cover the content.
func (u *uploads) needsSum() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.signs
}

func (u *uploads) closedBy(name string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.closed[name]
}

func (u *uploads) close(name string, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed[name] = err
}

// put sends a file through the first door that the server offers.
func (u *uploads) put(ctx context.Context, f registry.File, content rest.Content) error {
	large := content.Size > u.multipart
	var refusals []refusal
	for i := 0; i < len(doors); i++ {
		d := doors[i]
		if d.large && !large || !d.leads(u) {
			continue
		}
		if err := u.closedBy(d.name); err != nil {
			refusals = append(refusals, refusal{d.name, err})
			continue
		}
		err := d.put(ctx, u, f, content)
		switch {
		case err == nil:
			return nil
		case tooLarge(err) && !large && !d.own: // a proxy or the store has a lower limit
			large, i = true, -1
			continue
		case offers(err):
			return err
		case remembered(err):
			u.close(d.name, err)
		}
		refusals = append(refusals, refusal{d.name, err})
	}
	return u.unsupported(refusals)
}

// refusal is the response that shows that a server does not offer a door.
type refusal struct {
	door string
	err  error
}

func tooLarge(err error) bool {
	e := mlflow.Remote(err)
	return e != nil && e.Status == http.StatusRequestEntityTooLarge
}

// offers reports whether a failed upload went through a door that the server offers.
func offers(err error) bool {
	var not *notOffered
	return !errors.As(err, &not)
}

// remembered reports whether a door is closed for all files.
func remembered(err error) bool {
	var not *notOffered
	return errors.As(err, &not) && not.always
}

// notOffered is the error for a door that the server does not offer.
type notOffered struct {
	always bool // for all files, not only for this one
	cause  error
}

func (e *notOffered) Error() string { return mlflow.Short(e.cause) }
func (e *notOffered) Unwrap() error { return e.cause }

// opened turns the response to a door's first request into a [notOffered] if the server does not have the door.
func opened(err error) error {
	e := mlflow.Remote(err)
	switch {
	case e == nil:
		return err
	case e.Off, mlflow.NoRoute(err), e.Status == http.StatusNotImplemented:
		return &notOffered{true, err}
	case e.Code == "INVALID_PARAMETER_VALUE": // a path, or a logged model before MLflow 3.17
		return &notOffered{false, err}
	}
	return err
}

// putProxied lets the server store the file. Servers with --serve-artifacts offer this since MLflow 1.24.
func putProxied(ctx context.Context, u *uploads, f registry.File, content rest.Content) error {
	inside, _ := mlflow.InProxy(u.root, u.client.Tracking.Host())
	r := rest.Request{Path: mlflow.ProxyPath + "/" + escaped(inside+"/"+f.Path)}
	header, err := u.client.Tracking.Upload(ctx, r, content)
	if e := mlflow.Remote(err); e != nil && (e.Off || mlflow.NoRoute(err) || e.Status == http.StatusNotImplemented) {
		return &notOffered{true, err}
	}
	return orPage(header, err)
}

// orPage returns an error if a login page takes the place of the response to an upload.
func orPage(header http.Header, err error) error {
	if err == nil && strings.HasPrefix(header.Get("Content-Type"), "text/html") {
		return &rest.Error{
			Kind: rest.NotJSON, Status: http.StatusOK, ContentType: "text/html",
			Message: "an HTML page instead of a response to the upload",
		}
	}
	return err
}

func escaped(path string) string {
	elements := strings.Split(path, "/")
	for i, e := range elements {
		elements[i] = url.PathEscape(e)
	}
	return strings.Join(elements, "/")
}

const presignPath = mlflow.API + "artifacts/presigned-upload-url"

// signedAddress is an address in the object store, and the headers that its signature covers.
type signedAddress struct {
	Address string            `json:"presigned_url"`
	Header  map[string]string `json:"headers"`
}

// putPresigned requests an address in the object store. Servers provide one for files of runs since MLflow 3.12, and
// for files of logged models since 3.17.
func putPresigned(ctx context.Context, u *uploads, f registry.File, content rest.Content) error {
	if content.Size > singleLimit {
		return tooLargeForStore(f)
	}
	var out signedAddress
	r := rest.Request{
		Method: http.MethodPost, Path: presignPath, Class: rest.Read, Expect: "presigned_url",
		Body: presignRequest(u.in, f.Path),
	}
	if err := u.client.Tracking.JSON(ctx, r, &out); err != nil {
		return opened(err)
	}
	content.Type = "" // the given headers contain it
	header, err := u.client.Tracking.UploadTo(ctx, out.Address, out.Header, content)
	return orPage(header, err)
}

func presignRequest(in mlflow.Location, file string) map[string]any {
	if in.Model != "" {
		return map[string]any{"model_id": in.Model, "path": file}
	}
	return map[string]any{"run_id": in.Run, "path": path.Join(in.Path, file)}
}

// errUnsummed is the error if the SHA-256 of a file must be known, so that the file has to be sent again.
var errUnsummed = errors.New("the SHA-256 of the file is not known")

// putStore sends the file to the object store with the job's own credentials.
func putStore(ctx context.Context, u *uploads, f registry.File, content rest.Content) error {
	if content.Size > singleLimit {
		return tooLargeForStore(f)
	}
	server, inside := u.object(f.Path)
	if !server.Encrypted() {
		u.mu.Lock()
		u.signs = true
		u.mu.Unlock()
		if content.SHA256 == "" {
			return errUnsummed
		}
	}
	header, err := server.Upload(ctx, rest.Request{Path: inside}, content)
	return orPage(header, err)
}

// Access says where files can be uploaded.
type Access struct{ Model, Run bool }

// Doors finds out where files can be uploaded if the server keeps its artifacts below root, which is the artifact URI
// of a run or of an experiment. It fails if they can be uploaded neither to logged models nor to runs. It changes
// nothing.
func Doors(ctx context.Context, c *mlflow.Client, root string) (Access, error) {
	u := newUploads(Target{Client: c, Root: root})
	switch {
	case u.proxied(), u.hasKeys():
		return Access{Model: true, Run: true}, nil
	case !u.inStore():
		return Access{}, u.unsupported(nil)
	}
	var info struct {
		Run   *bool `json:"presigned_upload_run_id_supported"`
		Model *bool `json:"presigned_upload_model_id_supported"`
	}
	err := mlflow.Get(ctx, c.Tracking, "api/3.0/mlflow/server-info", nil, "", &info)
	if err == nil && info.Run != nil && info.Model != nil && (*info.Run || *info.Model) {
		return Access{Model: *info.Model, Run: *info.Run}, nil
	}
	// Older servers do not say. A server that has the endpoint responds that there is no such run.
	err = c.Tracking.JSON(ctx, rest.Request{
		Method: http.MethodPost, Path: presignPath, Class: rest.Read,
		Body: presignRequest(mlflow.Location{Run: strings.Repeat("0", 32)}, "MLmodel"),
	}, nil)
	switch {
	case mlflow.IsMissing(err) || err == nil:
		return Access{Run: true}, nil
	case offers(opened(err)):
		return Access{}, mlflow.Explain("find out how to upload files", err)
	}
	return Access{}, u.unsupported([]refusal{{"POST " + presignPath, err}})
}
