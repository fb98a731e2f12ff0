package inputs

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

var metadataInputs = []Input{
	{
		Name:  "description",
		Group: "metadata",
		For:   creating,
		Help:  "Description of the model version.",
	},
	{
		Name:  "tags",
		Group: "metadata",
		For:   creating,
		Kind:  Map,
		Help:  "Tags for the model version, one `key=value` per line.",
	},
	{
		Name:  "model-description",
		Group: "metadata",
		For:   creating,
		Help:  "Description for the registered model, if it is created.",
	},
	{
		Name:  "model-tags",
		Group: "metadata",
		For:   creating,
		Kind:  Map,
		Help:  "Tags for the registered model, if it is created, one `key=value` per line.",
	},
	{
		Name:  "traffic",
		Group: "metadata",
		For:   writing,
		Help: "Percentage of requests that a router sends to each alias, such as `champion=90, " +
			"challenger=10`. It is stored as one tag on the registered model.",
	},
}

// readMetadata adds the descriptions and tags for a new version and its registered model to the intent.
func readMetadata(r *reader, in plan.Intent) plan.Intent {
	in.Description = r.portable("description", registry.MaxDescription)
	in.Tags = r.tags("tags")
	in.ModelDescription = r.portable("model-description", registry.MaxDescription)
	in.ModelTags = r.tags("model-tags")
	return in
}

// readTraffic returns the percentage for each alias, or nil if the input is empty.
func readTraffic(r *reader) map[string]int {
	if r.value("traffic") == "" {
		return nil
	}
	share, sum := map[string]int{}, 0
	items := strings.FieldsFunc(r.value("traffic"), func(c rune) bool { return c == ',' || c == '\n' })
	for _, p := range r.pairs("traffic", "a list such as champion=90, challenger=10", items) {
		n, err := strconv.Atoi(strings.TrimSuffix(p.value, "%"))
		if err != nil || n < 0 || n > 100 {
			r.problem("traffic", p.key+"="+p.value, "is not a percentage; write a whole number from 0 to 100")
			n = 0
		}
		share[p.key] = n
		sum += n
	}
	if sum != 100 {
		r.problem("traffic", r.value("traffic"), fmt.Sprintf("adds up to %d percent; make it add up to 100", sum))
	}
	return share
}
