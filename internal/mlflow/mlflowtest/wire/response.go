package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// Response is a complete response.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// ContentType returns headers that contain only the given content type.
func ContentType(t string) http.Header { return http.Header{"Content-Type": {t}} }

// Text returns a response with a body of the given media type.
func Text(status int, mediaType, body string) Response {
	return Response{Status: status, Header: ContentType(mediaType), Body: []byte(body)}
}

// JSON returns a response whose body is v as indented JSON.
func JSON(status int, v any) Response {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		panic("mlflowtest: response is not JSON: " + err.Error())
	}
	return Response{
		Status: status,
		Header: ContentType("application/json"),
		Body:   bytes.TrimSuffix(b.Bytes(), []byte("\n")),
	}
}

// The content types of responses that are not JSON.
const (
	HTMLType      = "text/html; charset=utf-8"
	PlainTextType = "text/plain"
)

// Page returns the HTML page that servers send in place of JSON.
func Page(status int, sentence string) Response {
	title := http.StatusText(status)
	return Text(status, HTMLType, fmt.Sprintf(
		"<!doctype html>\n<html lang=en>\n<title>%d %s</title>\n<h1>%s</h1>\n<p>%s</p>\n",
		status,
		title,
		title,
		sentence,
	))
}

// PageNotFound returns the page for an unknown path.
func PageNotFound() Response {
	return Page(
		404,
		"The requested URL was not found on the server. If you entered the URL manually please check your spelling "+
			"and try again.",
	)
}

// PageNotAllowed returns the page for a path that exists only for other methods.
func PageNotAllowed() Response {
	return Page(405, "The method is not allowed for the requested URL.")
}

func pageCrashed() Response {
	return Page(
		500,
		"The server encountered an internal error and was unable to complete your request. Either the server is "+
			"overloaded or there is an error in the application.",
	)
}

// API is the beginning of most paths.
const API = "/api/2.0/mlflow/"
