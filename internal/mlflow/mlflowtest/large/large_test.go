package large

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/seed"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// The simulated registry responds like a server with the same content.
func TestLarge_SameAsServer(t *testing.T) {
	const models, versions = 5, 7
	kept := mlflowtest.New("3.17.2", mlflowtest.Clock(func() time.Time { return time.UnixMilli(largeTime) }))
	for i := range models {
		name := fmt.Sprintf("model-%06d", i)
		m := seed.Model{
			Name:    name,
			Aliases: map[string]int64{"champion": int64(1 + i%versions)},
			Created: largeTime,
			Updated: largeTime,
		}
		for n := 1; n <= versions; n++ {
			tags := map[string]string{}
			for _, key := range []string{"data_owner", "reviewed", "team", "ticket"} {
				tags[key] = fmt.Sprintf("%s of version %d", key, n)
			}
			m.Versions = append(m.Versions, seed.Version{
				Source:      fmt.Sprintf("s3://bucket/%032x/artifacts/model", i*versions+n),
				Description: fmt.Sprintf("Trained on the data of day %d", n),
				Tags:        tags, Created: largeTime, Updated: largeTime,
			})
		}
		kept.AddModel(m)
	}
	computed := New(models, versions)
	ask := func(h http.Handler, path string, query url.Values) map[string]any {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "http://localhost"+wire.API+path+"?"+query.Encode(), nil)
		h.ServeHTTP(w, r)
		out := map[string]any{}
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != 200 {
			t.Fatalf("%d %v %s", w.Code, err, w.Body)
		}
		return out
	}
	order := []string{"name ASC", "version_number ASC"}
	for path, queries := range map[string][]url.Values{
		"registered-models/search": {{"max_results": {"1000"}}, {"max_results": {"2"}}},
		"model-versions/search": {
			{"max_results": {"3"}}, {"max_results": {"1000"}},
			{"max_results": {"4"}, "filter": {"version_number <= 3"}},
			{"max_results": {"4"}, "filter": {"version_number > 3"}},
			{"max_results": {"4"}, "filter": {"version_number > 99"}},
			{"max_results": {"35"}, "filter": {"version_number <= 99"}},
		},
	} {
		for _, query := range queries {
			query["order_by"] = order[:1]
			if path == "model-versions/search" {
				query["order_by"] = order
			}
			for pages := 1; ; pages++ {
				want, got := ask(kept, path, query), ask(computed, path, query)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%s %v\n%s", path, query, diff)
				}
				token, more := got["next_page_token"].(string)
				if !more {
					break
				}
				query.Set("page_token", token)
			}
		}
	}
}
