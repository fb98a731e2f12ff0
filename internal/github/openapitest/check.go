// Package openapitest checks requests to GitHub, and the GitHub double's responses, against GitHub's own OpenAPI
// description.
//
// It is stricter than an ordinary validator: it also rejects parameters and keys that are not in the description,
// because GitHub would silently ignore them.
package openapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/mlflow-promote/mlflow-promote/internal/github/githubtest"
)

// Checker checks requests and responses against the description of one API.
type Checker struct {
	doc    *openapi3.T
	router routers.Router
}

// New reads the description of an API: "api.github.com" or "ghes-3.17".
func New(api string) (*Checker, error) {
	doc, err := openapi3.NewLoader().LoadFromData(githubtest.Description(api))
	if err != nil {
		return nil, err
	}
	doc.Servers = nil
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			closeBody(op)
		}
	}
	router, err := gorillamux.NewRouter(doc)
	return &Checker{doc, router}, err
}

// closeBody makes a request body's schema reject unknown keys.
func closeBody(op *openapi3.Operation) {
	if op.RequestBody == nil {
		return
	}
	schema := op.RequestBody.Value.Content.Get("application/json").Schema.Value
	if len(schema.Properties) > 0 && schema.AdditionalProperties.Has == nil {
		no := false
		schema.AdditionalProperties.Has = &no
	}
}

// Operations lists the operations in the description as METHOD /path.
func (c *Checker) Operations() []string {
	var out []string
	for path, item := range c.doc.Paths.Map() {
		for method := range item.Operations() {
			out = append(out, method+" "+path)
		}
	}
	return slices.Sorted(slices.Values(out))
}

// Check checks a request and, unless status is 0, its response. Use it with githubtest.Checked.
func (c *Checker) Check(r *http.Request, body []byte, status int, header http.Header, answer []byte) error {
	in := r.Clone(r.Context())
	in.URL = &url.URL{Path: strings.TrimPrefix(r.URL.Path, "/api/v3"), RawQuery: r.URL.RawQuery}
	if r.URL.RawPath != "" {
		in.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, "/api/v3")
	}
	in.Body, in.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	route, vars, err := c.router.FindRoute(in)
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	request := &openapi3filter.RequestValidationInput{
		Request: in, PathParams: vars, Route: route, QueryParams: in.URL.Query(),
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true, SkipSettingDefaults: true,
			RejectWhenRequestBodyNotSpecified: true, IncludeResponseStatus: true,
		},
	}
	if err := openapi3filter.ValidateRequest(in.Context(), request); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if err := checkQuery(route, in.URL.Query()); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if status == 0 {
		return nil
	}
	if route.Operation.Responses.Status(status) == nil && status >= http.StatusBadRequest {
		return c.checkError(answer)
	}
	response := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request,
		Status:                 status,
		Header:                 header,
		Options:                request.Options,
	}
	response.SetBodyBytes(answer)
	if err := openapi3filter.ValidateResponse(in.Context(), response); err != nil {
		return fmt.Errorf("response %d: %w", status, err)
	}
	return nil
}

// checkQuery rejects query parameters that the description does not list for the operation.
func checkQuery(route *routers.Route, query url.Values) error {
	for _, key := range slices.Sorted(maps.Keys(query)) {
		if route.Operation.Parameters.GetByInAndName("query", key) == nil {
			return fmt.Errorf("%s has no parameter %q", route.Path, key)
		}
	}
	return nil
}

// checkError checks an error response against the common schema. It is used if the description of the operation does
// not list the status. For example, 401 is often missing.
func (c *Checker) checkError(answer []byte) error {
	var body any
	if err := json.Unmarshal(answer, &body); err != nil {
		return fmt.Errorf("error: %w", err)
	}
	if err := c.doc.Components.Schemas["basic-error"].Value.VisitJSON(body); err != nil {
		return fmt.Errorf("error: %w", err)
	}
	return nil
}
