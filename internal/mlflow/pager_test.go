package mlflow

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/pagetest"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
	"github.com/mlflow-promote/mlflow-promote/internal/rest"
)

// listings contains a function for each list that the server sends in several pages.
var listings = map[string]func(context.Context, *Client) error{
	"versions of a model": func(ctx context.Context, c *Client) error {
		_, err := c.Versions.Search(ctx, "churn", Match{})
		return err
	},
	"names of models": func(ctx context.Context, c *Client) error { _, err := c.Models.Names(ctx); return err },
	"runs": func(ctx context.Context, c *Client) error {
		for _, err := range c.Runs.Search(ctx, "search runs", map[string]any{}) {
			if err != nil {
				return err
			}
		}
		return nil
	},
	"a history": func(ctx context.Context, c *Client) error {
		known := c.Runs.History(ctx, "r", "acc")
		if _, ok := known.Get(); ok || known.IsAbsent() {
			return nil
		}
		return fmt.Errorf("%s", known.Why())
	},
}

func TestLists_NeverShorter(t *testing.T) {
	for list, read := range listings {
		t.Run(list, func(t *testing.T) {
			pagetest.NeverShorter(t, MostPages, func(transport http.RoundTripper) error {
				return read(t.Context(), over(t, transport))
			})
		})
	}
}

func TestPager_Bounds(t *testing.T) {
	cases := map[string]struct {
		bytes int64 // the size of each page
		pages int
		says  string
	}{
		"as many pages as are allowed": {1, MostPages, ""},
		"one page too many":            {1, MostPages + 1, "more than 1000 pages"},
		"too many bytes":               {mostBytes / 8, 10, "larger than 512 MiB"},
		"a last page beyond the bytes": {mostBytes + 1, 1, ""},
	}
	for sentence, c := range cases {
		t.Run(sentence, func(t *testing.T) {
			var err error
			came := 0
			ask := func(string) (int, error) { came++; return came, nil }
			next := func(page int) (string, int64, error) {
				if page == c.pages {
					return "", c.bytes, nil
				}
				return fmt.Sprint(page), c.bytes, nil
			}
			for _, err = range Pages(Bounds{}, ask, next) {
			}
			if c.says == "" && (err != nil || came != c.pages) ||
				c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("after %d pages: %v, want %q", came, err, c.says)
			}
		})
	}
}

// The limit applies to the decoded size of the pages. A history may have fewer pages than other lists.
func TestHistory_TooLong(t *testing.T) {
	n := 0
	c := over(t, pagetest.Answers(func(*http.Request) string {
		n++
		return fmt.Sprintf(
			`{"metrics": [{"key": "acc", "value": 0.9, "step": "%d", "timestamp": "1"}], "next_page_token": "%d"}`,
			n,
			n,
		)
	}))
	known := c.Runs.History(t.Context(), "r", "acc")
	if _, ok := known.Get(); ok || known.Why() != "the list has more than 40 pages (40 points read)" {
		t.Errorf("%+v", known)
	}
}

func TestExplain_Incomplete(t *testing.T) {
	err := Explain("search versions of churn", &Incomplete{"the list has more than 1000 pages", HintShorter})
	if registry.ReasonOf(err) != registry.NotMLflow ||
		err.Error() != "search versions of churn: the list has more than 1000 pages" {
		t.Errorf("%v", err)
	}
}

func TestPager_CountsBytes(t *testing.T) {
	var read int64
	answer := `{"model_versions": []}`
	c := over(t, pagetest.Answers(func(*http.Request) string { return answer }))
	for range 2 {
		if err := c.Registry.JSON(t.Context(), rest.Request{Path: "x", Read: &read}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if read != int64(2*len(answer)) {
		t.Errorf("%d bytes, want %d", read, 2*len(answer))
	}
}

// over returns a client that sends its requests through the given transport.
func over(t *testing.T, transport http.RoundTripper) *Client {
	t.Helper()
	wire, err := rest.New(rest.Config{Base: "http://localhost", Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return New(wire, wire, About{Address: "http://localhost"}, func() float64 { return 0 })
}
