package search

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/mlflow-promote/mlflow-promote/internal/mlflow/mlflowtest/wire"
)

// Page returns one page of a result, and the token for the next page. As on a real server, an empty page also has a
// next one, so a caller that sets max_results to 0 never reaches the end.
func Page[T any](all []T, offset, most int64) ([]T, string) {
	rest := all[min(int64(len(all)), max(offset, 0)):]
	if most < 0 {
		return nil, Token(offset + most)
	}
	if int64(len(rest)) <= most {
		return rest, ""
	}
	return rest[:most], Token(offset + most)
}

// Token returns the token for a page. It is an offset rather than a snapshot, so rows that change between two requests
// can move to a different page.
func Token(offset int64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"offset": %d}`, offset))
}

// ParseToken returns a page's offset. An empty token means the first page.
func ParseToken(token string) (int64, error) {
	if token == "" {
		return 0, nil
	}
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return 0, wire.Invalid("Invalid page token, could not base64-decode")
	}
	var t struct {
		Offset *int64 `json:"offset"`
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return 0, wire.Invalid("Invalid page token, decoded value=b'%s'", raw)
	}
	if t.Offset == nil || *t.Offset == 0 {
		return 0, wire.Invalid("Invalid page token, parsed value=%s", raw)
	}
	return *t.Offset, nil
}
