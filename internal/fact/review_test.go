package fact

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlflow-promote/mlflow-promote/internal/registry"
)

func TestFacts_Approvers(t *testing.T) {
	made := registry.Is([]Contributor{{Login: "Ann", Role: RoleAuthor}, {Email: "kim@x.example", Role: RolePullAuthor}})
	said := []Approval{
		{Login: "ann", Environment: "live", State: Approved}, {Login: "Eve", Environment: "Live", State: Approved},
		{Login: "joe", Environment: "test", State: Approved}, {Login: "kim", Environment: "live", State: Approved},
		{Login: "zoe", Environment: "live", State: Rejected}, {Environment: "live", State: Approved},
	}
	reviews := []Approval{
		{Login: "fay", State: Approved}, {Login: "eve", State: Approved}, {Login: "lou", State: Stale},
	}
	for sentence, c := range map[string]struct {
		review Review
		want   string
	}{
		"nothing was gathered": {Review{}, ""},
		"a gate names the environment": {
			Review{
				Contributors: made, Environments: registry.Is(said), PullRequest: registry.Is(reviews),
				Named: []string{"live"},
			}, "eve, fay",
		},
		"a gate names none": {
			Review{Contributors: made, Environments: registry.Is(said), PullRequest: registry.Is(reviews)}, "eve, fay",
		},
		"no gate asks": {
			Review{Environments: registry.Is(said), Named: []string{"live", "test"}}, "ann, eve, joe, kim",
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			f := Facts{Review: registry.Is(c.review), Identities: map[string]string{"Kim@x.example": "kim"}}
			if diff := cmp.Diff(c.want, strings.Join(f.Approvers(), ", ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReview_ApproversUnknown(t *testing.T) {
	gone := registry.Unreadable[[]Approval]("github responded with 500")
	for sentence, c := range map[string]struct {
		review Review
		code   ApproversGap
		why    string
	}{
		"nothing was gathered": {Review{}, "", ""},
		"it was read":          {Review{Environments: registry.Is([]Approval{})}, "", ""},
		"the token may not ask": {
			Review{Environments: gone, Missing: []string{"actions: read"}},
			"missing-permission", "the job lacks the permission actions: read",
		},
		"github does not answer": {Review{Environments: gone}, "unreadable", "github responded with 500"},
		"a gate asked, and says more": {
			Review{Environments: gone, Contributors: registry.Is([]Contributor{})}, "", "",
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			if code, why := c.review.ApproversUnknown(); code != c.code || why != c.why {
				t.Errorf("got %q, %q, want %q, %q", code, why, c.code, c.why)
			}
		})
	}
}

// Codes are shown as sentences, and sentences from older records are shown unchanged.
func TestApproversGap_Sentences(t *testing.T) {
	for _, code := range []ApproversGap{ApproversDenied, ApproversUnread} {
		if text := code.Words(); !strings.Contains(text, " ") {
			t.Errorf("%s has no sentence", code)
		}
	}
	const old = ApproversGap("the job lacks the permission actions: read")
	if got := old.Words(); got != string(old) {
		t.Errorf("got %q, want %q", got, old)
	}
}
