package spelling

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNearest(t *testing.T) {
	names := []string{"churn", "Churn-EU", "fraud", "churn_2"}
	if diff := cmp.Diff([]string{"churn", "churn_2"}, Nearest("chrn", names)); diff != "" {
		t.Error(diff)
	}
}
