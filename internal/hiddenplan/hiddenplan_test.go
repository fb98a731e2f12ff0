package hiddenplan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/plan"
)

func TestDecode(t *testing.T) {
	show := func(text string) string { return text }
	p := plan.Plan{
		Command: "promote", Model: "churn", Server: "https://mlflow.example",
		Steps: []plan.Step{{Do: plan.SetAlias, Model: "churn", Name: "champion"}},
	}
	digest, err := p.Digest()
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Repeat("0", len(digest))
	long := p
	for i := range 5000 {
		long.Notes = append(long.Notes, strings.Repeat(string(rune('!'+i%90)), i%61)+digest[i%60:])
	}
	longDigest, err := long.Digest()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := p
	elsewhere.Server = "https://other.example"
	elsewhereDigest, err := elsewhere.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		comment, digest string
		plan            *plan.Plan
	}{
		"the plan comes back":          {Encode(&p, digest, show) + "### Would promote", digest, &p},
		"nothing was planned":          {Encode(nil, "", show) + "### Refused", "", nil},
		"a plan with a secret":         {Encode(&p, digest, func(string) string { return "***" }), digest, nil},
		"a plan that is too long":      {Encode(&long, longDigest, show), longDigest, nil},
		"another digest than the plan": {strings.Replace(Encode(&p, digest, show), digest, other, 1), other, nil},
		"for another server":           {Encode(&elsewhere, elsewhereDigest, show), elsewhereDigest, nil},
		"text before the line":         {"> " + Encode(&p, digest, show), "", nil},
		"a packed plan that is broken": {"<!-- plan " + digest + " AAAA -->\n", digest, nil},
	} {
		gotDigest, got := Decode(c.comment, p.Server)
		if gotDigest != c.digest {
			t.Errorf("%s: digest %q, want %q", name, gotDigest, c.digest)
		}
		if diff := cmp.Diff(c.plan, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}
