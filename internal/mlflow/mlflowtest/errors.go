package mlflowtest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// apiError is an error in MLflow's JSON form.
type apiError struct {
	code    string
	message string
	class   string // error class that newer servers send, if it is not the usual one for the code
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func fail(code, format string, args ...any) error {
	return &apiError{code: code, message: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return fail("INVALID_PARAMETER_VALUE", format, args...)
}
func missing(format string, args ...any) error {
	return fail("RESOURCE_DOES_NOT_EXIST", format, args...)
}
func exists(format string, args ...any) error {
	return fail("RESOURCE_ALREADY_EXISTS", format, args...)
}
func internal(format string, args ...any) error {
	return fail("INTERNAL_ERROR", format, args...)
}

// errCrash is an uncaught exception: an HTML page instead of JSON.
var errCrash = errors.New("uncaught exception")

// refusal is an error from a layer before the API, reported as one sentence.
type refusal struct {
	status      int
	contentType string
	text        string
}

func (r refusal) Error() string { return r.text }

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

// errorClass and sqlState are the two keys that newer servers add to an error.
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

// failure turns an error into the response that a real server gives.
func (c *call) failure(err error) response {
	var api *apiError
	var sentence refusal
	switch {
	case errors.As(err, &sentence):
		return text(sentence.status, sentence.contentType, sentence.text)
	case !errors.As(err, &api):
		return pageCrashed()
	}
	body := map[string]string{"error_code": api.code, "message": api.message}
	if class := cmp.Or(api.class, errorClass[api.code]); class != "" && c.sw.errorClasses {
		body["error_class"], body["sqlstate"] = class, sqlState(class)
	}
	status, ok := statusOf[api.code]
	if !ok {
		status = http.StatusInternalServerError
	}
	b, _ := json.Marshal(body) // strings can always be encoded
	return response{status: status, header: contentType("application/json"), body: b}
}

const htmlType = "text/html; charset=utf-8"

func page(status int, sentence string) response {
	title := http.StatusText(status)
	return text(status, htmlType, fmt.Sprintf(
		"<!doctype html>\n<html lang=en>\n<title>%d %s</title>\n<h1>%s</h1>\n<p>%s</p>\n",
		status,
		title,
		title,
		sentence,
	))
}

func pageNotFound() response {
	return page(
		404,
		"The requested URL was not found on the server. If you entered the URL manually please check your spelling "+
			"and try again.",
	)
}

func pageNotAllowed() response {
	return page(405, "The method is not allowed for the requested URL.")
}

func pageCrashed() response {
	return page(
		500,
		"The server encountered an internal error and was unable to complete your request. Either the server is "+
			"overloaded or there is an error in the application.",
	)
}
