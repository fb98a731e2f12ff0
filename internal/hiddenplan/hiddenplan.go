// Package hiddenplan hides a plan in the first line of a pull request comment, so that the run after the merge can
// apply exactly that plan.
//
// It is pure. It must not trust what it decodes: it computes the plan's digest instead of taking it from the comment.
package hiddenplan

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"regexp"
	"strings"

	"github.com/mlflow-promote/mlflow-promote/internal/canonical"
	"github.com/mlflow-promote/mlflow-promote/internal/plan"
)

// maxPacked is the maximum length of a packed plan in a comment, in characters.
const maxPacked = 16 << 10

// maxUnpacked limits how many bytes a packed plan may unpack to.
const maxUnpacked = 1 << 20

// Encode returns the comment's first line, which contains the plan's digest and, unless it is too long, the plan
// itself. The plan's server address is left out, because it may be a secret. hide masks secrets; a plan that contains
// one is left out. Without a plan or digest, Encode returns "". No text from other sources may precede the line.
func Encode(p *plan.Plan, digest string, hide func(string) string) string {
	if digest == "" || p == nil {
		return ""
	}
	kept := *p
	kept.Server = ""
	text, err := canonical.JSON(kept)
	packed := ""
	if err == nil && hide(string(text)) == string(text) { // never pack a plan that contains a secret
		packed = pack(text)
	}
	if len(packed) > maxPacked {
		packed = ""
	}
	return strings.TrimSpace("<!-- plan "+digest+" "+packed) + " -->\n"
}

var line = regexp.MustCompile(`^<!-- plan ([0-9a-f]{64})(?: ([A-Za-z0-9+/=]+))? -->\r?\n`)

// Decode returns the digest in a comment's first line. It also returns the plan, if the line contains one and the plan
// has that digest for this server. If Encode did not write the line, the digest is "".
func Decode(comment, server string) (digest string, p *plan.Plan) {
	m := line.FindStringSubmatch(comment)
	if m == nil {
		return "", nil
	}
	var kept plan.Plan
	if text, err := unpack(m[2]); err != nil || json.Unmarshal(text, &kept) != nil {
		return m[1], nil
	}
	kept.Server = server
	if computed, err := kept.Digest(); err != nil || computed != m[1] {
		return m[1], nil
	}
	return m[1], &kept
}

func pack(text []byte) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(text) // writing to a buffer cannot fail
	_ = z.Close()
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func unpack(text string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(z, maxUnpacked))
}
