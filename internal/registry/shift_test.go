package registry

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The text of a move or state stays the same when it is parsed and written again.
func TestShift_JSON(t *testing.T) {
	for text, want := range map[string]Shift{
		`{"ref":"@champion","was":"6","now":"7"}`: {Ref: AliasRef("champion"), Was: PointsTo(6), Want: PointsTo(7)},
		`{"ref":"Production","now":"3,7"}`:        {Ref: StageRef("Production"), Want: PointsTo(3, 7)},
		`{"ref":"tag promote.traffic","was":"7"}`: {
			Ref: TagRef("promote.traffic"), Was: Text("7"),
		},
		`{"ref":"@champion","now":"7,3"}`: {Ref: AliasRef("champion"), Want: Text("7,3")},
	} {
		var got Shift
		err := json.Unmarshal([]byte(text), &got)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", text, err, diff)
		}
		if back, err := json.Marshal(got); err != nil || string(back) != text {
			t.Errorf("%s is written as %s (%v)", text, back, err)
		}
	}
	const text = `{"@champion":"7","Production":"3,7","tag promote.traffic":"7"}`
	var states States
	if err := json.Unmarshal([]byte(text), &states); err != nil {
		t.Fatal(err)
	}
	if back, err := json.Marshal(states); err != nil || string(back) != text {
		t.Errorf("%s is written as %s (%v)", text, back, err)
	}
}
