package filecopy

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

// sourceError is the error if a file cannot be read from the source.
type sourceError struct{ cause error }

func (e *sourceError) Error() string { return "read from the source: " + e.cause.Error() }
func (e *sourceError) Unwrap() error { return e.cause }

// readBackError is the error if the target does not return what was sent.
type readBackError struct{ cause error }

func (e *readBackError) Error() string { return "read back from the target: " + e.cause.Error() }
func (e *readBackError) Unwrap() error { return e.cause }

// failed returns an error without a better reason.
func failed(msg string) *registry.Error {
	return &registry.Error{Reason: registry.ServerError, Msg: msg, Hint: "run it again: it continues where it stopped"}
}

// explain returns the error for a file that could not be copied.
func explain(f registry.File, err error) error {
	op := "copy " + shown(f.Path)
	if own, ok := err.(*registry.Error); ok { // not one in the cause
		return own
	}
	e := mlflow.Remote(err)
	source, back := (*sourceError)(nil), (*readBackError)(nil)
	switch {
	case e == nil:
		return failed(op + ": " + err.Error())
	case errors.As(err, &source):
		op += ": read from the source"
	case errors.As(err, &back):
		op += ": read back from the target"
	case e.Status == http.StatusRequestEntityTooLarge:
		return &registry.Error{
			Reason: registry.Unsupported, Detail: mlflow.ServerText(err), Cause: err,
			Msg:  fmt.Sprintf("%s: the target, or a proxy in front of it, refuses files of %d bytes (413)", op, f.Size),
			Hint: "raise the limit of the proxy for request bodies, for example client_max_body_size of nginx to 0",
		}
	default:
		op += ": upload to the target"
	}
	return mlflow.Explain(op, err)
}

// tooLargeForStore is the error for a file that no object store accepts in one request.
func tooLargeForStore(f registry.File) error {
	return &registry.Error{
		Reason: registry.Unsupported,
		Msg: fmt.Sprintf("copy %s: it is %d bytes, and a single upload to the object store is limited to 5 GiB",
			shown(f.Path), f.Size),
		Hint: "start the target's server with --serve-artifacts, which accepts larger files in parts",
	}
}

// unsupported is the error for a server without a door to the target.
func (u *uploads) unsupported(refusals []refusal) error {
	e := &registry.Error{
		Reason: registry.Unsupported,
		Msg:    fmt.Sprintf("upload to %s: the server offers no way to do this", u.root),
		Hint:   waysOut,
	}
	var tried []string
	for _, r := range refusals {
		tried = append(tried, r.door+": "+mlflow.Short(r.err))
		e.Cause, e.Detail = r.err, mlflow.ServerText(r.err)
	}
	if len(tried) > 0 {
		e.Msg += ": " + strings.Join(tried, "; ")
	}
	if strings.HasPrefix(u.root, "s3://") && !u.hasKeys() {
		e.Hint += ". Alternatively, give this job AWS credentials for the bucket"
	}
	return e
}

const waysOut = "start the target's server with --serve-artifacts, so that it stores the files itself, or upgrade it " +
	"to MLflow 3.17 or later, which lets clients upload to its object store"
