package registry

import (
	"encoding/json"
	"errors"
	"slices"
)

// TagOrigin contains the servers that a version's files were copied from, as a JSON list of [Hop], oldest first. It is
// for people: anyone who may edit the version can change it. The ledger's entry is what counts.
const TagOrigin = "promote.origin"

// Hop is a model on a server from which it was copied.
type Hop struct {
	Server string `json:"server"`                 // address without credentials
	Ref    string `json:"ref"`                    // models:/NAME/VERSION, models:/m-… or runs:/ID/PATH
	RunID  string `json:"run_id,omitempty"`       // "" for a model without a run
	Digest string `json:"files_sha256,omitempty"` // see FilesDigest; "" until the files have been copied
	At     string `json:"at,omitempty"`           // when they were copied; RFC 3339, UTC
	// Claimed is true if only a tag on the next server says so, which anyone may have changed there.
	Claimed bool `json:"claimed,omitempty"`
}

// MaxHops limits how many copies of copies are kept. The tag with the list must fit into one value.
const MaxHops = 10

// HopsTag returns the value of TagOrigin.
func HopsTag(hops []Hop) string {
	text, _ := json.Marshal(hops) // cannot fail: all fields are strings
	return string(text)
}

// ParseHops reads the value of TagOrigin.
func ParseHops(text string) ([]Hop, error) {
	if text == "" {
		return nil, nil
	}
	var hops []Hop
	if err := json.Unmarshal([]byte(text), &hops); err != nil {
		return nil, err
	}
	incomplete := func(h Hop) bool { return h.Server == "" || h.Ref == "" }
	if len(hops) > MaxHops || slices.ContainsFunc(hops, incomplete) {
		return nil, errors.New("it is not a list of servers and models")
	}
	return hops, nil
}

// Copied is the result of copying a model from another server.
type Copied struct {
	Source Source // for the registration of the copy
	Digest string // see FilesDigest
}
