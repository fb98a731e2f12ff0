package large

import (
	"bufio"
	"fmt"
	"net/http"
	"regexp"
	"strconv"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/search"
	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// New returns a registry with many models and versions, which are computed on request and never stored. It supports
// only the requests that an audit of versions sends, ordered by name and number: the list of models, and searches for
// versions up to or above a number. Each version has 4 tags, and each model has one alias. The pages are the same as
// those of a Server with the same content.
func New(models, versions int) http.Handler {
	l := large{models, versions}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+wire.API+"registered-models/search", l.searchModels)
	mux.HandleFunc("GET "+wire.API+"model-versions/search", l.searchVersions)
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "3.17.2") })
	return mux
}

type large struct{ models, versions int }

const largeTime = 1700000000000

func (l large) name(i int) string { return fmt.Sprintf("model-%06d", i) }

// writePage writes the requested page of a list with the given number of rows.
func writePage(w http.ResponseWriter, r *http.Request, key string, rows int, write func(*bufio.Writer, int)) {
	w.Header().Set("Content-Type", "application/json")
	most, err := strconv.Atoi(r.FormValue("max_results"))
	offset, bad := search.ParseToken(r.FormValue("page_token"))
	if err != nil || bad != nil || most < 1 {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error_code": "INVALID_PARAMETER_VALUE", "message": "no page"}`)
		return
	}
	end := min(int(offset)+most, rows)
	out := bufio.NewWriter(w)
	defer out.Flush()
	fmt.Fprint(out, "{")
	for i := int(offset); i < end; i++ {
		if i == int(offset) {
			fmt.Fprintf(out, "\n  %q: [", key)
		} else {
			fmt.Fprint(out, ",")
		}
		write(out, i)
	}
	if int(offset) < end {
		fmt.Fprint(out, "\n  ]")
	}
	if end < rows {
		fmt.Fprintf(out, ",\n  \"next_page_token\": %q", search.Token(int64(end)))
	}
	fmt.Fprint(out, "\n}")
}

func (l large) searchModels(w http.ResponseWriter, r *http.Request) {
	writePage(w, r, "registered_models", l.models, func(out *bufio.Writer, i int) {
		fmt.Fprintf(
			out,
			"\n    {\n      \"name\": %q,\n      \"creation_timestamp\": %d,\n      \"last_updated_timestamp\": "+
				"%[2]d,\n      \"latest_versions\": [",
			l.name(i),
			largeTime,
		)
		l.version(out, i, l.versions)
		fmt.Fprintf(
			out,
			"\n      ],\n      \"aliases\": [\n        {\n          \"alias\": \"champion\",\n          \"version\": "+
				"\"%d\"\n        }\n      ]\n    }",
			1+i%l.versions,
		)
	})
}

var halves = regexp.MustCompile(`^version_number (<=|>) ([0-9]+)$`)

func (l large) searchVersions(w http.ResponseWriter, r *http.Request) {
	lowest, highest := 1, l.versions
	if half := halves.FindStringSubmatch(r.FormValue("filter")); half != nil {
		if n, _ := strconv.Atoi(half[2]); half[1] == ">" {
			lowest = n + 1
		} else {
			highest = min(n, l.versions)
		}
	}
	each := max(highest-lowest+1, 0)
	writePage(
		w,
		r,
		"model_versions",
		l.models*each,
		func(out *bufio.Writer, i int) { l.version(out, i/each, lowest+i%each) },
	)
}

func (l large) version(out *bufio.Writer, model, number int) {
	fmt.Fprintf(out, `
    {
      "name": %q,
      "version": "%d",
      "creation_timestamp": %d,
      "last_updated_timestamp": %[3]d,
      "current_stage": "None",
      "description": "Trained on the data of day %[2]d",
      "source": "s3://bucket/%032[4]x/artifacts/model",
      "run_id": "",
      "status": "READY",
      "tags": [`, l.name(model), number, largeTime, model*l.versions+number)
	for i, key := range []string{"data_owner", "reviewed", "team", "ticket"} {
		if i > 0 {
			out.WriteString(",")
		}
		fmt.Fprintf(
			out,
			"\n        {\n          \"key\": %q,\n          \"value\": \"%[1]s of version %d\"\n        }",
			key,
			number,
		)
	}
	out.WriteString("\n      ],\n      \"run_link\": \"\"\n    }")
}
