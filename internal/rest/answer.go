package rest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mlflow-promote/mlflow-promote/internal/format"
)

const textLimit = 2 << 10

// statusError describes a response that is neither a success nor a redirect.
func statusError(a *answer) *Error {
	e := describe(a, Status)
	var body struct {
		Code    any `json:"error_code"`
		Message any `json:"message"`
		Detail  any `json:"detail"` // MLflow's FastAPI routes send this in place of a message
	}
	if json.Unmarshal(a.body, &body) == nil {
		code, _ := body.Code.(string)
		message, _ := body.Message.(string)
		detail, _ := body.Detail.(string)
		e.Code, e.Message = Clean(code), Clean(cmp.Or(message, detail))
	}
	e.Off = endpointOff(e)
	if e.Message == "" && e.Title == "" && e.Code == "" {
		e.Message = firstLine(e.Body, a.status)
	}
	e.retryAfter = retryAfter(a.header)
	return e
}

func redirected(a *answer) *Error {
	e := describe(a, Redirect)
	e.Title, e.Message = "", "redirect without a target"
	if to, err := a.req.URL.Parse(a.header.Get("Location")); err == nil && a.header.Get("Location") != "" {
		e.Location = Clean((&url.URL{Scheme: to.Scheme, Host: to.Host}).String())
		e.Message = fmt.Sprintf("redirect to %s, not followed", e.Location)
	}
	return e
}

func describe(a *answer, k Kind) *Error {
	e := newError(a.req, k)
	e.Status, e.ContentType, e.Body = a.status,
		cleanType(a.header), Clean(string(a.body[:min(len(a.body), excerptLimit)]))
	if isPage(a) {
		e.Title = title(a.body)
	}
	return e
}

func cleanType(h http.Header) string {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return Clean(kind)
}

// isPage checks the first byte rather than the Content-Type, because MLflow's basic-auth app sends plain sentences as
// text/html.
func isPage(a *answer) bool {
	return strings.HasPrefix(strings.TrimSpace(string(a.body[:min(len(a.body), 512)])), "<")
}

var titleElement = regexp.MustCompile(`(?is)<title[^>]*>(.{0,500}?)</title>`)

func title(page []byte) string {
	m := titleElement.FindSubmatch(page[:min(len(page), excerptLimit)])
	if m == nil {
		return ""
	}
	return Clean(html.UnescapeString(string(m[1])))
}

// firstLine returns the message for a response that is neither JSON nor a page: the start of its body, or the
// standard text for its status.
func firstLine(body string, status int) string {
	if body == "" || strings.HasPrefix(body, "<") || strings.HasPrefix(body, "{") {
		return strings.ToLower(http.StatusText(status))
	}
	return format.Shorten(body, 200)
}

// Clean turns text from a server into a single line of limited length. It replaces each sequence of white space and
// control characters with one space, and removes invisible and bidirectional characters.
func Clean(s string) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r), r == '\u2028', r == '\u2029':
			space = b.Len() > 0
			continue
		case unicode.Is(unicode.Cf, r):
			continue
		}
		if b.Len()+utf8.RuneLen(r)+1 > textLimit-len("…") {
			b.WriteString("…")
			break
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}
