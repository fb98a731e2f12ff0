package wire

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// APIError is an error in MLflow's JSON form.
type APIError struct {
	Code    string
	Message string
	Class   string // the error class that newer servers send, if it is not the usual one for the code
}

func (e *APIError) Error() string { return e.Code + ": " + e.Message }

// Fail returns an error with one of MLflow's codes.
func Fail(code, format string, args ...any) error {
	return &APIError{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Invalid returns the error for a value that the server does not accept.
func Invalid(format string, args ...any) error {
	return Fail("INVALID_PARAMETER_VALUE", format, args...)
}

// Missing returns the error for something that does not exist.
func Missing(format string, args ...any) error {
	return Fail("RESOURCE_DOES_NOT_EXIST", format, args...)
}

// Exists returns the error for something that already exists.
func Exists(format string, args ...any) error {
	return Fail("RESOURCE_ALREADY_EXISTS", format, args...)
}

// Internal returns an internal server error.
func Internal(format string, args ...any) error {
	return Fail("INTERNAL_ERROR", format, args...)
}

// ErrCrash is an uncaught exception, for which the server sends an HTML page rather than JSON.
var ErrCrash = errors.New("uncaught exception")

// Refusal is an error of one sentence from a layer in front of the API.
type Refusal struct {
	Status int
	Type   string
	Text   string
}

func (r Refusal) Error() string { return r.Text }

var statusOf = map[string]int{
	"BAD_REQUEST":             400,
	"INVALID_PARAMETER_VALUE": 400,
	"RESOURCE_ALREADY_EXISTS": 400,
	"UNAUTHENTICATED":         401,
	"PERMISSION_DENIED":       403,
	"RESOURCE_DOES_NOT_EXIST": 404,
	"NOT_FOUND":               404,
	"ENDPOINT_NOT_FOUND":      404,
	"NOT_IMPLEMENTED":         501,
	"TEMPORARILY_UNAVAILABLE": 503,
}

// errorClass and sqlState contain the values of the two keys that newer servers add to an error.
var errorClass = map[string]string{
	"BAD_REQUEST":             "INVALID_PARAMETER_VALUE",
	"FEATURE_DISABLED":        "FEATURE_DISABLED",
	"INTERNAL_ERROR":          "CLIENT_INTERNAL_ERROR",
	"INVALID_PARAMETER_VALUE": "INVALID_PARAMETER_VALUE",
	"INVALID_STATE":           "CLIENT_INTERNAL_ERROR",
	"NOT_FOUND":               "RESOURCE_NOT_FOUND",
	"PERMISSION_DENIED":       "PERMISSION_DENIED",
	"RESOURCE_ALREADY_EXISTS": "RESOURCE_ALREADY_EXISTS",
	"RESOURCE_DOES_NOT_EXIST": "RESOURCE_NOT_FOUND",
	"TEMPORARILY_UNAVAILABLE": "CLIENT_INTERNAL_ERROR",
}

func sqlState(class string) string {
	switch class {
	case "CLIENT_INTERNAL_ERROR":
		return "XXM00"
	case "ATTRIBUTE_NOT_FOUND":
		return "KAM04"
	}
	return "KAM00"
}

// FromError converts an error to the response that a real server would send. If classes is true, the response includes
// the error class, as on newer servers.
func FromError(err error, classes bool) Response {
	var api *APIError
	var sentence Refusal
	switch {
	case errors.As(err, &sentence):
		return Text(sentence.Status, sentence.Type, sentence.Text)
	case !errors.As(err, &api):
		return pageCrashed()
	}
	body := map[string]string{"error_code": api.Code, "message": api.Message}
	if class := cmp.Or(api.Class, errorClass[api.Code]); class != "" && classes {
		body["error_class"], body["sqlstate"] = class, sqlState(class)
	}
	status, ok := statusOf[api.Code]
	if !ok {
		status = http.StatusInternalServerError
	}
	b, _ := json.Marshal(body) // cannot fail, because strings can always be encoded
	return Response{Status: status, Header: ContentType("application/json"), Body: b}
}
