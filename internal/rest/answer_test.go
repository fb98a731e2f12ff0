package rest

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestJSON_AcceptsOneObject(t *testing.T) {
	const typeJSON = "application/json"
	cases := map[string]struct {
		contentType, body string
		want              Kind // "" for a success
	}{
		"an object":                 {typeJSON, `{"model_version": {"name": "churn"}}`, ""},
		"an object as text":         {"text/plain", `{"model_version": {}}`, ""},
		"an object without a type":  {"", `{"model_version": {}}`, ""},
		"surrounded by white space": {typeJSON, " \n{\"model_version\": {}}\n", ""},
		"the key after other keys": {
			typeJSON,
			`{"a": {"model_version": null}, "b": [{"b": 1}], "model_version": 1}`,
			"",
		},
		"empty":                     {typeJSON, ``, Malformed},
		"white space":               {typeJSON, "\n \n", Malformed},
		"null":                      {typeJSON, `null`, Malformed},
		"an array":                  {typeJSON, `[{"model_version": 1}]`, Malformed},
		"a string":                  {typeJSON, `"model_version"`, Malformed},
		"true":                      {typeJSON, `true`, Malformed},
		"an object that is cut off": {typeJSON, `{"model_version": {"name": "chu`, Malformed},
		"data after the object":     {typeJSON, `{"model_version": {}}{}`, Malformed},
		"NaN as a bare word":        {typeJSON, `{"model_version": NaN}`, Malformed},
		"a sentence":                {"text/html", `OK`, NotJSON},
		"a login page": {
			"text/html",
			"\n<!DOCTYPE html><html><title>Sign in</title>",
			NotJSON,
		},
		"a page that calls itself JSON":     {typeJSON, `<html></html>`, NotJSON},
		"XML":                               {"text/xml", `<?xml version="1.0"?>`, NotJSON},
		"another object":                    {typeJSON, `{}`, MissingKey},
		"the key with null":                 {typeJSON, `{"model_version" : null}`, MissingKey},
		"the key in different case":         {typeJSON, `{"Model_Version": {}}`, MissingKey},
		"the key in a nested object":        {typeJSON, `{"a": {"model_version": {}}}`, MissingKey},
		"the key as a value":                {typeJSON, `{"a": "model_version"}`, MissingKey},
		"an error object with status 200":   {typeJSON, `{"error_code": "X", "message": "y"}`, MissingKey},
		"a duplicate key":                   {typeJSON, `{"model_version": 1, "model_version": 2}`, Malformed},
		"a duplicate key in different case": {typeJSON, `{"model_version": {"value": 1, "Value": 2}}`, Malformed},
		"a duplicate key, once escaped": {
			typeJSON,
			`{"model_version": {"value": 1, "\u0076alue": 2}}`,
			Malformed,
		},
		"a duplicate key for encoding/json": {typeJSON, `{"model_version": {"key": 1, "\u212Aey": 2}}`, Malformed},
		"a duplicate key in nested objects": {
			typeJSON,
			`{"model_version": [[{"a": [{"x": 1, "x": 1}]}]]}`,
			Malformed,
		},
		"the same key in different objects": {
			typeJSON,
			`{"model_version": [{"x": 1}, {"x": {"x": 1}}, {"x": 1}]}`,
			"",
		},
		"a value equal to a key": {typeJSON, `{"model_version": ["x", "x", {"a": "x", "x": "a"}]}`, ""},
		"braces, commas and quotes in a string": {
			typeJSON,
			`{"model_version": "}{,\"model_version\":\\", "b": "\\\""}`,
			"",
		},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			s := serve(t, answered(200, c.contentType, c.body))
			err := client(t, Config{Base: s.URL}).JSON(background(t), Request{Path: "x", Expect: "model_version"}, nil)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e := failure(t, err, c.want)
			if e.Status != 200 || !e.Sent || e.Message == "" {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestJSON_OtherStructure(t *testing.T) {
	s := serve(t, jsonAnswer(200, `{"version": {"number": "seven"}}`))
	var out struct{ Version struct{ Number int } }
	e := failure(t, client(t, Config{Base: s.URL}).JSON(background(t), Request{Path: "x"}, &out), Malformed)
	if e.Cause == nil {
		t.Errorf("error has no cause: %+v", e)
	}
}

func TestError_Text(t *testing.T) {
	cases := map[string]struct {
		answer http.HandlerFunc
		want   Error
		text   string
	}{
		"MLflow's JSON": {
			jsonAnswer(404,
				`{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": `+
					`"Model Version\n(name=churn) not found", "sqlstate": "x"}`),
			Error{
				Status:      404,
				Code:        "RESOURCE_DOES_NOT_EXIST",
				Message:     "Model Version (name=churn) not found",
				ContentType: "application/json",
			},
			"404 RESOURCE_DOES_NOT_EXIST: Model Version (name=churn) not found",
		},
		"a page": {
			answered(405, "text/html; charset=utf-8", "<html><head><title>\n 405 Method &amp; Not "+
				"Allowed</title><body>…"),
			Error{Status: 405, Title: "405 Method & Not Allowed", ContentType: "text/html"},
			`405: page "405 Method & Not Allowed"`,
		},
		"a sentence sent as HTML": {
			answered(403, "text/html", "Permission denied"),
			Error{Status: 403, Message: "Permission denied", ContentType: "text/html"},
			"403: Permission denied",
		},
		"nothing": {
			answered(401, "", ""),
			Error{Status: 401, Message: "unauthorized"},
			"401: unauthorized",
		},
		"JSON with other types": {
			jsonAnswer(400, `{"error_code": 1, "message": [2]}`),
			Error{Status: 400, Message: "bad request", ContentType: "application/json"},
			"400: bad request",
		},
		"JSON that is not an object": {
			jsonAnswer(400, `null`),
			Error{Status: 400, Message: "null", ContentType: "application/json"},
			"400: null",
		},
		"an unknown status":       {answered(599, "", ""), Error{Status: 599}, "599"},
		"an invalid content type": {answered(400, "x;;=", "no"), Error{Status: 400, Message: "no"}, "400: no"},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			s := serve(t, c.answer)
			e := failure(t, client(t, Config{Base: s.URL}).JSON(background(t), Request{
				Method: "PATCH",
				Path:   "x",
				Query:  url.Values{"token": {"abc"}},
				Class:  Write,
			}, nil), Status)
			got := Error{Status: e.Status, Code: e.Code, Message: e.Message, Title: e.Title, ContentType: e.ContentType}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(Error{})); diff != "" {
				t.Error(diff)
			}
			if want := "PATCH " + s.URL + "/x: " + c.text; e.Error() != want {
				t.Errorf("got  %s\nwant %s", e, want)
			}
		})
	}
}

func TestError_LimitsTexts(t *testing.T) {
	nasty := "a\x00b\x1b[31m\r\n::error::x\u202Eevil\u200b\u2028\ufeffé\xff" + strings.Repeat("long ", 5000)
	for name, h := range map[string]http.HandlerFunc{
		"text": answered(400, "text/plain", nasty),
		"page": answered(400, "text/html", "<title>"+nasty+"</title>"),
		"json": jsonAnswer(400,
			`{"error_code": "A\u0000\u202e", "message": "`+strings.Repeat(`x\n\u001b`, 3000)+`"}`),
		"no http":  raw("SSH-" + nasty + "\r\n"),
		"a header": raw("HTTP/1.1 200 OK\r\n" + nasty + "\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, h)
			var e *Error
			if err := client(t, Config{
				Base:     s.URL,
				Attempts: 1,
			}).JSON(background(t), Request{Path: "x"}, nil); !errors.As(err, &e) {
				t.Fatal(err)
			}
			for _, text := range []string{e.Body, e.Message, e.Title, e.Code, e.Error()} {
				if len(text) > 5<<10 || !utf8.ValidString(text) {
					t.Errorf("text has %d bytes, valid UTF-8 %v", len(text), utf8.ValidString(text))
				}
				if i := strings.IndexFunc(text, func(r rune) bool {
					return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028'
				}); i >= 0 {
					t.Errorf("unprintable character in %q", text)
				}
			}
			if len(e.Body) > textLimit || len(e.Message) > textLimit {
				t.Errorf("body has %d and message has %d bytes, want at most %d", len(e.Body), len(e.Message),
					textLimit)
			}
		})
	}
}

func TestError_HidesSecrets(t *testing.T) {
	s := serve(t, answers(jsonAnswer(404, `{}`), raw(""), answered(302, "", ""), answered(200, "", "<html>")))
	c := client(t, Config{Base: s.URL, Attempts: 1})
	for _, base := range []string{s.URL, "http://127.0.0.1:1", "http://canary.invalid"} {
		if base != s.URL {
			c = client(t, Config{Base: base, Attempts: 1})
		}
		for range 4 {
			err := c.JSON(background(t), Request{Path: "x", Query: url.Values{"q": {"canary-query"}}}, nil)
			if err == nil || strings.Contains(err.Error(), "canary-query") {
				t.Errorf("got %v", err)
			}
			req, _ := http.NewRequest("GET", s.URL+"/y?q=canary-query", nil)
			if _, err := c.HTTPClient().Transport.RoundTrip(req); err != nil && strings.Contains(err.Error(),
				"canary-query") {
				t.Errorf("transport: %v", err)
			}
		}
	}
}

func TestRequest_Path(t *testing.T) {
	cases := []struct{ base, path, want string }{
		{"", "api/2.0/x", "/api/2.0/x"},
		{"/", "/api/2.0/x", "/api/2.0/x"},
		{"/ml/flow", "api/x", "/ml/flow/api/x"},
		{"/ml/flow/", "/api/x", "/ml/flow/api/x"},
		{"/a%2Fb", "logged-models/m%2F1/x", "/a%2Fb/logged-models/m%2F1/x"},
		{"", "a%20b%3Fc%23d%25e/é", "/a%20b%3Fc%23d%25e/%C3%A9"},
		{"", "a b?c#d", "/a%20b%3Fc%23d"},
	}
	for _, c := range cases {
		var got string
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			got = r.RequestURI
			io.WriteString(w, `{}`)
		})
		if err := client(t, Config{Base: s.URL + c.base}).JSON(background(t), Request{Path: c.path}, nil); err != nil {
			t.Errorf("%s + %s: %v", c.base, c.path, err)
		}
		if got != c.want {
			t.Errorf("%s + %s: requested %s, want %s", c.base, c.path, got, c.want)
		}
	}
}

func TestRequest_Invalid(t *testing.T) {
	s := serve(t, jsonAnswer(200, `{}`))
	c := client(t, Config{Base: s.URL + "/prefix"})
	for name, r := range map[string]Request{
		"a path that leaves the base":          {Path: "../admin"},
		"a path that leaves the base, escaped": {Path: "a/%2e%2E/b"},
		"a path with a bad escape":             {Path: "a%zz"},
		"a body that cannot be JSON":           {Method: "POST", Path: "x", Body: func() {}},
		"an invalid method":                    {Method: "GE T", Path: "x"},
	} {
		if err := c.JSON(background(t), r, nil); err == nil || !strings.HasPrefix(err.Error(), "build request: ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if s.hits.Load() != 0 {
		t.Errorf("the server got %d requests, want none", s.hits.Load())
	}
}

func TestBytes(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		io.WriteString(w, "\x00\xff<html>")
	})
	body, header, err := client(t, Config{Base: s.URL}).Bytes(background(t), Request{Path: "x", Class: Artifact})
	if err != nil || string(body) != "\x00\xff<html>" || header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("got %q, %v, %v", body, header, err)
	}
}
