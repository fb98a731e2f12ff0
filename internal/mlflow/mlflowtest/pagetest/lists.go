package pagetest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Answers responds to each request with the JSON that the function returns.
type Answers func(*http.Request) string

// RoundTrip implements http.RoundTripper.
func (a Answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(a(r))), Request: r,
	}, nil
}

// NeverShorter tests a function that reads a list page by page, with servers whose lists never end. The function must
// fail after about the given number of pages, and must not return part of the list as if it were the whole list.
func NeverShorter(t *testing.T, most int, read func(http.RoundTripper) error) {
	for server, s := range map[string]struct {
		token func(asked int) string
		says  string
	}{
		"always the same token": {func(int) string { return "x" }, "refers to an earlier page as the next one"},
		"two tokens in turn": {func(n int) string { return fmt.Sprint(n % 2) }, "refers to an earlier page as the " +
			"next one"},
		"always a new token": {func(n int) string { return fmt.Sprint(n) }, ""},
	} {
		t.Run(server, func(t *testing.T) {
			asked := 0
			err := read(Answers(func(*http.Request) string {
				asked++
				return fmt.Sprintf(`{"next_page_token": "%s"}`, s.token(asked))
			}))
			if err == nil || !strings.Contains(err.Error(), s.says) || asked > most+10 {
				t.Errorf("after %d pages: %v", asked, err)
			}
		})
	}
}
